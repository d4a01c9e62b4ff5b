/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan from within: what plan-build.c encodes, plan-write.c sends and plan-verify.c reads back. */
#ifndef ICREISSUE_CARD_PLAN_PRIVATE_H
#define ICREISSUE_CARD_PLAN_PRIVATE_H

#include "card/plan.h"
#include "card/profile.h"

enum { NO_STAGE = -1 };

typedef struct PlanStage {
        const Stage *stage;
        CallList open, write;
} PlanStage;

struct Plan {
        const Profile *profile;
        PlanStage *stages;
        size_t stage_count;
        CallList verify;
        size_t work; /* calls of all stages, written and read back: for the progress */

        IssuePosition position; /* where the next plan_write() goes on */
        bool begun;             /* the journal point before the first write is past */
        bool resumed;           /* the write at the position may have happened already */
        bool interrupted;       /* the last plan_write() ended with an error */
        bool proven;            /* everything before the last stage has been read back */
        int opened;             /* the stage whose session is open on the card, or NO_STAGE */
        size_t done;            /* calls made so far */
};

/* Encodes a profile's stages in any context; plan_new() for a record and a card, profile_prove() without
 * them. */
int plan_encode(const Profile *profile, const ValueContext *context, Plan **ret, Failure *failure);

/* A session for the plan's card. */
void plan_session(const Plan *plan, const PlanContext *context, FailureKind kind, Session *ret);

/* One more call is made: reports the progress, ends with CANCELLED where the caller wants so. */
int plan_step(Plan *plan, const PlanContext *context, const char *stage, Failure *failure);

/* The failure of a call that the card answered, but not as it should. */
int plan_complain(const PlanStage *stage, const Call *call, const StepResult *result, FailureKind kind,
                  Failure *failure);

static inline bool call_writes(const Call *call) {
        return step_kind(call->step) == VERB_WRITE;
}

static inline bool call_changes_secret(const Call *call) {
        return (call->step->verb->flags & VERB_CHANGES_SECRET) != 0;
}

static inline bool call_is_irreversible(const Call *call) {
        return (call->step->verb->flags & VERB_IRREVERSIBLE) != 0;
}

static inline int64_t call_reference(const Call *call) {
        return call->step->arguments[PIN_REFERENCE].number;
}

#endif
