/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service as a whole: it answers while a card is written, it reloads, it is told of bad files by file, line and
 * column, it uses names of the desk's readers, automatic mode, two persons. */
#include "tests/bus/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

START_TEST(records_are_read_while_a_card_is_written)
{
        Desk *desk = story_open(2);
        unsigned answered = 0;
        char *job, *state;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        free(desk_slot_command(desk, 1, "delay 40"));
        job = story_reissue(desk, 0, 1);
        story_wait_state(desk, job, "writing");
        for (;;) {
                story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 2);
                state = desk_property(desk, job, DESK_JOB, "State");
                if (strcmp(state, "writing") != 0)
                        break;

                answered++;
                free(state);
        }

        free(state);
        ck_assert_uint_ge(answered, 5); /* one APDU takes longer than a call */
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_reload_takes_a_new_profile_and_a_bad_one_changes_nothing)
{
        Desk *desk = story_open(1);
        char *message;

        desk_directory(desk, "config/cards");
        desk_write(desk, "config/cards/staff-v1.yaml",
                   "description: Staff\nfields:\n  id: {length: 8, colour: red}\n");
        message = desk_call_refused(desk, desk_bus(desk), "ProfileInvalid", "Reload", "");
        ck_assert_ptr_nonnull(strstr(message, "staff-v1.yaml:3:"));
        ck_assert_ptr_nonnull(strstr(message, "colour"));
        free(message);
        story_enrol(desk, STORY_V1, STORY_ID);

        desk_write(desk, "config/cards/staff-v1.yaml", "extends: staff-v1\ndescription: Our own badge\n");
        message = desk_call_refused(desk, desk_bus(desk), "ProfileInvalid", "Reload", "");
        free(message);
        desk_close(desk);
}
END_TEST

START_TEST(a_bad_configuration_stops_the_start_with_file_line_and_column)
{
        Desk *desk = story_open_closed(1);
        char *log;
        int status;

        desk_write(desk, "config/icreissue.yaml", "station: desk-1\njob-limit: many\n");
        desk_start_daemon(desk);
        status = desk_wait_daemon_end(desk);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 0);
        log = desk_daemon_log(desk);
        ck_assert_ptr_nonnull(strstr(log, "icreissue.yaml:2:12"));
        free(log);
        desk_close(desk);
}
END_TEST

/* A desk whose first reader has a name, and no other is the desk's. */
static Desk *open_with_window(unsigned readers) {
        Desk *desk = story_open_closed(readers);
        char *config;

        ck_assert_int_ge(
                asprintf(&config, "readers:\n  - {name: window, match: \"%s\"}\n", desk_reader_name(desk, 0)),
                0);
        desk_write(desk, "config/icreissue.yaml", config);
        free(config);
        desk_start_daemon(desk);
        desk_wait_name(desk);
        return desk;
}

/* The reader's path; the caller frees it. */
static char *wait_for_blank_in_window(Desk *desk) {
        char *path;

        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, NULL));
        path = desk_wait_object(desk, DESK_READER, "Name", "window");
        free(desk_wait_property(desk, path, DESK_READER, "State", "blank"));
        return path;
}

START_TEST(only_the_readers_of_the_configuration_are_the_desks)
{
        Desk *desk = open_with_window(2);
        char *path = wait_for_blank_in_window(desk);

        desk_call(desk, desk_bus(desk), NULL, "ReadCard", "s", "window");
        desk_call(desk, desk_bus(desk), NULL, "ReadCard", "s", desk_reader_name(desk, 0));
        desk_call(desk, desk_bus(desk), NULL, "ReadCard", "s", path);
        free(desk_call_refused(desk, desk_bus(desk), "NoReader", "ReadCard", "s", desk_reader_name(desk, 1)));
        free(path);
        desk_close(desk);
}
END_TEST

START_TEST(what_goes_wrong_in_a_reader_is_told_by_the_name_that_the_administrator_gave_it)
{
        Desk *desk = open_with_window(1);
        char *message;

        free(wait_for_blank_in_window(desk));
        desk_remove_at(desk, 0, 1, DESK_BEFORE);
        message = desk_call_refused(desk, desk_bus(desk), "CardGone", "ReadCard", "s", "window");
        ck_assert_ptr_nonnull(strstr(message, "\"window\""));
        ck_assert_ptr_null(strstr(message, desk_reader_name(desk, 0)));
        free(message);
        desk_close(desk);
}
END_TEST

START_TEST(a_reader_that_is_plugged_in_appears_and_its_card_is_announced)
{
        Desk *desk = desk_open(&(DeskOptions){ .readers = 1, .slots = 2 });
        sd_bus_message *signal;
        const char *reader, *type;
        char *path;

        story_start(desk, 1);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NULL));
        desk_plug_reader(desk, 1);
        path = desk_wait_reader_object(desk, 1);
        signal = desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "CardInserted");
        ck_assert_int_ge(sd_bus_message_read(signal, "os", &reader, &type), 0);
        ck_assert_str_eq(reader, path);
        ck_assert_str_eq(type, STORY_V1);
        sd_bus_message_unref(signal);
        desk_unplug_reader(desk, 1);
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                                              "InterfacesRemoved"));
        free(path);
        desk_close(desk);
}
END_TEST

START_TEST(automatic_mode_reissues_a_card_whose_flag_says_unissued_and_no_other)
{
        Desk *desk = story_open(1);
        sd_bus_message *signal;
        const char *card;

        card = story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        ck_assert_int_ge(sd_bus_set_property(desk_bus(desk), DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE,
                                             "Automatic", NULL, "b", 1),
                         0);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 0, card);
        story_wait_reader(desk, 0, "ready");
        story_expect_record(desk, STORY_V1, STORY_ID, "issued",
                            1); /* its flag says issued: nothing happens */

        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        story_request(desk, STORY_V1, STORY_ID);
        desk_forget_signals(desk);
        desk_insert(desk, 0, card);
        free(desk_wait_object(desk, DESK_JOB, "State", "waiting-for-blank"));
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        signal = desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued");
        sd_bus_message_unref(signal);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        desk_close(desk);
}
END_TEST

static Desk *open_with_two_persons(void) {
        Desk *desk = story_open_closed(2);

        desk_write(desk, "config/icreissue.yaml", "two-person: true\nstation: window-1\n");
        desk_polkit_rule(desk, "10-all.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id.indexOf('org.example.ICReissue.') == 0) return polkit.Result.YES;\n"
                         "});\n");
        story_start(desk, 2);
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        return desk;
}

/* Requests, and is refused the reissue. */
static void expect_second_person_wanted(Desk *desk) {
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        story_expect_state(desk, job, "failed|waiting-for-blank|done", "failed");
        story_expect_property(desk, job, "ErrorName", "org.freedesktop.DBus.Error.AccessDenied");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        free(job);
}

START_TEST(with_two_person_who_requests_may_not_reissue)
{
        Desk *desk = open_with_two_persons();
        sd_bus_message *reply = NULL;
        const char *path;
        sd_bus *other;

        expect_second_person_wanted(desk);

        other = desk_bus_as(desk, 1);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        desk_call(desk, other, &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, 0), "", 0);
        sd_bus_message_read(reply, "o", &path);
        story_wait_done(desk, path);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        sd_bus_message_unref(reply);
        sd_bus_unref(other);
        desk_close(desk);
}
END_TEST

START_TEST(a_station_that_was_renamed_wants_a_second_person_all_the_same)
{
        Desk *desk = open_with_two_persons();

        desk_write(desk, "config/icreissue.yaml", "two-person: true\nstation: window-2\n");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        expect_second_person_wanted(desk);
        desk_close(desk);
}
END_TEST

START_TEST(the_objects_of_readers_and_jobs_stay_while_they_are_there)
{
        Desk *desk = story_open(1);
        char *job, *value;

        story_enrol(desk, STORY_V1, STORY_ID);
        job = story_start_issue(desk, STORY_V1, STORY_ID, 0);
        story_expect_property(desk, job, "Kind", "issue");
        value = desk_property(desk, job, DESK_JOB, "UUID");
        ck_assert_uint_eq(strlen(value), 36);
        free(value);
        story_cancel(desk, job);
        free(desk_call_refused_on(desk, desk_bus(desk), job, DESK_JOB, "JobFinished", "Cancel", ""));
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(nothing_of_a_card_is_on_the_command_line_and_no_core_can_be_dumped)
{
        Desk *desk = story_open(1);
        char path[64], text[4096];
        FILE *limits;
        bool core = true;

        snprintf(path, sizeof(path), "/proc/%d/limits", (int) desk_daemon_pid(desk));
        limits = fopen(path, "re");
        ck_assert_ptr_nonnull(limits);
        while (fgets(text, sizeof(text), limits))
                if (strncmp(text, "Max core file size", 18) == 0)
                        core = strstr(text, " 0 ") == NULL;

        fclose(limits);
        ck_assert(!core);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                records_are_read_while_a_card_is_written,
                a_reload_takes_a_new_profile_and_a_bad_one_changes_nothing,
                a_bad_configuration_stops_the_start_with_file_line_and_column,
                only_the_readers_of_the_configuration_are_the_desks,
                what_goes_wrong_in_a_reader_is_told_by_the_name_that_the_administrator_gave_it,
                a_reader_that_is_plugged_in_appears_and_its_card_is_announced,
                automatic_mode_reissues_a_card_whose_flag_says_unissued_and_no_other,
                with_two_person_who_requests_may_not_reissue,
                a_station_that_was_renamed_wants_a_second_person_all_the_same,
                the_objects_of_readers_and_jobs_stay_while_they_are_there,
                nothing_of_a_card_is_on_the_command_line_and_no_core_can_be_dumped,
        };

        return story_run("service", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
