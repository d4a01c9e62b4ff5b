/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check, backup and rotation have in common: a beginning on the store thread, news, a cancel at any moment, an
 * end. Only for care*.c. */
#ifndef ICREISSUE_FILE_CARE_INTERNAL_H
#define ICREISSUE_FILE_CARE_INTERNAL_H

#include <stdatomic.h>

#include "base/worker.h"
#include "file/care.h"
#include "file/issuance-internal.h"
#include "file/reissuing-internal.h"

/* Where a rotation stands. */
typedef struct Rotation {
        uint32_t version;  /* that everything is going to be under */
        unsigned phase;    /* records, jobs, the end */
        bool more;         /* the phase goes on */
        Bytes after;       /* records: an entry of the index; empty: at the beginning */
        uint64_t records;  /* looked at so far */
        Bytes jobs;        /* their keys, each with its NUL */
        size_t job_offset; /* of the next one */
        bool jobs_listed;
} Rotation;

struct Care {
        IssuanceFile *issuance;
        ReissuingFile *reissuing;
        CareCallback callback; /* NULL once nobody hears it */
        void *userdata;
        sd_event_source
                *ending; /* the last news come from the event loop, where everything can be released */
        bool submitted;  /* a task is with the store thread */
        bool abandoned;
        atomic_bool cancelled;

        /* check and backup: both files as of one moment, and a thread for them */
        int (*work)(Care *care, Failure *failure);
        Worker *worker;
        StoreSnapshot *records, *jobs;
        IssuanceContext context; /* as of that moment */
        uint64_t record_count;   /* what the issuance file says of itself */
        bool index_complete;     /* for the fields too: it is, when the steps after a Reload have ended */
        int directory;           /* -1 */

        Rotation rotation;

        /* Of whoever works on it at the time. */
        Failure failure;
        double progress;
        uint64_t count;
        uint64_t told_at; /* when the last news were posted, in ms */
        char *advice;
};

/* CANCELLED once care_cancel() was called. On any thread. */
int care_check_cancelled(Care *care, Failure *failure);

/* News from the care's own thread, a few times a second at most; then care_check_cancelled(). */
int care_tell(Care *care, double progress, Failure *failure);

/* A part of the work as a StoreProgress. */
typedef struct CarePart {
        Care *care;
        double from, to;
} CarePart;
int care_part_progress(double progress, void *part, Failure *failure);

/* --- care-check.c, care-backup.c: the work, on the care's own thread --- */

int care_do_check(Care *care, Failure *failure);
int care_do_backup(Care *care, Failure *failure);

/* --- care-rotate.c --- */

/* Begins its first step, or the next. Main thread. Returns 0 or -ENOMEM. */
int care_rotate_step(Care *care);
void care_rotation_done(Rotation *rotation);

/* --- care.c: for care-rotate.c --- */

/* After a task of the store thread: false where nothing may follow. Main thread. */
bool care_task_done(Care *care);
void care_end(Care *care);
void care_say(Care *care);

#endif
