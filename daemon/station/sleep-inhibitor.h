/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the machine from going to sleep while a card is written: a delay inhibitor of logind (org.freedesktop.login1),
 * held by any number of writers together. Where there is no logind, nothing can put the machine to sleep through it,
 * and every request is granted. */
#ifndef ICREISSUE_STATION_SLEEP_INHIBITOR_H
#define ICREISSUE_STATION_SLEEP_INHIBITOR_H

#include <systemd/sd-bus.h>

#include "base/failure.h"

typedef struct SleepInhibitor SleepInhibitor;

/* bus is held. awake (may be NULL) is called when the machine has woken up: what was refused may be asked again.
 * Returns 0 or a negative errno. */
int sleep_inhibitor_new(sd_bus *bus, void (*awake)(void *userdata), void *userdata, SleepInhibitor **ret);
SleepInhibitor *sleep_inhibitor_free(SleepInhibitor *inhibitor);
DEFINE_CLEANUP(SleepInhibitor *, sleep_inhibitor_free)

/* The answer, from the event loop: granted, and to be given back by sleep_inhibitor_release(); or not, because the
 * machine is about to sleep. */
typedef void (*SleepInhibited)(bool granted, void *userdata);

/* Asks. Returns 0 when `done` will be called, once; -ENOMEM and the like when it will not. */
int sleep_inhibitor_take(SleepInhibitor *inhibitor, SleepInhibited done, void *userdata);
void sleep_inhibitor_release(SleepInhibitor *inhibitor);

#endif
