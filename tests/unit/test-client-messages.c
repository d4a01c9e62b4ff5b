/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What icreissuectl reads and sends: D-Bus values as JSON, a record as PutRecord takes it, the list of a batch. */
#include <check.h>
#include <sys/socket.h>

#include "client/bus-json.h"
#include "client/issue-list.h"
#include "client/output.h"

/* A message needs a connection, though it goes nowhere: a socket pair will do. */
static sd_bus *bus;
static sd_bus_message *message;
static int sockets[2];

static void connect_bus(void) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
        ck_assert_int_ge(sd_bus_new(&bus), 0);
        ck_assert_int_ge(sd_bus_set_fd(bus, sockets[0], sockets[0]), 0);
        ck_assert_int_ge(sd_bus_start(bus), 0);
        ck_assert_int_ge(sd_bus_message_new_signal(bus, &message, "/", "a.b", "c"), 0);
}

static void disconnect_bus(void) {
        message = sd_bus_message_unref(message);
        bus = sd_bus_close_unref(bus);
        close(sockets[1]);
}

/* Seals the message and reads it from the beginning. */
static json_t *read_back(void) {
        json_t *value = NULL;

        ck_assert_int_ge(sd_bus_message_seal(message, 1, 0), 0);
        ck_assert_int_ge(sd_bus_message_rewind(message, true), 0);
        ck_assert_int_ge(bus_json_read_all(message, &value), 0);
        return value;
}

static void assert_json(const json_t *value, const char *expected) {
        _cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));

        ck_assert_str_eq(text, expected);
}

START_TEST(every_basic_type_becomes_json)
{
        _cleanup_json_ json_t *value = NULL;

        ck_assert_int_ge(sd_bus_message_append(message, "soybnqiuxtdg", "a", "/x", 255, 1, -2, 65535, -3,
                                               UINT32_MAX, INT64_MIN, (uint64_t) 4, 0.5, "as"),
                         0);
        value = read_back();
        assert_json(value,
                    "[\"a\",\"/x\",255,true,-2,65535,-3,4294967295,-9223372036854775808,4,0.5,\"as\"]");
}
END_TEST

START_TEST(containers_become_arrays_and_objects)
{
        _cleanup_json_ json_t *value = NULL;

        ck_assert_int_ge(sd_bus_message_append(message, "a(ssub)as", 1, "staff-v1", "17", 2, true, 0), 0);
        ck_assert_int_ge(sd_bus_message_append(message, "a{sv}", 3, "a", "s", "x", "b", "as", 2, "p", "q",
                                               "c", "a{sv}", 1, "d", "u", 7),
                         0);
        value = read_back();
        assert_json(value,
                    "[[[\"staff-v1\",\"17\",2,true]],[],{\"a\":\"x\",\"b\":[\"p\",\"q\"],\"c\":{\"d\":7}}]");
}
END_TEST

START_TEST(managed_objects_become_nested_objects)
{
        _cleanup_json_ json_t *value = NULL;

        ck_assert_int_ge(sd_bus_message_append(message, "a{oa{sa{sv}}}", 1, "/r", 1, "a.Reader", 1, "Name",
                                               "s", "desk"),
                         0);
        value = read_back();
        assert_json(value, "[{\"/r\":{\"a.Reader\":{\"Name\":\"desk\"}}}]");
}
END_TEST

START_TEST(bytes_become_hexadecimal_text)
{
        static const uint8_t atr[] = { 0x3B, 0x95, 0x00 };
        _cleanup_json_ json_t *value = NULL;

        ck_assert_int_ge(sd_bus_message_append_array(message, 'y', atr, sizeof(atr)), 0);
        ck_assert_int_ge(sd_bus_message_append_array(message, 'y', NULL, 0), 0);
        value = read_back();
        assert_json(value, "[\"3B9500\",\"\"]");
}
END_TEST

START_TEST(a_message_without_arguments_is_an_empty_array)
{
        _cleanup_json_ json_t *value = read_back();

        assert_json(value, "[]");
}
END_TEST

START_TEST(a_record_is_sent_as_it_was_given)
{
        _cleanup_json_ json_t *record = json_loads(
                "{\"v\": 1, \"type\": \"usim\", \"id\": \"89\", \"flag\": \"issued\", \"count\": 2,"
                "\"fields\": {\"spn\": \"Öl\", \"contacts\": [\"a\", \"b\"]}, \"history\": [{}], \"withheld\": []}",
                0, NULL);
        _cleanup_json_ json_t *value = NULL;
        const char *complaint = NULL;

        ck_assert_int_ge(bus_json_append_record(message, record, &complaint), 0);
        ck_assert_str_eq(sd_bus_message_get_signature(message, true), "a{sv}");
        value = read_back();
        assert_json(
                value,
                "[{\"count\":2,\"fields\":{\"contacts\":[\"a\",\"b\"],\"spn\":\"Öl\"},\"flag\":\"issued\","
                "\"id\":\"89\",\"type\":\"usim\"}]");
}
END_TEST

START_TEST(what_is_no_record_is_refused_without_quoting_it)
{
        static const char *const texts[] = {
                "[]",
                "{\"type\": \"SECRET\"}",
                "{\"type\": \"usim\", \"id\": 5}",
                "{\"type\": \"usim\", \"id\": \"1\", \"count\": -1}",
                "{\"type\": \"usim\", \"id\": \"1\", \"count\": 4294967296}",
                "{\"type\": \"usim\", \"id\": \"1\", \"fields\": []}",
                "{\"type\": \"usim\", \"id\": \"1\", \"fields\": {\"a\": 1}}",
                "{\"type\": \"usim\", \"id\": \"1\", \"fields\": {\"a\": [1]}}",
                "{\"type\": \"usim\", \"id\": \"1\", \"SECRET\": 1}",
                "{\"type\": \"usim\", \"id\": \"1\", \"withheld\": [\"key\"]}",
        };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_json_ json_t *record = json_loads(texts[i], 0, NULL);
                const char *complaint = NULL;

                sd_bus_message_unref(message);
                ck_assert_int_ge(sd_bus_message_new_signal(bus, &message, "/", "a.b", "c"), 0);
                ck_assert_int_eq(bus_json_append_record(message, record, &complaint), -EINVAL);
                ck_assert_ptr_nonnull(complaint);
                ck_assert_ptr_null(strstr(complaint, "SECRET"));
        }
}
END_TEST

/* Reads a list from a text. */
static int read_list(const char *text, size_t size, json_t **ret, size_t *bad_line) {
        FILE *file = fmemopen((void *) text, size, "r");
        int r;

        ck_assert_ptr_nonnull(file);
        r = issue_list_read(file, ret, bad_line);
        fclose(file);
        return r;
}

START_TEST(a_list_is_read_with_comments_and_without_a_last_newline)
{
        static const char text[] = "# today\n\nstaff-v1 00420017\r\n  usim\t 89 49 \n#usim 1\nusim #5";
        _cleanup_json_ json_t *list = NULL;
        size_t bad_line = 0;

        ck_assert_int_eq(read_list(text, sizeof(text) - 1, &list, &bad_line), 0);
        assert_json(list, "[[\"staff-v1\",\"00420017\"],[\"usim\",\"89 49\"],[\"usim\",\"#5\"]]");
}
END_TEST

START_TEST(a_line_without_an_id_is_refused_by_its_number)
{
        static const char text[] = "usim 1\nusim\n", zero[] = "usim 1\nusim\0 2\n", wrong[] = "usim \xFF\n";
        _cleanup_json_ json_t *list = NULL;
        size_t bad_line = 0;

        ck_assert_int_eq(read_list(text, sizeof(text) - 1, &list, &bad_line), -EINVAL);
        ck_assert_uint_eq(bad_line, 2);
        ck_assert_int_eq(read_list(zero, sizeof(zero) - 1, &list, &bad_line), -EINVAL);
        ck_assert_uint_eq(bad_line, 2);
        ck_assert_int_eq(read_list(wrong, sizeof(wrong) - 1, &list, &bad_line), -EINVAL);
        ck_assert_uint_eq(bad_line, 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-messages");
        TCase *all = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(all, connect_bus, disconnect_bus);
        tcase_add_test(all, every_basic_type_becomes_json);
        tcase_add_test(all, containers_become_arrays_and_objects);
        tcase_add_test(all, managed_objects_become_nested_objects);
        tcase_add_test(all, bytes_become_hexadecimal_text);
        tcase_add_test(all, a_message_without_arguments_is_an_empty_array);
        tcase_add_test(all, a_record_is_sent_as_it_was_given);
        tcase_add_test(all, what_is_no_record_is_refused_without_quoting_it);
        tcase_add_test(all, a_list_is_read_with_comments_and_without_a_last_newline);
        tcase_add_test(all, a_line_without_an_id_is_refused_by_its_number);
        suite_add_tcase(suite, all);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
