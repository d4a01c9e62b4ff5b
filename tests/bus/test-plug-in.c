/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plug in a reader, and it reissues: automatic mode with readers that have roles, and why it does not; the service leaves
 * when nobody needs it; readers, cards and pcscd that come and go as they please. */
#include "tests/bus/story.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SLOTS      16
#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

/* "old" is for old cards, "new" for blanks. */
static Desk *open_with_roles(const char *automatic) {
        Desk *desk = story_open_closed(2);
        char text[256];

        snprintf(text, sizeof(text),
                 "readers:\n"
                 "  - {name: old, match: \"*(01)*\", role: source}\n"
                 "  - {name: new, match: \"*(02)*\", role: target}\n"
                 "automatic: %s\n",
                 automatic);
        desk_write(desk, "config/icreissue.yaml", text);
        story_start(desk, 2);
        return desk;
}

/* Issues the story's card in "new", and takes it out. */
static const char *issue_and_take(Desk *desk) {
        const char *card = story_issue(desk, 1, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        return card;
}

static void expect_refusal(Desk *desk, const char *error) {
        sd_bus_message *signal = desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "AutomaticRefused");
        const char *reader, *name, *message;
        char expected[128];

        ck_assert_int_ge(sd_bus_message_read(signal, "oss", &reader, &name, &message), 0);
        snprintf(expected, sizeof(expected), DESK_INTERFACE ".Error.%s", error);
        ck_assert_str_eq(name, expected);
        ck_assert_ptr_null(strstr(message, STORY_ID));
        sd_bus_message_unref(signal);
}

static unsigned times_in_log(Desk *desk, const char *text) {
        char *log = desk_daemon_log(desk);
        unsigned times = 0;

        for (const char *at = log; (at = strstr(at, text)); at++)
                times++;
        free(log);
        return times;
}

START_TEST(inserting_is_requesting_where_the_administrator_has_chosen_so)
{
        Desk *desk = open_with_roles("request");
        const char *old = issue_and_take(desk);

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        desk_forget_signals(desk);
        desk_insert(desk, 0, old);
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued"));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        story_expect_card(desk, 1, STORY_V1, STORY_ID);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "requested"), 1);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_in_the_reader_for_blanks_begins_nothing)
{
        Desk *desk = open_with_roles("yes");
        const char *old = issue_and_take(desk);

        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, old);
        story_wait_reader(desk, 1, "ready");
        desk_call(desk, desk_bus(desk), NULL, "ReadCard", "s", "new");
        ck_assert(!story_in_use(desk, STORY_V1, STORY_ID));
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        ck_assert(!story_in_use(desk, STORY_V1, STORY_ID));
        desk_insert(desk, 0, old);
        free(desk_wait_object(desk, DESK_JOB, "State", "waiting-for-blank"));
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_cannot_be_reissued_says_why_once)
{
        Desk *desk = open_with_roles("yes");
        const char *old = issue_and_take(desk);

        desk_insert(desk, 0, old);
        expect_refusal(desk, "NotRequested");
        /* Looked at again, the card is the same one. */
        desk_call(desk, desk_bus(desk), NULL, "ReadCard", "s", "old");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        desk_call(desk, desk_bus(desk), NULL, "ReadCard", "s", "old");
        ck_assert_uint_eq(times_in_log(desk, "The card in old is not reissued"), 1);

        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_call(desk, desk_bus(desk), NULL, "RemoveRecord", "ss", STORY_V1, STORY_ID);
        desk_insert(desk, 0, old);
        expect_refusal(desk, "NoRecord");
        ck_assert_uint_eq(times_in_log(desk, "The card in old is not reissued"), 2);

        desk_close(desk);
}
END_TEST

/* Readers and cards that come and go at random while a pcscd comes and goes: at the end all is as it should be. */
START_TEST(readers_cards_and_pcscd_come_and_go_as_they_please)
{
        bool nightly = getenv("ICREISSUE_NIGHTLY") != NULL;
        Desk *desk = desk_open(&(DeskOptions){ .readers = SLOTS, .seconds = nightly ? 600 : 60 });
        unsigned turns = nightly ? 4000 : 120, seed = 20260701;
        const char *cards[SLOTS];
        bool inside[SLOTS] = {};

        story_start(desk, SLOTS);
        for (unsigned slot = 0; slot < SLOTS; slot++)
                cards[slot] = story_blank(desk, STORY_V1, slot % 2 ? DESK_T1 : DESK_T0, NULL);
        for (unsigned turn = 0; turn < turns; turn++) {
                unsigned slot = (unsigned) rand_r(&seed) % SLOTS;

                if (turn % 60 == 30) {
                        desk_stop_pcscd(desk);
                        desk_start_pcscd(desk);
                } else if (rand_r(&seed) % 8 == 0) {
                        desk_unplug_reader(desk, slot);
                        desk_plug_reader(desk, slot);
                } else if (inside[slot]) {
                        desk_remove(desk, slot);
                        inside[slot] = false;
                } else {
                        desk_insert(desk, slot, cards[slot]);
                        inside[slot] = true;
                }
        }
        for (unsigned slot = 0; slot < SLOTS; slot++)
                story_wait_reader(desk, slot, inside[slot] ? "blank" : "empty");
        desk_stop_daemon(desk);
        desk_close(desk);
}
END_TEST

START_TEST(the_service_leaves_when_nobody_needs_it)
{
        Desk *desk = desk_open(&(DeskOptions){ .readers = 0 });
        int status;

        desk_write(desk, "config/icreissue.yaml", "idle-exit: 1\n");
        desk_start_daemon(desk);
        status = desk_wait_daemon_end(desk);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                inserting_is_requesting_where_the_administrator_has_chosen_so,
                a_card_in_the_reader_for_blanks_begins_nothing,
                a_card_that_cannot_be_reissued_says_why_once,
                readers_cards_and_pcscd_come_and_go_as_they_please,
                the_service_leaves_when_nobody_needs_it,
        };

        return story_run("plug-in", tests, sizeof(tests) / sizeof(tests[0]), 660);
}
