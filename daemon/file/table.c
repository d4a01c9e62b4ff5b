/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GDBM, wrapped: datums become spans, error numbers become failures, what was fetched is erased, and every value
 * carries a check. */
#include "file/table.h"

#include <fcntl.h>
#include <gdbm.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <xxhash.h>

#define STATE_KEY    "@store"
#define STATE_FORMAT "icreissue store 2 applied %" PRIu64 " keys %" PRIu64 " digest %016" PRIx64

enum {
        BLOCK_SIZE = 4096,
        /* Bounds GDBM's cache, which left to itself grows with the file. The kernel holds what is read through mmap
         * anyway; a writer that goes in the order of table_hash() needs few buckets, too. */
        READ_BUCKETS = 64,
        WRITE_BUCKETS = 1000,
        CHECK_SIZE = 17, /* a newline and 16 digits */
        PROGRESS_INTERVAL = 4096,
        END_SLACK = 16 * 1024 * 1024, /* bytes that a file may end before its header says so */
};

struct Table {
        GDBM_FILE gdbm;
        char *path;
        TableState state;
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

static int table_damaged(const Table *table, const char *what, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s is damaged (%s). Restore the files of the last backup.", table->path, what);
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

static uint64_t value_check(const char *key, Span value) {
        return XXH3_64bits_withSeed(value.data, value.size, XXH3_64bits(key, strlen(key)));
}

/* "\n" and the digits; by hand, since it is done for each value that is read. */
static void check_format(uint64_t check, char ret[static CHECK_SIZE]) {
        ret[0] = '\n';
        for (int i = CHECK_SIZE - 1; i > 0; i--, check >>= 4)
                ret[i] = "0123456789abcdef"[check & 0xF];
}

/* Whether the datum ends with the check of what stands before it. */
static bool check_fits(const char *key, const datum *value) {
        char expected[CHECK_SIZE];
        size_t size;

        if (value->dsize < CHECK_SIZE)
                return false;

        size = (size_t) value->dsize - CHECK_SIZE;
        check_format(value_check(key, SPAN(value->dptr, size)), expected);
        return memcmp(value->dptr + size, expected, CHECK_SIZE) == 0;
}

static bool check_parse(const datum *value, uint64_t *ret) {
        const char *text = value->dptr + value->dsize - CHECK_SIZE;

        if (value->dsize < CHECK_SIZE || text[0] != '\n')
                return false;

        *ret = 0;
        for (int i = 1; i < CHECK_SIZE; i++) {
                int digit = hex_digit(text[i]);

                if (digit < 0)
                        return false;

                *ret = *ret << 4 | (uint64_t) digit;
        }

        return true;
}

/* The value with its check still behind it. -ENOENT where there is none. */
static int table_fetch_datum(Table *table, const char *key, datum *ret, Failure *failure) {
        *ret = gdbm_fetch(table->gdbm, datum_of_key(key));
        if (ret->dptr)
                return 0;

        return gdbm_last_errno(table->gdbm) == GDBM_ITEM_NOT_FOUND
                       ? -ENOENT
                       : table_failure(table->path, table->gdbm, "read", failure);
}

int table_fetch(Table *table, const char *key, Bytes *ret, Failure *failure) {
        datum value;
        int r;

        r = table_fetch_datum(table, key, &value, failure);
        if (r < 0)
                return r;

        if (!check_fits(key, &value)) {
                datum_erase(&value);
                return table_damaged(table, "a value does not fit its check", failure);
        }

        /* GDBM's memory becomes the caller's: no second copy. */
        bytes_done(ret);
        *ret = (Bytes){ .data = (uint8_t *) value.dptr,
                        .size = (size_t) value.dsize - CHECK_SIZE,
                        .allocated = (size_t) value.dsize };
        return 0;
}

int table_contains(Table *table, const char *key, Failure *failure) {
        if (gdbm_exists(table->gdbm, datum_of_key(key)))
                return 1;

        return gdbm_last_errno(table->gdbm) == GDBM_ITEM_NOT_FOUND ||
                               gdbm_last_errno(table->gdbm) == GDBM_NO_ERROR
                       ? 0
                       : table_failure(table->path, table->gdbm, "read", failure);
}

/* Takes the key's present value, if any, out of the number of keys and the digest. */
static int table_forget(Table *table, const char *key, Failure *failure) {
        _cleanup_(datum_erase) datum value = {};
        uint64_t check;
        int r;

        r = table_fetch_datum(table, key, &value, failure);
        if (r < 0)
                return r;

        if (!check_parse(&value, &check))
                return table_damaged(table, "a value has no check", failure);

        table->state.keys--;
        table->state.digest -= check;
        return 0;
}

static int table_store(Table *table, const char *key, Span value, int flag, uint64_t *ret_check,
                       Failure *failure) {
        _cleanup_bytes_ Bytes content = {};
        int r;

        *ret_check = value_check(key, value);
        if (bytes_append_fill(&content, 0, value.size + CHECK_SIZE) < 0 || content.size > INT_MAX)
                return failure_no_memory(failure);

        if (value.size > 0)
                memcpy(content.data, value.data, value.size);
        check_format(*ret_check, (char *) content.data + value.size);
        r = gdbm_store(table->gdbm, datum_of_key(key),
                       (datum){ .dptr = (char *) content.data, .dsize = (int) content.size }, flag);
        if (r < 0)
                return table_failure(table->path, table->gdbm, "written", failure);

        return r > 0 ? -EEXIST : 0;
}

int table_put(Table *table, const char *key, Span value, Failure *failure) {
        uint64_t check;
        int r;

        r = table_store(table, key, value, GDBM_INSERT, &check, failure);
        if (r == -EEXIST) {
                r = table_forget(table, key, failure);
                if (r >= 0)
                        r = table_store(table, key, value, GDBM_REPLACE, &check, failure);
        }
        if (r < 0)
                return r;

        table->state.keys++;
        table->state.digest += check;
        return 0;
}

int table_delete(Table *table, const char *key, Failure *failure) {
        int r;

        r = table_forget(table, key, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        return gdbm_delete(table->gdbm, datum_of_key(key)) == 0
                       ? 0
                       : table_failure(table->path, table->gdbm, "written", failure);
}

static int table_read_state(Table *table, Failure *failure) {
        _cleanup_bytes_ Bytes value = {};
        int r;

        r = table_fetch(table, STATE_KEY, &value, failure);
        if (r == -ENOENT)
                return table_damaged(table, "it is none of this service's, or was not finished", failure);
        if (r >= 0)
                r = bytes_append_byte(&value, '\0');
        if (r < 0)
                return r;

        if (sscanf((const char *) value.data,
                   "icreissue store 2 applied %" SCNu64 " keys %" SCNu64 " digest %" SCNx64,
                   &table->state.applied, &table->state.keys, &table->state.digest) != 3)
                return table_damaged(table, "it is of another version", failure);

        return 0;
}

const TableState *table_state(const Table *table) {
        return &table->state;
}

int table_sync(Table *table, uint64_t applied, Failure *failure) {
        char text[128];
        uint64_t check;
        int r;

        table->state.applied = applied;
        snprintf(text, sizeof(text), STATE_FORMAT, applied, table->state.keys, table->state.digest);
        r = table_store(table, STATE_KEY, span_of_string(text), GDBM_REPLACE, &check, failure);
        if (r < 0)
                return r;

        return gdbm_sync(table->gdbm) == 0
                       ? 0
                       : table_failure(table->path, table->gdbm, "written to the disk", failure);
}

static int table_adopt(GDBM_FILE gdbm, const char *path, int buckets, Table **ret, Failure *failure) {
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

/* GDBM's own header, as it stands at the beginning of a file whose offsets have 64 bits. */
typedef struct Header {
        uint32_t magic;
        int32_t block_size;
        int64_t directory;
        int32_t directory_size, directory_bits, bucket_size, bucket_elements;
        int64_t end; /* where the next block is put */
} Header;

/* GDBM fills a file with zeros up to where its header says that it ends, before it writes into it. With one bit wrong
 * there that would be until the disk is full. All else in the header GDBM checks by itself. */
static int check_end(const char *path, Failure *failure) {
        static const uint32_t magics[] = { 0x13579ACF, 0x13579AD1 };
        _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        struct stat status;
        Header header;

        if (descriptor < 0 || fstat(descriptor, &status) < 0 ||
            pread(descriptor, &header, sizeof(header), 0) != (ssize_t) sizeof(header) ||
            (header.magic != magics[0] && header.magic != magics[1]))
                return 0; /* GDBM says what is wrong */

        if (header.end >= 0 && header.end <= status.st_size + END_SLACK)
                return 0;

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s is damaged (its header). Restore the files of the last backup.", path);
}

int table_open(const char *path, TableMode mode, bool large, Table **ret, Failure *failure) {
        /* Reading is four times faster with mmap, writing ten times without while the file grows. */
        static const int flags[] = {
                GDBM_READER | GDBM_XVERIFY,
                GDBM_WRITER | GDBM_NOMMAP | GDBM_XVERIFY,
                GDBM_NEWDB | GDBM_NOMMAP,
        };
        _cleanup_(table_closep) Table *table = NULL;
        GDBM_FILE gdbm;
        int r;

        r = mode == TABLE_CREATE ? 0 : check_end(path, failure);
        if (r < 0)
                return r;

        /* With a function for fatal errors GDBM calls it and then exit(); with none it returns the error. */
        gdbm = gdbm_open(path, BLOCK_SIZE, flags[mode] | GDBM_CLOEXEC, S_IRUSR | S_IWUSR, NULL);
        if (!gdbm)
                return table_failure(path, NULL, "opened", failure);

        r = table_adopt(gdbm, path,
                        mode == TABLE_READ ? READ_BUCKETS
                        : large            ? 4 * WRITE_BUCKETS
                                           : WRITE_BUCKETS,
                        &table, failure);
        if (r < 0)
                return r;

        if (mode != TABLE_CREATE) {
                r = table_read_state(table, failure);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(table);
        return 0;
}

Table *table_close(Table *table) {
        if (!table)
                return NULL;

        gdbm_close(table->gdbm);
        free(table->path);
        free(table);
        return NULL;
}

static int table_each_key(datum key, TableEach each, void *userdata, Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;

        text = span_to_string(SPAN(key.dptr, (size_t) key.dsize));
        if (!text)
                return failure_no_memory(failure);

        return streq(text, STATE_KEY) ? 0 : each(text, userdata, failure);
}

int table_each(Table *table, TableEach each, void *userdata, Failure *failure) {
        datum key;
        int r;

        key = gdbm_firstkey(table->gdbm);
        while (key.dptr) {
                datum next;

                r = table_each_key(key, each, userdata, failure);
                if (r < 0) {
                        datum_erase(&key);
                        return r;
                }

                next = gdbm_nextkey(table->gdbm, key);
                datum_erase(&key);
                key = next;
        }

        if (gdbm_last_errno(table->gdbm) != GDBM_ITEM_NOT_FOUND)
                return table_failure(table->path, table->gdbm, "read", failure);

        return 0;
}

typedef struct Verifying {
        Table *table;
        TableState found;
        TableProgress progress;
        void *userdata;
} Verifying;

static int verify_key(const char *key, void *userdata, Failure *failure) {
        Verifying *verifying = userdata;
        _cleanup_bytes_ Bytes value = {};
        int r;

        r = table_fetch(verifying->table, key, &value, failure);
        if (r < 0)
                return r == -ENOENT ? table_damaged(verifying->table, "a key cannot be found", failure) : r;

        verifying->found.digest += value_check(key, bytes_span(&value));
        if (verifying->found.keys++ % PROGRESS_INTERVAL != 0 || !verifying->progress)
                return 0;

        return verifying->progress(
                MIN_OF((double) verifying->found.keys / (double) (verifying->table->state.keys + 1), 1.0),
                verifying->userdata, failure);
}

int table_verify(Table *table, TableProgress progress, void *userdata, Failure *failure) {
        Verifying verifying = { .table = table, .progress = progress, .userdata = userdata };
        int r;

        r = table_each(table, verify_key, &verifying, failure);
        if (r < 0)
                return r;

        if (verifying.found.keys != table->state.keys || verifying.found.digest != table->state.digest)
                return table_damaged(table, "keys are missing in it", failure);

        return 0;
}

uint32_t table_hash(const char *key) {
        size_t size = strlen(key);
        uint32_t value = 0x238F13AFU * (uint32_t) size;

        for (size_t i = 0; i < size; i++)
                value = (value + ((uint32_t) key[i] << (i * 5 % 24))) & 0x7FFFFFFF;

        return (1103515243U * value + 12345U) & 0x7FFFFFFF;
}
