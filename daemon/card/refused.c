/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of digests with a lock: readers' threads ask and add. Keeping it beyond the process is the caller's.
 * */
#include "card/refused.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

enum { DIGEST_SIZE = 32, KEY_SIZE_MIN = 32 };

typedef struct Digest {
        uint8_t bytes[DIGEST_SIZE];
} Digest;

struct Refused {
        pthread_mutex_t mutex; /* guards digests */
        Bytes key;
        Digest *digests;
        size_t count;
        void (*added)(const char *digest, void *userdata);
        void *userdata;
};

int refused_new(Span key, void (*added)(const char *digest, void *userdata), void *userdata, Refused **ret) {
        Refused *refused;

        if (key.size < KEY_SIZE_MIN)
                return -EINVAL;

        refused = new0(Refused, 1);
        if (!refused)
                return -ENOMEM;

        if (bytes_append(&refused->key, key) < 0) {
                free(refused);
                return -ENOMEM;
        }

        pthread_mutex_init(&refused->mutex, NULL);
        refused->added = added;
        refused->userdata = userdata;
        *ret = refused;
        return 0;
}

Refused *refused_free(Refused *refused) {
        if (!refused)
                return NULL;

        bytes_done(&refused->key);
        pthread_mutex_destroy(&refused->mutex);
        free(refused->digests);
        free(refused);
        return NULL;
}

/* Lengths and kinds first, so that no two different questions have the same text. */
static int digest_of(const Refused *refused, Span serial, uint64_t insertion, uint8_t reference, Span value,
                     Digest *ret) {
        _cleanup_bytes_ Bytes text = {};
        unsigned size = DIGEST_SIZE;
        int r;

        if (serial.size == 0)
                serial = SPAN(&insertion, sizeof(insertion));
        else
                insertion = 0;

        r = bytes_append_byte(&text, insertion != 0);
        if (r >= 0)
                r = bytes_append(&text, SPAN(&serial.size, sizeof(serial.size)));
        if (r >= 0)
                r = bytes_append(&text, serial);
        if (r >= 0)
                r = bytes_append_byte(&text, reference);
        if (r >= 0)
                r = bytes_append(&text, value);
        if (r < 0)
                return r;

        if (!HMAC(EVP_sha256(), refused->key.data, (int) refused->key.size, text.data, text.size, ret->bytes,
                  &size))
                return -ENOMEM;

        return 0;
}

static bool contains(const Refused *refused, const Digest *digest) {
        for (size_t i = 0; i < refused->count; i++)
                if (memcmp(refused->digests[i].bytes, digest->bytes, DIGEST_SIZE) == 0)
                        return true;

        return false;
}

/* Returns 1 when it is new, 0 when it was there. */
static int insert(Refused *refused, const Digest *digest) {
        Digest *digests;
        int r = 0;

        pthread_mutex_lock(&refused->mutex);
        if (!contains(refused, digest)) {
                digests = reallocarray(refused->digests, refused->count + 1, sizeof(*digests));
                r = digests ? 1 : -ENOMEM;
                if (digests) {
                        refused->digests = digests;
                        refused->digests[refused->count++] = *digest;
                }
        }
        pthread_mutex_unlock(&refused->mutex);
        return r;
}

int refused_restore(Refused *refused, const char *digest) {
        _cleanup_bytes_ Bytes bytes = {};
        Digest restored;
        int r;

        r = hex_decode(digest, &bytes);
        if (r < 0)
                return r;
        if (bytes.size != DIGEST_SIZE)
                return -EINVAL;

        memcpy(restored.bytes, bytes.data, DIGEST_SIZE);
        r = insert(refused, &restored);
        return r < 0 ? r : 0;
}

bool refused_contains(Refused *refused, Span serial, uint64_t insertion, uint8_t reference, Span value) {
        Digest digest;
        bool found;

        /* Without memory nobody knows: then nothing is sent. */
        if (digest_of(refused, serial, insertion, reference, value, &digest) < 0)
                return true;

        pthread_mutex_lock(&refused->mutex);
        found = contains(refused, &digest);
        pthread_mutex_unlock(&refused->mutex);
        return found;
}

int refused_add(Refused *refused, Span serial, uint64_t insertion, uint8_t reference, Span value) {
        _cleanup_free_ char *text = NULL;
        Digest digest;
        int r;

        r = digest_of(refused, serial, insertion, reference, value, &digest);
        if (r < 0)
                return r;

        r = insert(refused, &digest);
        if (r < 0)
                return r;
        if (r == 0 || !refused->added)
                return 0;

        text = hex_encode(SPAN_OF_ARRAY(digest.bytes));
        if (!text)
                return -ENOMEM;

        refused->added(text, refused->userdata);
        return 0;
}
