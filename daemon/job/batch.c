/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch: one job for many records. Whenever a blank of the right type appears in a target reader, it makes a child job
 * for its next record, on as many readers as there are; each child is a card job like any other. A record's result is
 * kept beside the batch, so that a batch of ten thousand is written once and not with every card. */
#include <inttypes.h>
#include <stdio.h>

#include "job/job-private.h"

enum {
        BATCH_RECORDS_MAX = 100000,
        RESULT_KEY_SIZE = sizeof("result/18446744073709551615/4294967295"),
};

void batch_records_free(Job *job) {
        for (uint32_t i = 0; i < job->record_count; i++) {
                free(job->records[i].type);
                free(job->records[i].id);
                if (job->records[i].child)
                        job->records[i].child->parent = NULL;
        }

        free(job->records);
        job->records = NULL;
        job->record_count = 0;
}

/* --- results --- */

static const char *result_key(const Job *batch, uint32_t index, char buffer[static RESULT_KEY_SIZE]) {
        snprintf(buffer, RESULT_KEY_SIZE, "result/%" PRIu64 "/%" PRIu32, batch->number, index);
        return buffer;
}

static void batch_store_result(Job *batch, uint32_t index) {
        char key[RESULT_KEY_SIZE];
        json_t *object;

        object = json_pack("{s:i, s:i}", "result", (int) batch->records[index].result, "spoiled",
                           (int) batch->spoiled_count);
        engine_store(batch->engine, result_key(batch, index, key), object);
        json_decref(object);
}

static JobOutcome outcome_of(const Job *child) {
        switch (child->state) {
        case JOB_DONE:
                return OUTCOME_DONE;
        case JOB_FAILED:
                return OUTCOME_FAILED;
        case JOB_CANCELLED:
                return OUTCOME_CANCELLED;
        default:
                return OUTCOME_NONE;
        }
}

/* Its child has ended, and counts no more: the record gets another. */
static void batch_drop_child(Job *batch, uint32_t index) {
        if (batch->records[index].child)
                batch->records[index].child->parent = NULL;

        batch->records[index].child = NULL;
}

void batch_load_result(JobEngine *engine, const char *key, const json_t *object) {
        json_int_t result = json_integer_value(json_object_get(object, "result"));
        json_int_t spoiled = json_integer_value(json_object_get(object, "spoiled"));
        uint64_t number;
        uint32_t index;
        Job *batch;

        if (sscanf(key, "result/%" SCNu64 "/%" SCNu32, &number, &index) != 2)
                return;

        batch = job_engine_find(engine, number);
        if (!batch || batch->kind != JOB_BATCH || index >= batch->record_count || result < OUTCOME_NONE ||
            result > OUTCOME_CANCELLED)
                return;

        batch->spoiled_count = MAX_OF(batch->spoiled_count, (uint32_t) spoiled);
        if (batch->records[index].child && !job_is_finished(batch->records[index].child))
                return;

        batch->records[index].result = (JobOutcome) result;
        if (result == OUTCOME_NONE) /* the batch was retried, and its turn has not come again */
                batch_drop_child(batch, index);
}

void batch_forget_results(Job *batch) {
        char key[RESULT_KEY_SIZE];

        for (uint32_t i = 0; i < batch->record_count; i++)
                if (batch->records[i].result != OUTCOME_NONE)
                        reissuing_file_remove(batch->engine->parts.reissuing, result_key(batch, i, key), NULL,
                                              NULL);
}

void batch_link_children(JobEngine *engine) {
        for (Job *job = engine->first; job; job = job->next) {
                Job *batch = job->parent_number ? job_engine_find(engine, job->parent_number) : NULL;

                if (!batch || batch->kind != JOB_BATCH || job->parent_index >= batch->record_count)
                        continue;

                job->parent = batch;
                batch->records[job->parent_index].child = job;
                batch->records[job->parent_index].result = outcome_of(job);
                batch->spoiled_count += (uint32_t) json_array_size(job->spoiled);
        }
}

/* --- going on --- */

static uint32_t batch_next(const Job *batch) {
        for (uint32_t i = 0; i < batch->record_count; i++)
                if (batch->records[i].result == OUTCOME_NONE && !batch->records[i].child)
                        return i;

        return batch->record_count;
}

const char *batch_next_type(const Job *batch) {
        uint32_t next = batch_next(batch);

        return next < batch->record_count ? batch->records[next].type : NULL;
}

static bool batch_has_open_child(const Job *batch) {
        for (uint32_t i = 0; i < batch->record_count; i++)
                if (batch->records[i].child && !job_is_finished(batch->records[i].child))
                        return true;

        return false;
}

static void batch_end(Job *batch, JobState state) {
        batch->state = state;
        batch->finished = time_now_text();
        job_journal(batch, job_finish);
}

/* Ends the batch when every record has had its turn, or when it is cancelled and no card is under way. */
static void batch_check_end(Job *batch) {
        _cleanup_failure_ Failure failure = {};
        JobTally tally = job_tally(batch);

        if (job_is_finished(batch) || batch->journaling || batch->child_beginning ||
            batch_has_open_child(batch))
                return;

        if (batch->cancel_wanted) {
                batch_end(batch, JOB_CANCELLED);
                return;
        }

        if (tally.done + tally.failed < tally.total)
                return;

        if (tally.failed == 0) {
                batch_end(batch, JOB_DONE);
                return;
        }

        failure_set(&failure, FAILURE_WRITE_FAILED,
                    "%" PRIu32 " of %" PRIu32
                    " records were not issued. \"icreissuectl job show\" says which and why; when that is "
                    "put right, \"icreissuectl job retry\" takes them again.",
                    tally.failed, tally.total);
        job_set_error(batch, &failure);
        batch_end(batch, JOB_FAILED);
}

static void batch_update_progress(Job *batch) {
        JobTally tally = job_tally(batch);

        batch->progress = tally.total ? (double) (tally.done + tally.failed) / tally.total : 1;
        job_notify(batch);
}

void batch_run(Job *batch) {
        batch_update_progress(batch);
        batch_check_end(batch);
        matchmaker_schedule(batch->engine);
}

void batch_child_finished(Job *child) {
        Job *batch = child->parent;

        batch->records[child->parent_index].result = outcome_of(child);
        batch_store_result(batch, child->parent_index);
        batch_update_progress(batch);
        batch_check_end(batch);
}

void batch_child_retried(Job *child) {
        child->parent->records[child->parent_index].result = OUTCOME_NONE;
        batch_store_result(child->parent, child->parent_index);
        batch_update_progress(child->parent);
}

/* --- a child --- */

bool batch_wants(const Job *batch, const Reader *reader) {
        const char *type = batch_next_type(batch);

        return batch->state == JOB_RUNNING && !batch->child_beginning && !batch->cancel_wanted && type &&
               streq(type, reader_card(reader)->type) && matchmaker_targets(batch, reader);
}

static void on_child_begun(Job *child, const Failure *failure, void *userdata) {
        Job *batch = userdata;

        batch->child_beginning = false;
        if (child) {
                batch->records[child->parent_index].child = child;
                matchmaker_schedule(batch->engine);
                return;
        }

        job_set_error(batch, failure); /* paused, lest the same blank be tried in a circle */
        batch->state = JOB_PAUSED;
        job_journal(batch, NULL);
}

void batch_take_blank(Job *batch, Reader *reader) {
        uint32_t index = batch_next(batch);
        const BatchRecord *record = &batch->records[index];
        _cleanup_failure_ Failure failure = {};
        Job *child = job_new(batch->engine, JOB_ISSUE, batch->owner);

        if (!child || replace_string(&child->target, batch->target) < 0 ||
            !(child->type = strdup(record->type)) || !(child->id = strdup(record->id))) {
                job_free(child);
                return;
        }

        child->parent = batch;
        child->parent_number = batch->number;
        child->parent_index = index;
        child->state = JOB_EXTRACTING;
        card_place_set(&child->granted, reader);
        batch->child_beginning = true;
        if (job_begin(child, on_child_begun, batch, NULL, &failure) < 0) {
                batch->child_beginning = false;
                job_set_error(batch, &failure);
        }
}

/* --- cancel, retry, pause --- */

static void on_child_cancelled(Job *child _unused_, const Failure *failure _unused_,
                               void *userdata _unused_) {
        /* batch_child_finished() sees it */
}

void batch_cancel(Job *batch) {
        for (uint32_t i = 0; i < batch->record_count; i++)
                if (batch->records[i].child && !job_is_finished(batch->records[i].child))
                        job_cancel(batch->records[i].child, on_child_cancelled, NULL, NULL);

        batch_check_end(batch);
}

void batch_retry(Job *batch) {
        for (uint32_t i = 0; i < batch->record_count; i++) {
                if (batch->records[i].result == OUTCOME_DONE || batch->records[i].result == OUTCOME_NONE)
                        continue;

                batch_drop_child(batch, i);
                batch->records[i].result = OUTCOME_NONE;
                batch_store_result(batch, i);
        }

        matchmaker_forget_spoiled(batch->engine);
}

static void on_state_changed(Job *batch) {
        matchmaker_schedule(batch->engine);
}

static int batch_set_state(Job *batch, JobState from, JobState to, JobAnswer done, void *userdata,
                           Failure *failure) {
        if (batch->kind != JOB_BATCH)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Job %" PRIu64 " is no batch; only a batch can be %s.", batch->number,
                                   to == JOB_PAUSED ? "paused" : "resumed");

        if (job_is_finished(batch))
                return failure_set(failure, FAILURE_JOB_FINISHED, "Batch %" PRIu64 " is finished.",
                                   batch->number);

        if (batch->journaling)
                return failure_set(failure, FAILURE_RECORD_IN_USE,
                                   "Batch %" PRIu64 " is being changed; ask again.", batch->number);

        if (batch->state != from) {
                _cleanup_failure_ Failure none = {};

                done(batch, &none, userdata);
                return 0;
        }

        if (job_add_waiter(batch, done, userdata) < 0)
                return failure_no_memory(failure);

        batch->state = to;
        job_journal(batch, on_state_changed);
        return 0;
}

int job_pause(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        return batch_set_state(job, JOB_RUNNING, JOB_PAUSED, done, userdata, failure);
}

int job_resume(Job *job, JobAnswer done, void *userdata, Failure *failure) {
        matchmaker_forget_spoiled(job->engine);
        job_set_error(job, NULL);
        return batch_set_state(job, JOB_PAUSED, JOB_RUNNING, done, userdata, failure);
}

/* --- start --- */

typedef struct BatchStart {
        Job *batch;
        JobAnswer done;
        void *userdata;
} BatchStart;

static int batch_add(Job *batch, const char *type, const char *id, Failure *failure) {
        BatchRecord *record = &batch->records[batch->record_count];

        if (record_check_key(type, id, failure) < 0)
                return failure_errno(failure->kind);

        if (!catalogue_profile(batch->engine->parts.catalogue, type))
                return failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                                   "No profile is correlated with card type %s; see icreissuectl types.",
                                   type);

        *record = (BatchRecord){ .type = strdup(type), .id = strdup(id) };
        batch->record_count++;
        return record->type && record->id ? 0 : failure_no_memory(failure);
}

static int batch_reserve(Job *batch, size_t count, Failure *failure) {
        if (count > BATCH_RECORDS_MAX)
                return failure_set(failure, FAILURE_TOO_MANY_JOBS,
                                   "A batch holds at most %d records; this one has %zu. Split it.",
                                   BATCH_RECORDS_MAX, count);

        batch->records = new0(BatchRecord, count + 1);
        return batch->records ? 0 : failure_no_memory(failure);
}

static void on_requested(const RecordRow *rows, size_t count, const char *next_cursor _unused_,
                         const Failure *failure, void *userdata) {
        _cleanup_free_ BatchStart *start = userdata;
        _cleanup_(job_freep) Job *batch = start->batch;
        _cleanup_failure_ Failure reason = {};
        int r;

        batch->engine->stores_pending--;
        if (failure_is_set(failure)) {
                start->done(NULL, failure, start->userdata);
                return;
        }

        r = batch_reserve(batch, count, &reason);
        for (size_t i = 0; r >= 0 && i < count; i++)
                r = batch_add(batch, rows[i].type, rows[i].id, &reason);

        if (r >= 0)
                r = job_begin(TAKE_PTR(batch), start->done, start->userdata, batch_run, &reason);
        if (r < 0)
                start->done(NULL, &reason, start->userdata);
}

static int batch_start_requested(Job *batch, JobAnswer done, void *userdata, Failure *failure) {
        BatchStart *start;

        if (!centre_is_local(batch->engine->parts.centre)) {
                failure_set(
                        failure, FAILURE_ACCESS_DENIED,
                        "This station is a branch: which reissues are requested, %s knows. Give the batch its "
                        "records.",
                        batch->engine->parts.config->centre);
                job_free(batch);
                return failure_errno(FAILURE_ACCESS_DENIED);
        }

        start = new0(BatchStart, 1);
        if (start)
                *start = (BatchStart){ .batch = batch, .done = done, .userdata = userdata };

        if (!start || issuance_file_requested(batch->engine->parts.issuance, on_requested, start) < 0) {
                free(start);
                job_free(batch);
                return failure_no_memory(failure);
        }

        batch->engine->stores_pending++;
        return 0;
}

static int batch_fill(Job *batch, const json_t *records, Failure *failure) {
        const json_t *record;
        size_t i;
        int r;

        r = batch_reserve(batch, json_array_size(records), failure);
        if (r < 0)
                return r;

        json_array_foreach(records, i, record) {
                const char *type = json_string_value(json_array_get(record, 0));
                const char *id = json_string_value(json_array_get(record, 1));

                r = batch_add(batch, type ? type : "", id ? id : "", failure);
                if (r < 0) {
                        failure_prefix(failure, "Record %zu of the batch", i + 1);
                        return r;
                }
        }

        return 0;
}

int job_engine_batch(JobEngine *engine, const BatchRequest *request, JobAnswer done, void *userdata,
                     Failure *failure) {
        _cleanup_(job_freep) Job *batch = NULL;
        bool listed = json_array_size(request->records) > 0;
        int r;

        if (listed == request->requested)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Give the records of the batch, or none with the option \"requested\".");

        r = engine_check_limit(engine, failure);
        if (r < 0)
                return r;

        batch = job_new(engine, JOB_BATCH, request->owner);
        if (!batch)
                return failure_no_memory(failure);

        batch->state = JOB_RUNNING;
        batch->requested = request->requested;
        r = job_set_target(batch, request->target, failure);
        if (r < 0)
                return r;

        if (request->requested)
                return batch_start_requested(TAKE_PTR(batch), done, userdata, failure);

        r = batch_fill(batch, request->records, failure);
        if (r < 0)
                return r;

        return job_begin(TAKE_PTR(batch), done, userdata, batch_run, failure);
}
