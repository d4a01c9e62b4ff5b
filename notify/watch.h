/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches the service on the system bus, as anybody may, and says on the desktop what concerns its user: jobs that are
 * theirs, or that automatic mode began. The service is not started for it, and not kept from ending when it is idle. */
#ifndef ICREISSUE_NOTIFY_WATCH_H
#define ICREISSUE_NOTIFY_WATCH_H

#include <systemd/sd-event.h>

#include "notify/notices.h"

typedef struct Watch Watch;

/* A system bus that is not there, or goes, is waited for. Both are borrowed. Returns 0 or a negative errno. */
int watch_new(sd_event *event, Notices *notices, Watch **ret);
Watch *watch_free(Watch *watch);
DEFINE_CLEANUP(Watch *, watch_free)

#endif
