/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a card has told and a profile has given a name by `to: NAME`, for later steps to use as values. */
#ifndef ICREISSUE_CARD_READS_H
#define ICREISSUE_CARD_READS_H

#include "base/bytes.h"

typedef struct Read {
        char *name;
        Bytes data;
} Read;

typedef struct Reads {
        Read *items;
        size_t count;
} Reads;

/* Erases and releases. */
void reads_done(Reads *reads);

/* Keeps a copy of data under the name; an older one of that name is replaced. Returns 0 or -ENOMEM. */
int reads_keep(Reads *reads, const char *name, Span data);

/* Borrowed. -ENOENT where nothing of that name was kept. */
int reads_find(const Reads *reads, const char *name, Span *ret);

#endif
