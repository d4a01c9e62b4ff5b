/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said about a job, from what everybody on the bus may know of it: its D-Bus properties as JSON. */
#ifndef ICREISSUE_NOTIFY_WORDING_H
#define ICREISSUE_NOTIFY_WORDING_H

#include <jansson.h>

#include "notify/notices.h"

/* What the job as it is now has to tell: that it waits for somebody, that something is in its way, or that it has failed.
 * Returns > 0; 0 where there is nothing to tell; -ENOMEM. The caller owns what is in *ret. */
int wording_job(const char *path, const json_t *properties, Notice *ret);

/* A card was issued. id: NULL where it is not for us to know. Returns 0 or -ENOMEM. */
int wording_reissued(const char *type, const char *id, uint32_t count, Notice *ret);

/* Automatic mode has refused a card; the message is the service's. */
int wording_refused(const char *message, Notice *ret);

#endif
