/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the helper program of the card mill (mill/protocol.h), one process for each card, watched until it ends or its
 * time is over. What the mill has not confirmed is not destroyed. */
#ifndef ICREISSUE_STATION_MILL_H
#define ICREISSUE_STATION_MILL_H

#include <systemd/sd-event.h>

#include "base/config.h"
#include "base/failure.h"

typedef struct Mill Mill;
typedef struct MillRun MillRun;

/* Helpers are in the folder mill of the configuration's directory, else in that of the second one. Both are copied.
 * Returns 0 or -ENOMEM. */
int mill_new(sd_event *event, const char *config_directory, const char *helpers, Mill **ret);

/* What still runs is killed; its callback is called, with CANCELLED. */
Mill *mill_free(Mill *mill);
DEFINE_CLEANUP(Mill *, mill_free)

typedef enum MillEnd {
        MILL_END_DESTROYED, /* the mill has confirmed it */
        MILL_END_BY_HAND,   /* the operator destroys the card, and says so */
        MILL_END_FAILED,    /* DISCARD_FAILED: what went wrong, and what to do */
} MillEnd;

/* failure is set where it failed; borrowed for the call. */
typedef void (*MillDone)(MillEnd end, const Failure *failure, void *userdata);

/* Destroys the card that lies in the mill. config is borrowed for the call. Returns 0 when `done` will be called,
 * never before this has returned, and *ret is good until then; or a negative errno with the failure set. */
int mill_run(Mill *mill, const ConfigMill *config, MillDone done, void *userdata, MillRun **ret,
             Failure *failure);

/* Tells the mill to stop: `done` is called, mostly with FAILED. */
void mill_stop(MillRun *run);

#endif
