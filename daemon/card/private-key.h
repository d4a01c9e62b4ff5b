/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A private key as records have it, taken apart into the numbers that cards want. */
#ifndef ICREISSUE_CARD_PRIVATE_KEY_H
#define ICREISSUE_CARD_PRIVATE_KEY_H

#include "base/bytes.h"

/* All numbers big-endian. The primes, and what is made of them, are as long as half the modulus, the secret of a curve
 * as long as its field; the others begin with no zero byte. */
typedef struct PrivateKey {
        bool is_rsa;
        Bytes modulus, exponent, first_prime, second_prime,
                inverse;                       /* RSA; inverse: of the second modulo the first */
        Bytes first_exponent, second_exponent; /* modulo each prime less one */
        Bytes curve, secret,
                point; /* elliptic curves: the object identifier's content, and the public point, uncompressed */
} PrivateKey;

/* Takes apart PKCS #8 (RFC 5208), RSAPrivateKey (RFC 8017, A.1.2) or ECPrivateKey (RFC 5915), in DER. ret is empty
 * before and is released by private_key_done(), also after a failure. Returns 0; -EINVAL for what is no such key, has
 * bytes after it, or contradicts itself; -ENOMEM. */
int private_key_parse(Span der, PrivateKey *ret);
void private_key_done(PrivateKey *key);
#define _cleanup_private_key_ _cleanup_(private_key_done)

/* A challenge that the key can answer as it is: for RSA a number below the modulus and as long, for a curve as long as
 * its field, both random. Appends to ret. -EIO where there are no random numbers. */
int private_key_challenge(const PrivateKey *key, Bytes *ret);

/* Whether the answer is what that key, and no other, makes of the challenge: for RSA the challenge to the private
 * exponent, for a curve an ECDSA signature in DER. */
bool private_key_has_signed(Span der, Span challenge, Span answer);

/* Whether an X.509 certificate, in DER, is for that key. -EINVAL for what is no certificate or no key. */
int private_key_fits_certificate(Span der, Span certificate);

#endif
