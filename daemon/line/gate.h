/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands before a connection of which the other end may be hostile: it lets D-Bus through in whole, none of it
 * larger than GATE_MESSAGE_MAX and no more of it than GATE_RATE messages a second, and no file descriptors. sd-bus by
 * itself takes messages of 128 MiB, and makes room for one as soon as its length is announced. */
#ifndef ICREISSUE_LINE_GATE_H
#define ICREISSUE_LINE_GATE_H

#include <systemd/sd-event.h>

#include "base/failure.h"

enum {
        GATE_MESSAGE_MAX = 16384, /* bytes; a question has a few hundred */
        GATE_GREETING_MAX = 4096, /* bytes of the authentication dialogue before the first message */
        GATE_RATE = 2000,         /* messages a second */
        GATE_BURST = 500,         /* messages at once */
};

typedef struct Gate Gate;

/* The other end has closed (no failure), or has sent what it may not (INVALID_ARGS): nothing more comes through. Not
 * called again. */
typedef void (*GateClosed)(const Failure *failure, void *userdata);

/* Something can be read inside. Must not free the gate. */
typedef void (*GatePassed)(void *userdata);

/* peer is borrowed and outlives the gate. *ret_inside is the caller's: what has come through is read there. Returns 0
 * or a negative errno. */
int gate_new(sd_event *event, int peer, GatePassed passed, GateClosed closed, void *userdata, int *ret_inside,
             Gate **ret);
Gate *gate_free(Gate *gate);
DEFINE_CLEANUP(Gate *, gate_free)

/* Stops reading for as long as `hold`: the questions that are here are to be answered first. */
void gate_hold(Gate *gate, bool hold);

#endif
