/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line drops at any byte, is slow, or swallows everything, and branch and centre are killed at any step: nothing is
 * counted twice, no card is lost, and cards, counts and flags agree in the end. ICREISSUE_NIGHTLY=1 goes through every
 * byte and every step. */
#include "tests/bus/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static bool nightly(void) {
        return getenv("ICREISSUE_NIGHTLY") != NULL;
}

/* Whatever was to be cut is not any more, and the centre has answered. */
static void settle(Pair *pair) {
        line_cut_after(pair->line, 1000000);
        while (sd_bus_call_method(desk_bus(pair->branch), DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE,
                                  "CheckLine", NULL, NULL, "") < 0)
                pair_wait_line(pair, "up");
}

/* A reissue onto a fresh blank with the line cut after so many bytes. */
static void reissue_with_cut(Pair *pair, unsigned long bytes, uint32_t count) {
        char serial[17], *job;

        desk_extend(pair->branch, 120);
        desk_extend(pair->centre, 120);
        snprintf(serial, sizeof(serial), "%016lX", 0xC000 + bytes);
        settle(pair);
        story_request(pair->branch, STORY_V1, STORY_ID);
        pair_insert_blank(pair, serial);
        story_wait_reader(pair->branch, 1, "blank");
        line_cut_after(pair->line, bytes);
        job = story_reissue(pair->branch, 0, 1);
        pair_expect_reissued(pair, job, count);
        ck_assert_uint_eq(story_describe_count(pair->branch, job, "spoiled"), 0);
        desk_remove(pair->branch, 1);
        story_wait_reader(pair->branch, 1, "empty");
        free(job);
}

START_TEST(cut_at_any_byte_of_an_extraction_and_a_confirmation_nothing_is_counted_twice)
{
        Pair *pair = pair_open(2, NULL, NULL);
        unsigned long bytes, step;
        uint32_t count = 1;

        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        reissue_with_cut(pair, 1000000, ++count);
        bytes = line_bytes(pair->line);
        ck_assert_uint_ge(bytes, 600);
        step = nightly() ? 1 : bytes / 16;
        for (unsigned long at = 1; at <= bytes; at += step)
                reissue_with_cut(pair, at, ++count);

        pair_close(pair);
}
END_TEST

START_TEST(a_slow_line_may_be_cut_anywhere_too)
{
        static const unsigned delays[] = { 50, 250, 1000, 2000 };
        Pair *pair = pair_open(2, NULL, NULL);
        uint32_t count = 1;

        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        for (size_t i = 0; i < (nightly() ? sizeof(delays) / sizeof(delays[0]) : 1); i++) {
                line_delay(pair->line, delays[i]);
                for (unsigned long at = 150; at < 1600; at += nightly() ? 290 : 700)
                        reissue_with_cut(pair, at, ++count);
        }

        pair_close(pair);
}
END_TEST

START_TEST(a_line_on_which_nothing_comes_back_is_taken_for_lost_and_made_anew)
{
        Pair *pair = pair_open_with_request("line-timeout: 1\n");
        unsigned connections;
        char *job;

        connections = line_connections(pair->line);
        line_swallow(pair->line, true);
        job = story_reissue(pair->branch, 0, 1);
        story_wait_error(pair->branch, job, "LineDown");
        pair_wait_line(pair, "down");
        pair_insert_blank(pair, NEW_SERIAL);
        line_swallow(pair->line, false);
        pair_expect_reissued(pair, job, 2);
        ck_assert_uint_gt(line_connections(pair->line), connections);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(a_slow_line_makes_slow_cards_and_nothing_else)
{
        Pair *pair = pair_open_with_request(NULL);
        unsigned connections;
        char *job;

        line_delay(pair->line, nightly() ? 2000 : 300);
        job = story_reissue(pair->branch, 0, 1);
        story_wait_state(pair->branch, job, "waiting-for-blank"); /* extracted, so connected */
        connections = line_connections(pair->line);
        pair_insert_blank(pair, NEW_SERIAL);
        pair_expect_reissued(pair, job, 2);
        ck_assert_uint_eq(line_connections(pair->line), connections);
        free(job);
        pair_close(pair);
}
END_TEST

/* --- the daemons go away --- */

typedef struct Killing {
        const char *state;
        void (*restart)(Pair *pair);
} Killing;

static void kill_in_state(const char *state, void (*restart)(Pair *pair)) {
        Pair *pair = pair_open_with_request(NULL);
        bool early = strcmp(state, "extracting") == 0;
        char *job, states[64];

        line_swallow(pair->line, early); /* the question is on its way, and stays there */
        job = story_reissue(pair->branch, 0, 1);
        story_wait_state(pair->branch, job, early ? state : "waiting-for-blank");
        if (!early && strcmp(state, "waiting-for-blank") != 0) {
                story_wait_reader(pair->branch, 0, "ready");
                pair_insert_blank(pair, NEW_SERIAL);
                free(desk_slot_command(pair->branch, 1, "delay 20"));
                snprintf(states, sizeof(states), "%s|done|failed|cancelled", state);
                free(desk_wait_property(pair->branch, job, DESK_JOB, "State", states));
        }

        if (early && restart == pair_restart_branch) /* the centre has it, the branch will never know */
                line_swallow(pair->line, false);
        restart(pair);
        if (early)
                line_swallow(pair->line, false);
        if (early || strcmp(state, "waiting-for-blank") == 0)
                pair_insert_blank(pair, NEW_SERIAL);
        pair_expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}

static void restart_both(Pair *pair) {
        desk_kill_daemon(pair->centre);
        pair_restart_branch(pair);
        story_start(pair->centre, 0);
}

/* By day the first ones. */
static const Killing killings[] = {
        { "extracting", pair_restart_centre },
        { "extracting", pair_restart_branch },
        { "waiting-for-blank", restart_both },
        { "writing", pair_restart_centre },
        { "writing", pair_restart_branch },
        { "verifying", restart_both },
        { "recording", pair_restart_centre },
        { "recording", pair_restart_branch },
        { "recording", restart_both },
        { "extracting", restart_both },
        { "waiting-for-blank", pair_restart_centre },
        { "waiting-for-blank", pair_restart_branch },
        { "writing", restart_both },
        { "verifying", pair_restart_centre },
        { "verifying", pair_restart_branch },
        { "done", pair_restart_centre },
        { "done", pair_restart_branch },
        { "done", restart_both },
};

enum { KILLINGS = sizeof(killings) / sizeof(killings[0]), KILLINGS_BY_DAY = 9 };

START_TEST(killed_at_any_step_the_card_is_finished_and_counted_once)
{ kill_in_state(killings[_i].state, killings[_i].restart); }
END_TEST

START_TEST(a_centre_that_is_away_while_the_branch_writes_is_told_when_it_is_back)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        desk_kill_daemon(pair->centre);
        pair_insert_blank(pair, NEW_SERIAL);
        story_wait_state(pair->branch, job, "recording");
        desk_kill_daemon(pair->branch);
        story_start(pair->centre, 0);
        story_start(pair->branch, 2);
        pair_expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

/* --- anything, in any order --- */

/* The same numbers in every run. */
static unsigned draw(unsigned *seed, unsigned below) {
        *seed = *seed * 1103515245 + 12345;
        return (*seed >> 16) % below;
}

static void disturb(Pair *pair, unsigned *seed) {
        switch (draw(seed, 7)) {
        case 0:
                line_cut_after(pair->line, 1 + draw(seed, 900));
                break;
        case 1:
                line_delay(pair->line, draw(seed, nightly() ? 2000 : 100));
                break;
        case 2:
                pair_restart_centre(pair);
                break;
        case 3:
                pair_restart_branch(pair);
                break;
        case 4:
                restart_both(pair);
                break;
        case 5:
                line_swallow(pair->line, true);
                break;
        default:
                line_refuse(pair->line, true);
                line_cut(pair->line);
                break;
        }
}

/* What would keep the card from being finished for ever: slower than the branch waits is as bad as nothing. */
static void let_through(Pair *pair) {
        line_delay(pair->line, 0);
        line_swallow(pair->line, false);
        line_refuse(pair->line, false);
}

/* The line is as it was, and the centre has answered. */
static void calm(Pair *pair) {
        let_through(pair);
        settle(pair);
}

static uint32_t cancel_disturbed(Pair *pair, const char *job, unsigned *seed, uint32_t count) {
        disturb(pair, seed);
        story_cancel(pair->branch, job);
        let_through(pair);
        story_expect_state(pair->branch, job, "done|failed|cancelled", "cancelled");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", count);
        calm(pair);
        desk_call(pair->branch, desk_bus(pair->branch), NULL, "WithdrawRequest", "ss", STORY_V1, STORY_ID);
        return count;
}

static uint32_t finish_disturbed(Pair *pair, const char *job, unsigned *seed, uint32_t count) {
        static const char *const moments[] = { "waiting-for-blank", "writing", "verifying", "recording" };
        unsigned moment = draw(seed, 4);
        char serial[17], states[64];

        if (moment == 0)
                disturb(pair, seed);
        snprintf(serial, sizeof(serial), "%016X", 0xD000 + count);
        pair_insert_blank(pair, serial);
        snprintf(states, sizeof(states), "%s|done|failed|cancelled", moments[moment]);
        if (moment > 0) {
                free(desk_wait_property(pair->branch, job, DESK_JOB, "State", states));
                disturb(pair, seed);
        }

        free(desk_wait_property(pair->branch, job, DESK_JOB, "State", "recording|done|failed|cancelled"));
        let_through(pair);
        pair_expect_reissued(pair, job, count + 1);
        ck_assert_uint_eq(story_describe_count(pair->branch, job, "spoiled"), 0);
        desk_remove(pair->branch, 1);
        story_wait_reader(pair->branch, 1, "empty");
        return count + 1;
}

/* Returns the count that the record must have then. */
static uint32_t reissue_disturbed(Pair *pair, unsigned *seed, uint32_t count) {
        char *job;

        desk_extend(pair->branch, 120);
        desk_extend(pair->centre, 120);
        calm(pair);
        story_request(pair->branch, STORY_V1, STORY_ID);
        job = story_reissue(pair->branch, 0, 1);
        story_wait_state(pair->branch, job, "waiting-for-blank");
        count = draw(seed, 4) == 0 ? cancel_disturbed(pair, job, seed, count)
                                   : finish_disturbed(pair, job, seed, count);
        free(job);
        return count;
}

START_TEST(whatever_happens_to_the_line_and_the_daemons_the_cards_agree_with_a_model)
{
        Pair *pair = pair_open(2, NULL, "line-timeout: 1\n");
        unsigned seed = 20261130;
        uint32_t count = 1;

        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        for (unsigned round = 0; round < (nightly() ? 200 : 6); round++)
                count = reissue_disturbed(pair, &seed, count);

        pair_close(pair);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                cut_at_any_byte_of_an_extraction_and_a_confirmation_nothing_is_counted_twice,
                a_slow_line_may_be_cut_anywhere_too,
                a_line_on_which_nothing_comes_back_is_taken_for_lost_and_made_anew,
                a_slow_line_makes_slow_cards_and_nothing_else,
                a_centre_that_is_away_while_the_branch_writes_is_told_when_it_is_back,
                whatever_happens_to_the_line_and_the_daemons_the_cards_agree_with_a_model,
        };
        int status = story_run("line-drops", tests, sizeof(tests) / sizeof(tests[0]), nightly() ? 7000 : 300);

        return status == EXIT_SUCCESS
                       ? story_run_loop("line-kill", killed_at_any_step_the_card_is_finished_and_counted_once,
                                        nightly() ? KILLINGS : KILLINGS_BY_DAY, 300)
                       : status;
}
