/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection to the service and calls through it. What the service says of a failure is told as it is: it knows what
 * to do. Only that the service cannot be reached is told here. */
#include <stdarg.h>

#include "client/bus-json.h"
#include "client/client.h"
#include "client/terminal-agent.h"

int client_error(const Client *client, const char *name, const char *message) {
        if (client->arguments->json) {
                _cleanup_json_ json_t *error = json_pack("{s:s?, s:s}", "error", name, "message", message);

                output_json_line(stderr, error);
        } else {
                fputs("icreissuectl: ", stderr);
                output_safe(stderr, message);
                fputc('\n', stderr);
        }

        return exit_status_from_error(name);
}

int client_fail(const Client *client, ExitStatus status, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0)
                message = NULL;

        client_error(client, NULL, message ?: format);
        return status;
}

int client_fail_errno(const Client *client, int error, const char *what) {
        return client_fail(client, STATUS_FAILED, "%s: %s", what, strerrordesc_np(abs(error)));
}

int client_connect(Client *client) {
        int r;

        r = sd_bus_open_system_with_description(&client->bus, "icreissuectl");
        if (r < 0)
                return client_fail(client, STATUS_UNREACHABLE,
                                   "There is no connection to the system bus: %s. It is the one that "
                                   "DBUS_SYSTEM_BUS_ADDRESS names, else /run/dbus/system_bus_socket.",
                                   strerrordesc_np(-r));

        return STATUS_DONE;
}

int client_new_call(const Client *client, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret) {
        int r;

        r = sd_bus_message_new_method_call(client->bus, ret, SERVICE_NAME, path, interface, member);
        return r < 0 ? client_fail_errno(client, r, member) : STATUS_DONE;
}

/* A call's error: the service's own words, or ours where there is no service. */
static int tell_call_error(const Client *client, sd_bus_message *call, int r, const sd_bus_error *error) {
        int status = error->name ? exit_status_from_error(error->name) : STATUS_UNREACHABLE;
        _cleanup_free_ char *message = NULL;

        /* sd-bus answers for an object that is not there, and knows only its path. */
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT) &&
            strncmp(sd_bus_message_get_path(call), JOB_PREFIX, strlen(JOB_PREFIX)) == 0)
                return client_error(
                        client, error->name,
                        "There is no such job. \"icreissuectl jobs\" lists those that there are; a finished "
                        "one is listed for ten minutes.");
        if (status != STATUS_UNREACHABLE)
                return client_error(client, error->name, error->message ?: error->name);

        if (asprintf(
                    &message,
                    "The service icreissued does not answer (%s). See \"systemctl status icreissue\"; start it with "
                    "\"systemctl start icreissue\".",
                    error->message ?: strerrordesc_np(abs(r))) < 0)
                message = NULL;

        client_error(client, error->name, message ?: "The service icreissued does not answer.");
        return STATUS_UNREACHABLE;
}

/* The same call again, for somebody to be asked. What it was sent with is read from its beginning. */
static int call_with_prompt(const Client *client, sd_bus_message *call, sd_bus_error *error,
                            sd_bus_message **answer) {
        _cleanup_(terminal_agent_stopp) TerminalAgent *agent = NULL;
        _cleanup_message_ sd_bus_message *again = NULL;
        int r;

        r = sd_bus_message_new_method_call(client->bus, &again, sd_bus_message_get_destination(call),
                                           sd_bus_message_get_path(call), sd_bus_message_get_interface(call),
                                           sd_bus_message_get_member(call));
        if (r >= 0)
                r = sd_bus_message_rewind(call, true);
        if (r >= 0)
                r = sd_bus_message_copy(again, call, true);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(again, true);
        if (r < 0)
                return r;

        agent = terminal_agent_start();
        sd_bus_error_free(error);
        return sd_bus_call(client->bus, again, UINT64_MAX, error, answer);
}

int client_send(const Client *client, sd_bus_message *call, int r, sd_bus_message **reply) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *answer = NULL;

        if (r < 0)
                return client_fail_errno(client, r, sd_bus_message_get_member(call));

        r = sd_bus_call(client->bus, call, UINT64_MAX, &error, &answer);
        if (r < 0 && sd_bus_error_has_name(&error, PROMPT_NEEDED))
                r = call_with_prompt(client, call, &error, &answer);
        if (r < 0)
                return tell_call_error(client, call, r, &error);

        if (reply)
                *reply = TAKE_PTR(answer);
        return STATUS_DONE;
}

int client_call(const Client *client, sd_bus_message **reply, const char *member, const char *types, ...) {
        _cleanup_message_ sd_bus_message *call = NULL;
        va_list arguments;
        int status, r;

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, member, &call);
        if (status != STATUS_DONE)
                return status;

        va_start(arguments, types);
        r = sd_bus_message_appendv(call, types, arguments);
        va_end(arguments);
        return client_send(client, call, r, reply);
}

/* Calls a method of a standard interface whose answer is one value. */
static int call_for_json(const Client *client, const char *path, const char *interface, const char *member,
                         const char *argument, json_t **ret) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        int status, r;

        status = client_new_call(client, path, interface, member, &call);
        if (status != STATUS_DONE)
                return status;

        r = argument ? sd_bus_message_append_basic(call, 's', argument) : 0;
        status = client_send(client, call, r, &reply);
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, ret);
        return r < 0 ? client_fail_errno(client, r, member) : STATUS_DONE;
}

int client_objects(const Client *client, json_t **ret) {
        return call_for_json(client, SERVICE_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                             NULL, ret);
}

int client_properties(const Client *client, const char *path, const char *interface, json_t **ret) {
        return call_for_json(client, path, "org.freedesktop.DBus.Properties", "GetAll", interface, ret);
}

int client_print_rows(const Client *client, const Column *columns, size_t count, const json_t *rows,
                      const char *nothing) {
        int r;

        if (client->arguments->json)
                r = output_json(stdout, rows);
        else if (json_array_size(rows) == 0) {
                r = 0;
                if (!client->arguments->quiet)
                        fprintf(stderr, "%s\n", nothing);
        } else
                r = output_table(stdout, columns, count, rows, NULL);

        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}
