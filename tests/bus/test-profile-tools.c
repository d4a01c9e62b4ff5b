/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `icreissuectl profile new`, `profile check` and `profile test`, as an administrator uses them: on the shipped profiles
 * and on templates, with cards in readers. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "tests/bus/command.h"

#define SERIAL "A1A1A1A1A1A1A1A1"

/* A shipped profile; the text belongs to the caller. */
static char *shipped(const char *name) {
        char *path = NULL;

        ck_assert_int_ge(asprintf(&path, "%s/cards/%s.yaml", getenv("ICREISSUE_SOURCE"), name), 0);
        return path;
}

/* The value of a field that was read; "(none)" where it was not shown. */
static const char *field_value(const json_t *report, const char *field) {
        json_t *row;
        size_t i;

        json_array_foreach(json_object_get(report, "fields"), i, row)
                if (strcmp(command_text(row, "field"), field) == 0)
                        return command_text(row, "value");

        return "(none)";
}

/* Why a field was not shown. */
static const char *hidden_because(const json_t *report, const char *field) {
        json_t *row;
        size_t i;

        json_array_foreach(json_object_get(report, "not-shown"), i, row)
                if (strcmp(command_text(row, "field"), field) == 0)
                        return command_text(row, "reason");

        return "(none)";
}

static bool was_not_run(const json_t *report, const char *step) {
        json_t *row;
        size_t i;

        json_array_foreach(json_object_get(report, "steps"), i, row)
                if (strcmp(command_text(row, "step"), step) == 0 &&
                    strcmp(command_text(row, "result"), "not run") == 0)
                        return true;

        return false;
}

START_TEST(a_profile_is_tried_on_an_issued_card_and_its_fields_are_shown)
{
        Desk *desk = story_open(1);
        _cleanup_free_ char *file = shipped(STORY_V1);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, SERIAL);

        _command_ json = command_run(desk, DONE, NULL, COMMAND("profile", "test", file, "--json"));
        _command_ plain = command_run(
                desk, DONE, NULL, COMMAND("profile", "test", file, "--reader", desk_reader_name(desk, 0)));
        _json_ report = command_json(json);

        ck_assert_str_eq(command_text(report, "type"), STORY_V1);
        ck_assert_str_eq(command_text(report, "id"), STORY_ID);
        ck_assert_str_eq(command_text(report, "serial"), SERIAL);
        ck_assert(json_is_false(json_object_get(report, "blank")));
        ck_assert_str_eq(field_value(report, "id"), STORY_ID);
        ck_assert_str_ne(field_value(report, "holder"), "(none)");
        ck_assert_str_eq(field_value(report, "access-key"), "(none)");
        ck_assert_str_eq(hidden_because(report, "access-key"), "it is secret");
        ck_assert_str_eq(hidden_because(report, "zone"), "its length is the record's own");
        ck_assert(was_not_run(report, "verify-pin"));
        command_expect_output(plain, field_value(report, "holder"));
        command_expect_output(plain, "it presents a secret");
        command_expect_output(plain, "Nothing was written");
        command_expect_no_secret(json);
        desk_close(desk);
}
END_TEST

START_TEST(a_trial_writes_nothing_presents_nothing_and_its_trace_says_so_in_words)
{
        static const char *const forbidden[] = { "> 0020", "> 0024", "> 00D6", "> 00DA", "> 00E2" };
        Desk *desk = story_open(1);
        _cleanup_free_ char *file = shipped(STORY_V1);

        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T0, SERIAL));
        story_wait_reader(desk, 0, "blank");

        _command_ trace =
                command_run(desk, DONE, NULL, COMMAND("profile", "test", file, "--trace", "--json"));
        _json_ report = command_json(trace);

        ck_assert(json_is_true(json_object_get(report, "blank")));
        ck_assert(json_is_null(json_object_get(report, "id")));
        command_expect_complaint(trace, "SELECT by path from the MF 50005001");
        command_expect_complaint(trace, "READ BINARY, offset 0");
        command_expect_complaint(trace, "GET DATA of tag 9F7F");
        command_expect_complaint(trace, "referenced data not found");
        for (size_t i = 0; i < ELEMENTS(forbidden); i++)
                ck_assert_msg(!strstr(command_complaint(trace), forbidden[i]), "%s was sent", forbidden[i]);

        /* And the daemon has lost nothing of its reader. */
        story_wait_reader(desk, 0, "blank");
        desk_close(desk);
}
END_TEST

START_TEST(a_memory_card_is_tried_without_the_issuers_keys)
{
        Desk *desk = story_open(1);
        _cleanup_free_ char *classic = shipped("mifare-classic"), *ultralight = shipped("ultralight");

        desk_insert(desk, 0, desk_card_new(desk, "mifare-classic", DESK_T1, SERIAL));
        story_wait_reader(desk, 0, "blank");

        _command_ json =
                command_run(desk, DONE, NULL, COMMAND("profile", "test", classic, "--json", "--trace"));
        _command_ other = command_run(desk, DONE, NULL, COMMAND("profile", "test", ultralight, "--json"));
        _json_ report = command_json(json);

        ck_assert_str_eq(command_text(report, "type"), "mifare-classic");
        ck_assert_str_eq(command_text(report, "serial"), "A1A1A1A1");
        ck_assert(json_is_true(json_object_get(report, "blank")));
        ck_assert(was_not_run(report, "mifare-authenticate"));
        command_expect_complaint(json, "LOAD KEYS into the reader");
        ck_assert_msg(!strstr(command_complaint(json), "FFFFFFFFFFFF"), "a key is in the trace");

        _json_ otherwise = command_json(other);

        ck_assert(json_is_false(json_object_get(otherwise, "blank")));
        desk_close(desk);
}
END_TEST

START_TEST(what_cannot_be_tried_is_told_with_its_exit_status)
{
        Desk *desk = story_open(1);
        _cleanup_free_ char *file = shipped(STORY_V1);

        command_expect(desk, NOT_FOUND, COMMAND("profile", "test", file, "--reader", "no such reader"));
        command_expect(desk, CARD, COMMAND("profile", "test", file));
        command_expect(desk, USAGE, COMMAND("profile", "test"));
        desk_write(desk, "config/bad.yaml", "description: bad\n");
        command_expect(desk, SERVICE, COMMAND("profile", "test", desk_path(desk, "config/bad.yaml")));
        desk_close(desk);
}
END_TEST

START_TEST(every_template_passes_its_check_and_is_never_written_over_anything)
{
        Desk *desk = desk_open(&(DeskOptions){ .without_bus = true });
        const char *source = getenv("ICREISSUE_SOURCE");
        _command_ list = command_run(desk, DONE, NULL, COMMAND("profile", "new", "--data", source, "--json"));
        _json_ templates = command_json(list);
        json_t *template;
        size_t i;

        ck_assert_uint_ge(json_array_size(templates), 3);
        json_array_foreach(templates, i, template) {
                char file[64];
                const char *kind = command_text(template, "kind"), *path;

                snprintf(file, sizeof(file), "config/%s-new.yaml", kind);
                path = desk_path(desk, file);
                command_expect(desk, DONE, COMMAND("profile", "new", kind, path, "--data", source));
                command_expect(desk, REFUSED, COMMAND("profile", "new", kind, path, "--data", source));

                _command_ check = command_run(desk, DONE, NULL,
                                              COMMAND("profile", "check", path, "--data", source, "--json"));
                _json_ report = command_json(check);

                ck_assert(json_is_true(json_object_get(report, "valid")));
                ck_assert_uint_eq(json_array_size(json_object_get(report, "mistakes")), 0);
        }

        command_expect(desk, NOT_FOUND, COMMAND("profile", "new", "no-such-kind", "--data", source));
        desk_close(desk);
}
END_TEST

/* README, "Adding a card type". */
START_TEST(a_new_card_type_is_added_as_the_readme_says)
{
        Desk *desk = story_open(1);
        const char *source = getenv("ICREISSUE_SOURCE"), *installed;

        desk_directory(desk, "config/cards");
        installed = desk_path(desk, "config/cards/badge.yaml");
        command_expect(desk, DONE, COMMAND("profile", "new", "iso7816", installed, "--data", source));
        command_expect(desk, DONE, COMMAND("profile", "check", installed, "--data", source));
        desk_write(desk, "config/correlation.yaml", "staff-v1: staff-v1\n");
        command_expect(desk, SERVICE, COMMAND("profile", "check", installed, "--data", source));
        desk_write(desk, "config/correlation.yaml", "badge: badge\n");
        desk_write(desk, "config/type-readout.yaml", "- {type: badge, match: {atr: \"3B 85 01\"}}\n");
        command_expect(desk, DONE, COMMAND("profile", "check", installed, "--data", source));
        command_expect(desk, DONE, COMMAND("reload"));

        _command_ types = command_run(desk, DONE, NULL, COMMAND("types"));

        command_expect_output(types, "badge");
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, SERIAL));
        story_wait_reader(desk, 0, "blank");
        desk_close(desk);
}
END_TEST

START_TEST(all_mistakes_are_told_to_people_and_to_programs)
{
        Desk *desk = desk_open(&(DeskOptions){ .without_bus = true });
        const char *file;

        desk_write(desk, "config/bad.yaml",
                   "description: bad\nfields:\n  id: {length: 4, colour: red}\nidentify:\n  - fetch: {}\n");
        file = desk_path(desk, "config/bad.yaml");

        _command_ plain = command_run(desk, SERVICE, NULL, COMMAND("profile", "check", file));
        _command_ json = command_run(desk, SERVICE, NULL, COMMAND("profile", "check", file, "--json"));
        _json_ report = command_json(json);
        json_t *mistakes = json_object_get(report, "mistakes");

        command_expect_complaint(plain, "bad.yaml:3:19: unknown \"colour\"");
        command_expect_complaint(plain, "bad.yaml:5:5: expected a verb");
        command_expect_complaint(plain, "2 mistakes in ");
        ck_assert_str_eq(command_output(plain), "");
        ck_assert(json_is_false(json_object_get(report, "valid")));
        ck_assert_uint_eq(json_array_size(mistakes), 2);
        ck_assert_str_eq(command_text(json_array_get(mistakes, 1), "file"), file);
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(mistakes, 1), "line")), 5);
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(mistakes, 1), "column")), 5);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_profile_is_tried_on_an_issued_card_and_its_fields_are_shown,
                a_trial_writes_nothing_presents_nothing_and_its_trace_says_so_in_words,
                a_memory_card_is_tried_without_the_issuers_keys,
                what_cannot_be_tried_is_told_with_its_exit_status,
                every_template_passes_its_check_and_is_never_written_over_anything,
                a_new_card_type_is_added_as_the_readme_says,
                all_mistakes_are_told_to_people_and_to_programs,
        };

        return story_run("profile-tools", tests, ELEMENTS(tests), 90);
}
