/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan is everything that will be sent to one blank to make it one record's card, encoded before the first write, and
 * how each write is read back. It runs on a reader's thread, halts at every point that must be journaled, and starts
 * again anywhere. It knows a Transport, and nothing of PC/SC, threads or records. */
#ifndef ICREISSUE_CARD_PLAN_H
#define ICREISSUE_CARD_PLAN_H

#include "card/card-issue.h"
#include "card/refused.h"
#include "card/transport.h"

typedef struct Plan Plan;

/* Encodes every command. facts are what readout_card() gave for this very card. INVALID_ARGS names the field and the
 * file:line:column of the value that cannot be encoded; PROFILE_INVALID a key that the key ring lacks. */
int plan_new(const Profile *profile, const KeyRing *keys, const char *id, const json_t *fields,
             const CardFacts *facts, Plan **ret, Failure *failure);
/* The same of `discard:`, which is one stage; empty where the profile has none, or with `ended`. There is nothing to verify
 * afterwards. */
int plan_new_discard(const Profile *profile, const KeyRing *keys, const char *id, const json_t *fields,
                     const CardFacts *facts, bool ended, Plan **ret, Failure *failure);
Plan *plan_free(Plan *plan);
DEFINE_CLEANUP(Plan *, plan_free)

typedef struct PlanContext {
        Transport *transport;
        Refused *refused;
        Span serial; /* the card's, for `refused` */
        uint64_t insertion;
        /* Called between steps; a negative return ends the run with it (CANCELLED in failure). May be NULL. */
        int (*step)(double progress, const char *stage, void *userdata, Failure *failure);
        void *userdata;
        bool touched; /* set when a write has been sent */
        int tries_left; /* set to what the card says when it refuses a key or a PIN (TRIES_NOT_TOLD: nothing); else -1 */
} PlanContext;

typedef enum PlanHalt {
        PLAN_JOURNAL, /* make *position durable, then call plan_write() with it */
        /* Every write is done, or every one before a last stage that cannot be undone: reset the card, plan_verify(), and
         * plan_write() again while *position is not at the end (plan_at_end()). */
        PLAN_WRITTEN,
} PlanHalt;

/* Writes from *position on (its stage's `open` first, as after every reset or new transaction when `reopen`), until
 * something must be journaled or all is written; *position is then where to go on. A verb that may not be repeated and
 * stands at *position after an interruption (`resumed`) is first asked by its done-if. Errors: -ECONNRESET (begin again
 * with reopen), those of transport_send(), WRITE_FAILED with the stage, the verb and the status word in words. */
int plan_write(Plan *plan, PlanContext *context, IssuePosition *position, bool reopen, bool resumed,
               PlanHalt *halt, Failure *failure);

bool plan_at_end(const Plan *plan, const IssuePosition *position);

/* After a reset: opens each stage written so far, reads back and compares everything that can be read, proves new
 * PINs by use, runs `verify:`. *report is the array of CardIssueNews. VERIFY_FAILED names stage and field. */
int plan_verify(Plan *plan, PlanContext *context, json_t **report, Failure *failure);

#endif
