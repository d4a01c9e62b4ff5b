/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listings of the issuance file, and the index under them: which is right after every change, and is made right, in steps,
 * when other fields are indexed than before. */
#include "index-audit.h"

#include "file/index-state.h"

START_TEST(pages_are_in_the_order_of_type_and_id_and_cursors_outlive_changes)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer first = {}, second = {}, third = {}, one_type = {}, no_cursor = {},
                                no_limit = {};

        put_many(&desk, "a-b", 2);
        put_many(&desk, "a", 3);
        await(&desk, issuance_file_list(desk.file, "", "", 2, on_rows, &first), &first, FAILURE_NONE);
        ck_assert_str_eq(first.rows, "a/000:0:u a/001:0:u ");
        put(&desk, "{\"type\":\"a\",\"id\":\"0001\"}", FAILURE_NONE);
        desk_reopen(&desk);
        await(&desk, issuance_file_list(desk.file, "", first.cursor, 2, on_rows, &second), &second,
              FAILURE_NONE);
        ck_assert_str_eq(second.rows, "a/002:0:u a-b/000:0:u ");
        await(&desk, issuance_file_list(desk.file, "", second.cursor, 2, on_rows, &third), &third,
              FAILURE_NONE);
        ck_assert_str_eq(third.rows, "a-b/001:0:u ");
        ck_assert_str_eq(third.cursor, "");
        await(&desk, issuance_file_list(desk.file, "a-b", "", 2, on_rows, &one_type), &one_type,
              FAILURE_NONE);
        ck_assert_str_eq(one_type.rows, "a-b/000:0:u a-b/001:0:u ");
        ck_assert_str_eq(one_type.cursor, "");
        await(&desk, issuance_file_list(desk.file, "", "nonsense", 2, on_rows, &no_cursor), &no_cursor,
              FAILURE_INVALID_ARGS);
        await(&desk, issuance_file_list(desk.file, "", "", 0, on_rows, &no_limit), &no_limit,
              FAILURE_INVALID_ARGS);
}
END_TEST

START_TEST(every_record_is_listed_exactly_once_whatever_the_size_of_the_pages)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_many(&desk, "a", 40);
        for (uint32_t limit = 1; limit <= 41; limit += 8) {
                char cursor[600] = "";
                size_t rows = 0;

                do {
                        _cleanup_answer_ Answer page = {};

                        await(&desk, issuance_file_list(desk.file, "a", cursor, limit, on_rows, &page), &page,
                              FAILURE_NONE);
                        rows += page.row_count;
                        strcpy(cursor, page.cursor);
                } while (cursor[0]);
                ck_assert_uint_eq(rows, 40);
        }
}
END_TEST

START_TEST(records_are_found_by_a_field_and_by_their_request)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer found = {}, in_list = {}, none = {}, requested = {};

        put_many(&desk, "a", 4);
        put(&desk, ISSUED, FAILURE_NONE);
        put(&desk, "{\"type\":\"b\",\"id\":\"1\",\"flag\":\"issued\",\"fields\":{\"key\":[\"x\",\"y\"]}}",
            FAILURE_NONE);
        await(&desk, issuance_file_find(desk.file, "holder", "h0", on_rows, &found), &found, FAILURE_NONE);
        ck_assert_str_eq(found.rows, "a/000:0:u a/003:0:u ");
        await(&desk, issuance_file_find(desk.file, "key", "y", on_rows, &in_list), &in_list, FAILURE_NONE);
        ck_assert_str_eq(in_list.rows, "b/1:0:i ");
        await(&desk, issuance_file_find(desk.file, "holder", "h", on_rows, &none), &none, FAILURE_NONE);
        ck_assert_uint_eq(none.row_count, 0);
        extract(&desk, "job-1", true, FAILURE_NONE);
        await(&desk, issuance_file_requested(desk.file, on_rows, &requested), &requested, FAILURE_NONE);
        ck_assert_str_eq(requested.rows, "a/000:0:u a/001:0:u a/002:0:u a/003:0:u ");
}
END_TEST

/* Puts many records at once: a (type), numbered, with a holder and a town of seven each. */
static void put_batch(Desk *desk, const char *type, unsigned count) {
        Answer *answers = new0(Answer, count);

        for (unsigned i = 0; i < count; i++) {
                bool has_flag, has_count;
                Record *record = NULL;
                char text[200];

                snprintf(
                        text, sizeof(text),
                        "{\"type\":\"%s\",\"id\":\"%04u\",\"fields\":{\"holder\":\"h%u\",\"town\":[\"t%u\",\"t%u\"]}}",
                        type, i, i % 7, i % 7, (i + 1) % 7);
                ck_assert_int_eq(
                        record_parse_given(span_of_string(text), &record, &has_flag, &has_count, NULL), 0);
                ck_assert_int_eq(
                        issuance_file_put(desk->file, record, false, false, &actor, on_record, &answers[i]),
                        0);
        }

        for (unsigned i = 0; i < count; i++) {
                run_until(desk->place.event, &answers[i].come);
                ck_assert_int_eq(answers[i].kind, FAILURE_NONE);
                answer_done(&answers[i]);
        }

        free(answers);
}

static size_t count_found(Desk *desk, const char *field, const char *value) {
        _cleanup_answer_ Answer found = {};

        await(desk, issuance_file_find(desk->file, field, value, on_rows, &found), &found, FAILURE_NONE);
        return found.row_count;
}

static void set_fields(Desk *desk, const IssuanceField *rows, size_t count) {
        issuance_fields_unref(desk->fields);
        desk->fields = fields_of(rows, count);
        ck_assert_int_eq(issuance_file_set_fields(desk->file, desk->fields), 0);
}

static void run_until_complete(Desk *desk) {
        while (desk->file->completing || desk->file->incomplete)
                ck_assert_int_gt(sd_event_run(desk->place.event, 60 * 1000000ULL), 0);
}

static const IssuanceField by_town[] = {
        { .type = "a", .name = "town", .indexed = true },
        { .type = "b", .name = "town", .indexed = true },
};

START_TEST(the_index_is_right_after_every_kind_of_change)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_batch(&desk, "a", 50);
        put(&desk, ISSUED, FAILURE_NONE);
        check_index(&desk);
        put(&desk, "{\"type\":\"staff\",\"id\":\"00420017\",\"fields\":{\"holder\":\"B\"}}", FAILURE_NONE);
        check_index(&desk);
        request(&desk, FAILURE_NONE);
        check_index(&desk);
        extract(&desk, "job-1", false, FAILURE_NONE);
        check_index(&desk);
        abandon(&desk, "job-1", false);
        check_index(&desk);
        extract(&desk, "job-2", false, FAILURE_NONE);
        confirm(&desk, "job-2", 2, FAILURE_NONE);
        check_index(&desk);
        removing(&desk, FAILURE_NONE);
        check_index(&desk);
        put(&desk, "{\"type\":\"b\",\"id\":\"1\",\"fields\":{\"key\":[\"x\",\"y\",\"x\"]}}", FAILURE_NONE);
        put(&desk, "{\"type\":\"b\",\"id\":\"1\",\"fields\":{\"key\":[\"y\",\"y\",\"z\"]}}", FAILURE_NONE);
        ck_assert_uint_eq(count_found(&desk, "key", "x"), 0);
        ck_assert_uint_eq(count_found(&desk, "key", "y"), 1);
        ck_assert_uint_eq(count_found(&desk, "key", "z"), 1);
}
END_TEST

START_TEST(values_that_begin_alike_are_told_apart_however_long_they_are)
{
        _cleanup_desk_ Desk desk = desk_new();
        char value[400], text[600];

        memset(value, 'v', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        for (unsigned i = 0; i < 3; i++) {
                value[sizeof(value) - 2] = (char) ('0' + i);
                snprintf(text, sizeof(text), "{\"type\":\"a\",\"id\":\"%u\",\"fields\":{\"holder\":\"%s\"}}",
                         i, value);
                put(&desk, text, FAILURE_NONE);
        }

        ck_assert_uint_eq(count_found(&desk, "holder", value), 1);
        value[300] = '\0';
        ck_assert_uint_eq(count_found(&desk, "holder", value), 0);
        value[ISSUANCE_INDEXED_MAX] = '\0';
        ck_assert_uint_eq(count_found(&desk, "holder", value), 0);
}
END_TEST

START_TEST(a_search_ends_at_a_thousand_rows_and_requests_do_not)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer requested = {};
        const IssuanceField rows[] = { { .type = "a", .name = "kind", .indexed = true } };
        Answer *answers = new0(Answer, 1100);

        set_fields(&desk, rows, 1);
        for (unsigned i = 0; i < 1100; i++) {
                bool has_flag, has_count;
                Record *record = NULL;
                char text[100];

                snprintf(text, sizeof(text), "{\"type\":\"a\",\"id\":\"%04u\",\"fields\":{\"kind\":\"k\"}}",
                         i);
                ck_assert_int_eq(
                        record_parse_given(span_of_string(text), &record, &has_flag, &has_count, NULL), 0);
                ck_assert_int_eq(
                        issuance_file_put(desk.file, record, false, false, &actor, on_record, &answers[i]),
                        0);
        }

        for (unsigned i = 0; i < 1100; i++) {
                run_until(desk.place.event, &answers[i].come);
                answer_done(&answers[i]);
        }

        free(answers);
        ck_assert_uint_eq(count_found(&desk, "kind", "k"), 1000);
        await(&desk, issuance_file_requested(desk.file, on_rows, &requested), &requested, FAILURE_NONE);
        ck_assert_uint_eq(requested.row_count, 1100);
}
END_TEST

START_TEST(a_record_that_is_there_throughout_is_listed_once_whatever_comes_and_goes)
{
        _cleanup_desk_ Desk desk = desk_new();
        char cursor[600] = "";
        size_t stable = 0;

        put_batch(&desk, "a", 60);
        for (unsigned page = 0;; page++) {
                _cleanup_answer_ Answer rows = {}, removed = {};
                char id[8], text[64];

                await(&desk, issuance_file_list(desk.file, "", cursor, 7, on_rows, &rows), &rows,
                      FAILURE_NONE);
                for (const char *p = rows.rows; (p = strstr(p, "a/0")); p++)
                        stable += (p[5] - '0') % 2; /* odd ones stay */
                strcpy(cursor, rows.cursor);
                if (!cursor[0])
                        break;

                /* One that was listed goes, one that was not goes, and new ones come before and behind. */
                snprintf(id, sizeof(id), "%04u", page * 6);
                await(&desk, issuance_file_remove(desk.file, "a", id, on_record, &removed), &removed,
                      FAILURE_NONE);
                snprintf(text, sizeof(text), "{\"type\":\"a\",\"id\":\"-%u\"}", page);
                put(&desk, text, FAILURE_NONE);
                snprintf(text, sizeof(text), "{\"type\":\"a\",\"id\":\"z%u\"}", page);
                put(&desk, text, FAILURE_NONE);
                desk_reopen(&desk);
        }

        ck_assert_uint_eq(stable, 30);
}
END_TEST

START_TEST(a_field_that_becomes_indexed_is_found_at_once_and_soon_by_the_index)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_batch(&desk, "a", 350);
        put_batch(&desk, "b", 3);
        ck_assert_uint_eq(count_found(&desk, "holder", "h1"), 50);
        set_fields(&desk, by_town, ELEMENTS(by_town));
        ck_assert_uint_eq(count_found(&desk, "town", "t1"), 102);
        ck_assert_uint_eq(count_found(&desk, "holder", "h1"), 0);
        run_until_complete(&desk);
        ck_assert_uint_eq(count_found(&desk, "town", "t1"), 102);
        check_index(&desk);
}
END_TEST

START_TEST(what_changes_while_the_index_is_completed_is_right_in_it)
{
        _cleanup_desk_ Desk desk = desk_new();

        put_batch(&desk, "a", 350);
        set_fields(&desk, by_town, ELEMENTS(by_town));
        for (unsigned i = 0; desk.file->completing || i < 3; i++) {
                _cleanup_answer_ Answer early = {}, late = {};
                char id[8], text[100];

                snprintf(id, sizeof(id), "%04u", i);
                await(&desk, issuance_file_remove(desk.file, "a", id, on_record, &early), &early,
                      FAILURE_NONE);
                snprintf(id, sizeof(id), "%04u", 349 - i);
                await(&desk, issuance_file_remove(desk.file, "a", id, on_record, &late), &late, FAILURE_NONE);
                snprintf(text, sizeof(text),
                         "{\"type\":\"a\",\"id\":\"%04u\",\"fields\":{\"town\":\"other\"}}", 100 + i);
                put(&desk, text, FAILURE_NONE);
                snprintf(text, sizeof(text),
                         "{\"type\":\"a\",\"id\":\"new%u\",\"fields\":{\"town\":\"other\"}}", i);
                put(&desk, text, FAILURE_NONE);
        }

        run_until_complete(&desk);
        check_index(&desk);
}
END_TEST

/* Fields change between two starts, and again and again before the index is complete. */
START_TEST(completing_the_index_goes_on_after_a_restart)
{
        static const IssuanceField by_both[] = {
                { .type = "a", .name = "holder", .indexed = true },
                { .type = "a", .name = "town", .indexed = true },
        };
        _cleanup_desk_ Desk desk = desk_new();
        unsigned starts = 0;

        put_batch(&desk, "a", 550);
        for (unsigned turn = 0; turn < 3; turn++) {
                desk_close(&desk);
                issuance_fields_unref(desk.fields);
                desk.fields = turn == 1 ? fields_of(by_both, 2) : fields_of(by_town, 2);
                desk_open(&desk);
                ck_assert(desk.file->incomplete);
        }

        /* Each start does one step and is closed. */
        while (desk.file->incomplete) {
                starts++;
                ck_assert_uint_eq(count_found(&desk, "town", "t3"), 158);
                desk_reopen(&desk);
        }

        ck_assert_uint_ge(starts, 2);
        check_index(&desk);
        ck_assert(!desk.file->incomplete);
}
END_TEST

START_TEST(a_reload_that_changes_nothing_leaves_the_index_as_it_is)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(issuance_fields_unrefp) IssuanceFields *same = usual_fields();

        put_batch(&desk, "a", 10);
        ck_assert_int_eq(issuance_file_set_fields(desk.file, same), 0);
        ck_assert_uint_eq(count_found(&desk, "holder", "h1"), 2);
        run_until_complete(&desk);
        check_index(&desk);
}
END_TEST

START_TEST(a_search_that_goes_on_in_steps_ends_when_the_file_is_closed)
{
        _cleanup_desk_ Desk desk = desk_new();
        Answer found = {};

        put_batch(&desk, "a", 1500);
        set_fields(&desk, by_town, ELEMENTS(by_town));
        ck_assert_int_eq(issuance_file_find(desk.file, "town", "t1", on_rows, &found), 0);
        desk_close(&desk);
        ck_assert(found.come);
        ck_assert(found.kind == FAILURE_CANCELLED);
        desk_open(&desk);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("issuance-list");
        TCase *lists = tcase_create("lists"), *index = tcase_create("index");

        record_erase_json_memory();
        tcase_set_timeout(lists, 60);
        tcase_set_timeout(index, 60);
        tcase_add_test(lists, pages_are_in_the_order_of_type_and_id_and_cursors_outlive_changes);
        tcase_add_test(lists, every_record_is_listed_exactly_once_whatever_the_size_of_the_pages);
        tcase_add_test(lists, records_are_found_by_a_field_and_by_their_request);
        tcase_add_test(lists, values_that_begin_alike_are_told_apart_however_long_they_are);
        tcase_add_test(lists, a_search_ends_at_a_thousand_rows_and_requests_do_not);
        tcase_add_test(lists, a_record_that_is_there_throughout_is_listed_once_whatever_comes_and_goes);
        tcase_add_test(index, the_index_is_right_after_every_kind_of_change);
        tcase_add_test(index, a_field_that_becomes_indexed_is_found_at_once_and_soon_by_the_index);
        tcase_add_test(index, what_changes_while_the_index_is_completed_is_right_in_it);
        tcase_add_test(index, completing_the_index_goes_on_after_a_restart);
        tcase_add_test(index, a_reload_that_changes_nothing_leaves_the_index_as_it_is);
        tcase_add_test(index, a_search_that_goes_on_in_steps_ends_when_the_file_is_closed);
        suite_add_tcase(suite, lists);
        suite_add_tcase(suite, index);
        return run_suite(suite);
}
