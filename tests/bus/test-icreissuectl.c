/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client on the command line against the service: each command of icreissuectl(1), its exit status, what it says to
 * a person and to a program, and that it never says what it should not. Records are in test-icreissuectl-records.c. */
#include "tests/bus/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEW_SERIAL "B2B2B2B2B2B2B2B2"
#define OTHER_ID   "00420018"

/* A desk of two readers: an issued card in the first, its record's flag says "issued". */
static Desk *open_issued(void) {
        Desk *desk = story_open(2);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        return desk;
}

/* The same, with a reissue requested. */
static Desk *open_requested(void) {
        Desk *desk = open_issued();

        story_request(desk, STORY_V1, STORY_ID);
        return desk;
}

static void insert_blank(Desk *desk, unsigned slot, const char *serial) {
        desk_insert(desk, slot, story_blank(desk, STORY_V1, DESK_T1, serial));
}

/* Standard error is the service's own message, in words and in JSON, and nothing else. */
static void expect_advice(Desk *desk, int status, const char *error, const char *message,
                          const char *const *words, const char *const *json_words) {
        _command_ plain = command_run(desk, status, NULL, words);
        _command_ json = command_run(desk, status, NULL, json_words);
        _json_ told = json_loads(command_complaint(json), 0, NULL);
        char line[1024];

        snprintf(line, sizeof(line), "icreissuectl: %s\n", message);
        ck_assert_str_eq(command_complaint(plain), line);
        ck_assert_str_eq(command_output(plain), "");
        ck_assert_str_eq(command_output(json), "");
        ck_assert_str_eq(command_text(told, "error"), error);
        ck_assert_str_eq(command_text(told, "message"), message);
}

/* Refused before anything is made: without the account of the line nothing else is. */
START_TEST(a_centre_that_ssh_could_not_call_is_refused_before_a_key_is_made)
{
        static const char *const hosts[] = { "",          ":22",          "centre:", "centre:ssh",
                                             "centre:0",  "centre:65536", "-oProxy", "a b",
                                             "[::1",      "[::1]22",      "[::1]:",  "[]:22",
                                             "centre:+1", "centre:22:" };
        static const char *const names[] = { "", "A", "1a", "a_b", "twenty-one-characters" };
        Desk *desk = story_open(0);

        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                _command_ setup =
                        command_run(desk, USAGE, NULL, COMMAND("line", "setup", "--", "a", hosts[i]));

                command_expect_complaint(setup, "The centre is a host's name or address");
        }
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                _command_ setup =
                        command_run(desk, USAGE, NULL, COMMAND("line", "setup", names[i], "centre"));
                _command_ removal = command_run(desk, USAGE, NULL, COMMAND("branch", "remove", names[i]));

                command_expect_complaint(setup, "A branch's name is 1 to 20");
                command_expect_complaint(removal, "A branch's name is 1 to 20");
        }
        desk_close(desk);
}
END_TEST

START_TEST(the_service_its_readers_and_its_card_types_are_told_to_people_and_to_programs)
{
        Desk *desk = story_open(2);
        _command_ status = command_run(desk, DONE, NULL, COMMAND("status"));
        _command_ status_json = command_run(desk, DONE, NULL, COMMAND("status", "--json"));
        _command_ readers = command_run(desk, DONE, NULL, COMMAND("readers"));
        _command_ readers_json = command_run(desk, DONE, NULL, COMMAND("readers", "--json"));
        _command_ types = command_run(desk, DONE, NULL, COMMAND("types"));
        _command_ types_json = command_run(desk, DONE, NULL, COMMAND("types", "--json"));
        _json_ service = command_json(status_json);
        _json_ rows = command_json(readers_json);
        _json_ known = command_json(types_json);

        command_expect_output(status, "standalone");
        command_expect_output(status, "2 empty");
        ck_assert_str_eq(command_text(service, "role"), "standalone");
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(service, "readers"), "empty")),
                         2);
        command_expect_output(readers, desk_reader_name(desk, 1));
        ck_assert_uint_eq(json_array_size(rows), 2);
        ck_assert_str_eq(command_text(json_array_get(rows, 0), "state"), "empty");
        ck_assert_str_eq(command_text(json_array_get(rows, 0), "name"), desk_reader_name(desk, 0));
        command_expect_output(types, "Staff badge, first version");
        ck_assert_uint_ge(json_array_size(known), 3);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_is_read_and_what_the_service_says_of_a_missing_one_is_repeated)
{
        Desk *desk = open_issued();
        _command_ plain = command_run(desk, DONE, NULL, COMMAND("read"));
        _command_ json = command_run(desk, DONE, NULL, COMMAND("read", desk_reader_name(desk, 0), "-j"));
        _json_ card = command_json(json);
        char *message;

        ck_assert_str_eq(command_output(plain), "staff-v1 00420017\n");
        ck_assert_str_eq(command_text(card, "type"), "staff-v1");
        ck_assert_str_eq(command_text(card, "id"), "00420017");

        message =
                desk_call_refused(desk, desk_bus(desk), "NoCard", "ReadCard", "s", desk_reader_name(desk, 1));
        expect_advice(desk, NOT_FOUND, "org.example.ICReissue.Error.NoCard", message,
                      COMMAND("read", desk_reader_name(desk, 1)),
                      COMMAND("read", desk_reader_name(desk, 1), "--json"));
        free(message);
        desk_close(desk);
}
END_TEST

/* No line is there twice. */
static void expect_each_line_once(const char *text) {
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
                size_t size = strcspn(line, "\n") + 1;

                for (const char *other = line + size; *other; other += strcspn(other, "\n") + 1)
                        if (strncmp(line, other, size) == 0)
                                ck_abort_msg("said twice: %.*s", (int) size, line);
        }
}

START_TEST(a_reissue_is_followed_to_its_end_and_each_thing_to_do_is_said_once)
{
        Desk *desk = open_requested();
        _command_ reissue = command_start(
                desk, NULL, COMMAND("reissue", desk_reader_name(desk, 0), desk_reader_name(desk, 1)));

        command_wait_text(reissue, "> Put a blank staff-v1 card into");
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, "C3C3C3C3C3C3C3C3"));
        command_wait_text(reissue, "! The card in");
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        insert_blank(desk, 1, NEW_SERIAL);
        command_end(reissue, DONE);
        command_expect_output(reissue, "Job 2 is done: staff-v1 00420017, issuance count 2, in reader");
        command_expect_complaint(reissue, "> Take the finished card out of");
        expect_each_line_once(command_complaint(reissue));
        command_expect_no_secret(reissue);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        desk_close(desk);
}
END_TEST

START_TEST(a_program_follows_a_reissue_by_json_lines)
{
        Desk *desk = open_issued();
        _command_ reissue =
                command_start(desk, NULL, COMMAND("reissue", "--request", "--reason", "worn", "--json"));

        command_wait_text(reissue, "waiting-for-blank");
        insert_blank(desk, 1, NEW_SERIAL);
        command_end(reissue, DONE);
        ck_assert_str_eq(command_complaint(reissue), "");
        command_expect_no_secret(reissue);

        _json_ events = command_json_lines(reissue);
        const json_t *last = json_array_get(events, json_array_size(events) - 1);

        ck_assert_str_eq(command_text(json_array_get(events, 0), "event"), "changed");
        ck_assert_str_eq(command_text(last, "event"), "finished");
        ck_assert_str_eq(command_text(last, "state"), "done");
        ck_assert_str_eq(command_text(json_object_get(last, "description"), "id"), STORY_ID);
        desk_close(desk);
}
END_TEST

START_TEST(a_refused_reissue_says_why_once_exits_with_5_and_is_begun_anew_by_retry)
{
        Desk *desk = open_issued();
        _command_ reissue = command_run(desk, REFUSED, NULL, COMMAND("reissue"));
        _command_ quiet = command_run(desk, REFUSED, NULL, COMMAND("reissue", "--quiet"));
        const char *why = "No reissue is requested for this record", *first;

        first = strstr(command_complaint(reissue), why);
        ck_assert_ptr_nonnull(first);
        ck_assert_ptr_null(strstr(first + 1, why));
        command_expect_complaint(reissue, "icreissuectl: Job 2 has failed (staff-v1 00420017)");
        command_expect_complaint(reissue, "icreissuectl job retry 2");
        ck_assert_ptr_eq(strstr(command_complaint(quiet), "icreissuectl: Job 3 has failed"),
                         command_complaint(quiet));
        command_expect_complaint(quiet, why);

        story_request(desk, STORY_V1, STORY_ID);
        command_expect(desk, DONE, COMMAND("job", "retry", "2"));
        insert_blank(desk, 1, NEW_SERIAL);
        command_expect(desk, DONE, COMMAND("job", "follow", "2"));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        desk_close(desk);
}
END_TEST

START_TEST(what_a_failed_job_advises_is_the_same_after_a_restart)
{
        Desk *desk = open_issued();

        command_expect(desk, REFUSED, COMMAND("reissue"));
        desk_kill_daemon(desk);
        story_start(desk, 2);

        _command_ show = command_run(desk, DONE, NULL, COMMAND("job", "show", "2"));

        command_expect_output(show, "icreissuectl job retry 2");
        desk_close(desk);
}
END_TEST

START_TEST(jobs_are_listed_shown_and_cancelled)
{
        Desk *desk = open_requested();
        _command_ started = command_run(desk, DONE, NULL, COMMAND("issue", STORY_V1, STORY_ID, "--no-wait"));

        ck_assert_str_eq(command_output(started), "2\n");
        {
                _command_ jobs = command_run(desk, DONE, NULL, COMMAND("jobs"));
                _command_ json = command_run(desk, DONE, NULL, COMMAND("jobs", "--json"));
                _command_ show = command_run(desk, DONE, NULL, COMMAND("job", "show", "1"));
                _command_ show_json = command_run(desk, DONE, NULL, COMMAND("job", "show", "1", "--json"));
                _json_ rows = command_json(json);
                _json_ job = command_json(show_json);

                command_expect_output(jobs, "waiting-for-blank");
                command_expect_no(jobs, STORY_ID); /* everyone may list */
                ck_assert_uint_eq(json_array_size(rows), 2);
                ck_assert_str_eq(command_text(json_array_get(rows, 1), "state"), "waiting-for-blank");
                command_expect_output(show, STORY_ID);
                command_expect_output(show, "not verifiable"); /* the access key, which no card tells */
                ck_assert_str_eq(command_text(json_object_get(job, "description"), "new-serial"),
                                 "A1A1A1A1A1A1A1A1");
                command_expect_no_secret(show);
                command_expect_no_secret(show_json);
        }

        command_expect(desk, DONE, COMMAND("job", "cancel", "2"));
        story_expect_property(desk, DESK_ROOT_PATH "/job/2", "State", "cancelled");
        command_expect(desk, REFUSED, COMMAND("job", "cancel", "2"));
        command_expect(desk, FAILED, COMMAND("job", "follow", "2"));
        command_expect(desk, NOT_FOUND, COMMAND("job", "show", "99"));
        command_expect(desk, USAGE, COMMAND("job", "show", "first"));
        desk_close(desk);
}
END_TEST

START_TEST(a_list_is_issued_as_a_batch_and_each_card_is_announced)
{
        Desk *desk = story_open(2);
        const CommandManner manner = { .input = "# two\nstaff-v1 00420017\n\nstaff-v1 00420018\n" };

        story_enrol(desk, STORY_V1, STORY_ID);
        story_enrol(desk, STORY_V1, OTHER_ID);

        _command_ issue = command_start(desk, &manner, COMMAND("issue", "--list", "-"));

        command_wait_text(issue, "> Put a blank");
        insert_blank(desk, 0, "D1D1D1D1D1D1D1D1");
        command_wait_text(issue, "is done: staff-v1 00420017");
        insert_blank(desk, 1, "D2D2D2D2D2D2D2D2");
        command_end(issue, DONE);
        command_expect_complaint(issue, "is done: staff-v1 00420018");
        command_expect_output(issue, "Job 1 has ended: 2 of 2 cards done, 0 failed, 0 spoiled.");
        desk_close(desk);
}
END_TEST

START_TEST(everything_that_was_requested_is_issued)
{
        Desk *desk = open_requested();
        const CommandManner manner = { .input = "staff-v1\n" };
        _command_ wrong = command_run(desk, USAGE, &manner, COMMAND("issue", "--list", "-"));

        command_expect_complaint(wrong, "-:1: ");
        insert_blank(desk, 1, NEW_SERIAL);
        command_expect(desk, DONE, COMMAND("issue", "--requested"));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        desk_close(desk);
}
END_TEST

START_TEST(ctrl_c_ends_the_following_and_not_the_job)
{
        Desk *desk = open_requested();
        _command_ issue = command_start(desk, NULL, COMMAND("issue", STORY_V1, STORY_ID));

        command_wait_text(issue, "> ");
        command_signal(issue, SIGINT);
        command_end(issue, INTERRUPTED);
        command_expect_complaint(issue, "icreissuectl job follow 2");
        story_expect_property(desk, DESK_ROOT_PATH "/job/2", "State", "waiting-for-blank");

        _command_ follow = command_start(desk, NULL, COMMAND("job", "follow", "2"));

        command_wait_text(follow, "> ");
        insert_blank(desk, 1, NEW_SERIAL);
        command_end(follow, DONE);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        desk_close(desk);
}
END_TEST

START_TEST(a_service_that_stops_keeps_the_job_that_is_followed_and_the_client_exits_with_8)
{
        Desk *desk = open_requested();
        _command_ issue = command_start(desk, NULL, COMMAND("issue", STORY_V1, STORY_ID));

        command_wait_text(issue, "> ");
        desk_stop_daemon(desk);
        command_end(issue, UNREACHABLE); /* nothing on the desk starts it again */
        command_expect_complaint(issue, "icreissuectl job follow 2");
        story_start(desk, 2);
        insert_blank(desk, 1, NEW_SERIAL);
        command_expect(desk, DONE, COMMAND("job", "follow", "2"));
        desk_close(desk);
}
END_TEST

START_TEST(the_exit_status_tells_what_kind_of_failure_it_was)
{
        Desk *desk = open_issued();
        const char *source = desk_reader_name(desk, 0);
        char *message;

        command_expect(desk, USAGE, COMMAND("frobnicate"));
        command_expect(desk, USAGE, COMMAND("issue", STORY_V1, ""));
        command_expect(desk, NOT_FOUND, COMMAND("read", "no such reader"));
        command_expect(desk, NOT_FOUND, COMMAND("issue", STORY_V1, STORY_ID, "no such reader"));
        command_expect(desk, NOT_FOUND, COMMAND("request", STORY_V1, "00000000", "--reason", "x"));

        message = desk_call_refused(desk, desk_bus(desk), "NotRequested", "WithdrawRequest", "ss", STORY_V1,
                                    STORY_ID);
        expect_advice(desk, REFUSED, "org.example.ICReissue.Error.NotRequested", message,
                      COMMAND("withdraw", STORY_V1, STORY_ID),
                      COMMAND("withdraw", STORY_V1, STORY_ID, "--json"));
        free(message);

        desk_hold_reader_exclusively(desk, 0);
        command_expect(desk, CARD, COMMAND("read", source));
        desk_release_reader(desk, 0);
        desk_close(desk);
}
END_TEST

START_TEST(a_configuration_is_reloaded_and_a_bad_one_is_told_with_its_place)
{
        Desk *desk = story_open(1);

        command_expect(desk, DONE, COMMAND("reload"));
        desk_write(desk, "config/correlation.yaml", "types: [\n");

        _command_ reload = command_run(desk, SERVICE, NULL, COMMAND("reload"));

        command_expect_complaint(reload, "correlation.yaml:");
        desk_close(desk);
}
END_TEST

START_TEST(whom_polkit_does_not_know_is_told_how_to_be_asked)
{
        Desk *desk = open_issued();
        const CommandManner nobody = { .user = DESK_NOBODY };
        _command_ read = command_run(desk, DENIED, &nobody, COMMAND("read"));
        _command_ readers = command_run(desk, DONE, &nobody, COMMAND("readers"));

        command_expect_complaint(read, "pkttyagent");
        command_expect_output(readers, desk_reader_name(desk, 0));
        desk_close(desk);
}
END_TEST

START_TEST(a_service_that_does_not_run_is_told_with_the_remedy)
{
        Desk *desk = story_open(1);
        const CommandManner no_bus = { .bus = "unix:path=/nonexistent" };

        desk_stop_daemon(desk);

        _command_ status = command_run(desk, UNREACHABLE, NULL, COMMAND("status"));
        _command_ bus = command_run(desk, UNREACHABLE, &no_bus, COMMAND("status"));

        command_expect_complaint(status, "systemctl start icreissue");
        command_expect_complaint(bus, "DBUS_SYSTEM_BUS_ADDRESS");
        command_expect(desk, DONE, COMMAND("--version")); /* needs none */
        desk_close(desk);
}
END_TEST

START_TEST(monitor_shows_what_happens_until_ctrl_c)
{
        Desk *desk = story_open(1);
        _command_ plain = command_start(desk, NULL, COMMAND("monitor"));
        _command_ json = command_start(desk, NULL, COMMAND("monitor", "--json"));

        command_wait_text(plain, " service running\n"); /* from now on nothing is missed */
        command_wait_text(json, "running");
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        command_wait_text(plain, "job/1 State=done");
        command_wait_text(json, "Reissued");
        command_signal(plain, SIGINT);
        command_signal(json, SIGTERM);
        command_end(plain, DONE);
        command_end(json, DONE);

        _json_ lines = command_json_lines(json);

        ck_assert_str_eq(command_text(json_array_get(lines, 0), "service"), "running");
        command_expect_no_secret(plain);
        command_expect_no(plain, STORY_ID);
        command_expect_no(json, STORY_ID);
        desk_close(desk);
}
END_TEST

START_TEST(a_profile_is_explained_without_the_service_and_its_mistake_found)
{
        Desk *desk = desk_open(&(DeskOptions){ .without_bus = true });
        char file[4096];

        snprintf(file, sizeof(file), "%s/cards/staff-v1.yaml", getenv("ICREISSUE_SOURCE"));

        _command_ plain = command_run(desk, DONE, NULL, COMMAND("profile", "check", file));
        _command_ json = command_run(desk, DONE, NULL, COMMAND("profile", "check", file, "--json"));
        _json_ explained = command_json(json);

        command_expect_output(plain, "The ID is read:");
        ck_assert_str_eq(command_text(explained, "file"), file);

        desk_write(desk, "config/bad.yaml", "type: bad\nfrobnicate: 1\n");
        snprintf(file, sizeof(file), "%s", desk_path(desk, "config/bad.yaml"));

        _command_ bad = command_run(desk, SERVICE, NULL, COMMAND("profile", "check", file));

        command_expect_complaint(bad, "bad.yaml:");
        ck_assert_str_eq(command_output(bad), "");
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_centre_that_ssh_could_not_call_is_refused_before_a_key_is_made,
                the_service_its_readers_and_its_card_types_are_told_to_people_and_to_programs,
                a_card_is_read_and_what_the_service_says_of_a_missing_one_is_repeated,
                a_reissue_is_followed_to_its_end_and_each_thing_to_do_is_said_once,
                a_program_follows_a_reissue_by_json_lines,
                a_refused_reissue_says_why_once_exits_with_5_and_is_begun_anew_by_retry,
                what_a_failed_job_advises_is_the_same_after_a_restart,
                jobs_are_listed_shown_and_cancelled,
                a_list_is_issued_as_a_batch_and_each_card_is_announced,
                everything_that_was_requested_is_issued,
                ctrl_c_ends_the_following_and_not_the_job,
                a_service_that_stops_keeps_the_job_that_is_followed_and_the_client_exits_with_8,
                the_exit_status_tells_what_kind_of_failure_it_was,
                a_configuration_is_reloaded_and_a_bad_one_is_told_with_its_place,
                whom_polkit_does_not_know_is_told_how_to_be_asked,
                a_service_that_does_not_run_is_told_with_the_remedy,
                monitor_shows_what_happens_until_ctrl_c,
                a_profile_is_explained_without_the_service_and_its_mistake_found,
        };

        return story_run("icreissuectl", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
