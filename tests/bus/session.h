/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody's desktop session beside a desk: a session bus of its own that can start icreissue-notify, as its service file
 * says, and a notification server that the test plays itself, or a real one. A step that does not work fails the test
 * (tests/desk/desk.h). */
#ifndef TESTS_BUS_SESSION_H
#define TESTS_BUS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/desk/inside.h"

/* A notice that the played server was given, as it is now. */
typedef struct Shown {
        uint32_t id;
        char *summary, *body, *icon, *category;
        unsigned urgency;
        int32_t expires;
        unsigned changes; /* how often it was replaced */
        bool closed;
} Shown;

typedef struct Session {
        Desk *desk;
        Process bus_daemon;
        const char *address;
        sd_bus *bus;
        sd_bus *other; /* handled while the session waits, too; borrowed; NULL */
        sd_bus_slot *served;
        Shown *shown; /* in the order of coming */
        size_t count;
        uint32_t last_id;
} Session;

Session *session_open(Desk *desk);
void session_close(Session *session);

/* Asks the bus for icreissue-notify, as the desktop does; returns its process. */
pid_t session_start_notify(Session *session);

/* Plays the notification server, or is none any more. */
void session_serve(Session *session);
void session_stop_serving(Session *session);

/* Handles what has come over the session's bus, and waits until `holds` does. */
void session_wait(Session *session, const char *what, bool (*holds)(Session *session, void *userdata),
                  void *userdata);

/* The same of what nothing tells of: it is looked at again and again, until the desk's time is over. */
void session_ask_until(Session *session, const char *what, bool (*holds)(Session *session, void *userdata),
                       void *userdata);

/* Waits for the notice that is there and not closed. It stays the session's. */
const Shown *session_wait_shown(Session *session, const char *summary);
void session_wait_closed(Session *session, uint32_t id);
const Shown *session_shown(const Session *session, uint32_t id);

#endif
