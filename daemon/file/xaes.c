/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XAES-256-GCM on libcrypto's CMAC and AES-256-GCM. The algorithms are fetched once for a key, and its CMAC is keyed
 * once: a fetch costs more than a small message. */
#include "file/xaes.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

enum {
        DERIVING_NONCE_SIZE =
                12, /* the part of the nonce that goes into the derived key; the rest is GCM's own */
        BLOCK_SIZE = 16,
        SIZE_LIMIT = 1 << 30,
};

struct XaesKey {
        EVP_CIPHER *gcm;
        EVP_MAC *cmac;
        EVP_MAC_CTX *keyed; /* copied for each message */
};

static inline void cipher_freep(EVP_CIPHER_CTX **context) {
        EVP_CIPHER_CTX_free(*context); /* erases */
}

static inline void mac_freep(EVP_MAC_CTX **context) {
        EVP_MAC_CTX_free(*context);
}

XaesKey *xaes_key_free(XaesKey *key) {
        if (!key)
                return NULL;

        EVP_MAC_CTX_free(key->keyed);
        EVP_MAC_free(key->cmac);
        EVP_CIPHER_free(key->gcm);
        free(key);
        return NULL;
}

int xaes_key_new(const uint8_t key[static XAES_KEY_SIZE], XaesKey **ret) {
        _cleanup_(xaes_key_freep) XaesKey *made = NULL;
        OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char[]){ "AES-256-CBC" }, 0),
                OSSL_PARAM_construct_end(),
        };

        made = new0(XaesKey, 1);
        if (!made)
                return -ENOMEM;

        made->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
        made->cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
        if (!made->gcm || !made->cmac)
                return -EOPNOTSUPP;

        made->keyed = EVP_MAC_CTX_new(made->cmac);
        if (!made->keyed)
                return -ENOMEM;
        if (EVP_MAC_init(made->keyed, key, XAES_KEY_SIZE, parameters) != 1)
                return -EOPNOTSUPP;

        *ret = TAKE_PTR(made);
        return 0;
}

/* Two blocks of the counter-mode KDF: CMAC of counter (16 bits), label "X", 00, and the nonce's first half. */
static int derive(const XaesKey *key, const uint8_t *nonce, uint8_t ret[static XAES_KEY_SIZE]) {
        for (uint8_t counter = 1; counter <= 2; counter++) {
                _cleanup_(mac_freep) EVP_MAC_CTX *context = EVP_MAC_CTX_dup(key->keyed);
                uint8_t block[BLOCK_SIZE] = { 0, counter, 'X', 0 };
                size_t size;

                memcpy(block + 4, nonce, DERIVING_NONCE_SIZE);
                if (!context || EVP_MAC_update(context, block, sizeof(block)) != 1 ||
                    EVP_MAC_final(context, ret + (counter - 1) * BLOCK_SIZE, &size, BLOCK_SIZE) != 1)
                        return -ENOMEM;
        }

        return 0;
}

/* A context that has been given key, nonce and bound. */
static int begin(const XaesKey *key, const uint8_t *nonce, Span bound, bool encrypting,
                 EVP_CIPHER_CTX **ret) {
        _cleanup_(cipher_freep) EVP_CIPHER_CTX *context = NULL;
        uint8_t derived[XAES_KEY_SIZE];
        int r, size;

        context = EVP_CIPHER_CTX_new();
        r = context ? derive(key, nonce, derived) : -ENOMEM;
        /* GCM's own nonce has 96 bits, as the rest of ours: libcrypto's usual size. */
        if (r >= 0 && EVP_CipherInit_ex2(context, key->gcm, derived, nonce + DERIVING_NONCE_SIZE, encrypting,
                                         NULL) != 1)
                r = -ENOMEM;
        explicit_bzero(derived, sizeof(derived));
        if (r >= 0 && bound.size > 0 &&
            EVP_CipherUpdate(context, NULL, &size, bound.data, (int) bound.size) != 1)
                r = -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(context);
        return 0;
}

int xaes_encrypt(const XaesKey *key, const uint8_t nonce[static XAES_NONCE_SIZE], Span plain, Span bound,
                 Bytes *ret) {
        _cleanup_(cipher_freep) EVP_CIPHER_CTX *context = NULL;
        _cleanup_bytes_ Bytes sealed = {};
        int r, size = 0;

        if (plain.size > SIZE_LIMIT || bound.size > SIZE_LIMIT)
                return -ENOMEM;

        r = begin(key, nonce, bound, true, &context);
        if (r >= 0)
                r = bytes_append_fill(&sealed, 0, plain.size + XAES_TAG_SIZE);
        if (r < 0)
                return r;

        if ((plain.size > 0 &&
             EVP_EncryptUpdate(context, sealed.data, &size, plain.data, (int) plain.size) != 1) ||
            EVP_EncryptFinal_ex(context, sealed.data + size, &size) != 1 ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, XAES_TAG_SIZE, sealed.data + plain.size) != 1)
                return -ENOMEM;

        return bytes_append(ret, bytes_span(&sealed));
}

int xaes_decrypt(const XaesKey *key, const uint8_t nonce[static XAES_NONCE_SIZE], Span sealed, Span bound,
                 Bytes *ret) {
        _cleanup_(cipher_freep) EVP_CIPHER_CTX *context = NULL;
        _cleanup_bytes_ Bytes plain = {};
        uint8_t tag[XAES_TAG_SIZE];
        int r, size = 0;
        size_t length;

        if (sealed.size < XAES_TAG_SIZE || sealed.size > SIZE_LIMIT || bound.size > SIZE_LIMIT)
                return -EBADMSG;

        length = sealed.size - XAES_TAG_SIZE;
        memcpy(tag, sealed.data + length, sizeof(tag));
        r = begin(key, nonce, bound, false, &context);
        if (r >= 0)
                r = bytes_append_fill(&plain, 0, length + 1); /* never empty: a place to write to */
        if (r < 0)
                return r;

        if ((length > 0 && EVP_DecryptUpdate(context, plain.data, &size, sealed.data, (int) length) != 1) ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, XAES_TAG_SIZE, tag) != 1)
                return -ENOMEM;
        if (EVP_DecryptFinal_ex(context, plain.data + size, &size) != 1)
                return -EBADMSG;

        return bytes_append(ret, SPAN(plain.data, length));
}
