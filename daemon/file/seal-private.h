/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys as seal.c uses them. Only for seal*.c. */
#ifndef ICREISSUE_FILE_SEAL_PRIVATE_H
#define ICREISSUE_FILE_SEAL_PRIVATE_H

#include "file/seal.h"
#include "file/xaes.h"

enum { SEAL_VERSION_MAX = 999999 };

/* Reads "VERSION:" at the beginning of a text: 1 to SEAL_VERSION_MAX without leading zeros. Returns what follows, or NULL
 * where it is none. */
const char *seal_read_version(const char *text, uint32_t *ret);

/* NULL where there is no such version. */
const XaesKey *seal_keys_find(const SealKeys *keys, uint32_t version);

#endif
