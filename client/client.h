/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every command of icreissuectl works with: the command line and the connection to the service, calls through it,
 * and how a failure is told. A function that returns a status has told the failure already; the caller only passes
 * it on. */
#ifndef ICREISSUE_CLIENT_CLIENT_H
#define ICREISSUE_CLIENT_CLIENT_H

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "client/arguments.h"
#include "client/exit-status.h"
#include "client/output.h"

#define SERVICE_NAME      "org.example.ICReissue"
#define SERVICE_INTERFACE "org.example.ICReissue"
#define READER_INTERFACE  "org.example.ICReissue.Reader"
#define JOB_INTERFACE     "org.example.ICReissue.Job"
#define SERVICE_PATH      "/org/example/ICReissue"
#define JOB_PREFIX        SERVICE_PATH "/job/"
#define READER_PREFIX     SERVICE_PATH "/reader/"

struct Client {
        const Arguments *arguments;
        sd_bus *bus; /* NULL for a command that needs none */
};

static inline void message_unrefp(sd_bus_message **message) {
        sd_bus_message_unref(*message);
}
#define _cleanup_message_ _cleanup_(message_unrefp)

static inline void bus_error_done(sd_bus_error *error) {
        sd_bus_error_free(error);
}
#define _cleanup_bus_error_ _cleanup_(bus_error_done)

/* Tells a failure on standard error, "icreissuectl: MESSAGE", or {"error": NAME, "message": MESSAGE} in one line with
 * --json. Returns the exit status that NAME leads to. */
int client_error(const Client *client, const char *name, const char *message);

/* A failure that is ours: `status` is returned. */
_printf_(3, 4) int client_fail(const Client *client, ExitStatus status, const char *format, ...);

/* A failure of the system; a negative errno. Always STATUS_FAILED. */
int client_fail_errno(const Client *client, int error, const char *what);

/* Connects to the system bus (the one that DBUS_SYSTEM_BUS_ADDRESS names). */
int client_connect(Client *client);

/* The service's refusal of a call that polkit would allow once somebody has given a password. */
#define PROMPT_NEEDED "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"

/* Begins a call of the root object's main interface, or of any other. */
int client_new_call(const Client *client, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret);

/* Sends a call and waits for its answer, however long a person takes at a polkit prompt: where polkit wants a
 * password, it is sent once more with an agent on this terminal (terminal-agent.h), or for whichever agent there is.
 * `r` is what building the call returned so far: negative, it is told and nothing is sent. reply may be NULL. */
int client_send(const Client *client, sd_bus_message *call, int r, sd_bus_message **reply);

/* Calls a method of the main interface with arguments as sd_bus_message_append(3) takes them. */
int client_call(const Client *client, sd_bus_message **reply, const char *member, const char *types, ...);

/* Every object of the service: {path: {interface: {property: value}}}. */
int client_objects(const Client *client, json_t **ret);

/* All properties of an interface, as {property: value}. */
int client_properties(const Client *client, const char *path, const char *interface, json_t **ret);

/* Prints an answer that is a list of rows: one JSON document, or a table; `nothing` is said to people when it is
 * empty. Returns a status. */
int client_print_rows(const Client *client, const Column *columns, size_t count, const json_t *rows,
                      const char *nothing);

#endif
