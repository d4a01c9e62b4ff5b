/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The card, or the reader with it, pulled at every single APDU of a reissue: the card is finished when it comes back,
 * the count is right, no card is spoiled. */
#include "tests/bus/story.h"

#include <stdio.h>
#include <string.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"

typedef struct Pull {
        const char *type;
        DeskManner manner;
        DeskMoment moment;
        bool reader; /* the reader is unplugged, not the card taken out */
} Pull;

/* Holds when the job has lost its card, or is done. */
static bool lost_or_done(Desk *desk, void *job) {
        char *state = desk_property(desk, job, DESK_JOB, "State");
        bool holds = strcmp(state, "done") == 0 ||
                     strcmp(state, "failed") == 0 || /* finish() says what is wrong */
                     (strcmp(state, "waiting-for-blank") == 0 &&
                      (!desk_is_plugged(desk, 1) || !desk_has_card(desk, 1)));

        free(state);
        return holds;
}

static void put_back(Desk *desk, const Pull *pull, const char *card) {
        if (pull->reader) {
                desk_wait_reader(desk, 1, false);
                desk_plug_reader(desk, 1);
                return;
        }

        desk_wait_card(desk, 1, false);
        desk_insert(desk, 1, card);
}

static bool is_done(Desk *desk, const char *job) {
        char *state = desk_property(desk, job, DESK_JOB, "State");
        bool done = strcmp(state, "done") == 0;

        free(state);
        return done;
}

/* The job has lost its card: it is finished when the card is back. */
static void finish(Desk *desk, const Pull *pull, const char *card, const char *job, unsigned number) {
        put_back(desk, pull, card);
        story_wait_done(desk, job);
        if (story_describe_count(desk, job, "spoiled") != 0)
                desk_fail(desk, "A card was spoiled by a pull at APDU %u.", number);

        story_expect_record(desk, pull->type, STORY_ID, "issued", number + 1);
        story_wait_reader(desk, 1, "ready");
        story_expect_card(desk, 1, pull->type, STORY_ID);
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
}

/* Reissues onto a fresh blank and pulls at the number-th APDU. Returns whether the reissue had such an APDU. */
static bool pull_at(Desk *desk, const Pull *pull, unsigned number) {
        char serial[17], *job;
        const char *card;
        bool done;

        snprintf(serial, sizeof(serial), "%016X", number);
        card = story_blank(desk, pull->type, pull->manner, serial);
        story_request(desk, pull->type, STORY_ID);
        desk_insert(desk, 1, card);
        story_wait_reader(desk, 1, "blank");
        if (pull->reader)
                desk_unplug_at(desk, 1, number, pull->moment);
        else
                desk_remove_at(desk, 1, number, pull->moment);

        job = story_reissue(desk, 0, -1);
        desk_wait(desk, "the card to be lost, or the job to be done", lost_or_done, job);
        done = is_done(desk, job);
        if (!done)
                finish(desk, pull, card, job, number);

        free(job);
        return !done;
}

static void pull_at_every_apdu(const Pull *pull) {
        Desk *desk = story_open(2);
        unsigned number = 1;

        story_issue(desk, 0, pull->type, pull->manner, STORY_ID, OLD_SERIAL);
        while (pull_at(desk, pull, number)) {
                desk_extend(desk, 60);
                number++;
        }

        ck_assert_uint_ge(number, 25); /* a reissue has more APDUs than that */
        desk_close(desk);
}

START_TEST(a_card_pulled_before_any_apdu_of_a_reissue_is_finished_when_it_comes_back)
{ pull_at_every_apdu(&(Pull){ .type = STORY_V1, .manner = DESK_T1, .moment = DESK_BEFORE }); }
END_TEST

START_TEST(a_card_pulled_after_any_apdu_of_a_reissue_is_finished_when_it_comes_back)
{ pull_at_every_apdu(&(Pull){ .type = STORY_V1, .manner = DESK_T0, .moment = DESK_AFTER }); }
END_TEST

START_TEST(a_card_whose_files_are_created_is_finished_after_a_pull_at_any_apdu)
{ pull_at_every_apdu(&(Pull){ .type = STORY_V2, .manner = DESK_T1, .moment = DESK_AFTER }); }
END_TEST

START_TEST(a_reader_unplugged_at_any_apdu_of_a_reissue_loses_nothing)
{ pull_at_every_apdu(&(Pull){ .type = STORY_V1, .manner = DESK_T1, .moment = DESK_AFTER, .reader = true }); }
END_TEST

/* The old card: pulled at every APDU of its readout, it is read when it comes back. */
START_TEST(an_old_card_pulled_while_it_is_read_is_read_when_it_comes_back)
{
        Desk *desk = story_open(2);
        const char *card = story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);

        for (unsigned number = 1;; number++) {
                char *job;
                bool pulled;

                desk_extend(desk, 60);
                desk_remove(desk, 0);
                story_wait_reader(desk, 0, "empty");
                story_request(desk, STORY_V1, STORY_ID);
                job = story_reissue(desk, 0, 1);
                story_wait_state(desk, job, "waiting-for-card");
                desk_remove_at(desk, 0, number, DESK_AFTER);
                desk_insert(desk, 0, card);
                free(desk_wait_property(desk, job, DESK_JOB, "State", "reading|waiting-for-blank"));
                free(desk_wait_property(desk, job, DESK_JOB, "State", "waiting-for-card|waiting-for-blank"));
                pulled = !desk_has_card(desk, 0);
                desk_remove_at(desk, 0, 0, DESK_AFTER);
                if (pulled) {
                        desk_wait_card(desk, 0, false);
                        desk_insert(desk, 0, card);
                }

                story_wait_state(desk, job, "waiting-for-blank");
                story_cancel(desk, job);
                desk_call(desk, desk_bus(desk), NULL, "WithdrawRequest", "ss", STORY_V1, STORY_ID);
                free(job);
                if (!pulled) {
                        ck_assert_uint_ge(number, 4);
                        break;
                }
        }

        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_card_pulled_before_any_apdu_of_a_reissue_is_finished_when_it_comes_back,
                a_card_pulled_after_any_apdu_of_a_reissue_is_finished_when_it_comes_back,
                a_card_whose_files_are_created_is_finished_after_a_pull_at_any_apdu,
                a_reader_unplugged_at_any_apdu_of_a_reissue_loses_nothing,
                an_old_card_pulled_while_it_is_read_is_read_when_it_comes_back,
        };

        return story_run("pull", tests, sizeof(tests) / sizeof(tests[0]), 600);
}
