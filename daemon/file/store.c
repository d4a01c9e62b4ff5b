/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: which of the three files is read and written when. The format of the log is store-log.c's,
 * GDBM is table.c's. */
#include "file/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define GENERATION_KEY ".generation"

enum {
        COPY_CHUNK = 1024 * 1024,
        /* A checkpoint copies the whole file, so it waits until the log is worth it. */
        LOG_SIZE_MIN = 16 * 1024 * 1024,
};

struct Store {
        char *directory;
        char *base_path;
        char *work_path;
        StoreFlags flags;
        StoreLog *log;
        Table *base; /* NAME.gdbm, read only; NULL only while a rename is under way or has failed */
        Table *work; /* the copy with the log's changes; NULL: there are none, or it must be made again */
        uint64_t generation;
        uint64_t count;
        uint64_t base_size;
        bool dirty; /* erasing: something was replaced since the last checkpoint */
};

static int store_failure(const char *path, int errno_value, const char *doing, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s could not be %s (%s). Check the disk, its free space and the file's owner.",
                           path, doing, strerrordesc_np(abs(errno_value)));
}

static int sync_directory(const char *path) {
        _cleanup_close_ int descriptor = -1;

        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0)
                return -errno;

        return fsync(descriptor) < 0 ? -errno : 0;
}

static int copy_file(const char *from, const char *to) {
        _cleanup_close_ int source = -1, target = -1;

        source = open(from, O_RDONLY | O_CLOEXEC);
        if (source < 0)
                return -errno;

        if (unlink(to) < 0 && errno != ENOENT)
                return -errno;

        target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (target < 0)
                return -errno;

        /* A file system that shares blocks (XFS, Btrfs) copies nothing at all. */
        if (ioctl(target, FICLONE, source) == 0)
                return 0;

        for (;;) {
                ssize_t n = copy_file_range(source, NULL, target, NULL, COPY_CHUNK, 0);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0;
        }
}

static int generation_write(Table *table, uint64_t generation, Failure *failure) {
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, generation);
        return table_put(table, GENERATION_KEY, span_of_string(text), failure);
}

static int generation_read(Table *table, const char *path, uint64_t *ret, Failure *failure) {
        _cleanup_bytes_ Bytes value = {};
        int r;

        r = table_fetch(table, GENERATION_KEY, &value, failure);
        if (r >= 0)
                r = bytes_append_byte(&value, '\0');
        if (r >= 0 && sscanf((const char *) value.data, "%" SCNu64, ret) == 1 && *ret > 0)
                return 0;

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s was not written by this service. Restore it from a backup, or move it away.",
                           path);
}

static int store_open_base(Store *store, Failure *failure) {
        struct stat status;
        int r;

        r = table_open(store->base_path, TABLE_READ, &store->base, failure);
        if (r < 0)
                return r;

        store->base_size = stat(store->base_path, &status) < 0 ? 0 : (uint64_t) status.st_size;
        r = generation_read(store->base, store->base_path, &store->generation, failure);
        if (r < 0)
                return r;

        r = table_count(store->base, &store->count, failure);
        if (r < 0)
                return r;

        store->count--; /* the generation */
        return 0;
}

/* Makes NAME.work the new NAME.gdbm. Until it returns 0 the log must stay: nobody knows which of the two
 * is there. */
static int store_switch(Store *store, Table *work, uint64_t generation, Failure *failure) {
        int r;

        r = generation_write(work, generation, failure);
        if (r < 0) {
                table_close(work);
                return r;
        }

        r = table_finish(work, failure);
        if (r < 0)
                return r;

        if (rename(store->work_path, store->base_path) < 0)
                return store_failure(store->base_path, errno, "replaced", failure);

        r = sync_directory(store->directory);
        return r < 0 ? store_failure(store->base_path, r, "replaced", failure) : 0;
}

/* The first start: an empty GDBM file, and only then a log that follows it. */
static int store_create_base(Store *store, Failure *failure) {
        Table *work;
        int r;

        if (store_log_generation(store->log) > 0)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s is missing, but its log is there. Restore it from a backup, or remove the log to "
                        "begin with an empty file.",
                        store->base_path);

        r = table_open(store->work_path, TABLE_CREATE, &work, failure);
        if (r < 0)
                return r;

        return store_switch(store, work, 1, failure);
}

static int apply_entry(const char *key, const Span *value, void *userdata, Failure *failure) {
        Store *store = userdata;
        bool there = table_contains(store->work, key);
        int r = 0;

        if (there && (store->flags & STORE_ERASING)) {
                store->dirty = true;
                r = table_wipe(store->work, key, failure);
        }
        if (r >= 0 && value)
                r = table_put(store->work, key, *value, failure);
        if (r >= 0 && !value && there)
                r = table_delete(store->work, key, failure);
        if (r < 0)
                return r;

        store->count = store->count + !there - !value;
        return 0;
}

static int store_remove_work(Store *store) {
        if (store->flags & STORE_ERASING) {
                _cleanup_close_ int descriptor = open(store->work_path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

                if (descriptor >= 0)
                        (void) store_erase_descriptor(descriptor);
        }

        return unlink(store->work_path) < 0 && errno != ENOENT ? -errno : 0;
}

static void store_drop_work(Store *store) {
        store->work = table_close(store->work);
        (void) store_remove_work(store);
}

/* NAME.work, with everything that the log holds. */
static int store_make_work(Store *store, Failure *failure) {
        uint64_t count;
        int r;

        if (store->work)
                return 0;

        if (!store->base) {
                r = store_open_base(store, failure);
                if (r < 0)
                        return r;
        }

        /* A checkpoint went as far as its rename and no further: what would be logged now would be dropped
         * at the next start. */
        if (store_log_generation(store->log) != store->generation)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s could not be brought up to date. Check the disk, then restart the service.",
                        store->base_path);

        r = copy_file(store->base_path, store->work_path);
        if (r < 0) {
                (void) store_remove_work(store);
                return store_failure(store->work_path, r, "made", failure);
        }

        r = table_open(store->work_path, TABLE_WRITE, &store->work, failure);
        if (r >= 0)
                r = table_count(store->work, &count, failure);
        if (r >= 0) {
                store->count = count - 1;
                r = store_log_replay(store->log, apply_entry, store, failure);
        }
        if (r < 0)
                store_drop_work(store);

        return r;
}

/* The table that shows the present state. */
static int store_table(Store *store, Table **ret, Failure *failure) {
        int r;

        /* The copy was thrown away after a failure: the log's changes must be seen all the same. */
        if (!store->work && (!store->base || store_log_size(store->log) > 0)) {
                r = store_make_work(store, failure);
                if (r < 0)
                        return r;
        }

        *ret = store->work ? store->work : store->base;
        return 0;
}

static int store_checkpoint(Store *store, Failure *failure) {
        bool erase = store->flags & STORE_ERASING;
        _cleanup_close_ int old = -1;
        Table *work;
        int r;

        if (!store->work)
                return 0;

        if (erase) {
                old = open(store->base_path, O_WRONLY | O_CLOEXEC);
                if (old < 0)
                        return store_failure(store->base_path, errno, "opened", failure);
        }

        work = TAKE_PTR(store->work);
        r = store_switch(store, work, store->generation + 1, failure);
        store->base = table_close(store->base);
        if (r < 0)
                return r;

        /* Its name is gone, its blocks are not. */
        if (old >= 0)
                (void) store_erase_descriptor(old);

        r = store_log_reset(store->log, store->generation + 1, erase, failure);
        if (r < 0)
                return r;

        store->dirty = false;
        return store_open_base(store, failure);
}

static int store_begin(Store *store, Failure *failure) {
        int r;

        r = store_remove_work(store);
        if (r < 0)
                return store_failure(store->work_path, r, "removed", failure);

        if (access(store->base_path, F_OK) < 0) {
                r = store_create_base(store, failure);
                if (r < 0)
                        return r;
        }

        r = store_open_base(store, failure);
        if (r < 0)
                return r;

        if (store_log_generation(store->log) > store->generation)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s is older than its log. Restore both from the same backup, or remove the log.",
                        store->base_path);

        if (store_log_generation(store->log) < store->generation) {
                /* The rename may not be on the disk yet, and the log is what it replaces. */
                r = sync_directory(store->directory);
                if (r < 0)
                        return store_failure(store->base_path, r, "replaced", failure);

                return store_log_reset(store->log, store->generation, store->flags & STORE_ERASING, failure);
        }

        /* Finds the end of the log; where it has entries, they are applied. */
        r = store_make_work(store, failure);
        if (r < 0)
                return r;

        if (store_log_size(store->log) == 0) {
                store_drop_work(store);
                return 0;
        }

        store->dirty = true;
        store_settle(store);
        return 0;
}

int store_open(const char *directory, const char *name, StoreFlags flags, Store **ret, Failure *failure) {
        _cleanup_(store_closep) Store *store = NULL;
        _cleanup_free_ char *log_path = NULL;
        int r;

        store = new0(Store, 1);
        if (!store)
                return failure_no_memory(failure);

        store->flags = flags;
        store->directory = strdup(directory);
        if (asprintf(&store->base_path, "%s/%s.gdbm", directory, name) < 0)
                store->base_path = NULL;
        if (asprintf(&store->work_path, "%s/%s.work", directory, name) < 0)
                store->work_path = NULL;
        if (asprintf(&log_path, "%s/%s.log", directory, name) < 0)
                log_path = NULL;
        if (!store->directory || !store->base_path || !store->work_path || !log_path)
                return failure_no_memory(failure);

        r = store_log_open(log_path, &store->log, failure);
        if (r < 0)
                return r;

        r = store_begin(store, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(store);
        return 0;
}

Store *store_close(Store *store) {
        if (!store)
                return NULL;

        if (store->work && store_log_size(store->log) > 0)
                (void) store_checkpoint(store, NULL);
        if (store->work)
                store_drop_work(store);

        table_close(store->base);
        store_log_close(store->log);
        free(store->directory);
        free(store->base_path);
        free(store->work_path);
        free(store);
        return NULL;
}

uint64_t store_count(const Store *store) {
        return store->count;
}

const char *store_directory(const Store *store) {
        return store->directory;
}

int store_fetch(Store *store, const char *key, Bytes *ret, Failure *failure) {
        Table *table;
        int r;

        r = store_table(store, &table, failure);
        if (r < 0)
                return r;

        return table_fetch(table, key, ret, failure);
}

static int store_change(Store *store, const char *key, const Span *value, Failure *failure) {
        int r;

        if (key[0] == '.' || key[0] == '\0' || strlen(key) > STORE_KEY_MAX ||
            (value && value->size > STORE_VALUE_MAX))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The name or the size of what is to be stored is not "
                                   "allowed.");

        r = store_make_work(store, failure);
        if (r < 0)
                return r;

        if (!value && !table_contains(store->work, key))
                return 0;

        /* The copy first: if that fails, the log has nothing to take back. */
        r = apply_entry(key, value, store, failure);
        if (r >= 0)
                r = store_log_append(store->log, key, value, failure);
        if (r < 0)
                store_drop_work(store);

        return r;
}

int store_put(Store *store, const char *key, Span value, Failure *failure) {
        return store_change(store, key, &value, failure);
}

int store_delete(Store *store, const char *key, Failure *failure) {
        return store_change(store, key, NULL, failure);
}

typedef struct KeysOnly {
        TableEach each;
        void *userdata;
} KeysOnly;

static int each_but_generation(const char *key, void *userdata, Failure *failure) {
        KeysOnly *keys = userdata;

        return key[0] == '.' ? 0 : keys->each(key, keys->userdata, failure);
}

int store_each(Store *store, TableEach each, void *userdata, Failure *failure) {
        KeysOnly keys = { .each = each, .userdata = userdata };
        Table *table;
        int r;

        r = store_table(store, &table, failure);
        if (r < 0)
                return r;

        return table_each(table, each_but_generation, &keys, failure);
}

bool store_must_settle(const Store *store) {
        return store->work && (store->dirty || store_log_size(store->log) >
                                                       MAX_OF((uint64_t) LOG_SIZE_MIN, store->base_size / 2));
}

void store_settle(Store *store) {
        if (store_must_settle(store))
                (void) store_checkpoint(store, NULL);
}

int store_snapshot(Store *store, Table **ret, Failure *failure) {
        Table *table;
        int r;

        r = store_table(store, &table, failure);
        if (r >= 0)
                r = store_checkpoint(store, failure);
        if (r < 0)
                return r;

        /* No change is ever written into this file; a later checkpoint only takes its name away. */
        return table_open(store->base_path, TABLE_READ, ret, failure);
}

int store_bulk_begin(Store *store, Failure *failure) {
        Table *table;
        int r;

        /* With an empty log the copy can be thrown away and the state before it is still there. */
        r = store_table(store, &table, failure);
        if (r >= 0)
                r = store_checkpoint(store, failure);
        if (r < 0)
                return r;

        return store_make_work(store, failure);
}

int store_bulk_put(Store *store, const char *key, Span value, Failure *failure) {
        return apply_entry(key, &value, store, failure);
}

int store_bulk_commit(Store *store, Failure *failure) {
        int r;

        r = store_checkpoint(store, failure);
        if (r < 0 && store->work)
                store_bulk_abandon(store);

        return r;
}

void store_bulk_abandon(Store *store) {
        uint64_t count;

        store_drop_work(store);
        if (store->base && table_count(store->base, &count, NULL) >= 0)
                store->count = count - 1;
}
