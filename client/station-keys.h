/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys that do something with the job that is shown: one table. */
#ifndef ICREISSUE_CLIENT_STATION_KEYS_H
#define ICREISSUE_CLIENT_STATION_KEYS_H

#include "client/station-model.h"

struct StationKey {
        char key;
        const char *label;    /* "Cancel" */
        const char *method;   /* of org.example.ICReissue.Job, without arguments */
        const char *question; /* "Cancel job %lld?", answered with y; NULL: done at once */
        bool (*offered)(const json_t *properties);
};

/* The next key that is offered for the current job, after `after`; NULL begins. NULL where there is none, while the
 * service is away, and for a job that has left the bus. */
const StationKey *station_keys_next(const StationModel *model, const StationKey *after);

/* The one that is offered under that character, small or capital; NULL where there is none. */
const StationKey *station_keys_find(const StationModel *model, int character);

#endif
