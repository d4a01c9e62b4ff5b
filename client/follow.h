/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Following a job until it ends: what the person at the desk should do now, refusals, progress, and each finished card of
 * a batch, from the job's signals. It asks the job for nothing but how it is and never stops it: Ctrl-C ends the
 * following only. */
#ifndef ICREISSUE_CLIENT_FOLLOW_H
#define ICREISSUE_CLIENT_FOLLOW_H

#include "client/client.h"

typedef struct Follow Follow;

/* Begins to listen; before the call that starts the job, so that nothing is missed. `results` gets the last line (and
 * with --json all of them): standard output, or standard error where that carries an export. Returns a status. */
int follow_new(const Client *client, FILE *results, Follow **ret);
Follow *follow_free(Follow *follow);
DEFINE_CLEANUP(Follow *, follow_free)

/* Follows the job at `path` until it ends. Returns its exit status (job_exit_status()), STATUS_INTERRUPTED after Ctrl-C, or
 * STATUS_UNREACHABLE where the service stops and cannot be started again. Once per Follow. */
int follow_run(Follow *follow, const char *path);

#endif
