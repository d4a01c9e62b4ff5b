/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the station display knows: the service's readers and jobs as its signals have told them, and what the person at
 * the desk has chosen. It calls nobody and draws nothing. Everything returned is borrowed until the next change. */
#ifndef ICREISSUE_CLIENT_STATION_MODEL_H
#define ICREISSUE_CLIENT_STATION_MODEL_H

#include <jansson.h>

#include "base/util.h"

enum { STATION_JOBS_SHOWN = 10 };

typedef enum StationService {
        STATION_ASKING, /* it is being asked, or started */
        STATION_RUNNING,
        STATION_STOPPED,
} StationService;

/* What a key can have done with a job; client/station-keys.h. */
typedef struct StationKey StationKey;

typedef struct StationJob {
        const char *path;
        const json_t *properties; /* of org.example.ICReissue.Job */
        bool gone;                /* its object has left the bus: it can only be looked at */
} StationJob;

typedef struct StationModel StationModel;

/* NULL when there is no memory. */
StationModel *station_model_new(void);
StationModel *station_model_free(StationModel *model);
DEFINE_CLEANUP(StationModel *, station_model_free)

/* ---- what the service says; each returns 0 or -ENOMEM ---- */

/* All objects, {path: {interface: {property: value}}}: these and no others are there. Ended jobs that were there before
 * are remembered. */
int station_model_set_objects(StationModel *model, const json_t *objects);

/* Properties of the service itself: all of them, or those that have changed. */
int station_model_set_root(StationModel *model, const json_t *properties);

/* An object has come, with {interface: {property: value}}; or has gone. */
int station_model_add(StationModel *model, const char *path, const json_t *interfaces);
int station_model_remove(StationModel *model, const char *path);

/* Properties of an object have changed. Of an object that is not known, nothing is done. */
int station_model_change(StationModel *model, const char *path, const char *interface, const json_t *changed);

/* The service has come or gone. While it is stopped nothing is known of readers; jobs are kept, as it keeps them. */
void station_model_set_service(StationModel *model, StationService service);
StationService station_model_service(const StationModel *model);

/* Something to be told until something else happens: a refusal, with the service's advice. "" is nothing. */
void station_model_set_notice(StationModel *model, const char *text);
const char *station_model_notice(const StationModel *model);

/* ---- what the person does ---- */

/* The job after (1) or before (-1) the one that is shown, in the order of station_model_jobs(). 0: again the one that
 * matters most. */
void station_model_select(StationModel *model, int step);

/* Asks "really?" for a key and the job that is shown, until it is asked nothing (NULL). */
void station_model_ask(StationModel *model, const StationKey *key);

/* The key that is asked for, and the path of the job: NULL where nothing is asked, or the job has gone meanwhile. */
const StationKey *station_model_asked(const StationModel *model, const char **ret_path);

/* ---- what is to be seen ---- */

/* A property of the service itself; NULL while it is not known. */
const json_t *station_model_root(const StationModel *model, const char *property);

/* The properties of the readers, at most `max` of them, ordered by name. Returns how many there are. */
size_t station_model_readers(const StationModel *model, const json_t **readers, size_t max);

/* Open jobs, the oldest first, then ended ones, the last first: at most STATION_JOBS_SHOWN, and no more than half of
 * them open while ended ones wait for a place. Returns how many. */
size_t station_model_jobs(const StationModel *model, StationJob jobs[static STATION_JOBS_SHOWN]);

size_t station_model_open_jobs(const StationModel *model);

/* The job to be shown: the one that was selected; else one that waits for somebody, else one that works, else the one
 * that has ended last, for as long as it is on the bus. False where there is none. */
bool station_model_current(const StationModel *model, StationJob *ret);

/* Whether a job waits for the person at the desk. */
bool station_job_waits(const json_t *properties);

#endif
