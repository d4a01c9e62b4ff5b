/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kill -9 of the daemon: in every state of a job, and at every APDU of a reissue; and of pcscd. The job goes on after the
 * restart; the flag, the count and the card agree at the end. SIGTERM parks the card operation and loses nothing either. */
#include "tests/bus/story.h"

#include <stdio.h>
#include <string.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static void restart(Desk *desk) {
        story_start(desk, 2);
}

static Desk *open_with_request(void) {
        Desk *desk = story_open(2);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        return desk;
}

static void expect_reissued(Desk *desk, const char *job) {
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "issued"), 2);
        story_wait_reader(desk, 1, "ready");
        story_expect_card(desk, 1, STORY_V1, STORY_ID);
}

START_TEST(killed_while_it_waits_for_the_old_card)
{
        Desk *desk = open_with_request();
        char *job;

        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        job = story_reissue(desk, 0, 1);
        story_wait_state(desk, job, "waiting-for-card");
        desk_kill_daemon(desk);
        restart(desk);
        story_wait_state(desk, job, "waiting-for-card");
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(killed_while_it_waits_for_a_blank)
{
        Desk *desk = open_with_request();
        char *job = story_reissue(desk, 0, 1);

        story_wait_state(desk, job, "waiting-for-blank");
        desk_kill_daemon(desk);
        restart(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 2);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        expect_reissued(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

typedef struct State {
        const char *job;
        const char *state;
} State;

static bool state_is(Desk *desk, void *userdata) {
        const State *wanted = userdata;
        char *state = desk_property(desk, wanted->job, DESK_JOB, "State");
        bool is = strcmp(state, wanted->state) == 0 || strcmp(state, "done") == 0 ||
                  strcmp(state, "failed") == 0;

        free(state);
        return is;
}

/* The states that last only as long as their work: the card is made slow, so that the kill hits them. */
static void kill_in_state(const char *state) {
        Desk *desk = open_with_request();
        char *job;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        free(desk_slot_command(desk, 1, "delay 20"));
        job = story_reissue(desk, 0, 1);
        desk_wait(desk, state, state_is, &(State){ .job = job, .state = state });
        desk_kill_daemon(desk);
        restart(desk);
        expect_reissued(desk, job);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
        free(job);
        desk_close(desk);
}

START_TEST(killed_while_it_extracts)
{ kill_in_state("extracting"); }
END_TEST

START_TEST(killed_while_it_writes)
{ kill_in_state("writing"); }
END_TEST

START_TEST(killed_while_it_verifies)
{ kill_in_state("verifying"); }
END_TEST

START_TEST(killed_while_it_records)
{ kill_in_state("recording"); }
END_TEST

START_TEST(killed_when_it_is_done)
{ kill_in_state("done"); }
END_TEST

static void kill_daemon(Desk *desk, const char *job) {
        (void) job;
        desk_kill_daemon(desk);
        desk_release_card(desk, 1);
        restart(desk);
}

/* The job waits until there is a reader again. */
static void kill_pcscd(Desk *desk, const char *job) {
        desk_kill_pcscd(desk);
        desk_release_card(desk, 1);
        story_wait_error(desk, job, "NoReader");
        desk_start_pcscd(desk);
}

/* Reissues onto a fresh blank and kills while the number-th APDU is under way. */
static void kill_at(Desk *desk, unsigned number, DeskMoment moment,
                    void (*victim)(Desk *desk, const char *job)) {
        uint32_t before = story_count(desk, STORY_V1, STORY_ID);
        char serial[17], *job;

        snprintf(serial, sizeof(serial), "%016X", number);
        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, serial));
        story_wait_reader(desk, 1, "blank");
        desk_hold_at(desk, 1, number, moment);
        job = story_reissue(desk, 0, 1);
        desk_wait_held(desk, 1);
        victim(desk, job);
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", before + 1);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
        story_wait_reader(desk, 1, "ready");
        story_expect_card(desk, 1, STORY_V1, STORY_ID);
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        free(job);
}

/* How many APDUs a reissue sends to the blank: what has come until the finished card was looked at, less such a look. */
static unsigned count_apdus(Desk *desk) {
        unsigned long before, after, look;
        char *job;

        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NULL));
        story_wait_reader(desk, 1, "blank");
        before = desk_apdu_count(desk, 1);
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        story_wait_reader(desk, 1, "ready");
        after = desk_apdu_count(desk, 1);
        story_expect_card(desk, 1, STORY_V1, STORY_ID);
        look = desk_apdu_count(desk, 1) - after;
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        free(job);
        return (unsigned) (after - before - look);
}

static void kill_at_every_apdu(DeskMoment moment) {
        Desk *desk = story_open(2);
        unsigned count;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        count = count_apdus(desk);
        ck_assert_uint_ge(count, 25);
        for (unsigned number = 1; number <= count; number++) {
                desk_extend(desk, 60);
                kill_at(desk, number, moment, kill_daemon);
        }

        desk_close(desk);
}

START_TEST(killed_before_any_apdu_of_a_reissue_the_card_is_finished)
{ kill_at_every_apdu(DESK_BEFORE); }
END_TEST

START_TEST(killed_after_any_apdu_of_a_reissue_the_card_is_finished)
{ kill_at_every_apdu(DESK_AFTER); }
END_TEST

/* By day at every fifth, before and after it in turn. */
START_TEST(when_pcscd_is_killed_at_any_apdu_of_a_reissue_the_job_goes_on_with_the_next_one)
{
        unsigned step = getenv("ICREISSUE_NIGHTLY") ? 1 : 5, count;
        Desk *desk = story_open(2);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        count = count_apdus(desk);
        for (unsigned number = 1; number <= count; number += step) {
                desk_extend(desk, 60);
                kill_at(desk, number, number / step % 2 ? DESK_BEFORE : DESK_AFTER, kill_pcscd);
        }

        desk_close(desk);
}
END_TEST

/* As a desk whose key ring was lost with the power. */
START_TEST(a_half_written_card_waits_for_the_key_that_is_missing_and_is_not_spoiled)
{
        Desk *desk = open_with_request();
        char *job;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        desk_hold_at(desk, 1, 14, DESK_BEFORE);
        job = story_reissue(desk, 0, 1);
        desk_wait_held(desk, 1);
        desk_kill_daemon(desk);
        desk_release_card(desk, 1);

        desk_write(desk, "config/key-ring.yaml", "another: \"00\"\n");
        restart(desk);
        story_wait_error(desk, job, "ProfileInvalid");
        desk_wait(desk, "waiting-for-blank", state_is, &(State){ .job = job, .state = "waiting-for-blank" });
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);

        desk_kill_daemon(desk);
        story_write_transport_code(desk, "3132333435363738");
        restart(desk);
        expect_reissued(desk, job);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(killed_when_retry_is_answered_the_job_is_begun_anew)
{
        Desk *desk = story_open(2);
        char *job, *state;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        job = story_reissue(desk, 0, 1); /* nobody has requested it */
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_request(desk, STORY_V1, STORY_ID);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        state = desk_property(desk, job, DESK_JOB, "State");
        ck_assert_str_ne(state, "failed");
        desk_kill_daemon(desk);
        restart(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        expect_reissued(desk, job);
        free(state);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(sigterm_parks_the_card_and_the_next_start_finishes_it)
{
        Desk *desk = open_with_request();
        char *job;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        free(desk_slot_command(desk, 1, "delay 20"));
        job = story_reissue(desk, 0, 1);
        desk_wait(desk, "writing", state_is, &(State){ .job = job, .state = "writing" });
        desk_stop_daemon(desk); /* expects exit status 0 */
        restart(desk);
        expect_reissued(desk, job);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                killed_while_it_waits_for_the_old_card,
                killed_while_it_waits_for_a_blank,
                killed_while_it_extracts,
                killed_while_it_writes,
                killed_while_it_verifies,
                killed_while_it_records,
                killed_when_it_is_done,
                killed_before_any_apdu_of_a_reissue_the_card_is_finished,
                killed_after_any_apdu_of_a_reissue_the_card_is_finished,
                when_pcscd_is_killed_at_any_apdu_of_a_reissue_the_job_goes_on_with_the_next_one,
                a_half_written_card_waits_for_the_key_that_is_missing_and_is_not_spoiled,
                killed_when_retry_is_answered_the_job_is_begun_anew,
                sigterm_parks_the_card_and_the_next_start_finishes_it,
        };

        return story_run("kill", tests, sizeof(tests) / sizeof(tests[0]), 300);
}
