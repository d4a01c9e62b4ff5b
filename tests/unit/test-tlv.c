/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BER-TLV data objects from a card that may lie about every length. */
#include <check.h>

#include "base/tlv.h"

static Bytes bytes_of(const char *text) {
        Bytes bytes = {};

        ck_assert_int_eq(hex_decode(text, &bytes), 0);
        return bytes;
}

static void expect_object(const char *text, uint32_t tag, size_t value, size_t size) {
        _cleanup_bytes_ Bytes bytes = bytes_of(text);
        TlvObject object;

        ck_assert_int_eq(tlv_read(bytes_span(&bytes), &object), 0);
        ck_assert_uint_eq(object.tag, tag);
        ck_assert_uint_eq(object.value.size, value);
        ck_assert_uint_eq(object.size, size);
}

static void expect_bad(const char *text) {
        _cleanup_bytes_ Bytes bytes = bytes_of(text);
        TlvObject object;

        ck_assert_int_eq(tlv_read(bytes_span(&bytes), &object), -EBADMSG);
}

START_TEST(an_object_is_read_with_any_form_of_tag_and_length)
{
        expect_object("5A020102", 0x5A, 2, 4);
        expect_object("9F7F0101", 0x9F7F, 1, 4);
        expect_object("7F4E81020102", 0x7F4E, 2, 6);
        expect_object("DFAE0200", 0xDFAE02, 0, 4);
        expect_object("5A82000155FF", 0x5A, 1, 5);
        expect_object("5A840000000155", 0x5A, 1, 7);
        expect_object("5A00", 0x5A, 0, 2);
}
END_TEST

START_TEST(a_length_past_the_end_is_no_object)
{
        expect_bad("5A");
        expect_bad("5A0201");
        expect_bad("5A81");
        expect_bad("5A8102FF");
        expect_bad("5A84FFFFFFFF00");
        expect_bad("5A850000000001FF");
        expect_bad("5A80");
        expect_bad("9F");
        expect_bad("9F80808001");
}
END_TEST

START_TEST(an_object_is_found_among_others_and_padding)
{
        _cleanup_bytes_ Bytes bytes = bytes_of("00005A0101FF9F7F0202035A0109");
        Span found;

        ck_assert_int_eq(tlv_find(bytes_span(&bytes), 0x9F7F, &found), 0);
        ck_assert_uint_eq(found.size, 2);
        ck_assert_uint_eq(found.data[1], 3);
        ck_assert_int_eq(tlv_find(bytes_span(&bytes), 0x5B, &found), -ENOENT);
        ck_assert_int_eq(tlv_find((Span){}, 0x5B, &found), -ENOENT);
}
END_TEST

static void expect_header(uint32_t tag, size_t length, const char *text) {
        _cleanup_bytes_ Bytes header = {}, expected = bytes_of(text);

        ck_assert_int_eq(tlv_append_header(&header, tag, length), 0);
        ck_assert(span_equal(bytes_span(&header), bytes_span(&expected)));
}

START_TEST(a_header_is_as_short_as_it_can_be)
{
        _cleanup_bytes_ Bytes header = {};

        expect_header(0x5A, 0, "5A00");
        expect_header(0x5A, 0x7F, "5A7F");
        expect_header(0x5A, 0x80, "5A8180");
        expect_header(0x7F4E, 0x100, "7F4E820100");
        expect_header(0x5A, 0x12345, "5A83012345");
        ck_assert_int_eq(tlv_append_header(&header, 0, 1), -EINVAL);
        ck_assert_int_eq(tlv_append_header(&header, 0x5F, 1), -EINVAL);
        ck_assert_int_eq(tlv_append_header(&header, 0x5A5A, 1), -EINVAL);
        ck_assert_uint_eq(header.size, 0);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an_object_is_read_with_any_form_of_tag_and_length,
                a_length_past_the_end_is_no_object,
                an_object_is_found_among_others_and_padding,
                a_header_is_as_short_as_it_can_be,
        };
        Suite *suite = suite_create("tlv");
        TCase *group = tcase_create("tlv");
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
