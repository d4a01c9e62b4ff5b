/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What icreissuectl prints: tables, JSON, jobs in words, exit statuses, and what it makes of text from a card. */
#include <check.h>
#include <locale.h>

#include "base/failure.h"
#include "client/job-view.h"
#include "client/output.h"

static char *text;
static size_t text_size;
static FILE *stream;

static void open_stream(void) {
        stream = open_memstream(&text, &text_size);
        ck_assert_ptr_nonnull(stream);
}

static void close_stream(void) {
        fclose(stream);
        free(text);
}

/* What has been printed so far. */
static const char *printed(void) {
        fflush(stream);
        return text;
}

static const Column columns[] = {
        { "TYPE", "type", false, false },
        { "COUNT", "count", true, false },
        { "FLAG", "flag", false, false },
};

START_TEST(a_table_has_headings_and_aligned_columns)
{
        _cleanup_json_ json_t *rows =
                json_pack("[{s:s,s:i,s:s},{s:s,s:i,s:s}]", "type", "usim", "count", 2, "flag", "issued",
                          "type", "staff-v1", "count", 10, "flag", "unissued");

        ck_assert_int_eq(output_table(stream, columns, ELEMENTS(columns), rows, NULL), 0);
        ck_assert_str_eq(printed(), "TYPE     COUNT FLAG\nusim         2 issued\nstaff-v1    10 unissued\n");
}
END_TEST

START_TEST(a_second_page_has_no_headings_and_keeps_the_widths)
{
        _cleanup_json_ json_t *first =
                json_pack("[{s:s,s:i,s:s}]", "type", "staff-v1", "count", 10, "flag", "issued");
        _cleanup_json_ json_t *second =
                json_pack("[{s:s,s:i,s:s}]", "type", "usim", "count", 1, "flag", "issued");
        Widths widths = {};

        ck_assert_int_eq(output_table(stream, columns, ELEMENTS(columns), first, &widths), 0);
        ck_assert_int_eq(output_table(stream, columns, ELEMENTS(columns), second, &widths), 0);
        ck_assert_str_eq(printed(), "TYPE     COUNT FLAG\nstaff-v1    10 issued\nusim         1 issued\n");
}
END_TEST

START_TEST(a_table_without_rows_prints_nothing)
{
        _cleanup_json_ json_t *rows = json_array();

        ck_assert_int_eq(output_table(stream, columns, ELEMENTS(columns), rows, NULL), 0);
        ck_assert_str_eq(printed(), "");
}
END_TEST

START_TEST(facts_that_are_missing_are_left_out)
{
        _cleanup_json_ json_t *object = json_pack("{s:s,s:s}", "type", "usim", "flag", "issued");

        ck_assert_int_eq(output_facts(stream, columns, ELEMENTS(columns), object), 0);
        ck_assert_str_eq(printed(), "TYPE usim\nFLAG issued\n");
}
END_TEST

START_TEST(control_characters_of_a_card_do_not_reach_the_terminal)
{
        _cleanup_json_ json_t *rows =
                json_pack("[{s:s,s:i,s:s}]", "type", "a\033[31mb", "count", 1, "flag", "x\ry");

        output_safe(stream, "Ada\033[31m\n\xC2\x9B"
                            "Ö\x7F");
        ck_assert_str_eq(printed(), "Ada?[31m??Ö?");
        ck_assert_int_eq(output_table(stream, columns, ELEMENTS(columns), rows, NULL), 0);
        ck_assert_ptr_null(strchr(printed(), 033));
        ck_assert_ptr_null(strchr(printed(), '\r'));
}
END_TEST

START_TEST(json_is_one_document_or_one_line)
{
        _cleanup_json_ json_t *value = json_pack("{s:s,s:f}", "type", "usim", "progress", 0.3);

        ck_assert_int_eq(output_json_line(stream, value), 0);
        ck_assert_str_eq(printed(), "{\"type\":\"usim\",\"progress\":0.3}\n");
        ck_assert_int_eq(output_json(stream, value), 0);
        ck_assert_ptr_nonnull(strstr(printed(), "{\n  \"type\": \"usim\",\n"));
}
END_TEST

START_TEST(a_full_disk_is_noticed)
{
        _cleanup_json_ json_t *value = json_pack("{s:s}", "type", "usim");
        FILE *full = fopen("/dev/full", "we");

        if (full) {
                ck_assert_int_lt(output_json(full, value), 0);
                fclose(full);
        }
}
END_TEST

START_TEST(properties_become_json_keys)
{
        static const char *const pairs[][2] = {
                { "CardType", "card-type" },         { "ATR", "atr" },   { "UUID", "uuid" },
                { "ErrorMessage", "error-message" }, { "Name", "name" }, { "", "" },
        };

        for (size_t i = 0; i < ELEMENTS(pairs); i++) {
                _cleanup_free_ char *key = output_key(pairs[i][0]);

                ck_assert_str_eq(key, pairs[i][1]);
        }
}
END_TEST

START_TEST(a_progress_bar_fits_its_terminal)
{
        _cleanup_free_ char *half = output_progress(0.5, "writing", 80),
                            *narrow = output_progress(2, "writing", 20),
                            *none = output_progress(-1, "reading", 0);

        ck_assert_str_eq(half, "[###############---------------]  50 % writing");
        ck_assert_uint_eq(strlen(narrow), 19);
        ck_assert_str_eq(none, "[------------------------------]   0 % reading");
}
END_TEST

START_TEST(a_job_is_named_by_number_or_path)
{
        _cleanup_free_ char *number = NULL, *path = NULL, *none = NULL;

        ck_assert_int_eq(job_path_from_argument("7", &number), 0);
        ck_assert_str_eq(number, "/org/example/ICReissue/job/7");
        ck_assert_int_eq(job_path_from_argument("/org/example/ICReissue/job/7", &path), 0);
        ck_assert_str_eq(path, number);
        ck_assert_int_eq(job_path_from_argument("seven", &none), -EINVAL);
        ck_assert_int_eq(job_path_from_argument("", &none), -EINVAL);
        ck_assert_int_eq(job_path_from_argument("7/../8", &none), -EINVAL);
        ck_assert_int_eq(job_path_from_argument("123456789012345678901", &none), -EINVAL);
        ck_assert_int_eq(job_number_from_path(path), 7);
}
END_TEST

START_TEST(a_jobs_end_leads_to_its_exit_status)
{
        _cleanup_json_ json_t *done = json_pack("{s:s,s:i}", "State", "done", "Failed", 0);
        _cleanup_json_ json_t *batch = json_pack("{s:s,s:i}", "State", "done", "Failed", 1);
        _cleanup_json_ json_t *failed = json_pack("{s:s,s:s}", "State", "failed", "ErrorName",
                                                  "org.example.ICReissue.Error.WriteFailed");
        _cleanup_json_ json_t *cancelled = json_pack("{s:s,s:s}", "State", "cancelled", "ErrorName", "");

        ck_assert_int_eq(job_exit_status(done), STATUS_DONE);
        ck_assert_int_eq(job_exit_status(batch), STATUS_FAILED);
        ck_assert_int_eq(job_exit_status(failed), STATUS_CARD);
        ck_assert_int_eq(job_exit_status(cancelled), STATUS_FAILED);
}
END_TEST

START_TEST(a_jobs_end_is_one_sentence)
{
        _cleanup_json_ json_t *done = json_pack("{s:s,s:s,s:s,s:i,s:s}", "Kind", "reissue", "State", "done",
                                                "CardType", "usim", "Count", 2, "Target", "desk-1");
        _cleanup_json_ json_t *failed = json_pack("{s:s,s:s,s:s}", "Kind", "import", "State", "failed",
                                                  "ErrorMessage", "Line 3 is no record.");
        _cleanup_json_ json_t *description = json_pack("{s:s,s:s}", "type", "usim", "id", "89");
        _cleanup_free_ char *one = job_result_text(JOB_PREFIX "7", done, description),
                            *other = job_result_text(JOB_PREFIX "8", failed, NULL),
                            *plain = job_result_text(JOB_PREFIX "7", done, NULL);

        ck_assert_str_eq(one, "Job 7 is done: usim 89, issuance count 2, in reader desk-1.");
        ck_assert_str_eq(plain, "Job 7 is done: usim, issuance count 2, in reader desk-1.");
        ck_assert_str_eq(other, "Job 8 has failed: Line 3 is no record.");
}
END_TEST

static void expect_end(const char *kind, const char *member, json_int_t count, const char *expected) {
        _cleanup_json_ json_t *done = json_pack("{s:s,s:s}", "Kind", kind, "State", "done");
        _cleanup_json_ json_t *description = json_pack("{s:I}", member, count);
        _cleanup_free_ char *sentence = job_result_text(JOB_PREFIX "9", done, description);

        ck_assert_str_eq(sentence, expected);
}

START_TEST(a_job_that_needs_nobody_tells_how_many_records)
{
        _cleanup_json_ json_t *done = json_pack("{s:s,s:s}", "Kind", "backup", "State", "done");
        _cleanup_free_ char *plain = job_result_text(JOB_PREFIX "9", done, NULL);

        expect_end("import", "transferred", 1, "Job 9 is done: 1 record imported.");
        expect_end("export", "transferred", 2, "Job 9 is done: 2 records exported.");
        expect_end("backup", "transferred", 2, "Job 9 is done: 2 records copied.");
        expect_end("check", "checked", 2, "Job 9 is done: 2 records checked, all whole.");
        expect_end("rotate-key", "resealed", 3, "Job 9 is done: 3 records or jobs sealed anew.");
        ck_assert_str_eq(plain, "Job 9 is done: backup.");
}
END_TEST

START_TEST(a_job_of_automatic_mode_has_no_owner)
{
        _cleanup_json_ json_t *properties =
                json_pack("{s:I,s:s}", "Owner", (json_int_t) UINT32_MAX, "CardType", "usim");
        _cleanup_json_ json_t *row = job_row(JOB_PREFIX "7", properties);

        ck_assert_int_eq(json_integer_value(json_object_get(row, "job")), 7);
        ck_assert(json_is_null(json_object_get(row, "owner")));
        ck_assert_str_eq(job_text(row, "card-type"), "usim");
}
END_TEST

START_TEST(every_failure_of_the_service_has_an_exit_status_of_its_own_kind)
{
        for (FailureKind kind = FAILURE_NONE + 1; kind < _FAILURE_MAX; kind++) {
                ExitStatus status = exit_status_from_error(failure_name(kind));

                if (kind == FAILURE_CANCELLED || kind == FAILURE_NO_MEMORY)
                        ck_assert_int_eq(status, STATUS_FAILED);
                else
                        ck_assert_msg(status != STATUS_FAILED, "%s has no row", failure_name(kind));
        }

        ck_assert_int_eq(exit_status_from_error(NULL), STATUS_FAILED);
        ck_assert_int_eq(exit_status_from_error("org.example.Other"), STATUS_FAILED);
        ck_assert_int_eq(exit_status_from_error(failure_name(FAILURE_NO_CARD)), STATUS_NOT_FOUND);
        ck_assert_int_eq(exit_status_from_error(failure_name(FAILURE_ACCESS_DENIED)), STATUS_DENIED);
        ck_assert_int_eq(exit_status_from_error(failure_name(FAILURE_NOT_REQUESTED)), STATUS_REFUSED);
        ck_assert_int_eq(exit_status_from_error("org.freedesktop.DBus.Error.ServiceUnknown"),
                         STATUS_UNREACHABLE);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-output");
        TCase *all = tcase_create("all");
        SRunner *runner;
        int failed;

        setlocale(LC_ALL, "C.UTF-8");
        tcase_add_checked_fixture(all, open_stream, close_stream);
        tcase_add_test(all, a_table_has_headings_and_aligned_columns);
        tcase_add_test(all, a_second_page_has_no_headings_and_keeps_the_widths);
        tcase_add_test(all, a_table_without_rows_prints_nothing);
        tcase_add_test(all, facts_that_are_missing_are_left_out);
        tcase_add_test(all, control_characters_of_a_card_do_not_reach_the_terminal);
        tcase_add_test(all, json_is_one_document_or_one_line);
        tcase_add_test(all, a_full_disk_is_noticed);
        tcase_add_test(all, properties_become_json_keys);
        tcase_add_test(all, a_progress_bar_fits_its_terminal);
        tcase_add_test(all, a_job_is_named_by_number_or_path);
        tcase_add_test(all, a_jobs_end_leads_to_its_exit_status);
        tcase_add_test(all, a_jobs_end_is_one_sentence);
        tcase_add_test(all, a_job_that_needs_nobody_tells_how_many_records);
        tcase_add_test(all, a_job_of_automatic_mode_has_no_owner);
        tcase_add_test(all, every_failure_of_the_service_has_an_exit_status_of_its_own_kind);
        suite_add_tcase(suite, all);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
