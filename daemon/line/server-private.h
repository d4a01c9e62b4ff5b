/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the centre's end of the line consists of: the server, its branches, their connections. */
#ifndef ICREISSUE_LINE_SERVER_PRIVATE_H
#define ICREISSUE_LINE_SERVER_PRIVATE_H

#include <systemd/sd-bus.h>

#include "line/centre-server.h"
#include "line/gate.h"

typedef struct Connection Connection;

/* A branch of the configuration, with what is known of it while the service runs. */
typedef struct Branch {
        const ConfigBranch *config; /* NULL: no longer listed, while a connection of it is being closed */
        uid_t uid;
        bool known;                   /* the account is there */
        Connection *connection;       /* that has said Hello; NULL: none */
        uint64_t number;              /* of the newest connection that has */
        uint64_t number_at;           /* when, in microseconds of CLOCK_MONOTONIC */
        char since[RECORD_TIME_SIZE]; /* it has this connection, or none any more; "" at first */
} Branch;

struct Connection {
        unsigned references;  /* the server's, and one for each question that is being answered */
        CentreServer *server; /* NULL: closed */
        Connection *next;
        Branch *branch; /* NULL: of an account that is not listed */
        uid_t uid;
        int peer;
        Gate *gate;
        sd_bus *bus;
        bool driven;               /* its messages are being processed */
        sd_event_source *writable; /* on while answers wait to be written */
        sd_event_source *patience; /* until it has said Hello */
        sd_event_source *closing;
        bool greeted;
        bool complained;  /* a refusal was logged */
        unsigned pending; /* questions that are being answered */
        size_t unread;    /* bytes of answers, at most, since the last one that was sent at once */
};

struct CentreServer {
        CentreServerOptions options;
        int socket;
        char *made; /* the path of a socket of our own */
        sd_event_source *source;
        sd_event_source *rest; /* until it accepts again */
        bool rest_told;
        Branch *branches;
        size_t branch_count;
        Connection *connections;
};

/* connection.c: takes the accepted socket over. */
int connection_new(CentreServer *server, int peer, uid_t uid, Branch *branch);
/* Closes it, unread. */
void connection_close(Connection *connection);
Connection *connection_ref(Connection *connection);
Connection *connection_unref(Connection *connection);
DEFINE_CLEANUP(Connection *, connection_unref)
/* After an answer: what could not be written at once is, when the other end reads. */
void connection_flush(Connection *connection);
/* False, and it is closed, where it has too many bytes of answers unread. */
bool connection_may_answer(Connection *connection, size_t size);
/* In the next turn of the event loop: for its own handlers. */
void connection_close_later(Connection *connection);
/* Logs a refusal, once for each connection. */
_printf_(2, 3) void connection_complain(Connection *connection, const char *format, ...);

/* branch-methods.c: the interface. */
const sd_bus_vtable *branch_vtable(void);

#endif
