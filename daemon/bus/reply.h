/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call that is answered later: it holds the message until a callback of the job engine, the issuance file or a reader
 * comes. Failures become D-Bus errors here, and nowhere else. */
#ifndef ICREISSUE_BUS_REPLY_H
#define ICREISSUE_BUS_REPLY_H

#include <systemd/sd-bus.h>

#include "base/failure.h"

struct Api;

typedef struct Reply {
        struct Api *api;
        sd_bus_message *message; /* the call */
} Reply;

/* Returns 0 or -ENOMEM. */
int reply_new(struct Api *api, sd_bus_message *message, Reply **ret);
Reply *reply_free(Reply *reply);
DEFINE_CLEANUP(Reply *, reply_free)

/* The end of a method that has asked for a callback with *reply as userdata, r being what asking returned: hands the
 * reply on to the callback, or fails. Returns 1, or a negative errno with the error set. */
int reply_expect(Reply **reply, int r, const Failure *failure, sd_bus_error *error);

/* Answers with a failure. Returns what sending returned. */
int reply_failure(Reply *reply, const Failure *failure);

/* The end of a callback: r is what building or sending its answer returned; a negative one is said to the caller. */
void reply_end(Reply *reply, int r);

/* An empty answer, or one that holds personal data, so that it is erased when it is released. */
int reply_message_new(Reply *reply, sd_bus_message **ret);

/* Sets the error that a failure is. Returns the failure's negative errno. r stands for a failure that is not set. */
int error_set_failure(sd_bus_error *error, int r, const Failure *failure);

#endif
