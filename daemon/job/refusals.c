/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and PINs that cards have refused, kept in the reissuing file so that no job sends them again, also after a
 * restart. What is kept are keyed digests (card/refused.h) and this station's own random key for them. */
#include <sys/random.h>

#include "job/job-private.h"

enum { DIGEST_KEY_SIZE = 32 };

int refusals_load(JobEngine *engine, const json_t *object, Failure *failure) {
        if (!json_is_string(json_object_get(object, "key")) ||
            !json_is_array(json_object_get(object, "digests")))
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The entry \"refused\" of the reissuing file cannot be used.");

        json_decref(engine->refused);
        engine->refused = json_deep_copy(object);
        return engine->refused ? 0 : failure_no_memory(failure);
}

static void on_added(const char *digest, void *userdata) {
        JobEngine *engine = userdata;

        json_array_append_new(json_object_get(engine->refused, "digests"), json_string(digest));
        engine_store(engine, "refused", engine->refused);
}

static int make_key(JobEngine *engine, Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;
        uint8_t key[DIGEST_KEY_SIZE];

        if (getrandom(key, sizeof(key), 0) != (ssize_t) sizeof(key))
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "The kernel gives no random bytes");

        text = hex_encode(SPAN_OF_ARRAY(key));
        explicit_bzero(key, sizeof(key));
        if (!text)
                return failure_no_memory(failure);

        engine->refused = json_pack("{s:s, s:[]}", "key", text, "digests");
        if (!engine->refused)
                return failure_no_memory(failure);

        engine_store(engine, "refused", engine->refused);
        return 0;
}

int refusals_begin(JobEngine *engine, Failure *failure) {
        _cleanup_free_ const char **digests = NULL;
        _cleanup_bytes_ Bytes key = {};
        const json_t *array, *digest;
        size_t i, count = 0;
        int r;

        r = engine->refused ? 0 : make_key(engine, failure);
        if (r < 0)
                return r;

        array = json_object_get(engine->refused, "digests");
        digests = new0(const char *, json_array_size(array) + 1);
        if (!digests || hex_decode(json_string_value(json_object_get(engine->refused, "key")), &key) < 0)
                return failure_no_memory(failure);

        json_array_foreach(array, i, digest)
                if (json_is_string(digest))
                        digests[count++] = json_string_value(digest);

        r = readers_set_refused(engine->parts.readers, bytes_span(&key), digests, on_added, engine);
        return r < 0 ? failure_no_memory(failure) : 0;
}
