/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a check, a backup, a rotation: how it begins, tells news, is cancelled and ends. What it does is
 * care-check.c's, care-backup.c's and care-rotate.c's. */
#include "file/care.h"

#include <time.h>

#include "file/care-internal.h"

enum {
        NEWS_INTERVAL = 200, /* ms */
};

static uint64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

static void care_free(Care *care) {
        if (!care)
                return;

        sd_event_source_disable_unref(care->ending);
        worker_free(care->worker);
        store_snapshot_free(care->records);
        store_snapshot_free(care->jobs);
        issuance_context_done(&care->context);
        cleanup_close(&care->directory);
        care_rotation_done(&care->rotation);
        failure_done(&care->failure);
        free(care->advice);
        reissuing_file_unref(care->reissuing);
        issuance_file_unref(care->issuance);
        free(care);
}
DEFINE_CLEANUP(Care *, care_free)

/* --- news --- */

int care_check_cancelled(Care *care, Failure *failure) {
        if (!atomic_load(&care->cancelled))
                return 0;

        return failure_set(failure, FAILURE_CANCELLED, "It was cancelled.");
}

static void say(Care *care, double progress, uint64_t count) {
        _cleanup_failure_ Failure none = {};
        const CareNews news = { .progress = progress, .count = count, .failure = &none };

        if (care->callback)
                care->callback(&news, care->userdata);
}

/* A few times a second; true when it is time. */
static bool care_is_due(Care *care) {
        uint64_t now = now_ms();

        if (now < care->told_at + NEWS_INTERVAL)
                return false;

        care->told_at = now;
        return true;
}

void care_say(Care *care) {
        if (care_is_due(care))
                say(care, care->progress, care->count);
}

typedef struct Posted {
        Care *care;
        double progress;
        uint64_t count;
} Posted;

static void deliver(void *userdata) {
        _cleanup_free_ Posted *posted = userdata;

        say(posted->care, posted->progress, posted->count);
}

int care_tell(Care *care, double progress, Failure *failure) {
        Posted *posted;

        care->progress = progress;
        if (care_is_due(care)) {
                posted = new0(Posted, 1);
                if (!posted)
                        return failure_no_memory(failure);

                *posted = (Posted){ .care = care, .progress = progress, .count = care->count };
                if (worker_post(care->worker, deliver, posted) < 0) {
                        free(posted);
                        return failure_no_memory(failure);
                }
        }

        return care_check_cancelled(care, failure);
}

int care_part_progress(double progress, void *userdata, Failure *failure) {
        const CarePart *part = userdata;

        return care_tell(part->care, part->from + (part->to - part->from) * progress, failure);
}

/* --- the end --- */

static int on_ending(sd_event_source *source _unused_, void *userdata) {
        Care *care = userdata;
        const CareNews news = {
                .progress = failure_is_set(&care->failure) ? care->progress : 1,
                .count = care->count,
                .finished = true,
                .advice = care->advice,
                .failure = &care->failure,
        };

        if (care->callback)
                care->callback(&news, care->userdata);
        care_free(care);
        return 0;
}

void care_end(Care *care) {
        sd_event_source_set_enabled(care->ending, SD_EVENT_ONESHOT);
}

bool care_task_done(Care *care) {
        care->submitted = false;
        if (care->abandoned) {
                care_free(care);
                return false;
        }

        if (failure_is_set(&care->failure) || care_check_cancelled(care, &care->failure) < 0) {
                care_end(care);
                return false;
        }

        return true;
}

void care_cancel(Care *care) {
        atomic_store(&care->cancelled, true);
}

void care_abandon(Care *care) {
        care->callback = NULL;
        care->abandoned = true;
        care_cancel(care);
        care->worker = worker_free(care->worker);
        if (!care->submitted)
                care_free(care);
}

/* --- check and backup --- */

static void run_work(void *userdata) {
        Care *care = userdata;
        int r;

        r = care->work(care, &care->failure);
        if (r < 0 && !failure_is_set(&care->failure))
                failure_no_memory(&care->failure);

        care->records = store_snapshot_free(care->records);
        care->jobs = store_snapshot_free(care->jobs);
}

static void on_worked(void *userdata) {
        care_end(userdata);
}

/* Whether ".indexed" is what it would be of an index that is complete. */
static int on_own_key(const char *key, Span value, void *userdata, Failure *failure) {
        Care *care = userdata;
        _cleanup_bytes_ Bytes stored = {};
        int r;

        if (!streq(key, ".indexed"))
                return 0;

        r = store_fetch(care->issuance->store, key, &stored, failure);
        if (r == -ENOENT)
                return 0;

        care->index_complete = r >= 0 && span_equal(bytes_span(&stored), value);
        return r;
}

static int take_snapshots(Care *care, Failure *failure) {
        IssuanceFile *file = care->issuance;
        int r;

        care->context = issuance_context_copy(&file->on_store);
        r = issuance_read_count(file->store, &care->record_count, failure);
        if (r >= 0)
                r = issuance_own_keys(file, &care->context, care->record_count, on_own_key, care, failure);
        if (r >= 0)
                r = store_snapshot(file->store, &care->records, failure);
        if (r >= 0)
                r = store_snapshot(care->reissuing->store, &care->jobs, failure);

        return r;
}

static void run_snapshots(void *userdata) {
        Care *care = userdata;

        if (take_snapshots(care, &care->failure) < 0 && !failure_is_set(&care->failure))
                failure_no_memory(&care->failure);
}

static void on_snapshots(void *userdata) {
        Care *care = userdata;
        int r;

        if (!care_task_done(care))
                return;

        r = worker_submit(care->worker, run_work, on_worked, care);
        if (r < 0) {
                failure_no_memory(&care->failure);
                care_end(care);
        }
}

static int care_new(IssuanceFile *issuance, ReissuingFile *reissuing, CareCallback callback, void *userdata,
                    Care **ret, Failure *failure) {
        _cleanup_(care_freep) Care *care = new0(Care, 1);
        int r;

        if (!care)
                return failure_no_memory(failure);

        care->directory = -1;
        care->issuance = issuance_file_ref(issuance);
        care->reissuing = reissuing_file_ref(reissuing);
        care->callback = callback;
        care->userdata = userdata;
        r = sd_event_add_defer(store_thread_event(issuance->thread), &care->ending, on_ending, care);
        if (r >= 0)
                r = sd_event_source_set_enabled(care->ending, SD_EVENT_OFF);
        if (r < 0)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(care);
        return 0;
}

/* `alone`: no other task's changes, uncommitted still, are between the two snapshots. */
static int begin_work(Care *care, int (*work)(Care *care, Failure *failure), Failure *failure) {
        const StoreTask task = {
                .run = run_snapshots,
                .done = on_snapshots,
                .failure = &care->failure,
                .store = care->issuance->store,
                .userdata = care,
                .alone = true,
        };
        int r;

        care->work = work;
        r = worker_new(store_thread_event(care->issuance->thread), "care", &care->worker);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, r, "Its thread cannot be started");

        r = store_thread_submit(care->issuance->thread, &task);
        if (r < 0)
                return failure_no_memory(failure);

        care->submitted = true;
        return 0;
}

int care_check(IssuanceFile *issuance, ReissuingFile *reissuing, CareCallback callback, void *userdata,
               Care **ret, Failure *failure) {
        _cleanup_(care_freep) Care *care = NULL;
        int r;

        r = care_new(issuance, reissuing, callback, userdata, &care, failure);
        if (r >= 0)
                r = begin_work(care, care_do_check, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(care);
        return 0;
}

int care_backup(IssuanceFile *issuance, ReissuingFile *reissuing, int directory, CareCallback callback,
                void *userdata, Care **ret, Failure *failure) {
        _cleanup_close_ int taken = directory;
        _cleanup_(care_freep) Care *care = NULL;
        int r;

        r = care_new(issuance, reissuing, callback, userdata, &care, failure);
        if (r < 0)
                return r;

        care->directory = TAKE_FD(taken);
        r = begin_work(care, care_do_backup, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(care);
        return 0;
}

int care_rotate(IssuanceFile *issuance, ReissuingFile *reissuing, CareCallback callback, void *userdata,
                Care **ret, Failure *failure) {
        _cleanup_(care_freep) Care *care = NULL;
        int r;

        r = care_new(issuance, reissuing, callback, userdata, &care, failure);
        if (r < 0)
                return r;

        r = care_rotate_step(care);
        if (r < 0)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(care);
        return 0;
}
