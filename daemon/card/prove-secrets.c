/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof that no secret is ever presented that the card does not have by then: the plan is followed to every write
 * that it can be resumed at, and on the way there everything presented must be what the changes before have left. */
#include "card/profile-prove.h"

#include "base/mistakes.h"

/* Where in the plan: the write number `step` of the stage, before it is sent. */
typedef struct Spot {
        const Plan *plan;
        size_t stage, step;
} Spot;

/* The last change of a secret before the spot, and its argument; NULL for none. */
static const Call *change_before(const Spot *spot, uint64_t secret, int *argument) {
        for (size_t s = spot->stage + 1; s-- > 0;) {
                const CallList *write = &spot->plan->stages[s].write;

                for (size_t i = s == spot->stage ? spot->step : write->count; i-- > 0;) {
                        if (!call_writes(&write->calls[i]))
                                continue;

                        *argument = call_argument_for(&write->calls[i], ROLE_NEW, secret);
                        if (*argument >= 0)
                                return &write->calls[i];
                }
        }

        return NULL;
}

static int complain_old(const Spot *spot, const Call *call, const Call *change, Failure *failure) {
        const CallList *write = &spot->plan->stages[spot->stage].write;
        bool own = change >= write->calls && change < write->calls + write->count &&
                   call_leads_to(change, &write->calls[spot->step]);

        if (own)
                return place_complain(
                        change->step->place, failure,
                        "expected this to be the last write of its stage%s: it changes what is presented "
                        "on the way to the writes after it",
                        change->turns[0] ? ", or of its turn" : "");

        return place_complain(
                call->step->place, failure,
                "expected the value that an earlier write has given this reference: the old one is "
                "refused by then");
}

/* What a call presents must be what the card has at the spot. */
static int prove_presented(const Spot *spot, const Call *call, Failure *failure) {
        const Step *step = call->step;

        for (int i = step_argument(step, ROLE_PRESENTED, 0); i >= 0;
             i = step_argument(step, ROLE_PRESENTED, i + 1)) {
                int argument = -1;
                const Call *change = change_before(spot, step->verb->secret->which(call, i), &argument);

                if (change && !span_equal(bytes_span(&change->values[argument].data),
                                          bytes_span(&call->values[i].data)))
                        return complain_old(spot, call, change, failure);
        }

        return 0;
}

/* A change that was under way is found out by the new value before anything else, which needs the verb's own way to
 * tell: a `done-if` would come after the old value has been refused. */
static int prove_doubt(const Call *write, const Call *session, Failure *failure) {
        const Step *step = write->step;
        bool tells = step->verb->done && (!step->verb->can_tell || step->verb->can_tell(step)) &&
                     write->done_if_count == 0;

        if (!call_changes_presented(write, session) || tells)
                return 0;

        return place_complain(
                step->place, failure,
                "expected a stage of its own, whose `open` does not present the reference: after an "
                "interruption the old value would be refused");
}

/* The way to one write: the stage's `open`, and the session steps that lead to it. */
static int prove_way(const Plan *plan, size_t stage, size_t number, Failure *failure) {
        const PlanStage *in = &plan->stages[stage];
        const Call *write = &in->write.calls[number];
        Spot spot = { plan, stage, number };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < in->open.count; i++) {
                r = prove_presented(&spot, &in->open.calls[i], failure);
                if (r >= 0)
                        r = prove_doubt(write, &in->open.calls[i], failure);
        }

        for (size_t i = 0; r >= 0 && i < number; i++) {
                const Call *session = &in->write.calls[i];

                if (call_writes(session) || !call_leads_to(session, write))
                        continue;

                r = prove_presented(&spot, session, failure);
                if (r >= 0)
                        r = prove_doubt(write, session, failure);
        }

        return r < 0 ? r : prove_presented(&spot, write, failure);
}

int prove_secrets(const Plan *plan, Failure *failure) {
        for (size_t s = 0; s < plan->stage_count; s++)
                for (size_t i = 0; i < plan->stages[s].write.count; i++) {
                        int r;

                        if (!call_writes(&plan->stages[s].write.calls[i]))
                                continue;

                        r = failure_note(failure, prove_way(plan, s, i, failure));
                        if (r < 0)
                                return r;
                }

        return 0;
}
