/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the station display says: the headline for across the room, the sentence below it, the steps of a job, readers
 * and jobs in a line each. */
#ifndef ICREISSUE_CLIENT_STATION_WORDS_H
#define ICREISSUE_CLIENT_STATION_WORDS_H

#include "client/station-model.h"

typedef struct StationHeadline {
        const char *text; /* A to Z and spaces, at most 13: fits into 80 columns in block letters. Static. */
        unsigned style;   /* StationStyle */
} StationHeadline;

StationHeadline station_headline(const StationModel *model);

/* What to do now, or how it went; the service's own words where it has some. "" where there is nothing to be said. The
 * caller owns it; NULL when there is no memory. */
char *station_sentence(const StationModel *model);

/* What stands in the way: the notice, or why the job's last card was refused. "" where there is nothing. Borrowed. */
const char *station_problem(const StationModel *model);

typedef enum StepState {
        STEP_DONE,
        STEP_CURRENT,
        STEP_TO_COME,
} StepState;

typedef struct StationStep {
        const char *name; /* "Blank card". Static. */
        StepState state;
} StationStep;

enum { STATION_STEPS_MAX = 9 };

/* The steps of a job for one card, as its state machine goes through them; none for another kind. Of a job that failed
 * or was cancelled, nobody knows which were done, so it has none either. Returns how many. */
size_t station_steps(const json_t *properties, StationStep steps[static STATION_STEPS_MAX]);

/* "Job 7: reissue, staff-v1, issue no. 2, from A to B". The caller owns each; NULL when there is no memory. */
char *station_job_text(const StationJob *job);
/* In a line of a list: "  7 staff-v1 no. 2: done", "  8 import: running". */
char *station_job_line(const StationJob *job);
/* "Desk 1: blank staff-v1 card". */
char *station_reader_line(const json_t *reader);
/* "standalone, automatic mode on". */
char *station_service_text(const StationModel *model);

#endif
