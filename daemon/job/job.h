/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job as others see it: its state, what the person at the desk should do now, how it went. What moves it is the job
 * engine's (job-engine.h). Everything returned is borrowed until the next event. */
#ifndef ICREISSUE_JOB_JOB_H
#define ICREISSUE_JOB_JOB_H

#include <jansson.h>
#include <sys/types.h>

#include "base/failure.h"

typedef struct Job Job;

typedef enum JobKind {
        JOB_REISSUE,
        JOB_ISSUE,
        JOB_DISCARD, /* an old card is ended and destroyed, without a reissue */
        JOB_BATCH,
        JOB_IMPORT,
        JOB_EXPORT,
        JOB_CHECK, /* care of the stores */
        JOB_BACKUP,
        JOB_ROTATE_KEY,
        JOB_EXTRACTION, /* at a centre: what stands for a card that a branch makes */
        _JOB_KIND_MAX,
} JobKind;

typedef enum JobState {
        JOB_WAITING_FOR_CARD, /* the old card is not in its reader yet */
        JOB_READING,          /* type and ID of the old card are being read */
        JOB_EXTRACTING,       /* the centre is being asked */
        JOB_WAITING_FOR_BLANK,
        JOB_WRITING,
        JOB_VERIFYING,
        JOB_RECORDING,  /* the centre is being told that a card was verified */
        JOB_PRINTING,   /* it is on its way through the printer */
        JOB_DISCARDING, /* the old card is waited for, ended, destroyed */
        JOB_RUNNING,    /* batch, import, export, care of the stores: under way */
        JOB_PAUSED,     /* batch */
        JOB_DONE,
        JOB_FAILED,
        JOB_CANCELLED,
        _JOB_STATE_MAX,
} JobState;

const char *job_kind_name(JobKind kind);    /* "reissue", ... as the D-Bus property says it. Static. */
const char *job_state_name(JobState state); /* "waiting-for-card", ... Static. */

uint64_t
job_number(const Job *job); /* of the object path /org/example/ICReissue/job/NUMBER; never given twice */
JobKind job_kind(const Job *job);
JobState job_state(const Job *job);
bool job_is_finished(const Job *job);
const char *job_advice(const Job *job);    /* a sentence; "" where there is nothing to do */
double job_progress(const Job *job);       /* 0..1 */
const char *job_card_type(const Job *job); /* "" while unknown */
uint32_t job_count(const Job *job);        /* the new card's issuance count; 0 while unknown */
const char *job_source(const Job *job);    /* the reader's name, or the branch's; "" where there is none */
const char *job_target(const Job *job);    /* the reader's name; "" means any target reader */
FailureKind job_error(const Job *job);     /* the last refusal, while waiting; the reason, once failed */
const char *job_error_message(const Job *job); /* "" where there is none */
const char *job_design(const Job *job);        /* the design's name; "" where there is none */
/* "": none; "kept", "printing", "printed" or "failed". Static. */
const char *job_receipt(const Job *job);
const char *job_uuid(const Job *job); /* RFC 9562 text form */
uid_t job_owner(const Job *job);      /* who started it; (uid_t) -1: automatic mode */

/* A batch's tally; 0 for other kinds. */
typedef struct JobTally {
        uint32_t total, done, failed, spoiled;
} JobTally;
JobTally job_tally(const Job *job);

/* What Describe answers, as a JSON object that the caller owns: "type", "id", "old-serial", "new-serial", "spoiled"
 * (array), "report" (array of {"stage","field","result"}), "started", "finished", "children" (array of job numbers),
 * "records" (batch: array of {"type","id","result"}) where there are such. NULL when there is no memory. */
json_t *job_describe(const Job *job);

#endif
