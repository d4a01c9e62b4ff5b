/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which key is offered when. */
#include "client/station-keys.h"

#include "client/job-view.h"

static bool can_cancel(const json_t *properties) {
        return !job_state_is_final(job_text(properties, "State"));
}

/* A failed job; and one that waits, with its card made, because the printer or the mill could not go on. */
static bool can_retry(const json_t *properties) {
        const char *state = job_text(properties, "State"), *error = job_text(properties, "ErrorName");

        return streq(state, "failed") || (streq(state, "printing") && strstr(error, ".PrintFailed")) ||
               (streq(state, "discarding") && strstr(error, ".DiscardFailed"));
}

static bool can_confirm(const json_t *properties) {
        return streq(job_text(properties, "State"), "discarding");
}

static bool can_pause(const json_t *properties) {
        return streq(job_text(properties, "Kind"), "batch") &&
               streq(job_text(properties, "State"), "running");
}

static bool can_resume(const json_t *properties) {
        return streq(job_text(properties, "Kind"), "batch") && streq(job_text(properties, "State"), "paused");
}

/* What cannot be taken back is asked for twice. */
static const StationKey keys[] = {
        { 'c', "Cancel", "Cancel", "Cancel job %lld?", can_cancel },
        { 'r', "Retry", "Retry", NULL, can_retry },
        { 'd', "Destroyed", "ConfirmDiscarded", "Have you destroyed the old card of job %lld yourself?",
          can_confirm },
        { 'p', "Pause", "Pause", NULL, can_pause },
        { 'g', "Go on", "Resume", NULL, can_resume },
};

const StationKey *station_keys_next(const StationModel *model, const StationKey *after) {
        StationJob job;

        if (station_model_service(model) != STATION_RUNNING || !station_model_current(model, &job) ||
            job.gone)
                return NULL;

        for (const StationKey *key = after ? after + 1 : keys; key < keys + ELEMENTS(keys); key++)
                if (key->offered(job.properties))
                        return key;

        return NULL;
}

const StationKey *station_keys_find(const StationModel *model, int character) {
        for (const StationKey *key = station_keys_next(model, NULL); key; key = station_keys_next(model, key))
                if (character == key->key || character == key->key - 'a' + 'A')
                        return key;

        return NULL;
}
