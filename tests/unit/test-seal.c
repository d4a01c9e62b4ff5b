/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealing: the published vectors of XAES-256-GCM, and that nothing but the very text, in its very place, is opened. */
#include "file-fixture.h"

#include "file/seal.h"
#include "file/xaes.h"
#include "key-fixture.h"

static const uint8_t nonce[XAES_NONCE_SIZE] = { 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L',
                                                'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X' };

static void check_vector(uint8_t byte, const char *aad, const char *expected) {
        _cleanup_(xaes_key_freep) XaesKey *key = NULL;
        _cleanup_bytes_ Bytes sealed = {}, right = {}, plain = {};
        uint8_t bytes[XAES_KEY_SIZE];

        memset(bytes, byte, sizeof(bytes));
        ck_assert_int_eq(xaes_key_new(bytes, &key), 0);
        ck_assert_int_eq(
                xaes_encrypt(key, nonce, span_of_string("XAES-256-GCM"), span_of_string(aad), &sealed), 0);
        ck_assert_int_eq(hex_decode(expected, &right), 0);
        ck_assert(span_equal(bytes_span(&sealed), bytes_span(&right)));
        ck_assert_int_eq(xaes_decrypt(key, nonce, bytes_span(&sealed), span_of_string(aad), &plain), 0);
        ck_assert(span_equal(bytes_span(&plain), span_of_string("XAES-256-GCM")));
}

/* C2SP, xaes-256-gcm.md: one key whose derivation has the top bit set, one where it has not. */
START_TEST(the_published_vectors_come_out)
{
        check_vector(0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
        check_vector(0x03, "c2sp.org/XAES-256-GCM",
                     "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}
END_TEST

static void expect_refused(const SealKeys *keys, const char *text, const char *bound) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes plain = {};

        ck_assert_int_lt(unseal(keys, text, span_of_string(bound), &plain, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_null(plain.data);
}

START_TEST(what_was_sealed_is_opened_in_its_own_place_alone)
{
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n");
        _cleanup_bytes_ Bytes plain = {};
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(seal(keys, span_of_string("secret"), span_of_string("place"), &text, NULL), 0);
        ck_assert_uint_eq(seal_version(text), 1);
        ck_assert_int_eq(unseal(keys, text, span_of_string("place"), &plain, NULL), 0);
        ck_assert(span_equal(bytes_span(&plain), span_of_string("secret")));
        expect_refused(keys, text, "Place");
        expect_refused(keys, text, "plac");
        expect_refused(keys, text, "");
}
END_TEST

START_TEST(every_size_comes_back_and_one_that_is_too_large_is_refused)
{
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n");
        static uint8_t large[SEAL_PLAIN_MAX + 1];
        static const size_t sizes[] = { 0, 1, 2, 3, 15, 16, 17, 4096, SEAL_PLAIN_MAX };
        char *none = NULL;

        for (size_t i = 0; i < ELEMENTS(sizes); i++) {
                _cleanup_bytes_ Bytes plain = {};
                _cleanup_free_ char *text = NULL;

                ck_assert_int_eq(seal(keys, SPAN(large, sizes[i]), SPAN(NULL, 0), &text, NULL), 0);
                ck_assert_int_eq(unseal(keys, text, SPAN(NULL, 0), &plain, NULL), 0);
                ck_assert(span_equal(bytes_span(&plain), SPAN(large, sizes[i])));
        }

        ck_assert_int_lt(seal(keys, SPAN_OF_ARRAY(large), SPAN(NULL, 0), &none, NULL), 0);
        ck_assert_ptr_null(none);
}
END_TEST

START_TEST(the_same_secret_never_gives_the_same_text)
{
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n");
        _cleanup_free_ char *one = NULL, *other = NULL;

        ck_assert_int_eq(seal(keys, span_of_string("secret"), span_of_string("place"), &one, NULL), 0);
        ck_assert_int_eq(seal(keys, span_of_string("secret"), span_of_string("place"), &other, NULL), 0);
        ck_assert_str_ne(one, other);
}
END_TEST

START_TEST(a_flipped_bit_anywhere_is_refused)
{
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n3:" KEY_TWO "\n");
        _cleanup_free_ char *text = NULL;

        /* Sizes that leave 0, 1 and 2 bytes to the last group of base64. */
        for (size_t size = 5; size < 8; size++) {
                free(text);
                ck_assert_int_eq(seal(keys, SPAN("secrets", size), span_of_string("place"), &text, NULL), 0);
                for (size_t i = 0; text[i]; i++)
                        for (unsigned bit = 0; bit < 8; bit++) {
                                text[i] = (char) (text[i] ^ (1 << bit));
                                expect_refused(keys, text, "place");
                                text[i] = (char) (text[i] ^ (1 << bit));
                        }
        }
}
END_TEST

START_TEST(a_truncated_or_extended_text_is_refused)
{
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n");
        _cleanup_free_ char *text = NULL, *longer = NULL;

        ck_assert_int_eq(seal(keys, span_of_string("secret"), span_of_string("place"), &text, NULL), 0);
        ck_assert_int_gt(asprintf(&longer, "%sAAAA", text), 0);
        expect_refused(keys, longer, "place");
        for (size_t length = strlen(text); length-- > 0;) {
                text[length] = '\0';
                expect_refused(keys, text, "place");
        }
}
END_TEST

START_TEST(texts_that_are_none_are_refused)
{
        static const char *const texts[] = {
                "",
                ":",
                "1",
                "1:",
                "1:AAAA",
                "0:AAAA",
                "01:AAAA",
                "-1:AAAA",
                "+1:AA",
                "1: AAAA",
                "1:A\nAAA",
                "1:====",
                "1:AAA=AAAA",
                "1:????",
                "x:AAAA",
                "1000000:AAAA",
                "AAAA",
                "99999999999999999999:AAAA",
                "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        };
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n");

        for (size_t i = 0; i < ELEMENTS(texts); i++)
                expect_refused(keys, texts[i], "place");

        ck_assert_uint_eq(seal_version("0:AAAA"), 0);
        ck_assert_uint_eq(seal_version("01:AAAA"), 0);
        ck_assert_uint_eq(seal_version("1000000:AAAA"), 0);
        ck_assert_uint_eq(seal_version("999999:AAAA"), 999999);
}
END_TEST

START_TEST(base64_with_spaces_or_with_bits_after_its_end_is_refused)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of("1:" KEY_ONE "\n");
        _cleanup_free_ char *text = NULL, *spaced = NULL;
        size_t length;

        ck_assert_int_eq(seal(keys, SPAN("secre", 5), span_of_string("place"), &text, NULL), 0);
        ck_assert_int_gt(asprintf(&spaced, "1:%s    ", text + 2), 0);
        expect_refused(keys, spaced, "place");
        spaced[0] = '\0';
        free(spaced);
        ck_assert_int_gt(asprintf(&spaced, "1:    %s", text + 2), 0);
        expect_refused(keys, spaced, "place");

        /* 45 bytes and one more leave four bits of the last digit without meaning. */
        free(text);
        text = NULL;
        ck_assert_int_eq(seal(keys, SPAN("secret", 6), span_of_string("place"), &text, NULL), 0);
        length = strlen(text);
        ck_assert_str_eq(text + length - 2, "==");
        text[length - 3] = digits[(strchr(digits, text[length - 3]) - digits) | 1];
        expect_refused(keys, text, "place");
}
END_TEST

START_TEST(the_highest_version_seals_and_all_open)
{
        _cleanup_(seal_keys_unrefp) SealKeys *old = keys_of("1:" KEY_ONE "\n"),
                                             *both = keys_of("2:" KEY_TWO "\n1:" KEY_ONE "\n"),
                                             *other = keys_of("1:" KEY_TWO "\n");
        _cleanup_free_ char *first = NULL, *second = NULL;
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes plain = {};

        ck_assert_int_eq(seal(old, span_of_string("secret"), span_of_string("place"), &first, NULL), 0);
        ck_assert_int_eq(seal(both, span_of_string("secret"), span_of_string("place"), &second, NULL), 0);
        ck_assert_uint_eq(seal_version(second), 2);
        ck_assert_int_eq(unseal(both, first, span_of_string("place"), &plain, NULL), 0);
        ck_assert_int_eq(unseal(both, second, span_of_string("place"), &plain, NULL), 0);
        expect_refused(other, first, "place");
        ck_assert_int_lt(unseal(old, second, span_of_string("place"), &plain, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure.message, "version 2"));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("seal");
        TCase *tests = tcase_create("seal");

        tcase_add_test(tests, the_published_vectors_come_out);
        tcase_add_test(tests, what_was_sealed_is_opened_in_its_own_place_alone);
        tcase_add_test(tests, every_size_comes_back_and_one_that_is_too_large_is_refused);
        tcase_add_test(tests, the_same_secret_never_gives_the_same_text);
        tcase_add_test(tests, a_flipped_bit_anywhere_is_refused);
        tcase_add_test(tests, a_truncated_or_extended_text_is_refused);
        tcase_add_test(tests, texts_that_are_none_are_refused);
        tcase_add_test(tests, base64_with_spaces_or_with_bits_after_its_end_is_refused);
        tcase_add_test(tests, the_highest_version_seals_and_all_open);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
