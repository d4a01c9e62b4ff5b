/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sorts more than memory holds: items gather in memory, go sorted into nameless temporary files, and come back
 * merged. The items are ordered by rank, then bytewise by key; those that are equal come back in the order in which
 * they were added. What was in memory is erased; what goes into the files is as it was given: seal secrets first.
 * Not thread-safe; one sorter may be handed from thread to thread. */
#ifndef ICREISSUE_FILE_SORTER_H
#define ICREISSUE_FILE_SORTER_H

#include "base/bytes.h"
#include "base/failure.h"

enum {
        SORTER_MEMORY = 16 * 1024 * 1024, /* what `memory` usually is */
        SORTER_KEY_MAX = 65535,           /* bytes of a key */
        SORTER_PAYLOAD_MAX = 1024 * 1024, /* bytes of a payload */
};

typedef struct SorterItem {
        uint64_t rank;
        Span key;
        Span payload;
} SorterItem;

typedef struct Sorter Sorter;

/* directory: where the temporary files are; copied. About `memory` bytes of items are kept in memory. */
int sorter_new(const char *directory, size_t memory, Sorter **ret, Failure *failure);
Sorter *sorter_free(Sorter *sorter);
DEFINE_CLEANUP(Sorter *, sorter_free)

/* Copies the item. STORE_FAILED where a temporary file cannot be written, INVALID_ARGS where it is too large. */
int sorter_add(Sorter *sorter, const SorterItem *item, Failure *failure);

/* The number of items added. */
uint64_t sorter_count(const Sorter *sorter);

/* The next item, in order; the first call ends the adding. Returns 1; 0 after the last; a negative errno with
 * STORE_FAILED or NO_MEMORY. What ret has is valid until the next call. */
int sorter_next(Sorter *sorter, SorterItem *ret, Failure *failure);

#endif
