/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory cards: what would make one useless is refused before there is a card, and a card of another issuer is nobody's. */
#include "card/profile.h"
#include "plan-bench.h"

#define HEAD \
        "description: a card\n" \
        "fields:\n" \
        "  id: {length: 16}\n" \
        "  key: {length: 6, secret: true, default: A0A1A2A3A4A5}\n" \
        "unwritten: [key]\n" \
        "identify:\n" \
        "  - mifare-authenticate: {sector: 1, key-type: A, key: {key: master}}\n" \
        "  - mifare-read: {sector: 1, length: 16, to: id}\n" \
        "blank:\n" \
        "  - mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}\n" \
        "  - mifare-read: {sector: 1, length: 2, expect: \"0000\"}\n" \
        "issue:\n" \
        "  - stage: data\n" \
        "    write:\n" \
        "      - mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}\n" \
        "      - mifare-write: {sector: 1, data: {field: id}}\n"
#define TRAILER HEAD "      - mifare-write-trailer: {sector: 1, key-a: {field: key}, access: "

static int prove(const char *text, Failure *failure) {
        static const char *const nowhere[] = { NULL };
        _cleanup_(profile_freep) Profile *profile = NULL;
        int r;

        r = profile_parse(span_of_string(text), "p.yaml", nowhere, &profile, failure);
        return r < 0 ? r : profile_prove(profile, failure);
}

static void expect_mistake(const char *text, const char *message) {
        _cleanup_failure_ Failure failure = {};

        ck_assert_msg(prove(text, &failure) < 0, "expected a mistake: %s", message);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_msg(strstr(failure.message, message) != NULL, "%s", failure.message);
}

static void expect_good(const char *text) {
        _cleanup_failure_ Failure failure = {};

        ck_assert_msg(prove(text, &failure) == 0, "%s", failure_message(&failure));
}

/* MF1S50YYX, 8.7 */
START_TEST(access_bits_that_close_a_sector_for_ever_are_refused)
{
        expect_good(TRAILER "FF078069}\n");
        expect_good(TRAILER "\"78778869\", key-b: \"B0B1B2B3B4B5\"}\n");
        expect_mistake(TRAILER "FF078169}\n", "inverted copy");
        expect_mistake(TRAILER "\"00000069\"}\n", "inverted copy");
        expect_mistake(TRAILER "FFFFFF69}\n", "inverted copy");
        /* data blocks 111; trailer 110 */
        expect_mistake(TRAILER "\"8870F769\"}\n", "block 0 could never be changed");
        expect_mistake(TRAILER "\"778F0869\"}\n", "block 3 could never be changed");
        expect_mistake(TRAILER "FF0780}\n", "three bytes and the user's byte");
        expect_mistake(TRAILER "{field: key, length: 4}}\n", "as they are");
}
END_TEST

START_TEST(a_key_b_that_anybody_can_read_is_none)
{
        expect_mistake(TRAILER "FF078069, key-b: \"B0B1B2B3B4B5\"}\n", "expected no `key-b`");
        expect_mistake(TRAILER "\"78778869\"}\n", "expected `key-b`");
}
END_TEST

START_TEST(what_does_not_fill_a_block_is_refused)
{
        expect_mistake(HEAD "      - mifare-write: {sector: 2, data: \"0011\"}\n", "whole blocks of 16");
        expect_mistake(HEAD "      - mifare-write: {sector: 0, data: {field: id, length: 48, pad: FF}}\n",
                       "at most 32 in this sector");
        expect_mistake(HEAD "      - write-blocks: {block: 4, data: \"001122\"}\n", "whole blocks of 4");
        expect_mistake(HEAD "      - mifare-read: {sector: 0, length: 48}\n", "32 at most");
        expect_mistake(HEAD "      - mifare-authenticate: {sector: 40, key-type: A, key: FFFFFFFFFFFF}\n",
                       "from 0 to 39");
        expect_mistake(HEAD "      - mifare-authenticate: {sector: 1, key-type: A, key: FFFF}\n",
                       "must be 6 to 6");
}
END_TEST

START_TEST(a_key_that_was_changed_is_never_presented_again)
{
        expect_mistake(TRAILER "FF078069}\n"
                               "      - mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}\n"
                               "      - mifare-write: {sector: 1, data: {field: id}}\n",
                       "the last write of its stage");
        expect_good(TRAILER "FF078069}\n"
                            "  - stage: more\n"
                            "    write:\n"
                            "      - mifare-authenticate: {sector: 1, key-type: A, key: {field: key}}\n"
                            "      - mifare-write: {sector: 1, data: {field: id}}\n");
        expect_mistake(TRAILER "FF078069}\n"
                               "  - stage: more\n"
                               "    write:\n"
                               "      - mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}\n"
                               "      - mifare-write: {sector: 1, data: {field: id}}\n",
                       "expected the value that an earlier write has given");
}
END_TEST

START_TEST(a_lock_stands_in_the_last_stage)
{
        expect_mistake(HEAD "      - lock-pages: {bits: F0FF}\n"
                            "  - stage: more\n    write:\n      - put-data: {tag: 5F24, data: \"00\"}\n",
                       "in the last stage");
}
END_TEST

START_TEST(a_card_of_another_issuer_has_no_id_and_is_no_blank)
{
        _cleanup_failure_ Failure failure = {};
        char *directory = fixture_directory();
        json_t *report = NULL;
        Desk desk;
        int r;

        desk_open(&desk, "mifare-classic", false);
        ck_assert(desk.facts.opened);
        r = desk_issue(&desk, false, &report, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        json_decref(report);

        fixture_write(directory, "key-ring.yaml", "mifare-master: \"00000000000000000000000000000000\"\n");
        key_ring_unref(desk.keys);
        ck_assert_int_eq(key_ring_load(directory, &desk.keys, NULL), 0);
        sim_card_reset(desk.sim);
        r = desk_read(&desk, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_str_eq(desk.facts.type, "mifare-classic");
        ck_assert_ptr_null(desk.facts.id);
        ck_assert(!desk.facts.blank);
        ck_assert(desk.facts.opened);
        fixture_directory_remove(directory);
        desk_close(&desk);
}
END_TEST

START_TEST(a_card_that_is_read_without_a_key_is_left_as_it_was_found)
{
        Desk desk;

        desk_open(&desk, "ultralight", false);
        ck_assert(!desk.facts.opened);
        desk_close(&desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                access_bits_that_close_a_sector_for_ever_are_refused,
                a_key_b_that_anybody_can_read_is_none,
                what_does_not_fill_a_block_is_refused,
                a_key_that_was_changed_is_never_presented_again,
                a_lock_stands_in_the_last_stage,
                a_card_of_another_issuer_has_no_id_and_is_no_blank,
                a_card_that_is_read_without_a_key_is_left_as_it_was_found,
        };
        Suite *suite = suite_create("memory");
        TCase *group = tcase_create("memory");
        SRunner *runner = srunner_create(suite);
        int failed;

        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
