/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key check of a store: under ".key-check/VERSION" stands a known text, sealed under that version of the key, so
 * that a key file that is not the one of this store is noticed at start, before anything is written. An entry says
 * that the version is in use: it comes with the first seal that may be under it, and goes when a rotation has
 * ended. */
#ifndef ICREISSUE_FILE_KEY_CHECK_H
#define ICREISSUE_FILE_KEY_CHECK_H

#include "file/seal.h"
#include "file/store.h"

enum { KEY_CHECK_KEY_SIZE = sizeof(".key-check/4294967295") };

/* Holds every entry against the keys, then adds the one of the current version where it is missing, and commits that.
 * `what` ("issuance file") is for messages. A key that is not the store's, and a version in use that is missing from
 * the keys, are STORE_FAILED with -ENOKEY: nothing was written then. Before the store thread works on this store. */
int key_check_open(Store *store, const SealKeys *keys, const char *what, Failure *failure);

/* Applies the removal of all entries but the current version's: once everything was sealed anew. Store thread. */
int key_check_retire(Store *store, const SealKeys *keys, Failure *failure);

/* The entry of the current version: its key, and its value, which the caller owns. For a whole new store. */
int key_check_entry(const SealKeys *keys, char ret_key[static KEY_CHECK_KEY_SIZE], char **ret_value,
                    Failure *failure);

#endif
