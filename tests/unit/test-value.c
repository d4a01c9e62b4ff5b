/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values: what a profile writes becomes bytes, and which field each byte came from. */
#include <check.h>
#include <stdio.h>

#include "card/profile.h"

static const char profile_text[] = "description: for values\n"
                                   "fields:\n"
                                   "  id: {length: 4, encoding: bcd}\n"
                                   "  name: {max: 32, encoding: utf-8}\n"
                                   "  digits: {max: 16, encoding: ascii, optional: true}\n"
                                   "  key: {length: 4, secret: true}\n"
                                   "  small: {length: 2, encoding: integer, default: \"7\"}\n"
                                   "  digits-with-check: {max: 10, encoding: bcd, optional: true}\n"
                                   "  doors: {length: 2, list: true, optional: true}\n"
                                   "serial:\n"
                                   "  - get-data: {tag: 9F7F, to: serial}\n"
                                   "  - get-data: {tag: \"E0\", to: version}\n"
                                   "identify:\n"
                                   "  - get-data: {tag: \"E1\", to: shelf}\n"
                                   "  - get-data: {tag: \"E1\", to: id}\n";

typedef struct Setting {
        Profile *profile;
        json_t *fields;
        YamlFile *file;
        Reads reads;
        Value *value;
        Encoded encoded;
        Failure failure;
} Setting;

static const char *const nowhere[] = { NULL };

static void setting_done(Setting *setting) {
        value_free(setting->value);
        reads_done(&setting->reads);
        encoded_done(&setting->encoded);
        failure_done(&setting->failure);
        yaml_file_free(setting->file);
        json_decref(setting->fields);
        profile_free(setting->profile);
}

/* Parses and encodes; negative where either fails. */
static int encode(Setting *setting, const char *text, bool key_allowed) {
        ValueContext context = { .id = "12345678", .serial = span_of_string("\x01\x02") };
        int r;

        *setting = (Setting){};
        r = profile_parse(span_of_string(profile_text), "p", nowhere, &setting->profile, &setting->failure);
        ck_assert_msg(r == 0, "%s", failure_message(&setting->failure));
        setting->fields = json_pack("{s:s,s:s,s:s,s:[s,s]}", "name", "Zo\u00eb", "digits", "123", "key",
                                    "A0B1C2D3", "doors", "0102", "0304");
        ck_assert_int_eq(reads_keep(&setting->reads, "version", span_of_string("\x05")), 0);
        context.profile = setting->profile;
        context.fields = setting->fields;
        context.reads = &setting->reads;

        ck_assert_int_eq(yaml_file_parse(span_of_string(text), "v.yaml", &setting->file, NULL), 0);
        r = value_parse(yaml_file_root(setting->file),
                        &(Scope){ .profile = setting->profile, .record = true, .keys = key_allowed },
                        &setting->value, &setting->failure);
        return r < 0 ? r : value_encode(setting->value, &context, &setting->encoded, &setting->failure);
}

static void expect_bytes(const char *text, const char *hex) {
        _cleanup_(setting_done) Setting setting;
        _cleanup_free_ char *found = NULL;
        int r;

        r = encode(&setting, text, false);
        ck_assert_msg(r == 0, "%s: %s", text, failure_message(&setting.failure));
        found = hex_encode(bytes_span(&setting.encoded.data));
        ck_assert_msg(streq(found, hex), "%s: %s", text, found);
        for (size_t i = 0; i < setting.encoded.segment_count; i++)
                ck_assert_uint_le(setting.encoded.segments[i].offset + setting.encoded.segments[i].length,
                                  setting.encoded.data.size);
}

static void expect_failure(const char *text, FailureKind kind, const char *message) {
        _cleanup_(setting_done) Setting setting;

        ck_assert_int_lt(encode(&setting, text, false), 0);
        ck_assert_int_eq(setting.failure.kind, kind);
        ck_assert_msg(strstr(setting.failure.message, message) != NULL, "%s: %s", text,
                      setting.failure.message);
        ck_assert_msg(strstr(setting.failure.message, "v.yaml:") == setting.failure.message, "%s",
                      setting.failure.message);
}

START_TEST(constants_and_lists_are_joined)
{
        expect_bytes("\"A0 00 01\"", "A00001");
        expect_bytes("[\"01\", \"0203\", [\"04\"]]", "01020304");
        expect_bytes("[]", "");
}
END_TEST

START_TEST(a_field_is_in_its_own_encoding_or_in_another)
{
        expect_bytes("{field: id}", "12345678");
        expect_bytes("{field: name}", "5A6FC3AB");
        expect_bytes("{field: id, encoding: ascii}", "3132333435363738");
        expect_bytes("{field: digits, encoding: nibble-swapped-bcd, length: 4, pad: FF}", "21F3FFFF");
        expect_bytes("{field: small}", "0007");
        expect_bytes("{field: key}", "A0B1C2D3");
}
END_TEST

START_TEST(texts_are_joined_before_they_are_encoded)
{
        expect_bytes("{text: [\"9\", {field: digits}], encoding: nibble-swapped-bcd}", "1932");
        expect_bytes("{text: \"AB\", encoding: ascii}", "4142");
        expect_bytes("{text: [\"1\", \"2\"], encoding: integer, length: 3}", "00000C");
}
END_TEST

START_TEST(data_objects_nest_and_count_their_lengths)
{
        expect_bytes("{tlv: \"5A\", of: {field: id}}", "5A0412345678");
        expect_bytes(
                "{tlv: \"4D\", of: [\"B600\", {tlv: \"7F48\", of: [{tag-length: \"91\", of: {field: key}}]}]}",
                "4D07B6007F48029104");
        expect_bytes("{simple-tlv: \"C1\", of: {field: digits}}", "C103313233");
        expect_bytes("{simple-tlv: \"C1\", of: {field: id, length: 255, pad-left: \"00\"}, "
                     "length: 300, pad: \"00\"}",
                     ({
                             static char text[601];
                             memset(text, '0', 600);
                             memcpy(text, "C1FF00FF", 8);
                             memcpy(text + 2 * (4 + 251), "12345678", 8);
                             text[600] = '\0';
                             text;
                     }));
}
END_TEST

START_TEST(numbers_have_a_width_and_an_order)
{
        expect_bytes("{integer: 5, bytes: 2}", "0005");
        expect_bytes("{integer: 258, bytes: 4, order: little}", "02010000");
        expect_bytes("{length-of: {field: name}, bytes: 2}", "0004");
}
END_TEST

START_TEST(parts_padding_and_what_was_read_are_values_too)
{
        expect_bytes("{slice: {field: key}, from: 1, length: 2}", "B1C2");
        expect_bytes("{slice: {field: key}, from: 3}", "D3");
        expect_bytes("{field: name, length: 6, pad: \"20\"}", "5A6FC3AB2020");
        expect_bytes("{field: name, length: 6, pad-left: \"00\"}", "00005A6FC3AB");
        expect_bytes("[{read: serial}, \"0001\"]", "01020001");
}
END_TEST

START_TEST(checksums_and_hashes_are_of_other_values)
{
        expect_bytes("{text: [{field: digits}, {checksum: luhn, of: {field: digits}}], encoding: bcd}",
                     "1230");
        expect_bytes(
                "{text: [\"7992739871\", {checksum: luhn, of: [\"799\", \"2739871\"]}], encoding: ascii}",
                "3739393237333938373133");
        expect_bytes("{checksum: luhn, of: {text: \"7992739871\", encoding: ascii}}", "33");
        /* ISO/IEC 14443-3:2018, B.2: CRC_B */
        expect_bytes("{checksum: crc16, of: \"000000\"}", "CCC6");
        expect_bytes("{checksum: crc16, of: \"0FAAFF\"}", "FCD1");
        expect_bytes("{checksum: crc16, of: \"0A123456\"}", "2CF6");
        expect_bytes("{checksum: xor, of: [\"0102\", \"04\"]}", "07");
        /* GlobalPlatform Card Specification 2.3.1, B.6: the well-known keys' check values */
        expect_bytes("{checksum: kcv-3des, of: \"404142434445464748494A4B4C4D4E4F\"}", "8BAF47");
        expect_bytes("{checksum: kcv-aes, of: \"404142434445464748494A4B4C4D4E4F\"}", "504A77");
        /* FIPS 180-4, "abc" */
        expect_bytes("{hash: sha-256, of: \"616263\"}",
                     "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
        expect_bytes("{hash: sha-1, of: \"616263\"}", "A9993E364706816ABA3E25717850C26C9CD0D89D");
        expect_bytes("{slice: {hash: sha-512, of: \"616263\"}, from: 0, length: 4}", "DDAF35A1");
        expect_failure("{checksum: luhn, of: \"FF\"}", FAILURE_INVALID_ARGS, "no luhn");
        expect_failure("{text: [{checksum: luhn, of: {field: name}}], encoding: ascii}", FAILURE_INVALID_ARGS,
                       "decimal digits");
}
END_TEST

START_TEST(what_a_card_told_is_a_value_and_counts)
{
        expect_bytes("[{read: version}, \"FF\"]", "05FF");
        expect_bytes("{integer: {read: version}, bytes: 2}", "0005");
        expect_bytes("{integer: {read: version, times: 48, plus: 2}, bytes: 2}", "00F2");
        expect_bytes("{slice: \"00010203040506\", from: {read: version, plus: -2}, length: 2}", "0304");
        expect_failure("{integer: {read: version, times: 100}, bytes: 1}", FAILURE_INVALID_ARGS,
                       "out of range");
        expect_failure("{slice: \"00\", from: {read: version, plus: -6}}", FAILURE_INVALID_ARGS,
                       "out of range");
}
END_TEST

START_TEST(the_texts_of_a_list_stand_one_after_the_other)
{
        expect_bytes("{field: doors}", "01020304");
        expect_bytes("{text: [{field: doors}], encoding: ascii}", "3031303230333034");
        expect_bytes("{field: doors, length: 6, pad: FF}", "01020304FFFF");
}
END_TEST

START_TEST(every_byte_of_a_field_is_told_by_field)
{
        _cleanup_(setting_done) Setting setting;

        ck_assert_int_eq(
                encode(&setting,
                       "{slice: [\"FF\", {tlv: \"5A\", of: [\"00\", {field: key}]}, {field: id}], from: 5}",
                       false),
                0);
        ck_assert_uint_eq(setting.encoded.segment_count, 2);
        ck_assert_str_eq(setting.encoded.segments[0].field->name, "key");
        ck_assert_uint_eq(setting.encoded.segments[0].offset, 0);
        ck_assert_uint_eq(setting.encoded.segments[0].length, 3);
        ck_assert_str_eq(setting.encoded.segments[1].field->name, "id");
        ck_assert_uint_eq(setting.encoded.segments[1].offset, 3);
        ck_assert_uint_eq(setting.encoded.segments[1].length, 4);
}
END_TEST

START_TEST(a_value_that_cannot_be_encoded_says_where_and_why)
{
        expect_failure("{field: name, length: 3, pad: \"20\"}", FAILURE_INVALID_ARGS, "must be 3 at most");
        expect_failure("{field: name, length: 5}", FAILURE_INVALID_ARGS, "must be 5");
        expect_failure("{slice: {field: key}, from: 3, length: 2}", FAILURE_INVALID_ARGS, "too short");
        expect_failure("{field: name, encoding: bcd}", FAILURE_INVALID_ARGS, "\"name\"");
        expect_failure("{length-of: {field: name, length: 300, pad: FF}, bytes: 1}", FAILURE_INVALID_ARGS,
                       "1 bytes");
        expect_failure("[{field: id, length: 60000, pad: FF}, {field: id, length: 60000, pad: FF}]",
                       FAILURE_INVALID_ARGS, "longer than");
}
END_TEST

START_TEST(a_value_that_is_none_is_refused_where_it_stands)
{
        expect_failure("\"ABC\"", FAILURE_PROFILE_INVALID, "v.yaml:1:1:");
        expect_failure("{field: unknown}", FAILURE_PROFILE_INVALID, "v.yaml:1:9:");
        expect_failure("{what: 1}", FAILURE_PROFILE_INVALID, "expected a value");
        expect_failure("{field: id, from: 1}", FAILURE_PROFILE_INVALID, "unknown \"from\"");
        expect_failure("{field: id, pad: FF}", FAILURE_PROFILE_INVALID, "`length`");
        expect_failure("{field: id, length: 8, pad: FF, pad-left: FF}", FAILURE_PROFILE_INVALID, "not both");
        expect_failure("{tlv: \"5F\", of: \"00\"}", FAILURE_PROFILE_INVALID, "BER-TLV tag");
        expect_failure("{tlv: \"5A\"}", FAILURE_PROFILE_INVALID, "`of`");
        expect_failure("{simple-tlv: \"FF\", of: \"00\"}", FAILURE_PROFILE_INVALID, "SIMPLE-TLV");
        expect_failure("{integer: 256, bytes: 1}", FAILURE_PROFILE_INVALID, "fits 1 bytes");
        expect_failure("{text: \"1\"}", FAILURE_PROFILE_INVALID, "`encoding`");
        expect_failure("{read: id}", FAILURE_PROFILE_INVALID, "serial");
        expect_failure("{read: shelf}", FAILURE_PROFILE_INVALID, "`serial:` keeps");
        expect_failure("{read: serial, encoding: ascii}", FAILURE_PROFILE_INVALID, "no encoding");
        expect_failure("{checksum: crc32, of: \"00\"}", FAILURE_PROFILE_INVALID, "a checksum");
        expect_failure("{checksum: xor}", FAILURE_PROFILE_INVALID, "`of`");
        expect_failure("{hash: md5, of: \"00\"}", FAILURE_PROFILE_INVALID, "a hash");
        expect_failure("{slice: \"0011\", from: {read: turn}}", FAILURE_PROFILE_INVALID, "name of a repeat");
        expect_failure("{slice: \"0011\", from: {read: version, times: 0}}", FAILURE_PROFILE_INVALID,
                       "`times`");
        expect_failure("{text: [{read: version}], encoding: ascii}", FAILURE_PROFILE_INVALID, "over a list");
        expect_failure("{text: [{checksum: xor, of: \"1\"}], encoding: ascii}", FAILURE_PROFILE_INVALID,
                       "check digit");
}
END_TEST

START_TEST(a_key_is_never_data)
{
        _cleanup_(setting_done) Setting setting;

        expect_failure("{key: master}", FAILURE_PROFILE_INVALID, "never data");
        expect_failure("{tlv: \"5A\", of: {key: master}}", FAILURE_PROFILE_INVALID, "never data");
        ck_assert_int_lt(encode(&setting, "{key: master}", true), 0);
        ck_assert_ptr_nonnull(strstr(setting.failure.message, "the key ring has no \"master\""));
        expect_failure("{derive: an10922-aes128, key: master, input: \"00\"}", FAILURE_PROFILE_INVALID,
                       "never data");
        expect_failure("{slice: {key: master}, length: 6}", FAILURE_PROFILE_INVALID, "never data");
        expect_failure("{hash: sha-256, of: {key: master}}", FAILURE_PROFILE_INVALID, "never data");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                constants_and_lists_are_joined,
                a_field_is_in_its_own_encoding_or_in_another,
                texts_are_joined_before_they_are_encoded,
                data_objects_nest_and_count_their_lengths,
                numbers_have_a_width_and_an_order,
                parts_padding_and_what_was_read_are_values_too,
                checksums_and_hashes_are_of_other_values,
                what_a_card_told_is_a_value_and_counts,
                the_texts_of_a_list_stand_one_after_the_other,
                every_byte_of_a_field_is_told_by_field,
                a_value_that_cannot_be_encoded_says_where_and_why,
                a_value_that_is_none_is_refused_where_it_stands,
                a_key_is_never_data,
        };
        Suite *suite = suite_create("value");
        TCase *group = tcase_create("value");
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
