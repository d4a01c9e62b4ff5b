/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of files share: a directory of their own, an event loop and a store thread, and callbacks
 * that keep what they were given. */
#ifndef ICREISSUE_TESTS_FILE_FIXTURE_H
#define ICREISSUE_TESTS_FILE_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "base/failure.h"
#include "file/store-thread.h"

typedef struct Place {
        char directory[64];
        sd_event *event;
        StoreThread *thread;
} Place;

/* The event loop and the thread; place_close() ends them, and lets what is under way be done. */
static inline void place_open(Place *place) {
        ck_assert_int_ge(sd_event_new(&place->event), 0);
        ck_assert_int_ge(store_thread_new(place->event, &place->thread), 0);
}

static inline void place_close(Place *place) {
        place->thread = store_thread_free(place->thread);
        place->event = sd_event_unref(place->event);
}

static inline Place place_new(void) {
        Place place = { .directory = "/tmp/icreissue-test-XXXXXX" };

        ck_assert_ptr_nonnull(mkdtemp(place.directory));
        place_open(&place);
        return place;
}

static inline void place_path(const Place *place, const char *name, char ret[static 128]) {
        snprintf(ret, 128, "%s/%s", place->directory, name);
}

static inline void place_done(Place *place) {
        DIR *directory;

        place_close(place);
        directory = opendir(place->directory);
        for (struct dirent *entry; (entry = readdir(directory));) {
                char path[400];

                snprintf(path, sizeof(path), "%s/%s", place->directory, entry->d_name);
                unlink(path);
        }

        closedir(directory);
        ck_assert_int_eq(rmdir(place->directory), 0);
}

/* Runs the event loop until *flag. A minute without is a failure, not a wait. */
static inline void run_until(sd_event *event, const bool *flag) {
        while (!*flag)
                ck_assert_int_gt(sd_event_run(event, 60 * 1000000ULL), 0);
}

static inline size_t read_whole(const char *path, char *buffer, size_t size) {
        int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        ck_assert_int_ge(descriptor, 0);
        n = read(descriptor, buffer, size);
        close(descriptor);
        return n < 0 ? 0 : (size_t) n;
}

/* Files come and go while a checkpoint is made. */
static inline bool path_holds(const char *path, const char *text) {
        int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        struct stat status;
        void *content;
        bool holds;

        if (descriptor < 0) {
                ck_assert_int_eq(errno, ENOENT);
                return false;
        }

        ck_assert_int_eq(fstat(descriptor, &status), 0);
        content = status.st_size > 0
                          ? mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0)
                          : NULL;
        close(descriptor);
        ck_assert_ptr_ne(content, MAP_FAILED);
        holds = content && memmem(content, (size_t) status.st_size, text, strlen(text));
        if (content)
                munmap(content, (size_t) status.st_size);

        return holds;
}

static inline bool file_holds(const Place *place, const char *name, const char *text) {
        char path[128];

        place_path(place, name, path);
        return path_holds(path, text);
}

/* Whether any file of the directory does. */
static inline bool place_holds(const Place *place, const char *text) {
        DIR *directory = opendir(place->directory);
        bool holds = false;

        for (struct dirent *entry; !holds && (entry = readdir(directory));) {
                char path[400];

                snprintf(path, sizeof(path), "%s/%s", place->directory, entry->d_name);
                if (entry->d_type == DT_REG)
                        holds = path_holds(path, text);
        }

        closedir(directory);
        return holds;
}

/* Runs a suite; 0 when every test has passed. */
static inline int run_suite(Suite *suite) {
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}

#endif
