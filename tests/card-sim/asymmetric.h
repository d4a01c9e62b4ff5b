/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private keys as cards keep them, the two primes of RSA or the secret of a curve, and what libcrypto makes of them. */
#ifndef CARD_SIM_ASYMMETRIC_H
#define CARD_SIM_ASYMMETRIC_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        ASYMMETRIC_PRIME_MAX = 256,
        ASYMMETRIC_POINT_MAX = 133,
};

typedef struct Asymmetric {
        int curve;                     /* libcrypto's number; 0: RSA */
        const uint8_t *first, *second; /* the primes; of a curve, the secret and nothing */
        size_t length;                 /* of each */
        const uint8_t *exponent;
        size_t exponent_length;
} Asymmetric;

/* The key pair, which the caller frees; NULL where there is no memory, or no key in it. */
EVP_PKEY *asymmetric_key(const Asymmetric *key);

/* RSA: the modulus, twice as long as a prime. */
bool asymmetric_modulus(const Asymmetric *key, uint8_t ret[static 2 * ASYMMETRIC_PRIME_MAX]);

/* A curve: the public point, uncompressed. Returns its length, or 0. */
size_t asymmetric_point(const Asymmetric *key, uint8_t ret[static ASYMMETRIC_POINT_MAX]);

/* Bytes of a number of that curve's field. */
size_t asymmetric_field(int curve);

#endif
