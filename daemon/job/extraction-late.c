/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Confirmations of extractions that are no longer open: repeated, of a job that was cancelled here, or of one that this
 * centre does not know, because its issuance file is older than the card. None is lost: the card exists. */
#include <inttypes.h>

#include "job/extraction-private.h"

typedef struct LateConfirm {
        JobEngine *engine;
        char *branch, *uuid, *type, *id;
        uint32_t count;
        BranchCall *call;
} LateConfirm;

static void late_free(LateConfirm *late) {
        if (late->call)
                call_free(late->call);
        free(late->branch);
        free(late->uuid);
        free(late->type);
        string_erase(late->id);
        free(late);
}
DEFINE_CLEANUP(LateConfirm *, late_free)

static void report_late(const LateConfirm *late) {
        Ledger *ledger = ledger_of(late->engine, late->branch);

        if (ledger)
                ledger->late++;
        log_event(LOG_LATE_CONFIRMATION, &(LogSubject){ .job = late->uuid, .card_type = late->type },
                  "Branch %s has confirmed card number %" PRIu32
                  " of a job that was cancelled: the card exists. "
                  "It is in the record's history.",
                  late->branch, late->count);
}

static void on_late_recorded(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(late_freep) LateConfirm *late = userdata;
        JobEngine *engine = late->engine;

        engine->stores_pending--;
        if (!failure_is_set(failure))
                report_late(late);
        call_answer(TAKE_PTR(late->call), record, failure);
        engine_check_parked(engine);
}

/* The last entry of that job with that event. */
const json_t *extraction_history(const Record *record, const char *uuid, const char *event) {
        const json_t *entry, *found = NULL;
        size_t i;

        json_array_foreach(record->history, i, entry) {
                if (streq_null(json_string_value(json_object_get(entry, "job")), uuid) &&
                    streq_null(json_string_value(json_object_get(entry, "event")), event))
                        found = entry;
        }

        return found;
}

static void late_refuse(LateConfirm *late, const Failure *failure) {
        call_answer(TAKE_PTR(late->call), NULL, failure);
}

/* --- what matches nothing --- */

static void advise_unmatched(Job *job) {
        job_set_advice(
                job,
                "Branch %s has made card number %" PRIu32
                ", of which the record does not know; was the issuance file restored from a backup? Retry takes "
                "it into the record, Cancel dismisses it.",
                job->branch, job->count);
}

void extraction_keep(Job *job) {
        Ledger *ledger = ledger_of(job->engine, job->branch);

        job->state = JOB_PAUSED;
        if (ledger)
                ledger->kept++;
        advise_unmatched(job);
}

void extraction_unmatched_kept(Job *job) {
        BranchCall *call;

        log_event(LOG_LATE_CONFIRMATION, &(LogSubject){ .job = job->uuid, .card_type = job->type },
                  "Branch %s has confirmed a card of which the record does not know. Job %" PRIu64
                  " keeps it until it is accepted (retry) or dismissed (cancel).",
                  job->branch, job->number);
        while ((call = extraction_take(job)))
                call_answer(call, NULL, NULL);
}

/* On success the call waits in the job until that is durable. */
static int keep_unmatched(LateConfirm *late, Failure *failure) {
        _cleanup_(job_freep) Job *job = NULL;

        job = extraction_new(late->engine, late->branch, late->uuid, late->type, late->id, failure);
        if (!job)
                return failure_errno(failure->kind);

        job->count = late->count;
        job->new_serial = strdup(late->call->serial);
        if (!job->new_serial)
                return failure_no_memory(failure);

        extraction_keep(job);
        extraction_add(job, TAKE_PTR(late->call));
        extraction_begin(TAKE_PTR(job));
        return 0;
}

static void on_accepted(const Record *record _unused_, const Failure *failure, void *userdata) {
        Job *job = userdata;
        JobEngine *engine = job->engine;

        job->centre_busy = false;
        if (failure_is_set(failure)) {
                job_set_error(job, failure);
                job_refuse_waiters(job, failure);
        } else
                extraction_end(job, JOB_DONE);

        engine_check_parked(engine);
}

/* Its number counts, and the record is reserved for it: now it is as if it had been extracted here. */
static void on_accept(const Record *record, const Failure *failure, void *userdata) {
        Job *job = userdata;
        const Actor actor = { .uid = (uid_t) -1, .station = job->branch };
        _cleanup_failure_ Failure refusal = {};

        if (!failure_is_set(failure) &&
            centre_confirm(job->engine->parts.centre, job->uuid, job->type, job->id, job->count,
                           job->new_serial ? job->new_serial : "", &actor, on_accepted, job) >= 0)
                return;

        failure_no_memory(&refusal);
        on_accepted(record, failure_is_set(failure) ? failure : &refusal, job);
}

int extraction_accept(Job *job, Failure *failure) {
        const ExtractRequest request = { .job_uuid = job->uuid,
                                         .type = job->type,
                                         .id = job->id,
                                         .request = true,
                                         .reason = "a confirmation of the branch was accepted",
                                         .actor = { .uid = (uid_t) -1, .station = job->branch } };

        if (job->state != JOB_PAUSED || job->centre_busy)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Job %" PRIu64 " waits for its branch; there is nothing to accept.",
                                   job->number);

        if (centre_extract(job->engine->parts.centre, &request, on_accept, job) < 0)
                return failure_no_memory(failure);

        job->centre_busy = true;
        return 0;
}

/* --- what has ended --- */

/* Nobody here knows of it: this file is older than that card, or the branch lies. Either way it is not lost, and the
 * branch need not say it again. */
static void late_unmatched(LateConfirm *late) {
        const Job *kept = extraction_find(late->engine, late->uuid);
        _cleanup_failure_ Failure failure = {};

        if (kept) { /* it was repeated while the record was looked at */
                failure_set(&failure, FAILURE_LINE_DOWN, "This confirmation is being kept; ask again.");
                late_refuse(late, &failure);
        } else if (keep_unmatched(late, &failure) < 0)
                late_refuse(late, &failure);
}

/* Whether the branch may confirm that card: its own job, and the number that this one had. */
static bool late_is_true(const LateConfirm *late, const json_t *entry, bool abandoned, Failure *failure) {
        json_int_t count = json_integer_value(json_object_get(entry, "count"));

        if (!streq_null(json_string_value(json_object_get(entry, "station")), late->branch)) {
                failure_set(failure, FAILURE_ACCESS_DENIED, "This job is not one of branch %s.",
                            late->branch);
                return false;
        }

        /* Abandoned by the branch itself, without a card, it had given its number back. */
        if (abandoned && late->count != count && late->count != count + 1) {
                failure_set(failure, FAILURE_INVALID_ARGS, "Job %s had another number of its record.",
                            late->uuid);
                return false;
        }

        return true;
}

static void on_late_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(late_freep) LateConfirm *late = userdata;
        JobEngine *engine = late->engine;
        const Actor actor = { .uid = late->call->uid, .station = late->branch };
        _cleanup_failure_ Failure refusal = {};
        const json_t *issued, *abandoned, *entry;

        engine->stores_pending--;
        if (failure_is_set(failure) && failure->kind != FAILURE_NO_RECORD) {
                late_refuse(late, failure);
                engine_check_parked(engine);
                return;
        }

        issued = record ? extraction_history(record, late->uuid, "issued") : NULL;
        abandoned = record ? extraction_history(record, late->uuid, "abandoned") : NULL;
        entry = issued ? issued : abandoned;
        if (entry && !late_is_true(late, entry, !issued, &refusal))
                late_refuse(late, &refusal);
        else if (issued)
                call_answer(TAKE_PTR(late->call), record, NULL);
        else if (!abandoned)
                late_unmatched(late);
        else if (centre_confirm(engine->parts.centre, late->uuid, late->type, late->id, late->count,
                                late->call->serial, &actor, on_late_recorded, late) >= 0) {
                engine->stores_pending++;
                late = NULL;
        } else {
                failure_no_memory(&refusal);
                late_refuse(late, &refusal);
        }

        engine_check_parked(engine);
}

void extraction_confirm_late(JobEngine *engine, const char *branch, const char *uuid, const char *type,
                             const char *id, BranchCall *call) {
        _cleanup_(late_freep) LateConfirm *late = new0(LateConfirm, 1);
        _cleanup_failure_ Failure failure = {};

        if (late)
                *late = (LateConfirm){ .engine = engine,
                                       .branch = strdup(branch),
                                       .uuid = strdup(uuid),
                                       .type = strdup(type),
                                       .id = strdup(id),
                                       .count = call->count,
                                       .call = call };
        if (!late || !late->branch || !late->uuid || !late->type || !late->id ||
            centre_look(engine->parts.centre, type, id, on_late_record, late) < 0) {
                failure_no_memory(&failure);
                if (late)
                        late->call = NULL;
                call_answer(call, NULL, &failure);
                return;
        }

        engine->stores_pending++;
        late = NULL;
}
