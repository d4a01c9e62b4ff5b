/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GDBM, wrapped: datums become spans, error numbers become failures, what was fetched is erased, and every value
 * carries a check. */
#include "file/table-private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/signals.h"

#define STATE_KEY    "@store"
#define STATE_FORMAT "icreissue store 3 applied %" PRIu64 " keys %" PRIu64 " digest %016" PRIx64

enum {
        BLOCK_SIZE = 4096,
        /* Bounds GDBM's cache, which left to itself grows with the file. The kernel holds what is read through mmap
         * anyway; a writer that goes in the order of table_hash() needs few buckets, too. */
        READ_BUCKETS = 64,
        WRITE_BUCKETS = 1000,
        SPREAD_SIZE = 9,              /* a space and 8 digits */
        CHECK_SIZE = 17,              /* a newline and 16 digits */
        END_SLACK = 16 * 1024 * 1024, /* bytes that a file may end before its header says so */
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

int table_damaged(const Table *table, const char *what, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s is damaged (%s). Restore the files of the last backup.", table->path, what);
}

/* A key as it stands in the file: followed by a space and its spread, 8 hexadecimal digits (FORMAT.md). */
typedef struct Key {
        uint64_t hash; /* of the key without it */
        size_t size;
        char text[TABLE_KEY_MAX + SPREAD_SIZE];
} Key;

/* Adds the number's digits, the last ones of it. */
static void write_digits(uint64_t number, char *ret, size_t count) {
        for (size_t i = count; i-- > 0; number >>= 4)
                ret[i] = "0123456789abcdef"[number & 0xF];
}

/* The store's own key stands as it is. False where the key is too long. */
static bool key_make(const char *key, Key *ret) {
        size_t size = strlen(key);

        if (size > TABLE_KEY_MAX)
                return false;

        memcpy(ret->text, key, size);
        ret->hash = XXH3_64bits(key, size);
        ret->size = size;
        if (key[0] == '@')
                return true;

        ret->text[size] = ' ';
        write_digits(ret->hash, ret->text + size + 1, SPREAD_SIZE - 1);
        ret->size += SPREAD_SIZE;
        return true;
}

static datum key_datum(const Key *key) {
        return (datum){ .dptr = (char *) key->text, .dsize = (int) key->size };
}

static void datum_erase(datum *value) {
        if (!value->dptr)
                return;

        explicit_bzero(value->dptr, (size_t) value->dsize);
        free(value->dptr);
        *value = (datum){};
}

static void set_buckets(GDBM_FILE gdbm, int buckets) {
        gdbm_setopt(gdbm, GDBM_SETCACHESIZE, &buckets, sizeof(buckets));
}

static uint64_t check_value(const Key *key, Span value) {
        return XXH3_64bits_withSeed(value.data, value.size, key->hash);
}

uint64_t table_check(const char *key, Span value) {
        return XXH3_64bits_withSeed(value.data, value.size, XXH3_64bits(key, strlen(key)));
}

/* By hand, since it is done for each value that is read. */
static void check_format(uint64_t check, char ret[static CHECK_SIZE]) {
        ret[0] = '\n';
        write_digits(check, ret + 1, CHECK_SIZE - 1);
}

/* Whether the datum ends with the check of what stands before it. */
static bool check_fits(const Key *key, const datum *value) {
        char expected[CHECK_SIZE];
        size_t size;

        if (value->dsize < CHECK_SIZE)
                return false;

        size = (size_t) value->dsize - CHECK_SIZE;
        check_format(check_value(key, SPAN(value->dptr, size)), expected);
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

void table_path_again(const Table *table, char ret[static TABLE_PATH_AGAIN]) {
        snprintf(ret, TABLE_PATH_AGAIN, "/proc/self/fd/%d", gdbm_fdesc(table->gdbm));
}

/* Without mmap GDBM says of each access whether it was possible; and it refuses every other one afterwards, until the file
 * is opened again. */
static void leave_mapping(Table *table) {
        char path[TABLE_PATH_AGAIN];
        GDBM_FILE gdbm;

        table->lost = table->filling;
        if (table->lost)
                return;

        table_path_again(table, path);
        gdbm = gdbm_open(path, BLOCK_SIZE, GDBM_READER | GDBM_XVERIFY | GDBM_CLOEXEC | GDBM_NOMMAP, 0, NULL);
        if (!gdbm) {
                table->lost = true;
                return;
        }

        gdbm_close(table->gdbm);
        table->gdbm = gdbm;
        set_buckets(gdbm, READ_BUCKETS);
}

/* Every access to the file that may go through its mapping. */
static datum table_access(Table *table, datum (*access)(GDBM_FILE gdbm, datum key), datum key) {
        datum value;

        if (table->reading && !table->lost && gdbm_needs_recovery(table->gdbm))
                leave_mapping(table);
        if (table->lost)
                return (datum){};

        mapped_read_begin();
        value = access(table->gdbm, key);
        if (!mapped_read_end())
                return value;

        datum_erase(&value);
        leave_mapping(table);
        return table->lost ? (datum){} : access(table->gdbm, key);
}

/* After an access that found nothing: -ENOENT where that is so, a failure where it could not look. */
static int table_not_found(const Table *table, Failure *failure) {
        if (table->lost)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s can no longer be read: it was cut, or its disk fails. Restore the files of the "
                        "last backup.",
                        table->path);

        return gdbm_last_errno(table->gdbm) == GDBM_ITEM_NOT_FOUND
                       ? -ENOENT
                       : table_failure(table->path, table->gdbm, "read", failure);
}

/* The value with its check still behind it. -ENOENT where there is none. */
static int table_fetch_datum(Table *table, const Key *key, datum *ret, Failure *failure) {
        *ret = table_access(table, gdbm_fetch, key_datum(key));
        return ret->dptr ? 0 : table_not_found(table, failure);
}

int table_fetch(Table *table, const char *name, Bytes *ret, Failure *failure) {
        datum value;
        Key key;
        int r;

        if (!key_make(name, &key))
                return -ENOENT;

        r = table_fetch_datum(table, &key, &value, failure);
        if (r < 0)
                return r;

        if (!check_fits(&key, &value)) {
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

/* In the size: 1 or 0. */
static datum access_exists(GDBM_FILE gdbm, datum key) {
        return (datum){ .dsize = gdbm_exists(gdbm, key) };
}

int table_contains(Table *table, const char *name, Failure *failure) {
        Key key;
        int r;

        if (!key_make(name, &key))
                return 0;

        if (table_access(table, access_exists, key_datum(&key)).dsize > 0)
                return 1;

        if (!table->lost && gdbm_last_errno(table->gdbm) == GDBM_NO_ERROR)
                return 0;

        r = table_not_found(table, failure);
        return r == -ENOENT ? 0 : r;
}

/* Takes the key's present value, if any, out of the number of keys and the digest. */
static int table_forget(Table *table, const Key *key, Failure *failure) {
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

/* The mapping's page may be one that cannot be read. */
static int store_guarded(Table *table, datum key, datum content, int flag) {
        int r;

        if (!table->filling)
                return gdbm_store(table->gdbm, key, content, flag);

        mapped_read_begin();
        r = gdbm_store(table->gdbm, key, content, flag);
        table->lost = mapped_read_end() || table->lost;
        return r;
}

static int table_store(Table *table, const Key *key, Span value, int flag, uint64_t *ret_check,
                       Failure *failure) {
        _cleanup_bytes_ Bytes content = {};
        int r;

        *ret_check = check_value(key, value);
        if (bytes_append_fill(&content, 0, value.size + CHECK_SIZE) < 0 || content.size > INT_MAX)
                return failure_no_memory(failure);

        if (value.size > 0)
                memcpy(content.data, value.data, value.size);
        check_format(*ret_check, (char *) content.data + value.size);
        r = table_room_take(table, key->size + content.size, failure);
        if (r < 0)
                return r;

        r = store_guarded(table, key_datum(key),
                          (datum){ .dptr = (char *) content.data, .dsize = (int) content.size }, flag);
        if (table->lost)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "%s could not be written: it was cut, or its disk fails. Check the disk.",
                                   table->path);
        if (r < 0)
                return table_failure(table->path, table->gdbm, "written", failure);

        return r > 0 ? -EEXIST : 0;
}

int table_put(Table *table, const char *name, Span value, Failure *failure) {
        uint64_t check;
        Key key;
        int r;

        if (!key_make(name, &key))
                return failure_set(failure, FAILURE_STORE_FAILED, "A key is too long for %s.", table->path);

        r = table_store(table, &key, value, GDBM_INSERT, &check, failure);
        if (r == -EEXIST) {
                r = table_forget(table, &key, failure);
                if (r >= 0)
                        r = table_store(table, &key, value, GDBM_REPLACE, &check, failure);
        }
        if (r < 0)
                return r;

        table->state.keys++;
        table->state.digest += check;
        return 0;
}

int table_delete(Table *table, const char *name, Failure *failure) {
        Key key;
        int r;

        if (!key_make(name, &key))
                return 0;

        r = table_forget(table, &key, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        return gdbm_delete(table->gdbm, key_datum(&key)) == 0
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
                   "icreissue store 3 applied %" SCNu64 " keys %" SCNu64 " digest %" SCNx64,
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
        Key key;
        int r;

        r = table_room_end(table, failure);
        if (r < 0)
                return r;

        (void) key_make(STATE_KEY, &key);
        table->state.applied = applied;
        snprintf(text, sizeof(text), STATE_FORMAT, applied, table->state.keys, table->state.digest);
        r = table_store(table, &key, span_of_string(text), GDBM_REPLACE, &check, failure);
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
        set_buckets(gdbm, buckets);
        *ret = table;
        return 0;
}

/* GDBM fills a file with zeros up to where its header says that it ends, before it writes into it. With one bit wrong
 * there that would be until the disk is full. All else in the header GDBM checks by itself. */
static int check_end(const char *path, Failure *failure) {
        _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        struct stat status;
        TableHeader header;

        if (descriptor < 0 || fstat(descriptor, &status) < 0 ||
            pread(descriptor, &header, sizeof(header), 0) != (ssize_t) sizeof(header) ||
            !table_header_is_known(&header))
                return 0; /* GDBM says what is wrong */

        if (header.end >= 0 && header.end <= status.st_size + END_SLACK)
                return 0;

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s is damaged (its header). Restore the files of the last backup.", path);
}

/* With a function for fatal errors GDBM calls it and then exit(); with none it returns the error. */
static GDBM_FILE open_guarded(const char *path, int flags) {
        GDBM_FILE gdbm;

        mapped_read_guard();
        mapped_read_begin();
        gdbm = gdbm_open(path, BLOCK_SIZE, flags, S_IRUSR | S_IWUSR, NULL);
        if (!mapped_read_end())
                return gdbm;

        if (gdbm)
                gdbm_close(gdbm);

        return gdbm_open(path, BLOCK_SIZE, flags | GDBM_NOMMAP, S_IRUSR | S_IWUSR, NULL);
}

int table_open(const char *path, TableMode mode, bool large, Table **ret, Failure *failure) {
        /* Reading is four times faster with mmap; writing ten times without, while the file grows in GDBM's own way
         * (table-room.c has another). */
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

        gdbm = open_guarded(path, flags[mode] | GDBM_CLOEXEC);
        if (!gdbm)
                return table_failure(path, NULL, "opened", failure);

        r = table_adopt(gdbm, path,
                        mode == TABLE_READ ? READ_BUCKETS
                        : large            ? 4 * WRITE_BUCKETS
                                           : WRITE_BUCKETS,
                        &table, failure);
        if (r < 0)
                return r;

        table->reading = mode == TABLE_READ;
        if (mode == TABLE_CREATE && large)
                table_room_begin(table);
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

static bool key_is_state(datum key) {
        return span_equal(SPAN(key.dptr, (size_t) key.dsize), span_of_string(STATE_KEY));
}

static int table_each_key(const Table *table, datum found, TableEach each, void *userdata, Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;
        Key key;

        if (key_is_state(found))
                return 0;

        text = span_to_string(SPAN(found.dptr, (size_t) MAX_OF(found.dsize - SPREAD_SIZE, 0)));
        if (!text)
                return failure_no_memory(failure);

        if (!key_make(text, &key) ||
            !span_equal(SPAN(key.text, key.size), SPAN(found.dptr, (size_t) found.dsize)))
                return table_damaged(table, "a key", failure);

        return each(text, userdata, failure);
}

static datum access_first(GDBM_FILE gdbm, datum key _unused_) {
        return gdbm_firstkey(gdbm);
}

int table_each(Table *table, TableEach each, void *userdata, Failure *failure) {
        datum key;
        int r;

        key = table_access(table, access_first, (datum){});
        while (key.dptr) {
                datum next;

                r = table_each_key(table, key, each, userdata, failure);
                if (r < 0) {
                        datum_erase(&key);
                        return r;
                }

                next = table_access(table, gdbm_nextkey, key);
                datum_erase(&key);
                key = next;
        }

        r = table_not_found(table, failure);
        return r == -ENOENT ? 0 : r;
}

uint32_t table_hash(const char *name) {
        uint32_t value;
        Key key;

        if (!key_make(name, &key))
                return 0;

        value = 0x238F13AFU * (uint32_t) key.size;
        for (size_t i = 0; i < key.size; i++)
                value = (value + ((uint32_t) key.text[i] << (i * 5 % 24))) & 0x7FFFFFFF;

        return (1103515243U * value + 12345U) & 0x7FFFFFFF;
}
