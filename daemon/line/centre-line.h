/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The centre over the line, for a branch: a connection to a socket behind which something (icreissue-line@.service)
 * carries D-Bus to the centre. It is made when there is a question, and when the service starts; let go after a while
 * without questions; made again, later and later, while it cannot be had. */
#ifndef ICREISSUE_LINE_CENTRE_LINE_H
#define ICREISSUE_LINE_CENTRE_LINE_H

#include <systemd/sd-event.h>

#include "line/centre.h"

typedef struct LineOptions {
        sd_event *event;
        const char *socket;     /* its path; copied */
        const char *centre;     /* how messages name the centre; copied */
        unsigned timeout, idle; /* seconds: for an answer; without work until it is let go */
} LineOptions;

/* Returns 0 or a negative errno. It begins to connect when the event loop runs. */
int centre_new_line(const LineOptions *options, Centre **ret);

#endif
