/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The old card's end when the service dies, at every moment of it; and each family's `discard:`, run once. */
#include <stdio.h>
#include <string.h>

#include "tests/bus/mill.h"
#include "tests/unit/card-fixture.h"

/* --- kill -9 --- */

START_TEST(killed_while_it_waits_for_the_old_card)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        const char *old = mill_issue_old(desk), *new;
        char *job;

        job = mill_reissue_and_take_the_old_out(desk, &new);
        desk_kill_daemon(desk);
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        mill_expect_list(desk, 0, 1, "");
        desk_insert(desk, 0, old);
        mill_work(&machine);
        story_wait_done(desk, job);
        mill_expect_ended(desk, 0);
        mill_expect_list(desk, 1, 0, "mill");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

/* A look takes 5 commands, the proof before anything is done as many; then come the PIN's tries, the PIN, and the end. What
 * the card was given when the service died it still does. */
enum { THE_END = 13 };
static const unsigned kill_points[] = { 6, 11, 12, THE_END };

/* At each command that is sent to the old card: it is ended after the restart, or somebody says that it is destroyed. The
 * new card is never touched. */
static void kill_at(unsigned number, DeskMoment moment) {
        Machine machine;
        Desk *desk = mill_open(&machine);
        const char *old = mill_issue_old(desk), *new;
        char *job;

        job = mill_reissue_and_take_the_old_out(desk, &new);
        story_wait_reader(desk, 1, "ready");
        desk_hold_at(desk, 0, number, moment);
        desk_insert(desk, 0, old);
        desk_wait_held(desk, 0);
        desk_kill_daemon(desk);
        desk_release_card(desk, 0);
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        if (number == THE_END) {
                mill_wait_advice(desk, job, "discarded confirm");
                ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
                mill_expect_ended(desk, 0); /* which is why nothing proves any more that it is the old one */
                mill_expect_list(desk, 0, 1, "");
                desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        } else
                mill_work(&machine);
        story_wait_done(desk, job);
        mill_expect_ended(desk, 0);
        mill_expect_new_card(desk, 1);
        ck_assert_uint_eq(mill_list(desk).destroyed, 1);
        free(job);
        mill_close(desk, &machine);
}

START_TEST(killed_while_the_old_card_is_ended)
{ kill_at(kill_points[_i / 2], _i % 2 ? DESK_AFTER : DESK_BEFORE); }
END_TEST

START_TEST(killed_while_the_mill_works)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        char *job;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        desk_kill_daemon(desk);
        machine_expect_end(&machine); /* it is not left running */
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        mill_wait_advice(desk, job, "discarded confirm");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        mill_expect_list(desk, 0, 1, "");
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        mill_expect_list(desk, 1, 0, "hand");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

START_TEST(stopped_while_the_mill_works)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        char *job;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        desk_stop_daemon(desk);
        machine_expect_end(&machine);
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        mill_expect_list(desk, 0, 1, "");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

/* --- each family's `discard:` --- */

static const struct {
        const char *type;
        DeskManner manner;
        const char *application; /* what must not be selected any more; NULL: the MF */
} families[] = {
        { "staff-v1", DESK_T0, NULL },
        { "staff-v2", DESK_T1, NULL },
        { "usim", DESK_T0, NULL },
        { "openpgp", DESK_T1, "00A4040006D27600012401" },
        { "globalplatform", DESK_T1, "00A4040007F049435203010100" },
        { "desfire", DESK_T1, "905A000003F4812000" },
};

START_TEST(what_a_profile_ends_is_refused_afterwards)
{
        const char *type = families[_i].type, *const select[] = { families[_i].application
                                                                          ? families[_i].application
                                                                          : "00A4000C023F00" };
        Desk *desk = story_open(2);
        char *job, *answer;

        story_issue(desk, 0, type, families[_i].manner, fixture_id(type), OLD_SERIAL);
        answer = desk_transmit(desk, 0, select, 1);
        ck_assert_ptr_nonnull(strstr(answer + strlen(answer) - 4, *type == 'd' ? "9100" : "9000"));
        free(answer);
        story_request(desk, type, fixture_id(type));
        desk_insert(desk, 1, story_blank(desk, type, families[_i].manner, NEW_SERIAL));
        job = mill_begin_reissue(desk);
        mill_wait_advice(desk, job, "Destroy the old card by hand");
        answer = desk_transmit(desk, 0, select, 1);
        ck_assert_ptr_null(strstr(answer + strlen(answer) - 4, *type == 'd' ? "9100" : "9000"));
        free(answer);
        story_wait_reader(desk, 1, "ready");
        story_expect_card(desk, 1, type, fixture_id(type));
        story_expect_record(desk, type, fixture_id(type), "issued", 2);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                killed_while_it_waits_for_the_old_card,
                killed_while_the_mill_works,
                stopped_while_the_mill_works,
        };
        int r = story_run("discard-kill", tests, sizeof(tests) / sizeof(tests[0]), 120);

        r |= story_run_loop("discard-kill-command", killed_while_the_old_card_is_ended,
                            (int) (sizeof(kill_points) / sizeof(kill_points[0])) * 2, 120);
        r |= story_run_loop("discard-family", what_a_profile_ends_is_refused_afterwards,
                            (int) (sizeof(families) / sizeof(families[0])), 120);
        return r;
}
