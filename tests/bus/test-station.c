/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissuectl station as the person at the desk has it: on a terminal, from keys and signals alone. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/bus/command.h"
#include "tests/bus/terminal.h"

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"
#define NO_JOB     "Nothing to do."

static Terminal *open_station(Desk *desk, unsigned columns, unsigned rows) {
        Terminal *terminal = terminal_open(desk, columns, rows);

        terminal_run(terminal, "icreissuectl station");
        return terminal;
}

/* Two readers, an issued card in the first. Its job has ended, and is what the display begins with. */
static Desk *open_issued(void) {
        Desk *desk = story_open(2);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        return desk;
}

START_TEST(readers_and_a_reissue_are_shown_from_the_blank_that_it_waits_for_to_its_end)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char reader[128], *job;

        terminal_wait(terminal, "Job 1 is done: staff-v1, issuance count 1");
        snprintf(reader, sizeof(reader), "%s: staff-v1 card", desk_reader_name(desk, 0));
        terminal_wait(terminal, reader);
        snprintf(reader, sizeof(reader), "%s: empty", desk_reader_name(desk, 1));
        terminal_wait(terminal, reader);

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        terminal_wait(terminal, "> Blank card");
        terminal_wait(terminal, "Put a blank staff-v1 card into");
        terminal_wait(terminal, "Job 2: reissue, staff-v1, issue no. 2, from");
        terminal_wait(terminal, "x Read");
        terminal_wait(terminal, "- Write");
        terminal_wait(terminal, "1 open job");
        terminal_wait(terminal, "████"); /* the headline: for two metres */
        terminal_wait(terminal, "1 staff-v1 no. 1: done");

        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, "D4D4D4D4D4D4D4D4"));
        terminal_wait(terminal, "is of type staff-v2");
        desk_remove(desk, 1);
        terminal_wait_gone(terminal, "is of type staff-v2");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        terminal_wait(terminal, "Job 2 is done: staff-v1, issuance count 2");
        terminal_wait(terminal, "2 staff-v1 no. 2: done");
        terminal_wait(terminal, "0 open jobs");
        terminal_wait(terminal, "Take the finished card out of");
        terminal_wait_gone(terminal, STORY_ID);
        terminal_wait_gone(terminal, NEW_SERIAL);
        terminal_close(terminal);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_step_that_takes_its_time_is_shown_while_it_does)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char *job;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        story_request(desk, STORY_V1, STORY_ID);
        desk_hold_at(desk, 1, 12, DESK_AFTER);
        job = story_reissue(desk, 0, 1);
        desk_wait_held(desk, 1);
        terminal_wait(terminal, "> Write");
        terminal_wait(terminal, "x Blank card");
        terminal_wait(terminal, "- Compare");
        desk_release_card(desk, 1);
        terminal_wait(terminal, "Job 2 is done");
        story_wait_done(desk, job);
        terminal_close(terminal);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_job_is_cancelled_by_a_key_that_is_asked_about_first)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        terminal_wait(terminal, "> Blank card");
        terminal_wait(terminal, "c: Cancel");
        terminal_type(terminal, "c");
        terminal_wait(terminal, "Cancel job 2?");
        terminal_type(terminal, "n");
        terminal_wait_gone(terminal, "Cancel job 2?");
        story_expect_property(desk, job, "State", "waiting-for-blank");
        terminal_type(terminal, "c");
        terminal_wait(terminal, "Cancel job 2?");
        terminal_type(terminal, "y");
        story_expect_state(desk, job, "done|failed|cancelled", "cancelled");
        terminal_wait(terminal, "Job 2 was cancelled");
        terminal_wait_gone(terminal, "c: Cancel");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        terminal_close(terminal);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_failed_job_tells_its_error_with_what_to_do_and_is_begun_anew_by_a_key)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char *job = story_reissue(desk, 0, 1), *message;

        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        message = desk_property(desk, job, DESK_JOB, "ErrorMessage");
        message[40] = '\0'; /* it goes on in the next row */
        terminal_wait(terminal, "Job 2 has failed");
        terminal_wait(terminal, message);
        terminal_wait(terminal, "r: Retry");
        story_request(desk, STORY_V1, STORY_ID);
        terminal_type(terminal, "r");
        terminal_wait(terminal, "> Blank card");
        story_wait_state(desk, job, "waiting-for-blank");
        free(message);
        free(job);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(an_old_card_destroyed_by_hand_is_confirmed_by_a_key)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        sd_bus_message *reply = NULL;
        const char *job;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        story_request(desk, STORY_V1, STORY_ID);
        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, 0),
                  desk_reader_name(desk, 1), 1, "discard", "b", 1);
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &job), 0);
        terminal_wait(terminal, "Destroy the old card by hand");
        terminal_wait(terminal, "> Destroy");
        terminal_type(terminal, "d");
        terminal_wait(terminal, "Have you destroyed the old card of job 2 yourself?");
        story_expect_property(desk, job, "State", "discarding");
        terminal_type(terminal, "y");
        terminal_wait(terminal, "Job 2 is done");
        story_wait_done(desk, job);
        sd_bus_message_unref(reply);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(another_job_is_chosen_with_the_arrow_keys)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        terminal_wait(terminal, "Job 2: reissue");
        terminal_key(terminal, "Down");
        terminal_wait(terminal, "Job 1 is done");
        terminal_wait_gone(terminal, "c: Cancel");
        terminal_key(terminal, "Up");
        terminal_wait(terminal, "Job 2: reissue");
        terminal_key(terminal, "Down");
        terminal_wait(terminal, "Job 1 is done");
        terminal_key(terminal, "Escape");
        terminal_wait(terminal, "Job 2: reissue");
        free(job);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(the_display_follows_the_terminals_size_and_a_small_one_has_the_sentence)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        terminal_wait(terminal, "> Blank card");
        terminal_resize(terminal, 60, 12);
        terminal_wait(terminal, "B L A N K   C A R D");
        terminal_wait(terminal, "Put a blank staff-v1 card into");
        terminal_resize(terminal, 30, 6);
        terminal_wait_gone(terminal, "> Blank card");
        terminal_wait(terminal, "Put a blank staff-v1 card");
        terminal_wait(terminal, "c: Cancel");
        terminal_resize(terminal, 30, 2);
        terminal_wait_gone(terminal, "c: Cancel");
        terminal_wait(terminal, "Put a blank staff-v1 card");
        terminal_resize(terminal, 132, 50);
        terminal_wait(terminal, "████████"); /* twice as large */
        terminal_wait(terminal, "> Blank card");
        free(job);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(the_service_may_go_and_come_back_and_is_not_started_by_the_display)
{
        Desk *desk = open_issued();
        Terminal *terminal = open_station(desk, 80, 24);
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        terminal_wait(terminal, "> Blank card");
        desk_stop_daemon(desk);
        terminal_wait(terminal, "The service does not run. Its jobs are kept.");
        terminal_wait_gone(terminal, "00: staff-v1 card");
        terminal_wait_gone(terminal, "c: Cancel");
        terminal_wait(terminal, "2 staff-v1 no. 2");
        story_start(desk, 2);
        terminal_wait(terminal, "> Blank card");
        terminal_wait(terminal, "Desk Reader (01) 00 00: staff-v1 card");
        desk_kill_daemon(desk);
        terminal_wait(terminal, "The service does not run.");
        story_start(desk, 2);
        terminal_wait(terminal, "> Blank card");
        free(job);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(a_service_that_starts_late_is_seen_and_a_reader_that_is_unplugged_and_comes_back)
{
        Desk *desk = story_open_closed(1);
        Terminal *terminal = open_station(desk, 80, 24);

        terminal_wait(terminal, "The service does not run."); /* nor can the bus start it here */
        story_start(desk, 1);
        terminal_wait(terminal, NO_JOB);
        desk_unplug_reader(desk, 0);
        terminal_wait(terminal, "Plug in a card reader.");
        desk_plug_reader(desk, 0);
        terminal_wait(terminal, NO_JOB);
        terminal_wait(terminal, ": empty");
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(automatic_mode_says_on_the_display_why_a_card_is_not_reissued)
{
        Desk *desk = open_issued();
        Terminal *terminal;
        const char *card = story_issue(desk, 1, STORY_V1, DESK_T1, "00000001", NEW_SERIAL);

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        terminal = open_station(desk, 80, 24);
        terminal_wait(terminal, "automatic mode off");
        command_expect(desk, DONE, COMMAND("automatic", "on"));
        terminal_wait(terminal, "automatic mode on");
        desk_insert(desk, 1, card);
        terminal_wait(terminal, "Nobody has requested it");
        desk_remove(desk, 1);
        terminal_wait_gone(terminal, "Nobody has requested it");
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

/* The shell holds the terminal's settings from before against those after, and says how the display has ended. */
static Terminal *open_compared(Desk *desk) {
        Terminal *terminal = terminal_open(desk, 80, 24);
        char line[512];

        snprintf(line, sizeof(line),
                 "before=$(stty -g); sh -c 'echo $$ >%s; exec icreissuectl station'; echo ended=$?; "
                 "[ \"$before\" = \"$(stty -g)\" ] && printf 'as %%s' before",
                 desk_path(desk, "pid"));
        terminal_run(terminal, line);
        terminal_wait(terminal, NO_JOB);
        ck_assert_str_eq(terminal_ask(terminal, "#{alternate_on} #{cursor_flag}"), "1 0");
        return terminal;
}

static void expect_restored(Terminal *terminal) {
        terminal_wait(terminal, "ended=0");
        terminal_wait(terminal, "as before");
        terminal_wait_gone(terminal, NO_JOB);
        ck_assert_str_eq(terminal_ask(terminal, "#{alternate_on} #{cursor_flag}"), "0 1");
}

/* What was started last by open_compared(). */
static void send_signal(Desk *desk, int signal) {
        FILE *file = fopen(desk_path(desk, "pid"), "r");
        int pid;

        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
        fclose(file);
        ck_assert_int_eq(kill(pid, signal), 0);
}

START_TEST(the_terminal_is_as_it_was_whichever_way_the_display_ends)
{
        static const int signals[] = { SIGTERM, SIGHUP, SIGQUIT };
        static const char *const keys[] = { "q", "C-c", "C-\\\\" };
        Desk *desk = story_open(1);
        Terminal *terminal;

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                terminal = open_compared(desk);
                terminal_key(terminal, keys[i]);
                expect_restored(terminal);
                terminal_close(terminal);
        }

        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
                terminal = open_compared(desk);
                send_signal(desk, signals[i]);
                expect_restored(terminal);
                terminal_close(terminal);
        }
        desk_close(desk);
}
END_TEST

START_TEST(a_stopped_display_leaves_the_terminal_to_the_shell_and_comes_back)
{
        Desk *desk = story_open(1);
        Terminal *terminal = open_station(desk, 80, 24);

        terminal_wait(terminal, NO_JOB);
        terminal_key(terminal, "C-z");
        terminal_wait(terminal, "Stopped");
        ck_assert_str_eq(terminal_ask(terminal, "#{alternate_on} #{cursor_flag}"), "0 1");
        terminal_run(terminal, "fg");
        terminal_wait(terminal, NO_JOB);
        ck_assert_str_eq(terminal_ask(terminal, "#{alternate_on}"), "1");
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(who_may_not_cancel_is_told_so_on_the_display)
{
        Desk *desk = open_issued();
        Terminal *terminal = terminal_open(desk, 80, 24);
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        /* On a path where there is no pkttyagent, so that nobody can be asked. */
        terminal_run(
                terminal,
                "setpriv --reuid 65534 --regid 65534 --clear-groups env PATH=${PATH%%:*} icreissuectl station");
        terminal_wait(terminal, "> Blank card");
        terminal_type(terminal, "cy");
        terminal_wait(terminal, "This needs an authorization at a prompt");
        terminal_wait(terminal, "> Blank card");
        ck_assert_str_eq(terminal_ask(terminal, "#{alternate_on}"), "1");
        story_expect_property(desk, job, "State", "waiting-for-blank");
        free(job);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(a_password_is_asked_for_on_the_terminal_of_the_display)
{
        Desk *desk = open_issued();
        Terminal *terminal = terminal_open(desk, 80, 24);
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        terminal_run(terminal, "setpriv --reuid 65534 --regid 65534 --clear-groups icreissuectl station");
        terminal_wait(terminal, "> Blank card");
        terminal_type(terminal, "cy");
        terminal_wait(terminal, "Password:");
        story_expect_property(desk, job, "State", "waiting-for-blank");
        free(job);
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

START_TEST(without_a_terminal_it_refuses_by_name)
{
        Desk *desk = story_open(1);
        Terminal *terminal;

        _command_ pipe = command_run(desk, USAGE, NULL, COMMAND("station"));
        _command_ json = command_run(desk, USAGE, NULL, COMMAND("station", "--json"));
        command_expect_complaint(pipe, "needs a terminal");
        command_expect_complaint(json, "monitor --json");

        terminal = terminal_open(desk, 80, 24);
        terminal_run(terminal, "TERM=no-such icreissuectl station");
        terminal_wait(terminal, "cannot be shown on a terminal of the kind");
        terminal_close(terminal);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                readers_and_a_reissue_are_shown_from_the_blank_that_it_waits_for_to_its_end,
                a_step_that_takes_its_time_is_shown_while_it_does,
                a_job_is_cancelled_by_a_key_that_is_asked_about_first,
                a_failed_job_tells_its_error_with_what_to_do_and_is_begun_anew_by_a_key,
                an_old_card_destroyed_by_hand_is_confirmed_by_a_key,
                another_job_is_chosen_with_the_arrow_keys,
                the_display_follows_the_terminals_size_and_a_small_one_has_the_sentence,
                the_service_may_go_and_come_back_and_is_not_started_by_the_display,
                a_service_that_starts_late_is_seen_and_a_reader_that_is_unplugged_and_comes_back,
                automatic_mode_says_on_the_display_why_a_card_is_not_reissued,
                the_terminal_is_as_it_was_whichever_way_the_display_ends,
                a_stopped_display_leaves_the_terminal_to_the_shell_and_comes_back,
                who_may_not_cancel_is_told_so_on_the_display,
                a_password_is_asked_for_on_the_terminal_of_the_display,
                without_a_terminal_it_refuses_by_name,
        };

        return story_run("station", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
