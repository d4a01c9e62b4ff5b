/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When nobody needs the service: no reader, no job, and no client, which is who has called it and is still on the bus. */
#ifndef ICREISSUE_IDLE_H
#define ICREISSUE_IDLE_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/util.h"

typedef struct Idle Idle;

typedef struct IdleOptions {
        sd_event *event;
        sd_bus *bus;                  /* attached to the event loop, now or later */
        unsigned seconds;             /* that long nobody needs it; 0: idle() is never called */
        bool (*busy)(void *userdata); /* asked in each turn of the event loop */
        void (*idle)(void *userdata); /* from the event loop, not from within a message of the bus */
        void *userdata;
} IdleOptions;

/* The options are copied. Returns 0 or a negative errno. */
int idle_new(const IdleOptions *options, Idle **ret);

/* From now on after so many seconds. */
void idle_set_seconds(Idle *idle, unsigned seconds);

/* NULL is allowed. */
Idle *idle_free(Idle *idle);
DEFINE_CLEANUP(Idle *, idle_free)

#endif
