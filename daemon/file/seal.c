/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealed texts: "VERSION:" and, in base64, the nonce, the ciphertext and its tag (xaes.h). Exactly one text is right for
 * what it holds, so that no changed one is taken. */
#include "file/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "file/seal-private.h"

enum {
        SEALED_MIN = XAES_NONCE_SIZE + XAES_TAG_SIZE, /* bytes, decoded */
        SEALED_MAX = SEALED_MIN + SEAL_PLAIN_MAX,
};

const char *seal_read_version(const char *text, uint32_t *ret) {
        uint32_t version = 0;
        const char *p = text;

        for (; *p >= '0' && *p <= '9' && version <= SEAL_VERSION_MAX; p++)
                version = version * 10 + (uint32_t) (*p - '0');

        if (*p != ':' || text[0] == '0' || version == 0 || version > SEAL_VERSION_MAX)
                return NULL;

        *ret = version;
        return p + 1;
}

uint32_t seal_version(const char *text) {
        uint32_t version;

        return seal_read_version(text, &version) ? version : 0;
}

/* "VERSION:BASE64"; NULL when there is no memory. */
static char *encode(uint32_t version, Span sealed) {
        size_t length = (sealed.size + 2) / 3 * 4;
        char prefix[16], *text;
        int used;

        used = snprintf(prefix, sizeof(prefix), "%u:", version);
        text = malloc((size_t) used + length + 1);
        if (!text)
                return NULL;

        memcpy(text, prefix, (size_t) used);
        EVP_EncodeBlock((uint8_t *) text + used, sealed.data, (int) sealed.size);
        return text;
}

/* Returns 0, -ENOMEM, or -EBADMSG: also for a text that another one stands for, as EVP_DecodeBlock() takes spaces, and
 * any bits after the last byte. */
static int decode(const char *text, uint32_t version, Bytes *ret) {
        const char *base64 = strchr(text, ':') + 1;
        _cleanup_free_ char *again = NULL;
        size_t length = strlen(base64), padding;
        int r;

        if (length == 0 || length % 4 != 0 || length / 4 * 3 > SEALED_MAX + 2)
                return -EBADMSG;

        r = bytes_append_fill(ret, 0, length / 4 * 3);
        if (r < 0)
                return r;
        if (EVP_DecodeBlock(ret->data, (const uint8_t *) base64, (int) length) != (int) ret->size)
                return -EBADMSG;

        padding = base64[length - 1] != '=' ? 0 : base64[length - 2] != '=' ? 1 : 2;
        ret->size -= padding;
        again = encode(version, bytes_span(ret));
        if (!again)
                return -ENOMEM;

        return streq(again, text) ? 0 : -EBADMSG;
}

int seal(const SealKeys *keys, Span plain, Span bound, char **ret, Failure *failure) {
        uint32_t version = seal_keys_current(keys);
        _cleanup_bytes_ Bytes sealed = {};
        uint8_t nonce[XAES_NONCE_SIZE];
        int r;

        if (plain.size > SEAL_PLAIN_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "A secret may have at most %d bytes.",
                                   SEAL_PLAIN_MAX);

        if (RAND_bytes(nonce, sizeof(nonce)) != 1)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The system gives no random numbers, so nothing can be sealed.");

        r = bytes_append(&sealed, SPAN_OF_ARRAY(nonce));
        if (r >= 0)
                r = xaes_encrypt(seal_keys_find(keys, version), nonce, plain, bound, &sealed);
        if (r >= 0)
                *ret = encode(version, bytes_span(&sealed));

        return r < 0 || !*ret ? failure_no_memory(failure) : 0;
}

static int complain_of_text(Failure *failure) {
        return failure_set(
                failure, FAILURE_STORE_FAILED,
                "A sealed value was changed, or is not from this place. Restore it from a backup.");
}

int unseal(const SealKeys *keys, const char *text, Span bound, Bytes *ret, Failure *failure) {
        _cleanup_bytes_ Bytes sealed = {}, plain = {};
        uint32_t version = seal_version(text);
        const XaesKey *key;
        int r;

        if (version == 0)
                return complain_of_text(failure);

        key = seal_keys_find(keys, version);
        if (!key)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "A value is sealed under version %u of the key, which is not in the key file. Put "
                        "that version back into it.",
                        version);

        r = decode(text, version, &sealed);
        if (r >= 0)
                r = sealed.size < SEALED_MIN
                            ? -EBADMSG
                            : xaes_decrypt(key, sealed.data,
                                           span_part(bytes_span(&sealed), XAES_NONCE_SIZE, SIZE_MAX), bound,
                                           &plain);
        if (r == -EBADMSG)
                return complain_of_text(failure);
        if (r < 0)
                return failure_no_memory(failure);

        bytes_move(ret, &plain);
        return 0;
}
