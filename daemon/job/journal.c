/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: each job as an object of the reissuing file, from the moment in which it is answered for. Nothing that a
 * job has decided shows outside before it stands there. */
#include <inttypes.h>
#include <stdio.h>

#include "job/job-private.h"

enum {
        STORE_RETRY_FIRST_SECONDS = 1,
        STORE_RETRY_MAX_SECONDS = 60,
        JOB_KEY_SIZE = sizeof("job/18446744073709551615"),
};

static const char *job_key(const Job *job, char buffer[static JOB_KEY_SIZE]) {
        snprintf(buffer, JOB_KEY_SIZE, "job/%" PRIu64, job->number);
        return buffer;
}

typedef struct Journal {
        Job *job;
        void (*then)(Job *job);
        unsigned tries;
} Journal;

static int journal_write(Journal *journal);

static int on_journal_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Journal *journal = userdata;

        journal->job->timer = sd_event_source_disable_unref(journal->job->timer);
        return journal_write(journal);
}

int job_set_timer(Job *job, unsigned seconds, sd_event_time_handler_t function, void *userdata) {
        job->timer = sd_event_source_disable_unref(job->timer);
        return sd_event_add_time_relative(job->engine->parts.event, &job->timer, CLOCK_BOOTTIME,
                                          (uint64_t) seconds * 1000000, 0, function, userdata);
}

unsigned retry_delay(unsigned tries) {
        unsigned seconds = STORE_RETRY_FIRST_SECONDS << MIN_OF(tries, 6U);

        return MIN_OF(seconds, (unsigned) STORE_RETRY_MAX_SECONDS);
}

/* A store that cannot be written (a full disk) stops the job where it is; it goes on by itself when there is room. */
static void journal_failed(Journal *journal, const Failure *failure) {
        Job *job = journal->job;

        log_event(LOG_STORE_FAILED, &(LogSubject){ .job = job->uuid, .failure = failure },
                  "Job %" PRIu64 " waits because its state cannot be stored: %s", job->number,
                  failure_message(failure));
        job_set_error(job, failure);
        if (job->engine->parking ||
            job_set_timer(job, retry_delay(journal->tries++), on_journal_retry, journal) < 0)
                free(journal); /* parking: the state that is on disk is where the job goes on after the restart */
}

/* What a job asked for while its state was being written down comes first. */
static void journal_then(Job *job, void (*then)(Job *job)) {
        bool stop = job->cancel_wanted || job->engine->parking;

        if (job->kind == JOB_BATCH && !job_is_finished(job))
                batch_run(job);
        else if (job->issue && stop)
                card_issue_cancel(job->issue);
        else if (job_is_background(job) && !job_is_finished(job) && !job->engine->parking)
                background_begin(job);
        else if (job->cancel_wanted && job->state == JOB_PRINTING)
                print_stop(job);
        else if (job->cancel_wanted && job->state != JOB_RECORDING && !job_is_finished(job))
                job_dispatch(job, EVENT_CANCEL);
        else if (then && (!job->engine->parking || job_is_finished(job)))
                then(job);
}

static void on_journal_written(const Failure *failure, void *userdata) {
        _cleanup_free_ Journal *journal = userdata;
        Job *job = journal->job;
        JobEngine *engine = job->engine;

        engine->stores_pending--;
        if (failure_is_set(failure)) {
                journal_failed(TAKE_PTR(journal), failure);
                engine_check_parked(engine);
                return;
        }

        if (job->error.kind == FAILURE_STORE_FAILED && !job_is_finished(job))
                job_set_error(job, NULL);

        if (--job->journaling > 0) { /* the job has moved on already: what that journals comes after this */
                engine_check_parked(engine);
                return;
        }

        job->shown = job->state;
        job_notify(job);
        if ((job->kind == JOB_BATCH || job->begun_anew) && !job->cancel_wanted)
                job_answer_waiters(job); /* paused, resumed, or retried */

        job->begun_anew = false;

        journal_then(job, journal->then);
        engine_check_parked(engine);
}

static int journal_write(Journal *journal) {
        _cleanup_failure_ Failure failure = {};
        Job *job = journal->job;
        char key[JOB_KEY_SIZE];
        json_t *object;
        int r = -ENOMEM;

        object = job_to_json(job);
        if (object)
                r = reissuing_file_store(job->engine->parts.reissuing, job_key(job, key), object,
                                         on_journal_written, journal);
        json_decref(object);
        if (r < 0) {
                failure_no_memory(&failure);
                journal_failed(journal, &failure);
                return 0;
        }

        job->engine->stores_pending++;
        return 0;
}

void job_journal(Job *job, void (*then)(Job *job)) {
        Journal *journal = new0(Journal, 1);

        job->journaling++;
        if (!journal) {
                log_event(LOG_INTERNAL, &(LogSubject){ .job = job->uuid },
                          "Job %" PRIu64 " stands still for lack of memory; restart the service.",
                          job->number);
                return;
        }

        *journal = (Journal){ .job = job, .then = then };
        journal_write(journal);
}

static void on_engine_stored(const Failure *failure, void *userdata) {
        JobEngine *engine = userdata;

        engine->stores_pending--;
        if (failure_is_set(failure))
                log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = failure }, "%s",
                          failure_message(failure));

        engine_check_parked(engine);
}

void engine_store(JobEngine *engine, const char *key, const json_t *object) {
        if (object &&
            reissuing_file_store(engine->parts.reissuing, key, object, on_engine_stored, engine) >= 0)
                engine->stores_pending++;
        else
                log_event(LOG_INTERNAL, NULL, "There was no memory to store %s.", key);
}

void job_unjournal(Job *job) {
        JobEngine *engine = job->engine;
        char key[JOB_KEY_SIZE];

        if (reissuing_file_remove(engine->parts.reissuing, job_key(job, key), on_engine_stored, engine) >= 0)
                engine->stores_pending++;
}

/* --- a job's start --- */

typedef struct Begin {
        Job *job;
        JobAnswer done;
        void *userdata;
        void (*then)(Job *job);
} Begin;

static void on_begun(const Failure *failure, void *userdata) {
        _cleanup_free_ Begin *begin = userdata;
        Job *job = begin->job;
        JobEngine *engine = job->engine;

        engine->stores_pending--;
        if (failure_is_set(failure)) {
                begin->done(NULL, failure, begin->userdata);
                job_free(job);
                engine_check_parked(engine);
                return;
        }

        job->shown = job->state;
        engine_insert(engine, job);
        log_event(LOG_JOB_STARTED, &(LogSubject){ .job = job->uuid, .card_type = job->type },
                  "Job %" PRIu64 " (%s) has started.", job->number, job_kind_name(job->kind));
        engine->observer->job_added(job, engine->observer_userdata);
        begin->done(job, failure, begin->userdata);
        if (!engine->parking)
                begin->then(job);

        engine_check_parked(engine);
}

void job_begun(Job *job) {
        job_dispatch(job, EVENT_BEGIN);
}

int job_begin(Job *job, JobAnswer done, void *userdata, void (*then)(Job *job), Failure *failure) {
        JobEngine *engine = job->engine;
        Begin *begin = new0(Begin, 1);
        json_t *object = NULL;
        char key[JOB_KEY_SIZE];
        int r = -ENOMEM;

        job->number = ++engine->last_number;
        if (begin) {
                *begin = (Begin){
                        .job = job, .done = done, .userdata = userdata, .then = then ? then : job_begun
                };
                object = job_to_json(job);
        }

        if (object)
                r = reissuing_file_store(engine->parts.reissuing, job_key(job, key), object, on_begun, begin);
        json_decref(object);
        if (r < 0) {
                free(begin);
                job_free(job);
                return failure_no_memory(failure);
        }

        engine->stores_pending++;
        return 0;
}
