/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the service and how they are put together, loaded anew and taken apart. What starts, stops and drives it
 * is main.c's; what the parts do is their own. */
#ifndef ICREISSUE_SERVICE_H
#define ICREISSUE_SERVICE_H

#include <systemd/sd-event.h>

#include "base/failure.h"

typedef struct Service Service;

/* Where the service finds and keeps things; borrowed for the service's life. */
typedef struct ServiceDirectories {
        const char *config;
        const char *data;
        const char *state;
        const char *runtime;
} ServiceDirectories;

/* What the service has to say to its process; from the event loop. */
typedef struct ServiceEvents {
        void (*bus_lost)(void *userdata); /* the connection to the bus is broken */
        void (*idle)(void *userdata);     /* nobody has needed it for as long as idle-exit: says */
        void *userdata;
} ServiceEvents;

/* Connects to the system bus and takes the name first, so that activation waits for no disk; opens everything; then
 * puts the objects on the bus. Calls that come meanwhile wait in the connection. Blocking. Returns 0, or a negative
 * errno with the failure set; -ENOKEY where the key of the files is missing, or another one's. */
int service_open(sd_event *event, const ServiceDirectories *directories, const ServiceEvents *events,
                 Service **ret, Failure *failure);

/* Takes everything apart; after service_park() has parked it. NULL is allowed. */
Service *service_close(Service *service);
DEFINE_CLEANUP(Service *, service_close)

/* Reads configuration, keys and profiles anew, all or nothing, and logs how that went. `role:`, `readers:`,
 * `station:` and what belongs to the line of a branch count from the next start on. `done` is called once, at once or
 * later. */
typedef void (*ReloadDone)(const Failure *failure, void *userdata);
void service_reload(Service *service, ReloadDone done, void *userdata);

/* Gives the bus name up, so that the next caller starts another service, and answers who has called before. */
void service_leave_bus(Service *service);

/* Begins nothing more; `parked` is called once, when no card operation is under way. */
void service_park(Service *service, void (*parked)(void *userdata), void *userdata);

#endif
