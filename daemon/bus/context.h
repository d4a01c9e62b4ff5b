/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share: the names on the bus and the Api itself. Nobody outside includes it. */
#ifndef ICREISSUE_BUS_CONTEXT_H
#define ICREISSUE_BUS_CONTEXT_H

#include "bus/api.h"
#include "bus/authority.h"
#include "bus/publisher.h"

#define API_PATH         "/org/example/ICReissue"
#define READER_PATH      API_PATH "/reader"
#define READER_INTERFACE API_NAME ".Reader"
#define JOB_PATH         API_PATH "/job"
#define JOB_INTERFACE    API_NAME ".Job"

struct Api {
        const ApiParts *parts;
        Authority *authority;
        Publisher *root; /* the main object */
        Publisher *readers;
        Publisher *jobs;
        sd_bus_slot *object_manager;
        sd_event_source *say; /* says, once per turn of the event loop, what has changed */
        bool status_changed;
        bool started;
};

/* The number of records or automatic mode may have changed: compared, and said if so, in the next turn. */
void api_root_changed(Api *api);

/* Whom a change is made for: the caller of an authorized message, at this station. */
Actor api_actor(Api *api, sd_bus_message *message);

#endif
