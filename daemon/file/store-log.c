/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: written with one pwrite() and one fdatasync() an entry, read back at start. */
#include "file/store-log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define HEADER_FORMAT "icreissue store log 1, generation %" PRIu64 "\n"

enum {
        CHECK_SIZE = 16, /* hexadecimal digits */
        LINE_SIZE = 96,  /* more than any header line */
};

struct StoreLog {
        int descriptor;
        char *path;
        uint64_t generation;
        uint64_t begin; /* where entries begin */
        uint64_t end;   /* where the next one goes */
        bool broken;    /* a sync has failed: what is on the disk is not known */
};

typedef struct Entry {
        bool delete;
        size_t key_size;
        size_t value_size;
        char check[CHECK_SIZE + 1];
        Bytes body; /* key, value, newline */
} Entry;

static int log_failure(const StoreLog *log, int errno_value, const char *doing, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s could not be %s (%s). Check the disk, its free space and "
                           "the file's owner.",
                           log->path, doing, strerrordesc_np(abs(errno_value)));
}

static int write_at(int descriptor, Span span, uint64_t offset) {
        while (span.size > 0) {
                ssize_t n = pwrite(descriptor, span.data, span.size, (off_t) offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                span = span_part(span, (size_t) n, span.size);
                offset += (uint64_t) n;
        }

        return 0;
}

/* Returns the number of bytes read: fewer than size at the end of the file only. */
static ssize_t read_at(int descriptor, void *buffer, size_t size, uint64_t offset) {
        size_t have = 0;

        while (have < size) {
                ssize_t n =
                        pread(descriptor, (uint8_t *) buffer + have, size - have, (off_t) (offset + have));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;

                have += (size_t) n;
        }

        return (ssize_t) have;
}

static int entry_check(const StoreLog *log, uint64_t offset, const Entry *entry,
                       char ret[static CHECK_SIZE + 1]) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        char prefix[LINE_SIZE];
        EVP_MD_CTX *context;
        int length, r = -ENOMEM;

        length = snprintf(prefix, sizeof(prefix), "%" PRIu64 " %" PRIu64 " %d %zu %zu ", log->generation,
                          offset, entry->delete, entry->key_size, entry->value_size);
        context = EVP_MD_CTX_new();
        if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
            EVP_DigestUpdate(context, prefix, (size_t) length) == 1 &&
            EVP_DigestUpdate(context, entry->body.data, entry->key_size + entry->value_size) == 1 &&
            EVP_DigestFinal_ex(context, digest, NULL) == 1)
                r = 0;

        EVP_MD_CTX_free(context);
        for (size_t i = 0; r == 0 && i < CHECK_SIZE / 2; i++)
                sprintf(ret + 2 * i, "%02x", digest[i]);

        return r;
}

static int log_read_header(StoreLog *log, Failure *failure) {
        char line[LINE_SIZE + 1] = {};
        const char *newline;
        ssize_t n;

        n = read_at(log->descriptor, line, LINE_SIZE, 0);
        if (n < 0)
                return log_failure(log, (int) n, "read", failure);

        newline = memchr(line, '\n', (size_t) n);
        /* Empty, or ended while the log was begun anew: the GDBM file was whole then. */
        if (!newline && n < LINE_SIZE)
                return 0;

        if (!newline || sscanf(line, "icreissue store log 1, generation %" SCNu64, &log->generation) != 1 ||
            log->generation == 0)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "%s is no log of this version's. Restore it from a "
                                   "backup, together with the GDBM file.",
                                   log->path);

        log->begin = log->end = (uint64_t) (newline + 1 - line);
        return 0;
}

int store_log_open(const char *path, StoreLog **ret, Failure *failure) {
        _cleanup_(store_log_closep) StoreLog *log = NULL;
        int r;

        log = new0(StoreLog, 1);
        if (!log)
                return failure_no_memory(failure);

        log->descriptor = -1;
        log->path = strdup(path);
        if (!log->path)
                return failure_no_memory(failure);

        log->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (log->descriptor < 0)
                return log_failure(log, errno, "opened", failure);

        if (flock(log->descriptor, LOCK_EX | LOCK_NB) < 0)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s is in use by another icreissued. Stop that one first, or give this one a state "
                        "directory of its own.",
                        path);

        r = log_read_header(log, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(log);
        return 0;
}

StoreLog *store_log_close(StoreLog *log) {
        if (!log)
                return NULL;

        cleanup_close(&log->descriptor);
        free(log->path);
        free(log);
        return NULL;
}

uint64_t store_log_generation(const StoreLog *log) {
        return log->generation;
}

uint64_t store_log_size(const StoreLog *log) {
        return log->end - log->begin;
}

static int log_damaged(const StoreLog *log, uint64_t offset, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s is damaged at byte %" PRIu64
                           ". Restore it from a backup, together with the GDBM file.",
                           log->path, offset);
}

static bool entry_parse_line(const char *line, Entry *ret) {
        char operation[8];

        if (sscanf(line, "%7s %zu %zu %16[0-9a-f]", operation, &ret->key_size, &ret->value_size,
                   ret->check) != 4)
                return false;

        ret->delete = streq(operation, "delete");
        return (ret->delete || streq(operation, "put")) && ret->key_size > 0 &&
               ret->key_size <= STORE_KEY_MAX && ret->value_size <= STORE_VALUE_MAX;
}

/* Reads one entry. Returns its size; 0 where what is there is a torn last entry; a negative errno for
 * damage. */
static ssize_t log_read_entry(StoreLog *log, uint64_t offset, uint64_t file_size, Entry *entry,
                              Failure *failure) {
        char line[LINE_SIZE + 1] = {}, check[CHECK_SIZE + 1] = {};
        size_t line_size, body_size;
        char *newline;
        ssize_t n;
        int r;

        n = read_at(log->descriptor, line, LINE_SIZE, offset);
        if (n < 0)
                return log_failure(log, (int) n, "read", failure);

        newline = memchr(line, '\n', (size_t) n);
        if (newline)
                *newline = '\0';

        /* A file that was grown but not filled when the power went holds zeros. */
        if ((!newline && n < LINE_SIZE) || line[0] == '\0')
                return 0;

        if (!newline || !entry_parse_line(line, entry))
                return log_damaged(log, offset, failure);

        line_size = strlen(line) + 1;
        body_size = entry->key_size + entry->value_size + 1;
        if (offset + line_size + body_size > file_size)
                return 0;

        bytes_clear(&entry->body);
        r = bytes_append_fill(&entry->body, 0, body_size);
        if (r < 0)
                return failure_no_memory(failure);

        n = read_at(log->descriptor, entry->body.data, body_size, offset + line_size);
        if (n < 0 || (size_t) n < body_size)
                return log_failure(log, n < 0 ? (int) n : EIO, "read", failure);

        r = entry_check(log, offset, entry, check);
        if (r < 0)
                return failure_no_memory(failure);
        if (!streq(check, entry->check))
                return offset + line_size + body_size == file_size ? 0 : log_damaged(log, offset, failure);

        return (ssize_t) (line_size + body_size);
}

static int entry_deliver(const Entry *entry, StoreLogEach each, void *userdata, Failure *failure) {
        _cleanup_free_ char *key = NULL;
        Span value;

        key = span_to_string(SPAN(entry->body.data, entry->key_size));
        if (!key)
                return failure_no_memory(failure);

        value = SPAN(entry->body.data + entry->key_size, entry->value_size);
        return each(key, entry->delete ? NULL : &value, userdata, failure);
}

static void entry_done(Entry *entry) {
        bytes_done(&entry->body);
}

int store_log_replay(StoreLog *log, StoreLogEach each, void *userdata, Failure *failure) {
        _cleanup_(entry_done) Entry entry = {};
        uint64_t offset = log->begin;
        struct stat status;
        int r;

        if (fstat(log->descriptor, &status) < 0)
                return log_failure(log, errno, "read", failure);

        while (offset < (uint64_t) status.st_size) {
                ssize_t size = log_read_entry(log, offset, (uint64_t) status.st_size, &entry, failure);

                if (size < 0)
                        return (int) size;
                if (size == 0)
                        break;

                r = entry_deliver(&entry, each, userdata, failure);
                if (r < 0)
                        return r;

                offset += (uint64_t) size;
        }

        if (offset < (uint64_t) status.st_size &&
            (ftruncate(log->descriptor, (off_t) offset) < 0 || fdatasync(log->descriptor) < 0))
                return log_failure(log, errno, "written", failure);

        log->end = offset;
        return 0;
}

static int log_format_entry(StoreLog *log, const char *key, const Span *value, Bytes *ret) {
        _cleanup_(entry_done) Entry entry = {
                .delete = !value,
                .key_size = strlen(key),
                .value_size = value ? value->size : 0,
        };
        char line[LINE_SIZE], check[CHECK_SIZE + 1] = {};
        int r;

        r = bytes_append(&entry.body, span_of_string(key));
        if (r >= 0 && value)
                r = bytes_append(&entry.body, *value);
        if (r >= 0)
                r = bytes_append_byte(&entry.body, '\n');
        if (r >= 0)
                r = entry_check(log, log->end, &entry, check);
        if (r < 0)
                return r;

        snprintf(line, sizeof(line), "%s %zu %zu %s\n", value ? "put" : "delete", entry.key_size,
                 entry.value_size, check);
        r = bytes_append(ret, span_of_string(line));
        if (r < 0)
                return r;

        return bytes_append(ret, bytes_span(&entry.body));
}

int store_log_append(StoreLog *log, const char *key, const Span *value, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        if (log->broken)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s could not be written before, so it takes no changes. Check the disk, then "
                        "restart the service.",
                        log->path);

        r = log_format_entry(log, key, value, &text);
        if (r < 0)
                return failure_no_memory(failure);

        r = write_at(log->descriptor, bytes_span(&text), log->end);
        if (r < 0) {
                /* Whatever part of it is there must not stand before the next entry. */
                log->broken = ftruncate(log->descriptor, (off_t) log->end) < 0;
                return log_failure(log, r, "written", failure);
        }

        /* A failed sync is never repeated as if nothing had happened: the kernel has dropped the pages. */
        if (fdatasync(log->descriptor) < 0) {
                log->broken = true;
                return log_failure(log, errno, "written to the disk", failure);
        }

        log->end += text.size;
        return 0;
}

int store_log_reset(StoreLog *log, uint64_t generation, bool erase, Failure *failure) {
        char header[LINE_SIZE];
        int r = 0;

        if (erase)
                r = store_erase_descriptor(log->descriptor);
        if (r >= 0 && ftruncate(log->descriptor, 0) < 0)
                r = -errno;

        snprintf(header, sizeof(header), HEADER_FORMAT, generation);
        if (r >= 0)
                r = write_at(log->descriptor, span_of_string(header), 0);
        if (r >= 0 && fdatasync(log->descriptor) < 0)
                r = -errno;
        if (r < 0) {
                log->broken = true;
                return log_failure(log, r, "begun anew", failure);
        }

        log->generation = generation;
        log->begin = log->end = strlen(header);
        return 0;
}

int store_erase_descriptor(int descriptor) {
        static const uint8_t zeros[65536];
        struct stat status;
        int r;

        if (fstat(descriptor, &status) < 0)
                return -errno;

        for (uint64_t offset = 0; offset < (uint64_t) status.st_size; offset += sizeof(zeros)) {
                size_t size = MIN_OF((uint64_t) status.st_size - offset, sizeof(zeros));

                r = write_at(descriptor, SPAN(zeros, size), offset);
                if (r < 0)
                        return r;
        }

        return fdatasync(descriptor) < 0 ? -errno : 0;
}
