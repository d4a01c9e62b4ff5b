/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All jobs: their list, their end and leave, the load after a restart, and parking before the daemon stops. Their journal
 * is journal.c; what a job does in a state is card-job.c, batch.c and background.c. */
#include "job/job-engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "job/job-private.h"

enum {
        FINISHED_KEPT_SECONDS = 600,
        SLEEP_RETRY_SECONDS = 10,
};

/* --- the list --- */

void engine_insert(JobEngine *engine, Job *job) {
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

        engine_keep_last_number(engine, job->number);
        job_unjournal(job);
        if (job->kind == JOB_BATCH)
                batch_forget_results(job);
        else if (job->parent)
                job->parent->records[job->parent_index].child = NULL;

        engine_unlink(engine, job);
        engine->observer->job_removed(job, engine->observer_userdata);
        job_free(job);
}

/* Whoever is asked for its receipt answers soon. */
static int on_expired(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Job *job = userdata;

        if (job->receipt.asking || job->journaling)
                return job_set_timer(job, 1, on_expired, job);

        job_remove(job);
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
        receipt_print(job);
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
        else if (job->kind == JOB_DISCARD)
                job_set_advice(job, "The old card is destroyed.");
        else
                job_set_advice(job, "%s", "");
}

void job_finish(Job *job) {
        JobEngine *engine = job->engine;
        bool success = job->state == JOB_DONE;

        card_place_clear(&job->granted);
        half_written_clear(&job->half);
        card_job_let_sleep(job);
        if (success) {
                job->progress = 1;
                job_set_error(job, NULL);
        }

        job_advise_end(job);
        job_log_end(job);
        job_notify(job);
        if (success && !job->print_queue && !job->discarding.wanted &&
            (job->kind == JOB_REISSUE || job->kind == JOB_ISSUE))
                engine->observer->job_reissued(job, job_made_type(job), job->count,
                                               engine->observer_userdata);

        engine->observer->job_finished(job, success, engine->observer_userdata);
        job_answer_waiters(job);
        job_expire(job);
        if (job->parent)
                batch_child_finished(job);

        matchmaker_schedule(engine);
}

/* --- cancel, retry --- */

bool job_is_busy(const Job *job) {
        return job->journaling || job->centre_busy || job->inhibiting || job->drawing || job->printing ||
               job->issue || job->discarding.run;
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
        else if (job->discarding.run)
                discard_stop(job);
        else if (!job_is_busy(job) && job->state == JOB_PRINTING)
                print_stop(job);
        else if (!job_is_busy(job))
                job_dispatch(job, EVENT_CANCEL);

        return 0; /* what is under way ends first, and then finds cancel_wanted */
}

/* An extraction that has ended is never answered again: a new one needs a new UUID. */
static void job_reset(Job *job, char *uuid) {
        free(job->uuid);
        job->uuid = uuid;
        free(job->finished);
        job->finished = NULL;
        free(job->new_serial);
        job->new_serial = NULL;
        job->timer = sd_event_source_disable_unref(job->timer);
        json_array_clear(job->spoiled);
        json_decref(job->report);
        job->report = NULL;
        job->outcome = OUTCOME_NONE;
        job->print_attempt = 0;
        print_clear(job);
        receipt_clear(&job->receipt);
        discard_forget_fields(job);
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
}

static int job_accept(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        int r = extraction_accept(job, failure);

        if (r >= 0 && job_add_waiter(job, done, userdata) < 0)
                return failure_no_memory(failure);

        return r;
}

static int job_go_on(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        _cleanup_failure_ Failure none = {};
        int r = (job->state == JOB_PRINTING ? print_again : discard_again)(job, failure);

        if (r >= 0)
                done(job, &none, userdata);
        return r;
}

int job_retry(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        _cleanup_free_ char *uuid = NULL;

        if (job->kind == JOB_EXTRACTION)
                return job_accept(job, done, userdata, failure);

        if (job->state == JOB_PRINTING || job->state == JOB_DISCARDING)
                return job_go_on(job, done, userdata, failure);

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

        uuid = uuid_new();
        if (!uuid || job_add_waiter(job, done, userdata) < 0)
                return failure_no_memory(failure);

        job_reset(job, TAKE_PTR(uuid));
        job->begun_anew = true;
        if (job->kind == JOB_BATCH)
                batch_retry(job);
        if (job->parent)
                batch_child_retried(job);

        job_journal(job, job->kind == JOB_BATCH ? batch_run : job_begun);
        return 0;
}

bool job_engine_is_busy(const JobEngine *engine) {
        bool open = engine->stores_pending > 0;

        for (const Job *job = engine->first; job && !open; job = job->next)
                open = !job_is_finished(job) || receipt_is_busy(job);

        return open;
}

/* --- parking --- */

void engine_check_parked(JobEngine *engine) {
        void (*parked)(void *userdata) = engine->parked;

        if (!parked || engine->stores_pending > 0)
                return;

        for (Job *job = engine->first; job; job = job->next)
                if (job->issue || job->inhibiting || job->discarding.run || background_is_running(job) ||
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
                if (job->discarding.run)
                        mill_stop(job->discarding.run);
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

        if (strncmp(key, "discard/", 8) == 0)
                return discards_load(engine, object, failure);

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
        engine->discards = json_array();
        if (!engine->discards)
                return failure_no_memory(failure);

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
        automatic_done(engine);
        sd_event_source_disable_unref(engine->match_source);
        sd_event_source_disable_unref(engine->asleep);
        json_decref(engine->refused);
        json_decref(engine->discards);
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
