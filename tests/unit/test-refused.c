/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What cards have refused: remembered by chip, reference and value, and across restarts. */
#include <check.h>

#include "card/refused.h"

static const uint8_t key[32] = { 7 };

static void keep(const char *digest, void *userdata) {
        char **kept = userdata;

        free(*kept);
        *kept = strdup(digest);
}

START_TEST(a_refused_value_is_known_for_its_chip_and_reference_only)
{
        Refused *refused;

        ck_assert_int_eq(refused_new(SPAN_OF_ARRAY(key), NULL, NULL, &refused), 0);
        ck_assert_int_eq(refused_add(refused, span_of_string("chip-1"), 1, 1, span_of_string("1234")), 0);
        ck_assert(refused_contains(refused, span_of_string("chip-1"), 2, 1, span_of_string("1234")));
        ck_assert(!refused_contains(refused, span_of_string("chip-2"), 1, 1, span_of_string("1234")));
        ck_assert(!refused_contains(refused, span_of_string("chip-1"), 1, 2, span_of_string("1234")));
        ck_assert(!refused_contains(refused, span_of_string("chip-1"), 1, 1, span_of_string("1235")));
        refused_free(refused);
}
END_TEST

START_TEST(a_card_without_a_serial_is_known_until_it_is_taken_out)
{
        Refused *refused;

        ck_assert_int_eq(refused_new(SPAN_OF_ARRAY(key), NULL, NULL, &refused), 0);
        ck_assert_int_ge(refused_add(refused, (Span){}, 5, 1, span_of_string("1234")), 0);
        ck_assert(refused_contains(refused, (Span){}, 5, 1, span_of_string("1234")));
        ck_assert(!refused_contains(refused, (Span){}, 6, 1, span_of_string("1234")));
        refused_free(refused);
}
END_TEST

START_TEST(a_digest_kept_from_an_earlier_run_counts)
{
        _cleanup_free_ char *kept = NULL;
        Refused *refused, *later;

        ck_assert_int_eq(refused_new(SPAN_OF_ARRAY(key), keep, &kept, &refused), 0);
        ck_assert_int_ge(refused_add(refused, span_of_string("chip"), 0, 1, span_of_string("1234")), 0);
        ck_assert_ptr_nonnull(kept);
        ck_assert_uint_eq(strlen(kept), 64);
        ck_assert_ptr_null(strstr(kept, "31323334"));

        ck_assert_int_eq(refused_new(SPAN_OF_ARRAY(key), NULL, NULL, &later), 0);
        ck_assert_int_eq(refused_restore(later, kept), 0);
        ck_assert(refused_contains(later, span_of_string("chip"), 0, 1, span_of_string("1234")));
        refused_free(refused);
        refused_free(later);
}
END_TEST

START_TEST(what_is_no_digest_is_not_restored)
{
        Refused *refused;

        ck_assert_int_eq(refused_new(SPAN(key, 31), NULL, NULL, &refused), -EINVAL);
        ck_assert_int_eq(refused_new(SPAN_OF_ARRAY(key), NULL, NULL, &refused), 0);
        ck_assert_int_eq(refused_restore(refused, "00"), -EINVAL);
        ck_assert_int_eq(refused_restore(refused, "zz"), -EINVAL);
        refused_free(refused);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_refused_value_is_known_for_its_chip_and_reference_only,
                a_card_without_a_serial_is_known_until_it_is_taken_out,
                a_digest_kept_from_an_earlier_run_counts,
                what_is_no_digest_is_not_restored,
        };
        Suite *suite = suite_create("refused");
        TCase *group = tcase_create("refused");
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
