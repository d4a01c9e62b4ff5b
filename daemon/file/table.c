/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GDBM, wrapped: datums become spans, error numbers become failures, what was fetched is erased. */
#include "file/table.h"

#include <fcntl.h>
#include <gdbm.h>
#include <limits.h>
#include <sys/stat.h>

enum {
        BLOCK_SIZE = 4096,
        /* Bounds GDBM's cache at 4 MB: left to itself it grows with the file. */
        CACHED_BUCKETS = 1000,
};

struct Table {
        GDBM_FILE gdbm;
        char *path;
};

static int table_failure(const char *path, GDBM_FILE gdbm, const char *doing, Failure *failure) {
        gdbm_error error = gdbm ? gdbm_last_errno(gdbm) : gdbm_errno;
        int system_error = gdbm ? gdbm_last_syserr(gdbm) : errno;

        if (error == GDBM_MALLOC_ERROR)
                return failure_no_memory(failure);

        if (error == GDBM_CANT_BE_READER || error == GDBM_CANT_BE_WRITER)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s is in use by another program (gdbmtool?). End that program and try again.", path);

        if (gdbm_check_syserr(error) && system_error != 0)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s could not be %s (%s: %s). Check the disk, its free space and the file's owner.",
                        path, doing, gdbm_strerror(error), strerrordesc_np(system_error));

        return failure_set(
                failure, FAILURE_STORE_FAILED,
                "%s could not be %s (%s): it is damaged, or no GDBM file. Restore it from a backup.", path,
                doing, gdbm_strerror(error));
}

static int gdbm_flags(TableMode mode) {
        static const int flags[] = { GDBM_READER, GDBM_WRITER, GDBM_NEWDB };

        /* Without mmap GDBM writes about ten times faster while a file grows, and a disk that cannot be
         * read is an error instead of SIGBUS. */
        return flags[mode] | GDBM_NOMMAP | GDBM_CLOEXEC;
}

static int table_adopt(GDBM_FILE gdbm, const char *path, Table **ret, Failure *failure) {
        int buckets = CACHED_BUCKETS;
        Table *table;

        table = new0(Table, 1);
        if (table)
                table->path = strdup(path);
        if (!table || !table->path) {
                free(table);
                gdbm_close(gdbm);
                return failure_no_memory(failure);
        }

        table->gdbm = gdbm;
        gdbm_setopt(gdbm, GDBM_SETCACHESIZE, &buckets, sizeof(buckets));
        *ret = table;
        return 0;
}

int table_open(const char *path, TableMode mode, Table **ret, Failure *failure) {
        GDBM_FILE gdbm;

        /* With a function for fatal errors GDBM calls it and then exit(); with none it returns the error. */
        gdbm = gdbm_open(path, BLOCK_SIZE, gdbm_flags(mode), S_IRUSR | S_IWUSR, NULL);
        if (!gdbm)
                return table_failure(path, NULL, "opened", failure);

        return table_adopt(gdbm, path, ret, failure);
}

int table_open_descriptor(int descriptor, const char *path, TableMode mode, Table **ret, Failure *failure) {
        GDBM_FILE gdbm;

        gdbm = gdbm_fd_open(descriptor, path, BLOCK_SIZE, gdbm_flags(mode) | GDBM_CLOERROR, NULL);
        if (!gdbm)
                return table_failure(path, NULL, "opened", failure);

        return table_adopt(gdbm, path, ret, failure);
}

Table *table_close(Table *table) {
        if (!table)
                return NULL;

        gdbm_close(table->gdbm);
        free(table->path);
        free(table);
        return NULL;
}

int table_finish(Table *table, Failure *failure) {
        int r = 0;

        if (gdbm_sync(table->gdbm) != 0)
                r = table_failure(table->path, table->gdbm, "written to the disk", failure);

        if (gdbm_close(table->gdbm) != 0 && r == 0)
                r = table_failure(table->path, NULL, "closed", failure);

        free(table->path);
        free(table);
        return r;
}

static datum datum_of_key(const char *key) {
        return (datum){ .dptr = (char *) key, .dsize = (int) strlen(key) };
}

static void datum_erase(datum *value) {
        if (!value->dptr)
                return;

        explicit_bzero(value->dptr, (size_t) value->dsize);
        free(value->dptr);
        *value = (datum){};
}

int table_fetch(Table *table, const char *key, Bytes *ret, Failure *failure) {
        _cleanup_(datum_erase) datum value = {};
        int r;

        value = gdbm_fetch(table->gdbm, datum_of_key(key));
        if (!value.dptr)
                return gdbm_last_errno(table->gdbm) == GDBM_ITEM_NOT_FOUND
                               ? -ENOENT
                               : table_failure(table->path, table->gdbm, "read", failure);

        r = bytes_assign(ret, SPAN(value.dptr, (size_t) value.dsize));
        return r < 0 ? failure_no_memory(failure) : 0;
}

bool table_contains(Table *table, const char *key) {
        return gdbm_exists(table->gdbm, datum_of_key(key));
}

int table_put(Table *table, const char *key, Span value, Failure *failure) {
        datum content = { .dptr = (char *) value.data, .dsize = (int) value.size };

        if (value.size > INT_MAX)
                return failure_no_memory(failure);

        if (gdbm_store(table->gdbm, datum_of_key(key), content, GDBM_REPLACE) != 0)
                return table_failure(table->path, table->gdbm, "written", failure);

        return 0;
}

int table_delete(Table *table, const char *key, Failure *failure) {
        if (gdbm_delete(table->gdbm, datum_of_key(key)) == 0)
                return 0;

        if (gdbm_last_errno(table->gdbm) == GDBM_ITEM_NOT_FOUND)
                return -ENOENT;

        return table_failure(table->path, table->gdbm, "written", failure);
}

int table_wipe(Table *table, const char *key, Failure *failure) {
        _cleanup_bytes_ Bytes value = {};
        int r;

        r = table_fetch(table, key, &value, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        /* GDBM keeps a value of the same size where it is. */
        explicit_bzero(value.data, value.size);
        return table_put(table, key, bytes_span(&value), failure);
}

int table_count(Table *table, uint64_t *ret, Failure *failure) {
        gdbm_count_t count;

        if (gdbm_count(table->gdbm, &count) != 0)
                return table_failure(table->path, table->gdbm, "read", failure);

        *ret = count;
        return 0;
}

static int table_each_key(datum key, TableEach each, void *userdata, Failure *failure) {
        _cleanup_free_ char *text = NULL;

        text = span_to_string(SPAN(key.dptr, (size_t) key.dsize));
        if (!text)
                return failure_no_memory(failure);

        return each(text, userdata, failure);
}

int table_each(Table *table, TableEach each, void *userdata, Failure *failure) {
        datum key;
        int r;

        key = gdbm_firstkey(table->gdbm);
        while (key.dptr) {
                datum next;

                r = table_each_key(key, each, userdata, failure);
                if (r < 0) {
                        free(key.dptr);
                        return r;
                }

                next = gdbm_nextkey(table->gdbm, key);
                free(key.dptr);
                key = next;
        }

        if (gdbm_last_errno(table->gdbm) != GDBM_ITEM_NOT_FOUND)
                return table_failure(table->path, table->gdbm, "read", failure);

        return 0;
}
