/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealing: secrets under AES-256-GCM, bound to the place where they stand, under one of several versions of a
 * master key. A sealed text is "VERSION:BASE64". Thread-safe once the keys are loaded; immutable. */
#ifndef ICREISSUE_FILE_SEAL_H
#define ICREISSUE_FILE_SEAL_H

#include "base/bytes.h"
#include "base/failure.h"

typedef struct SealKeys SealKeys; /* reference-counted, atomically */

enum { SEAL_PLAIN_MAX = 1024 * 1024 };

/* Reads the key file: one line a key, "VERSION:HEX" (VERSION 1..999999, 64 hex digits), "#" comments; the highest
 * version seals, all unseal. From $CREDENTIALS_DIRECTORY/issuance-key (encrypted credential) or
 * $CREDENTIALS_DIRECTORY/issuance-key.plain where they are there, else from `path` (NULL: none), which must be
 * readable by its owner alone. STORE_FAILED, with -ENOKEY, says which of these was looked for and what to do
 * (icreissue-make-key). A mistake is named by its line, which is not quoted. */
int seal_keys_load(const char *path, SealKeys **ret, Failure *failure);
SealKeys *seal_keys_ref(SealKeys *keys);
SealKeys *seal_keys_unref(SealKeys *keys);
DEFINE_CLEANUP(SealKeys *, seal_keys_unref)

/* The version that seals; whether a version is there. */
uint32_t seal_keys_current(const SealKeys *keys);
bool seal_keys_has(const SealKeys *keys, uint32_t version);

/* `bound` is authenticated and not stored: the same bytes must be given to unseal. The caller owns *ret. */
int seal(const SealKeys *keys, Span plain, Span bound, char **ret, Failure *failure);

/* Replaces what ret holds. STORE_FAILED: no key of that version, or the text was changed or moved. */
int unseal(const SealKeys *keys, const char *text, Span bound, Bytes *ret, Failure *failure);

/* The version a sealed text names; 0 where it is none. */
uint32_t seal_version(const char *text);

#endif
