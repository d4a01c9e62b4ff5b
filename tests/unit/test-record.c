/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records: what is taken, what is refused, and that no message quotes a value. */
#include <check.h>
#include <stdio.h>

#include "file/record.h"

#define KEY "\"type\":\"staff-v1\",\"id\":\"SECRET-ID\""

static Record *parse(const char *text) {
        _cleanup_failure_ Failure failure = {};
        Record *record = NULL;

        ck_assert_msg(record_parse(span_of_string(text), &record, &failure) == 0, "%s",
                      failure_message(&failure));
        return record;
}

static void refuse(Span text, const char *part_of_message) {
        _cleanup_failure_ Failure failure = {};
        Record *record = NULL;

        ck_assert_int_eq(record_parse(text, &record, &failure), -EINVAL);
        ck_assert_ptr_null(record);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        ck_assert_msg(strstr(failure_message(&failure), part_of_message), "%s", failure_message(&failure));
        ck_assert_msg(!strstr(failure_message(&failure), "SECRET"), "%s", failure_message(&failure));
}

START_TEST(text_is_what_jansson_would_write)
{
        static const char *const values[] = {
                "{}",
                "[]",
                "{\"b\":[\"x\",\"\",{\"z\":1,\"a\":-2}],\"a\":\"y\",\"\":null,\"t\":[true,false,1.5]}",
                "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f/\\/ \u00e4 \\ud83d\\ude00\"]",
                "{\"ab\":1,\"a\":2,\"a-b\":3,\"B\":4,\"\u00e4\":5,\"a\\nb\":6}",
        };
        json_t *many = json_object();

        for (size_t i = 0; i <= ELEMENTS(values); i++) {
                json_t *value = i < ELEMENTS(values) ? json_loads(values[i], 0, NULL) : json_incref(many);
                _cleanup_free_ char *expected = NULL;
                _cleanup_bytes_ Bytes text = {};

                ck_assert_ptr_nonnull(value);
                for (unsigned n = 0; n < 100; n++) {
                        char name[16];

                        snprintf(name, sizeof(name), "n%u", n * 37 % 100);
                        json_object_set_new(many, name, json_integer(n));
                }
                expected = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
                ck_assert_int_eq(json_text_append(&text, value), 0);
                ck_assert(span_equal(bytes_span(&text), span_of_string(expected)));
                json_decref(value);
        }

        json_decref(many);
}
END_TEST

START_TEST(a_record_is_formatted_as_its_json_is)
{
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_free_ char *expected = NULL, *text = NULL;
        json_t *object;

        ck_assert_int_eq(
                record_parse(
                        span_of_string(
                                "{\"type\":\"a\",\"id\":\"\\\"\\\\1\",\"count\":7,\"fields\":{\"z\":\"1\",\"b\":[\"2\"]},"
                                "\"extraction\":{\"job\":\"j\",\"at\":\"2026-11-24T09:00:00Z\"}}"),
                        &record, NULL),
                0);
        ck_assert_int_eq(record_add_history(record, "enrolled", NULL), 0);
        object = record_to_json(record);
        expected = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
        text = record_format(record);
        ck_assert_str_eq(text, expected);
        json_decref(object);
}
END_TEST

START_TEST(a_record_with_only_a_key_is_unissued_and_has_count_zero)
{
        _cleanup_(record_freep) Record *record = parse("{" KEY "}");

        ck_assert_str_eq(record->type, "staff-v1");
        ck_assert_str_eq(record->id, "SECRET-ID");
        ck_assert(!record->issued);
        ck_assert_uint_eq(record->count, 0);
        ck_assert_uint_eq(json_object_size(record->fields), 0);
        ck_assert_ptr_null(record->extraction);
}
END_TEST

START_TEST(a_record_is_formatted_as_it_was_parsed)
{
        static const char text[] =
                "{\"count\":3,\"extraction\":{\"at\":\"2026-11-24T09:00:00Z\",\"job\":\"u\"},"
                "\"fields\":{\"holder\":\"J\xC3\xB6rg\",\"keys\":[\"00\",\"01\"]},\"flag\":\"issued\","
                "\"history\":[{\"at\":\"2026-11-24T09:00:00Z\",\"by\":1000,\"count\":3,\"event\":\"issued\"}],"
                "\"id\":\"1\","
                "\"type\":\"a\",\"v\":1}";
        _cleanup_(record_freep) Record *record = parse(text), *copy = record_copy(record);
        _cleanup_string_erase_ char *formatted = record_format(copy);

        ck_assert_str_eq(formatted, text);
}
END_TEST

START_TEST(a_pointer_says_where_its_record_stands)
{
        static const char text[] =
                "{\"count\":3,\"fields\":{},\"flag\":\"issued\",\"history\":[],\"id\":\"1\",\"moved\":\"b\","
                "\"moved-id\":\"2\",\"type\":\"a\",\"v\":1}";
        _cleanup_(record_freep) Record *record = parse(text), *copy = record_copy(record), *near = NULL;
        _cleanup_string_erase_ char *formatted = record_format(copy);

        ck_assert_str_eq(formatted, text);
        ck_assert_str_eq(record_moved_id(copy), "2");
        near = parse("{" KEY ",\"moved\":\"b\"}");
        ck_assert_str_eq(record_moved_id(near), near->id);
}
END_TEST

START_TEST(whether_flag_and_count_were_there_is_told)
{
        _cleanup_(record_freep) Record *record = NULL;
        bool has_flag, has_count;

        ck_assert_int_eq(record_parse_given(span_of_string("{" KEY ",\"count\":0}"), &record, &has_flag,
                                            &has_count, NULL),
                         0);
        ck_assert(!has_flag && has_count);
}
END_TEST

static const struct {
        const char *text, *message;
} mistakes[] = {
        { "", "ends too early" },
        { "[]", "must be a JSON object" },
        { "{" KEY, "ends too early" },
        { "{" KEY "} x", "something follows" },
        { "{" KEY ",\"type\":\"SECRET\"}", "twice" },
        { "{" KEY ",\"note\":\"SECRET\"}", "unknown member note" },
        { "{" KEY ",\"SECRET \\u0001\":1}", "unknown member" },
        { "{\"id\":\"1\"}", "has no type" },
        { "{\"type\":\"a\"}", "has no id" },
        { "{" KEY ",\"moved-id\":\"2\"}", "must have" },
        { "{\"type\":\"A\",\"id\":\"1\"}", "card type" },
        { "{\"type\":\"-a\",\"id\":\"1\"}", "card type" },
        { "{\"type\":\"a/b\",\"id\":\"1\"}", "card type" },
        { "{\"type\":\"a\",\"id\":\"\"}", "An ID" },
        { "{\"type\":\"a\",\"id\":\"SECRET\\n\"}", "An ID" },
        { "{\"type\":\"a\",\"id\":\"SECRET\\u0085\"}", "An ID" },
        { "{\"type\":\"a\",\"id\":\"SECRET\\u0000\"}", "NUL" },
        { "{\"type\":\"a\",\"id\":7}", "id must be a string" },
        { "{" KEY ",\"v\":2}", "version" },
        { "{" KEY ",\"flag\":\"SECRET\"}", "flag must be" },
        { "{" KEY ",\"count\":-1}", "count must be" },
        { "{" KEY ",\"count\":4294967296}", "count must be" },
        { "{" KEY ",\"count\":1.5}", "count must be" },
        { "{" KEY ",\"count\":99999999999999999999}", "too large" },
        { "{" KEY ",\"fields\":[]}", "fields must be an object" },
        { "{" KEY ",\"fields\":{\"a b\":\"SECRET\"}}", "field's name" },
        { "{" KEY ",\"fields\":{\"holder\":1}}", "Field holder must be" },
        { "{" KEY ",\"fields\":{\"holder\":[\"SECRET\",1]}}", "Field holder" },
        { "{" KEY ",\"history\":{}}", "history must be an array" },
        { "{" KEY ",\"history\":[1]}", "history entry" },
        { "{" KEY ",\"history\":[{\"at\":\"yesterday\",\"event\":\"x\"}]}", "at must be a time" },
        { "{" KEY ",\"history\":[{\"at\":\"2026-11-24T09:00:00Z\"}]}", "has no event" },
        { "{" KEY ",\"extraction\":{\"at\":\"2026-11-24T09:00:00Z\"}}", "has no job" },
        { "{" KEY ",\"fields\":{\"holder\":\"\xFF\"}}", "UTF-8" },
};

START_TEST(a_malformed_record_is_refused_and_its_values_are_not_quoted)
{ refuse(span_of_string(mistakes[_i].text), mistakes[_i].message); }
END_TEST

START_TEST(a_record_that_is_too_large_is_refused)
{
        _cleanup_bytes_ Bytes text = {};

        ck_assert_int_eq(bytes_append_fill(&text, ' ', RECORD_SIZE_MAX + 1), 0);
        refuse(bytes_span(&text), "at most 262144 bytes");
}
END_TEST

START_TEST(text_nested_ten_thousand_deep_is_refused)
{
        _cleanup_bytes_ Bytes text = {};

        ck_assert_int_eq(bytes_append_fill(&text, '[', 10000), 0);
        refuse(bytes_span(&text), "nested too deep");
}
END_TEST

START_TEST(an_id_of_128_bytes_is_taken_and_one_more_is_not)
{
        char id[RECORD_ID_MAX + 2] = {}, type[RECORD_TYPE_MAX + 2] = {};

        memset(id, 'x', RECORD_ID_MAX);
        memset(type, 'x', RECORD_TYPE_MAX);
        ck_assert_int_eq(record_check_key(type, id, NULL), 0);
        id[RECORD_ID_MAX] = 'x';
        ck_assert_int_eq(record_check_key(type, id, NULL), -EINVAL);
        type[RECORD_TYPE_MAX] = 'x';
        ck_assert_int_eq(record_check_key(type, "1", NULL), -EINVAL);
        ck_assert_int_eq(record_check_key("a", "\xC3", NULL), -EINVAL);
        ck_assert_int_eq(record_check_key("a", "\xED\xA0\x80", NULL), -EINVAL);
}
END_TEST

START_TEST(history_has_the_time_the_event_the_count_and_the_details)
{
        _cleanup_(record_freep) Record *record = parse("{" KEY ",\"count\":5}");
        char now[RECORD_TIME_SIZE];
        json_t *details, *entry;

        details = json_pack("{s:s}", "station", "desk-1");
        ck_assert_int_eq(record_add_history(record, "requested", details), 0);
        json_decref(details);
        record_now(now);

        entry = json_array_get(record->history, 0);
        ck_assert_str_eq(json_string_value(json_object_get(entry, "event")), "requested");
        ck_assert_str_eq(json_string_value(json_object_get(entry, "station")), "desk-1");
        ck_assert_int_eq(json_integer_value(json_object_get(entry, "count")), 5);
        ck_assert_uint_eq(strlen(json_string_value(json_object_get(entry, "at"))), strlen(now));
        ck_assert_int_eq(now[10], 'T');
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record");
        TCase *tests = tcase_create("record");
        SRunner *runner;
        int failed;

        record_erase_json_memory();
        tcase_add_test(tests, text_is_what_jansson_would_write);
        tcase_add_test(tests, a_record_is_formatted_as_its_json_is);
        tcase_add_test(tests, a_record_with_only_a_key_is_unissued_and_has_count_zero);
        tcase_add_test(tests, a_record_is_formatted_as_it_was_parsed);
        tcase_add_test(tests, a_pointer_says_where_its_record_stands);
        tcase_add_test(tests, whether_flag_and_count_were_there_is_told);
        tcase_add_loop_test(tests, a_malformed_record_is_refused_and_its_values_are_not_quoted, 0,
                            (int) ELEMENTS(mistakes));
        tcase_add_test(tests, a_record_that_is_too_large_is_refused);
        tcase_add_test(tests, text_nested_ten_thousand_deep_is_refused);
        tcase_add_test(tests, an_id_of_128_bytes_is_taken_and_one_more_is_not);
        tcase_add_test(tests, history_has_the_time_the_event_the_count_and_the_details);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
