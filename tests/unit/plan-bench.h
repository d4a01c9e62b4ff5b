/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Simulated cards without readers, and what a reader's thread does with them: read, write, read back, journal. */
#ifndef ICREISSUE_TESTS_PLAN_BENCH_H
#define ICREISSUE_TESTS_PLAN_BENCH_H

#include <check.h>

#include "card-fixture.h"
#include "card/plan.h"
#include "card/readout.h"
#include "sim-card.h"

typedef struct Desk {
        Catalogue *catalogue;
        KeyRing *keys;
        Refused *refused;
        SimCard *sim;
        Transport *transport;
        CardFacts facts;
        json_t *fields;
        const char *type;
        const char *kind; /* of the simulated card, where that is not the type */
        Plan *plan;
        PlanContext context;
        IssuePosition journal; /* what a crash leaves */
        unsigned journaled;
} Desk;

/* Takes a new blank of the type, with everything that the shipped catalogue and the fixture have for it. */
void desk_open(Desk *desk, const char *type, bool t0);
/* The same with other profiles, from a folder like the administrator's, and another kind of simulated card (NULL: the
 * type). */
void desk_open_with(Desk *desk, const char *type, bool t0, const char *config, const char *kind);
void desk_close(Desk *desk);

/* Another blank; desk->facts is what was read from it, and the plan is new. */
void desk_insert(Desk *desk, const char *type, bool t0, const char *serial);

/* Encodes the plan again, as after a crash. */
void desk_new_plan(Desk *desk);

int desk_read(Desk *desk, Failure *failure);

/* Writes and reads back as the reader's thread does, journaling at every halt. */
int desk_issue(Desk *desk, bool resumed, json_t **report, Failure *failure);

/* What the report says of a field, or "nothing". */
const char *reported(const json_t *report, const char *field);

/* The card tells the fixture's ID and is no blank. */
void expect_issued(Desk *desk);

/* Breaks at every APDU in turn, on a blank of its own each time, and finishes it; what `crash` says is left then: the
 * plan and the session, or the journal alone. `each` looks at every card that was finished, and may be NULL. */
void finish_after_every_break(const char *type, bool t0, bool after, int result, bool crash,
                              void (*each)(Desk *desk, const json_t *report));

/* The same at a desk that is open. */
void desk_finish_after_every_break(Desk *desk, bool t0, bool after, int result, bool crash,
                                   void (*each)(Desk *desk, const json_t *report));

/* A blank that stores one bit wrong is found out, by the field's name. */
void expect_differs(const char *type, uint16_t file, size_t offset, const char *field);

#endif
