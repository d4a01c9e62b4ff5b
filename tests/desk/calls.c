/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls to the daemon, as its users make them: those that must work, and those that must be refused by name. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static int call(sd_bus *bus, const char *path, const char *interface, sd_bus_error *error,
                sd_bus_message **reply, const char *member, const char *types, va_list arguments) {
        sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &message, DESK_BUS_NAME, path, interface, member);
        if (r >= 0 && types && *types)
                r = sd_bus_message_appendv(message, types, arguments);
        if (r >= 0)
                r = sd_bus_call(bus, message, 0, error, reply);
        sd_bus_message_unref(message);
        return r;
}

static void expect_success(Desk *desk, int r, const char *member, const sd_bus_error *error) {
        if (r < 0)
                desk_fail(desk, "%s: %s: %s", member, error->name ? error->name : "-",
                          error->message ? error->message : strerror(-r));
}

void desk_call(Desk *desk, sd_bus *bus, sd_bus_message **reply, const char *member, const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = call(bus, DESK_ROOT_PATH, DESK_INTERFACE, &error, reply, member, types, arguments);
        va_end(arguments);
        expect_success(desk, r, member, &error);
        sd_bus_error_free(&error);
}

void desk_call_on(Desk *desk, sd_bus *bus, const char *path, const char *interface, sd_bus_message **reply,
                  const char *member, const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = call(bus, path, interface, &error, reply, member, types, arguments);
        va_end(arguments);
        expect_success(desk, r, member, &error);
        sd_bus_error_free(&error);
}

/* "NoCard" fits "org.example.ICReissue.Error.NoCard". */
static bool name_fits(const char *name, const char *wanted) {
        size_t length = name ? strlen(name) : 0, wanted_length = strlen(wanted);

        if (length < wanted_length || strcmp(name + length - wanted_length, wanted) != 0)
                return false;
        return length == wanted_length || name[length - wanted_length - 1] == '.';
}

/* What is left to say of a call that had to be refused: the message, which the caller frees. */
static char *refusal(Desk *desk, int r, sd_bus_error *error, const char *error_name, const char *member) {
        char *text;

        if (r >= 0)
                desk_fail(desk, "%s was not refused with %s", member, error_name);
        if (!name_fits(error->name, error_name))
                desk_fail(desk, "%s was refused with %s instead of %s: %s", member,
                          error->name ? error->name : "-", error_name,
                          error->message ? error->message : strerror(-r));
        text = strdup(error->message ? error->message : "");
        sd_bus_error_free(error);
        return text;
}

char *desk_call_refused(Desk *desk, sd_bus *bus, const char *error_name, const char *member,
                        const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = call(bus, DESK_ROOT_PATH, DESK_INTERFACE, &error, NULL, member, types, arguments);
        va_end(arguments);
        return refusal(desk, r, &error, error_name, member);
}

char *desk_call_refused_on(Desk *desk, sd_bus *bus, const char *path, const char *interface,
                           const char *error_name, const char *member, const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = call(bus, path, interface, &error, NULL, member, types, arguments);
        va_end(arguments);
        return refusal(desk, r, &error, error_name, member);
}
