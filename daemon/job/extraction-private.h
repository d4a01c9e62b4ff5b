/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files about extractions share. */
#ifndef ICREISSUE_JOB_EXTRACTION_PRIVATE_H
#define ICREISSUE_JOB_EXTRACTION_PRIVATE_H

#include "job/job-private.h"

typedef enum CallKind {
        CALL_EXTRACT,
        CALL_CONFIRM,
        CALL_ABANDON,
        CALL_CANCEL, /* an administrator's */
} CallKind;

/* A question about an extraction that waits for its turn. */
struct BranchCall {
        BranchCall *next;
        CallKind kind;
        bool request, card_written;
        char *reason, *serial;
        uint32_t count;
        uid_t uid; /* at the branch */
        RecordDone done;
        void *userdata;
};

BranchCall *call_free(BranchCall *call);
DEFINE_CLEANUP(BranchCall *, call_free)
/* Takes the call over. failure may be NULL: there is none. */
void call_answer(BranchCall *call, const Record *record, const Failure *failure);

/* A new extraction, known by its UUID from now on. NULL with the failure set. */
Job *extraction_new(JobEngine *engine, const char *branch, const char *uuid, const char *type, const char *id,
                    Failure *failure);
/* The open one of that UUID; NULL. */
Job *extraction_find(const JobEngine *engine, const char *uuid);
/* The job is taken over; its calls are answered in any case. */
void extraction_begin(Job *job);
void extraction_end(Job *job, JobState state);
/* The last call, and the first. */
void extraction_add(Job *job, BranchCall *call);
BranchCall *extraction_take(Job *job);

/* The call is taken over, and answered in any case. */
void extraction_confirm_late(JobEngine *engine, const char *branch, const char *uuid, const char *type,
                             const char *id, BranchCall *call);
/* Its state, and its branch's count of such. */
void extraction_keep(Job *job);
void extraction_unmatched_kept(Job *job);

/* The last entry of a record's history with that job and event; NULL. */
const json_t *extraction_history(const Record *record, const char *uuid, const char *event);

/* --- ledger.c: what each branch has had today --- */

typedef struct Ledger Ledger;
struct Ledger {
        Ledger *next;
        char *branch;
        char day[sizeof("2026-11-24")]; /* UTC */
        unsigned count;                 /* cards extracted that day */
        unsigned open;                  /* extractions right now, those kept among them */
        unsigned kept;                  /* confirmations that match nothing, right now */
        unsigned late;                  /* confirmations of cancelled jobs, since the start */
        bool limited;                   /* the count is kept on disk */
};

/* NULL when there is no memory. */
Ledger *ledger_of(JobEngine *engine, const char *branch);
/* Counts one more card, on disk where a limit makes it matter. TOO_MANY_JOBS at the limit. */
int ledger_take(JobEngine *engine, const ConfigBranch *branch, Failure *failure);
/* TOO_MANY_JOBS where too many are open. */
int ledger_check_open(JobEngine *engine, const char *branch, Failure *failure);
/* It was not extracted after all. */
void ledger_give_back(JobEngine *engine, const char *branch);

#endif
