/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan on simulated cards: the shipped profiles write and read back, and a blank interrupted at any single
 * APDU, before the card has seen it or after, is finished with no try of its PIN wasted. */
#include "plan-bench.h"

enum { REFERENCE_PIN = 0x01, INS_VERIFY = 0x20 };

static void issue_whole(const char *type, bool t0) {
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;
        int r;

        desk_open(&desk, type, t0);
        r = desk_issue(&desk, false, &report, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_str_eq(reported(report, "id"), "compared");
        ck_assert_str_eq(reported(report, "holder"), "compared");
        ck_assert_str_eq(reported(report, "number"), "compared");
        ck_assert_str_eq(reported(report, "expiry"), "compared");
        ck_assert_str_eq(reported(report, "pin"), "used");
        ck_assert_str_eq(reported(report, "access-key"), "not verifiable");
        ck_assert_str_eq(reported(report, streq(type, "staff-v1") ? "second-zone" : "photo"), "compared");
        ck_assert_int_eq(sim_card_tries(desk.sim), 3);
        expect_issued(&desk);
        json_decref(report);
        desk_close(&desk);
}

START_TEST(a_prepared_blank_is_written_and_read_back_at_apdu_level)
{ issue_whole("staff-v1", false); }
END_TEST

START_TEST(a_prepared_blank_is_written_and_read_back_at_tpdu_level)
{ issue_whole("staff-v1", true); }
END_TEST

START_TEST(a_bare_blank_gets_its_files_at_apdu_level)
{ issue_whole("staff-v2", false); }
END_TEST

START_TEST(a_bare_blank_gets_its_files_at_tpdu_level)
{ issue_whole("staff-v2", true); }
END_TEST

static void expect_pin_used(Desk *desk, const json_t *report) {
        ck_assert_str_eq(reported(report, "pin"), "used");
        ck_assert_int_eq(sim_card_tries(desk->sim), 3);
}

static void finish(const char *type, bool after, int result, bool crash) {
        finish_after_every_break(type, false, after, result, crash, expect_pin_used);
}

START_TEST(a_card_pulled_before_any_apdu_is_finished_when_it_comes_back)
{
        finish("staff-v1", false, -1, false);
        finish("staff-v2", false, -1, false);
}
END_TEST

START_TEST(a_card_pulled_after_any_apdu_is_finished_when_it_comes_back)
{
        finish("staff-v1", true, -1, false);
        finish("staff-v2", true, -1, false);
}
END_TEST

START_TEST(a_card_reset_by_another_program_is_begun_again)
{
        finish("staff-v1", true, -ECONNRESET, false);
        finish("staff-v2", true, -ECONNRESET, false);
}
END_TEST

START_TEST(a_card_is_finished_from_the_journal_alone)
{
        finish("staff-v1", true, -1, true);
        finish("staff-v2", true, -1, true);
        finish("staff-v2", false, -1, true);
}
END_TEST

START_TEST(a_bit_that_the_card_stores_wrong_is_told_by_field)
{
        expect_differs("staff-v1", 0x5001, 0, "\"id\"");
        expect_differs("staff-v1", 0x5001, 12, "\"holder\"");
        expect_differs("staff-v1", 0x5001, 41, "\"number\"");
        expect_differs("staff-v1", 0x5F24, 1, "\"expiry\"");
        expect_differs("staff-v1", 0x5003, 0, "\"zone\"");
        expect_differs("staff-v2", 0x5011, 1, "\"id\"");
        expect_differs("staff-v2", 0x5012, 600, "\"photo\"");
}
END_TEST

START_TEST(what_cannot_be_undone_waits_for_the_proof_of_everything_before)
{
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;

        desk_open(&desk, "staff-v2", false);
        sim_card_flip(desk.sim, 0x5012, 3);
        ck_assert_int_lt(desk_issue(&desk, false, &report, &failure), 0);
        ck_assert_int_eq(desk.journal.stage, 2);
        ck_assert_int_eq(desk.journal.step, 0);
        ck_assert(!plan_at_end(desk.plan, &desk.journal));
        desk_close(&desk);
}
END_TEST

START_TEST(a_field_that_does_not_fit_is_named_before_any_apdu)
{
        _cleanup_failure_ Failure failure = {};
        unsigned before;
        Plan *plan = NULL;
        Desk desk;

        desk_open(&desk, "staff-v1", false);
        before = sim_card_count(desk.sim);
        json_object_set_new(desk.fields, "number", json_string("123456789"));
        ck_assert_int_eq(plan_new(catalogue_profile(desk.catalogue, "staff-v1"), desk.keys, "00420017",
                                  desk.fields, &desk.facts, &plan, &failure),
                         -EINVAL);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        ck_assert_ptr_nonnull(strstr(failure.message, "\"number\""));
        ck_assert_ptr_nonnull(strstr(failure.message, "staff-v1.yaml:"));
        ck_assert_ptr_null(strstr(failure.message, "123456789"));
        ck_assert_int_eq(sim_card_count(desk.sim), before);
        desk_close(&desk);
}
END_TEST

START_TEST(a_key_that_the_ring_lacks_is_named_before_any_apdu)
{
        _cleanup_failure_ Failure failure = {};
        KeyRing *empty = NULL;
        Plan *plan = NULL;
        Desk desk;

        desk_open(&desk, "staff-v1", false);
        ck_assert_int_eq(key_ring_load("/nonexistent", &empty, NULL), 0);
        ck_assert_int_lt(plan_new(catalogue_profile(desk.catalogue, "staff-v1"), empty, "00420017",
                                  desk.fields, &desk.facts, &plan, &failure),
                         0);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_ptr_nonnull(strstr(failure.message, "staff-transport"));
        key_ring_unref(empty);
        desk_close(&desk);
}
END_TEST

START_TEST(a_wrong_pin_is_sent_once_and_never_again)
{
        _cleanup_failure_ Failure first = {}, second = {};
        char *directory = fixture_directory();
        json_t *report = NULL;
        Desk desk;

        desk_open(&desk, "staff-v1", false);
        fixture_write(directory, "key-ring.yaml", "staff-transport: \"3132333435363739\"\n");
        key_ring_unref(desk.keys);
        ck_assert_int_eq(key_ring_load(directory, &desk.keys, NULL), 0);
        desk_new_plan(&desk);

        ck_assert_int_lt(desk_issue(&desk, false, &report, &first), 0);
        ck_assert_int_eq(first.kind, FAILURE_WRITE_FAILED);
        ck_assert_ptr_nonnull(strstr(first.message, "2 tries left"));
        ck_assert_int_eq(desk.context.tries_left, 2);
        ck_assert(!desk.context.touched);

        sim_card_reset(desk.sim);
        desk_new_plan(&desk);
        ck_assert_int_lt(desk_issue(&desk, true, &report, &second), 0);
        ck_assert_ptr_nonnull(strstr(second.message, "has refused the value"));
        ck_assert_int_eq(sim_card_tries(desk.sim), 2);
        ck_assert_int_eq(sim_card_instruction_count(desk.sim, INS_VERIFY), 1);
        fixture_directory_remove(directory);
        desk_close(&desk);
}
END_TEST

START_TEST(the_last_try_of_a_pin_is_never_used)
{
        static const uint8_t wrong[] = {
                0x00, 0x20, 0x00, 0x01, 0x08, '0', '0', '0', '0', '0', '0', '0', '0'
        };
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        uint8_t response[16];
        Desk desk;

        desk_open(&desk, "staff-v1", false);
        for (unsigned i = 0; i < 2; i++) {
                size_t size = sizeof(response);

                ck_assert_int_eq(sim_card_transmit(desk.sim, SPAN_OF_ARRAY(wrong), response, &size, NULL), 0);
        }

        ck_assert_int_lt(desk_issue(&desk, false, &report, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_WRITE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure.message, "1 try left"));
        ck_assert_int_eq(desk.context.tries_left, 1);
        ck_assert_int_eq(sim_card_tries(desk.sim), 1);
        desk_close(&desk);
}
END_TEST

static int cancel_at(double progress, const char *stage _unused_, void *userdata, Failure *failure) {
        double *at = userdata;

        ck_assert(progress >= 0 && progress <= 1);
        return progress >= *at ? failure_set(failure, FAILURE_CANCELLED, "The job was cancelled") : 0;
}

START_TEST(the_caller_can_end_it_between_two_steps)
{
        _cleanup_failure_ Failure failure = {}, none = {};
        json_t *report = NULL;
        double at = 0.3;
        Desk desk;

        desk_open(&desk, "staff-v2", false);
        desk.context.step = cancel_at;
        desk.context.userdata = &at;
        ck_assert_int_eq(desk_issue(&desk, false, &report, &failure), -ECANCELED);
        ck_assert_int_eq(failure.kind, FAILURE_CANCELLED);
        ck_assert(desk.context.touched);

        at = 2;
        sim_card_reset(desk.sim);
        ck_assert_msg(desk_issue(&desk, false, &report, &none) == 0, "%s", failure_message(&none));
        json_decref(report);
        desk_close(&desk);
}
END_TEST

START_TEST(the_journal_moves_only_where_it_must)
{
        json_t *report = NULL;
        Desk desk;

        /* before the first write, before each of two appended records, at the end of the first stage, at the
         * end; the second stage begins with its PIN change */
        desk_open(&desk, "staff-v1", false);
        ck_assert_int_eq(desk_issue(&desk, false, &report, NULL), 0);
        ck_assert_int_eq(desk.journaled, 5);
        json_decref(report);
        desk_close(&desk);
}
END_TEST

START_TEST(a_position_that_the_profile_does_not_have_is_refused)
{
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;

        desk_open(&desk, "staff-v1", false);
        desk.journal = (IssuePosition){ .stage = 0, .step = 99 };
        ck_assert_int_lt(desk_issue(&desk, true, &report, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_WRITE_FAILED);
        desk_close(&desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_prepared_blank_is_written_and_read_back_at_apdu_level,
                a_prepared_blank_is_written_and_read_back_at_tpdu_level,
                a_bare_blank_gets_its_files_at_apdu_level,
                a_bare_blank_gets_its_files_at_tpdu_level,
                a_card_pulled_before_any_apdu_is_finished_when_it_comes_back,
                a_card_pulled_after_any_apdu_is_finished_when_it_comes_back,
                a_card_reset_by_another_program_is_begun_again,
                a_card_is_finished_from_the_journal_alone,
                a_bit_that_the_card_stores_wrong_is_told_by_field,
                what_cannot_be_undone_waits_for_the_proof_of_everything_before,
                a_field_that_does_not_fit_is_named_before_any_apdu,
                a_key_that_the_ring_lacks_is_named_before_any_apdu,
                a_wrong_pin_is_sent_once_and_never_again,
                the_last_try_of_a_pin_is_never_used,
                the_caller_can_end_it_between_two_steps,
                the_journal_moves_only_where_it_must,
                a_position_that_the_profile_does_not_have_is_refused,
        };
        Suite *suite = suite_create("plan");
        TCase *group = tcase_create("plan");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 120);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
