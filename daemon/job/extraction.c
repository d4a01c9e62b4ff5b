/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An extraction: the job that stands at the centre for a card which a branch makes. It is begun by the branch's Extract
 * and ended by its Confirm, its Abandon, or an administrator's Cancel; the record's history remembers it from then on.
 * Questions about it wait for one another, whatever connection they came by. */
#include "job/extraction.h"

#include <inttypes.h>
#include <search.h>

#include "job/extraction-private.h"

/* --- calls --- */

BranchCall *call_free(BranchCall *call) {
        free(call->reason);
        string_erase(call->serial);
        free(call);
        return NULL;
}
static BranchCall *call_new(CallKind kind, const char *reason, const char *serial, uid_t uid, RecordDone done,
                            void *userdata) {
        _cleanup_(call_freep) BranchCall *call = new0(BranchCall, 1);

        if (!call)
                return NULL;

        *call = (BranchCall){ .kind = kind,
                              .reason = strdup(reason),
                              .serial = strdup(serial),
                              .uid = uid,
                              .done = done,
                              .userdata = userdata };
        return call->reason && call->serial ? TAKE_PTR(call) : NULL;
}

void call_answer(BranchCall *call, const Record *record, const Failure *failure) {
        static const Failure none = {};

        if (call->done)
                call->done(record, failure ? failure : &none, call->userdata);

        call_free(call);
}

void extraction_add(Job *job, BranchCall *call) {
        BranchCall **link = &job->calls;

        while (*link)
                link = &(*link)->next;

        *link = call;
}

BranchCall *extraction_take(Job *job) {
        BranchCall *call = job->calls;

        if (call)
                job->calls = call->next;

        return call;
}

/* --- by UUID --- */

static int compare_uuids(const void *a, const void *b) {
        return strcmp(((const Job *) a)->uuid, ((const Job *) b)->uuid);
}

Job *extraction_find(const JobEngine *engine, const char *uuid) {
        const Job key = { .uuid = (char *) uuid };
        void *node = tfind(&key, &engine->extractions, compare_uuids);

        return node ? *(Job **) node : NULL;
}

static int extraction_enter(Job *job) {
        Ledger *ledger = ledger_of(job->engine, job->branch);
        void *node = ledger ? tsearch(job, &job->engine->extractions, compare_uuids) : NULL;

        if (!node)
                return -ENOMEM;

        if (*(Job **) node != job)
                return -EEXIST;

        job->entered = true;
        ledger->open++;
        return 0;
}

void extraction_leave(Job *job) {
        _cleanup_failure_ Failure failure = {};
        Ledger *ledger;
        BranchCall *call;

        if (!job->branch)
                return;

        if (job->entered) {
                ledger = ledger_of(job->engine, job->branch);
                tdelete(job, &job->engine->extractions, compare_uuids);
                job->entered = false;
                if (ledger)
                        ledger->open--;
                if (ledger && job->state == JOB_PAUSED)
                        ledger->kept--;
        }

        failure_set(&failure, FAILURE_LINE_DOWN, "The centre is stopping; ask again.");
        while ((call = extraction_take(job)))
                call_answer(call, NULL, &failure);
}

/* --- its end --- */

/* Questions that were still waiting: the job has ended as they would have it, or otherwise. refusal: NULL, or why the
 * record was not extracted. */
static void answer_waiting(Job *job, const Failure *refusal) {
        _cleanup_failure_ Failure failure = {};
        BranchCall *call;

        if (refusal)
                failure_set(&failure, refusal->kind, "%s", failure_message(refusal));
        failure_set(&failure, FAILURE_JOB_FINISHED, "This job's extraction has ended. Begin a new job.");
        while ((call = extraction_take(job)))
                if (call->kind == CALL_CONFIRM)
                        extraction_confirm_late(job->engine, job->branch, job->uuid, job->type, job->id,
                                                call);
                else
                        call_answer(call, NULL, call->kind == CALL_ABANDON ? NULL : &failure);
}

/* One that was cancelled here stays for a while, as every job does; of the others the record's history tells. */
void extraction_end(Job *job, JobState state) {
        answer_waiting(job, NULL);
        extraction_leave(job);
        job->state = state;
        job->finished = time_now_text();
        if (job->cancel_wanted) {
                job_journal(job, job_finish);
                return;
        }

        job->shown = state;
        job_finish(job);
}

/* The centre has said no: the branch knows why, and there is nothing to keep. */
static void extraction_refused(Job *job, const Failure *refusal) {
        ledger_give_back(job->engine, job->branch);
        answer_waiting(job, refusal);
        extraction_leave(job);
        job_remove(job);
}

/* --- one question after the other --- */

static void extraction_run(Job *job);

static void extraction_goes_on(Job *job) {
        job->state = job->shown = JOB_RUNNING;
        job_set_advice(job,
                       "Branch %s has the data of this card. Cancel it only if that branch is gone for good.",
                       job->branch);
        job_notify(job);
}

static void on_extracted(Job *job, BranchCall *call, const Record *record, const Failure *failure) {
        bool unknown = failure->kind == FAILURE_STORE_FAILED || failure->kind == FAILURE_NO_MEMORY;

        if (!failure_is_set(failure)) {
                job->count = record->count;
                extraction_goes_on(job);
                call_answer(call, record, failure);
                extraction_run(job);
                return;
        }

        if (unknown || job->state == JOB_RUNNING) {
                call_answer(call, NULL, failure);
                extraction_run(job);
        } else {
                call_answer(call, NULL, failure);
                extraction_refused(job, failure);
        }
}

static void on_ended(Job *job, BranchCall *call, const Record *record, const Failure *failure) {
        JobState state = call->kind == CALL_CONFIRM ? JOB_DONE : JOB_CANCELLED;

        if (failure_is_set(failure)) {
                if (call->kind == CALL_CANCEL)
                        job_refuse_waiters(job, failure);
                call_answer(call, NULL, failure);
                extraction_run(job);
                return;
        }

        call_answer(call, record, failure);
        extraction_end(job, state);
}

static void on_answer(const Record *record, const Failure *failure, void *userdata) {
        Job *job = userdata;
        JobEngine *engine = job->engine;
        BranchCall *call = TAKE_PTR(job->call);

        job->centre_busy = false;
        if (call->kind == CALL_EXTRACT)
                on_extracted(job, call, record, failure);
        else
                on_ended(job, call, record, failure);

        engine_check_parked(engine);
}

static bool count_fits(const Job *job, const BranchCall *call, Failure *failure) {
        if (call->kind != CALL_CONFIRM || job->count == 0 || job->count == call->count)
                return true;

        failure_set(failure, FAILURE_INVALID_ARGS,
                    "Job %s has card number %" PRIu32 " of its record, not %" PRIu32 ".", job->uuid,
                    job->count, call->count);
        return false;
}

static int extraction_ask(Job *job, const BranchCall *call) {
        const Actor actor = { .uid = call->uid, .station = job->branch };
        Centre *centre = job->engine->parts.centre;
        _cleanup_json_ json_t *fields = card_type_fields(job);
        const ExtractRequest request = { .job_uuid = job->uuid,
                                         .type = job->type,
                                         .id = job->id,
                                         .request = call->request,
                                         .reason = call->reason,
                                         .card_type = job->card_type,
                                         .fields = fields,
                                         .actor = actor };

        if (job->card_type && !fields)
                return -ENOMEM;

        switch (call->kind) {
        case CALL_EXTRACT:
                return centre_extract(centre, &request, on_answer, job);
        case CALL_CONFIRM:
                return centre_confirm(centre, job->uuid, job->type, job->id, call->count, call->serial,
                                      &actor, on_answer, job);
        case CALL_CANCEL: /* the card may exist: its number is not given again */
        case CALL_ABANDON:
                return centre_abandon(centre, job->uuid, job->type, job->id,
                                      call->card_written || call->kind == CALL_CANCEL, call->reason, &actor,
                                      on_answer, job);
        }

        return -EINVAL;
}

static void extraction_run(Job *job) {
        while (!job->centre_busy && !job->journaling && job->calls && !job_is_finished(job)) {
                BranchCall *call = extraction_take(job);
                _cleanup_failure_ Failure failure = {};

                if (count_fits(job, call, &failure)) {
                        job->call = call;
                        job->centre_busy = extraction_ask(job, call) >= 0;
                        if (job->centre_busy)
                                return;

                        job->call = NULL;
                        failure_no_memory(&failure);
                }

                call_answer(call, NULL, &failure);
        }
}

/* --- what the branch asks --- */

static int check_owner(const Job *job, const ConfigBranch *branch, Failure *failure) {
        if (streq(job->branch, branch->name))
                return 0;

        log_event(LOG_BRANCH_REFUSED, &(LogSubject){ .job = job->uuid },
                  "Branch %s was refused: it named a job of branch %s.", branch->name, job->branch);
        return failure_set(failure, FAILURE_ACCESS_DENIED, "This job is not one of branch %s.", branch->name);
}

static int check_same(const Job *job, const char *type, const char *id, Failure *failure) {
        if (streq(job->type, type) && streq(job->id, id))
                return 0;

        return failure_set(failure, FAILURE_INVALID_ARGS, "Job %s is about another record.", job->uuid);
}

static void on_stored(Job *job, const Failure *failure, void *userdata) {
        Job *never = userdata;
        BranchCall *call;

        if (job)
                return;

        ledger_give_back(never->engine, never->branch);
        while ((call = extraction_take(never)))
                call_answer(call, NULL, failure);
}

Job *extraction_new(JobEngine *engine, const char *branch, const char *uuid, const char *type, const char *id,
                    Failure *failure) {
        _cleanup_(job_freep) Job *job = NULL;

        if (engine->parking) {
                failure_set(failure, FAILURE_LINE_DOWN, "The centre is stopping; ask again.");
                return NULL;
        }

        if (ledger_check_open(engine, branch, failure) < 0)
                return NULL;

        job = job_new(engine, JOB_EXTRACTION, 0);
        if (!job || replace_string(&job->uuid, uuid) < 0 || replace_string(&job->source, branch) < 0 ||
            !(job->branch = strdup(branch)) || !(job->type = strdup(type)) || !(job->id = strdup(id)) ||
            extraction_enter(job) < 0) {
                failure_no_memory(failure);
                return NULL;
        }

        return TAKE_PTR(job);
}

static void on_begun(Job *job) {
        job->journaling--;
        if (job->state == JOB_PAUSED)
                extraction_unmatched_kept(job);
        else
                extraction_run(job);
}

void extraction_begin(Job *job) {
        _cleanup_failure_ Failure failure = {};

        job->journaling++; /* nothing is asked for it until it is durable */
        (void) job_begin(job, on_stored, job, on_begun, &failure);
}

/* job: NULL for a new one. */
static int check_extract(const JobEngine *engine, const Job *job, const ConfigBranch *branch,
                         const ExtractRequest *request, Failure *failure) {
        int r;

        if (!catalogue_profile(engine->parts.catalogue, request->type))
                return failure_set(
                        failure, FAILURE_UNKNOWN_CARD_TYPE,
                        "The centre has no profile for card type %s, so it cannot tell what a card "
                        "needs; its administrator adds the type to correlation.yaml.",
                        request->type);
        if (!job)
                return 0;

        r = check_owner(job, branch, failure);
        if (r >= 0)
                r = check_same(job, request->type, request->id, failure);
        if (r >= 0)
                r = card_type_check_same(job, request->card_type, failure);
        if (r < 0 || job->state != JOB_PAUSED)
                return r;

        return failure_set(failure, FAILURE_JOB_FINISHED, "This job has been confirmed. Begin a new job.");
}

static int serve_extract(const ConfigBranch *branch, const ExtractRequest *request, RecordDone done,
                         void *done_userdata, void *userdata) {
        JobEngine *engine = userdata;
        Job *job = extraction_find(engine, request->job_uuid);
        _cleanup_failure_ Failure failure = {};
        BranchCall *call;
        bool is_new = !job;

        call = call_new(CALL_EXTRACT, request->reason, "", request->actor.uid, done, done_userdata);
        if (!call)
                return -ENOMEM;

        call->request = request->request;
        if (check_extract(engine, job, branch, request, &failure) >= 0 && !job &&
            ledger_take(engine, branch, &failure) >= 0) {
                job = extraction_new(engine, branch->name, request->job_uuid, request->type, request->id,
                                     &failure);
                if (job && card_type_choose(job, request->card_type, &failure) < 0) {
                        extraction_leave(job);
                        job = job_free(job);
                }
                if (!job)
                        ledger_give_back(engine, branch->name);
        }
        if (failure_is_set(&failure)) {
                call_answer(call, NULL, &failure);
                return 0;
        }

        extraction_add(job, call);
        if (is_new) {
                job->state = JOB_EXTRACTING;
                extraction_begin(job);
        } else
                extraction_run(job);

        return 0;
}

static int serve_confirm(const ConfigBranch *branch, const char *job_uuid, const char *type, const char *id,
                         uint32_t count, const char *serial, const Actor *actor, RecordDone done,
                         void *done_userdata, void *userdata) {
        JobEngine *engine = userdata;
        Job *job = extraction_find(engine, job_uuid);
        _cleanup_failure_ Failure failure = {};
        BranchCall *call;

        call = call_new(CALL_CONFIRM, "", serial, actor->uid, done, done_userdata);
        if (!call)
                return -ENOMEM;

        call->count = count;
        if (!job) {
                extraction_confirm_late(engine, branch->name, job_uuid, type, id, call);
                return 0;
        }

        if (check_owner(job, branch, &failure) < 0 || check_same(job, type, id, &failure) < 0 ||
            job->state == JOB_PAUSED) {
                call_answer(call, NULL, &failure); /* paused: it is kept already */
                return 0;
        }

        extraction_add(job, call);
        extraction_run(job);
        return 0;
}

static int serve_abandon(const ConfigBranch *branch, const char *job_uuid, bool card_written,
                         const char *reason, const Actor *actor, RecordDone done, void *done_userdata,
                         void *userdata) {
        JobEngine *engine = userdata;
        Job *job = extraction_find(engine, job_uuid);
        _cleanup_failure_ Failure failure = {};
        BranchCall *call;

        call = call_new(CALL_ABANDON, reason, "", actor->uid, done, done_userdata);
        if (!call)
                return -ENOMEM;

        call->card_written = card_written;
        if (!job || check_owner(job, branch, &failure) < 0 || job->state == JOB_PAUSED) {
                call_answer(call, NULL, &failure); /* none: it has ended, or never came here */
                return 0;
        }

        extraction_add(job, call);
        extraction_run(job);
        return 0;
}

/* The profile says it; of a type without one, which serve_extract() refuses, nothing is needed. */
static bool serve_needs(const char *type, const char *record_type, const char *field, void *userdata) {
        const JobEngine *engine = userdata;
        const Profile *profile = catalogue_profile(engine->parts.catalogue, type);

        return profile && profile_field_is_needed(profile, record_type, field);
}

static bool serve_discards(const char *type, const char *field, void *userdata) {
        const JobEngine *engine = userdata;
        const Profile *profile = catalogue_profile(engine->parts.catalogue, type);

        return profile && profile_field_discards(profile, field);
}

const CentreHandlers *job_engine_centre_handlers(void) {
        static const CentreHandlers handlers = {
                .extract = serve_extract,
                .confirm = serve_confirm,
                .abandon = serve_abandon,
                .needs = serve_needs,
                .discards = serve_discards,
        };

        return &handlers;
}

/* --- the administrator --- */

int extraction_cancel(Job *job, Failure *failure) {
        BranchCall *call;

        if (job->state == JOB_PAUSED) {
                extraction_end(job, JOB_CANCELLED);
                return 0;
        }

        call = call_new(CALL_CANCEL, "cancelled at the centre", "", (uid_t) -1, NULL, NULL);
        if (!call)
                return failure_no_memory(failure);

        extraction_add(job, call);
        extraction_run(job);
        return 0;
}

/* --- after a restart --- */

static void on_resumed(const Record *record, const Failure *failure, void *userdata) {
        Job *job = userdata;
        JobEngine *engine = job->engine;
        const json_t *reserved = record ? json_object_get(record->extraction, "job") : NULL;

        job->centre_busy = false;
        if (failure_is_set(failure) && failure->kind != FAILURE_NO_RECORD)
                job_set_error(job, failure); /* it stays as it is; the branch asks again */
        else if (streq_null(json_string_value(reserved), job->uuid)) {
                job->count = record->count;
                extraction_goes_on(job);
        } else if (record && extraction_history(record, job->uuid, "issued")) {
                extraction_end(job, JOB_DONE);
                return;
        } else { /* abandoned, or the service stopped before it was extracted */
                extraction_end(job, JOB_CANCELLED);
                return;
        }

        extraction_run(job);
        engine_check_parked(engine);
}

void extraction_resume(Job *job) {
        if (extraction_enter(job) < 0) {
                log_event(LOG_INTERNAL, &(LogSubject){ .job = job->uuid }, "There was no memory for a job.");
                return;
        }

        if (job->state == JOB_PAUSED)
                extraction_keep(job);
        else
                job->centre_busy =
                        centre_look(job->engine->parts.centre, job->type, job->id, on_resumed, job) >= 0;
}
