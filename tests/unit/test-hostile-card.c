/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cards that lie and never stop, of every shipped type: each reissue ends with a named error (or, for a card that says yes
 * to everything and stores nothing, is found out when it is read back), within a bounded number of APDUs. */
#include <check.h>
#include <stdio.h>

#include "hostile-card.h"

/* One answer, for ever: so many bytes of data, then a status word. */
static Span one_answer(uint8_t script[static 256], size_t data, uint16_t sw) {
        memset(script, 0x6F, 256);
        script[0] = (uint8_t) (data + 2);
        script[data + 1] = (uint8_t) (sw >> 8);
        script[data + 2] = (uint8_t) sw;
        return SPAN(script, data + 3);
}

static void expect_end(Span script, const char *what) {
        Catalogue *catalogue = fixture_catalogue();
        KeyRing *keys = fixture_key_ring();
        unsigned long most = 0;

        for (size_t i = 0; i < catalogue_type_count(catalogue); i++)
                for (int t0 = 0; t0 < 2; t0++) {
                        unsigned long count =
                                hostile_reissue(catalogue, keys, catalogue_type(catalogue, i), t0, script);

                        most = count > most ? count : most;
                }

        ck_assert_msg(most > 0, "%s: nothing was sent", what);
        key_ring_unref(keys);
        catalogue_unref(catalogue);
}

/* Every first byte of a status word that means something to the transport or to a verb. */
static const uint16_t status_words[] = { 0x6100, 0x6110, 0x61FF, 0x6C00, 0x6C01, 0x6CFF, 0x9000, 0x9F00,
                                         0x9F10, 0x9100, 0x910F, 0x91AF, 0x91AE, 0x6282, 0x6283, 0x62FF,
                                         0x6300, 0x63C0, 0x63C3, 0x6581, 0x6700, 0x6982, 0x6983, 0x6A82,
                                         0x6A88, 0x6D00, 0x6F00, 0x0000, 0xFFFF };

START_TEST(a_card_that_says_the_same_for_ever_ends_in_a_named_error)
{
        static const size_t sizes[] = { 0, 1, 8, 16, 253 };
        uint8_t script[256];

        for (size_t s = 0; s < ELEMENTS(sizes); s++)
                expect_end(one_answer(script, sizes[s], status_words[_i]), "one answer");
}
END_TEST

START_TEST(a_card_that_gives_nothing_or_half_a_status_word_ends_in_a_named_error)
{
        expect_end((Span){}, "nothing");
        expect_end(SPAN("\x01\x90", 2), "one byte");
}
END_TEST

/* 6C by turns with 61: each names another length, and none is ever right. */
START_TEST(a_card_that_corrects_the_length_for_ever_ends_in_a_named_error)
{
        expect_end(SPAN("\x02\x6C\x05\x02\x61\x05", 6), "6C05 6105");
        expect_end(SPAN("\x02\x61\x05\x02\x6C\x05\x03\x00\x6C\x10", 10), "6105 6C05 6C10");
        expect_end(SPAN("\x02\x90\x00\x02\x61\xFF", 6), "9000 61FF");
}
END_TEST

/* Data objects that end beyond their end, hold themselves, or have endless tags and lengths. */
START_TEST(a_card_that_lies_about_tags_and_lengths_ends_in_a_named_error)
{
        static const uint8_t lies[][12] = {
                { 11, 0x6F, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x84, 0x10, 0x01, 0x90, 0x00 },
                { 11, 0x6F, 0x80, 0x6F, 0x80, 0x6F, 0x80, 0x00, 0x00, 0x00, 0x90, 0x00 },
                { 11, 0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x90, 0x00 },
                { 11, 0x53, 0x82, 0xFF, 0xFF, 0x53, 0x7F, 0x01, 0x00, 0x00, 0x90, 0x00 },
                { 11, 0xE0, 0x07, 0xC0, 0xFF, 0x01, 0x30, 0x88, 0x10, 0x00, 0x90, 0x00 },
        };

        for (size_t i = 0; i < ELEMENTS(lies); i++)
                expect_end(SPAN_OF_ARRAY(lies[i]), "a lie");
}
END_TEST

/* Answers by chance, each script short enough to come back often; the seed is the test's number. */
START_TEST(a_card_that_answers_by_chance_ends_in_a_named_error)
{
        unsigned state = (unsigned) _i + 1;

        for (unsigned round = 0; round < 8; round++) {
                uint8_t script[192];

                for (size_t i = 0; i < sizeof(script); i++)
                        script[i] = (uint8_t) (rand_r(&state) >> 7);

                script[0] = script[0] % 32; /* not one long answer alone */
                expect_end(SPAN_OF_ARRAY(script), "chance");
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("hostile-card");
        TCase *group = tcase_create("hostile-card");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 120);
        tcase_add_loop_test(group, a_card_that_says_the_same_for_ever_ends_in_a_named_error, 0,
                            (int) ELEMENTS(status_words));
        tcase_add_test(group, a_card_that_gives_nothing_or_half_a_status_word_ends_in_a_named_error);
        tcase_add_test(group, a_card_that_corrects_the_length_for_ever_ends_in_a_named_error);
        tcase_add_test(group, a_card_that_lies_about_tags_and_lengths_ends_in_a_named_error);
        tcase_add_loop_test(group, a_card_that_answers_by_chance_ends_in_a_named_error, 0, 8);
        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
