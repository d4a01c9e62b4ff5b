/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissue.yaml: where the key file is looked for. */
#include "file-fixture.h"

#include "base/config.h"

/* The configuration of that text; NULL: there is no file. */
static Config *load(const Place *place, const char *text, Failure *failure) {
        Config *config = NULL;
        char path[128];

        place_path(place, "icreissue.yaml", path);
        if (text) {
                FILE *file = fopen(path, "we");

                ck_assert_ptr_nonnull(file);
                ck_assert_int_ge(fputs(text, file), 0);
                ck_assert_int_eq(fclose(file), 0);
        }

        (void) config_load(place->directory, &config, failure);
        return config;
}

static void expect_key_file(const char *text, const char *expected) {
        _cleanup_(place_done) Place place = place_new();
        _cleanup_(config_freep) Config *config = load(&place, text, NULL);
        char beside[128];

        ck_assert_ptr_nonnull(config);
        place_path(&place, expected, beside);
        ck_assert_str_eq(config->issuance_key, expected[0] == '/' ? expected : beside);
}

START_TEST(the_key_file_is_in_the_configuration_directory_unless_its_path_is_absolute)
{
        expect_key_file(NULL, "issuance-key");
        expect_key_file("", "issuance-key");
        expect_key_file("station: desk-1\n", "issuance-key");
        expect_key_file("issuance-key: keys/mine\n", "keys/mine");
        expect_key_file("issuance-key: /etc/keys/mine\n", "/etc/keys/mine");
}
END_TEST

START_TEST(a_receipts_printer_goes_with_receipts)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_(config_freep) Config *config = load(&place, "receipt: true\nreceipt-printer: roll\n", NULL);
        _cleanup_failure_ Failure failure = {};

        ck_assert_ptr_nonnull(config);
        ck_assert(config->receipt);
        ck_assert_str_eq(config->receipt_printer, "roll");
        ck_assert_ptr_null(load(&place, "receipt-printer: roll\n", &failure));
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "receipt: true"));
}
END_TEST

START_TEST(a_key_file_without_a_name_is_a_mistake)
{
        static const char *const texts[] = { "issuance-key: \"\"\n", "issuance-key: [a]\n",
                                             "- issuance-key\n" };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(place_done) Place place = place_new();
                _cleanup_failure_ Failure failure = {};

                ck_assert_ptr_null(load(&place, texts[i], &failure));
                ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
                ck_assert_ptr_nonnull(strstr(failure.message, "icreissue.yaml:1:"));
        }
}
END_TEST

START_TEST(a_design_belongs_to_a_card_type)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_(config_freep) Config *config =
                load(&place, "designs: {staff-v1: library}\norganisation: Harbour Works\n", NULL);

        ck_assert_ptr_nonnull(config);
        ck_assert_str_eq(config_design(config, "staff-v1"), "library");
        ck_assert_ptr_null(config_design(config, "staff-v2"));
        ck_assert_str_eq(config->organisation, "Harbour Works");
        ck_assert_ptr_null(config->address);
}
END_TEST

START_TEST(a_design_without_a_name_is_a_mistake)
{
        static const char *const texts[] = { "designs: [library]\n", "designs: {staff-v1: \"\"}\n",
                                             "designs: {staff-v1: [a]}\n", "organisation: \"\"\n" };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(place_done) Place place = place_new();
                _cleanup_failure_ Failure failure = {};

                ck_assert_ptr_null(load(&place, texts[i], &failure));
                ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        }
}
END_TEST

START_TEST(a_mill_takes_the_card_of_one_reader)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_(config_freep) Config *config = load(
                &place,
                "mill: {helper: gpio, reader: old, time-out: 9, options: {chip: gpiochip0, start: 17}}\n",
                NULL);
        _cleanup_(place_done) Place empty = place_new();
        _cleanup_(config_freep) Config *none = load(&empty, NULL, NULL);

        ck_assert_ptr_nonnull(config);
        ck_assert_str_eq(config->mill.helper, "gpio");
        ck_assert_str_eq(config->mill.reader, "old");
        ck_assert_uint_eq(config->mill.timeout, 9);
        ck_assert_uint_eq(config->mill.argument_count, 2);
        ck_assert_str_eq(config->mill.arguments[0], "--chip=gpiochip0");
        ck_assert_str_eq(config->mill.arguments[1], "--start=17");
        ck_assert_str_eq(none->mill.helper, "manual");
        ck_assert_ptr_null(none->mill.reader);
}
END_TEST

START_TEST(a_mill_that_could_take_any_card_is_a_mistake)
{
        static const char *const texts[] = {
                "mill: {helper: gpio}\n",
                "mill: {helper: ../gpio, reader: old}\n",
                "mill: {helper: manual, reader: old}\n",
                "mill: {options: {chip: gpiochip0}}\n",
                "mill: {helper: gpio, reader: old, time-out: 0}\n",
                "mill: {helper: gpio, reader: old, options: {time-out: 5}}\n",
                "mill: {helper: gpio, reader: old, options: {-x: 5}}\n",
                "mill: {helper: gpio, reader: old, speed: 5}\n",
        };

        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                _cleanup_(place_done) Place place = place_new();
                _cleanup_failure_ Failure failure = {};

                ck_assert_ptr_null(load(&place, texts[i], &failure));
                ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("config");
        TCase *tests = tcase_create("config");

        tcase_add_test(tests, the_key_file_is_in_the_configuration_directory_unless_its_path_is_absolute);
        tcase_add_test(tests, a_receipts_printer_goes_with_receipts);
        tcase_add_test(tests, a_key_file_without_a_name_is_a_mistake);
        tcase_add_test(tests, a_design_belongs_to_a_card_type);
        tcase_add_test(tests, a_design_without_a_name_is_a_mistake);
        tcase_add_test(tests, a_mill_takes_the_card_of_one_reader);
        tcase_add_test(tests, a_mill_that_could_take_any_card_is_a_mistake);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
