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
        Stage ending; /* what stands for `discard:` */
        PlanStage *stages;
        size_t stage_count;
        CallList verify;
        size_t work; /* calls of all stages, written and read back: for the progress */

        IssuePosition position;  /* where the next plan_write() goes on */
        bool begun;              /* the journal point before the first write is past */
        bool resumed;            /* the write at the position may have happened already */
        bool interrupted;        /* the last plan_write() ended with an error */
        bool proven;             /* everything before the last stage has been read back */
        size_t proven_stages;    /* so many, from this very card, without a reset by others since */
        json_t *proof;           /* their report */
        int opened;              /* the stage whose session is open on the card, or NO_STAGE */
        SecureMessaging *secure; /* the channel of that session, between two plan_write() */
        size_t done;             /* calls made so far */
};

/* Encodes a profile's stages in any context; plan_new() for a record and a card, profile_prove() without
 * them. */
int plan_encode(const Profile *profile, const ValueContext *context, Plan **ret, Failure *failure);

/* The card may be another one than that which was read back: it is read back whole again. */
void plan_forget_proof(Plan *plan);

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

static inline bool call_is_irreversible(const Call *call) {
        return (call->step->verb->flags & VERB_IRREVERSIBLE) != 0;
}

/* Whether a session step of a stage is needed on the way to a write of it: those in a repeat are for the writes of
 * their own turn, since an earlier turn may have changed the keys that they present. */
static inline bool call_leads_to(const Call *session, const Call *write) {
        for (size_t i = 0; i < REPEAT_DEPTH_MAX; i++)
                if (session->turns[i] != 0 && session->turns[i] != write->turns[i])
                        return false;

        return true;
}

/* Whether a write changes a secret that the call presents. */
static inline bool call_changes_presented(const Call *change, const Call *call) {
        const Step *step = call->step;

        for (int i = step_argument(step, ROLE_PRESENTED, 0); i >= 0;
             i = step_argument(step, ROLE_PRESENTED, i + 1))
                if (call_argument_for(change, ROLE_NEW, step->verb->secret->which(call, i)) >= 0)
                        return true;

        return false;
}

#endif
