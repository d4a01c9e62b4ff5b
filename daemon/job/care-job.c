/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The care of the stores as jobs: check, backup, a new key. The work is the file layer's (file/care.h). */
#include <inttypes.h>

#include "job/job-private.h"

static const char *const tally_advice[_JOB_KIND_MAX] = {
        [JOB_CHECK] = "checked",
        [JOB_BACKUP] = "copied",
        [JOB_ROTATE_KEY] = "sealed anew",
};

static void on_care(const CareNews *news, void *userdata) {
        Job *job = userdata;

        job->tally = news->count;
        job->progress = news->progress;
        if (!news->finished) {
                job_set_advice(job, "%" PRIu64 " records %s so far.", news->count, tally_advice[job->kind]);
                job_notify(job);
                return;
        }

        if (news->advice && replace_string(&job->closing, news->advice) < 0)
                log_debug("job %" PRIu64 ": no memory for its advice", job->number);
        background_end(job, news->failure);
        engine_check_parked(job->engine);
}

int care_job_begin(Job *job, Failure *failure) {
        const JobEngineParts *parts = &job->engine->parts;

        switch (job->kind) {
        case JOB_CHECK:
                return care_check(parts->issuance, parts->reissuing, on_care, job, &job->care, failure);
        case JOB_BACKUP:
                return care_backup(parts->issuance, parts->reissuing, TAKE_FD(job->descriptor), on_care, job,
                                   &job->care, failure);
        default:
                return care_rotate(parts->issuance, parts->reissuing, on_care, job, &job->care, failure);
        }
}

/* One at a time: a second one would do the same once more. And an import that has begun before a Reload seals under the
 * version that was the current one then. */
static int check_alone(JobEngine *engine, JobKind kind, Failure *failure) {
        for (Job *job = job_engine_next(engine, NULL); job; job = job_engine_next(engine, job))
                if (!job_is_finished(job) &&
                    (job->kind == kind || (kind == JOB_ROTATE_KEY && job->kind == JOB_IMPORT)))
                        return failure_set(failure, FAILURE_TOO_MANY_JOBS,
                                           "Job %" PRIu64 " (%s) is under way; wait for its end "
                                           "(icreissuectl job follow %" PRIu64 ").",
                                           job->number, job_kind_name(job->kind), job->number);

        return 0;
}

static int care_start(JobEngine *engine, JobKind kind, int descriptor, uid_t owner, JobAnswer done,
                      void *userdata, Failure *failure) {
        _cleanup_close_ int taken = descriptor;
        Job *job;
        int r;

        r = check_alone(engine, kind, failure);
        if (r < 0)
                return r;

        job = job_new(engine, kind, owner);
        if (!job)
                return failure_no_memory(failure);

        job->descriptor = TAKE_FD(taken);
        return background_start(engine, job, done, userdata, failure);
}

int job_engine_check(JobEngine *engine, uid_t owner, JobAnswer done, void *userdata, Failure *failure) {
        return care_start(engine, JOB_CHECK, -1, owner, done, userdata, failure);
}

int job_engine_backup(JobEngine *engine, int directory, uid_t owner, JobAnswer done, void *userdata,
                      Failure *failure) {
        return care_start(engine, JOB_BACKUP, directory, owner, done, userdata, failure);
}

int job_engine_rotate_key(JobEngine *engine, uid_t owner, JobAnswer done, void *userdata, Failure *failure) {
        return care_start(engine, JOB_ROTATE_KEY, -1, owner, done, userdata, failure);
}
