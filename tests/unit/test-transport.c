/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transport against a card that is a script: each C-APDU it must send, and what is answered. */
#include <check.h>

#include "card/transport.h"

typedef struct Exchange {
        const char *command; /* hexadecimal */
        const char *answer;  /* hexadecimal; NULL: `r` is returned instead */
        int r;
} Exchange;

typedef struct Script {
        const Exchange *exchanges;
        size_t count, next;
        unsigned endless; /* bytes of 61xx answers without end; 0: the script counts */
} Script;

static int play(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure _unused_) {
        _cleanup_bytes_ Bytes answer = {};
        _cleanup_free_ char *sent = hex_encode(command);
        Script *script = userdata;

        ck_assert_uint_ge(command.size, 4);
        if (script->endless > 0) {
                memset(response, 0xAA, script->endless);
                memcpy(response + script->endless, "\x61\x01", 2);
                *size = script->endless + 2;
                return 0;
        }

        ck_assert_uint_lt(script->next, script->count);
        ck_assert_str_eq(sent, script->exchanges[script->next].command);
        if (!script->exchanges[script->next].answer)
                return script->exchanges[script->next++].r;

        ck_assert_int_eq(hex_decode(script->exchanges[script->next++].answer, &answer), 0);
        ck_assert_uint_le(answer.size, *size);
        if (answer.size > 0)
                memcpy(response, answer.data, answer.size);
        *size = answer.size;
        return 0;
}

typedef struct Wanted {
        TransportManner manner;
        bool t0;
        int r;
        FailureKind kind;
        const char *data;
        uint16_t sw;
} Wanted;

static void send_and_check(Script *script, const Command *command, const Wanted *wanted) {
        _cleanup_(transport_freep) Transport *transport = NULL;
        _cleanup_response_ Response response = {};
        _cleanup_failure_ Failure failure = {};
        _cleanup_free_ char *data = NULL;

        ck_assert_int_eq(transport_new(play, script, &transport), 0);
        transport_set_manner(transport, &wanted->manner);
        transport_set_t0(transport, wanted->t0);
        ck_assert_int_eq(transport_send(transport, command, &response, &failure), wanted->r);
        ck_assert_int_eq(failure.kind, wanted->kind);
        ck_assert_uint_eq(script->next, script->count);
        if (script->endless == 0)
                ck_assert_uint_eq(transport_count(transport), script->count);
        if (wanted->r < 0) {
                ck_assert_uint_eq(response.data.size, 0);
                return;
        }

        data = hex_encode(bytes_span(&response.data));
        ck_assert_str_eq(data, wanted->data ? wanted->data : "");
        ck_assert_uint_eq(response.sw, wanted->sw);
}

#define SEND(command, wanted, ...) \
        do { \
                const Exchange _exchanges[] = { __VA_ARGS__ }; \
                Script _script = { .exchanges = _exchanges, .count = ELEMENTS(_exchanges) }; \
                send_and_check(&_script, &(command), &(wanted)); \
        } while (false)

static const Command nothing = { .ins = 0x44, .le = LE_ABSENT };
static const Command read_all = { .ins = 0xB0, .le = 0 };
static const Command read_eight = { .ins = 0xB0, .le = 8 };
static const Command select_file = { .ins = 0xA4, .data = { (const uint8_t *) "\x3F\x00", 2 }, .le = 0 };
static const Command select_quietly = {
        .ins = 0xA4, .p2 = 0x0C, .data = { (const uint8_t *) "\x3F\x00", 2 }, .le = LE_ABSENT
};

START_TEST(the_four_cases_are_encoded_short)
{
        const Wanted done = { .sw = 0x9000 }, data = { .data = "0102", .sw = 0x9000 };

        SEND(nothing, done, { "00440000", "9000", 0 });
        SEND(read_all, data, { "00B0000000", "01029000", 0 });
        SEND(read_eight, data, { "00B0000008", "01029000", 0 });
        SEND(select_quietly, done, { "00A4000C023F00", "9000", 0 });
        SEND(select_file, data, { "00A40000023F0000", "01029000", 0 });
}
END_TEST

START_TEST(under_t0_the_le_of_a_command_with_data_goes_into_get_response)
{
        const Wanted done = { .t0 = true, .sw = 0x9000 }, data = { .t0 = true, .data = "0102", .sw = 0x9000 };

        SEND(nothing, done, { "0044000000", "9000", 0 });
        SEND(select_quietly, done, { "00A4000C023F00", "9000", 0 });
        SEND(select_file, data, { "00A40000023F00", "6102", 0 }, { "00C0000002", "01029000", 0 });
}
END_TEST

START_TEST(data_announced_by_61xx_are_fetched_to_the_end)
{
        const Wanted wanted = { .data = "0102030405", .sw = 0x9000 };

        SEND(read_all, wanted, { "00B0000000", "016102", 0 }, { "00C0000002", "02036102", 0 },
             { "00C0000002", "04059000", 0 });
}
END_TEST

START_TEST(a_warning_after_get_response_reaches_the_caller)
{
        const Wanted wanted = { .data = "01", .sw = 0x6282 };

        SEND(read_all, wanted, { "00B0000000", "6101", 0 }, { "00C0000001", "016282", 0 });
}
END_TEST

START_TEST(get_response_corrects_its_own_le)
{
        const Wanted wanted = { .data = "0102", .sw = 0x9000 };

        SEND(select_file, wanted, { "00A40000023F0000", "6100", 0 }, { "00C0000000", "6C02", 0 },
             { "00C0000002", "01029000", 0 });
}
END_TEST

START_TEST(a_wrong_le_is_corrected_once)
{
        const Wanted done = { .data = "0102", .sw = 0x9000 }, stubborn = { .sw = 0x6C03 };

        SEND(read_all, done, { "00B0000000", "6C02", 0 }, { "00B0000002", "01029000", 0 });
        SEND(read_all, stubborn, { "00B0000000", "6C02", 0 }, { "00B0000002", "6C03", 0 });
}
END_TEST

START_TEST(an_exact_le_is_never_another)
{
        Command exact = { .ins = 0xB0, .le = 8, .exact_le = true };
        const Wanted refused = { .sw = 0x6C02 }, fetched = { .data = "0102", .sw = 0x9000 };
        const Wanted impossible = { .r = -EIO, .kind = FAILURE_WRITE_FAILED };

        SEND(exact, refused, { "00B0000008", "6C02", 0 });
        SEND(exact, fetched, { "00B0000008", "6102", 0 }, { "00C0000008", "01029000", 0 });

        exact.le = 300;
        send_and_check(&(Script){}, &exact, &impossible);
}
END_TEST

START_TEST(a_command_without_le_is_not_corrected)
{
        const Wanted wanted = { .sw = 0x6C02 };

        SEND(select_quietly, wanted, { "00A4000C023F00", "6C02", 0 });
}
END_TEST

START_TEST(get_response_keeps_to_the_logical_channel)
{
        static const struct {
                uint8_t cla;
                const char *command, *fetch;
        } classes[] = {
                { 0x02, "02B0000000", "02C0000001" }, { 0x0E, "0EB0000000", "02C0000001" },
                { 0x63, "63B0000000", "43C0000001" }, { 0x80, "80B0000000", "00C0000001" },
                { 0x84, "84B0000000", "00C0000001" }, { 0xC1, "C1B0000000", "41C0000001" },
                { 0xA0, "A0B0000000", "A0C0000001" },
        };
        const Wanted wanted = { .data = "01", .sw = 0x9000 };

        for (size_t i = 0; i < ELEMENTS(classes); i++) {
                Command command = { .cla = classes[i].cla, .ins = 0xB0, .le = 0 };

                SEND(command, wanted, { classes[i].command, "6101", 0 }, { classes[i].fetch, "019000", 0 });
        }
}
END_TEST

/* 3GPP TS 51.011, 9.4.1 */
START_TEST(what_a_sim_announces_is_fetched_where_it_is_wanted)
{
        static const uint8_t gsm[] = { 0x7F, 0x20 };
        const Command quietly = { .cla = 0xA0, .ins = 0xA4, .data = SPAN_OF_ARRAY(gsm), .le = LE_ABSENT };
        const Command told = { .cla = 0xA0, .ins = 0xA4, .data = SPAN_OF_ARRAY(gsm), .le = 0 };
        const Command other = { .cla = 0x00, .ins = 0xA4, .data = SPAN_OF_ARRAY(gsm), .le = 0 };
        const Wanted announced = { .t0 = true, .sw = 0x9F02 };
        const Wanted data = { .t0 = true, .data = "0102", .sw = 0x9000 };

        SEND(quietly, announced, { "A0A40000027F20", "9F02", 0 });
        SEND(told, data, { "A0A40000027F20", "9F02", 0 }, { "A0C0000002", "01029000", 0 });
        SEND(other, announced, { "00A40000027F20", "9F02", 0 });
}
END_TEST

/* What write_long() sends: 300 bytes of one value. */
static Bytes long_data(void) {
        Bytes data = {};

        ck_assert_int_eq(bytes_append_fill(&data, 0x55, 300), 0);
        return data;
}

static char *long_command(const char *head, size_t count, const char *tail) {
        char *text = calloc(1, strlen(head) + count * 2 + strlen(tail) + 1), *end;

        ck_assert_ptr_nonnull(text);
        end = stpcpy(text, head);
        for (size_t i = 0; i < count; i++)
                end = stpcpy(end, "55");
        strcpy(end, tail);
        return text;
}

START_TEST(long_data_are_chained)
{
        _cleanup_bytes_ Bytes data = long_data();
        _cleanup_free_ char *first = long_command("10D60000FF", 255, ""),
                            *last = long_command("00D600002D", 45, "");
        const Command command = { .ins = 0xD6, .data = bytes_span(&data), .le = LE_ABSENT };
        const Wanted chained = { .manner = { .chaining = true }, .sw = 0x9000 };
        const Wanted under_t0 = { .manner = { .chaining = true, .extended = true },
                                  .t0 = true,
                                  .sw = 0x9000 };
        const Wanted refused = { .manner = { .chaining = true }, .sw = 0x6884 };

        SEND(command, chained, { first, "9000", 0 }, { last, "9000", 0 });
        SEND(command, under_t0, { first, "9000", 0 }, { last, "9000", 0 });
        SEND(command, refused, { first, "6884", 0 });
}
END_TEST

START_TEST(long_data_go_by_extended_length_where_the_card_can)
{
        _cleanup_bytes_ Bytes data = long_data();
        _cleanup_free_ char *whole = long_command("00D6000000012C", 300, ""),
                            *asking = long_command("00D6000000012C", 300, "0000");
        Command command = { .ins = 0xD6, .data = bytes_span(&data), .le = LE_ABSENT };
        const Wanted wanted = { .manner = { .chaining = true, .extended = true }, .sw = 0x9000 };
        const Wanted fetched = { .manner = { .extended = true }, .data = "01", .sw = 0x9000 };

        SEND(command, wanted, { whole, "9000", 0 });
        command.le = 0;
        SEND(command, fetched, { asking, "6101", 0 }, { "00C0000001", "019000", 0 });
}
END_TEST

START_TEST(a_long_le_is_extended_where_the_card_can_and_256_where_not)
{
        const Command command = { .ins = 0xB0, .le = 65536 }, some = { .ins = 0xB0, .le = 300 };
        const Wanted extended = { .manner = { .extended = true }, .data = "01", .sw = 0x6282 };
        const Wanted plain = { .data = "01", .sw = 0x6282 };

        SEND(command, extended, { "00B00000000000", "016282", 0 });
        SEND(some, extended, { "00B0000000012C", "016282", 0 });
        SEND(some, plain, { "00B0000000", "016282", 0 });
}
END_TEST

START_TEST(data_that_nothing_can_carry_are_refused_unsent)
{
        _cleanup_bytes_ Bytes data = long_data();
        const Command command = { .ins = 0xD6, .data = bytes_span(&data), .le = LE_ABSENT };
        const Wanted plain = { .r = -EIO, .kind = FAILURE_WRITE_FAILED };
        const Wanted under_t0 = {
                .manner = { .extended = true }, .t0 = true, .r = -EIO, .kind = FAILURE_WRITE_FAILED
        };

        send_and_check(&(Script){}, &command, &plain);
        send_and_check(&(Script){}, &command, &under_t0);
}
END_TEST

START_TEST(a_response_shorter_than_a_status_word_is_an_error)
{
        const Wanted wanted = { .r = -EIO, .kind = FAILURE_WRITE_FAILED };

        SEND(read_all, wanted, { "00B0000000", "", 0 });
        SEND(read_all, wanted, { "00B0000000", "90", 0 });
}
END_TEST

START_TEST(a_card_that_never_stops_announcing_is_given_up)
{
        const Wanted wanted = { .r = -EIO, .kind = FAILURE_WRITE_FAILED };

        send_and_check(&(Script){ .endless = 1 }, &read_all, &wanted);
        send_and_check(&(Script){ .endless = 256 }, &read_all, &wanted);
        send_and_check(&(Script){ .endless = 40000 }, &read_all, &wanted);
}
END_TEST

START_TEST(a_reset_travels_up_unchanged)
{
        const Wanted wanted = { .r = -ECONNRESET };

        SEND(read_all, wanted, { "00B0000000", "6102", 0 }, { "00C0000002", NULL, -ECONNRESET });
}
END_TEST

START_TEST(status_words_are_told_in_words)
{
        char buffer[8];

        ck_assert_str_eq(status_word_text(0x6982, buffer), "6982: security status not satisfied");
        ck_assert_str_eq(status_word_text(0x63C2, buffer), "63C2: refused, 2 tries are left");
        ck_assert_str_eq(status_word_text(0x91AB, buffer), "91AB");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("transport");
        TCase *tests = tcase_create("transport");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, the_four_cases_are_encoded_short);
        tcase_add_test(tests, under_t0_the_le_of_a_command_with_data_goes_into_get_response);
        tcase_add_test(tests, data_announced_by_61xx_are_fetched_to_the_end);
        tcase_add_test(tests, a_warning_after_get_response_reaches_the_caller);
        tcase_add_test(tests, get_response_corrects_its_own_le);
        tcase_add_test(tests, a_wrong_le_is_corrected_once);
        tcase_add_test(tests, an_exact_le_is_never_another);
        tcase_add_test(tests, a_command_without_le_is_not_corrected);
        tcase_add_test(tests, get_response_keeps_to_the_logical_channel);
        tcase_add_test(tests, what_a_sim_announces_is_fetched_where_it_is_wanted);
        tcase_add_test(tests, long_data_are_chained);
        tcase_add_test(tests, long_data_go_by_extended_length_where_the_card_can);
        tcase_add_test(tests, a_long_le_is_extended_where_the_card_can_and_256_where_not);
        tcase_add_test(tests, data_that_nothing_can_carry_are_refused_unsent);
        tcase_add_test(tests, a_response_shorter_than_a_status_word_is_an_error);
        tcase_add_test(tests, a_card_that_never_stops_announcing_is_given_up);
        tcase_add_test(tests, a_reset_travels_up_unchanged);
        tcase_add_test(tests, status_words_are_told_in_words);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
