/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proof that a card holds what was written: after a reset every write is read back and compared byte by byte,
 * told by field; a new PIN is proven by use, once. */
#include "card/plan-private.h"

enum { PRESENTED_MAX = 32 };

/* One plan_verify(). */
typedef struct Proof {
        Plan *plan;
        const PlanContext *context;
        Session session;
        json_t *report;
        const Call *presented[PRESENTED_MAX]; /* whose values have been presented since the reset */
        size_t presented_count;
} Proof;

static int report_add(Proof *proof, const PlanStage *stage, const Field *field, const char *result) {
        const char *name = stage ? stage->stage->name : "verify";
        const json_t *entry;
        size_t i;

        json_array_foreach(
                proof->report, i,
                entry) if (streq(json_string_value(json_object_get(entry, "stage")), name) &&
                           streq(json_string_value(json_object_get(entry, "field")), field->name) &&
                           streq(json_string_value(json_object_get(entry, "result")), result)) return 0;

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

/* The last change of a reference among the stages that are written, or NULL. */
static const Call *newest_change(const Plan *plan, int64_t reference) {
        const Call *newest = NULL;

        for (size_t s = 0; s < plan->position.stage && s < plan->stage_count; s++) {
                const CallList *write = &plan->stages[s].write;

                for (size_t i = 0; i < write->count; i++)
                        if (call_changes_secret(&write->calls[i]) &&
                            call_reference(&write->calls[i]) == reference)
                                newest = &write->calls[i];
        }

        return newest;
}

/* References with bit 8 belong to the selected directory and are closed with it (ISO/IEC 7816-4:2020, 9.2):
 * the others stay open until the reset and are presented once. */
static bool was_presented(const Proof *proof, const Call *call) {
        for (size_t i = 0; i < proof->presented_count; i++)
                if (proof->presented[i] == call ||
                    (call_reference(proof->presented[i]) == call_reference(call) &&
                     !(call_reference(call) & 0x80)))
                        return true;

        return false;
}

static int present(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        const Call *change = newest_change(proof->plan, call_reference(call));
        const Encoded *value = change ? &change->values[PIN_NEW] : &call->values[PIN_PRESENTED];
        _cleanup_step_result_ StepResult result = {};
        int r;

        if (was_presented(proof, call))
                return 0;

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r < 0)
                return r;

        /* A new value is proven by use even where the card would not want it. */
        r = pin_present(&proof->session, call, bytes_span(&value->data), change != NULL, &result, failure);
        if (r < 0)
                return r;

        if (proof->presented_count < PRESENTED_MAX)
                proof->presented[proof->presented_count++] = call;

        return change ? report_fields(proof, stage, value, "used", failure) : 0;
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

static int compare(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        const Encoded *written = &call->values[call->step->verb->written];
        _cleanup_step_result_ StepResult result = {};
        Span found;
        int r;

        r = call->step->verb->read_back(&proof->session, call, &result, failure);
        if (r < 0)
                return r;
        if (!result.held && result.sw != 0x9000)
                return plan_complain(stage, call, &result, FAILURE_VERIFY_FAILED, failure);

        /* A record of fixed length may be longer than what was put into it. */
        found = bytes_span(&result.data);
        if (call->step->verb->run == verb_update_record)
                found = span_part(found, 0, written->data.size);

        if (!span_equal_secret(found, bytes_span(&written->data)))
                return complain_differs(stage, call, found, failure);

        return report_fields(proof, stage, written, "compared", failure);
}

static int prove_write(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        const Verb *verb = call->step->verb;
        int r;

        if (call_changes_secret(call))
                return present(proof, stage, call, failure);

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r < 0 || verb->written < 0)
                return r;

        if (!call->step->read_back || !verb->read_back)
                return report_fields(proof, stage, &call->values[verb->written], "not verifiable", failure);

        return compare(proof, stage, call, failure);
}

static int prove_call(Proof *proof, const PlanStage *stage, const Call *call, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        if (call_writes(call))
                return prove_write(proof, stage, call, failure);
        if (step_kind(call->step) == VERB_AUTHENTICATE)
                return present(proof, stage, call, failure);

        r = plan_step(proof->plan, proof->context, NULL, failure);
        if (r >= 0)
                r = call_run(&proof->session, call, &result, failure);
        if (r < 0)
                return r;

        return result.held ? 0 : plan_complain(stage, call, &result, FAILURE_VERIFY_FAILED, failure);
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

        for (size_t s = 0; s < plan->position.stage && s < plan->stage_count; s++) {
                const PlanStage *stage = &plan->stages[s];

                r = prove_calls(proof, stage, &stage->open, failure);
                if (r >= 0)
                        r = prove_calls(proof, stage, &stage->write, failure);
                if (r < 0)
                        return r;
        }

        return plan_at_end(plan, &plan->position) ? prove_calls(proof, NULL, &plan->verify, failure) : 0;
}

int plan_verify(Plan *plan, PlanContext *context, json_t **report, Failure *failure) {
        Proof proof = { .plan = plan, .context = context };
        int r;

        context->tries_left = -1;
        proof.report = json_array();
        if (!proof.report)
                return failure_no_memory(failure);

        plan->opened = NO_STAGE;
        plan_session(plan, context, FAILURE_VERIFY_FAILED, &proof.session);
        r = prove_all(&proof, failure);
        context->tries_left = proof.session.tries_left;
        session_done(&proof.session);
        if (r < 0) {
                json_decref(proof.report);
                return r;
        }

        plan->proven = true;
        *report = proof.report;
        return 0;
}
