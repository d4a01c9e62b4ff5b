/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of files share: a directory of their own, an event loop and a store thread, and callbacks
 * that keep what they were given. */
#ifndef ICREISSUE_TESTS_FILE_FIXTURE_H
#define ICREISSUE_TESTS_FILE_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "base/failure.h"
#include "file/store-thread.h"

typedef struct Place {
        char directory[64];
        sd_event *event;
        StoreThread *thread;
} Place;

/* As in the daemon: a record that is released leaves nothing in memory. */
static inline Place place_new(void) {
        Place place = { .directory = "/tmp/icreissue-test-XXXXXX" };

        ck_assert_ptr_nonnull(mkdtemp(place.directory));
        ck_assert_int_ge(sd_event_new(&place.event), 0);
        ck_assert_int_ge(store_thread_new(place.event, &place.thread), 0);
        return place;
}

static inline void place_path(const Place *place, const char *name, char ret[static 128]) {
        snprintf(ret, 128, "%s/%s", place->directory, name);
}

static inline void place_done(Place *place) {
        DIR *directory;

        store_thread_free(place->thread);
        sd_event_unref(place->event);
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

static inline bool file_holds(const Place *place, const char *name, const char *text) {
        static char buffer[4 * 1024 * 1024];
        char path[128];
        size_t n;

        place_path(place, name, path);
        if (access(path, F_OK) < 0)
                return false;

        n = read_whole(path, buffer, sizeof(buffer));
        return memmem(buffer, n, text, strlen(text));
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
