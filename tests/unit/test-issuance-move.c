/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records that become cards of another type: they move with their history, and their old key leads to them. */
#include <check.h>

#include "issuance-fixture.h"

#define ID "00420017"

/* For a card of type "a", which has a holder and no PIN. */
static void extract_as(Desk *desk, const char *type, const char *job, const char *card_type,
                       FailureKind kind) {
        json_t *fields = json_pack("{s:{}, s:{}}", "id", "holder");
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_extract(desk->file, type, ID, job, true, "other type", card_type, fields, &actor,
                                    on_record, &answer),
              &answer, kind);
        json_decref(fields);
}

static void confirm_as(Desk *desk, const char *type, const char *job, uint32_t count) {
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_confirm(desk->file, type, ID, job, count, "CAFE", &actor, on_record, &answer),
              &answer, FAILURE_NONE);
}

static void put_staff(Desk *desk) {
        put(desk,
            "{\"type\":\"staff\",\"id\":\"00420017\",\"flag\":\"issued\",\"count\":1,"
            "\"fields\":{\"holder\":\"A\",\"pin\":\"1234\"}}",
            FAILURE_NONE);
}

static void expect_no_record(Desk *desk, const char *type) {
        _cleanup_answer_ Answer answer = {};

        await(desk, issuance_file_get(desk->file, type, ID, on_record, &answer), &answer, FAILURE_NO_RECORD);
}

/* The one record, by that key: of that type, with so many cards. */
static void expect_record(Desk *desk, const char *key_type, const char *type, uint32_t count) {
        _cleanup_(record_freep) Record *record = get(desk, key_type, ID);

        ck_assert_str_eq(record->type, type);
        ck_assert_uint_eq(record->count, count);
        ck_assert_ptr_null(record->moved);
}

START_TEST(a_confirmed_card_of_another_type_moves_its_record_there)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *record = NULL;

        put_staff(&desk);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_NONE);
        expect_record(&desk, "staff", "staff", 2);
        confirm_as(&desk, "staff", "job-1", 2);
        confirm_as(&desk, "staff", "job-1", 2); /* once more: the answer was lost */
        desk_reopen(&desk);

        record = get(&desk, "a", ID);
        ck_assert(record->issued && !record->extraction);
        ck_assert_uint_eq(record->count, 2);
        ck_assert_uint_eq(json_array_size(record->history), 3);
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "holder")), "A");
        ck_assert_uint_eq(json_object_size(record->fields), 1);
        expect_record(&desk, "staff", "a", 2);
}
END_TEST

START_TEST(nobody_else_gets_the_place_of_a_card_that_is_being_made)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_staff(&desk);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_NONE);
        put(&desk, "{\"type\":\"a\",\"id\":\"00420017\"}", FAILURE_INVALID_ARGS);
        extract_as(&desk, "a", "job-2", NULL, FAILURE_RECORD_IN_USE);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_NONE);
        expect_record(&desk, "a", "staff", 2);
}
END_TEST

START_TEST(a_record_that_is_there_already_is_no_place_for_another)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_staff(&desk);
        put(&desk, "{\"type\":\"a\",\"id\":\"00420017\",\"fields\":{\"holder\":\"B\"}}", FAILURE_NONE);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_INVALID_ARGS);
        expect_record(&desk, "staff", "staff", 1);
        expect_record(&desk, "a", "a", 0);
}
END_TEST

START_TEST(what_was_abandoned_leaves_no_trace_unless_a_card_may_exist)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_staff(&desk);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_NONE);
        abandon(&desk, "job-1", false);
        expect_record(&desk, "staff", "staff", 1);
        expect_no_record(&desk, "a");

        extract_as(&desk, "staff", "job-2", "a", FAILURE_NONE);
        abandon(&desk, "job-2", true);
        expect_record(&desk, "staff", "staff", 2);
        expect_record(&desk, "a", "staff", 2);

        extract_as(&desk, "staff", "job-3", "a", FAILURE_NONE);
        abandon(&desk, "job-3", false);
        expect_record(&desk, "a", "staff", 2);
}
END_TEST

START_TEST(a_record_moves_back_and_on_as_often_as_its_holder_likes)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_staff(&desk);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_NONE);
        confirm_as(&desk, "staff", "job-1", 2);
        extract_as(&desk, "staff", "job-2", "staff", FAILURE_NONE);
        confirm_as(&desk, "a", "job-2", 3);
        expect_record(&desk, "a", "staff", 3);
        expect_record(&desk, "staff", "staff", 3);
        extract_as(&desk, "a", "job-3", "a-b", FAILURE_NONE);
        confirm_as(&desk, "a", "job-3", 4);
        expect_record(&desk, "staff", "a-b", 4);
        expect_record(&desk, "a", "a-b", 4);
        desk_reopen(&desk);
        expect_record(&desk, "a", "a-b", 4);
}
END_TEST

START_TEST(a_pointer_whose_record_was_removed_is_none_and_can_be_removed_itself)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer removed = {};

        put_staff(&desk);
        extract_as(&desk, "staff", "job-1", "a", FAILURE_NONE);
        confirm_as(&desk, "staff", "job-1", 2);
        await(&desk, issuance_file_remove(desk.file, "a", ID, on_record, &removed), &removed, FAILURE_NONE);
        expect_no_record(&desk, "a");
        expect_no_record(&desk, "staff");
        ck_assert_uint_eq(issuance_file_count(desk.file), 1);
        removing(&desk, FAILURE_NONE);
        ck_assert_uint_eq(issuance_file_count(desk.file), 0);
        removing(&desk, FAILURE_NO_RECORD);
        put_staff(&desk);
        expect_record(&desk, "staff", "staff", 1);
}
END_TEST

/* As a card of type "b", whose ID is this record's "number", and whose field "was" is this record's ID. */
static void extract_as_numbered(Desk *desk, const char *job, const char *carried_name, const char *source,
                                FailureKind kind) {
        json_t *fields = json_pack("{s:{s:s}, s:{s:s, s:s}, s:{s:s}}", "id", "staff", "number", "was",
                                   "staff", "id", "other", "holder", carried_name, "staff", source);
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_extract(desk->file, "staff", ID, job, true, "other type", "b", fields, &actor,
                                    on_record, &answer),
              &answer, kind);
        json_decref(fields);
}

static void put_numbered(Desk *desk) {
        put(desk,
            "{\"type\":\"staff\",\"id\":\"00420017\",\"flag\":\"issued\",\"count\":1,"
            "\"fields\":{\"holder\":\"A\",\"pin\":\"1234\",\"number\":\"00429999\"}}",
            FAILURE_NONE);
}

static void expect_field(const Record *record, const char *name, const char *text) {
        const char *found = json_string_value(json_object_get(record->fields, name));

        ck_assert_ptr_nonnull(found);
        ck_assert_str_eq(found, text);
}

START_TEST(a_card_of_another_type_may_have_another_id_and_both_lead_to_the_record)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *making = NULL, *moved = NULL, *led = NULL;
        _cleanup_answer_ Answer old = {};

        put_numbered(&desk);
        extract_as_numbered(&desk, "job-1", "key", "holder", FAILURE_NONE);
        put(&desk, "{\"type\":\"b\",\"id\":\"00429999\"}", FAILURE_INVALID_ARGS);
        making = get(&desk, "b", "00429999");
        ck_assert_str_eq(making->id, ID);

        confirm_as(&desk, "staff", "job-1", 2);
        confirm_as(&desk, "staff", "job-1", 2);
        desk_reopen(&desk);
        moved = get(&desk, "b", "00429999");
        ck_assert_str_eq(moved->id, "00429999");
        ck_assert_uint_eq(moved->count, 2);
        ck_assert_uint_eq(json_array_size(moved->history), 3);
        expect_field(moved, "was", ID);
        expect_field(moved, "key", "A");
        ck_assert_uint_eq(json_object_size(moved->fields), 2);

        led = get(&desk, "staff", ID);
        ck_assert_str_eq(led->type, "b");
        ck_assert_str_eq(led->id, "00429999");
        await(&desk, issuance_file_get(desk.file, "b", ID, on_record, &old), &old, FAILURE_NO_RECORD);
}
END_TEST

START_TEST(an_abandoned_id_is_free_again)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_numbered(&desk);
        extract_as_numbered(&desk, "job-1", "key", "holder", FAILURE_NONE);
        abandon(&desk, "job-1", false);
        expect_record(&desk, "staff", "staff", 1);
        put(&desk, "{\"type\":\"b\",\"id\":\"00429999\"}", FAILURE_NONE);
        extract_as_numbered(&desk, "job-2", "key", "holder", FAILURE_INVALID_ARGS);
}
END_TEST

START_TEST(a_record_without_the_field_that_is_to_be_the_id_stays_where_it_is)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_staff(&desk);
        extract_as_numbered(&desk, "job-1", "key", "holder", FAILURE_INVALID_ARGS);
        expect_record(&desk, "staff", "staff", 1);
}
END_TEST

START_TEST(a_secret_does_not_become_a_public_field_under_another_name)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_numbered(&desk);
        extract_as_numbered(&desk, "job-1", "key", "pin", FAILURE_INVALID_ARGS);
        extract_as_numbered(&desk, "job-1", "unknown", "pin", FAILURE_NONE); /* which is secret */
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_confirmed_card_of_another_type_moves_its_record_there,
                nobody_else_gets_the_place_of_a_card_that_is_being_made,
                a_record_that_is_there_already_is_no_place_for_another,
                what_was_abandoned_leaves_no_trace_unless_a_card_may_exist,
                a_record_moves_back_and_on_as_often_as_its_holder_likes,
                a_pointer_whose_record_was_removed_is_none_and_can_be_removed_itself,
                a_card_of_another_type_may_have_another_id_and_both_lead_to_the_record,
                an_abandoned_id_is_free_again,
                a_record_without_the_field_that_is_to_be_the_id_stays_where_it_is,
                a_secret_does_not_become_a_public_field_under_another_name,
        };
        Suite *suite = suite_create("issuance-move");
        TCase *group = tcase_create("issuance-move");
        SRunner *runner = srunner_create(suite);
        int failed;

        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
