/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bus/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_NAME "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define NOTIFY_NAME "org.example.ICReissue.Notify"

static const char bus_configuration[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig>\n"
        "  <type>session</type>\n"
        "  <listen>unix:path=%s</listen>\n"
        "  <auth>EXTERNAL</auth>\n"
        "  <servicedir>%s</servicedir>\n"
        "  <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
        "<allow own=\"*\"/></policy>\n"
        "</busconfig>\n";

/* The service file as it is installed, but for where the program is. */
static void write_service(Desk *desk) {
        char *text = desk_read(desk, room_source_file(desk, "dbus/" NOTIFY_NAME ".service.in")), *place,
             *service;
        const char *program = room_build_file(desk, "icreissue-notify");

        place = text ? strstr(text, "@libexecdir@/icreissue-notify") : NULL;
        if (!place)
                desk_fail(desk, "the service file of icreissue-notify does not say where that is");
        *place = '\0';
        if (asprintf(&service, "%s%s%s", text, program, place + strlen("@libexecdir@/icreissue-notify")) < 0)
                desk_fail(desk, "no memory");
        desk_directory(desk, "session-services");
        desk_write(desk, "session-services/" NOTIFY_NAME ".service", service);
        free(service);
        free(text);
}

Session *session_open(Desk *desk) {
        char *arguments[] = { "dbus-daemon", "--config-file",   (char *) desk_path(desk, "session.conf"),
                              "--nofork",    "--print-address", NULL };
        Session *session = calloc(1, sizeof(*session));
        char *configuration;
        int pipe, r;

        session->desk = desk;
        write_service(desk);
        if (asprintf(&configuration, bus_configuration, desk_path(desk, "session-bus"),
                     desk_path(desk, "session-services")) < 0)
                desk_fail(desk, "no memory");
        desk_write(desk, "session.conf", configuration);
        free(configuration);
        process_start(desk, &session->bus_daemon, "session-bus", &pipe, NULL, arguments);
        session->address = desk_keep(desk, process_line(desk, "the session's bus", pipe));
        r = sd_bus_new(&session->bus);
        if (r >= 0)
                r = sd_bus_set_address(session->bus, session->address);
        if (r >= 0)
                r = sd_bus_set_bus_client(session->bus, 1);
        if (r >= 0)
                r = sd_bus_start(session->bus);
        if (r < 0)
                desk_fail(desk, "connecting to the session's bus: %s", strerror(-r));
        return session;
}

void session_close(Session *session) {
        sd_bus_slot_unref(session->served);
        sd_bus_close_unref(session->bus);
        process_end(session->desk, &session->bus_daemon, SIGTERM);
        for (size_t i = 0; i < session->count; i++) {
                free(session->shown[i].summary);
                free(session->shown[i].body);
                free(session->shown[i].icon);
                free(session->shown[i].category);
        }
        free(session->shown);
        free(session);
}

static uint32_t call_bus(Session *session, const char *member, const char *name, const uint32_t *flags) {
        sd_bus_message *call = NULL, *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        uint32_t answer = 0;
        int r;

        r = sd_bus_message_new_method_call(session->bus, &call, "org.freedesktop.DBus",
                                           "/org/freedesktop/DBus", "org.freedesktop.DBus", member);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", name);
        if (r >= 0 && flags)
                r = sd_bus_message_append(call, "u", *flags);
        if (r >= 0)
                r = sd_bus_call(session->bus, call, 0, &error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "u", &answer);
        if (r < 0)
                desk_fail(session->desk, "%s of the session's bus: %s", member, error.message);
        sd_bus_message_unref(call);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return answer;
}

pid_t session_start_notify(Session *session) {
        call_bus(session, "StartServiceByName", NOTIFY_NAME, &(uint32_t){ 0 });
        return (pid_t) call_bus(session, "GetConnectionUnixProcessID", NOTIFY_NAME, NULL);
}

/* --- the played server --- */

const Shown *session_shown(const Session *session, uint32_t id) {
        for (size_t i = 0; i < session->count; i++)
                if (session->shown[i].id == id)
                        return &session->shown[i];

        return NULL;
}

static Shown *place_for(Session *session, uint32_t replaces) {
        Shown *shown = (Shown *) session_shown(session, replaces);

        if (shown) {
                shown->changes++;
                return shown;
        }

        session->shown = reallocarray(session->shown, session->count + 1, sizeof(Shown));
        shown = &session->shown[session->count++];
        *shown = (Shown){ .id = ++session->last_id };
        return shown;
}

static void replace(char **text, const char *by) {
        free(*text);
        *text = strdup(by);
}

static int read_hints(sd_bus_message *call, Shown *shown) {
        const char *name, *category;
        uint8_t urgency;
        int r;

        r = sd_bus_message_enter_container(call, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
                r = sd_bus_message_read(call, "s", &name);
                if (r >= 0 && strcmp(name, "urgency") == 0) {
                        r = sd_bus_message_read(call, "v", "y", &urgency);
                        shown->urgency = urgency;
                } else if (r >= 0 && strcmp(name, "category") == 0) {
                        r = sd_bus_message_read(call, "v", "s", &category);
                        replace(&shown->category, category);
                } else if (r >= 0)
                        r = sd_bus_message_skip(call, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(call);
        }

        return r < 0 ? r : sd_bus_message_exit_container(call);
}

static int on_notify(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        const char *application, *icon, *summary, *body;
        Session *session = userdata;
        uint32_t replaces;
        Shown *shown;
        int r;

        (void) error;
        r = sd_bus_message_read(call, "susss", &application, &replaces, &icon, &summary, &body);
        if (r < 0)
                return r;

        shown = place_for(session, replaces);
        replace(&shown->icon, icon);
        replace(&shown->summary, summary);
        replace(&shown->body, body);
        r = sd_bus_message_skip(call, "as");
        if (r >= 0)
                r = read_hints(call, shown);
        if (r >= 0)
                r = sd_bus_message_read(call, "i", &shown->expires);
        return r < 0 ? r : sd_bus_reply_method_return(call, "u", shown->id);
}

static int on_close(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        Session *session = userdata;
        Shown *shown;
        uint32_t id;
        int r;

        (void) error;
        r = sd_bus_message_read(call, "u", &id);
        if (r < 0)
                return r;

        shown = (Shown *) session_shown(session, id);
        if (shown)
                shown->closed = true;
        return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable server[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseNotification", "u", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

void session_serve(Session *session) {
        int r = sd_bus_add_object_vtable(session->bus, &session->served, SERVER_PATH, SERVER_NAME, server,
                                         session);

        if (r >= 0)
                r = sd_bus_request_name(session->bus, SERVER_NAME, 0);
        if (r < 0)
                desk_fail(session->desk, "serving notices: %s", strerror(-r));
}

/* What it has shown goes with it. */
void session_stop_serving(Session *session) {
        session->served = sd_bus_slot_unref(session->served);
        sd_bus_release_name(session->bus, SERVER_NAME);
        for (size_t i = 0; i < session->count; i++)
                session->shown[i].closed = true;
}

/* --- waiting --- */

/* Handles one message of one of them; where there is none, waits for one, so many milliseconds at most. */
static int step(Session *session, int milliseconds) {
        sd_bus *buses[] = { session->bus, session->other };
        struct pollfd polled[2] = {};
        int r;

        for (size_t i = 0; i < 2 && buses[i]; i++) {
                r = sd_bus_process(buses[i], NULL);
                if (r != 0)
                        return r;
                polled[i] = (struct pollfd){ .fd = sd_bus_get_fd(buses[i]),
                                             .events = (short) sd_bus_get_events(buses[i]) };
        }

        return poll(polled, session->other ? 2 : 1, milliseconds) < 0 ? -errno : 0;
}

/* milliseconds: after which it is looked at again, whatever has come; -1: never. */
static void wait_for(Session *session, const char *what, bool (*holds)(Session *session, void *userdata),
                     void *userdata, int milliseconds) {
        while (!holds(session, userdata)) {
                int left = desk_time_left(session->desk), r;

                r = step(session, milliseconds >= 0 && milliseconds < left ? milliseconds : left);
                if (r < 0)
                        desk_fail(session->desk, "%s: the buses: %s", what, strerror(-r));
                if (left == 0)
                        desk_fail(session->desk, "%s: it does not come", what);
        }
}

void session_wait(Session *session, const char *what, bool (*holds)(Session *session, void *userdata),
                  void *userdata) {
        wait_for(session, what, holds, userdata, -1);
}

void session_ask_until(Session *session, const char *what, bool (*holds)(Session *session, void *userdata),
                       void *userdata) {
        wait_for(session, what, holds, userdata, 5);
}

static const Shown *find_open(const Session *session, const char *summary) {
        for (size_t i = session->count; i > 0; i--)
                if (!session->shown[i - 1].closed && strcmp(session->shown[i - 1].summary, summary) == 0)
                        return &session->shown[i - 1];

        return NULL;
}

static bool is_there(Session *session, void *userdata) {
        return find_open(session, userdata) != NULL;
}

const Shown *session_wait_shown(Session *session, const char *summary) {
        session_wait(session, summary, is_there, (void *) summary);
        return find_open(session, summary);
}

static bool is_closed(Session *session, void *userdata) {
        const Shown *shown = session_shown(session, *(uint32_t *) userdata);

        return shown && shown->closed;
}

void session_wait_closed(Session *session, uint32_t id) {
        session_wait(session, "the notice's end", is_closed, &id);
}
