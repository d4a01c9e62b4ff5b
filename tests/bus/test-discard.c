/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R11: the old card's end, through the whole daemon: ended by its profile, destroyed by the mill. Whatever goes
 * wrong, no other card is touched, and none is said to be destroyed that is not. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bus/mill.h"

#define OTHER_SERIAL "C3C3C3C3C3C3C3C3"
#define OTHER_ID     "00420018"

/* --- tests --- */

START_TEST(R11_the_old_card_is_ended_and_milled_when_the_new_one_is_made)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        char *job, *how;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        story_expect_property(desk, job, "State", "discarding");
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued"));
        mill_expect_new_card(desk, 1); /* made and recorded before */
        mill_expect_ended(desk, 0);
        mill_expect_list(desk, 0, 1, "");
        machine_say_done(&machine);
        story_wait_done(desk, job);
        machine_expect_end(&machine);
        mill_expect_list(desk, 1, 0, "mill");
        ck_assert_str_eq(mill_list(desk).serial, OLD_SERIAL);
        how = story_describe(desk, job, "discarded");
        ck_assert_str_eq(how, "mill");
        mill_expect_new_card(desk, 1);
        free(how);
        free(job);
        mill_close(desk, &machine);
}
END_TEST

START_TEST(a_mill_that_fails_leaves_the_card_in_the_list_and_retry_touches_no_chip)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        unsigned long apdus;
        char *job;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_say_jammed(&machine);
        machine_expect_end(&machine);
        story_wait_error(desk, job, "DiscardFailed");
        story_expect_property(desk, job, "State", "discarding");
        ck_assert(mill_advises(desk, job, "job retry"));
        mill_expect_list(desk, 0, 1, "");
        story_wait_reader(desk, 0, "unknown");
        apdus = desk_apdu_count(desk, 0);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        mill_work(&machine);
        story_wait_done(desk, job);
        ck_assert_uint_eq(desk_apdu_count(desk, 0), apdus);
        mill_expect_list(desk, 1, 0, "mill");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

START_TEST(a_mill_that_is_not_there_is_told_and_cancelled_the_card_stays_in_the_list)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        char *job;

        machine_close(&machine);
        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        story_wait_error(desk, job, "DiscardFailed");
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        mill_expect_list(desk, 0, 1, "");
        mill_expect_new_card(desk, 1);
        desk_kill_daemon(desk);
        story_start(desk, 2);
        mill_expect_list(desk, 0, 1, "");
        free(desk_call_refused(desk, desk_bus(desk), "NoCard", "ConfirmDiscarded", "t", (uint64_t) 99));
        desk_call(desk, desk_bus(desk), NULL, "ConfirmDiscarded", "t",
                  (uint64_t) strtoull(strrchr(job, '/') + 1, NULL, 10));
        mill_expect_list(desk, 1, 0, "hand");
        free(desk_call_refused(desk, desk_bus(desk), "JobFinished", "ConfirmDiscarded", "t",
                               (uint64_t) strtoull(strrchr(job, '/') + 1, NULL, 10)));
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_cancel_stops_the_mill)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        char *job;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        machine_expect_end(&machine);
        mill_expect_list(desk, 0, 1, "");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

/* The old card is taken out before its turn; others are put into the mill's reader. */
START_TEST(neither_the_new_card_nor_anybody_elses_is_destroyed)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        const char *old, *new, *others;
        unsigned long apdus;
        char *job;

        others = story_issue(desk, 0, STORY_V1, DESK_T1, OTHER_ID, OTHER_SERIAL);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        old = mill_issue_old(desk);
        job = mill_reissue_and_take_the_old_out(desk, &new);
        mill_wait_advice(desk, job, "Put the old card into");

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        desk_insert(desk, 0, new);
        story_wait_error(desk, job, "CardTypeMismatch");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        mill_expect_new_card(desk, 0);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");

        desk_insert(desk, 0, others);
        story_wait_error(desk, job, "CardTypeMismatch");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        story_expect_card(desk, 0, STORY_V1, OTHER_ID);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");

        desk_insert(desk, 1, old); /* which is not the mill's reader */
        story_wait_reader(desk, 1, "ready");
        apdus = desk_apdu_count(desk, 1);
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        ck_assert_uint_eq(desk_apdu_count(desk, 1), apdus);
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");

        desk_insert(desk, 0, old);
        mill_work(&machine);
        story_wait_done(desk, job);
        mill_expect_list(desk, 1, 0, "mill");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

/* Of cards that nothing tells apart. */
static Desk *open_without_serials(Machine *machine) {
        Desk *desk = mill_open(machine);

        desk_stop_daemon(desk);
        story_change_profile(desk, STORY_V1, "\nserial:", "\nblank:", "");
        story_start(desk, 2);
        return desk;
}

START_TEST(a_card_without_a_serial_that_never_left_its_reader_is_destroyed)
{
        Machine machine;
        Desk *desk = open_without_serials(&machine);
        char *job;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        mill_work(&machine);
        story_wait_done(desk, job);
        mill_expect_ended(desk, 0);
        mill_expect_new_card(desk, 1);
        mill_expect_list(desk, 1, 0, "mill");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

START_TEST(of_two_twins_without_a_serial_none_is_destroyed_and_the_operator_confirms)
{
        Machine machine;
        Desk *desk = open_without_serials(&machine);
        const char *old = mill_issue_old(desk), *new;
        char *job;

        job = mill_reissue_and_take_the_old_out(desk, &new);
        mill_wait_advice(desk, job, "discarded confirm");

        desk_insert(desk, 0, old); /* it is the right one, and nothing says so */
        story_wait_reader(desk, 0, "ready");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        desk_insert(desk, 0, new);
        story_wait_reader(desk, 0, "ready");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        mill_expect_new_card(desk, 0);

        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        mill_expect_list(desk, 1, 0, "hand");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

START_TEST(without_a_mill_the_card_is_ended_and_somebody_destroys_it)
{
        Desk *desk = story_open(2);
        char *job;

        mill_issue_old(desk);
        job = mill_begin_reissue(desk);
        mill_wait_advice(desk, job, "Destroy the old card by hand");
        mill_expect_ended(desk, 0);
        mill_expect_list(desk, 0, 1, "");
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        mill_expect_list(desk, 1, 0, "hand");
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(discard_refuses_the_current_card_and_takes_the_old_one)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        char *job;

        mill_issue_old(desk);
        free(desk_call_refused(desk, desk_bus(desk), "DiscardFailed", "Discard", "sa{sv}",
                               desk_reader_name(desk, 0), 0));
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        free(job);
        story_wait_reader(desk, 1, "ready");
        free(desk_call_refused(desk, desk_bus(desk), "DiscardFailed", "Discard", "sa{sv}",
                               desk_reader_name(desk, 1), 0));
        mill_expect_new_card(desk, 1);
        job = mill_begin_discard(desk, 0);
        mill_work(&machine);
        story_wait_done(desk, job);
        mill_expect_ended(desk, 0);
        mill_expect_list(desk, 1, 0, "mill");
        free(job);
        mill_close(desk, &machine);
}
END_TEST

START_TEST(who_may_only_reissue_may_not_discard)
{
        Machine machine;
        Desk *desk = mill_open(&machine);
        sd_bus *bus;

        desk_polkit_rule(desk, "10-desk.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.reissue') return polkit.Result.YES;\n"
                         "});\n");
        mill_issue_old(desk);
        bus = desk_bus_as(desk, DESK_NOBODY);
        free(desk_call_refused(desk, bus, "InteractiveAuthorizationRequired", "Discard", "sa{sv}",
                               desk_reader_name(desk, 0), 0));
        free(desk_call_refused(desk, bus, "InteractiveAuthorizationRequired", "Reissue", "ssa{sv}",
                               desk_reader_name(desk, 0), "", 1, "discard", "b", 1));
        free(desk_call_refused(desk, bus, "InteractiveAuthorizationRequired", "ConfirmDiscarded", "t",
                               (uint64_t) 1));
        sd_bus_flush_close_unref(bus);
        mill_close(desk, &machine);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R11_the_old_card_is_ended_and_milled_when_the_new_one_is_made,
                a_mill_that_fails_leaves_the_card_in_the_list_and_retry_touches_no_chip,
                a_mill_that_is_not_there_is_told_and_cancelled_the_card_stays_in_the_list,
                a_cancel_stops_the_mill,
                neither_the_new_card_nor_anybody_elses_is_destroyed,
                a_card_without_a_serial_that_never_left_its_reader_is_destroyed,
                of_two_twins_without_a_serial_none_is_destroyed_and_the_operator_confirms,
                without_a_mill_the_card_is_ended_and_somebody_destroys_it,
                discard_refuses_the_current_card_and_takes_the_old_one,
                who_may_only_reissue_may_not_discard,
        };

        return story_run("discard", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
