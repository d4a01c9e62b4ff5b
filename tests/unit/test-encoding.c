/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record's text as a card's bytes and back. */
#include <check.h>

#include "card/encoding.h"

static void expect_both(Encoding encoding, const char *text, size_t width, const char *hex) {
        _cleanup_bytes_ Bytes bytes = {};
        _cleanup_free_ char *found = NULL, *again = NULL;

        ck_assert_int_eq(encoding_encode(encoding, text, width, &bytes), 0);
        found = hex_encode(bytes_span(&bytes));
        ck_assert_str_eq(found, hex);
        ck_assert_int_eq(encoding_decode(encoding, bytes_span(&bytes), &again), 0);
        ck_assert_str_eq(again, text);
}

static void expect_refused(Encoding encoding, const char *text, size_t width, int error) {
        _cleanup_bytes_ Bytes bytes = {};

        ck_assert_int_eq(encoding_encode(encoding, text, width, &bytes), error);
}

static void expect_text(Encoding encoding, const char *hex, const char *text) {
        _cleanup_bytes_ Bytes bytes = {};
        _cleanup_free_ char *found = NULL;
        int r;

        ck_assert_int_eq(hex_decode(hex, &bytes), 0);
        r = encoding_decode(encoding, bytes_span(&bytes), &found);
        if (!text) {
                ck_assert_int_eq(r, -EINVAL);
                return;
        }

        ck_assert_int_eq(r, 0);
        ck_assert_str_eq(found, text);
}

START_TEST(every_encoding_carries_its_text_both_ways)
{
        expect_both(ENCODING_HEX, "00FF10", 0, "00FF10");
        expect_both(ENCODING_ASCII, "Card 7", 0, "436172642037");
        expect_both(ENCODING_UTF_8, "Zo\u00eb \u20ac \U0001F600", 0, "5A6FC3AB20E282AC20F09F9880");
        expect_both(ENCODING_BCD, "00420017", 0, "00420017");
        expect_both(ENCODING_BCD, "12345", 0, "12345F");
        expect_both(ENCODING_NIBBLE_SWAPPED_BCD, "8949012", 0, "989410F2");
        expect_both(ENCODING_INTEGER, "0", 0, "00");
        expect_both(ENCODING_INTEGER, "256", 0, "0100");
        expect_both(ENCODING_INTEGER, "256", 4, "00000100");
        expect_both(ENCODING_INTEGER, "18446744073709551615", 8, "FFFFFFFFFFFFFFFF");
}
END_TEST

START_TEST(a_text_that_an_encoding_cannot_carry_is_refused)
{
        expect_refused(ENCODING_HEX, "123", 0, -EINVAL);
        expect_refused(ENCODING_HEX, "xx", 0, -EINVAL);
        expect_refused(ENCODING_ASCII, "Zo\u00eb", 0, -EINVAL);
        expect_refused(ENCODING_ASCII, "a\tb", 0, -EINVAL);
        expect_refused(ENCODING_UTF_8, "\xC0\x80", 0, -EINVAL);
        expect_refused(ENCODING_UTF_8, "\xED\xA0\x80", 0, -EINVAL);
        expect_refused(ENCODING_UTF_8, "\xF4\x90\x80\x80", 0, -EINVAL);
        expect_refused(ENCODING_UTF_8, "\xE2\x82", 0, -EINVAL);
        expect_refused(ENCODING_UTF_8, "\xC2\x85", 0, -EINVAL);
        expect_refused(ENCODING_BCD, "12A4", 0, -EINVAL);
        expect_refused(ENCODING_INTEGER, "", 0, -EINVAL);
        expect_refused(ENCODING_INTEGER, "007", 0, -EINVAL);
        expect_refused(ENCODING_INTEGER, "-1", 0, -EINVAL);
        expect_refused(ENCODING_INTEGER, "256", 1, -ERANGE);
        expect_refused(ENCODING_INTEGER, "18446744073709551616", 0, -ERANGE);
}
END_TEST

START_TEST(padding_is_not_part_of_a_text)
{
        expect_text(ENCODING_ASCII, "4142202020", "AB");
        expect_text(ENCODING_ASCII, "4142FFFF00", "AB");
        expect_text(ENCODING_UTF_8, "C3AB20FF", "\u00eb");
        expect_text(ENCODING_BCD, "1234FFFF", "1234");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_refused)
{
        expect_text(ENCODING_ASCII, "41074242", NULL);
        expect_text(ENCODING_UTF_8, "C341", NULL);
        expect_text(ENCODING_BCD, "12FF34", NULL);
        expect_text(ENCODING_BCD, "1A", NULL);
        expect_text(ENCODING_INTEGER, "010000000000000000", NULL);
}
END_TEST

START_TEST(a_sample_has_exactly_the_size_it_is_asked_for)
{
        for (Encoding encoding = 0; encoding < _ENCODING_MAX; encoding++)
                for (size_t size = 1; size <= 8; size++) {
                        _cleanup_free_ char *text = encoding_sample(encoding, size);
                        _cleanup_bytes_ Bytes bytes = {};

                        ck_assert_ptr_nonnull(text);
                        ck_assert_int_eq(encoding_encode(encoding, text, 0, &bytes), 0);
                        ck_assert_uint_eq(bytes.size, size);
                }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_encoding_carries_its_text_both_ways,
                a_text_that_an_encoding_cannot_carry_is_refused,
                padding_is_not_part_of_a_text,
                bytes_that_are_no_text_are_refused,
                a_sample_has_exactly_the_size_it_is_asked_for,
        };
        Suite *suite = suite_create("encoding");
        TCase *group = tcase_create("encoding");
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
