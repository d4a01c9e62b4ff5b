/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reissuing file: one store (store.h), which is small and erases what it replaces. The erasing takes several
 * syncs, so it is done once for all changes of a second, and not while a card waits for its journal. */
#include "file/reissuing-file.h"

#include "file/store-thread.h"
#include "file/store.h"

enum {
        ERASE_DELAY = 1000000, /* us, after the first change that has left something to erase */
};

struct ReissuingFile {
        sd_event *event;
        Worker *worker;
        Store *store;
        sd_event_source *erasing; /* waits to erase; NULL: there is nothing */
        size_t references;        /* the owner's, and one for each task under way */
};

typedef struct ReissuingTask {
        ReissuingFile *file;
        char *key;
        char *text; /* NULL: remove */
        ReissuingDone done;
        void *userdata;
        Failure failure;
        bool must_settle;
} ReissuingTask;

int reissuing_file_open(StoreThread *thread, const char *directory, ReissuingFile **ret, Failure *failure) {
        ReissuingFile *file;
        int r;

        file = new0(ReissuingFile, 1);
        if (!file)
                return failure_no_memory(failure);

        r = store_open(directory, "reissuing", STORE_ERASING, &file->store, failure);
        if (r < 0) {
                free(file);
                return r;
        }

        file->event = sd_event_ref(store_thread_event(thread));
        file->worker = store_thread_worker(thread);
        file->references = 1;
        *ret = file;
        return 0;
}

static void reissuing_file_unref(ReissuingFile *file) {
        if (--file->references > 0)
                return; /* what was submitted is done first */

        sd_event_source_disable_unref(file->erasing);
        store_close(file->store); /* erases, too */
        sd_event_unref(file->event);
        free(file);
}

ReissuingFile *reissuing_file_close(ReissuingFile *file) {
        if (file)
                reissuing_file_unref(file);

        return NULL;
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

        r = store_fetch(loading->file->store, key, &text, failure);
        if (r < 0)
                return r;

        object = json_loadb((const char *) text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(object)) {
                json_decref(object);
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The entry %s of the reissuing file cannot be read. Restore the file from a backup, "
                        "or delete the entry with gdbmtool while the service is stopped.",
                        key);
        }

        r = loading->each(key, object, loading->userdata, failure);
        json_decref(object);
        return r;
}

int reissuing_file_load(ReissuingFile *file, ReissuingEach each, void *userdata, Failure *failure) {
        Loading loading = { .file = file, .each = each, .userdata = userdata };

        return store_each(file->store, load_one, &loading, failure);
}

static void settle_run(void *userdata) {
        ReissuingFile *file = userdata;

        store_settle(file->store);
}

static void settle_done(void *userdata) {
        reissuing_file_unref(userdata);
}

static int on_time_to_erase(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        ReissuingFile *file = userdata;

        file->erasing = sd_event_source_disable_unref(file->erasing);
        /* Without memory it is done after the next change, or when the file is closed. */
        if (worker_submit(file->worker, settle_run, settle_done, file) >= 0)
                file->references++;

        return 0;
}

static void reissuing_task_done(void *userdata) {
        ReissuingTask *task = userdata;
        ReissuingFile *file = task->file;

        if (task->must_settle && !file->erasing)
                (void) sd_event_add_time_relative(file->event, &file->erasing, CLOCK_MONOTONIC, ERASE_DELAY,
                                                  0, on_time_to_erase, file);

        if (task->done)
                task->done(&task->failure, task->userdata);

        reissuing_file_unref(file);
        failure_done(&task->failure);
        string_erase(task->text);
        free(task->key);
        free(task);
}

static void reissuing_task_run(void *userdata) {
        ReissuingTask *task = userdata;
        Store *store = task->file->store;

        if (task->text)
                (void) store_put(store, task->key, span_of_string(task->text), &task->failure);
        else
                (void) store_delete(store, task->key, &task->failure);

        task->must_settle = store_must_settle(store);
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
            worker_submit(file->worker, reissuing_task_run, reissuing_task_done, task) < 0) {
                string_erase(task->text);
                free(task->key);
                free(task);
                return -ENOMEM;
        }

        file->references++;
        return 0;
}

int reissuing_file_store(ReissuingFile *file, const char *key, const json_t *object, ReissuingDone done,
                         void *userdata) {
        return reissuing_submit(file, key, object, done, userdata);
}

int reissuing_file_remove(ReissuingFile *file, const char *key, ReissuingDone done, void *userdata) {
        return reissuing_submit(file, key, NULL, done, userdata);
}
