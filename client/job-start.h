/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting a job by a call that answers with its object path, and following it unless --no-wait was given. */
#ifndef ICREISSUE_CLIENT_JOB_START_H
#define ICREISSUE_CLIENT_JOB_START_H

#include "client/client.h"

/* `r` is what building the call returned so far, as for client_send(). `results` as for follow_new(). *started (may be
 * NULL) tells whether there is a job. Returns the exit status of the job, or of the failure to start it. */
int job_start(const Client *client, sd_bus_message *call, int r, FILE *results, bool *started);

#endif
