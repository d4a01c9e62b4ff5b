/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All jobs: their list, their journal in the reissuing file, their start, end and leave, the load after a restart, and
 * parking before the daemon stops. What a job does in a state is card-job.c, batch.c and background.c. */
#include "job/job-engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "job/job-private.h"

enum {
        FINISHED_KEPT_SECONDS = 600,
        SLEEP_RETRY_SECONDS = 10,
        STORE_RETRY_FIRST_SECONDS = 1,
        STORE_RETRY_MAX_SECONDS = 60,
        JOB_KEY_SIZE = sizeof("job/18446744073709551615"),
};

static const char *job_key(const Job *job, char buffer[static JOB_KEY_SIZE]) {
        snprintf(buffer, JOB_KEY_SIZE, "job/%" PRIu64, job->number);
        return buffer;
}

/* --- the list --- */

/* In the order of the numbers. */
static void engine_insert(JobEngine *engine, Job *job) {
        Job *before = engine->last;

        while (before && before->number > job->number)
                before = before->previous;

        job->previous = before;
        job->next = before ? before->next : engine->first;
        if (job->next)
                job->next->previous = job;
        else
                engine->last = job;
        if (before)
                before->next = job;
        else
                engine->first = job;
}

static void engine_unlink(JobEngine *engine, Job *job) {
        if (job->previous)
                job->previous->next = job->next;
        else
                engine->first = job->next;

        if (job->next)
                job->next->previous = job->previous;
        else
                engine->last = job->previous;
}

Job *job_engine_next(JobEngine *engine, Job *job) {
        return job ? job->next : engine->first;
}

Job *job_engine_find(JobEngine *engine, uint64_t number) {
        for (Job *job = engine->first; job; job = job->next)
                if (job->number == number)
                        return job;

        return NULL;
}

Reader *engine_reader_by_name(JobEngine *engine, const char *name) {
        Reader *reader;

        if (readers_find(engine->parts.readers, name, &reader, NULL) < 0)
                return NULL;

        return reader;
}

int engine_check_limit(JobEngine *engine, Failure *failure) {
        unsigned open = 0;

        for (Job *job = engine->first; job; job = job->next)
                open += !job_is_finished(job) && !job->parent_number && !job->branch;

        if (engine->parking)
                return failure_set(failure, FAILURE_TOO_MANY_JOBS,
                                   "The service is stopping; ask again when it has started.");

        if (open >= engine->parts.config->job_limit)
                return failure_set(
                        failure, FAILURE_TOO_MANY_JOBS,
                        "%u jobs are open, which is the limit (job-limit in icreissue.yaml); finish or "
                        "cancel one, or start one batch instead of many jobs.",
                        open);

        return 0;
}

/* --- the journal --- */

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
        if (job->kind == JOB_BATCH && !job->cancel_wanted)
                job_answer_waiters(job); /* paused or resumed */

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

static void job_begun(Job *job) {
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

/* --- a job's end --- */

/* Its number must not be given again: the reissuing file remembers the last one beside the jobs. */
static void engine_keep_last_number(JobEngine *engine, uint64_t number) {
        json_t *object;

        if (number <= engine->last_number_stored)
                return;

        object = json_pack("{s:I}", "last", (json_int_t) number);
        engine_store(engine, "engine", object);
        json_decref(object);
        engine->last_number_stored = number;
}

void job_remove(Job *job) {
        JobEngine *engine = job->engine;
        char key[JOB_KEY_SIZE];

        engine_keep_last_number(engine, job->number);
        if (reissuing_file_remove(engine->parts.reissuing, job_key(job, key), on_engine_stored, engine) >= 0)
                engine->stores_pending++;

        if (job->kind == JOB_BATCH)
                batch_forget_results(job);
        else if (job->parent)
                job->parent->records[job->parent_index].child = NULL;

        engine_unlink(engine, job);
        engine->observer->job_removed(job, engine->observer_userdata);
        job_free(job);
}

static int on_expired(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        job_remove(userdata);
        return 0;
}

void job_expire(Job *job) {
        bool kept = job->kind != JOB_EXTRACTION || job->cancel_wanted;
        unsigned seconds = kept ? FINISHED_KEPT_SECONDS : 0;
        struct tm utc = {};
        time_t finished;

        if (kept && job->finished && strptime(job->finished, "%Y-%m-%dT%H:%M:%SZ", &utc)) {
                finished = timegm(&utc);
                if (finished + FINISHED_KEPT_SECONDS <= time(NULL))
                        seconds = 0;
                else if (finished <= time(NULL))
                        seconds = (unsigned) (finished + FINISHED_KEPT_SECONDS - time(NULL));
        }

        if (job_set_timer(job, seconds, on_expired, job) < 0)
                log_event(LOG_INTERNAL, NULL, "Job %" PRIu64 " stays on the bus: there was no memory.",
                          job->number);
}

static void job_log_end(const Job *job) {
        const LogSubject subject = { .job = job->uuid, .card_type = job->type, .failure = &job->error };

        if (job->state == JOB_DONE)
                log_event(LOG_JOB_FINISHED, &subject, "Job %" PRIu64 " (%s) is done.", job->number,
                          job_kind_name(job->kind));
        else if (job->state == JOB_CANCELLED)
                log_event(LOG_JOB_CANCELLED, &subject, "Job %" PRIu64 " (%s) was cancelled.", job->number,
                          job_kind_name(job->kind));
        else
                log_event(LOG_JOB_FAILED, &subject, "Job %" PRIu64 " (%s) has failed: %s", job->number,
                          job_kind_name(job->kind), job_error_message(job));
}

void job_advise_end(Job *job) {
        if (job->kind == JOB_EXTRACTION)
                job_set_advice(job, "%s", "");
        else if (job_is_background(job))
                background_advise_end(job);
        else if (job->state == JOB_FAILED)
                job_set_advice(
                        job, "See what went wrong, then begin it anew (icreissuectl job retry %" PRIu64 ").",
                        job->number);
        else if (job->state != JOB_DONE)
                job_set_advice(job, "%s", "");
        else if (job->kind == JOB_REISSUE || job->kind == JOB_ISSUE)
                job_set_advice(
                        job, "Take the finished card out of %s; it is card number %" PRIu32 " of its record.",
                        job->target, job->count);
        else
                job_set_advice(job, "%s", "");
}

void job_finish(Job *job) {
        JobEngine *engine = job->engine;
        bool success = job->state == JOB_DONE;

        card_place_clear(&job->granted);
        half_written_clear(&job->half);
        if (success) {
                job->progress = 1;
                job_set_error(job, NULL);
        }

        job_advise_end(job);
        job_log_end(job);
        job_notify(job);
        if (success && (job->kind == JOB_REISSUE || job->kind == JOB_ISSUE))
                engine->observer->job_reissued(job, job->type, job->count, engine->observer_userdata);

        engine->observer->job_finished(job, success, engine->observer_userdata);
        job_answer_waiters(job);
        job_expire(job);
        if (job->parent)
                batch_child_finished(job);

        matchmaker_schedule(engine);
}

/* --- cancel, retry --- */

bool job_is_busy(const Job *job) {
        return job->journaling || job->centre_busy || job->inhibiting || job->issue;
}

int job_add_waiter(Job *job, JobAnswer done, void *userdata) {
        JobWaiter *waiter = new0(JobWaiter, 1);

        if (!waiter)
                return -ENOMEM;

        *waiter = (JobWaiter){ .next = job->waiters, .done = done, .userdata = userdata };
        job->waiters = waiter;
        return 0;
}

int job_cancel(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        if (job_is_finished(job) || job->state == JOB_RECORDING)
                return failure_set(failure, FAILURE_JOB_FINISHED,
                                   "Job %" PRIu64 " is %s; there is nothing left to cancel.", job->number,
                                   job_is_finished(job) ? "finished" : "being recorded");

        if (job_add_waiter(job, done, userdata) < 0)
                return failure_no_memory(failure);

        job->cancel_wanted = true;
        if (job->kind == JOB_EXTRACTION)
                return extraction_cancel(job, failure);
        if (job->kind == JOB_BATCH)
                batch_cancel(job);
        else if (background_is_running(job))
                background_stop(job);
        else if (job->issue && !job->journaling)
                card_issue_cancel(job->issue);
        else if (!job_is_busy(job))
                job_dispatch(job, EVENT_CANCEL);

        return 0; /* what is under way ends first, and then finds cancel_wanted */
}

static int job_reset(Job *job) {
        char *uuid = uuid_new();

        if (!uuid)
                return -ENOMEM;

        free(job->uuid);
        job->uuid =
                uuid; /* an extraction that has ended is never answered again: a new one needs a new UUID */
        free(job->finished);
        job->finished = NULL;
        free(job->new_serial);
        job->new_serial = NULL;
        job->timer = sd_event_source_disable_unref(job->timer);
        json_array_clear(job->spoiled);
        json_decref(job->report);
        job->report = NULL;
        job->outcome = OUTCOME_NONE;
        job->count = 0;
        job->progress = 0;
        job->cancel_wanted = false;
        card_place_clear(&job->refused);
        job->state = job->kind == JOB_REISSUE && !job->id ? JOB_WAITING_FOR_CARD : JOB_WAITING_FOR_BLANK;
        if (job->kind == JOB_REISSUE && job->id)
                job->state = JOB_EXTRACTING;
        if (job->kind == JOB_BATCH || job_is_background(job))
                job->state = JOB_RUNNING;

        job_set_error(job, NULL);
        return 0;
}

static int job_accept(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        int r = extraction_accept(job, failure);

        if (r >= 0 && job_add_waiter(job, done, userdata) < 0)
                return failure_no_memory(failure);

        return r;
}

int job_retry(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        _cleanup_failure_ Failure none = {};

        if (job->kind == JOB_EXTRACTION)
                return job_accept(job, done, userdata, failure);

        if (job->state != JOB_FAILED || job->journaling)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Job %" PRIu64 " has not failed; only a failed job can be begun anew.",
                                   job->number);

        if (background_check_retry(job, failure) < 0)
                return failure_errno(failure->kind);

        if (job->parent && job_is_finished(job->parent))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The batch is finished; retry job %" PRIu64 ".", job->parent_number);

        if (engine_check_limit(job->engine, failure) < 0)
                return failure_errno(failure->kind);

        if (job_reset(job) < 0)
                return failure_no_memory(failure);

        if (job->kind == JOB_BATCH)
                batch_retry(job);
        if (job->parent)
                batch_child_retried(job);

        job_journal(job, job->kind == JOB_BATCH ? batch_run : job_begun);
        done(job, &none, userdata);
        return 0;
}

/* --- parking --- */

void engine_check_parked(JobEngine *engine) {
        void (*parked)(void *userdata) = engine->parked;

        if (!parked || engine->stores_pending > 0)
                return;

        for (Job *job = engine->first; job; job = job->next)
                if (job->issue || job->inhibiting || background_is_running(job) ||
                    (job->centre_busy && centre_is_local(engine->parts.centre)))
                        return;

        engine->parked = NULL;
        parked(engine->parked_userdata);
}

void job_engine_park(JobEngine *engine, void (*parked)(void *userdata), void *userdata) {
        engine->parking = true;
        engine->parked = parked;
        engine->parked_userdata = userdata;
        for (Job *job = engine->first; job; job = job->next) {
                if (job->issue && !job->journaling)
                        card_issue_cancel(job->issue);
                if (background_is_running(job))
                        background_stop(job);
        }

        engine_check_parked(engine);
}

/* --- the line --- */

void job_engine_line_changed(JobEngine *engine) {
        if (centre_line_state(engine->parts.centre) != LINE_UP || engine->parking)
                return;

        for (Job *job = engine->first; job; job = job->next)
                card_job_ask_now(job);
}

/* --- start and stop --- */

static int on_load(const char *key, json_t *object, void *userdata, Failure *failure) {
        JobEngine *engine = userdata;
        Job *job;
        int r;

        if (streq(key, "engine")) {
                engine->last_number_stored = (uint64_t) json_integer_value(json_object_get(object, "last"));
                engine->last_number = MAX_OF(engine->last_number, engine->last_number_stored);
                return 0;
        }

        if (streq(key, "refused"))
                return refusals_load(engine, object, failure);

        if (strncmp(key, "branch/", 7) == 0)
                return ledger_load(engine, key + 7, object, failure);

        if (strncmp(key, "job/", 4) != 0)
                return 0; /* a batch's results: when all batches are here */

        r = job_from_json(engine, object, &job, failure);
        if (r < 0) {
                failure_prefix(failure, "The entry %s of the reissuing file cannot be used", key);
                return r;
        }

        engine_insert(engine, job);
        engine->last_number = MAX_OF(engine->last_number, job->number);
        return 0;
}

static int on_load_result(const char *key, json_t *object, void *userdata, Failure *failure _unused_) {
        if (strncmp(key, "result/", 7) == 0)
                batch_load_result(userdata, key, object);

        return 0;
}

static void engine_resume(JobEngine *engine) {
        for (Job *job = engine->first, *next; job; job = next) {
                next = job->next;
                if (!job_is_finished(job) && !background_is_cut(job))
                        log_event(LOG_JOB_RESUMED, &(LogSubject){ .job = job->uuid, .card_type = job->type },
                                  "Job %" PRIu64 " (%s) goes on from %s.", job->number,
                                  job_kind_name(job->kind), job_state_name(job->state));

                if (job_is_finished(job)) {
                        job_advise_end(job);
                        job_expire(job);
                } else if (job->kind == JOB_EXTRACTION)
                        extraction_resume(job);
                else if (job->kind == JOB_BATCH)
                        batch_run(job);
                else if (job_is_background(job))
                        background_resume(job);
                else
                        job_dispatch(job, EVENT_BEGIN);
        }
}

static void on_card_present(Reader *reader, void *userdata) {
        matchmaker_card(userdata, reader);
}

static void on_reader_event(Reader *reader _unused_, void *userdata) {
        matchmaker_schedule(userdata);
}

static void on_awake(void *userdata) {
        JobEngine *engine = userdata;

        engine->asleep = sd_event_source_disable_unref(engine->asleep);
        matchmaker_schedule(engine);
}

static int on_asleep_long_enough(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        on_awake(userdata);
        return 0;
}

void engine_set_asleep(JobEngine *engine) {
        if (!engine->asleep && sd_event_add_time_relative(engine->parts.event, &engine->asleep,
                                                          CLOCK_BOOTTIME, SLEEP_RETRY_SECONDS * 1000000ULL, 0,
                                                          on_asleep_long_enough, engine) < 0)
                log_event(LOG_INTERNAL, NULL, "There was no memory for a timer.");
}

void engine_asleep_failure(Failure *ret) {
        failure_set(
                ret, FAILURE_READER_BUSY,
                "The machine is about to sleep or to shut down; the card will be written when it is awake again.");
}

static const ReadersObserver readers_observer = {
        .reader_added = on_reader_event,
        .reader_removed = on_reader_event,
        .reader_changed = on_reader_event,
        .card_present = on_card_present,
        .card_gone = on_reader_event,
};

int job_engine_new(const JobEngineParts *parts, const JobObserver *observer, void *userdata, JobEngine **ret,
                   Failure *failure) {
        _cleanup_(job_engine_freep) JobEngine *engine = new0(JobEngine, 1);
        int r;

        if (!engine)
                return failure_no_memory(failure);

        engine->parts = *parts;
        engine->observer = observer;
        engine->observer_userdata = userdata;
        engine->automatic = parts->config->automatic != AUTOMATIC_NO;
        engine->automatic_request = parts->config->automatic == AUTOMATIC_REQUEST;

        r = reissuing_file_load(parts->reissuing, on_load, engine, failure);
        if (r < 0)
                return r;

        batch_link_children(engine);
        r = reissuing_file_load(parts->reissuing, on_load_result, engine, failure);
        if (r < 0)
                return r;

        r = refusals_begin(engine, failure);
        if (r < 0)
                return r;

        r = readers_observe(parts->readers, &readers_observer, engine);
        if (r < 0)
                return failure_no_memory(failure);

        r = sleep_inhibitor_new(parts->bus, on_awake, engine, &engine->inhibitor);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_LINE_DOWN, r,
                                         "The system bus cannot be listened to");

        engine_resume(engine);
        *ret = TAKE_PTR(engine);
        return 0;
}

JobEngine *job_engine_free(JobEngine *engine) {
        if (!engine)
                return NULL;

        while (engine->first) {
                Job *job = engine->first;

                engine_unlink(engine, job);
                job_free(job);
        }

        for (size_t i = 0; i < engine->spoiled_count; i++)
                free(engine->spoiled[i].reader);
        for (size_t i = 0; i < engine->made_count; i++)
                card_place_clear(&engine->made[i]);

        ledgers_free(engine);
        free(engine->spoiled);
        free(engine->made);
        sd_event_source_disable_unref(engine->match_source);
        sd_event_source_disable_unref(engine->asleep);
        json_decref(engine->refused);
        sleep_inhibitor_free(engine->inhibitor);
        free(engine);
        return NULL;
}

void job_engine_reload(JobEngine *engine, const Config *config, Catalogue *catalogue) {
        engine->parts.config = config;
        engine->parts.catalogue = catalogue;
        engine->automatic_request = config->automatic == AUTOMATIC_REQUEST;
        matchmaker_schedule(engine);
}
