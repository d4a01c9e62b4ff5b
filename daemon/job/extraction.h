/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What branches have extracted, as jobs of the centre: which are open an administrator sees, and may cancel. */
#ifndef ICREISSUE_JOB_EXTRACTION_H
#define ICREISSUE_JOB_EXTRACTION_H

#include "job/job-engine.h"
#include "line/centre-server.h"

/* The handlers of the centre's end of the line; their userdata is the engine. An extraction is durable as a job before the
 * record is reserved for it, and every question about one job is answered in the order in which they came. Static. */
const CentreHandlers *job_engine_centre_handlers(void);

/* What a branch has done, as this centre knows. */
typedef struct BranchCounts {
        unsigned
                today; /* cards extracted on this day of UTC; since the service's start where it has no limit */
        unsigned open; /* extractions that wait for its confirmation */
        unsigned kept; /* its confirmations that wait for an administrator */
        unsigned late; /* cards that it has confirmed after their cancellation, since the service's start */
} BranchCounts;

/* All 0 for one that was never heard of. */
void job_engine_branch_counts(const JobEngine *engine, const char *branch, BranchCounts *ret);

#endif
