/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private keys by libcrypto, into numbers: private-key.h. */
#include "card/private-key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum {
        RSA_BITS_MAX = 4096,
        POINT_MAX = 1 + 2 * 66, /* of the greatest field, P-521 */
};

void private_key_done(PrivateKey *key) {
        Bytes *all[] = { &key->modulus, &key->exponent,       &key->first_prime,     &key->second_prime,
                         &key->inverse, &key->first_exponent, &key->second_exponent, &key->curve,
                         &key->secret,  &key->point };

        for (size_t i = 0; i < ELEMENTS(all); i++)
                bytes_done(all[i]);
}

/* A number of the key, in `width` bytes; 0: as many as it needs. */
static int take_number(const EVP_PKEY *key, const char *name, size_t width, Bytes *ret) {
        uint8_t buffer[RSA_BITS_MAX / 8];
        BIGNUM *number = NULL;
        int size, r = -EINVAL;

        if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
                return -EINVAL;

        size = width > 0 ? (int) width : BN_num_bytes(number);
        if ((size_t) size <= sizeof(buffer) && BN_bn2binpad(number, buffer, size) == size)
                r = bytes_append(ret, SPAN(buffer, size));

        explicit_bzero(buffer, sizeof(buffer));
        BN_clear_free(number);
        return r;
}

/* Whether the modulus is the primes' product: a key of which one number is wrong would be written, and then be of no
 * use to anybody. */
static int check_product(const PrivateKey *key) {
        BN_CTX *context = BN_CTX_new();
        BIGNUM *p = BN_bin2bn(key->first_prime.data, (int) key->first_prime.size, NULL);
        BIGNUM *q = BN_bin2bn(key->second_prime.data, (int) key->second_prime.size, NULL);
        BIGNUM *n = BN_bin2bn(key->modulus.data, (int) key->modulus.size, NULL), *product = BN_new();
        int r = -ENOMEM;

        if (context && p && q && n && product && BN_mul(product, p, q, context) == 1)
                r = BN_cmp(product, n) == 0 ? 0 : -EINVAL;

        BN_clear_free(p);
        BN_clear_free(q);
        BN_clear_free(product);
        BN_free(n);
        BN_CTX_free(context);
        return r;
}

static int take_rsa(const EVP_PKEY *key, PrivateKey *ret) {
        int bits = EVP_PKEY_get_bits(key);
        size_t half = (size_t) bits / 16;
        int r;

        if (bits <= 0 || bits > RSA_BITS_MAX || bits % 16 != 0)
                return -EINVAL;

        ret->is_rsa = true;
        r = take_number(key, OSSL_PKEY_PARAM_RSA_N, 0, &ret->modulus);
        if (r >= 0)
                r = take_number(key, OSSL_PKEY_PARAM_RSA_E, 0, &ret->exponent);
        if (r >= 0)
                r = take_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1, half, &ret->first_prime);
        if (r >= 0)
                r = take_number(key, OSSL_PKEY_PARAM_RSA_FACTOR2, half, &ret->second_prime);
        if (r >= 0)
                r = take_number(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, half, &ret->inverse);
        if (r >= 0)
                r = take_number(key, OSSL_PKEY_PARAM_RSA_EXPONENT1, half, &ret->first_exponent);
        if (r >= 0)
                r = take_number(key, OSSL_PKEY_PARAM_RSA_EXPONENT2, half, &ret->second_exponent);

        return r < 0 ? r : check_product(ret);
}

static int take_curve(const EVP_PKEY *key, PrivateKey *ret) {
        const ASN1_OBJECT *object;
        uint8_t point[POINT_MAX];
        char group[64];
        size_t size;
        int r;

        if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) != 1)
                return -EINVAL;

        object = OBJ_nid2obj(OBJ_txt2nid(group));
        if (!object || OBJ_length(object) == 0 ||
            EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) != 1 ||
            size == 0 || point[0] != 0x04)
                return -EINVAL;

        r = bytes_append(&ret->curve, SPAN(OBJ_get0_data(object), OBJ_length(object)));
        if (r >= 0)
                r = bytes_append(&ret->point, SPAN(point, size));

        return r < 0 ? r : take_number(key, OSSL_PKEY_PARAM_PRIV_KEY, size / 2, &ret->secret);
}

/* The caller frees it. NULL for what is no key, or has bytes after it. */
static EVP_PKEY *decode(Span der) {
        const unsigned char *position = der.data;
        EVP_PKEY *key;

        if (der.size == 0 || der.size > INT32_MAX)
                return NULL;

        key = d2i_AutoPrivateKey(NULL, &position, (long) der.size);
        if (key && position != der.data + der.size) {
                EVP_PKEY_free(key);
                return NULL;
        }

        return key;
}

int private_key_parse(Span der, PrivateKey *ret) {
        EVP_PKEY *key = decode(der);
        int r = -EINVAL;

        if (!key)
                return -EINVAL;

        if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
                r = take_rsa(key, ret);
        else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
                r = take_curve(key, ret);

        EVP_PKEY_free(key);
        return r;
}

int private_key_challenge(const PrivateKey *key, Bytes *ret) {
        size_t size = key->is_rsa ? key->modulus.size : key->secret.size;
        uint8_t buffer[RSA_BITS_MAX / 8];

        if (RAND_bytes(buffer, (int) size) != 1)
                return -EIO;

        if (key->is_rsa) /* below the modulus, whose first byte is not zero */
                buffer[0] = 0x00;

        return bytes_append(ret, SPAN(buffer, size));
}

bool private_key_has_signed(Span der, Span challenge, Span answer) {
        EVP_PKEY *key = decode(der);
        EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
        uint8_t opened[RSA_BITS_MAX / 8];
        size_t size = sizeof(opened);
        bool signed_by_it = false;

        if (context && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
                signed_by_it = EVP_PKEY_encrypt_init(context) == 1 &&
                               EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 &&
                               EVP_PKEY_encrypt(context, opened, &size, answer.data, answer.size) == 1 &&
                               span_equal(SPAN(opened, size), challenge);
        else if (context)
                signed_by_it = EVP_PKEY_verify_init(context) == 1 &&
                               EVP_PKEY_verify(context, answer.data, answer.size, challenge.data,
                                               challenge.size) == 1;

        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
        return signed_by_it;
}

int private_key_fits_certificate(Span der, Span certificate) {
        const unsigned char *position = certificate.data;
        X509 *parsed = d2i_X509(NULL, &position, (long) certificate.size);
        EVP_PKEY *key = decode(der);
        int r = -EINVAL;

        if (parsed && key && position == certificate.data + certificate.size)
                r = X509_check_private_key(parsed, key) == 1;

        EVP_PKEY_free(key);
        X509_free(parsed);
        return r;
}
