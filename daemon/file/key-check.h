/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key check of a store: the key ".key-check" has one line for each version of the sealing key that is in use, a known
 * text sealed under it. So a key file that is not the one of this store is noticed at start, before anything is
 * written. A line comes before the first seal under its version, and goes when a rotation has ended. */
#ifndef ICREISSUE_FILE_KEY_CHECK_H
#define ICREISSUE_FILE_KEY_CHECK_H

#include "file/seal.h"
#include "file/store.h"

#define KEY_CHECK_KEY ".key-check"

/* Holds every line against the keys, then adds the one of the current version where it is missing, and commits that.
 * `what` ("issuance file") is for messages. Keys that are not the store's, and a version in use that is missing from
 * them, are STORE_FAILED with -ENOKEY: nothing was written then. Before the store thread works on this store. */
int key_check_open(Store *store, const SealKeys *keys, const char *what, Failure *failure);

/* The two halves of it for other keys while the store is in use; the store thread's. The first one only looks; the second
 * one applies a line, which must be durable before the keys seal. */
int key_check_hold(Store *store, const SealKeys *keys, const char *what, Failure *failure);
int key_check_add(Store *store, const SealKeys *keys, const char *what, Failure *failure);

/* Applies the removal of all lines but the current version's: once everything was sealed anew. Store thread. */
int key_check_retire(Store *store, const SealKeys *keys, Failure *failure);

#endif
