/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the model and the damage tests of the store share: random numbers from a seed, contents of a store as a
 * plain array of versions (a key's value follows from its number and its version), and whole directories copied. */
#ifndef ICREISSUE_TESTS_STORE_CONTENT_H
#define ICREISSUE_TESTS_STORE_CONTENT_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "file/store.h"

enum {
        CONTENT_KEYS = 150,
        CONTENT_KEY_SIZE = 64,
};

typedef struct Random {
        uint64_t state;
} Random;

/* splitmix64 */
static inline uint64_t random_next(Random *random) {
        uint64_t x = random->state += 0x9E3779B97F4A7C15;

        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
}

/* 0 to limit - 1 */
static inline uint64_t random_below(Random *random, uint64_t limit) {
        return random_next(random) % limit;
}

/* ICREISSUE_SEED, or another one each time. */
static inline uint64_t random_seed(void) {
        const char *text = getenv("ICREISSUE_SEED");
        struct timespec time;

        if (text)
                return strtoull(text, NULL, 0);

        clock_gettime(CLOCK_REALTIME, &time);
        return (uint64_t) time.tv_sec * 1000000007 + (uint64_t) time.tv_nsec + (uint64_t) getpid();
}

static inline bool is_nightly(void) {
        const char *text = getenv("ICREISSUE_NIGHTLY");

        return text && streq(text, "1");
}

static inline double seconds_now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/* --- contents --- */

/* The version of each key; 0: it is not there. */
typedef struct Content {
        uint32_t versions[CONTENT_KEYS];
} Content;

static inline const char *content_key(unsigned number, char ret[static CONTENT_KEY_SIZE]) {
        snprintf(ret, CONTENT_KEY_SIZE, "%s/%04u", number % 3 ? "staff-v2" : ".reissuing", number);
        return ret;
}

/* The number of a key; CONTENT_KEYS for one that is none. */
static inline unsigned content_number(const char *key) {
        const char *slash = strchr(key, '/');
        char expected[CONTENT_KEY_SIZE];
        unsigned long number;

        number = slash ? strtoul(slash + 1, NULL, 10) : CONTENT_KEYS;
        if (number >= CONTENT_KEYS || !streq(content_key((unsigned) number, expected), key))
                return CONTENT_KEYS;

        return (unsigned) number;
}

/* Mostly like records, some empty, some of many blocks. */
static inline size_t content_size(Random *random) {
        switch (random_below(random, 40)) {
        case 0:
                return 0;
        case 1:
                return (size_t) random_below(random, 40000);
        case 2:
                return 4096 - (size_t) random_below(random, 64);
        default:
                return (size_t) random_below(random, 900);
        }
}

static inline void content_value(unsigned number, uint32_t version, Bytes *ret) {
        Random random = { (uint64_t) number << 32 | version };
        size_t size = content_size(&random);

        bytes_clear(ret);
        ck_assert_int_eq(bytes_append_fill(ret, 0, size), 0);
        for (size_t i = 0; i < size; i++)
                ret->data[i] = (uint8_t) random_next(&random);
}

static inline bool content_is_value(unsigned number, uint32_t version, const Bytes *value) {
        _cleanup_bytes_ Bytes expected = {};

        content_value(number, version, &expected);
        return span_equal(bytes_span(&expected), bytes_span(value));
}

static inline uint64_t content_count(const Content *content) {
        uint64_t count = 0;

        for (unsigned i = 0; i < CONTENT_KEYS; i++)
                count += content->versions[i] > 0;

        return count;
}

/* --- directories --- */

/* In memory where there is such a place: nothing here depends on a disk. */
static inline void directory_make(char ret[static CONTENT_KEY_SIZE]) {
        snprintf(ret, CONTENT_KEY_SIZE, "%s/icreissue-test-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(ret));
}

typedef void (*DirectoryEach)(const char *directory, const char *name, void *userdata);

static inline void directory_each(const char *directory, DirectoryEach each, void *userdata) {
        DIR *stream = opendir(directory);

        ck_assert_ptr_nonnull(stream);
        for (struct dirent *entry; (entry = readdir(stream));)
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        each(directory, entry->d_name, userdata);
        closedir(stream);
}

static inline void file_remove(const char *directory, const char *name, _unused_ void *userdata) {
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        unlink(path);
}

static inline void directory_remove(const char *directory) {
        directory_each(directory, file_remove, NULL);
        ck_assert_int_eq(rmdir(directory), 0);
}

/* Replaces what ret holds; false where the file went meanwhile. Of a log that reaches ahead the zeros count too. */
static inline bool file_read(const char *directory, const char *name, Bytes *ret) {
        _cleanup_close_ int descriptor = -1;
        struct stat status;
        char path[512];
        ssize_t n;

        bytes_clear(ret);
        snprintf(path, sizeof(path), "%s/%s", directory, name);
        descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0 || fstat(descriptor, &status) < 0)
                return false;

        ck_assert_int_eq(bytes_append_fill(ret, 0, (size_t) status.st_size), 0);
        n = pread(descriptor, ret->data, ret->size, 0);
        return n == (ssize_t) ret->size;
}

static inline void file_write(const char *directory, const char *name, Span content) {
        _cleanup_close_ int descriptor = -1;
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
        ck_assert_msg(descriptor >= 0, "%s: %m", path);
        ck_assert_int_eq(write(descriptor, content.data, content.size), (ssize_t) content.size);
}

/* All files of a directory. */
enum { FILES_MAX = 24 };

typedef struct Files {
        struct {
                char name[256];
                Bytes content;
        } file[FILES_MAX];
        size_t count;
        bool moving; /* one went while they were read */
} Files;

static inline void files_done(Files *files) {
        for (size_t i = 0; i < FILES_MAX; i++)
                bytes_done(&files->file[i].content);
        files->count = 0;
}
#define _cleanup_files_ _cleanup_(files_done)

static inline void files_add(const char *directory, const char *name, void *userdata) {
        Files *files = userdata;

        ck_assert_uint_lt(files->count, FILES_MAX);
        if (!file_read(directory, name, &files->file[files->count].content))
                files->moving = true;
        snprintf(files->file[files->count++].name, sizeof(files->file[0].name), "%s", name);
}

static inline void files_read(const char *directory, Files *ret) {
        ret->count = 0;
        ret->moving = false;
        directory_each(directory, files_add, ret);
}

static inline bool files_equal(const Files *a, const Files *b) {
        if (a->moving || b->moving || a->count != b->count)
                return false;

        for (size_t i = 0; i < a->count; i++)
                if (!streq(a->file[i].name, b->file[i].name) ||
                    !span_equal(bytes_span(&a->file[i].content), bytes_span(&b->file[i].content)))
                        return false;

        return true;
}

static inline void files_write(const Files *files, const char *directory) {
        for (size_t i = 0; i < files->count; i++)
                file_write(directory, files->file[i].name, bytes_span(&files->file[i].content));
}

/* As they are at one moment, while a checkpoint may be writing them: read until twice the same was read, which is
 * then what they were when the first reading ended. False where they never stood still for so long. */
static inline bool files_capture(const char *directory, Files *ret) {
        _cleanup_files_ Files again = {};

        for (unsigned i = 0; i < 100; i++) {
                files_read(directory, ret);
                files_read(directory, &again);
                if (files_equal(ret, &again))
                        return true;
        }

        return false;
}

#endif
