/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client on the command line against the service: records and requests, one at a time and in bulk; secrets come out
 * only where they were asked for. */
#include "tests/bus/command.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OTHER_ID "00420018"

static const char a_record[] =
        "{\"type\": \"staff-v1\", \"id\": \"00420018\", \"fields\": {\"holder\": \"Ada\", "
        "\"number\": \"S0000043\", \"expiry\": \"291231\", "
        "\"access-key\": \"F0E1D2C3B4A5968778695A4B3C2D1E0F\", \"pin\": \"24682468\"}}";

START_TEST(a_record_is_put_shown_found_listed_and_removed_and_its_secrets_are_withheld)
{
        Desk *desk = story_open(1);
        const CommandManner manner = { .input = a_record };
        _command_ put = command_run(desk, DONE, &manner, COMMAND("record", "put", "-"));
        _command_ show = command_run(desk, DONE, NULL, COMMAND("record", "show", "staff-v1", OTHER_ID));
        _command_ json = command_run(desk, DONE, NULL, COMMAND("record", "show", "staff-v1", OTHER_ID, "-j"));
        _command_ find = command_run(desk, DONE, NULL, COMMAND("record", "find", "holder", "Ada"));
        _command_ list = command_run(desk, DONE, NULL, COMMAND("record", "list", "--json"));
        _json_ record = command_json(json);
        _json_ listed = command_json_lines(list);

        ck_assert_str_eq(command_output(put), "");
        command_expect_output(show, "Ada");
        command_expect_output(show, "(withheld)");
        command_expect_no(show, "24682468");
        command_expect_no(show, "F0E1D2C3");
        command_expect_no(json, "24682468");
        command_expect_no(json, "F0E1D2C3");
        ck_assert_str_eq(command_text(record, "flag"), "unissued");
        ck_assert_str_eq(command_text(json_object_get(record, "fields"), "holder"), "Ada");
        command_expect_output(find, OTHER_ID);
        ck_assert_uint_eq(json_array_size(listed), 1);

        command_expect(desk, NOT_FOUND, COMMAND("record", "find", "holder", "Bob"));
        command_expect(desk, DONE, COMMAND("record", "remove", "staff-v1", OTHER_ID));
        command_expect(desk, NOT_FOUND, COMMAND("record", "show", "staff-v1", OTHER_ID));
        desk_close(desk);
}
END_TEST

START_TEST(a_record_that_does_not_fit_is_refused_without_its_values_being_repeated)
{
        Desk *desk = story_open(1);
        const CommandManner no_json = { .input = "{\"type\": \"staff-v1\", \"pin\": 24682468" };
        const CommandManner wrong_pin = {
                .input = "{\"type\": \"staff-v1\", \"id\": \"00420018\", \"fields\": "
                         "{\"holder\": \"Ada\", \"pin\": \"2468\"}}"
        };
        _command_ syntax = command_run(desk, USAGE, &no_json, COMMAND("record", "put"));
        _command_ field = command_run(desk, USAGE, &wrong_pin, COMMAND("record", "put"));

        command_expect_no(syntax, "2468");
        command_expect_no(field, "2468");
        command_expect(desk, NOT_FOUND, COMMAND("record", "show", "staff-v1", OTHER_ID));
        desk_close(desk);
}
END_TEST

/* Exports to a file of the desk's directory; the text of the file is the caller's. */
static char *export_to(Desk *desk, const char *path, const char *option) {
        FILE *file;
        char *text = calloc(1, 8192);

        command_expect(desk, DONE, COMMAND("record", "export", path, option));
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_gt(fread(text, 1, 8191, file), 0);
        fclose(file);
        return text;
}

START_TEST(records_are_exported_to_their_owner_alone_and_imported_again)
{
        Desk *desk = story_open(1);
        const char *path = desk_path(desk, "records.jsonl"), *secret_path = desk_path(desk, "secret.jsonl");
        struct stat status;
        char *text;

        story_enrol(desk, STORY_V1, STORY_ID);
        text = export_to(desk, path, "--quiet");
        ck_assert_ptr_null(strstr(text, "87654321"));
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_uint_eq(status.st_mode & 0777, 0600);
        command_expect(desk, FAILED, COMMAND("record", "export", path)); /* it is there already */
        free(text);

        text = export_to(desk, secret_path, "--sealed");
        ck_assert_ptr_nonnull(strstr(text, "\"sealed\""));
        ck_assert_ptr_null(strstr(text, "87654321"));
        free(text);

        {
                _command_ twice = command_run(desk, USAGE, NULL, COMMAND("record", "import", secret_path));
                _command_ same = command_run(desk, DONE, NULL,
                                             COMMAND("record", "import", secret_path, "--mode", "merge"));
                _command_ again = command_run(desk, DONE, NULL,
                                              COMMAND("record", "import", secret_path, "--mode", "replace"));
                _command_ none = command_run(desk, USAGE, NULL,
                                             COMMAND("record", "import", secret_path, "--mode", "all"));

                command_expect_complaint(twice, "line 1: ");
                command_expect_complaint(twice, "> See what went wrong, then start the import again");
                command_expect_output(same, "1 record imported");
                command_expect_output(again, "1 record imported");
                command_expect_complaint(none, "mode must be \"add\", \"merge\" or \"replace\"");
                command_expect_no_secret(twice);
                command_expect_no_secret(again);
        }

        command_expect(desk, DONE, COMMAND("record", "remove", STORY_V1, STORY_ID));
        command_expect(desk, DONE, COMMAND("record", "import", secret_path));
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        desk_close(desk);
}
END_TEST

START_TEST(an_export_to_standard_output_is_nothing_but_records)
{
        Desk *desk = story_open(1);
        const CommandManner manner = { .input = a_record };

        story_enrol(desk, STORY_V1, STORY_ID);
        command_free(command_run(desk, DONE, &manner, COMMAND("record", "put")));

        _command_ all = command_run(desk, DONE, NULL, COMMAND("record", "export", "-"));
        _command_ none =
                command_run(desk, DONE, NULL, COMMAND("record", "export", "-", "--type", "staff-v2"));
        _json_ records = command_json_lines(all);

        ck_assert_uint_eq(json_array_size(records), 2);
        command_expect_no(all, "24682468");
        command_expect_no_secret(all);
        ck_assert_str_eq(command_output(none), "");
        desk_close(desk);
}
END_TEST

START_TEST(a_reissue_is_requested_and_withdrawn)
{
        Desk *desk = story_open(1);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        command_expect(desk, USAGE, COMMAND("request", STORY_V1, STORY_ID)); /* without a reason */
        command_expect(desk, DONE, COMMAND("request", STORY_V1, STORY_ID, "--reason", "worn out"));
        command_expect(desk, REFUSED, COMMAND("request", STORY_V1, STORY_ID, "--reason", "worn out"));
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);

        _command_ show = command_run(desk, DONE, NULL, COMMAND("record", "show", STORY_V1, STORY_ID));

        command_expect_output(show, "worn out");
        command_expect(desk, DONE, COMMAND("withdraw", STORY_V1, STORY_ID));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        command_expect(desk, REFUSED, COMMAND("withdraw", STORY_V1, STORY_ID));
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_record_is_put_shown_found_listed_and_removed_and_its_secrets_are_withheld,
                a_record_that_does_not_fit_is_refused_without_its_values_being_repeated,
                records_are_exported_to_their_owner_alone_and_imported_again,
                an_export_to_standard_output_is_nothing_but_records,
                a_reissue_is_requested_and_withdrawn,
        };

        return story_run("icreissuectl-records", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
