/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch reissues cards from the centre's issuance file, over a line that drops: R5 to R8 and R12, and what must hold
 * whenever the line, the branch or the centre goes away. */
#include "tests/bus/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

/* --- the requirements --- */

START_TEST(R5_a_branch_transmits_the_id_that_it_read_and_writes_the_card_from_the_centres_data)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job;

        free(desk_wait_property(pair->centre, DESK_ROOT_PATH, DESK_INTERFACE, "Role", "centre"));
        free(desk_wait_property(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "Role", "branch"));
        story_expect_card(pair->branch, 0, STORY_V1, STORY_ID);
        job = story_reissue(pair->branch, 0, 1);
        pair_insert_blank(pair, NEW_SERIAL);
        pair_expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(R6_the_centre_counts_as_it_transmits)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);
        ck_assert(story_in_use(pair->centre, STORY_V1, STORY_ID));
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(R7_the_branch_writes_from_its_own_reissuing_file_though_the_line_is_down)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        line_refuse(pair->line, true);
        line_cut(pair->line);
        desk_kill_daemon(pair->branch);
        story_start(pair->branch, 2);
        pair_insert_blank(pair, NEW_SERIAL);
        story_wait_state(pair->branch, job, "recording");
        story_wait_error(pair->branch, job, "LineDown");
        pair_wait_line(pair, "down");
        story_wait_reader(pair->branch, 1, "ready");
        story_expect_card(pair->branch, 1, STORY_V1, STORY_ID);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);

        line_refuse(pair->line, false);
        pair_expect_reissued(pair, job, 2);
        pair_wait_line(pair, "up");
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(R8_the_branch_knows_types_by_its_own_readout_and_correlation)
{
        Pair *pair = pair_open_with_request(NULL);

        /* The centre does not know the type any more; the branch alone reads the card. */
        line_forget_type(pair->centre);
        story_expect_card(pair->branch, 0, STORY_V1, STORY_ID);

        line_forget_type(pair->branch);
        free(desk_call_refused(pair->branch, desk_bus(pair->branch), "UnknownCardType", "ReadCard", "s",
                               desk_reader_name(pair->branch, 0)));
        pair_close(pair);
}
END_TEST

START_TEST(R12_the_branchs_bus_tells_the_count_that_the_centre_gave)
{
        Pair *pair = pair_open_with_request(NULL);
        sd_bus_message *signal;
        const char *path, *type;
        uint32_t count;
        char *job;

        desk_forget_signals(pair->branch);
        job = story_reissue(pair->branch, 0, 1);
        pair_insert_blank(pair, NEW_SERIAL);
        signal = desk_wait_signal(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued");
        ck_assert_int_ge(sd_bus_message_read(signal, "osu", &path, &type, &count), 0);
        while (strcmp(path, job) != 0) { /* the first issue's may come late */
                sd_bus_message_unref(signal);
                signal = desk_wait_signal(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued");
                ck_assert_int_ge(sd_bus_message_read(signal, "osu", &path, &type, &count), 0);
        }
        ck_assert_str_eq(type, STORY_V1);
        ck_assert_uint_eq(count, 2);
        sd_bus_message_unref(signal);
        free(job);
        pair_close(pair);
}
END_TEST

/* --- the line drops --- */

START_TEST(a_job_that_finds_the_line_down_waits_says_so_and_goes_on_by_itself)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job;

        line_refuse(pair->line, true);
        line_cut(pair->line);
        pair_wait_line(pair, "down");
        job = story_reissue(pair->branch, 0, 1);
        story_wait_error(pair->branch, job, "LineDown");
        story_expect_property(pair->branch, job, "State", "extracting");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 1);
        pair_insert_blank(pair, NEW_SERIAL);
        line_refuse(pair->line, false);
        pair_expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(a_job_cancelled_while_the_line_is_down_reserves_nothing_when_it_is_up)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        line_refuse(pair->line, true);
        line_cut(pair->line);
        story_cancel(pair->branch, job);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);
        line_refuse(pair->line, false);
        story_expect_state(pair->branch, job, "done|failed|cancelled", "cancelled");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert(!story_in_use(pair->centre, STORY_V1, STORY_ID));
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(the_line_is_let_go_without_work_and_made_when_there_is_some)
{
        Pair *pair = pair_open_with_request("line-idle: 1\n");
        char *job;

        line_wait_open(pair->line, 0);
        pair_wait_line(pair, "up");
        job = story_reissue(pair->branch, 0, 1);
        pair_insert_blank(pair, NEW_SERIAL);
        pair_expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

/* The next state that the branch's bus tells. */
static char *next_line_state(Desk *branch) {
        for (;;) {
                sd_bus_message *signal = desk_wait_signal(
                        branch, DESK_ROOT_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged");
                const char *interface, *property, *value;
                char *state = NULL;

                ck_assert_int_ge(sd_bus_message_read(signal, "s", &interface), 0);
                ck_assert_int_ge(sd_bus_message_enter_container(signal, 'a', "{sv}"), 0);
                while (sd_bus_message_enter_container(signal, 'e', "sv") > 0) {
                        ck_assert_int_ge(sd_bus_message_read(signal, "s", &property), 0);
                        if (strcmp(property, "LineState") == 0) {
                                ck_assert_int_ge(sd_bus_message_read(signal, "v", "s", &value), 0);
                                state = strdup(value);
                        } else
                                ck_assert_int_ge(sd_bus_message_skip(signal, "v"), 0);
                        ck_assert_int_ge(sd_bus_message_exit_container(signal), 0);
                }
                sd_bus_message_unref(signal);
                if (state)
                        return state;
        }
}

static void expect_next_line_state(Desk *branch, const char *wanted) {
        char *state = next_line_state(branch);

        ck_assert_str_eq(state, wanted);
        free(state);
}

static void expect_line_state(Desk *branch, const char *wanted) {
        char *state = desk_property(branch, DESK_ROOT_PATH, DESK_INTERFACE, "LineState");

        ck_assert_str_eq(state, wanted);
        free(state);
}

START_TEST(a_line_that_answers_late_is_told_as_down_then_connecting_then_up)
{
        Pair *pair = pair_open(0, NULL, NULL);
        Desk *branch = pair->branch;
        unsigned connections;
        char *state;

        pair_wait_line(pair, "up");
        desk_forget_signals(branch);
        connections = line_connections(pair->line);
        line_swallow(pair->line, true); /* it is accepted, and nobody answers */
        line_cut(pair->line);
        state = next_line_state(branch);
        if (strcmp(state, "up") == 0) { /* of the first connection, told late */
                free(state);
                state = next_line_state(branch);
        }
        ck_assert_str_eq(state, "down");
        free(state);
        expect_next_line_state(branch, "connecting");
        line_wait_open(pair->line, 1);
        ck_assert_uint_eq(line_connections(pair->line), connections + 1);
        expect_line_state(branch, "connecting");
        line_swallow(pair->line, false);
        expect_next_line_state(branch, "up");
        expect_line_state(branch, "up");
        pair_close(pair);
}
END_TEST

START_TEST(a_branch_whose_centre_has_never_answered_is_connecting_and_not_up)
{
        Pair *pair = pair_open(0, NULL, NULL);
        Desk *branch = pair->branch;

        line_swallow(pair->line, true);
        line_cut(pair->line);
        desk_kill_daemon(branch);
        story_start(branch, 0);
        pair_wait_line(pair, "connecting");
        line_wait_open(pair->line, 1);
        expect_line_state(branch, "connecting");
        line_swallow(pair->line, false);
        pair_wait_line(pair, "up");
        pair_close(pair);
}
END_TEST

/* --- versions --- */

static void reissue_over(void (*speaks)(Line *line, unsigned major, unsigned minor)) {
        Pair *pair = pair_open_with_request(NULL);
        unsigned connections = line_connections(pair->line);
        char *job;

        speaks(pair->line, 1, 7);
        line_cut(pair->line);
        job = story_reissue(pair->branch, 0, 1);
        pair_insert_blank(pair, NEW_SERIAL);
        pair_expect_reissued(pair, job, 2);
        ck_assert_uint_gt(line_connections(pair->line), connections);
        free(job);
        pair_close(pair);
}

START_TEST(a_branch_of_a_newer_minor_version_is_served)
{ reissue_over(line_branch_speaks); }
END_TEST

START_TEST(a_centre_of_a_newer_minor_version_is_asked)
{ reissue_over(line_centre_speaks); }
END_TEST

/* CheckLine is refused until it is refused with that reason. */
static void expect_reason(Pair *pair, const char *reason) {
        Desk *branch = pair->branch;

        for (;;) {
                char *message = desk_call_refused(branch, desk_bus(branch), "LineDown", "CheckLine", "");
                bool told = strstr(message, reason);

                free(message);
                if (told)
                        break;

                free(desk_wait_property(branch, DESK_ROOT_PATH, DESK_INTERFACE, "LineState", "connecting"));
                free(desk_wait_property(branch, DESK_ROOT_PATH, DESK_INTERFACE, "LineState", "down"));
        }
}

START_TEST(a_branch_of_another_major_version_is_refused_and_both_sides_say_so)
{
        Pair *pair = pair_open(0, NULL, NULL);
        char *log;

        line_branch_speaks(pair->line, 2, 0);
        line_cut(pair->line);
        pair_wait_line(pair, "down");
        expect_reason(pair,
                      "The centre speaks version 1 of the line, the branch version 2. Install the same");
        log = desk_daemon_log(pair->centre);
        ck_assert_ptr_nonnull(strstr(log, "Branch " LINE_BRANCH
                                          " was refused: it speaks version 2 of the line, this centre 1"));
        free(log);
        pair_close(pair);
}
END_TEST

START_TEST(a_centre_of_another_major_version_is_not_asked_and_named)
{
        Pair *pair = pair_open(0, NULL, NULL);
        char *log;

        line_centre_speaks(pair->line, 2, 0);
        line_cut(pair->line);
        pair_wait_line(pair, "down");
        expect_reason(pair, "it speaks version 2 of the line, this branch version 1; install the same");
        log = desk_daemon_log(pair->branch);
        ck_assert_ptr_nonnull(strstr(log, "The line to " LINE_CENTRE_NAME " is down"));
        free(log);
        pair_close(pair);
}
END_TEST

/* --- what else a desk does --- */

START_TEST(a_batch_at_a_branch_extracts_each_record_when_its_blank_is_there)
{
        Pair *pair = pair_open(2, NULL, NULL);
        sd_bus_message *reply = NULL;
        const char *path;
        char *job;

        story_enrol(pair->centre, STORY_V1, "00000001");
        story_enrol(pair->centre, STORY_V1, "00000002");
        desk_call(pair->branch, desk_bus(pair->branch), &reply, "StartBatch", "a(ss)sa{sv}", 2, STORY_V1,
                  "00000001", STORY_V1, "00000002", "", 0);
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        sd_bus_message_unref(reply);
        ck_assert(!story_in_use(pair->centre, STORY_V1, "00000001"));
        desk_insert(pair->branch, 0, story_blank(pair->branch, STORY_V1, DESK_T1, OLD_SERIAL));
        free(desk_wait_property(pair->branch, job, DESK_JOB, "Done", "1"));
        ck_assert(!story_in_use(pair->centre, STORY_V1, "00000002"));
        desk_insert(pair->branch, 1, story_blank(pair->branch, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(pair->branch, job);
        story_expect_record(pair->centre, STORY_V1, "00000001", "issued", 1);
        story_expect_record(pair->centre, STORY_V1, "00000002", "issued", 1);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(automatic_mode_at_a_branch_goes_by_the_centres_flag)
{
        Pair *pair = pair_open_with_request("automatic: yes\n");
        char *job;

        desk_remove(pair->branch, 0);
        story_wait_reader(pair->branch, 0, "empty");
        pair_insert_blank(pair, NEW_SERIAL);
        story_wait_reader(pair->branch, 1, "blank");
        desk_insert(pair->branch, 0, pair->old_card);
        job = desk_wait_object(pair->branch, DESK_JOB, "Kind", "reissue");
        pair_expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(two_desks_of_a_branch_that_ask_for_a_card_one_gets_it_and_the_other_learns_who_has_it)
{
        Pair *pair = pair_open_with_request(NULL);
        char *first = story_reissue(pair->branch, 0, 1), *second, *uuid, *message;

        story_wait_state(pair->branch, first, "waiting-for-blank");
        uuid = desk_property(pair->branch, first, DESK_JOB, "UUID");
        second = story_reissue(pair->branch, 0, 1);
        story_expect_state(pair->branch, second, "done|failed|cancelled", "failed");
        story_expect_property(pair->branch, second, "ErrorName", "org.example.ICReissue.Error.RecordInUse");
        message = desk_property(pair->branch, second, DESK_JOB, "ErrorMessage");
        if (!strstr(message, uuid) || !strstr(message, " at station " LINE_BRANCH) ||
            !strstr(message, " since 20"))
                desk_fail(pair->branch, "It says: %s", message);

        pair_insert_blank(pair, NEW_SERIAL);
        pair_expect_reissued(pair, first, 2);
        free(message);
        free(uuid);
        free(second);
        free(first);
        pair_close(pair);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R5_a_branch_transmits_the_id_that_it_read_and_writes_the_card_from_the_centres_data,
                R6_the_centre_counts_as_it_transmits,
                R7_the_branch_writes_from_its_own_reissuing_file_though_the_line_is_down,
                R8_the_branch_knows_types_by_its_own_readout_and_correlation,
                R12_the_branchs_bus_tells_the_count_that_the_centre_gave,
                a_job_that_finds_the_line_down_waits_says_so_and_goes_on_by_itself,
                a_job_cancelled_while_the_line_is_down_reserves_nothing_when_it_is_up,
                the_line_is_let_go_without_work_and_made_when_there_is_some,
                a_line_that_answers_late_is_told_as_down_then_connecting_then_up,
                a_branch_whose_centre_has_never_answered_is_connecting_and_not_up,
                a_branch_of_a_newer_minor_version_is_served,
                a_centre_of_a_newer_minor_version_is_asked,
                a_branch_of_another_major_version_is_refused_and_both_sides_say_so,
                a_centre_of_another_major_version_is_not_asked_and_named,
                a_batch_at_a_branch_extracts_each_record_when_its_blank_is_there,
                automatic_mode_at_a_branch_goes_by_the_centres_flag,
                two_desks_of_a_branch_that_ask_for_a_card_one_gets_it_and_the_other_learns_who_has_it,
        };

        return story_run("line", tests, sizeof(tests) / sizeof(tests[0]), 300);
}
