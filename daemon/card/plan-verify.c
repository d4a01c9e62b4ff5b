/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proof that a card holds what was written: after a reset every write is read back and compared byte by byte,
 * told by field; a new PIN is proven by use, once. */
#include "card/plan-private.h"

enum { PRESENTED_MAX = 128 };

/* One plan_verify(). */
typedef struct Proof {
        Plan *plan;
        const PlanContext *context;
        Session session;
        json_t *report;
        /* Which secrets have been presented since the reset, and whether that lasts. */
        struct {
                uint64_t which;
                bool lasts;
        } presented[PRESENTED_MAX];
        size_t presented_count;
} Proof;

static int report_add(Proof *proof, const PlanStage *stage, const Field *field, const char *result) {
        const char *name = stage ? stage->stage->name : "verify";
        const json_t *entry;
        size_t i;

        json_array_foreach(proof->report, i, entry)
                if (streq(json_string_value(json_object_get(entry, "stage")), name) &&
                    streq(json_string_value(json_object_get(entry, "field")), field->name) &&
                    streq(json_string_value(json_object_get(entry, "result")), result))
                        return 0;

        return json_array_append_new(proof->report, json_pack("{s:s,s:s,s:s}", "stage", name, "field",
                                                              field->name, "result", result));
}

static int report_fields(Proof *proof, const PlanStage *stage, const Encoded *encoded, const char *result,
                         Failure *failure) {
        for (size_t i = 0; i < encoded->segment_count; i++)
                if (report_add(proof, stage, encoded->segments[i].field, result) < 0)
                        return failure_no_memory(failure);

        return 0;
}

/* The last change of a secret among the stages that are written, and its argument; or NULL. */
static const Call *newest_change(const Plan *plan, uint64_t secret, int *argument) {
        for (size_t s = MIN_OF((size_t) plan->position.stage, plan->stage_count); s-- > 0;) {
                const CallList *write = &plan->stages[s].write;

                for (size_t i = write->count; i-- > 0;) {
                        if (!call_writes(&write->calls[i]))
                                continue;

                        *argument = call_argument_for(&write->calls[i], ROLE_NEW, secret);
                        if (*argument >= 0)
                                return &write->calls[i];
                }
        }

        return NULL;
}

/* What a step needs open is presented again unless it lasts; a new value has been proven by any use of it. */
static bool was_presented(const Proof *proof, uint64_t secret, ArgumentRole role) {
        for (size_t i = 0; i < proof->presented_count; i++)
                if (proof->presented[i].which == secret && (role == ROLE_NEW || proof->presented[i].lasts))
                        return true;

        return false;
}

static void note_presented(Proof *proof, const Call *call, uint64_t secret) {
        const VerbSecret *verb = call->step->verb->secret;

        if (proof->presented_count == PRESENTED_MAX)
                return; /* it is presented once more, then */

        proof->presented[proof->presented_count].which = secret;
        proof->presented[proof->presented_count++].lasts = verb->lasts && verb->lasts(call);
}

/* What the card has by now for an argument of the call. */
static Presented newest(const Plan *plan, const Call *call, int argument) {
        int changed = -1;
        const Call *change = newest_change(plan, call->step->verb->secret->which(call, argument), &changed);

        return (Presented){ .value = change ? &change->values[changed] : &call->values[argument],
                            .change = change,
                            .which = change ? change->step->verb->secret->which(change, changed) : 0 };
}

/* A new value that the card refuses was not stored as it was sent. */
static int complain_changed(const Presented *presented, int r, Failure *failure) {
        const Step *step = presented->change->step;

        if (failure->kind != FAILURE_VERIFY_FAILED)
                return r;

        if (presented->value->segment_count > 0)
                failure_prefix(failure, "The field \"%s\"", presented->value->segments[0].field->name);
        else
                failure_prefix(failure, "What %s (%s:%zu) has written", step->verb->name, step->place.file,
                               step->place.line);

        return r;
}

/* Presents what the card has by now for one secret that the call presents or changes. */
static int present_one(Proof *proof, const PlanStage *stage, const Call *call, int argument,
                       ArgumentRole role, Failure *failure) {
        const VerbSecret *secret = call->step->verb->secret;
        uint64_t which = secret->which(call, argument);
        Presented presented = newest(proof->plan, call, argument);
        _cleanup_step_result_ StepResult result = {};
        int r;

        if (was_presented(proof, which, role))
                return 0;

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r < 0)
                return r;

        /* A new value is proven by use even where the card would not want it. */
        r = secret->present(&proof->session, call, argument, bytes_span(&presented.value->data),
                            presented.change != NULL, &result, failure);
        if (r < 0)
                return presented.change ? complain_changed(&presented, r, failure) : r;

        note_presented(proof, call, which);
        return presented.change ? report_fields(proof, stage, presented.value, "used", failure) : 0;
}

/* Whether everything that the call changes has been proven by an earlier use. */
static bool is_proven(const Proof *proof, const Call *call) {
        for (int i = step_argument(call->step, ROLE_NEW, 0); i >= 0;
             i = step_argument(call->step, ROLE_NEW, i + 1))
                if (!was_presented(proof, call->step->verb->secret->which(call, i), ROLE_NEW))
                        return false;

        return true;
}

/* Presents what the card has by now for all of them at once. */
static int present_all(Proof *proof, const PlanStage *stage, const Call *call, ArgumentRole role,
                       Failure *failure) {
        Presented presented[VERB_ARGUMENTS_MAX] = {};
        int first = step_argument(call->step, role, 0);
        _cleanup_step_result_ StepResult result = {};
        int r;

        if (role == ROLE_NEW && is_proven(proof, call))
                return 0;

        for (int i = first; i >= 0; i = step_argument(call->step, role, i + 1)) {
                presented[i] = newest(proof->plan, call, i);
                presented[i].proven = was_presented(proof, presented[i].which, ROLE_NEW);
        }

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r >= 0)
                r = call->step->verb->secret->present_all(&proof->session, call, presented, &result, failure);
        if (r < 0 && presented[first].change)
                return complain_changed(&presented[first], r, failure);

        for (size_t i = 0; r >= 0 && i < VERB_ARGUMENTS_MAX; i++) {
                if (!presented[i].change)
                        continue;

                if (!presented[i].proven && result.held)
                        note_presented(proof, call, presented[i].which);
                r = report_fields(proof, stage, presented[i].value, "used", failure);
        }

        return r;
}

/* Presents what the call has of that role: the secrets that it presents, or those that it has changed. */
static int present(Proof *proof, const PlanStage *stage, const Call *call, ArgumentRole role,
                   Failure *failure) {
        int r = 0;

        if (call->step->verb->secret->present_all)
                return present_all(proof, stage, call, role, failure);

        for (int i = step_argument(call->step, role, 0); r >= 0 && i >= 0;
             i = step_argument(call->step, role, i + 1))
                r = present_one(proof, stage, call, i, role, failure);

        return r;
}

/* The field in which two values first differ, or NULL. */
static const Field *differing_field(const Encoded *written, Span found) {
        for (size_t i = 0; i < written->data.size; i++) {
                if (i < found.size && found.data[i] == written->data.data[i])
                        continue;

                for (size_t k = 0; k < written->segment_count; k++)
                        if (i - written->segments[k].offset < written->segments[k].length)
                                return written->segments[k].field;
                break;
        }

        return NULL;
}

static int complain_differs(const PlanStage *stage, const Call *call, Span found, Failure *failure) {
        const Field *field = differing_field(&call->values[call->step->verb->written], found);

        if (field)
                return failure_set(failure, FAILURE_VERIFY_FAILED,
                                   "Stage \"%s\": the card does not hold the field \"%s\" as it was written",
                                   stage->stage->name, field->name);

        return failure_set(failure, FAILURE_VERIFY_FAILED,
                           "Stage \"%s\": the card does not hold what %s (%s:%zu) has written",
                           stage->stage->name, call->step->verb->name, call->step->place.file,
                           call->step->place.line);
}

/* What the card shows of what was written. */
static int read_back(Proof *proof, const Call *call, StepResult *ret, Failure *failure) {
        int r;

        if (call->shown_count == 0)
                return call->step->verb->read_back(&proof->session, call, ret, failure);

        for (size_t i = 0; i < call->shown_count; i++) {
                step_result_done(ret);
                r = call_run(&proof->session, &call->shown[i], ret, failure);
                if (r < 0 || !ret->held)
                        return r;
        }

        return 0;
}

static int compare(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        const Encoded *written = &call->values[call->step->verb->written];
        _cleanup_step_result_ StepResult result = {};
        Span found;
        int r;

        r = read_back(proof, call, &result, failure);
        if (r < 0)
                return r;
        if (!result.held && !session_accepts(&proof->session, NULL, result.sw))
                return plan_complain(stage, call, &result, FAILURE_VERIFY_FAILED, failure);

        /* A record of fixed length may be longer than what was put into it. */
        found = bytes_span(&result.data);
        if (call->step->verb->run == verb_update_record)
                found = span_part(found, 0, written->data.size);

        if (!span_equal_secret(found, bytes_span(&written->data)))
                return complain_differs(stage, call, found, failure);

        return report_fields(proof, stage, written, "compared", failure);
}

static int prove_written(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        const Verb *verb = call->step->verb;
        int r;

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r < 0 || verb->written < 0)
                return r;

        if (!call->step->read_back || (!verb->read_back && call->shown_count == 0))
                return report_fields(proof, stage, &call->values[verb->written], "not verifiable", failure);

        return compare(proof, stage, call, failure);
}

/* What can be read is read back first; a secret that was changed is proven by use, which may open something else. */
static int prove_write(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        const Step *step = call->step;
        int r = 0;

        if (!step_changes_secret(step) || step->verb->written >= 0)
                r = prove_written(proof, stage, call, failure);
        if (r >= 0 && step_changes_secret(step))
                r = present(proof, stage, call, ROLE_NEW, failure);

        return r;
}

/* A verb that presents a secret presents what the card has for it by now. */
static int prove_call(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        if (call_writes(call))
                return prove_write(proof, stage, call, failure);
        if (step_argument(call->step, ROLE_PRESENTED, 0) >= 0)
                return present(proof, stage, call, ROLE_PRESENTED, failure);

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r >= 0)
                r = call_run(&proof->session, call, &result, failure);
        if (r < 0)
                return r;

        return result.held ? 0 : plan_complain(stage, call, &result, FAILURE_VERIFY_FAILED, failure);
}

/* Whether the card has anything to show or to prove for a stage: else its session is not opened for nothing. What a
 * step of it expects is asked again in any case. */
static bool shows_anything(const CallList *list) {
        for (size_t i = 0; i < list->count; i++) {
                const Call *call = &list->calls[i];
                const Step *step = call->step;

                if (!call_writes(call) ? step->expect != NULL
                                       : step_changes_secret(step) || step->verb->written >= 0)
                        return true;
        }

        return false;
}

static int prove_calls(Proof *proof, const PlanStage *stage, const CallList *list, Failure *failure) {
        for (size_t i = 0; i < list->count; i++) {
                int r;

                r = prove_call(proof, stage, &list->calls[i], failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int prove_all(Proof *proof, Failure *failure) {
        const Plan *plan = proof->plan;
        int r;

        for (size_t s = plan->proven_stages; s < plan->position.stage && s < plan->stage_count; s++) {
                const PlanStage *stage = &plan->stages[s];

                if (!shows_anything(&stage->open) && !shows_anything(&stage->write))
                        continue;

                session_secure(&proof->session, NULL);
                r = prove_calls(proof, stage, &stage->open, failure);
                if (r >= 0)
                        r = prove_calls(proof, stage, &stage->write, failure);
                if (r < 0)
                        return r;
        }

        return plan_at_end(plan, &plan->position) ? prove_calls(proof, NULL, &plan->verify, failure) : 0;
}

/* What the last stage cannot undo is not read back a second time after it. */
static int keep_proof(Plan *plan, const json_t *report, Failure *failure) {
        plan->proven = true;
        if (plan_at_end(plan, &plan->position))
                return 0;

        plan_forget_proof(plan);
        plan->proof = json_deep_copy(report);
        if (!plan->proof)
                return failure_no_memory(failure);

        plan->proven_stages = plan->position.stage;
        return 0;
}

int plan_verify(Plan *plan, PlanContext *context, json_t **report, Failure *failure) {
        Proof proof = { .plan = plan, .context = context };
        int r;

        context->tries_left = -1;
        proof.report = plan->proof ? json_deep_copy(plan->proof) : json_array();
        if (!proof.report)
                return failure_no_memory(failure);

        plan->opened = NO_STAGE;
        plan_session(plan, context, FAILURE_VERIFY_FAILED, &proof.session);
        proof.session.reuse_answer = true;
        r = prove_all(&proof, failure);
        r = session_settle(&proof.session, r, failure);
        if (r >= 0)
                r = keep_proof(plan, proof.report, failure);
        context->tries_left = proof.session.tries_left;
        session_done(&proof.session);
        if (r < 0) {
                plan_forget_proof(plan);
                json_decref(proof.report);
                return r;
        }

        *report = proof.report;
        return 0;
}
