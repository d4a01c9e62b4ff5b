/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long changes take, and bare syncs, both at once: each of them has the other one's writes on the same disk. */
#include <pthread.h>

#include "tests/bench/engine.h"

enum {
        FRAME_SIZE = 560, /* of one record, with its key */
};

typedef struct Times {
        double *values;
        size_t count, allocated;
} Times;

static void times_add(Times *times, double value) {
        if (times->count == times->allocated) {
                times->allocated = 2 * times->allocated + 1024;
                times->values = realloc(times->values, times->allocated * sizeof(double));
                if (!times->values)
                        die("no memory");
        }

        times->values[times->count++] = value;
}

static int compare_times(const void *a, const void *b) {
        double first = *(const double *) a, second = *(const double *) b;

        return (first > second) - (first < second);
}

static LongestTimes times_end(Times *times) {
        LongestTimes ret = {};

        if (times->count > 0) {
                qsort(times->values, times->count, sizeof(double), compare_times);
                ret.p99 = times->values[times->count * 99 / 100];
                ret.longest = times->values[times->count - 1];
        }

        free(times->values);
        return ret;
}

typedef struct Syncs {
        int descriptor;
        double end;
        Times times;
} Syncs;

static void *sync_until(void *userdata) {
        static const char frames[CROWD * FRAME_SIZE];
        Syncs *syncs = userdata;

        for (double start = now(), end; start < syncs->end; start = end) {
                if (write(syncs->descriptor, frames, sizeof(frames)) != (ssize_t) sizeof(frames) ||
                    fdatasync(syncs->descriptor) < 0)
                        die("the bare file: %m");
                end = now();
                times_add(&syncs->times, end - start);
        }

        return NULL;
}

void longest_measure(void *store, int descriptor, Random *random, uint64_t records, double slice,
                     LongestTimes *ret_changes, LongestTimes *ret_syncs) {
        Syncs syncs = { .descriptor = descriptor, .end = now() + slice };
        Times changes = {};
        pthread_t thread;

        if (pthread_create(&thread, NULL, sync_until, &syncs) != 0)
                die("no thread");

        for (double start = now(), end; start < syncs.end; start = end) {
                engine_store.update_group(store, random, records, CROWD);
                end = now();
                times_add(&changes, end - start);
        }

        pthread_join(thread, NULL);
        *ret_changes = times_end(&changes);
        *ret_syncs = times_end(&syncs.times);
}
