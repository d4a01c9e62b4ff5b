/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encodes a profile's stages into a plan: after this, nothing about the record can fail any more. */
#include "card/plan-private.h"

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;

        for (size_t i = 0; i < plan->stage_count; i++) {
                calls_done(&plan->stages[i].open);
                calls_done(&plan->stages[i].write);
        }

        if (plan->secure)
                plan->secure->free(plan->secure);

        calls_done(&plan->verify);
        json_decref(plan->proof);
        free(plan->stages);
        free(plan);
        return NULL;
}

void plan_forget_proof(Plan *plan) {
        json_decref(TAKE_PTR(plan->proof));
        plan->proven_stages = 0;
}

bool plan_at_end(const Plan *plan, const IssuePosition *position) {
        return position->stage >= plan->stage_count;
}

int plan_encode(const Profile *profile, const ValueContext *context, Plan **ret, Failure *failure) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        plan = new0(Plan, 1);
        if (!plan)
                return failure_no_memory(failure);

        plan->profile = profile;
        plan->opened = NO_STAGE;
        plan->stages = new0(PlanStage, profile->stage_count + 1);
        if (!plan->stages)
                return failure_no_memory(failure);

        for (size_t i = 0; i < profile->stage_count; i++) {
                PlanStage *stage = &plan->stages[plan->stage_count++];

                stage->stage = &profile->stages[i];
                r = calls_encode(&profile->stages[i].open, context, &stage->open, failure);
                if (r >= 0)
                        r = calls_encode(&profile->stages[i].write, context, &stage->write, failure);
                if (r < 0)
                        return r;

                plan->work += 2 * (stage->open.count + stage->write.count);
                if (plan->work > 2 * PROFILE_CALLS_MAX)
                        return place_refuse(stage->stage->place, failure,
                                            "With every repeat, the stages have more than %d steps",
                                            PROFILE_CALLS_MAX);
        }

        r = calls_encode(&profile->verify, context, &plan->verify, failure);
        if (r < 0)
                return r;

        plan->work += plan->verify.count;
        plan->position.stage = (unsigned) plan->stage_count; /* before plan_write(): a card that is written */
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_new(const Profile *profile, const KeyRing *keys, const char *id, const json_t *fields,
             const CardFacts *facts, Plan **ret, Failure *failure) {
        ValueContext context = {
                .profile = profile,
                .keys = keys,
                .id = id,
                .fields = fields,
                .serial = bytes_span(&facts->serial),
                .reads = &facts->reads,
        };

        if (profile->stage_count == 0)
                return failure_set(failure, FAILURE_PROFILE_INVALID,
                                   "The profile %s has no `issue:`, so no card can be written with it",
                                   profile->name);

        return plan_encode(profile, &context, ret, failure);
}

int plan_new_discard(const Profile *profile, const KeyRing *keys, const char *id, const json_t *fields,
                     const CardFacts *facts, bool ended, Plan **ret, Failure *failure) {
        const ValueContext context = {
                .profile = profile,
                .keys = keys,
                .id = id,
                .fields = fields,
                .serial = bytes_span(&facts->serial),
                .reads = &facts->reads,
        };
        static char name[] = "discard";
        _cleanup_(plan_freep) Plan *plan = new0(Plan, 1);
        int r;

        if (!plan || !(plan->stages = new0(PlanStage, 1)))
                return failure_no_memory(failure);

        plan->profile = profile;
        plan->opened = NO_STAGE;
        plan->ending.name = name;
        plan->stages[0].stage = &plan->ending;
        plan->stage_count = 1;
        if (!ended) {
                r = calls_encode(&profile->discard, &context, &plan->stages[0].write, failure);
                if (r < 0)
                        return r;
        }

        plan->work = plan->stages[0].write.count;
        *ret = TAKE_PTR(plan);
        return 0;
}

void plan_session(const Plan *plan, const PlanContext *context, FailureKind kind, Session *ret) {
        *ret = (Session){
                .transport = context->transport,
                .class_byte = plan->profile->class_byte,
                .longest = plan->profile->longest,
                .accept = &plan->profile->accept,
                .refused = context->refused,
                .serial = context->serial,
                .insertion = context->insertion,
                .kind = kind,
                .tries_left = -1,
        };
        transport_set_manner(context->transport, &plan->profile->manner);
}

int plan_step(Plan *plan, const PlanContext *context, const char *stage, Failure *failure) {
        double progress = plan->work > 0 ? (double) plan->done / (double) plan->work : 0;

        plan->done++;
        return context->step ? context->step(MIN_OF(progress, 1.0), stage, context->userdata, failure) : 0;
}

int plan_complain(const PlanStage *stage, const Call *call, const StepResult *result, FailureKind kind,
                  Failure *failure) {
        const char *name = stage ? stage->stage->name : "verify";
        const Step *step = call->step;
        char buffer[8];

        if (result->sw == 0x9000)
                return failure_set(failure, kind,
                                   "Stage \"%s\": the card's answer to %s is not as %s:%zu expects it", name,
                                   step->verb->name, step->place.file, step->place.line);

        return failure_set(failure, kind, "Stage \"%s\": the card answers %s (%s:%zu) with %s", name,
                           step->verb->name, step->place.file, step->place.line,
                           status_word_text(result->sw, buffer));
}
