/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reissuing file: one small store (store.h) of sealed objects. */
#include "file/key-check.h"
#include "file/reissuing-internal.h"

typedef struct ReissuingTask {
        ReissuingFile *file;
        char *key;
        char *text; /* NULL: remove */
        ReissuingDone done;
        void *userdata;
        Failure failure;
} ReissuingTask;

int reissuing_file_open(StoreThread *thread, const char *directory, SealKeys *keys, ReissuingFile **ret,
                        Failure *failure) {
        ReissuingFile *file;
        int r;

        file = new0(ReissuingFile, 1);
        if (!file)
                return failure_no_memory(failure);

        file->thread = thread;
        file->keys = seal_keys_ref(keys);
        file->references = 1;
        r = store_open(directory, "reissuing", 0, &file->store, failure);
        if (r >= 0)
                r = key_check_open(file->store, keys, "reissuing file", failure);
        if (r < 0) {
                reissuing_file_unref(file);
                return r;
        }

        *ret = file;
        return 0;
}

ReissuingFile *reissuing_file_ref(ReissuingFile *file) {
        file->references++;
        return file;
}

ReissuingFile *reissuing_file_unref(ReissuingFile *file) {
        if (--file->references > 0)
                return NULL; /* what was submitted is done first */

        store_close(file->store);
        seal_keys_unref(file->keys);
        free(file);
        return NULL;
}

ReissuingFile *reissuing_file_close(ReissuingFile *file) {
        return file ? reissuing_file_unref(file) : NULL;
}

static int make_bound(const char *key, Bytes *ret) {
        int r;

        r = bytes_append(ret, SPAN("job", sizeof("job")));
        return r < 0 ? r : bytes_append(ret, span_of_string(key));
}

int reissuing_parse_stored(const SealKeys *keys, const char *key, Span text, json_t **ret, Failure *failure) {
        _cleanup_bytes_ Bytes bound = {}, plain = {};
        _cleanup_string_erase_ char *sealed = NULL;
        json_t *object;
        int r;

        sealed = span_to_string(text);
        if (!sealed || make_bound(key, &bound) < 0)
                return failure_no_memory(failure);

        r = unseal(keys, sealed, bytes_span(&bound), &plain, failure);
        if (r < 0) {
                failure_prefix(failure, "The entry %s of the reissuing file", key);
                return r;
        }

        object = json_loadb((const char *) plain.data, plain.size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(object)) {
                json_decref(object);
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The entry %s of the reissuing file cannot be read. Restore the file from a backup.",
                        key);
        }

        *ret = object;
        return 0;
}

typedef struct Loading {
        ReissuingFile *file;
        ReissuingEach each;
        void *userdata;
} Loading;

static int load_one(const char *key, void *userdata, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        Loading *loading = userdata;
        json_t *object;
        int r;

        if (key[0] == '.')
                return 0;

        r = store_fetch(loading->file->store, key, &text, failure);
        if (r >= 0)
                r = reissuing_parse_stored(loading->file->keys, key, bytes_span(&text), &object, failure);
        if (r < 0)
                return r;

        r = loading->each(key, object, loading->userdata, failure);
        json_decref(object);
        return r;
}

int reissuing_file_load(ReissuingFile *file, ReissuingEach each, void *userdata, Failure *failure) {
        Loading loading = { .file = file, .each = each, .userdata = userdata };

        return store_each(file->store, load_one, &loading, failure);
}

/* Seals a text, and applies it as the key's. */
static int put_sealed(ReissuingFile *file, const char *key, Span text, Failure *failure) {
        _cleanup_string_erase_ char *sealed = NULL;
        _cleanup_bytes_ Bytes bound = {};
        Span value;
        int r;

        if (make_bound(key, &bound) < 0)
                return failure_no_memory(failure);

        r = seal(file->keys, text, bytes_span(&bound), &sealed, failure);
        if (r < 0)
                return r;

        value = span_of_string(sealed);
        return store_apply(file->store, &(StoreChange){ .key = key, .value = &value }, 1, failure);
}

int reissuing_reseal(ReissuingFile *file, const char *key, Failure *failure) {
        _cleanup_bytes_ Bytes text = {}, bound = {}, plain = {};
        _cleanup_string_erase_ char *sealed = NULL;
        int r;

        if (key[0] == '.')
                return 0;

        r = store_fetch(file->store, key, &text, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        sealed = span_to_string(bytes_span(&text));
        if (!sealed || make_bound(key, &bound) < 0)
                return failure_no_memory(failure);
        if (seal_version(sealed) == seal_keys_current(file->keys))
                return 0;

        r = unseal(file->keys, sealed, bytes_span(&bound), &plain, failure);
        if (r >= 0)
                r = put_sealed(file, key, bytes_span(&plain), failure);

        return r < 0 ? r : 1;
}

static void reissuing_task_free(ReissuingTask *task) {
        failure_done(&task->failure);
        string_erase(task->text);
        free(task->key);
        free(task);
}

static void reissuing_task_done(void *userdata) {
        ReissuingTask *task = userdata;
        ReissuingFile *file = task->file;

        if (task->done)
                task->done(&task->failure, task->userdata);

        reissuing_task_free(task);
        reissuing_file_unref(file);
}

static int reissuing_task_perform(ReissuingTask *task) {
        /* Keys with a dot are the file's own. */
        if (task->key[0] == '.')
                return failure_set(&task->failure, FAILURE_INVALID_ARGS,
                                   "A key of the reissuing file begins with no dot.");
        if (task->text)
                return put_sealed(task->file, task->key, span_of_string(task->text), &task->failure);

        return store_apply(task->file->store, &(StoreChange){ .key = task->key }, 1, &task->failure);
}

static void reissuing_task_run(void *userdata) {
        ReissuingTask *task = userdata;

        if (reissuing_task_perform(task) < 0 && !failure_is_set(&task->failure))
                failure_no_memory(&task->failure);
}

static int reissuing_submit(ReissuingFile *file, const char *key, const json_t *object, ReissuingDone done,
                            void *userdata) {
        ReissuingTask *task;

        task = new0(ReissuingTask, 1);
        if (!task)
                return -ENOMEM;

        *task = (ReissuingTask){ .file = file, .key = strdup(key), .done = done, .userdata = userdata };
        if (object)
                task->text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);

        if (!task->key || (object && !task->text) ||
            store_thread_submit(file->thread, &(StoreTask){ .run = reissuing_task_run,
                                                            .done = reissuing_task_done,
                                                            .failure = &task->failure,
                                                            .store = file->store,
                                                            .userdata = task }) < 0) {
                reissuing_task_free(task);
                return -ENOMEM;
        }

        reissuing_file_ref(file);
        return 0;
}

int reissuing_file_store(ReissuingFile *file, const char *key, const json_t *object, ReissuingDone done,
                         void *userdata) {
        return reissuing_submit(file, key, object, done, userdata);
}

int reissuing_file_remove(ReissuingFile *file, const char *key, ReissuingDone done, void *userdata) {
        return reissuing_submit(file, key, NULL, done, userdata);
}
