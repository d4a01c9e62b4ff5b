/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XAES-256-GCM (C2SP, xaes-256-gcm.md): AES-256-GCM under a key of its own for each message, derived from the first half
 * of a 192-bit nonce (NIST SP 800-108, counter mode, CMAC). A nonce so long can be chosen at random for every message
 * there will ever be; one that is counted would repeat after a backup was restored. */
#ifndef ICREISSUE_FILE_XAES_H
#define ICREISSUE_FILE_XAES_H

#include "base/bytes.h"

enum {
        XAES_KEY_SIZE = 32,
        XAES_NONCE_SIZE = 24,
        XAES_TAG_SIZE = 16,
};

typedef struct XaesKey XaesKey; /* immutable: on any thread */

/* The key is copied. Returns 0; -ENOMEM; -EOPNOTSUPP where libcrypto has no such algorithm. */
int xaes_key_new(const uint8_t key[static XAES_KEY_SIZE], XaesKey **ret);
XaesKey *xaes_key_free(XaesKey *key);
DEFINE_CLEANUP(XaesKey *, xaes_key_free)

/* Appends ciphertext and tag. bound is authenticated only. Spans are at most 1 GiB. Return 0 or -ENOMEM; and -EBADMSG,
 * with ret unchanged, for what was not encrypted so. */
int xaes_encrypt(const XaesKey *key, const uint8_t nonce[static XAES_NONCE_SIZE], Span plain, Span bound,
                 Bytes *ret);
int xaes_decrypt(const XaesKey *key, const uint8_t nonce[static XAES_NONCE_SIZE], Span sealed, Span bound,
                 Bytes *ret);

#endif
