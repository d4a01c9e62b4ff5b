/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing a plan onto a card: stage by stage, halting where something must be journaled, going on after any
 * interruption. The rules are those of the profile language, "Stages: how a half-written card is finished".
 * */
#include "card/plan-private.h"

/* Whether the change of a secret at the position of an interrupted run has happened. */
typedef enum Change {
        CHANGE_NOT_ASKED,
        CHANGE_DONE,
        CHANGE_NOT_DONE,
} Change;

/* One plan_write(). */
typedef struct Run {
        Plan *plan;
        PlanContext *context;
        Session session;
        Change change;
        bool halted;
} Run;

static int run_call(Run *run, const PlanStage *stage, const Call *call, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = plan_step(run->plan, run->context, stage->stage->name, failure);
        if (r < 0)
                return r;

        if (call_writes(call))
                run->context->touched = true;

        r = call_run(&run->session, call, &result, failure);
        if (r < 0)
                return r;

        return result.held ? 0 : plan_complain(stage, call, &result, FAILURE_WRITE_FAILED, failure);
}

/* The change of a secret that stands at the position of an interrupted run, or NULL. */
static const Call *change_in_doubt(const Plan *plan, const PlanStage *stage, size_t start) {
        const Call *call = start < stage->write.count ? &stage->write.calls[start] : NULL;

        if (!plan->resumed || !call || !call_writes(call) || !step_changes_secret(call->step) ||
            call->done_if_count > 0)
                return NULL;

        return call;
}

/* One step of a session. Where the secret that it presents may have been changed already, the new value is tried
 * before the old one would be presented, since that would cost a try then. */
static int open_call(Run *run, const PlanStage *stage, const Call *call, const Call *change,
                     Failure *failure) {
        bool done = false;
        int r;

        if (change && call_changes_presented(change, call)) {
                if (run->change == CHANGE_NOT_ASKED) {
                        r = change->step->verb->done(&run->session, change, &done, failure);
                        if (r < 0)
                                return r;
                        run->change = done ? CHANGE_DONE : CHANGE_NOT_DONE;
                }
                if (run->change == CHANGE_DONE)
                        return 0;
        }

        return run_call(run, stage, call, failure);
}

/* Opens the stage's session and brings it to where the write number `start` finds it. */
static int enter_stage(Run *run, const PlanStage *stage, size_t start, Failure *failure) {
        const Call *change = change_in_doubt(run->plan, stage, start);
        int r = 0;

        session_secure(&run->session, NULL);
        for (size_t i = 0; r >= 0 && i < stage->open.count; i++)
                r = open_call(run, stage, &stage->open.calls[i], change, failure);

        for (size_t i = 0; r >= 0 && i < start && start < stage->write.count; i++)
                if (!call_writes(&stage->write.calls[i]) &&
                    call_leads_to(&stage->write.calls[i], &stage->write.calls[start]))
                        r = open_call(run, stage, &stage->write.calls[i], change, failure);

        return r;
}

/* Whether a write that may not be repeated has happened: its own done-if, else the verb's natural one. */
static int ask_done(Run *run, const PlanStage *stage, size_t number, bool *ret, Failure *failure) {
        const Call *call = &stage->write.calls[number];
        int r;

        *ret = run->change == CHANGE_DONE;
        if (run->change != CHANGE_NOT_ASKED)
                return 0;

        if (call->done_if_count == 0)
                return call->step->verb->done
                               ? call->step->verb->done(&run->session, call, ret, failure)
                               : place_complain(call->step->place, failure, "expected `done-if` beside %s",
                                                call->step->verb->name);

        for (size_t i = 0; i < call->done_if_count; i++) {
                _cleanup_step_result_ StepResult result = {};

                r = call_run(&run->session, &call->done_if[i], &result, failure);
                if (r < 0)
                        return r;
                if (!result.held) /* its selects have moved the session */
                        return enter_stage(run, stage, number, failure);
        }

        *ret = true;
        return 0;
}

static int write_call(Run *run, const PlanStage *stage, size_t number, bool in_doubt, Failure *failure) {
        const Call *call = &stage->write.calls[number];
        bool done = false;
        int r;

        if (in_doubt && !step_repeatable(call->step)) {
                r = ask_done(run, stage, number, &done, failure);
                if (r < 0 || done)
                        return r;
        }

        return run_call(run, stage, call, failure);
}

/* From position->step to the stage's end, or to the next write that must be journaled before it is sent. */
static int write_stage(Run *run, const PlanStage *stage, IssuePosition *position, Failure *failure) {
        Plan *plan = run->plan;
        size_t start = position->step;
        int r;

        if (plan->opened != (int) position->stage) {
                r = enter_stage(run, stage, start, failure);
                if (r < 0)
                        return r;
                plan->opened = (int) position->stage;
        }

        for (size_t i = start; i < stage->write.count; i++) {
                if (i > start && !step_repeatable(stage->write.calls[i].step)) {
                        position->step = (unsigned) i;
                        run->halted = true;
                        return 0;
                }

                r = write_call(run, stage, i, i == start && plan->resumed, failure);
                if (r < 0)
                        return r;

                plan->resumed = false;
        }

        return 0;
}

/* A last stage that cannot be undone runs after everything before it has been read back. */
static bool waits_for_proof(const Plan *plan, const IssuePosition *position) {
        const PlanStage *last = &plan->stages[plan->stage_count - 1];

        if (plan->proven || plan->stage_count < 2 || position->stage != plan->stage_count - 1 ||
            position->step > 0)
                return false;

        for (size_t i = 0; i < last->write.count; i++)
                if (call_is_irreversible(&last->write.calls[i]))
                        return true;

        return false;
}

static int write_on(Run *run, IssuePosition *position, PlanHalt *halt, Failure *failure) {
        Plan *plan = run->plan;
        int r;

        *halt = PLAN_WRITTEN;
        if (plan_at_end(plan, position) || waits_for_proof(plan, position))
                return 0;

        r = write_stage(run, &plan->stages[position->stage], position, failure);
        if (r < 0)
                return r;

        if (!run->halted) {
                *position = (IssuePosition){ .stage = position->stage + 1 };
                plan->opened = NO_STAGE;
                plan->resumed = false;
        }

        if (!plan_at_end(plan, position) && !waits_for_proof(plan, position))
                *halt = PLAN_JOURNAL;

        return 0;
}

int plan_write(Plan *plan, PlanContext *context, IssuePosition *position, bool reopen, bool resumed,
               PlanHalt *halt, Failure *failure) {
        Run run = { .plan = plan, .context = context };
        int r;

        context->tries_left = -1;
        if (position->stage > plan->stage_count ||
            (position->stage < plan->stage_count &&
             position->step > plan->stages[position->stage].write.count))
                return failure_set(
                        failure, FAILURE_WRITE_FAILED,
                        "The card was begun with a profile that has changed since; use another blank");

        if (reopen)
                plan->opened = NO_STAGE;

        plan->resumed = plan->resumed || resumed || plan->interrupted;
        if (plan->resumed)
                plan_forget_proof(plan);
        if (!plan->begun) {
                plan->begun = true;
                plan->position = *position;
                *halt = PLAN_JOURNAL;
                return 0;
        }

        plan_session(plan, context, FAILURE_WRITE_FAILED, &run.session);
        session_secure(&run.session, TAKE_PTR(plan->secure));
        r = write_on(&run, position, halt, failure);
        r = session_settle(&run.session, r, failure);
        context->tries_left = run.session.tries_left;
        plan->interrupted = r < 0;
        if (r < 0)
                plan->opened = NO_STAGE;
        if (plan->opened != NO_STAGE)
                plan->secure = TAKE_PTR(run.session.secure);
        session_done(&run.session);

        plan->position = *position;
        return r;
}
