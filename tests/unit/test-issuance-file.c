/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The issuance file record by record: what each method changes and refuses. */
#include "issuance-fixture.h"

#include <gdbm.h>

#include "file/change-set.h"

START_TEST(a_record_is_enrolled_replaced_and_removed_and_keeps_its_history)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *record = NULL;

        put(&desk, ISSUED, FAILURE_NONE);
        ck_assert_uint_eq(issuance_file_count(desk.file), 1);
        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\",\"fields\":{\"holder\":\"B\"}}", FAILURE_NONE);
        ck_assert_uint_eq(issuance_file_count(desk.file), 1);
        ck_assert_str_eq(state(&desk), "issued 1 free changed");
        desk_reopen(&desk);
        ck_assert_uint_eq(issuance_file_count(desk.file), 1);
        record = get(&desk, "staff", "00420017");
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "holder")), "B");
        ck_assert_uint_eq(json_array_size(record->history), 2);
        removing(&desk, FAILURE_NONE);
        ck_assert_uint_eq(issuance_file_count(desk.file), 0);
        removing(&desk, FAILURE_NO_RECORD);
}
END_TEST

START_TEST(putting_neither_rewrites_the_flag_nor_lowers_the_count)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\",\"flag\":\"unissued\"}", FAILURE_INVALID_ARGS);
        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\",\"count\":0}", FAILURE_INVALID_ARGS);
        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\",\"count\":7,\"flag\":\"issued\"}", FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "issued 7 free changed");
        put(&desk,
            "{\"type\":\"staff\",\"id\":\"2\",\"extraction\":{\"job\":\"x\",\"at\":\"2026-11-24T09:00:00Z\"}}",
            FAILURE_INVALID_ARGS);
}
END_TEST

START_TEST(a_key_that_is_malformed_or_not_there_is_refused_by_name)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer absent = {}, malformed = {};

        await(&desk, issuance_file_get(desk.file, "staff", "00420017", on_record, &absent), &absent,
              FAILURE_NO_RECORD);
        await(&desk, issuance_file_get(desk.file, "Staff", "1", on_record, &malformed), &malformed,
              FAILURE_INVALID_ARGS);
}
END_TEST

START_TEST(a_request_rewrites_the_flag_and_can_be_withdrawn)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        withdraw(&desk, FAILURE_NOT_REQUESTED);
        request(&desk, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "unissued 1 free requested");
        request(&desk, FAILURE_ALREADY_REQUESTED);
        withdraw(&desk, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "issued 1 free withdrawn");
}
END_TEST

START_TEST(the_first_issue_of_a_record_cannot_be_withdrawn)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\"}", FAILURE_NONE);
        withdraw(&desk, FAILURE_NOT_REQUESTED);
}
END_TEST

START_TEST(an_extraction_counts_once_and_reserves_until_it_is_confirmed)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        extract(&desk, "job-1", false, FAILURE_NOT_REQUESTED);
        request(&desk, FAILURE_NONE);
        extract(&desk, "job-1", false, FAILURE_NONE);
        desk_reopen(&desk);
        extract(&desk, "job-1", false, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "unissued 2 reserved requested");
        extract(&desk, "job-2", false, FAILURE_RECORD_IN_USE);
        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\"}", FAILURE_RECORD_IN_USE);
        removing(&desk, FAILURE_RECORD_IN_USE);
        request(&desk, FAILURE_RECORD_IN_USE);
        withdraw(&desk, FAILURE_RECORD_IN_USE);
        confirm(&desk, "job-1", 2, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "issued 2 free issued");
        confirm(&desk, "job-1", 2, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "issued 2 free issued");
        extract(&desk, "job-1", true, FAILURE_JOB_FINISHED);
        confirm(&desk, "job-9", 2, FAILURE_JOB_FINISHED);
}
END_TEST

START_TEST(a_confirmation_is_in_the_history_with_job_serial_station_and_count)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *record = NULL;
        json_t *last;

        put(&desk, ISSUED, FAILURE_NONE);
        extract(&desk, "job-1", true, FAILURE_NONE);
        confirm(&desk, "job-1", 2, FAILURE_NONE);
        record = get(&desk, "staff", "00420017");
        last = json_array_get(record->history, json_array_size(record->history) - 1);
        ck_assert_str_eq(json_string_value(json_object_get(last, "job")), "job-1");
        ck_assert_str_eq(json_string_value(json_object_get(last, "serial")), "CAFE");
        ck_assert_str_eq(json_string_value(json_object_get(last, "station")), "desk-1");
        ck_assert_int_eq(json_integer_value(json_object_get(last, "by")), 1000);
        ck_assert_int_eq(json_integer_value(json_object_get(last, "count")), 2);
}
END_TEST

START_TEST(an_extraction_with_request_rewrites_the_flag_in_the_same_step)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        extract(&desk, "job-1", true, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "unissued 2 reserved requested");
}
END_TEST

START_TEST(an_abandoned_extraction_takes_the_count_back_unless_a_card_was_written)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        abandon(&desk, "job-0", false);
        ck_assert_str_eq(state(&desk), "issued 1 free enrolled");
        extract(&desk, "job-1", true, FAILURE_NONE);
        abandon(&desk, "job-other", false);
        ck_assert_str_eq(state(&desk), "unissued 2 reserved requested");
        abandon(&desk, "job-1", false);
        abandon(&desk, "job-1", false);
        ck_assert_str_eq(state(&desk), "unissued 1 free abandoned");
        extract(&desk, "job-1", false, FAILURE_JOB_FINISHED);
        extract(&desk, "job-2", false, FAILURE_NONE);
        abandon(&desk, "job-2", true);
        abandon(&desk, "job-2", true);
        ck_assert_str_eq(state(&desk), "unissued 2 free abandoned");
}
END_TEST

START_TEST(abandoning_what_is_not_there_succeeds)
{
        _cleanup_desk_ Desk desk = desk_new();

        abandon(&desk, "job-1", false);
}
END_TEST

START_TEST(a_late_confirmation_rewrites_the_flag_only_where_nobody_has_reserved_since)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        extract(&desk, "job-1", true, FAILURE_NONE);
        abandon(&desk, "job-1", true);
        extract(&desk, "job-2", false, FAILURE_NONE);
        confirm(&desk, "job-1", 2, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "unissued 3 reserved issued");
        abandon(&desk, "job-2", true);
        confirm(&desk, "job-2", 3, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "issued 3 free issued");
}
END_TEST

START_TEST(the_local_centre_asks_the_issuance_file)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(centre_freep) Centre *centre = NULL;
        _cleanup_answer_ Answer extracted = {}, confirmed = {}, abandoned = {};
        ExtractRequest asked = { .job_uuid = "job-1",
                                 .type = "staff",
                                 .id = "00420017",
                                 .request = true,
                                 .reason = "worn",
                                 .actor = actor };

        put(&desk, ISSUED, FAILURE_NONE);
        ck_assert_int_eq(centre_new_local(desk.file, &centre), 0);
        await(&desk, centre_extract(centre, &asked, on_record, &extracted), &extracted, FAILURE_NONE);
        ck_assert_uint_eq(extracted.record->count, 2);
        await(&desk,
              centre_confirm(centre, "job-1", "staff", "00420017", 2, "", &actor, on_record, &confirmed),
              &confirmed, FAILURE_NONE);
        await(&desk,
              centre_abandon(centre, "job-1", "staff", "00420017", false, "", &actor, on_record, &abandoned),
              &abandoned, FAILURE_NONE);
        ck_assert_str_eq(state(&desk), "issued 2 free issued");
}
END_TEST

static void spoil(Desk *desk, const char *key, const char *value) {
        const Span span = span_of_string(value);
        Store *store;

        desk_close(desk);
        ck_assert_int_eq(store_open(desk->place.directory, "issuance", 0, &store, NULL), 0);
        ck_assert_int_eq(store_apply(store, &(StoreChange){ .key = key, .value = &span }, 1, NULL), 0);
        ck_assert_int_eq(store_commit(store, NULL), 0);
        store_close(store);
        desk_open(desk);
}

static int count_entry(Span entry _unused_, void *userdata, Failure *failure _unused_) {
        (*(size_t *) userdata)++;
        return 0;
}

static size_t count_entries(Store *store) {
        _cleanup_change_set_ ChangeSet set = { .store = store };
        const IndexPages pages = change_set_pages(&set);
        size_t count = 0;

        ck_assert_int_eq(index_scan(&pages, SPAN(NULL, 0), SPAN(NULL, 0), count_entry, &count, NULL), 0);
        return count;
}

START_TEST(a_record_that_is_damaged_in_the_file_fails_alone_and_can_be_removed)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer answer = {}, all = {}, requested = {};
        _cleanup_(record_freep) Record *other = NULL;

        put(&desk, ISSUED, FAILURE_NONE);
        put(&desk, "{\"type\":\"staff\",\"id\":\"1\"}", FAILURE_NONE);
        spoil(&desk, "staff/00420017", "{\"flag\":\"unissued\"");
        await(&desk, issuance_file_get(desk.file, "staff", "00420017", on_record, &answer), &answer,
              FAILURE_STORE_FAILED);
        request(&desk, FAILURE_STORE_FAILED);
        other = get(&desk, "staff", "1");
        await(&desk, issuance_file_list(desk.file, "", "", 10, on_rows, &all), &all, FAILURE_NONE);
        ck_assert_str_eq(all.rows, "staff/00420017:0:u staff/1:0:u ");
        await(&desk, issuance_file_requested(desk.file, on_rows, &requested), &requested, FAILURE_NONE);
        ck_assert_str_eq(requested.rows, "staff/1:0:u ");
        removing(&desk, FAILURE_NONE);
        put(&desk, ISSUED, FAILURE_NONE);
}
END_TEST

START_TEST(a_damaged_record_leaves_nothing_in_the_index_when_it_is_removed)
{
        _cleanup_desk_ Desk desk = desk_new();
        Store *store;

        put(&desk, ISSUED, FAILURE_NONE);
        spoil(&desk, "staff/00420017", "{}");
        removing(&desk, FAILURE_NONE);
        ck_assert_uint_eq(issuance_file_count(desk.file), 0);
        desk_close(&desk);
        ck_assert_int_eq(store_open(desk.place.directory, "issuance", 0, &store, NULL), 0);
        ck_assert_uint_eq(count_entries(store), 0);
        store_close(store);
        desk_open(&desk);
}
END_TEST

/* A key stands there with its spread behind it. */
static bool is_key(datum found, const char *key) {
        size_t size = strlen(key);

        return (size_t) found.dsize > size && memcmp(found.dptr, key, size) == 0 && found.dptr[size] == ' ';
}

/* As a flipped bit in one of GDBM's buckets does. The idle file may not have the key yet. */
static void hide_key(const Desk *desk, const char *file, const char *key) {
        char path[128];
        datum found, next;
        GDBM_FILE gdbm;

        place_path(&desk->place, file, path);
        gdbm = gdbm_open(path, 0, GDBM_WRITER, 0, NULL);
        ck_assert_ptr_nonnull(gdbm);
        for (found = gdbm_firstkey(gdbm); found.dptr && !is_key(found, key); found = next) {
                next = gdbm_nextkey(gdbm, found);
                free(found.dptr);
        }

        if (found.dptr)
                ck_assert_int_eq(gdbm_delete(gdbm, found), 0);
        free(found.dptr);
        ck_assert_int_eq(gdbm_close(gdbm), 0);
}

START_TEST(a_record_that_the_gdbm_file_has_lost_is_damage_and_no_missing_record)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer lost = {}, other = {}, absent = {};

        put(&desk, ISSUED, FAILURE_NONE);
        put(&desk, "{\"type\":\"staff\",\"id\":\"7\"}", FAILURE_NONE);
        desk_close(&desk);
        hide_key(&desk, "issuance.a.gdbm", "staff/00420017");
        hide_key(&desk, "issuance.b.gdbm", "staff/00420017");
        desk_open(&desk);
        await(&desk, issuance_file_get(desk.file, "staff", "00420017", on_record, &lost), &lost,
              FAILURE_STORE_FAILED);
        await(&desk, issuance_file_get(desk.file, "staff", "7", on_record, &other), &other, FAILURE_NONE);
        await(&desk, issuance_file_get(desk.file, "staff", "0042001", on_record, &absent), &absent,
              FAILURE_NO_RECORD);
}
END_TEST

START_TEST(many_changes_at_once_are_each_answered)
{
        _cleanup_desk_ Desk desk = desk_new();
        Answer answers[600] = {};

        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                bool has_flag, has_count;
                Record *record = NULL;
                char text[100];

                snprintf(text, sizeof(text), "{\"type\":\"staff\",\"id\":\"%zu\"}", i % 500);
                ck_assert_int_eq(
                        record_parse_given(span_of_string(text), &record, &has_flag, &has_count, NULL), 0);
                ck_assert_int_eq(
                        issuance_file_put(desk.file, record, false, false, &actor, on_record, &answers[i]),
                        0);
        }

        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                run_until(desk.place.event, &answers[i].come);
                ck_assert_int_eq(answers[i].kind, FAILURE_NONE);
                answer_done(&answers[i]);
        }

        ck_assert_uint_eq(issuance_file_count(desk.file), 500);
        desk_reopen(&desk);
        ck_assert_uint_eq(issuance_file_count(desk.file), 500);
}
END_TEST

START_TEST(a_second_open_of_the_issuance_file_is_refused)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_failure_ Failure failure = {};
        IssuanceFile *second = NULL;

        ck_assert_int_lt(issuance_file_open(desk.place.thread, desk.place.directory, desk.keys, desk.fields,
                                            &second, &failure),
                         0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
}
END_TEST

START_TEST(the_stored_text_is_what_gdbmtool_shows)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        desk_close(&desk);
        ck_assert(place_holds(&desk.place, "staff/00420017 "));
        ck_assert(place_holds(&desk.place, "{\"count\":1,\"fields\":{\"holder\":\"A\"}"));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("issuance-file");
        TCase *records = tcase_create("records");

        record_erase_json_memory();
        tcase_add_test(records, a_record_is_enrolled_replaced_and_removed_and_keeps_its_history);
        tcase_add_test(records, putting_neither_rewrites_the_flag_nor_lowers_the_count);
        tcase_add_test(records, a_key_that_is_malformed_or_not_there_is_refused_by_name);
        tcase_add_test(records, a_request_rewrites_the_flag_and_can_be_withdrawn);
        tcase_add_test(records, the_first_issue_of_a_record_cannot_be_withdrawn);
        tcase_add_test(records, an_extraction_counts_once_and_reserves_until_it_is_confirmed);
        tcase_add_test(records, a_confirmation_is_in_the_history_with_job_serial_station_and_count);
        tcase_add_test(records, an_extraction_with_request_rewrites_the_flag_in_the_same_step);
        tcase_add_test(records, an_abandoned_extraction_takes_the_count_back_unless_a_card_was_written);
        tcase_add_test(records, abandoning_what_is_not_there_succeeds);
        tcase_add_test(records, a_late_confirmation_rewrites_the_flag_only_where_nobody_has_reserved_since);
        tcase_add_test(records, the_local_centre_asks_the_issuance_file);
        tcase_add_test(records, a_record_that_is_damaged_in_the_file_fails_alone_and_can_be_removed);
        tcase_add_test(records, a_record_that_the_gdbm_file_has_lost_is_damage_and_no_missing_record);
        tcase_add_test(records, a_second_open_of_the_issuance_file_is_refused);
        tcase_add_test(records, the_stored_text_is_what_gdbmtool_shows);
        tcase_add_test(records, many_changes_at_once_are_each_answered);
        tcase_add_test(records, a_damaged_record_leaves_nothing_in_the_index_when_it_is_removed);
        tcase_set_timeout(records, 60);
        suite_add_tcase(suite, records);
        return run_suite(suite);
}
