/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key pairs of what a card keeps: asymmetric.h. */
#include "asymmetric.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

/* The modulus, and the private exponent where it is wanted. */
static bool rsa_numbers(const Asymmetric *key, BIGNUM *n, BIGNUM *e, BIGNUM *d) {
        BIGNUM *p = BN_bin2bn(key->first, (int) key->length, NULL);
        BIGNUM *q = BN_bin2bn(key->second, (int) key->length, NULL), *phi = BN_new();
        BN_CTX *context = BN_CTX_new();
        bool done;

        done = context && p && q && phi && BN_bin2bn(key->exponent, (int) key->exponent_length, e) &&
               BN_mul(n, p, q, context) == 1 && BN_sub_word(p, 1) == 1 && BN_sub_word(q, 1) == 1 &&
               BN_mul(phi, p, q, context) == 1 && (!d || BN_mod_inverse(d, e, phi, context));
        BN_CTX_free(context);
        BN_free(p);
        BN_free(q);
        BN_free(phi);
        return done;
}

bool asymmetric_modulus(const Asymmetric *key, uint8_t ret[static 2 * ASYMMETRIC_PRIME_MAX]) {
        BIGNUM *n = BN_new(), *e = BN_new();
        int length = (int) (2 * key->length);
        bool done;

        done = n && e && rsa_numbers(key, n, e, NULL) && BN_bn2binpad(n, ret, length) == length;
        BN_free(n);
        BN_free(e);
        return done;
}

size_t asymmetric_field(int curve) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
        size_t bits = group ? (size_t) EC_GROUP_get_degree(group) : 0;

        EC_GROUP_free(group);
        return (bits + 7) / 8;
}

size_t asymmetric_point(const Asymmetric *key, uint8_t ret[static ASYMMETRIC_POINT_MAX]) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(key->curve);
        EC_POINT *point = group ? EC_POINT_new(group) : NULL;
        BIGNUM *secret = BN_bin2bn(key->first, (int) key->length, NULL);
        size_t length = 0;

        if (point && secret && EC_POINT_mul(group, point, secret, NULL, NULL, NULL) == 1)
                length = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, ret,
                                            ASYMMETRIC_POINT_MAX, NULL);
        BN_free(secret);
        EC_POINT_free(point);
        EC_GROUP_free(group);
        return length;
}

static EVP_PKEY *build(OSSL_PARAM_BLD *builder, const char *algorithm) {
        OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
        EVP_PKEY *key = NULL;

        if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
            EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
                key = NULL;
        EVP_PKEY_CTX_free(context);
        OSSL_PARAM_free(parameters);
        return key;
}

static EVP_PKEY *rsa_key(const Asymmetric *key) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        BIGNUM *n = BN_new(), *e = BN_new(), *d = BN_new();
        EVP_PKEY *made = NULL;

        if (builder && n && e && d && rsa_numbers(key, n, e, d) &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, d) == 1)
                made = build(builder, "RSA");
        BN_free(n);
        BN_free(e);
        BN_free(d);
        OSSL_PARAM_BLD_free(builder);
        return made;
}

static EVP_PKEY *curve_key(const Asymmetric *key) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        BIGNUM *secret = BN_bin2bn(key->first, (int) key->length, NULL);
        uint8_t point[ASYMMETRIC_POINT_MAX];
        size_t length = asymmetric_point(key, point);
        EVP_PKEY *made = NULL;

        if (builder && secret && length > 0 &&
            OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, OBJ_nid2sn(key->curve), 0) ==
                    1 &&
            OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, length) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1)
                made = build(builder, "EC");
        BN_free(secret);
        OSSL_PARAM_BLD_free(builder);
        return made;
}

EVP_PKEY *asymmetric_key(const Asymmetric *key) {
        return key->curve ? curve_key(key) : rsa_key(key);
}
