/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R10: the new card's type is selected: a staff badge of the first version becomes one of the second, with what both have,
 * and a record that lacks what the new type needs is refused before a blank is touched. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "tests/bus/command.h"
#include "tests/unit/card-fixture.h"

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

/* An issued staff-v1 card in slot 0, a blank staff-v2 one in slot 1. */
static Desk *open_upgrade(void) {
        Desk *desk = story_open(2);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        return desk;
}

static char *reissue_as(Desk *desk, unsigned source, const char *card_type) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *job;

        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, source),
                  desk_reader_name(desk, 1), 3, "card-type", "s", card_type, "request", "b", 1, "reason", "s",
                  "new badges");
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &job), 0);
        return strdup(job);
}

/* The record that the key leads to: of which type. */
static void expect_led(Desk *desk, const char *type) {
        _command_ record =
                command_run(desk, DONE, NULL, COMMAND("record", "show", STORY_V1, STORY_ID, "--json"));
        _json_ shown = command_json(record);

        ck_assert_str_eq(command_text(shown, "type"), type);
}

START_TEST(R10_a_badge_is_reissued_as_one_of_another_type_and_its_record_moves_there)
{
        Desk *desk = open_upgrade();
        char *job = reissue_as(desk, 0, STORY_V2), *type;

        story_wait_done(desk, job);
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        story_expect_card(desk, 1, STORY_V2, STORY_ID);
        story_expect_property(desk, job, "CardType", STORY_V2);
        type = story_describe(desk, job, "card-type");
        ck_assert_str_eq(type, STORY_V2);
        story_expect_record(desk, STORY_V2, STORY_ID, "issued", 2);
        ck_assert_uint_eq(story_history(desk, STORY_V2, STORY_ID, "issued"), 2);
        expect_led(desk, STORY_V2);
        free(type);
        free(job);

        /* The old card leads to the record too: what it is reissued as is what the record is now. */
        story_request(desk, STORY_V1, STORY_ID);
        desk_remove(desk, 1);
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, "C3C3C3C3C3C3C3C3"));
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        story_expect_card(desk, 1, STORY_V2, STORY_ID);
        story_expect_record(desk, STORY_V2, STORY_ID, "issued", 3);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(R10_it_survives_a_kill_before_the_blank_is_written)
{
        Desk *desk = open_upgrade();
        char *job;

        desk_remove(desk, 1);
        job = reissue_as(desk, 0, STORY_V2);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_kill_daemon(desk);
        desk_start_daemon(desk);
        desk_wait_name(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, "C3C3C3C3C3C3C3C3"));
        story_wait_error(desk, job, "CardTypeMismatch");
        desk_remove(desk, 1);
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, "D4D4D4D4D4D4D4D4"));
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V2, STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_record_that_lacks_what_the_new_type_needs_is_refused_with_the_field_and_no_blank_is_touched)
{
        Desk *desk = open_upgrade();
        unsigned long before = desk_apdu_count(desk, 1);
        char *job, *message;

        message = desk_call_refused(desk, desk_bus(desk), "InvalidArgs", "Issue", "sssa{sv}", STORY_V1,
                                    STORY_ID, "", 3, "card-type", "s", "usim", "request", "b", 1, "reason",
                                    "s", "x");
        free(message);
        message = desk_call_refused(desk, desk_bus(desk), "UnknownCardType", "Reissue", "ssa{sv}",
                                    desk_reader_name(desk, 0), "", 1, "card-type", "s", "no-such-card");
        free(message);

        job = reissue_as(desk, 0, "ultralight");
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        message = desk_property(desk, job, DESK_JOB, "ErrorMessage");
        ck_assert_msg(strstr(message, "cannot become a card of type ultralight") != NULL, "%s", message);
        ck_assert_msg(strstr(message, "expiry") != NULL, "%s", message);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert_uint_eq(desk_apdu_count(desk, 1), before);
        free(message);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(R10_a_classic_badge_is_reissued_as_a_desfire_one)
{
        const char *const old = "mifare-classic", *const new = "desfire";
        Desk *desk = story_open(2);
        char *job;

        story_issue(desk, 0, old, DESK_T1, fixture_id(old), NULL);
        desk_insert(desk, 1, story_blank(desk, new, DESK_T1, NULL));
        story_wait_reader(desk, 1, "blank");
        job = reissue_as(desk, 0, new);
        story_wait_done(desk, job);
        story_expect_card(desk, 0, old, fixture_id(old));
        story_expect_card(desk, 1, new, fixture_id(old));
        story_expect_record(desk, new, fixture_id(old), "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

/* By either key the record is the USIM's, and has the SIM's subscriber. */
static void expect_led_sim(Desk *desk) {
        const char *const keys[] = { "sim", "usim" };

        for (size_t i = 0; i < ELEMENTS(keys); i++) {
                _command_ record = command_run(
                        desk, DONE, NULL, COMMAND("record", "show", keys[i], fixture_id(keys[i]), "--json"));
                _json_ shown = command_json(record);

                ck_assert_str_eq(command_text(shown, "type"), "usim");
                ck_assert_str_eq(command_text(shown, "id"), fixture_id("usim"));
                ck_assert_str_eq(command_text(json_object_get(shown, "fields"), "imsi"), fixture_id("sim"));
        }
}

/* Over a kill, too. Its record has what the USIM has besides: the number that is to be its ID, and OPc. */
START_TEST(R10_a_sim_is_reissued_as_a_usim_that_has_its_imsi_and_an_id_of_its_own)
{
        const char *const old = "sim", *const new = "usim";
        Desk *desk = story_open(2);
        char *job, *id;

        story_issue(desk, 0, old, DESK_T1, fixture_id(old), NULL);
        job = reissue_as(desk, 0, new);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_kill_daemon(desk);
        desk_start_daemon(desk);
        desk_wait_name(desk);
        desk_insert(desk, 1, story_blank(desk, new, DESK_T1, NULL));
        story_wait_done(desk, job);
        story_expect_card(desk, 0, old, fixture_id(old));
        story_expect_card(desk, 1, new, fixture_id(new));
        id = story_describe(desk, job, "card-id");
        ck_assert_str_eq(id, fixture_id(new));
        story_expect_record(desk, new, fixture_id(new), "issued", 2);
        expect_led_sim(desk);
        free(id);

        /* The SIM still leads to its subscriber, and what is made of it is a USIM with that number. */
        story_request(desk, old, fixture_id(old));
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        desk_insert(desk, 1, story_blank(desk, new, DESK_T1, NULL));
        free(job);
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        story_expect_card(desk, 1, new, fixture_id(new));
        story_expect_record(desk, new, fixture_id(new), "issued", 3);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(icreissuectl_chooses_the_new_cards_type)
{
        Desk *desk = open_upgrade();
        _command_ unknown = command_run(desk, CARD, NULL,
                                        COMMAND("reissue", desk_reader_name(desk, 0),
                                                desk_reader_name(desk, 1), "--card-type", "no-such-card"));
        _command_ done = command_run(desk, DONE, NULL,
                                     COMMAND("reissue", desk_reader_name(desk, 0), desk_reader_name(desk, 1),
                                             "--card-type", STORY_V2, "--request", "--reason", "new badges"));

        command_expect_complaint(unknown, "icreissuectl types");
        command_expect_no_secret(done);
        story_expect_card(desk, 1, STORY_V2, STORY_ID);
        story_expect_record(desk, STORY_V2, STORY_ID, "issued", 2);
        command_expect(desk, USAGE, COMMAND("issue", "--requested", "--card-type", STORY_V2));
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R10_a_badge_is_reissued_as_one_of_another_type_and_its_record_moves_there,
                R10_it_survives_a_kill_before_the_blank_is_written,
                a_record_that_lacks_what_the_new_type_needs_is_refused_with_the_field_and_no_blank_is_touched,
                R10_a_classic_badge_is_reissued_as_a_desfire_one,
                R10_a_sim_is_reissued_as_a_usim_that_has_its_imsi_and_an_id_of_its_own,
                icreissuectl_chooses_the_new_cards_type,
        };

        return story_run("card-type", tests, ELEMENTS(tests), 90);
}
