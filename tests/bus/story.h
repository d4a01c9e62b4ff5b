/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the whole-daemon tests have in common: people who are enrolled, cards that are issued to them, jobs that are
 * followed. All of it through D-Bus, as a desktop program would do it. A step that does not work fails the test
 * (tests/desk/desk.h). */
#ifndef TESTS_BUS_STORY_H
#define TESTS_BUS_STORY_H

#include <check.h>
#include <stdlib.h>

#include "tests/desk/desk.h"

#define STORY_V1     "staff-v1"
#define STORY_V2     "staff-v2"
#define STORY_ID     "00420017"
#define STORY_SERIAL "0102030405060708"

/* Opens a desk with that many readers, the transport code of the staff cards in its key ring, and starts the daemon. The
 * desk is told what to print when the test fails. */
Desk *story_open(unsigned readers);

/* Starts the daemon, or starts it again, and waits until it knows its readers. */
void story_start(Desk *desk, unsigned readers);

/* As story_open(), without starting the daemon. */
Desk *story_open_closed(unsigned readers);

/* Another transport code in the key ring, for the daemon's next start or Reload. */
void story_write_transport_code(Desk *desk, const char *code);

/* Puts the shipped profile of that type into the desk's configuration, changed: the first `from`, with what follows it up to
 * `to` where that is not NULL, becomes `by`. Once more changes what is there. For the daemon's next start or Reload. */
void story_change_profile(Desk *desk, const char *type, const char *from, const char *to, const char *by);

/* PutRecord of a well-formed record of that type; its flag says "unissued". */
void story_enrol(Desk *desk, const char *type, const char *id);

/* Enrols, puts a new blank with that serial into the slot, issues it and waits until it is done. The card stays there;
 * its file is returned. The record's flag says "issued" then, its count is 1. */
const char *story_issue(Desk *desk, unsigned slot, const char *type, DeskManner manner, const char *id,
                        const char *serial);

/* RequestReissue with the reason "worn". */
void story_request(Desk *desk, const char *type, const char *id);

/* Starts a reissue from one slot to another; returns the job's path, which the caller frees. target < 0: any. */
char *story_reissue(Desk *desk, unsigned source, int target);

/* Starts an issue from the record alone. */
char *story_start_issue(Desk *desk, const char *type, const char *id, int target);

/* A blank of that type. */
const char *story_blank(Desk *desk, const char *type, DeskManner manner, const char *serial);

/* Waits for one of the states, "a|b|c", and expects it to be `expected`; the test fails otherwise, with the job's
 * error. */
void story_expect_state(Desk *desk, const char *job, const char *states, const char *expected);
void story_wait_done(Desk *desk, const char *job);
void story_wait_state(Desk *desk, const char *job, const char *state);
void story_wait_error(Desk *desk, const char *job, const char *error);
void story_expect_property(Desk *desk, const char *job, const char *property, const char *value);

/* Waits until the reader in that slot is in that state. */
void story_wait_reader(Desk *desk, unsigned slot, const char *state);

/* Of GetRecord. The texts are the caller's. */
char *story_flag(Desk *desk, const char *type, const char *id);
uint32_t story_count(Desk *desk, const char *type, const char *id);
bool story_in_use(Desk *desk, const char *type, const char *id);
/* How often history has that event. */
unsigned story_history(Desk *desk, const char *type, const char *id, const char *event);
void story_expect_record(Desk *desk, const char *type, const char *id, const char *flag, uint32_t count);

/* ReadCard of that slot must give that type and ID. */
void story_expect_card(Desk *desk, unsigned slot, const char *type, const char *id);

/* Describe's member of type s, or NULL; the caller frees it. */
char *story_describe(Desk *desk, const char *job, const char *member);

/* How many entries the array member of Describe has ("report", "spoiled"). */
unsigned story_describe_count(Desk *desk, const char *job, const char *member);

/* Cancels, and waits for the answer. */
void story_cancel(Desk *desk, const char *job);

/* Runs the tests of one program; returns the exit status. Each test opens its own desk, in its own process. */
int story_run(const char *name, const TTest *const *tests, size_t count, unsigned seconds);

/* The same of one test, once for each _i from 0. */
int story_run_loop(const char *name, const TTest *test, int count, unsigned seconds);

#endif
