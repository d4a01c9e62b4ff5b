/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job on the bus, interface org.example.ICReissue.Job. */
#ifndef ICREISSUE_BUS_JOB_OBJECT_H
#define ICREISSUE_BUS_JOB_OBJECT_H

#include "bus/publisher.h"
#include "job/job.h"

enum { JOB_PATH_MAX = 64 };

extern const PublisherKind job_object_kind;

void job_object_path(const Job *job, char path[static JOB_PATH_MAX]);

/* Finished(success), after everything that has changed was said. */
void job_object_finished(struct Api *api, const Job *job, bool success);

#endif
