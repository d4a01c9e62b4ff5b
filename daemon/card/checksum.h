/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Check digits, checksums, key check values and hashes that profiles put beside their data. */
#ifndef ICREISSUE_CARD_CHECKSUM_H
#define ICREISSUE_CARD_CHECKSUM_H

#include "base/bytes.h"

typedef enum Checksum {
        CHECKSUM_LUHN,  /* of decimal digits in ASCII: one digit, in ASCII (ISO/IEC 7812-1:2017, annex B) */
        CHECKSUM_CRC16, /* ISO/IEC 13239, as in ISO/IEC 14443-3:2018, annex B: two bytes, the low one first */
        CHECKSUM_XOR,   /* one byte */
        CHECKSUM_KCV_3DES, /* of a key: three bytes (GlobalPlatform Card Specification 2.3.1, B.6) */
        CHECKSUM_KCV_AES,
        _CHECKSUM_MAX,
} Checksum;

typedef enum Hash {
        HASH_SHA_1,
        HASH_SHA_224,
        HASH_SHA_256,
        HASH_SHA_384,
        HASH_SHA_512,
        _HASH_MAX,
} Hash;

/* The names in profiles, in the enumerations' order, NULL-terminated. */
extern const char *const checksum_names[];
extern const char *const hash_names[];

/* Append to ret. Return 0; -EINVAL for bytes that it cannot be made of (no digits, no key of that cipher); -ENOMEM. */
int checksum_append(Checksum checksum, Span bytes, Bytes *ret);
int hash_append(Hash hash, Span bytes, Bytes *ret);

/* The digit that makes `digits` and it valid, '0' to '9'; -EINVAL where there is anything but digits. */
int luhn_digit(Span digits);
/* Whether the last digit is the check digit of the others. */
bool luhn_is_right(const char *digits);

/* A cipher of libcrypto ("AES-128-CBC") without padding and with an IV of zeros, over whole blocks; writes as many
 * bytes as it reads. -EINVAL for a key or data of the wrong length, -ENOMEM. */
int cipher_encrypt(const char *name, Span key, Span bytes, uint8_t *ret);

/* The block cipher of that kind for a key of that length: "AES-128-CBC" ... or "DES-EDE-ECB" ...; NULL for none. */
const char *cipher_name(bool aes, size_t key_size);

#endif
