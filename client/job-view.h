/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job in words: its number, its row in a table, how it ended. From its D-Bus properties as JSON; it calls nobody. */
#ifndef ICREISSUE_CLIENT_JOB_VIEW_H
#define ICREISSUE_CLIENT_JOB_VIEW_H

#include "client/client.h"

/* The object path of the job that an argument names: a number, or the path itself. Returns 0; -EINVAL for anything
 * else; -ENOMEM. The caller owns *ret. */
int job_path_from_argument(const char *argument, char **ret);

/* The number at the end of a job's object path; 0 where it is none. */
json_int_t job_number_from_path(const char *path);

/* Whether a job in this state has ended ("done", "failed", "cancelled"). NULL is no such state. */
bool job_state_is_final(const char *state);

/* A text property; "" where it is missing. Borrowed. */
const char *job_text(const json_t *properties, const char *name);

/* {"job": NUMBER, ...} with every property under its JSON key (output_key()); "owner" is null for a job that automatic
 * mode began. NULL when there is no memory. */
json_t *job_row(const char *path, const json_t *properties);

/* How a job that has ended did, as exit status: a batch of which cards failed has failed. */
int job_exit_status(const json_t *properties);

/* One sentence on how it ended; description (Describe's answer) may be NULL. The caller owns it. */
char *job_result_text(const char *path, const json_t *properties, const json_t *description);

#endif
