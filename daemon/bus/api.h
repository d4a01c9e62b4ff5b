/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service on D-Bus, org.example.ICReissue(5): what comes from a caller is authorized, translated and handed to the
 * job engine and the issuance file; what they say is translated back. Nothing is decided here. */
#ifndef ICREISSUE_BUS_API_H
#define ICREISSUE_BUS_API_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/config.h"
#include "card/catalogue.h"
#include "card/readers.h"
#include "file/issuance-file.h"
#include "job/job-engine.h"
#include "line/centre-server.h"

#define API_NAME "org.example.ICReissue"

typedef struct Api Api;

/* What the API speaks for. Everything is borrowed and outlives it. `event` and `bus` are there from the beginning, the
 * rest from api_start() on; the owner may change `station` and `catalogue` between two events. */
typedef struct ApiParts {
        sd_event *event;
        sd_bus *bus;
        const char *station;
        Role role;
        const char *centre_name; /* role branch: as messages name the centre */
        Catalogue *catalogue;
        Readers *readers;
        IssuanceFile *issuance; /* role branch: empty, and the records are elsewhere */
        Centre *centre;
        JobEngine *engine;
        Designs *designs;
        const CentreServer *server; /* role centre; elsewhere NULL */

        /* Reload: reads configuration, keys and profiles anew; `done` is called once, at once or later. A failure has
         * changed nothing. */
        void (*reload)(void (*done)(const Failure *failure, void *reply), void *reply, void *userdata);
        /* The number of readers or of open jobs may have changed. May be NULL. */
        void (*status_changed)(size_t readers, size_t open_jobs, void *userdata);
        void *userdata;
} ApiParts;

/* The API, silent still. Returns 0 or -ENOMEM. */
int api_new(const ApiParts *parts, Api **ret);

/* Releases it and takes its objects off the bus. Whoever holds replies of it (readers, job engine, stores) must have
 * ended before. */
Api *api_free(Api *api);
DEFINE_CLEANUP(Api *, api_free)

/* What the job engine calls, with the Api as userdata. Until api_start() it is ignored: the engine's jobs are asked for
 * there. Static. */
const JobObserver *api_job_observer(void);

/* Puts all objects on the bus. Calls that have arrived before are answered when the event loop runs. Returns 0 or a
 * negative errno. */
int api_start(Api *api);

/* How the line is may have changed. */
void api_line_changed(Api *api);

#endif
