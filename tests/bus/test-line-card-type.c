/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R10 at a branch: the old card becomes one of another type with the data of the centre, where the record moves; and
 * what the old card's end needs of the record comes over the line too, when the old card is ended, and only then. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "tests/bus/line.h"
#include "tests/bus/mill.h"
#include "tests/unit/card-fixture.h"

#define PIN      "87654321"         /* the record's: what the old badge is ended with */
#define ALL_PINS "3132333435363738" /* bytes */

/* The shipped second badge, but its PIN is the same for all: its record has none. */
static void write_badge_without_pin(Desk *desk) {
        story_change_profile(desk, STORY_V2, "  pin: {", NULL, "  #pin: {");
        story_change_profile(desk, STORY_V2, "{field: pin}", NULL, "\"" ALL_PINS "\"");
        story_change_profile(desk, STORY_V2, "\nblank:", NULL,
                             "\ndiscard:\n"
                             "  - verify-pin: {reference: \"01\", value: \"" ALL_PINS "\"}\n"
                             "  - terminate-card-usage: {}\n"
                             "blank:");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
}

/* As one of the second version, or another; the path is the caller's. */
static char *reissue_as(Desk *desk, const char *card_type, bool discard) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *job;

        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, 0),
                  desk_reader_name(desk, 1), 2, "card-type", "s", card_type, "discard", "b", (int) discard);
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &job), 0);
        return strdup(job);
}

static void insert_second_badge(Desk *desk, const char *serial) {
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, serial));
        story_wait_reader(desk, 1, "blank");
}

START_TEST(R10_a_branch_reissues_a_badge_as_another_type_and_the_record_moves_at_the_centre)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job;

        insert_second_badge(pair->branch, NEW_SERIAL);
        job = reissue_as(pair->branch, STORY_V2, false);
        story_wait_done(pair->branch, job);
        story_expect_card(pair->branch, 0, STORY_V1, STORY_ID);
        story_expect_card(pair->branch, 1, STORY_V2, STORY_ID);
        story_expect_record(pair->centre, STORY_V2, STORY_ID, "issued", 2);
        ck_assert_uint_eq(story_history(pair->centre, STORY_V2, STORY_ID, "issued"), 2);
        ck_assert(!story_in_use(pair->centre, STORY_V2, STORY_ID));
        free(job);

        /* The old badge leads there from the branch too: what is made of it is what the record is now. */
        story_request(pair->branch, STORY_V1, STORY_ID);
        desk_remove(pair->branch, 1);
        story_wait_reader(pair->branch, 1, "empty");
        insert_second_badge(pair->branch, "C3C3C3C3C3C3C3C3");
        job = story_reissue(pair->branch, 0, 1);
        story_wait_done(pair->branch, job);
        story_expect_card(pair->branch, 1, STORY_V2, STORY_ID);
        story_expect_record(pair->centre, STORY_V2, STORY_ID, "issued", 3);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(a_branch_cancels_where_the_record_lacks_what_the_type_needs_and_it_stays_where_it_was)
{
        Pair *pair = pair_open_with_request(NULL);
        unsigned long before = desk_apdu_count(pair->branch, 1);
        char *job = reissue_as(pair->branch, "ultralight", false), *message;

        story_expect_state(pair->branch, job, "done|failed|cancelled", "failed");
        message = desk_property(pair->branch, job, DESK_JOB, "ErrorMessage");
        ck_assert_msg(strstr(message, "cannot become a card of type ultralight") != NULL, "%s", message);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert(!story_in_use(pair->centre, STORY_V1, STORY_ID));
        ck_assert_uint_eq(desk_apdu_count(pair->branch, 1), before);
        free(message);
        free(job);

        /* And can still be made into one that it fits. */
        insert_second_badge(pair->branch, NEW_SERIAL);
        job = reissue_as(pair->branch, STORY_V2, false);
        story_wait_done(pair->branch, job);
        story_expect_record(pair->centre, STORY_V2, STORY_ID, "issued", 2);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(the_old_badge_is_ended_at_the_branch_with_a_field_that_the_new_one_does_not_have)
{
        Pair *pair = pair_open_with_request(NULL);
        char *job;

        write_badge_without_pin(pair->centre);
        write_badge_without_pin(pair->branch);
        insert_second_badge(pair->branch, NEW_SERIAL);
        job = reissue_as(pair->branch, STORY_V2, true);
        mill_wait_advice(pair->branch, job, "Destroy the old card by hand");
        mill_expect_ended(pair->branch, 0);
        story_expect_card(pair->branch, 1, STORY_V2, STORY_ID);
        desk_call_on(pair->branch, desk_bus(pair->branch), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(pair->branch, job);
        story_expect_record(pair->centre, STORY_V2, STORY_ID, "issued", 2);
        free(job);
        pair_close(pair);
}
END_TEST

/* The centre sends what the USIM needs of the SIM's record: by the SIM's names. */
START_TEST(R10_a_branch_reissues_a_sim_as_a_usim_whose_id_the_centres_record_gives)
{
        const char *const old = "sim", *const new = "usim";
        Pair *pair = pair_open(2, NULL, NULL);
        char *job;

        pair_issue(pair, 0, old, fixture_id(old), NULL);
        story_request(pair->centre, old, fixture_id(old));
        desk_insert(pair->branch, 1, story_blank(pair->branch, new, DESK_T1, NULL));
        story_wait_reader(pair->branch, 1, "blank");
        job = reissue_as(pair->branch, new, false);
        story_wait_done(pair->branch, job);
        story_expect_card(pair->branch, 1, new, fixture_id(new));
        story_expect_record(pair->centre, new, fixture_id(new), "issued", 2);
        free(job);
        pair_close(pair);
}
END_TEST

/* Whether the answer to Extract has the PIN. */
static bool extracts_pin(Desk *centre, sd_bus *peer, bool discard) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *data;

        if (discard)
                peer_call(centre, peer, &reply, "Extract", "ssssa{sv}", STORY_V1, STORY_ID, LINE_UUID,
                          STORY_V2, 1, "discard", "b", 1);
        else
                peer_call(centre, peer, &reply, "Extract", "ssssa{sv}", STORY_V1, STORY_ID, LINE_UUID,
                          STORY_V2, 0);
        ck_assert_int_ge(sd_bus_message_read(reply, "s", &data), 0);
        ck_assert_ptr_nonnull(strstr(data, "S0000042")); /* which the new badge needs */
        ck_assert_ptr_null(strstr(data, "\"zone\""));    /* which neither does */
        return strstr(data, PIN);
}

START_TEST(a_field_of_the_old_badges_end_alone_goes_over_the_line_when_it_is_ended_and_not_otherwise)
{
        Pair *pair = pair_open(0, NULL, NULL);
        sd_bus *peer;

        write_badge_without_pin(pair->centre);
        story_enrol(pair->centre, STORY_V1, STORY_ID);
        peer = peer_open(pair->centre, LINE_ACCOUNT);
        ck_assert(!extracts_pin(pair->centre, peer, false));
        ck_assert(extracts_pin(pair->centre, peer, true)); /* asked again by the same job */
        ck_assert(!extracts_pin(pair->centre, peer, false));
        peer_close(peer);
        pair_close(pair);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R10_a_branch_reissues_a_badge_as_another_type_and_the_record_moves_at_the_centre,
                a_branch_cancels_where_the_record_lacks_what_the_type_needs_and_it_stays_where_it_was,
                the_old_badge_is_ended_at_the_branch_with_a_field_that_the_new_one_does_not_have,
                R10_a_branch_reissues_a_sim_as_a_usim_whose_id_the_centres_record_gives,
                a_field_of_the_old_badges_end_alone_goes_over_the_line_when_it_is_ended_and_not_otherwise,
        };

        return story_run("line-card-type", tests, ELEMENTS(tests), 120);
}
