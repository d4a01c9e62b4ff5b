/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom icreissue-notify tells, what it outlives, and what it costs, with a service that the test plays: jobs of anybody come
 * and go by the thousand, and the system bus is started anew. */
#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bus/session.h"
#include "tests/bus/story.h"

#define MANAGER      "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES   "org.freedesktop.DBus.Properties"
#define INSERT_BLANK "Insert a blank card"
#define AUTOMATIC    UINT32_MAX

/* The service's connection is the session's other one; that it answers shows that it is asked. */
typedef struct Played {
        Session *session;
        sd_bus *bus;
        unsigned asked;   /* for its objects */
        unsigned left;    /* connections that have left the bus */
        unsigned waiting; /* the number of an open job, whose owner is root; 0: there is none */
} Played;

static int append_job(sd_bus_message *message, uint32_t owner, const char *state, const char *advice) {
        return sd_bus_message_append(message, "a{sa{sv}}", 1, DESK_JOB, 7, "Kind", "s", "issue", "State", "s",
                                     state, "Advice", "s", advice, "Owner", "u", owner, "CardType", "s",
                                     "staff-v1", "ErrorMessage", "s", "", "Count", "u", 0u);
}

static const char *job_path(unsigned number, char buffer[static 64]) {
        snprintf(buffer, 64, DESK_ROOT_PATH "/job/%u", number);
        return buffer;
}

static void send_signal(Played *played, const char *path, const char *interface, const char *member,
                        sd_bus_message **ret) {
        ck_assert_int_ge(sd_bus_message_new_signal(played->bus, ret, path, interface, member), 0);
}

static void add_job(Played *played, unsigned number, uint32_t owner, const char *state, const char *advice) {
        sd_bus_message *message;
        char path[64];

        send_signal(played, DESK_ROOT_PATH, MANAGER, "InterfacesAdded", &message);
        ck_assert_int_ge(sd_bus_message_append(message, "o", job_path(number, path)), 0);
        ck_assert_int_ge(append_job(message, owner, state, advice), 0);
        ck_assert_int_ge(sd_bus_send(played->bus, message, NULL), 0);
        sd_bus_message_unref(message);
}

static void change_job(Played *played, unsigned number, const char *state, const char *advice) {
        sd_bus_message *message;
        char path[64];

        send_signal(played, job_path(number, path), PROPERTIES, "PropertiesChanged", &message);
        ck_assert_int_ge(sd_bus_message_append(message, "sa{sv}as", DESK_JOB, 2, "State", "s", state,
                                               "Advice", "s", advice, 0),
                         0);
        ck_assert_int_ge(sd_bus_send(played->bus, message, NULL), 0);
        sd_bus_message_unref(message);
}

static void tell_reissued(Played *played, unsigned number, unsigned count) {
        char path[64];

        ck_assert_int_ge(sd_bus_emit_signal(played->bus, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued", "osu",
                                            job_path(number, path), "staff-v1", count),
                         0);
}

static void remove_job(Played *played, unsigned number) {
        char path[64];

        ck_assert_int_ge(sd_bus_emit_signal(played->bus, DESK_ROOT_PATH, MANAGER, "InterfacesRemoved", "oas",
                                            job_path(number, path), 1, DESK_JOB),
                         0);
}

static int on_objects(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        sd_bus_message *reply;
        Played *played = userdata;
        char path[64];

        (void) error;
        if (!sd_bus_message_is_method_call(call, MANAGER, "GetManagedObjects"))
                return 0;

        played->asked++;
        ck_assert_int_ge(sd_bus_message_new_method_return(call, &reply), 0);
        ck_assert_int_ge(sd_bus_message_open_container(reply, 'a', "{oa{sa{sv}}}"), 0);
        if (played->waiting > 0) {
                ck_assert_int_ge(sd_bus_message_open_container(reply, 'e', "oa{sa{sv}}"), 0);
                ck_assert_int_ge(sd_bus_message_append(reply, "o", job_path(played->waiting, path)), 0);
                ck_assert_int_ge(append_job(reply, 0, "waiting-for-blank", "Put one in."), 0);
                ck_assert_int_ge(sd_bus_message_close_container(reply), 0);
        }
        ck_assert_int_ge(sd_bus_message_close_container(reply), 0);
        ck_assert_int_ge(sd_bus_send(played->bus, reply, NULL), 0);
        sd_bus_message_unref(reply);
        return 1;
}

static int on_name(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        const char *name, *owner;
        Played *played = userdata;

        (void) error;
        if (sd_bus_message_read(signal, "sss", &name, NULL, &owner) >= 0 && name[0] == ':' && !*owner)
                played->left++;
        return 0;
}

static void connect_played(Played *played) {
        played->bus = desk_bus_as(played->session->desk, 0);
        played->session->other = played->bus;
        ck_assert_int_ge(sd_bus_add_filter(played->bus, NULL, on_objects, played), 0);
        ck_assert_int_ge(sd_bus_match_signal(played->bus, NULL, "org.freedesktop.DBus", NULL,
                                             "org.freedesktop.DBus", "NameOwnerChanged", on_name, played),
                         0);
}

static void take_name(Played *played) {
        ck_assert_int_ge(sd_bus_request_name(played->bus, DESK_BUS_NAME, 0), 0);
}

static bool is_asked(Session *session, void *userdata) {
        (void) session;
        return ((Played *) userdata)->asked > 0;
}

static pid_t open_played(Played *played) {
        Desk *desk = desk_open(&(DeskOptions){ .without_polkit = true });
        pid_t notify;

        /* Without the bus's GUID, as the system bus's address is: another one may take its place. */
        desk->bus_address[strcspn(desk->bus_address, ",")] = '\0';
        setenv("DBUS_SYSTEM_BUS_ADDRESS", desk->bus_address, 1);
        played->session = session_open(desk);
        connect_played(played);
        take_name(played);
        session_serve(played->session);
        notify = session_start_notify(played->session);
        session_wait(played->session, "the question for its jobs", is_asked, played);
        return notify;
}

static void close_played(Played *played) {
        Desk *desk = played->session->desk;

        sd_bus_close_unref(played->bus);
        session_close(played->session);
        desk_close(desk);
}

START_TEST(jobs_that_somebody_else_has_begun_are_not_told)
{
        Played played = {};

        open_played(&played);
        add_job(&played, 1, 1000, "waiting-for-blank", "Put one in.");
        add_job(&played, 2, 1000, "writing", "");
        tell_reissued(&played, 2, 7);
        change_job(&played, 2, "failed", "");
        add_job(&played, 3, AUTOMATIC, "waiting-for-card", "Put it in.");
        session_wait_shown(played.session, "Insert the old card");
        ck_assert_uint_eq(played.session->count, 1);
        tell_reissued(&played, 3, 2); /* its ID is not for everybody */
        session_wait_shown(played.session, "Card reissued, issue no. 2");
        ck_assert_uint_eq(played.session->count, 2);
        close_played(&played);
}
END_TEST

/* The bus has a service file now: whoever calls by name starts a service that leaves its mark. */
static void write_activation(Desk *desk) {
        char *text = desk_read(desk, desk_path(desk, "bus.conf")), *end = strstr(text, "</busconfig>"),
             *changed;

        *end = '\0';
        desk_directory(desk, "system-services");
        ck_assert_int_ge(asprintf(&changed, "%s<servicedir>%s</servicedir></busconfig>\n", text,
                                  desk_path(desk, "system-services")),
                         0);
        desk_write(desk, "bus.conf", changed);
        free(changed);
        ck_assert_int_ge(asprintf(&changed,
                                  "[D-BUS Service]\nName=" DESK_BUS_NAME
                                  "\nUser=root\nExec=/usr/bin/touch %s\n",
                                  desk_path(desk, "started")),
                         0);
        desk_write(desk, "system-services/" DESK_BUS_NAME ".service", changed);
        free(changed);
        free(text);
}

/* What it does first on the new bus is seen: it stands still until somebody looks. */
static void restart_bus(Played *played, pid_t notify) {
        Desk *desk = played->session->desk;
        char *arguments[] = { "dbus-daemon", "--config-file",   (char *) desk_path(desk, "bus.conf"),
                              "--nofork",    "--print-address", NULL };
        int pipe;

        kill(notify, SIGSTOP);
        sd_bus_close_unref(played->bus);
        played->session->other = NULL;
        process_end(desk, &desk->bus_daemon, SIGKILL);
        process_start(desk, &desk->bus_daemon, "dbus-daemon", &pipe, NULL, arguments);
        free(process_line(desk, "dbus-daemon", pipe));
        connect_played(played);
        kill(notify, SIGCONT);
}

static bool has_left(Session *session, void *userdata) {
        (void) session;
        return ((Played *) userdata)->left > 0;
}

START_TEST(a_system_bus_that_is_started_anew_is_found_and_starts_no_service)
{
        Played played = { .waiting = 1 };
        pid_t notify = open_played(&played);
        uint32_t first;

        first = session_wait_shown(played.session, INSERT_BLANK)->id;
        write_activation(played.session->desk);
        restart_bus(&played, notify);
        session_wait_closed(played.session, first); /* nobody waits for it any more */
        session_wait(played.session, "the question for a service that is not there", has_left, &played);
        ck_assert_int_ne(access(desk_path(played.session->desk, "started"), F_OK), 0);
        take_name(&played);
        ck_assert_uint_ne(session_wait_shown(played.session, INSERT_BLANK)->id, first);
        ck_assert_int_ne(access(desk_path(played.session->desk, "started"), F_OK), 0);
        close_played(&played);
}
END_TEST

/* --- what it costs --- */

static unsigned long field_of(pid_t process, const char *file, const char *name) {
        char path[64], line[256];
        unsigned long value = 0;
        size_t length = strlen(name);
        FILE *stream;

        snprintf(path, sizeof(path), "/proc/%d/%s", process, file);
        stream = fopen(path, "re");
        ck_assert_ptr_nonnull(stream);
        while (fgets(line, sizeof(line), stream))
                if (strncmp(line, name, length) == 0)
                        value = strtoul(line + length, NULL, 10);
        fclose(stream);
        return value;
}

static unsigned count_descriptors(pid_t process) {
        char path[64];
        unsigned count = 0;
        DIR *directory;

        snprintf(path, sizeof(path), "/proc/%d/fd", process);
        directory = opendir(path);
        ck_assert_ptr_nonnull(directory);
        while (readdir(directory))
                count++;
        closedir(directory);
        return count;
}

/* Whether any of its timers is set: with none, nothing but its two buses can wake it. */
static bool has_timer(pid_t process) {
        char path[64], line[256];
        bool set = false;

        for (int number = 0; number < 64; number++) {
                FILE *stream;

                snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", process, number);
                stream = fopen(path, "re");
                while (stream && fgets(line, sizeof(line), stream))
                        set |= strncmp(line, "it_value:", 9) == 0 && !strstr(line, "(0, 0)");
                if (stream)
                        fclose(stream);
        }

        return set;
}

/* A job from its prompt to its end; returns when that has been told and taken back. */
static void go_through(Played *played, unsigned number) {
        char summary[64];
        uint32_t prompt;

        add_job(played, number, 0, "waiting-for-blank", "Put one in.");
        prompt = session_wait_shown(played->session, INSERT_BLANK)->id;
        change_job(played, number, "writing", "");
        tell_reissued(played, number, number);
        change_job(played, number, "done", "");
        session_wait_closed(played->session, prompt);
        snprintf(summary, sizeof(summary),
                 number > 1 ? "Card reissued, issue no. %u" : "Card issued, issue no. %u", number);
        session_wait_shown(played->session, summary);
        remove_job(played, number);
}

typedef struct Rest {
        pid_t process;
        unsigned descriptors;
} Rest;

/* It has the answer to its last question, and no more descriptors than before. */
static bool is_at_rest(Session *session, void *userdata) {
        const Rest *rest = userdata;

        (void) session;
        return !has_timer(rest->process) && count_descriptors(rest->process) <= rest->descriptors;
}

START_TEST(after_a_thousand_jobs_it_is_as_small_and_as_quiet_as_after_a_few)
{
        unsigned jobs = getenv("ICREISSUE_NIGHTLY") ? 20000 : 1000, few = jobs / 4;
        unsigned long memory;
        unsigned descriptors;
        Played played = {};
        pid_t notify = open_played(&played);

        for (unsigned number = 1; number <= few; number++)
                go_through(&played, number);
        memory = field_of(notify, "status", "VmRSS:");
        descriptors = count_descriptors(notify);
        for (unsigned number = few + 1; number <= jobs; number++)
                go_through(&played, number);
        add_job(&played, jobs + 1, 0, "waiting-for-card", "Put it in."); /* all before it has been heard */
        session_wait_shown(played.session, "Insert the old card");
        session_ask_until(played.session, "its rest", is_at_rest, &(Rest){ notify, descriptors });
#ifdef __SANITIZE_ADDRESS__ /* it keeps what was freed */
        (void) memory;
#else
        ck_assert_uint_le(field_of(notify, "status", "VmRSS:"), memory + 64);
#endif
        close_played(&played);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                jobs_that_somebody_else_has_begun_are_not_told,
                a_system_bus_that_is_started_anew_is_found_and_starts_no_service,
                after_a_thousand_jobs_it_is_as_small_and_as_quiet_as_after_a_few,
        };

        return story_run("notify-played", tests, sizeof(tests) / sizeof(tests[0]), 600);
}
