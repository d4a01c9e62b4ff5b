/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job by itself: what it consists of, what others see of it, how it is described. What moves it is elsewhere. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "job/job-private.h"

static const char *const kind_names[_JOB_KIND_MAX] = {
        [JOB_REISSUE] = "reissue",       [JOB_ISSUE] = "issue",   [JOB_DISCARD] = "discard",
        [JOB_BATCH] = "batch",           [JOB_IMPORT] = "import", [JOB_EXPORT] = "export",
        [JOB_CHECK] = "check",           [JOB_BACKUP] = "backup", [JOB_ROTATE_KEY] = "rotate-key",
        [JOB_EXTRACTION] = "extraction",
};

static const char *const state_names[_JOB_STATE_MAX] = {
        [JOB_WAITING_FOR_CARD] = "waiting-for-card",
        [JOB_READING] = "reading",
        [JOB_EXTRACTING] = "extracting",
        [JOB_WAITING_FOR_BLANK] = "waiting-for-blank",
        [JOB_WRITING] = "writing",
        [JOB_VERIFYING] = "verifying",
        [JOB_RECORDING] = "recording",
        [JOB_PRINTING] = "printing",
        [JOB_DISCARDING] = "discarding",
        [JOB_RUNNING] = "running",
        [JOB_PAUSED] = "paused",
        [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
};

const char *job_kind_name(JobKind kind) {
        return kind_names[kind];
}

const char *job_state_name(JobState state) {
        return state_names[state];
}

Job *job_new(JobEngine *engine, JobKind kind, uid_t owner) {
        _cleanup_(job_freep) Job *job = new0(Job, 1);

        if (!job)
                return NULL;

        job->engine = engine;
        job->descriptor = -1;
        job->print = true;
        job->kind = kind;
        job->owner = owner;
        job->uuid = uuid_new();
        job->started = time_now_text();
        job->advice = strdup("");
        job->source = strdup("");
        job->target = strdup("");
        job->reason = strdup("");
        job->spoiled = json_array();
        if (!job->uuid || !job->started || !job->advice || !job->source || !job->target || !job->reason ||
            !job->spoiled)
                return NULL;

        return TAKE_PTR(job);
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;

        if (job->care)
                care_abandon(job->care);

        sd_event_source_disable_unref(job->timer);
        cleanup_close(&job->descriptor);
        batch_records_free(job);
        extraction_leave(job);
        failure_done(&job->error);
        half_written_clear(&job->half);
        card_place_clear(&job->old_card);
        card_place_clear(&job->granted);
        card_place_clear(&job->refused);
        json_decref(job->fields);
        json_decref(job->spoiled);
        json_decref(job->report);
        free(job->uuid);
        free(job->started);
        free(job->finished);
        free(job->advice);
        free(job->source);
        free(job->target);
        free(job->reason);
        free(job->closing);
        free(job->type);
        free(job->card_type);
        free(job->card_id);
        free(job->id);
        free(job->old_serial);
        free(job->new_serial);
        free(job->branch);
        free(job->design);
        print_clear(job);
        receipt_clear(&job->receipt);
        discard_clear(job);
        free(job);
        return NULL;
}

uint64_t job_number(const Job *job) {
        return job->number;
}

JobKind job_kind(const Job *job) {
        return job->kind;
}

JobState job_state(const Job *job) {
        return job->shown;
}

bool job_is_finished(const Job *job) {
        return job->state >= JOB_DONE;
}

const char *job_advice(const Job *job) {
        return job->advice;
}

double job_progress(const Job *job) {
        return job->progress;
}

const char *job_card_type(const Job *job) {
        return job->type ? job_made_type(job) : "";
}

uint32_t job_count(const Job *job) {
        return job->count;
}

const char *job_source(const Job *job) {
        return job->source;
}

const char *job_target(const Job *job) {
        return job->target;
}

FailureKind job_error(const Job *job) {
        return job->error.kind;
}

const char *job_error_message(const Job *job) {
        return failure_is_set(&job->error) ? failure_message(&job->error) : "";
}

const char *job_design(const Job *job) {
        return job->design ? job->design : "";
}

const char *job_uuid(const Job *job) {
        return job->uuid;
}

uid_t job_owner(const Job *job) {
        return job->owner;
}

JobTally job_tally(const Job *job) {
        JobTally tally = { .total = job->record_count, .spoiled = job->spoiled_count };

        for (uint32_t i = 0; i < job->record_count; i++) {
                tally.done += job->records[i].result == OUTCOME_DONE;
                tally.failed += job->records[i].result == OUTCOME_FAILED ||
                                job->records[i].result == OUTCOME_CANCELLED;
        }

        return tally;
}

void job_notify(Job *job) {
        job->engine->observer->job_changed(job, job->engine->observer_userdata);
}

void job_set_advice(Job *job, const char *format, ...) {
        _cleanup_free_ char *advice = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&advice, format, arguments);
        va_end(arguments);
        if (r < 0) {
                advice = NULL; /* no memory: the old advice stays */
                return;
        }

        if (streq(advice, job->advice))
                return;

        free(job->advice);
        job->advice = TAKE_PTR(advice);
        job_notify(job);
}

void job_set_error(Job *job, const Failure *failure) {
        if (!failure || !failure_is_set(failure)) {
                if (failure_is_set(&job->error)) {
                        failure_done(&job->error);
                        job_notify(job);
                }
                return;
        }

        if (failure == &job->error || (job->error.kind == failure->kind &&
                                       streq(failure_message(&job->error), failure_message(failure))))
                return;

        failure_done(&job->error);
        failure_set(&job->error, failure->kind, "%s", failure_message(failure));
        job_notify(job);
}

void card_place_clear(CardPlace *place) {
        free(place->reader);
        *place = (CardPlace){};
}

void card_place_set(CardPlace *place, const Reader *reader) {
        card_place_clear(place);
        place->reader = strdup(reader_label(reader)); /* without memory the place is unknown: the safe side */
        place->sequence = reader_sequence(reader);
}

bool card_place_is(const CardPlace *place, const Reader *reader) {
        return place->reader && streq(place->reader, reader_label(reader)) &&
               place->sequence == reader_sequence(reader);
}

void half_written_clear(HalfWritten *half) {
        card_place_clear(&half->place);
        free(half->serial);
        *half = (HalfWritten){};
}

char *time_now_text(void) {
        char text[sizeof("2026-11-24T09:00:00Z")];
        time_t now = time(NULL);
        struct tm utc;

        gmtime_r(&now, &utc);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
        return strdup(text);
}

char *uuid_new(void) {
        char text[SD_ID128_UUID_STRING_MAX];
        sd_id128_t id;

        if (sd_id128_randomize(&id) < 0)
                return NULL;

        return strdup(sd_id128_to_uuid_string(id, text));
}

int replace_string(char **to, const char *from) {
        char *copy = strdup(from);

        if (!copy)
                return -ENOMEM;

        free(*to);
        *to = copy;
        return 0;
}

void job_answer_waiters(Job *job) {
        _cleanup_failure_ Failure failure = {};

        if (job->cancel_wanted && job->state != JOB_CANCELLED && job->outcome != OUTCOME_CANCELLED)
                failure_set(&failure, FAILURE_JOB_FINISHED,
                            "Job %" PRIu64 " had ended before it could be cancelled.", job->number);

        while (job->waiters) {
                _cleanup_free_ JobWaiter *waiter = job->waiters;

                job->waiters = waiter->next;
                waiter->done(failure_is_set(&failure) ? NULL : job, &failure, waiter->userdata);
        }
}

void job_refuse_waiters(Job *job, const Failure *failure) {
        job->cancel_wanted = false;
        while (job->waiters) {
                _cleanup_free_ JobWaiter *waiter = job->waiters;

                job->waiters = waiter->next;
                waiter->done(NULL, failure, waiter->userdata);
        }
}

static const char *outcome_text(const BatchRecord *record) {
        static const char *const names[] = {
                [OUTCOME_NONE] = "waiting",
                [OUTCOME_DONE] = "done",
                [OUTCOME_FAILED] = "failed",
                [OUTCOME_CANCELLED] = "cancelled",
        };

        return record->child && record->result == OUTCOME_NONE ? "under way" : names[record->result];
}

static json_t *describe_records(const Job *job) {
        json_t *records = json_array();

        for (uint32_t i = 0; i < job->record_count; i++)
                json_array_append_new(records, json_pack("{s:s, s:s, s:s}", "type", job->records[i].type,
                                                         "id", job->records[i].id, "result",
                                                         outcome_text(&job->records[i])));

        return records;
}

static json_t *describe_children(const Job *job) {
        json_t *children = json_array();

        for (uint32_t i = 0; i < job->record_count; i++)
                if (job->records[i].child)
                        json_array_append_new(children,
                                              json_integer((json_int_t) job->records[i].child->number));

        return children;
}

json_t *job_describe(const Job *job) {
        json_t *object;

        object = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:O, s:O*}", "kind",
                           kind_names[job->kind], "uuid", job->uuid, "type", job->type, "id", job->id,
                           "old-serial", job->old_serial, "new-serial", job->new_serial, "started",
                           job->started, "finished", job->finished, "spoiled", job->spoiled, "report",
                           job->report);
        if (!object)
                return NULL;

        if (job->card_type)
                json_object_set_new(object, "card-type", json_string(job->card_type));

        if (job->card_id)
                json_object_set_new(object, "card-id", json_string(job->card_id));

        if (job->branch)
                json_object_set_new(object, "branch", json_string(job->branch));

        if (job->parent_number)
                json_object_set_new(object, "batch", json_integer((json_int_t) job->parent_number));

        if (job->discarding.wanted)
                json_object_set_new(object, "discarded", json_string(discards_how(job->engine, job->number)));

        if (job_is_background(job))
                json_object_set_new(object, background_tally_name(job->kind),
                                    json_integer((json_int_t) job->tally));

        if (job->kind == JOB_BATCH) {
                json_object_set_new(object, "records", describe_records(job));
                json_object_set_new(object, "children", describe_children(job));
        }

        return object;
}
