/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The main object, interface org.example.ICReissue. Its methods are in record-methods.c and job-methods.c, but for the
 * two that are about the service itself. */
#ifndef ICREISSUE_BUS_ROOT_OBJECT_H
#define ICREISSUE_BUS_ROOT_OBJECT_H

#include "bus/publisher.h"
#include "card/readers.h"
#include "job/job.h"

extern const PublisherKind root_object_kind;

/* The signals. */
void root_object_card_inserted(struct Api *api, const char *reader_path, const char *type);
void root_object_card_removed(struct Api *api, const char *reader_path);
void root_object_automatic_refused(struct Api *api, const char *reader_path, const Failure *failure);
void root_object_reissued(struct Api *api, const Job *job, const char *type, uint32_t count);

#endif
