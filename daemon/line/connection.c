/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection of a branch: what is read passes the gate, what is written goes out directly. Before a message reaches
 * the interface it is seen here whether it may.
 *
 * sd-bus is driven from here instead of being attached to the event loop: attached, each connection that there is costs
 * something in every turn of the loop, and a centre may have a thousand that say nothing. Driven, one costs something
 * when bytes have come through its gate, and while answers wait to be written. It needs no timer of sd-bus: the centre
 * asks nothing, and the time for an authentication is the patience with who has not said Hello. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "base/log.h"
#include "line/protocol.h"
#include "line/server-private.h"

enum {
        PATIENCE_SECONDS = 30,
        UNREAD_ANSWERS_MAX = 256,
        UNREAD_BYTES_MAX = 8 << 20, /* a few of the largest records that there are */
};

void connection_complain(Connection *connection, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        if (connection->complained)
                return;

        connection->complained = true;
        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        if (connection->branch && connection->branch->config)
                log_event(LOG_BRANCH_REFUSED, NULL, "Branch %s was refused: %s.",
                          connection->branch->config->name, text ? text : "no memory");
        else
                log_event(LOG_BRANCH_REFUSED, NULL, "The account of user %u was refused on the line: %s.",
                          (unsigned) connection->uid, text ? text : "no memory");
}

static void close_unread(Connection *connection) {
        connection_complain(connection, "it does not read its answers");
        connection_close_later(connection);
}

bool connection_may_answer(Connection *connection, size_t size) {
        uint64_t unread = 0;

        if (sd_bus_get_n_queued_write(connection->bus, &unread) >= 0 && unread == 0)
                connection->unread = 0;

        connection->unread += size;
        if (unread == 0 || connection->unread <= UNREAD_BYTES_MAX)
                return true;

        close_unread(connection);
        return false;
}

static int refuse(sd_bus_message *message, const char *text) {
        sd_bus_reply_method_errorf(message, failure_name(FAILURE_ACCESS_DENIED), "%s", text);
        return 1;
}

/* Every message, before the interface. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        const char *interface = sd_bus_message_get_interface(message);
        const char *path = sd_bus_message_get_path(message);
        Connection *connection = userdata;
        uint64_t unread = 0;
        bool ours;

        sd_bus_message_sensitive(message);
        if (!sd_bus_message_is_method_call(message, NULL, NULL))
                return sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", NULL) ? 0 : 1;

        if (sd_bus_get_n_queued_write(connection->bus, &unread) >= 0 && unread > UNREAD_ANSWERS_MAX) {
                close_unread(connection);
                return 1;
        }

        if (!connection->branch) {
                connection_complain(connection, "no branch in icreissue.yaml has that account");
                connection_close_later(connection);
                return refuse(message,
                              "This account is no branch of this centre. Its administrator adds one with "
                              "icreissuectl branch add.");
        }

        ours = interface && path && streq(path, CENTRE_PATH) &&
               (streq(interface, CENTRE_INTERFACE) ||
                sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Peer", "Ping"));
        if (!ours) {
                connection_complain(connection, "it asked for something other than " CENTRE_INTERFACE);
                return refuse(message,
                              "The line has " CENTRE_INTERFACE " at " CENTRE_PATH " and nothing else.");
        }

        if (!connection->greeted && !sd_bus_message_is_method_call(message, CENTRE_INTERFACE, "Hello"))
                return refuse(message, "A branch says Hello first.");

        return 0;
}

static int on_close(sd_event_source *source _unused_, void *userdata) {
        connection_close(userdata);
        return 0;
}

void connection_close_later(Connection *connection) {
        if (connection->server && !connection->closing &&
            sd_event_add_defer(connection->server->options.event, &connection->closing, on_close,
                               connection) < 0)
                log_event(LOG_INTERNAL, NULL, "There was no memory to close a connection.");
}

/* The other end's closing is the gate's to tell: this one is sd-bus, which has read what it does not take. */
static void not_understood(Connection *connection) {
        connection_complain(connection, connection->greeted
                                                ? "it sent what is no D-Bus message"
                                                : "it does not introduce itself as D-Bus wants it");
        connection_close_later(connection);
}

static int on_disconnected(sd_bus_message *signal _unused_, void *userdata, sd_bus_error *error _unused_) {
        not_understood(userdata);
        return 0;
}

static void on_gate_closed(const Failure *failure, void *userdata) {
        Connection *connection = userdata;

        if (failure_is_set(failure))
                connection_complain(connection, "%s", failure_message(failure));
        connection_close_later(connection);
}

static int on_impatient(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Connection *connection = userdata;

        connection_complain(connection, "it has connected and said nothing");
        connection_close(connection);
        return 0;
}

/* --- driving sd-bus --- */

void connection_flush(Connection *connection) {
        int events;

        if (!connection->server || connection->driven)
                return;

        events = sd_bus_get_events(connection->bus); /* negative where it is closed already */
        sd_event_source_set_enabled(connection->writable,
                                    events > 0 && (events & POLLOUT) ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* Everything that can be done now. */
static void connection_drive(Connection *connection) {
        int r = 1;

        if (!connection->server || connection->driven)
                return;

        connection_ref(connection);
        connection->driven = true;
        while (r > 0 && connection->server && !connection->closing)
                r = sd_bus_process(connection->bus, NULL);

        connection->driven = false;
        if (r < 0 && connection->server)
                not_understood(connection);

        connection_flush(connection);
        connection_unref(connection);
}

static void on_passed(void *userdata) {
        connection_drive(userdata);
}

static int on_writable(sd_event_source *source _unused_, int descriptor _unused_, uint32_t events _unused_,
                       void *userdata) {
        connection_drive(userdata);
        return 0;
}

/* The authentication of D-Bus is for show: whose the connection is, the kernel has said. */
static int connection_start(Connection *connection, int inside) {
        _cleanup_close_ int input = inside, output = -1;
        sd_id128_t id;
        int written, r; /* the descriptor that sd-bus writes to, and owns */

        output = fcntl(connection->peer, F_DUPFD_CLOEXEC, 3);
        if (output < 0)
                return -errno;

        r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_new(&connection->bus);
        if (r >= 0)
                r = sd_bus_set_fd(connection->bus, input, output);
        if (r < 0)
                return r;

        written = output;
        TAKE_FD(input);
        TAKE_FD(output);
        r = sd_bus_set_server(connection->bus, 1, id);
        if (r >= 0)
                r = sd_bus_set_anonymous(connection->bus, 1);
        if (r >= 0)
                r = sd_bus_negotiate_fds(connection->bus, 0);
        if (r >= 0)
                r = sd_bus_add_filter(connection->bus, NULL, on_message, connection);
        if (r >= 0)
                r = sd_bus_add_object_vtable(connection->bus, NULL, CENTRE_PATH, CENTRE_INTERFACE,
                                             branch_vtable(), connection);
        if (r >= 0)
                r = sd_bus_match_signal(connection->bus, NULL, "org.freedesktop.DBus.Local",
                                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, connection);
        if (r >= 0)
                r = sd_bus_start(connection->bus);
        if (r >= 0)
                r = sd_event_add_io(connection->server->options.event, &connection->writable, written,
                                    EPOLLOUT, on_writable, connection);
        if (r >= 0)
                r = sd_event_source_set_enabled(connection->writable, SD_EVENT_OFF);

        return r;
}

int connection_new(CentreServer *server, int peer, uid_t uid, Branch *branch) {
        _cleanup_(connection_unrefp) Connection *connection = new0(Connection, 1);
        int inside, r;

        if (!connection) {
                close(peer);
                return -ENOMEM;
        }

        *connection =
                (Connection){ .references = 1, .server = server, .branch = branch, .uid = uid, .peer = peer };
        r = gate_new(server->options.event, peer, on_passed, on_gate_closed, connection, &inside,
                     &connection->gate);
        if (r >= 0)
                r = connection_start(connection, inside);
        if (r >= 0)
                r = sd_event_add_time_relative(server->options.event, &connection->patience, CLOCK_MONOTONIC,
                                               PATIENCE_SECONDS * UINT64_C(1000000), 0, on_impatient,
                                               connection);
        if (r < 0)
                return r;

        connection->next = server->connections;
        server->connections = TAKE_PTR(connection);
        return 0;
}

static void connection_release(Connection *connection) {
        connection->patience = sd_event_source_disable_unref(connection->patience);
        connection->closing = sd_event_source_disable_unref(connection->closing);
        gate_freep(&connection->gate);
        connection->gate = NULL;
        connection->writable = sd_event_source_disable_unref(connection->writable);
        if (connection->bus)
                sd_bus_close(connection->bus);

        connection->bus = sd_bus_unref(connection->bus);
        cleanup_close(&connection->peer);
        connection->peer = -1;
}

void connection_close(Connection *connection) {
        CentreServer *server = connection->server;
        Connection **link;

        if (!server)
                return;

        for (link = &server->connections; *link != connection;)
                link = &(*link)->next;

        *link = connection->next;
        if (connection->branch && connection->branch->connection == connection) {
                connection->branch->connection = NULL;
                record_now(connection->branch->since);
        }

        connection->server = NULL;
        connection->branch = NULL;
        connection_release(connection);
        connection_unref(connection);
}

Connection *connection_ref(Connection *connection) {
        connection->references++;
        return connection;
}

Connection *connection_unref(Connection *connection) {
        if (--connection->references > 0)
                return NULL;

        connection_release(connection);
        free(connection);
        return NULL;
}
