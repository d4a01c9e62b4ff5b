/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting for the daemon: its name, its signals, its properties. Everything here sleeps in poll() until the bus has
 * something, the daemon ends, or the desk's deadline has come. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Desk *desk = userdata;

        (void) error;
        if (desk->signal_count == DESK_SIGNALS_MAX) { /* the oldest goes */
                sd_bus_message_unref(desk->signals[0]);
                memmove(desk->signals, desk->signals + 1, --desk->signal_count * sizeof(desk->signals[0]));
        }
        desk->signals[desk->signal_count++] = sd_bus_message_ref(message);
        return 0;
}

/* Nothing to do: whoever waits looks again after every message. */
static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void) message;
        (void) userdata;
        (void) error;
        return 0;
}

void wait_match(Desk *desk) {
        int r;

        r = sd_bus_add_match(desk->bus, NULL, "type='signal',path_namespace='" DESK_ROOT_PATH "'", on_signal,
                             desk);
        if (r >= 0)
                r = sd_bus_match_signal(desk->bus, NULL, "org.freedesktop.DBus", NULL, "org.freedesktop.DBus",
                                        "NameOwnerChanged", on_owner_changed, desk);
        if (r < 0)
                desk_fail(desk, "listening to the bus: %s", strerror(-r));
}

void wait_step(Desk *desk, const char *what) {
        bool daemon_runs = desk->daemon.pid != 0, any = false;
        int r;

        while ((r = sd_bus_process(desk->bus, NULL)) > 0)
                any = true;
        if (r < 0)
                desk_fail(desk, "the bus: %s", strerror(-r));
        if (any)
                return;

        struct pollfd watched[] = {
                { .fd = sd_bus_get_fd(desk->bus), .events = (short) sd_bus_get_events(desk->bus) },
                { .fd = daemon_runs ? desk->daemon.handle : -1, .events = POLLIN },
        };
        if (poll(watched, 2, desk_time_left(desk)) < 0 && errno != EINTR)
                desk_fail(desk, "poll: %m");
        if (desk_time_left(desk) == 0)
                desk_fail(desk, "waited in vain for %s", what);
        if (watched[1].revents != 0)
                desk_fail(desk, "the daemon ended (status 0x%x) while waiting for %s",
                          process_end(desk, &desk->daemon, 0), what);
}

bool wait_has_owner(Desk *desk, const char *name) {
        sd_bus_message *reply = NULL;
        int r, has_owner = 0;

        r = sd_bus_call_method(desk->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "b", &has_owner);
        sd_bus_message_unref(reply);
        if (r < 0)
                desk_fail(desk, "asking the bus: %s", strerror(-r));
        return has_owner;
}

void desk_wait_name(Desk *desk) {
        while (!wait_has_owner(desk, DESK_BUS_NAME))
                wait_step(desk, "the daemon's name on the bus");
}

void desk_wait(Desk *desk, const char *what, bool (*holds)(Desk *desk, void *userdata), void *userdata) {
        while (!holds(desk, userdata))
                wait_step(desk, what);
}

static bool fits(sd_bus_message *message, const char *path, const char *interface, const char *member) {
        return (!path || strcmp(sd_bus_message_get_path(message), path) == 0) &&
               (!interface || strcmp(sd_bus_message_get_interface(message), interface) == 0) &&
               strcmp(sd_bus_message_get_member(message), member) == 0;
}

static sd_bus_message *take_signal(Desk *desk, const char *path, const char *interface, const char *member) {
        for (size_t i = 0; i < desk->signal_count; i++) {
                sd_bus_message *message = desk->signals[i];

                if (!fits(message, path, interface, member))
                        continue;
                desk->signal_count--;
                memmove(desk->signals + i, desk->signals + i + 1,
                        (desk->signal_count - i) * sizeof(desk->signals[0]));
                return message;
        }
        return NULL;
}

sd_bus_message *desk_wait_signal(Desk *desk, const char *path, const char *interface, const char *member) {
        sd_bus_message *message;

        while (!(message = take_signal(desk, path, interface, member)))
                wait_step(desk, member);
        return message;
}

void desk_forget_signals(Desk *desk) {
        while (desk->signal_count > 0)
                sd_bus_message_unref(desk->signals[--desk->signal_count]);
}

static char *bytes_text(sd_bus_message *message) {
        const uint8_t *bytes;
        size_t length;
        char *text;

        if (sd_bus_message_read_array(message, 'y', (const void **) &bytes, &length) < 0)
                return NULL;
        text = calloc(2 * length + 1, 1);
        for (size_t i = 0; text && i < length; i++)
                sprintf(text + 2 * i, "%02X", bytes[i]);
        return text;
}

/* The value of the variant that the message stands at. */
static char *variant_text(sd_bus_message *message) {
        union {
                const char *text;
                int boolean;
                uint8_t byte;
                uint16_t small;
                int32_t signed_number;
                uint32_t number;
                int64_t signed_large;
                uint64_t large;
                double real;
        } value;
        char *text = NULL;
        const char *type;
        int r = -1;

        if (sd_bus_message_peek_type(message, NULL, &type) <= 0 ||
            sd_bus_message_enter_container(message, 'v', type) < 0)
                return NULL;
        if (strcmp(type, "ay") == 0) {
                text = bytes_text(message);
                sd_bus_message_exit_container(message);
                return text;
        }
        if (strlen(type) != 1 || strchr("vh", type[0])) {
                sd_bus_message_skip(message, type);
                sd_bus_message_exit_container(message);
                return NULL;
        }
        if (sd_bus_message_read_basic(message, type[0], &value) <= 0)
                return NULL;
        switch (type[0]) {
        case 's':
        case 'o':
        case 'g':
                r = asprintf(&text, "%s", value.text);
                break;
        case 'b':
                r = asprintf(&text, "%s", value.boolean ? "true" : "false");
                break;
        case 'y':
                r = asprintf(&text, "%u", value.byte);
                break;
        case 'q':
                r = asprintf(&text, "%u", value.small);
                break;
        case 'n':
                r = asprintf(&text, "%d", (int16_t) value.small);
                break;
        case 'i':
                r = asprintf(&text, "%d", value.signed_number);
                break;
        case 'u':
                r = asprintf(&text, "%u", value.number);
                break;
        case 'x':
                r = asprintf(&text, "%lld", (long long) value.signed_large);
                break;
        case 't':
                r = asprintf(&text, "%llu", (unsigned long long) value.large);
                break;
        case 'd':
                r = asprintf(&text, "%g", value.real);
                break;
        }
        sd_bus_message_exit_container(message);
        return r < 0 ? NULL : text;
}

char *desk_property(Desk *desk, const char *path, const char *interface, const char *property) {
        sd_bus_message *reply = NULL;
        char *text = NULL;

        if (sd_bus_call_method(desk->bus, DESK_BUS_NAME, path, "org.freedesktop.DBus.Properties", "Get", NULL,
                               &reply, "ss", interface, property) >= 0)
                text = variant_text(reply);
        sd_bus_message_unref(reply);
        return text;
}

static bool is_among(const char *value, const char *values) {
        size_t length = strlen(value);

        for (const char *next = values; next; next = strchr(next, '|')) {
                if (*next == '|')
                        next++;
                if (strncmp(next, value, length) == 0 && (next[length] == '\0' || next[length] == '|'))
                        return true;
        }
        return false;
}

char *desk_wait_property(Desk *desk, const char *path, const char *interface, const char *property,
                         const char *values) {
        char what[512];

        for (;;) {
                char *value = desk_property(desk, path, interface, property);

                if (value && is_among(value, values))
                        return value;
                snprintf(what, sizeof(what), "%s of %s to be %s; it is %s", property, path, values,
                         value ? value : "not there");
                free(value);
                wait_step(desk, what);
        }
}

/* Looks through one object's interfaces, a{sa{sv}}, for the property; true when it has the value. */
static bool object_fits(sd_bus_message *reply, const char *interface, const char *property,
                        const char *value) {
        bool found = false;

        sd_bus_message_enter_container(reply, 'a', "{sa{sv}}");
        while (sd_bus_message_enter_container(reply, 'e', "sa{sv}") > 0) {
                const char *here = "";

                sd_bus_message_read(reply, "s", &here);
                sd_bus_message_enter_container(reply, 'a', "{sv}");
                while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
                        const char *name = "";
                        char *text = NULL;

                        sd_bus_message_read(reply, "s", &name);
                        if (strcmp(here, interface) == 0 && strcmp(name, property) == 0) {
                                text = variant_text(reply);
                                found = found || (text && strcmp(text, value) == 0);
                        } else
                                sd_bus_message_skip(reply, "v");
                        free(text);
                        sd_bus_message_exit_container(reply);
                }
                sd_bus_message_exit_container(reply);
                sd_bus_message_exit_container(reply);
        }
        sd_bus_message_exit_container(reply);
        return found;
}

static char *find_object(Desk *desk, const char *interface, const char *property, const char *value) {
        sd_bus_message *reply = NULL;
        char *found = NULL;

        if (sd_bus_call_method(desk->bus, DESK_BUS_NAME, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                               "GetManagedObjects", NULL, &reply, NULL) < 0)
                return NULL;
        sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");
        while (!found && sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
                const char *path = "";

                sd_bus_message_read(reply, "o", &path);
                if (object_fits(reply, interface, property, value))
                        found = strdup(path);
                sd_bus_message_exit_container(reply);
        }
        sd_bus_message_unref(reply);
        return found;
}

char *desk_wait_object(Desk *desk, const char *interface, const char *property, const char *value) {
        char what[512], *path;

        snprintf(what, sizeof(what), "an object with %s.%s %s", interface, property, value);
        while (!(path = find_object(desk, interface, property, value)))
                wait_step(desk, what);
        return path;
}

char *desk_wait_reader_object(Desk *desk, unsigned slot) {
        return desk_wait_object(desk, DESK_READER, "PcscName", desk_reader_name(desk, slot));
}
