/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands on the desktop: notices, each under a key of ours, as the server of org.freedesktop.Notifications shows them
 * (Desktop Notifications Specification 1.2). A server that is not there, or comes anew, gets what still matters when it
 * comes. */
#ifndef ICREISSUE_NOTIFY_NOTICES_H
#define ICREISSUE_NOTIFY_NOTICES_H

#include <systemd/sd-bus.h>

#include "base/util.h"

typedef struct Notices Notices;

/* How a notice looks, and how long it matters. */
typedef enum NoticeKind {
        NOTICE_PROMPT,  /* something is waited for: it stays until it is closed */
        NOTICE_SUCCESS, /* news: told once */
        NOTICE_REFUSAL, /* news: nothing was begun */
        NOTICE_FAILURE, /* news that somebody must act on: urgency critical */
        _NOTICE_KIND_MAX,
} NoticeKind;

typedef struct Notice {
        NoticeKind kind;
        char *summary;
        char *body; /* plain text */
} Notice;

void notice_done(Notice *notice);
#define _cleanup_notice_ _cleanup_(notice_done)

/* session: with an event loop; borrowed. Returns 0 or a negative errno. */
int notices_new(sd_bus *session, Notices **ret);
Notices *notices_free(Notices *notices);
DEFINE_CLEANUP(Notices *, notices_free)

/* Shows a notice; one that stands under the same key is replaced in its place, and left alone where nothing has changed.
 * Copied. Returns 0 or -ENOMEM. */
int notices_show(Notices *notices, const char *key, const Notice *notice);

/* Takes it off the desktop, if it is there. */
void notices_close(Notices *notices, const char *key);

/* It stays on the desktop for as long as people leave it there; what is shown under the key next is another one. */
void notices_leave(Notices *notices, const char *key);

#endif
