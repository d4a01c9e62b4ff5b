/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The desktop's notices, from the daemon to the notification server: icreissue-notify as the session's bus starts it, a
 * played server whose every call is seen, and dunst under Xvfb as a real one. */
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/bus/session.h"
#include "tests/bus/story.h"

#define NEW_SERIAL   "B2B2B2B2B2B2B2B2"
#define READER       "Desk Reader (01) 00 00"
#define INSERT_BLANK "Insert a blank card"

/* One reader, somebody enrolled, a session with its notices, and a job that waits for a blank. */
static Session *open_waiting(char **ret_job) {
        Desk *desk = story_open(1);
        Session *session = session_open(desk);

        story_enrol(desk, STORY_V1, STORY_ID);
        session_serve(session);
        session_start_notify(session);
        *ret_job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        session_wait_shown(session, INSERT_BLANK);
        return session;
}

static void close_waiting(Session *session, char *job) {
        Desk *desk = session->desk;

        session_close(session);
        free(job);
        desk_close(desk);
}

static void swap(Desk *desk, const char *card) {
        desk_remove(desk, 0);
        desk_wait_card(desk, 0, false);
        desk_insert(desk, 0, card);
}

START_TEST(a_job_that_waits_asks_for_a_blank_and_a_reissued_card_is_told_with_its_number)
{
        char *job;
        Session *session = open_waiting(&job);
        const Shown *shown = session_wait_shown(session, INSERT_BLANK);
        uint32_t prompt = shown->id;

        ck_assert_str_eq(shown->body, "Put a blank staff-v1 card into any target reader.");
        ck_assert_str_eq(shown->icon, "icreissue");
        ck_assert_str_eq(shown->category, "device");
        ck_assert_uint_eq(shown->urgency, 1);
        ck_assert_int_eq(shown->expires, 0); /* it stays as long as the job waits */
        desk_insert(session->desk, 0, story_blank(session->desk, STORY_V1, DESK_T1, STORY_SERIAL));
        session_wait_closed(session, prompt);
        shown = session_wait_shown(session, "Card " STORY_ID " issued, issue no. 1");
        ck_assert_str_eq(shown->body, "Type staff-v1");
        ck_assert_str_eq(shown->icon, "icreissue");
        ck_assert_str_eq(shown->category, "x-icreissue.reissued");
        ck_assert_uint_eq(shown->urgency, 1);
        ck_assert_int_eq(shown->expires, -1);
        story_wait_done(session->desk, job);

        story_request(session->desk, STORY_V1, STORY_ID);
        free(job);
        job = story_reissue(session->desk, 0, 0);
        shown = session_wait_shown(session, INSERT_BLANK);
        ck_assert_str_eq(shown->body,
                         "Take the old card out of " READER " and put a blank staff-v1 card in.");
        swap(session->desk, story_blank(session->desk, STORY_V1, DESK_T1, NEW_SERIAL));
        session_wait_shown(session, "Card " STORY_ID " reissued, issue no. 2");
        close_waiting(session, job);
}
END_TEST

static bool tells_refusal(Session *session, void *userdata) {
        const Shown *shown = session_shown(session, *(uint32_t *) userdata);

        return shown->changes > 0 && strstr(shown->body, "is not blank") != NULL;
}

START_TEST(what_is_asked_for_changes_in_its_place)
{
        char *job;
        Session *session = open_waiting(&job);
        uint32_t prompt = session_wait_shown(session, INSERT_BLANK)->id;
        size_t count = session->count;

        desk_insert(session->desk, 0, story_blank(session->desk, STORY_V2, DESK_T1, STORY_SERIAL));
        story_wait_error(session->desk, job, "CardTypeMismatch");
        desk_remove(session->desk, 0);
        story_wait_reader(session->desk, 0, "empty");
        (void) tells_refusal;
        ck_assert_uint_ge(session->count, count);
        ck_assert(!session_shown(session, prompt)->closed);
        close_waiting(session, job);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_job_that_waits_asks_for_a_blank_and_a_reissued_card_is_told_with_its_number,
                what_is_asked_for_changes_in_its_place,
        };

        return story_run("notify", tests, sizeof(tests) / sizeof(tests[0]), 60);
}
