/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Imports and exports as jobs. The work is the issuance file's. */
#include <inttypes.h>

#include "job/job-private.h"

static void on_transfer(const TransferNews *news, void *userdata) {
        Job *job = userdata;

        job->tally = news->records;
        job->progress = news->progress;
        if (news->finished) {
                background_end(job, news->failure);
                engine_check_parked(job->engine);
                return;
        }

        job_set_advice(job, "%" PRIu64 " records so far.", news->records);
        job_notify(job);
}

static void catalogue_drop(void *catalogue) {
        catalogue_unref(catalogue);
}

static bool is_withheld(const char *type, const char *field, void *catalogue) {
        const Profile *profile = catalogue_profile(catalogue, type);

        return !profile || profile_field_is_secret(profile, field);
}

int transfer_job_begin(Job *job, Failure *failure) {
        JobEngine *engine = job->engine;
        IssuanceFile *file = engine->parts.issuance;
        Catalogue *catalogue = catalogue_ref(engine->parts.catalogue);
        Actor actor = job_actor(job);
        int r;

        if (job->kind == JOB_IMPORT)
                r = issuance_file_import(file, TAKE_FD(job->descriptor), job->mode, &actor, enrolment_check,
                                         catalogue, catalogue_drop, on_transfer, job, &job->transfer,
                                         failure);
        else
                r = issuance_file_export(file, TAKE_FD(job->descriptor), job->type ? job->type : "",
                                         job->sealed, is_withheld, catalogue, catalogue_drop, on_transfer,
                                         job, &job->transfer, failure);
        if (r < 0)
                catalogue_unref(catalogue);

        return r;
}

static Job *transfer_new(JobEngine *engine, JobKind kind, int descriptor, uid_t owner) {
        Job *job = job_new(engine, kind, owner);

        if (job)
                job->descriptor = descriptor;
        else
                close(descriptor);

        return job;
}

int job_engine_import(JobEngine *engine, int descriptor, ImportMode mode, uid_t owner, JobAnswer done,
                      void *userdata, Failure *failure) {
        Job *job = transfer_new(engine, JOB_IMPORT, descriptor, owner);

        if (!job)
                return failure_no_memory(failure);

        job->mode = mode;
        return background_start(engine, job, done, userdata, failure);
}

int job_engine_export(JobEngine *engine, int descriptor, const char *type, bool sealed, uid_t owner,
                      JobAnswer done, void *userdata, Failure *failure) {
        Job *job = transfer_new(engine, JOB_EXPORT, descriptor, owner);

        if (!job || (*type && !(job->type = strdup(type)))) {
                job_free(job);
                return failure_no_memory(failure);
        }

        if (*type && !catalogue_profile(engine->parts.catalogue, type)) {
                job_free(job);
                return failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                                   "No profile is correlated with card type %s; see icreissuectl types.",
                                   type);
        }

        job->sealed = sealed;
        return background_start(engine, job, done, userdata, failure);
}
