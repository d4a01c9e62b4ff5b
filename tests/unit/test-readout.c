/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a card that nobody knows yet, in how many commands, and what becomes of cards that fail or lie. */
#include <check.h>

#include "card-fixture.h"
#include "card/readout.h"
#include "card/type-readout.h"
#include "sim-card.h"

/* A card that answers from a list; past its end it is taken out, or knows nothing that it is asked for. */
typedef struct Script {
        const char *const *answers;
        size_t count, next;
        bool stays;
} Script;

static int script_transmit(void *userdata, Span command _unused_, uint8_t *response, size_t *size,
                           Failure *failure) {
        Script *script = userdata;
        _cleanup_bytes_ Bytes answer = {};

        if (script->next == script->count && !script->stays)
                return failure_set(failure, FAILURE_CARD_GONE, "The card was taken out");

        ck_assert_int_eq(
                hex_decode(script->next < script->count ? script->answers[script->next++] : "6A82", &answer),
                0);
        memcpy(response, answer.data, answer.size);
        *size = answer.size;
        return 0;
}

static const uint8_t staff_atr[] = { 0x3B, 0x05, 'S', 'T', 'A', 'F', 'F' };

static int read_script(Script *script, CardFacts *facts, Failure *failure) {
        Catalogue *catalogue = fixture_catalogue();
        KeyRing *keys = fixture_key_ring();
        Transport *transport = NULL;
        int r;

        ck_assert_int_eq(transport_new(script_transmit, script, &transport), 0);
        r = readout_card(catalogue, keys, transport, SPAN_OF_ARRAY(staff_atr), facts, failure);
        transport_free(transport);
        key_ring_unref(keys);
        catalogue_unref(catalogue);
        return r;
}

#define SCRIPT(...) \
        (Script) { \
                .answers = (const char *const[]){ __VA_ARGS__ }, \
                .count = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *) \
        }

#define TYPE_V1 "9000", "73746166662D76319000"
#define SERIAL  "01020304050607089000"

static void expect_failure(Script script, FailureKind kind, const char *message) {
        _cleanup_failure_ Failure failure = {};
        CardFacts facts = {};

        ck_assert_int_lt(read_script(&script, &facts, &failure), 0);
        ck_assert_int_eq(failure.kind, kind);
        ck_assert_msg(strstr(failure.message, message) != NULL, "%s", failure.message);
        ck_assert_ptr_null(facts.type);
}

static void expect_facts(Script script, const char *id, bool blank) {
        _cleanup_failure_ Failure failure = {};
        CardFacts facts = {};
        int r;

        r = read_script(&script, &facts, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_str_eq(facts.type, "staff-v1");
        ck_assert(streq_null(facts.id, id));
        ck_assert(facts.blank == blank);
        ck_assert_uint_eq(script.next, script.count);
        fixture_facts_done(&facts);
}

START_TEST(an_issued_card_takes_five_commands)
{ expect_facts(SCRIPT(TYPE_V1, SERIAL, "9000", "30303432303031379000"), "00420017", false); }
END_TEST

START_TEST(a_blank_card_takes_one_more_and_no_second_select)
{ expect_facts(SCRIPT(TYPE_V1, SERIAL, "9000", "FFFFFFFFFFFFFFFF9000", "FFFFFFFFFFFFFFFF9000"), NULL, true); }
END_TEST

START_TEST(a_card_that_is_neither_has_a_type_alone)
{
        expect_facts(SCRIPT(TYPE_V1, SERIAL, "9000", "00000000000000009000", "00000000000000009000"), NULL,
                     false);
        expect_facts(SCRIPT(TYPE_V1, SERIAL, "9000", "01020304050607089000", "01020304050607089000"), NULL,
                     false);
        expect_facts(SCRIPT(TYPE_V1, SERIAL, "6A82"), NULL, false);
}
END_TEST

static void expect_unknown(Script script, const char *message) {
        script.stays = true;
        expect_failure(script, FAILURE_UNKNOWN_CARD_TYPE, message);
}

START_TEST(a_card_of_no_known_type_is_told_with_what_was_tried)
{
        expect_unknown(SCRIPT("6A82"), "staff (6A82");
        expect_unknown(SCRIPT("9000", "73746166662D76399000"), "\"staff-v9\"");
        expect_unknown(SCRIPT("9000", "73746107662D76319000"), "tells no type");
        expect_unknown(SCRIPT("9000", "73749000", "6B00"), "staff (6B00");
}
END_TEST

START_TEST(a_card_without_its_serial_is_an_error)
{
        expect_failure(SCRIPT(TYPE_V1, "6A88"), FAILURE_UNKNOWN_CARD_TYPE, "does not tell its serial (6A88");
        expect_failure(SCRIPT(TYPE_V1, "9000"), FAILURE_UNKNOWN_CARD_TYPE, "does not tell its serial");
}
END_TEST

START_TEST(a_card_taken_out_is_never_another_type)
{
        static const char *const answers[] = { TYPE_V1, SERIAL, "9000", "FFFFFFFFFFFFFFFF9000" };

        for (size_t count = 0; count <= ELEMENTS(answers); count++) {
                Script script = { .answers = answers, .count = count };

                expect_failure(script, FAILURE_CARD_GONE, "taken out");
        }
}
END_TEST

START_TEST(a_response_that_is_none_is_a_failure)
{ expect_failure(SCRIPT("90"), FAILURE_WRITE_FAILED, ""); }
END_TEST

START_TEST(a_simulated_card_is_read_at_both_levels)
{
        static const char *const types[] = { "staff-v1", "staff-v2" };
        Catalogue *catalogue = fixture_catalogue();

        for (size_t i = 0; i < 2 * ELEMENTS(types); i++) {
                SimCard *sim = sim_card_new(types[i / 2], i % 2 == 0, "serial-7");
                Transport *transport = NULL;
                CardFacts facts = {};
                uint8_t atr[33];
                size_t size = sim_card_atr(sim, atr);

                ck_assert_int_eq(transport_new(sim_card_transmit, sim, &transport), 0);
                transport_set_t0(transport, i % 2 == 0);
                ck_assert_int_eq(readout_card(catalogue, NULL, transport, SPAN(atr, size), &facts, NULL), 0);
                ck_assert_str_eq(facts.type, types[i / 2]);
                ck_assert(span_equal(bytes_span(&facts.serial), span_of_string("serial-7")));
                ck_assert(facts.blank);
                fixture_facts_done(&facts);
                transport_free(transport);
                sim_card_free(sim);
        }

        catalogue_unref(catalogue);
}
END_TEST

static void expect_historical(const char *hex, const char *expected) {
        _cleanup_bytes_ Bytes atr = {}, historical = {};

        ck_assert_int_eq(hex_decode(hex, &atr), 0);
        ck_assert_int_eq(hex_decode(expected, &historical), 0);
        ck_assert(span_equal(atr_historical_bytes(bytes_span(&atr)), bytes_span(&historical)));
}

static bool is_contactless(const char *hex) {
        _cleanup_bytes_ Bytes atr = {};

        ck_assert_int_eq(hex_decode(hex, &atr), 0);
        return atr_is_contactless(bytes_span(&atr));
}

START_TEST(a_contactless_card_is_known_by_the_answer_that_its_reader_has_made)
{
        /* PC/SC part 3: a MIFARE Classic 1K, a DESFire, a card of ISO/IEC 14443-4 that answers historical bytes, one
         * without any. */
        ck_assert(is_contactless("3B8F8001804F0CA000000306030001000000006A"));
        ck_assert(is_contactless("3B8180018080"));
        ck_assert(is_contactless("3B8A80014A434F50343156323231BE"));
        ck_assert(is_contactless("3B80800101"));
        /* With contacts: T=0 alone, T=1 alone, T=1 with interface bytes, T=0 and T=1 with a speed. */
        ck_assert(!is_contactless("3B055354414646"));
        ck_assert(!is_contactless("3B85015354414646AA"));
        ck_assert(!is_contactless("3BF81300008131FE15597562696B657934D4"));
        ck_assert(!is_contactless("3B951381018073FF01000B"));
        /* Cut short, too long, empty. */
        ck_assert(!is_contactless("3B81800180"));
        ck_assert(!is_contactless("3B818001808000"));
        ck_assert(!is_contactless("3B80"));
        ck_assert(!is_contactless(""));
}
END_TEST

START_TEST(historical_bytes_are_found_behind_the_interface_bytes)
{
        expect_historical("3B055354414646", "5354414646");
        expect_historical("3B85015354414646AA", "5354414646");
        expect_historical("3B951381018073FF01000B", "8073FF0100");
        expect_historical("3B9513", "");
        expect_historical("3BFF", "");
        expect_historical("3B0553", "");
        expect_historical("3B", "");
        expect_historical("", "");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an_issued_card_takes_five_commands,
                a_blank_card_takes_one_more_and_no_second_select,
                a_card_that_is_neither_has_a_type_alone,
                a_card_of_no_known_type_is_told_with_what_was_tried,
                a_card_without_its_serial_is_an_error,
                a_card_taken_out_is_never_another_type,
                a_response_that_is_none_is_a_failure,
                a_simulated_card_is_read_at_both_levels,
                a_contactless_card_is_known_by_the_answer_that_its_reader_has_made,
                historical_bytes_are_found_behind_the_interface_bytes,
        };
        Suite *suite = suite_create("readout");
        TCase *group = tcase_create("readout");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 60);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
