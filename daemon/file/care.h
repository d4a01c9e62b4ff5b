/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The care of both files while the service runs: verification, backup, a new key. Each is long work on a thread of
 * its own, with news like a transfer's (issuance-file.h). */
#ifndef ICREISSUE_FILE_CARE_H
#define ICREISSUE_FILE_CARE_H

#include "file/issuance-file.h"
#include "file/reissuing-file.h"

typedef struct Care Care;

typedef struct CareNews {
        double progress;    /* 0..1 */
        uint64_t count;     /* records so far; of a rotation, records and jobs that were sealed anew */
        bool finished;      /* the last news; failure says how it ended */
        const char *advice; /* with the last news of a success: what to do now; NULL: nothing */
        const Failure *failure;
} CareNews;
typedef void (*CareCallback)(const CareNews *news, void *userdata);

/* Verifies everything of both files: store_snapshot_verify(), each record parsed and each of its seals opened, and
 * the index held against the records. */
int care_check(IssuanceFile *issuance, ReissuingFile *reissuing, CareCallback callback, void *userdata,
               Care **ret, Failure *failure);

/* Both files as of one moment of the main thread, into a directory (descriptor, taken over). */
int care_backup(IssuanceFile *issuance, ReissuingFile *reissuing, int directory, CareCallback callback,
                void *userdata, Care **ret, Failure *failure);

/* Seals anew, in small steps between other work, whatever is not under the current key; after a crash the next call
 * goes on with what is left. When it ends nothing needs the older versions any more. */
int care_rotate(IssuanceFile *issuance, ReissuingFile *reissuing, CareCallback callback, void *userdata,
                Care **ret, Failure *failure);

/* FAILURE_CANCELLED follows as the last news, unless it has ended before. */
void care_cancel(Care *care);

/* Ends it without any more news, for whoever cannot hear them any more; waits until its thread has stopped. Not
 * after the last news: it releases itself then. */
void care_abandon(Care *care);

#endif
