/* SPDX-License-Identifier: GPL-3.0-or-later */
/* monitor: every signal of the service as it comes, until Ctrl-C. */
#include <signal.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "client/bus-json.h"
#include "client/commands.h"

/* The time of day, for people; the whole time of RFC 3339 for programs. */
static void time_text(bool json, char text[static 32]) {
        time_t now = time(NULL);
        struct tm parts;

        if (json)
                strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
        else
                strftime(text, 32, "%H:%M:%S", localtime_r(&now, &parts));
}

/* "reader/desk_1" of "/org/example/ICReissue/reader/desk_1"; "service" of the root. */
static const char *short_path(const char *path) {
        size_t size = strlen(SERVICE_PATH);

        if (strncmp(path, SERVICE_PATH, size) != 0)
                return path;

        return path[size] == '/' ? path + size + 1 : "service";
}

/* " State=ready Progress=0.50": the properties that have changed. */
static void print_properties(const json_t *properties) {
        const char *name;
        json_t *value;

        json_object_foreach((json_t *) properties, name, value) {
                _cleanup_free_ char *text = output_text(value);

                printf(" %s=", name);
                output_safe(stdout, text ?: "");
        }
}

static void print_arguments(const json_t *arguments) {
        size_t i;
        json_t *argument;

        json_array_foreach(arguments, i, argument) {
                _cleanup_free_ char *text = output_text(argument);

                putchar(' ');
                output_safe(stdout, short_path(text ?: ""));
        }
}

/* One line for people: the time, which object, what happened. */
static void print_line(sd_bus_message *message, const json_t *arguments) {
        const char *member = sd_bus_message_get_member(message);
        const char *object = sd_bus_message_get_path(message);
        char now[32];

        /* The objects that come and go are named in the arguments, the manager's own path says nothing. */
        if (streq(member, "InterfacesAdded") || streq(member, "InterfacesRemoved"))
                object = json_string_value(json_array_get(arguments, 0)) ?: object;

        time_text(false, now);
        printf("%s %s", now, short_path(object));
        if (streq(member, "PropertiesChanged"))
                print_properties(json_array_get(arguments, 1));
        else if (streq(member, "InterfacesAdded"))
                fputs(" added", stdout);
        else if (streq(member, "InterfacesRemoved"))
                fputs(" removed", stdout);
        else {
                printf(" %s", member);
                print_arguments(arguments);
        }
        putchar('\n');
        fflush(stdout);
}

static int on_signal(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        const Client *client = userdata;
        _cleanup_json_ json_t *arguments = NULL, *event = NULL;
        char now[32];
        int r;

        r = bus_json_read_all(message, &arguments);
        if (r < 0)
                return r;

        if (!client->arguments->json) {
                print_line(message, arguments);
                return 0;
        }

        time_text(true, now);
        event = json_pack("{s:s, s:s, s:s, s:s, s:O}", "at", now, "path", sd_bus_message_get_path(message),
                          "interface", sd_bus_message_get_interface(message), "signal",
                          sd_bus_message_get_member(message), "arguments", arguments);
        return event ? output_json_line(stdout, event) : -ENOMEM;
}

/* A line on the service itself: "running", "started" or "stopped". */
static int print_service(const Client *client, const char *state) {
        char now[32];

        time_text(client->arguments->json, now);
        if (client->arguments->json) {
                _cleanup_json_ json_t *event = json_pack("{s:s, s:s}", "at", now, "service", state);

                return event ? output_json_line(stdout, event) : -ENOMEM;
        }

        printf("%s service %s\n", now, state);
        return fflush(stdout) == 0 ? 0 : -errno;
}

/* A running service that is watched stays: a caller is a client of its until it leaves the bus, and who only listens is not
 * known to it. It is not started for this. */
static int become_client(const Client *client) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(client->bus, &call, SERVICE_NAME, SERVICE_PATH,
                                           "org.freedesktop.DBus.Peer", "Ping");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(call, false);

        return r < 0 ? r : sd_bus_send(client->bus, call, NULL);
}

static int on_owner_changed(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        const char *name, *old_owner, *new_owner;
        int r;

        r = sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner);
        if (r >= 0 && *new_owner)
                r = become_client(userdata);

        return r < 0 ? r : print_service(userdata, *new_owner ? "started" : "stopped");
}

/* The first line: from here on nothing is missed. The service is not started for it. */
static int print_beginning(const Client *client) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r, running;

        r = sd_bus_call_method(client->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s", SERVICE_NAME);
        if (r >= 0)
                r = sd_bus_message_read(reply, "b", &running);
        if (r >= 0 && running)
                r = become_client(client);

        return r < 0 ? r : print_service(client, running ? "running" : "stopped");
}

static int on_interrupt(sd_event_source *source, _unused_ const struct signalfd_siginfo *information,
                        _unused_ void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), STATUS_DONE);
}

static int on_disconnected(_unused_ sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        const Client *client = userdata;
        int status = client_fail(client, STATUS_UNREACHABLE, "The connection to the system bus was closed.");

        return sd_event_exit(sd_bus_get_event(client->bus), status);
}

static int prepare(Client *client, sd_event *event) {
        int r;

        r = sd_bus_add_match(client->bus, NULL,
                             "type='signal',sender='" SERVICE_NAME "',path_namespace='" SERVICE_PATH "'",
                             on_signal, client);
        if (r >= 0)
                r = sd_bus_add_match(client->bus, NULL,
                                     "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                     "arg0='" SERVICE_NAME "'",
                                     on_owner_changed, client);
        if (r >= 0)
                r = sd_bus_match_signal(client->bus, NULL, "org.freedesktop.DBus.Local", NULL,
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                        client);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, on_interrupt, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, on_interrupt, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(client->bus, event, SD_EVENT_PRIORITY_NORMAL);

        return r;
}

int command_monitor(Client *client, _unused_ const Arguments *arguments) {
        sd_event *event = NULL;
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        r = sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_new(&event);
        if (r >= 0)
                r = prepare(client, event);
        if (r >= 0)
                r = print_beginning(client);
        if (r >= 0)
                r = sd_event_loop(event);

        sd_bus_detach_event(client->bus);
        sd_event_unref(event);
        return r < 0 ? client_fail_errno(client, r, "Watching the service") : r;
}
