/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs that need nobody at the desk: imports and exports, and the care of the stores. What they have in common: one
 * state, progress, a cancel at any moment, an end. What they begin is transfer-job.c's and care-job.c's. */
#include <inttypes.h>

#include "job/job-private.h"

/* What is told of each kind. */
typedef struct BackgroundKind {
        int (*begin)(Job *job, Failure *failure);
        const char *tally; /* what Describe calls the number of records */
        LogEvent event;
        bool goes_on;      /* after a restart, and by job_retry() */
        const char *again; /* after a failure; NULL: by job_retry() */
} BackgroundKind;

static const BackgroundKind kinds[_JOB_KIND_MAX] = {
        [JOB_IMPORT] = { transfer_job_begin, "transferred", LOG_TRANSFER, false,
                         "start the import again with its file" },
        [JOB_EXPORT] = { transfer_job_begin, "transferred", LOG_TRANSFER, false,
                         "start the export again with its file" },
        [JOB_CHECK] = { care_job_begin, "checked", LOG_CARE, false, NULL },
        [JOB_BACKUP] = { care_job_begin, "transferred", LOG_CARE, false,
                         "start the backup again with an empty directory" },
        [JOB_ROTATE_KEY] = { care_job_begin, "resealed", LOG_CARE, true, NULL },
};

bool job_is_background(const Job *job) {
        return kinds[job->kind].begin;
}

bool background_is_cut(const Job *job) {
        return job_is_background(job) && !kinds[job->kind].goes_on;
}

bool background_is_running(const Job *job) {
        return job->transfer || job->care;
}

const char *background_tally_name(JobKind kind) {
        return kinds[kind].tally;
}

/* The service ends while the job is under way, and nobody has cancelled it. */
static bool is_interrupted(const Job *job, const Failure *failure) {
        return failure->kind == FAILURE_CANCELLED && job->engine->parking && !job->cancel_wanted;
}

static void set_interrupted(Job *job) {
        _cleanup_failure_ Failure failure = {};

        failure_set(&failure, FAILURE_CANCELLED, "The service was stopped during the %s.",
                    job_kind_name(job->kind));
        job_set_error(job, &failure);
}

static JobState end_state(const Job *job, const Failure *failure) {
        if (!failure_is_set(failure))
                return JOB_DONE;

        return failure->kind == FAILURE_CANCELLED && job->cancel_wanted ? JOB_CANCELLED : JOB_FAILED;
}

void background_end(Job *job, const Failure *failure) {
        bool interrupted = is_interrupted(job, failure);

        job->transfer = NULL;
        job->care = NULL;
        if (interrupted && kinds[job->kind].goes_on)
                return; /* it is open in the reissuing file, and goes on after the restart */

        job->state = end_state(job, failure);
        job_set_error(job, failure);
        if (interrupted)
                set_interrupted(job);

        free(job->finished);
        job->finished = time_now_text();
        log_event(kinds[job->kind].event, &(LogSubject){ .job = job->uuid, .failure = failure },
                  "Job %" PRIu64 " (%s) has ended after %" PRIu64 " records.%s%s", job->number,
                  job_kind_name(job->kind), job->tally, job->closing ? " " : "",
                  job->closing ? job->closing : "");
        job_journal(job, job_finish);
}

void background_begin(Job *job) {
        _cleanup_failure_ Failure failure = {};
        int r;

        if (job->cancel_wanted)
                r = failure_set(&failure, FAILURE_CANCELLED, "It was cancelled before it began.");
        else
                r = kinds[job->kind].begin(job, &failure);
        if (r < 0)
                background_end(job, &failure);
}

int background_start(JobEngine *engine, Job *job, JobAnswer done, void *userdata, Failure *failure) {
        int r;

        r = engine_check_limit(engine, failure);
        if (r < 0) {
                job_free(job);
                return r;
        }

        job->state = JOB_RUNNING;
        return job_begin(job, done, userdata, background_begin, failure);
}

void background_stop(Job *job) {
        if (job->transfer)
                transfer_cancel(job->transfer);
        if (job->care)
                care_cancel(job->care);
}

/* What a job was given, a descriptor, is gone with the process that had it. */
void background_resume(Job *job) {
        if (kinds[job->kind].goes_on) {
                background_begin(job);
                return;
        }

        set_interrupted(job);
        log_event(LOG_JOB_FAILED, &(LogSubject){ .job = job->uuid, .failure = &job->error },
                  "Job %" PRIu64 " (%s) has failed: %s", job->number, job_kind_name(job->kind),
                  job_error_message(job));
        job->state = JOB_FAILED;
        job->finished = time_now_text();
        job_advise_end(job);
        job_journal(job, job_expire);
}

int background_check_retry(const Job *job, Failure *failure) {
        if (!job_is_background(job) || !kinds[job->kind].again)
                return 0;

        return failure_set(failure, FAILURE_INVALID_ARGS, "What job %" PRIu64 " was given is closed; %s.",
                           job->number, kinds[job->kind].again);
}

void background_advise_end(Job *job) {
        const char *again = kinds[job->kind].again;

        if (job->state == JOB_FAILED && again)
                job_set_advice(job, "See what went wrong, then %s.", again);
        else if (job->state == JOB_FAILED)
                job_set_advice(
                        job, "See what went wrong, then begin it anew (icreissuectl job retry %" PRIu64 ").",
                        job->number);
        else
                job_set_advice(job, "%s", job->state == JOB_DONE && job->closing ? job->closing : "");
}
