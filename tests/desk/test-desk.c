/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of the desk and the simulated cards themselves, without the daemon: what all other tests of the whole rely on. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "desk.h"

#define SELECT_TYPE "00A4020C022F00"
#define READ_TYPE   "00B0000008"
#define RIGHT_PIN   "00200001083132333435363738"
#define WRONG_PIN   "00200001083030303030303030"
#define ASK_TRIES   "00200001"
#define TYPE_V1     "73746166662D7631"
#define TYPE_V2     "73746166662D7632"

static Desk *desk;

static void open_desk(void) {
        desk = desk_open(&(DeskOptions){ .readers = 2, .seconds = 20 });
}

static void close_desk(void) {
        desk_close(desk);
        desk = NULL;
}

#define transmit(slot, ...) \
        desk_transmit(desk, slot, (const char *const[]){ __VA_ARGS__ }, \
                      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

#define expect(wanted, slot, ...) \
        do { \
                char *_answer = transmit(slot, __VA_ARGS__); \
                ck_assert_str_eq(_answer, wanted); \
                free(_answer); \
        } while (0)

static void insert(unsigned slot, const char *card) {
        desk_insert(desk, slot, card);
        desk_wait_card(desk, slot, true);
}

START_TEST(a_desk_has_two_readers_that_pcscd_lists)
{
        ck_assert_str_eq(desk_reader_name(desk, 0), "Desk Reader (01) 00 00");
        ck_assert_str_eq(desk_reader_name(desk, 1), "Desk Reader (02) 01 00");
        desk_wait_card(desk, 0, false);
        desk_wait_card(desk, 1, false);
}
END_TEST

START_TEST(a_card_tells_its_type_in_both_manners)
{
        char *atr;

        insert(0, desk_card_new(desk, "staff-v1", DESK_T0, NULL));
        insert(1, desk_card_new(desk, "staff-v2", DESK_T1, "0102030405060708"));

        atr = desk_atr(desk, 0);
        ck_assert_str_eq(atr, "3B055354414646");
        free(atr);
        atr = desk_atr(desk, 1);
        ck_assert_str_eq(atr, "3B85015354414646C2");
        free(atr);

        expect(TYPE_V1 "9000", 0, SELECT_TYPE, READ_TYPE);
        expect("6C08", 0, SELECT_TYPE, "00B0000000");
        expect("6114", 0, "00A40204022F00");
        expect("6212800200088201018302"
               "2F00"
               "8A01058602"
               "00FF"
               "9000",
               0, "00A40204022F00", "00C0000014");
        expect("6212800200088201018302"
               "2F00"
               "8A01058602"
               "00FF"
               "9000",
               1, "00A40204022F0000");

        expect(TYPE_V2 "9000", 1, SELECT_TYPE, READ_TYPE);
        expect(TYPE_V2 "9000", 1, SELECT_TYPE, "00B0000000");
        expect(TYPE_V2 "6282", 1, SELECT_TYPE, "00B0000009");
        expect("01020304050607089000", 1, "00CA9F7F00");
}
END_TEST

START_TEST(a_pin_has_three_tries_and_is_forgotten_at_a_reset)
{
        insert(0, desk_card_new(desk, "staff-v1", DESK_T1, NULL));

        expect("63C3", 0, ASK_TRIES);
        expect("63C2", 0, WRONG_PIN);
        expect("9000", 0, RIGHT_PIN,
               ASK_TRIES); /* in one go: pcscd takes the power from a card that nobody uses */
        desk_reset_card(desk, 0);
        expect("63C3", 0, ASK_TRIES);
        expect("6982", 0, "00A4080C0450005001", "00D600000141");
        expect("9000", 0, RIGHT_PIN, "00A4080C0450005001", "00D600000141");
        expect("41FF9000", 0, "00A4080C0450005001", "00B0000002");

        expect("6983", 0, WRONG_PIN, WRONG_PIN, WRONG_PIN, RIGHT_PIN);
        desk_remove(desk, 0);
}
END_TEST

START_TEST(a_prepared_card_keeps_what_is_written)
{
        const char *card = desk_card_new(desk, "staff-v1", DESK_T0, NULL);

        insert(0, card);
        expect("6A88", 0, "00CA5F2403");
        expect("6A83", 0, "00A4080C0450005003", "00B2010410");
        expect("9000", 0, RIGHT_PIN, "00DA5F2403301231", "00A4080C0450005003", "00E2000003414243");
        desk_remove(desk, 0);
        desk_wait_card(desk, 0, false);
        insert(1, card);
        expect("3012319000", 1, "00CA5F2403");
        expect("4142439000", 1, "00A4080C0450005003", "00B2010403");
        expect("6982", 1, "00A4080C0450005002", "00B0000010");
        expect("9000", 1, RIGHT_PIN, "00FE0000");
        expect("6985", 1, SELECT_TYPE);
}
END_TEST

START_TEST(files_are_created_on_a_bare_card)
{
        insert(0, desk_card_new(desk, "staff-v2", DESK_T1, NULL));

        expect("6982", 0,
               "00E000000E620C8201388302500084"
               "03F04943");
        expect("9000", 0, RIGHT_PIN,
               "00E000000E620C8201388302500084"
               "03F04943",
               "00E0000014621280020800820101830250128A01018602"
               "0001",
               "00A4040C03F04943", "00A4020C025012", "00D60000020102");
        /* more than the memory */
        expect("6A84", 0, RIGHT_PIN, "00A4040C03F04943",
               "00E0000014621280020800820101830250138A01018602"
               "0001");
        /* the condition holds once the file is active */
        expect("9000", 0, RIGHT_PIN, "00A4080C0450005012", "00440000");
        expect("01029000", 0, "00A4080C0450005012", "00B0000002");
}
END_TEST

/* 300 bytes: 12C in hexadecimal. */
#define HUNDRED \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899" \
        "00112233445566778899"

START_TEST(long_data_travels_in_extended_lengths_and_in_chains)
{
        insert(0, desk_card_new(desk, "staff-v2", DESK_T1, NULL));
        insert(1, desk_card_new(desk, "staff-v2", DESK_T0, NULL));

        expect("9000", 0, RIGHT_PIN, "00E000000D620B8002080082010183025012",
               "00D6000000012C" HUNDRED HUNDRED HUNDRED);
        expect(HUNDRED HUNDRED HUNDRED "9000", 0, "00A4080C025012", "00B0000000012C");
        expect("6A84", 0, RIGHT_PIN, "00A4080C025012", "00D607F064" HUNDRED);

        expect("6700", 1, "00B0000000012C");
        expect("9000", 1, RIGHT_PIN, "00E000000D620B8002080082010183025012", "10D6000064" HUNDRED,
               "10D6000064" HUNDRED, "00D6000064" HUNDRED);
        expect(HUNDRED "9000", 1, "00A4080C025012", "00B000C864");
        expect("6B00", 1, "00A4080C025012", "00B0080001");
        expect("6883", 1, RIGHT_PIN, "00A4080C025012", "10D6000001AA", "00D6000101BB");
}
END_TEST

START_TEST(records_are_fixed_or_variable)
{
        insert(0, desk_card_new(desk, "staff-v2", DESK_T1, NULL));

        /* four records of 16 bytes, there from the beginning */
        expect("9000", 0, RIGHT_PIN, "00E000000D620B8205022100100483025011",
               "00DC010410"
               "00420017FFFFFFFFFFFFFFFFFFFFFFFF");
        expect("00420017FFFFFFFFFFFFFFFFFFFFFFFF9000", 0, "00A4080C025011", "00B2010400");
        expect("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF9000", 0, "00A4080C025011", "00B2040410");
        expect("6A83", 0, "00A4080C025011", "00B2050410");
        expect("6700", 0, RIGHT_PIN, "00A4080C025011", "00DC01040141");
        expect("6A84", 0, RIGHT_PIN, "00A4080C025011",
               "00E2000010"
               "00420017FFFFFFFFFFFFFFFFFFFFFFFF");
}
END_TEST

START_TEST(a_card_is_pulled_at_the_apdu_that_was_named)
{
        const char *card = desk_card_new(desk, "staff-v1", DESK_T0, NULL);
        unsigned long before;

        insert(0, card);
        before = desk_apdu_count(desk, 0);
        expect("9000", 0, SELECT_TYPE);
        ck_assert_uint_eq(desk_apdu_count(desk, 0), before + 1);

        desk_remove_at(desk, 0, 2, DESK_BEFORE);
        expect("9000", 0, SELECT_TYPE);
        ck_assert(desk_has_card(desk, 0));
        ck_assert(desk_transmit_fails(desk, 0, SELECT_TYPE));
        desk_wait_removed(desk, 0);
        desk_wait_card(desk, 0, false);
        insert(0, card);
        expect("9000", 0, SELECT_TYPE);
}
END_TEST

START_TEST(a_reader_vanishes_and_comes_back_with_its_card)
{
        insert(0, desk_card_new(desk, "staff-v1", DESK_T0, NULL));
        insert(1, desk_card_new(desk, "staff-v2", DESK_T1, NULL));

        desk_unplug_reader(desk, 0);
        expect(TYPE_V2 "9000", 1, SELECT_TYPE, READ_TYPE);
        desk_plug_reader(desk, 0);
        ck_assert_str_eq(desk_reader_name(desk, 0), "Desk Reader (01) 00 00");
        desk_wait_card(desk, 0, true);
        expect(TYPE_V1 "9000", 0, SELECT_TYPE, READ_TYPE);

        desk_unplug_at(desk, 1, 1, DESK_AFTER);
        ck_assert(desk_transmit_fails(desk, 1, SELECT_TYPE));
        desk_wait_reader(desk, 1, false);
        desk_plug_reader(desk, 1);
        desk_wait_card(desk, 1, true);

        desk_stop_pcscd(desk);
        desk_start_pcscd(desk);
        desk_wait_reader(desk, 0, true);
        desk_wait_card(desk, 0, true);
        expect(TYPE_V1 "9000", 0, SELECT_TYPE, READ_TYPE);
}
END_TEST

START_TEST(mishaps_happen_as_ordered)
{
        insert(0, desk_card_new(desk, "staff-v1", DESK_T1, NULL));

        desk_fail_at(desk, 0, 1, 0x6F00);
        expect("6F00", 0, SELECT_TYPE);
        desk_flip(desk, 0, 0x5001, 1);
        expect("40419000", 0, RIGHT_PIN, "00A4080C0450005001",
               "00D600000240"
               "40",
               "00B0000002");
        desk_remove(desk, 0);
        desk_wait_card(desk, 0, false);
}
END_TEST

START_TEST(another_program_can_hold_a_reader)
{
        insert(0, desk_card_new(desk, "staff-v1", DESK_T1, NULL));
        desk_hold_reader_exclusively(desk, 0);
        ck_assert(desk_transmit_fails(desk, 0, SELECT_TYPE));
        desk_release_reader(desk, 0);
        expect("9000", 0, SELECT_TYPE);
}
END_TEST

START_TEST(a_mute_card_is_seen_and_says_nothing)
{
        const char *card = desk_card_new(desk, "staff-v1", DESK_T1, NULL);

        free(desk_slot_command(desk, 0, "mute"));
        desk_insert(desk, 0, card);
        desk_wait_mute(desk, 0);
        desk_remove(desk, 0);
        desk_wait_card(desk, 0, false);
        free(desk_slot_command(desk, 0, "mute off"));
        insert(0, card);
}
END_TEST

START_TEST(somebody_elses_card_answers)
{
        char *atr;

        desk_insert_vicc(desk, 1);
        atr = desk_atr(desk, 1);
        ck_assert_str_eq(atr, "3B9513810180"
                              "73FF01000B");
        free(atr);
        expect("9000", 1, "00A4000C023F00");
        desk_remove_vicc(desk, 1);
}
END_TEST

START_TEST(polkit_takes_rules_and_refuses_others)
{
        sd_bus *bus = desk_bus_as(desk, DESK_NOBODY);
        const char *name;

        ck_assert_int_ge(sd_bus_get_unique_name(bus, &name), 0);
        desk_polkit_rule(desk, "10-test",
                         "polkit.addRule(function(action, subject) { return polkit.Result.NO; });\n");
        sd_bus_unref(bus);
}
END_TEST

/* Each in a process of its own, as test programs that run side by side. */
START_TEST(two_desks_do_not_meet)
{
        pid_t children[2];

        for (int i = 0; i < 2; i++) {
                children[i] = fork();
                if (children[i] == 0) {
                        open_desk();
                        insert(0, desk_card_new(desk, i == 0 ? "staff-v1" : "staff-v2", DESK_T0, NULL));
                        expect(i == 0 ? TYPE_V1 "9000" : TYPE_V2 "9000", 0, SELECT_TYPE, READ_TYPE);
                        close_desk();
                        _exit(EXIT_SUCCESS);
                }
        }
        for (int i = 0; i < 2; i++) {
                int status;

                ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
                ck_assert_int_eq(status, 0);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("desk");
        TCase *one = tcase_create("one desk"), *two = tcase_create("two desks");
        SRunner *runner;
        int failed;

        tcase_set_timeout(one, 30);
        tcase_set_timeout(two, 30);
        tcase_add_checked_fixture(one, open_desk, close_desk);
        tcase_add_test(one, a_desk_has_two_readers_that_pcscd_lists);
        tcase_add_test(one, a_card_tells_its_type_in_both_manners);
        tcase_add_test(one, a_pin_has_three_tries_and_is_forgotten_at_a_reset);
        tcase_add_test(one, a_prepared_card_keeps_what_is_written);
        tcase_add_test(one, files_are_created_on_a_bare_card);
        tcase_add_test(one, long_data_travels_in_extended_lengths_and_in_chains);
        tcase_add_test(one, records_are_fixed_or_variable);
        tcase_add_test(one, a_card_is_pulled_at_the_apdu_that_was_named);
        tcase_add_test(one, a_reader_vanishes_and_comes_back_with_its_card);
        tcase_add_test(one, mishaps_happen_as_ordered);
        tcase_add_test(one, another_program_can_hold_a_reader);
        tcase_add_test(one, a_mute_card_is_seen_and_says_nothing);
        tcase_add_test(one, somebody_elses_card_answers);
        tcase_add_test(one, polkit_takes_rules_and_refuses_others);
        tcase_add_test(two, two_desks_do_not_meet);
        suite_add_tcase(suite, one);
        suite_add_tcase(suite, two);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
