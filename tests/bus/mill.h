/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of old cards have in common: a desk with a mill, which is the gpio helper with its lines in the
 * test's hands (tests/desk/machine.h), and the list of old cards. */
#ifndef TESTS_BUS_MILL_H
#define TESTS_BUS_MILL_H

#include "tests/bus/story.h"
#include "tests/desk/machine.h"

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

/* Milliseconds in which a card in a reader would long have been begun with. */
enum { NOTHING_HAPPENS = 700 };

typedef struct Listed {
        unsigned destroyed, waiting;
        char how[8], serial[33]; /* of the last one */
} Listed;

/* A desk with two readers; the mill takes the card of slot 0. */
Desk *mill_open(Machine *machine);
void mill_close(Desk *desk, Machine *machine);
/* Reissues the card of slot 0 onto the blank of slot 1, with its discard; the path is the caller's. */
char *mill_begin_reissue(Desk *desk);
/* The same, and the old card is taken out before it is its turn: the new one is made, in slot 1, and the job waits for the
 * old one. */
char *mill_reissue_and_take_the_old_out(Desk *desk, const char **ret_new);
/* Discard of the card in that slot. */
char *mill_begin_discard(Desk *desk, unsigned slot);
/* An issued card in slot 0 whose reissue is requested, and a blank in slot 1. Returns the old card. */
const char *mill_issue_old(Desk *desk);
bool mill_advises(Desk *desk, const char *job, const char *text);
void mill_wait_advice(Desk *desk, const char *job, const char *text);
/* What ListDiscarded says. */
Listed mill_list(Desk *desk);
void mill_expect_list(Desk *desk, unsigned destroyed, unsigned waiting, const char *how);
/* Through PC/SC, as any other program would see it: nothing can be selected any more. */
void mill_expect_ended(Desk *desk, unsigned slot);
/* The new one is in that slot, and recorded. */
void mill_expect_new_card(Desk *desk, unsigned slot);
/* The machine works once. */
void mill_work(Machine *machine);

#endif
