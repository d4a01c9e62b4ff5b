/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The desktop's notices, from the daemon to the notification server: icreissue-notify as the session's bus starts it, a
 * played server whose every call is seen, and dunst under Xvfb as a real one. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

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

START_TEST(R12_a_job_asks_for_a_blank_and_a_reissued_card_is_told_with_its_count)
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
        ck_assert_str_eq(shown->icon, "icreissue-done");
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

static bool has_changed(Session *session, void *userdata) {
        return session_shown(session, *(uint32_t *) userdata)->changes > 0;
}

START_TEST(a_prompt_changes_in_its_place_and_a_failure_is_critical)
{
        char *job;
        Session *session = open_waiting(&job);
        uint32_t prompt = session_wait_shown(session, INSERT_BLANK)->id;
        const Shown *shown;

        desk_insert(session->desk, 0, story_blank(session->desk, STORY_V2, DESK_T1, STORY_SERIAL));
        session_wait(session, "the refusal", has_changed, &prompt);
        shown = session_shown(session, prompt);
        ck_assert_ptr_nonnull(strstr(shown->body, "staff-v2"));
        ck_assert_ptr_nonnull(strstr(shown->body, "\nPut a blank staff-v1 card into"));
        ck_assert_uint_eq(session->count, 1);

        swap(session->desk, story_blank(session->desk, STORY_V1, DESK_T1, NEW_SERIAL));
        session_wait_closed(session, prompt);
        story_wait_done(session->desk, job);
        free(job);
        job = story_reissue(session->desk, 0, -1); /* nobody has requested it */
        shown = session_wait_shown(session, "Job 2 (reissue) has failed");
        ck_assert_ptr_nonnull(strstr(shown->body, "icreissuectl job retry 2"));
        ck_assert_str_eq(shown->icon, "dialog-error");
        ck_assert_str_eq(shown->category, "device.error");
        ck_assert_uint_eq(shown->urgency, 2);
        close_waiting(session, job);
}
END_TEST

START_TEST(what_automatic_mode_refuses_is_told_until_the_card_goes)
{
        Desk *desk = story_open_closed(1);
        Session *session = session_open(desk);
        const Shown *shown;
        const char *card;

        desk_write(desk, "config/icreissue.yaml", "automatic: yes\n");
        story_start(desk, 1);
        card = story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, STORY_SERIAL);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        session_serve(session);
        session_start_notify(session);
        story_enrol(desk, STORY_V1, "00000002");
        free(story_start_issue(desk, STORY_V1, "00000002", -1));
        session_wait_shown(session, INSERT_BLANK); /* it listens */
        desk_insert(desk, 0, card);
        shown = session_wait_shown(session, "Card not reissued");
        ck_assert_ptr_nonnull(strstr(shown->body, "request"));
        ck_assert_str_eq(shown->icon, "dialog-warning");
        ck_assert_uint_eq(shown->urgency, 1);
        desk_remove(desk, 0);
        session_wait_closed(session, shown->id);
        session_close(session);
        desk_close(desk);
}
END_TEST

START_TEST(a_server_that_comes_late_or_anew_is_told_what_still_matters)
{
        char *job;
        Session *session = open_waiting(&job);
        uint32_t first;

        session_stop_serving(session);
        desk_insert(session->desk, 0, story_blank(session->desk, STORY_V1, DESK_T1, STORY_SERIAL));
        story_wait_done(session->desk, job);
        story_request(session->desk, STORY_V1, STORY_ID);
        free(job);
        job = story_reissue(session->desk, 0, 0);
        story_wait_state(session->desk, job, "waiting-for-blank");
        free(desk_wait_property(session->desk, job, DESK_JOB, "Advice",
                                "Take the old card out of " READER " and put a blank staff-v1 card in."));
        session_serve(session);
        session_wait_shown(session, "Card " STORY_ID " issued, issue no. 1");
        first = session_wait_shown(session, INSERT_BLANK)->id;

        session_stop_serving(session);
        session->last_id += 100; /* another server's numbers */
        session_serve(session);
        ck_assert_uint_ne(session_wait_shown(session, INSERT_BLANK)->id, first);
        for (size_t i = 0; i < session->count; i++) /* news are told once */
                ck_assert(session->shown[i].closed || strcmp(session->shown[i].summary, INSERT_BLANK) == 0);
        close_waiting(session, job);
}
END_TEST

START_TEST(a_receipt_that_is_not_printed_is_told_beside_the_card)
{
        Desk *desk = story_open_closed(1);
        Session *session = session_open(desk);
        const Shown *shown;
        char *job;

        desk_write(desk, "config/icreissue.yaml", "receipt: true\nreceipt-printer: nowhere\n");
        story_start(desk, 1);
        session_serve(session);
        session_start_notify(session);
        story_enrol(desk, STORY_V1, STORY_ID);
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        session_wait_shown(session, INSERT_BLANK);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, STORY_SERIAL));
        session_wait_shown(session, "Card " STORY_ID " issued, issue no. 1");
        shown = session_wait_shown(session, "The receipt is not printed");
        ck_assert_ptr_nonnull(strstr(shown->body, "icreissuectl receipt 1"));
        ck_assert_uint_eq(shown->urgency, 1);
        close_waiting(session, job);
}
END_TEST

START_TEST(the_service_ends_when_it_is_idle_however_long_it_is_watched)
{
        Desk *desk = desk_open(&(DeskOptions){ .readers = 0 });
        Session *session = session_open(desk);
        int status;

        desk_write(desk, "config/icreissue.yaml", "idle-exit: 1\n");
        session_serve(session);
        session_start_notify(session);
        desk_start_daemon(desk);
        status = desk_wait_daemon_end(desk);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        session_close(session);
        desk_close(desk);
}
END_TEST

/* --- a real server --- */

typedef struct Screen {
        Session *session;
        Process server, dunst;
} Screen;

static int call_dunst(Session *session, const char *member, sd_bus_message **reply) {
        return sd_bus_call_method(session->bus, "org.freedesktop.Notifications",
                                  "/org/freedesktop/Notifications", "org.dunstproject.cmd0", member, NULL,
                                  reply, "");
}

static bool is_serving(Session *session, void *userdata) {
        (void) userdata;
        return call_dunst(session, "Ping", NULL) >= 0;
}

static Screen open_screen(Session *session) {
        char *screen[] = { "Xvfb",      ":7",   "-screen",    "0", "640x400x24", "-nolock",
                           "-nolisten", "unix", "-displayfd", "1", NULL };
        char *dunst[] = { "dunst", "-conf", (char *) desk_path(session->desk, "dunstrc"), NULL };
        char *environment[] = { "DISPLAY=:7", NULL, NULL };
        Screen opened = { .session = session };
        char *address;
        int pipe;

        ck_assert_int_ge(asprintf(&address, "DBUS_SESSION_BUS_ADDRESS=%s", session->address), 0);
        environment[1] = desk_keep(session->desk, address);
        desk_write(session->desk, "dunstrc", "[global]\nfont = DejaVu Sans 11\nidle_threshold = 0\n");
        process_start(session->desk, &opened.server, "Xvfb", &pipe, NULL, screen);
        free(process_line(session->desk, "Xvfb", pipe));
        process_start(session->desk, &opened.dunst, "dunst", NULL, environment, dunst);
        session_ask_until(session, "dunst", is_serving, NULL);
        return opened;
}

static void close_screen(Screen *screen) {
        process_end(screen->session->desk, &screen->dunst, SIGTERM);
        process_end(screen->session->desk, &screen->server, SIGTERM);
}

/* How many notices dunst shows, and how many it has shown: it tells nobody by itself. */
typedef struct Numbers {
        uint32_t displayed, past;
} Numbers;

static uint32_t number_of(Session *session, const char *property) {
        uint32_t number = UINT32_MAX;

        (void) sd_bus_get_property_trivial(session->bus, "org.freedesktop.Notifications",
                                           "/org/freedesktop/Notifications", "org.dunstproject.cmd0",
                                           property, NULL, 'u', &number);
        return number;
}

static bool displays(Session *session, void *userdata) {
        const Numbers *numbers = userdata;

        return number_of(session, "displayedLength") == numbers->displayed &&
               number_of(session, "historyLength") == numbers->past;
}

/* What was shown and is closed by now, as `dunstctl history` prints it: {"data": [[{"summary": {"data": ...}}]]}. */
static json_t *history(Session *session) {
        char command[512];
        json_t *answer;
        FILE *pipe;

        snprintf(command, sizeof(command), "DBUS_SESSION_BUS_ADDRESS='%s' dunstctl history",
                 session->address);
        pipe = popen(command, "re");
        ck_assert_ptr_nonnull(pipe);
        answer = json_loadf(pipe, 0, NULL);
        ck_assert_int_eq(pclose(pipe), 0);
        ck_assert_ptr_nonnull(answer);
        return answer;
}

static const char *history_text(const json_t *history, size_t i, const char *member) {
        const json_t *notices = json_array_get(json_object_get(history, "data"), 0);

        return json_string_value(
                json_object_get(json_object_get(json_array_get(notices, i), member), "data"));
}

START_TEST(a_notification_server_shows_the_prompt_and_then_the_reissued_card)
{
        Desk *desk = story_open(1);
        Session *session = session_open(desk);
        Screen screen = open_screen(session);
        json_t *told;
        char *job;

        session_start_notify(session);
        story_enrol(desk, STORY_V1, STORY_ID);
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        session_ask_until(session, "the prompt", displays, &(Numbers){ 1, 0 });
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, STORY_SERIAL));
        story_wait_done(desk, job);
        session_ask_until(session, "the reissued card", displays, &(Numbers){ 1, 1 });
        ck_assert_int_ge(call_dunst(session, "NotificationCloseAll", NULL), 0);
        session_ask_until(session, "the end", displays, &(Numbers){ 0, 2 });

        told = history(session); /* the latest first */
        ck_assert_str_eq(history_text(told, 0, "summary"), "Card " STORY_ID " issued, issue no. 1");
        ck_assert_str_eq(history_text(told, 0, "body"), "Type staff-v1");
        ck_assert_str_eq(history_text(told, 0, "category"), "x-icreissue.reissued");
        ck_assert_str_eq(history_text(told, 1, "summary"), INSERT_BLANK);
        ck_assert_str_eq(history_text(told, 1, "body"), "Put a blank staff-v1 card into any target reader.");
        ck_assert_ptr_null(history_text(told, 2, "summary"));
        json_decref(told);
        free(job);
        close_screen(&screen);
        session_close(session);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R12_a_job_asks_for_a_blank_and_a_reissued_card_is_told_with_its_count,
                a_prompt_changes_in_its_place_and_a_failure_is_critical,
                what_automatic_mode_refuses_is_told_until_the_card_goes,
                a_server_that_comes_late_or_anew_is_told_what_still_matters,
                a_receipt_that_is_not_printed_is_told_beside_the_card,
                the_service_ends_when_it_is_idle_however_long_it_is_watched,
                a_notification_server_shows_the_prompt_and_then_the_reissued_card,
        };

        return story_run("notify", tests, sizeof(tests) / sizeof(tests[0]), 60);
}
