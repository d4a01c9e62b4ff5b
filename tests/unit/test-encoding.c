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
        expect_both(ENCODING_UCS2, "Zo\u00eb \u20ac", 0, "005A006F00EB002020AC");
        expect_both(ENCODING_DATE, "2031-12-31", 0, "20311231");
        expect_both(ENCODING_DATE, "1999-02-28", 4, "19990228");
        expect_both(ENCODING_DATE, "2028-02-29", 3, "280229");
}
END_TEST

/* 3GPP TS 23.038, 6.2.1 and 6.2.1.1 */
START_TEST(the_gsm_alphabet_has_its_own_order)
{
        expect_both(ENCODING_GSM7, "@\u00a3$ A\u00e0z", 0, "00010220417F7A");
        expect_both(ENCODING_GSM7, "\u0394_\u03a9\u00c9", 0, "1011151F");
        expect_both(ENCODING_GSM7, "\u20ac[~]", 0, "1B651B3C1B3D1B3E");
        expect_refused(ENCODING_GSM7, "`", 0, -EINVAL);
        expect_refused(ENCODING_GSM7, "\u00e7", 0, -EINVAL);
        expect_refused(ENCODING_GSM7, "a\nb", 0, -EINVAL);
        expect_text(ENCODING_GSM7, "4142FFFF", "AB");
        expect_text(ENCODING_GSM7, "410A", NULL);
        expect_text(ENCODING_GSM7, "411B", NULL);
        expect_text(ENCODING_GSM7, "411B41", NULL);
        expect_text(ENCODING_GSM7, "4180", NULL);
}
END_TEST

START_TEST(ucs_2_has_no_more_than_the_basic_plane)
{
        expect_refused(ENCODING_UCS2, "\U0001F600", 0, -EINVAL);
        expect_text(ENCODING_UCS2, "004100FFFFFFFF", "A\u00ff");
        expect_text(ENCODING_UCS2, "004100FFFF", "A\u00ff");
        expect_text(ENCODING_UCS2, "00", NULL);
        expect_text(ENCODING_UCS2, "D83DDE00", NULL);
        expect_text(ENCODING_UCS2, "0007", NULL);
}
END_TEST

START_TEST(a_date_is_a_day_of_the_calendar)
{
        expect_refused(ENCODING_DATE, "2031-02-29", 0, -EINVAL);
        expect_refused(ENCODING_DATE, "1900-02-29", 0, -EINVAL);
        expect_refused(ENCODING_DATE, "2031-13-01", 0, -EINVAL);
        expect_refused(ENCODING_DATE, "2031-12-00", 0, -EINVAL);
        expect_refused(ENCODING_DATE, "20311231", 0, -EINVAL);
        expect_refused(ENCODING_DATE, "31-12-2031", 0, -EINVAL);
        expect_refused(ENCODING_DATE, "1999-12-31", 3, -ERANGE);
        expect_text(ENCODING_DATE, "20311301", NULL);
        expect_text(ENCODING_DATE, "2031123F", NULL);
        expect_text(ENCODING_DATE, "2031", NULL);
}
END_TEST

/* 3GPP TS 31.102, 4.2.2 */
START_TEST(an_imsi_has_its_length_and_its_parity_with_it)
{
        expect_both(ENCODING_IMSI, "262011234567890", 0, "082926102143658709");
        expect_both(ENCODING_IMSI, "26201123456789", 0, "0821261021436587F9");
        expect_both(ENCODING_IMSI, "2620112", 0,
                    "04292610"
                    "21FFFFFFFF");
        expect_refused(ENCODING_IMSI, "26201", 0, -EINVAL);
        expect_refused(ENCODING_IMSI, "2620112345678901", 0, -EINVAL);
        expect_refused(ENCODING_IMSI, "26201123456789A", 0, -EINVAL);
        expect_text(ENCODING_IMSI, "082126102143658709", NULL);
        expect_text(ENCODING_IMSI, "072926102143658709", NULL);
        expect_text(ENCODING_IMSI, "FFFFFFFFFFFFFFFFFF", NULL);
        expect_text(ENCODING_IMSI, "0829261021", NULL);
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

                        if ((encoding == ENCODING_DATE && size != 3 && size != 4) ||
                            (encoding == ENCODING_IMSI) || (encoding == ENCODING_UCS2 && size % 2 != 0))
                                continue;

                        ck_assert_ptr_nonnull(text);
                        ck_assert_int_eq(
                                encoding_encode(encoding, text, encoding == ENCODING_DATE ? size : 0, &bytes),
                                0);
                        ck_assert_uint_eq(bytes.size, size);
                }
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_encoding_carries_its_text_both_ways,
                the_gsm_alphabet_has_its_own_order,
                ucs_2_has_no_more_than_the_basic_plane,
                a_date_is_a_day_of_the_calendar,
                an_imsi_has_its_length_and_its_parity_with_it,
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
