/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine may not fall asleep over a half-written card. logind itself needs a booted system: here a process plays
 * the one method and the one signal of it that count (org.freedesktop.login1, systemd 252). */
#include "tests/apart.h"
#include "tests/bus/story.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define LOGIND "org.freedesktop.login1"
#define SERIAL "A1A1A1A1A1A1A1A1"

typedef struct Logind {
        sd_bus *bus;
        sd_event *event;
        char answer; /* 'h' held, 'x' refused, 'e' an empty one */
        int tell;    /* 'n' name owned, an answer, 'r' released */
} Logind;

static void tell(Logind *logind, char what) {
        if (write(logind->tell, &what, 1) != 1)
                _exit(1);
}

static int on_released(sd_event_source *source, int descriptor, uint32_t events, void *userdata) {
        (void) events;
        close(descriptor);
        sd_event_source_disable_unref(source);
        tell(userdata, 'r');
        return 0;
}

static int method_inhibit(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Logind *logind = userdata;
        const char *what, *who, *why, *mode;
        int ends[2], r;

        r = sd_bus_message_read(message, "ssss", &what, &who, &why, &mode);
        /* More at once would be refused: polkit is asked for another action then. */
        if (r < 0 || strcmp(mode, "delay") != 0 || strcmp(what, "sleep") != 0)
                _exit(1);

        tell(logind, logind->answer);
        if (logind->answer == 'x')
                return sd_bus_error_set(error, LOGIND ".OperationInProgress", "Going to sleep.");
        if (logind->answer == 'e')
                return sd_bus_reply_method_return(message, NULL);
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                _exit(1);

        sd_event_add_io(logind->event, NULL, ends[0], EPOLLIN, on_released, logind);
        r = sd_bus_reply_method_return(message, "h", ends[1]);
        close(ends[1]);
        return r;
}

#define LOGIND_VTABLE(name, result) \
        static const sd_bus_vtable name[] = { \
                SD_BUS_VTABLE_START(0), \
                SD_BUS_METHOD("Inhibit", "ssss", result, method_inhibit, SD_BUS_VTABLE_UNPRIVILEGED), \
                SD_BUS_SIGNAL("PrepareForSleep", "b", 0), \
                SD_BUS_VTABLE_END, \
        };
LOGIND_VTABLE(logind_vtable, "h")
LOGIND_VTABLE(empty_vtable, "")

static int on_wake(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Logind *logind = userdata;

        (void) source;
        (void) info;
        if (logind->answer == 'x')
                logind->answer = 'h';
        return sd_bus_emit_signal(logind->bus, "/org/freedesktop/login1", LOGIND ".Manager",
                                  "PrepareForSleep", "b", 0);
}

static void logind_process(int tell_to, char answer) {
        Logind logind = { .tell = tell_to, .answer = answer };
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        r = sd_event_new(&logind.event);
        if (r >= 0)
                r = sd_bus_open_system(&logind.bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(logind.bus, NULL, "/org/freedesktop/login1", LOGIND ".Manager",
                                             answer == 'e' ? empty_vtable : logind_vtable, &logind);
        if (r >= 0)
                r = sd_bus_request_name(logind.bus, LOGIND, 0);
        if (r >= 0)
                r = sd_bus_attach_event(logind.bus, logind.event, 0);
        if (r >= 0)
                r = sd_event_add_signal(logind.event, NULL, SIGUSR1, on_wake, &logind);
        if (r < 0)
                _exit(1);

        tell(&logind, 'n');
        _exit(sd_event_loop(logind.event) < 0);
}

/* It refuses until it is awake. */
static pid_t start_logind(char answer, int *told) {
        int ends[2];
        pid_t child;

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        child = fork_apart();
        if (child == 0)
                logind_process(ends[1], answer);

        close(ends[1]);
        *told = ends[0];
        return child;
}

static void expect_told(int told, char expected) {
        char is = '\0';

        ck_assert_int_eq(read(told, &is, 1), 1); /* 0: the process has ended */
        ck_assert_int_eq(is, expected);
}

/* Refusals that the daemon met when it asked again by its own clock may come first. */
static void expect_held(int told) {
        char is;

        do
                ck_assert_int_eq(read(told, &is, 1), 1);
        while (is == 'x');

        ck_assert_int_eq(is, 'h');
}

static void stop_logind(pid_t child, int told) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(told);
}

START_TEST(the_machine_is_kept_awake_while_a_card_is_written_and_no_longer)
{
        Desk *desk = story_open_closed(1);
        pid_t logind;
        int told;

        logind = start_logind('h', &told);
        expect_told(told, 'n');
        story_start(desk, 1);
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, SERIAL);
        expect_told(told, 'h');
        expect_told(told, 'r');
        stop_logind(logind, told);
        desk_close(desk);
}
END_TEST

static char *expect_refused(Desk *desk, int told, char answer) {
        char *job;

        expect_told(told, 'n');
        story_start(desk, 1);
        story_enrol(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, SERIAL));
        job = story_start_issue(desk, STORY_V1, STORY_ID, 0);
        expect_told(told, answer);
        story_wait_error(desk, job, "ReaderBusy");
        story_wait_state(desk, job, "waiting-for-blank");
        story_wait_reader(desk, 0, "blank");
        story_expect_property(desk, job, "ErrorName", DESK_INTERFACE ".Error.ReaderBusy");
        return job;
}

START_TEST(no_card_is_begun_while_the_machine_goes_to_sleep_and_it_is_written_when_it_is_awake)
{
        Desk *desk = story_open_closed(1);
        pid_t logind;
        char *job;
        int told;

        logind = start_logind('x', &told);
        job = expect_refused(desk, told, 'x');
        kill(logind, SIGUSR1);
        story_wait_done(desk, job);
        expect_held(told);
        expect_told(told, 'r');
        stop_logind(logind, told);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(an_answer_that_inhibits_nothing_is_no_leave_to_write)
{
        Desk *desk = story_open_closed(1);
        pid_t logind;
        int told;

        logind = start_logind('e', &told);
        free(expect_refused(desk, told, 'e'));
        stop_logind(logind, told);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_machine_is_kept_awake_while_a_card_is_written_and_no_longer,
                no_card_is_begun_while_the_machine_goes_to_sleep_and_it_is_written_when_it_is_awake,
                an_answer_that_inhibits_nothing_is_no_leave_to_write,
        };

        return story_run("sleep", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
