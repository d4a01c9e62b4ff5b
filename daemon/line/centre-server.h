/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The centre's end of the line: its socket, who may speak to it, and org.example.ICReissue.Centre for each branch that
 * does. A peer is a branch by its Unix account, which the kernel tells; what a branch asks is put to the handlers. */
#ifndef ICREISSUE_LINE_CENTRE_SERVER_H
#define ICREISSUE_LINE_CENTRE_SERVER_H

#include <systemd/sd-event.h>

#include "base/config.h"
#include "line/centre.h"

typedef struct CentreServer CentreServer;

/* What a branch asks of a job of its own. Arguments are checked for form, and the card type is one that the branch may
 * have. Actors name the branch as their station. Errors as for centre.h: done is always called unless a negative
 * errno (-ENOMEM) is returned, and never before. */
typedef struct CentreHandlers {
        int (*extract)(const ConfigBranch *branch, const ExtractRequest *request, RecordDone done,
                       void *done_userdata, void *userdata);
        int (*confirm)(const ConfigBranch *branch, const char *job_uuid, const char *type, const char *id,
                       uint32_t count, const char *serial, const Actor *actor, RecordDone done,
                       void *done_userdata, void *userdata);
        int (*abandon)(const ConfigBranch *branch, const char *job_uuid, bool card_written,
                       const char *reason, const Actor *actor, RecordDone done, void *done_userdata,
                       void *userdata);
        /* Whether a card of that type needs that field of a record of that type: the others do not go over the line. */
        bool (*needs)(const char *type, const char *record_type, const char *field, void *userdata);
        /* Whether ending a card of that type does: for the old card of an extraction with `discard`. */
        bool (*discards)(const char *type, const char *field, void *userdata);
} CentreHandlers;

typedef struct CentreServerOptions {
        sd_event *event;
        const Config *config; /* borrowed until centre_server_reload() */
        Centre *centre;       /* the local one */
        const char *socket;   /* made where systemd has passed none under the name "centre" */
        const CentreHandlers *handlers;
        void *userdata;
} CentreServerOptions;

/* LINE_DOWN where the socket cannot be listened to. */
int centre_server_new(const CentreServerOptions *options, CentreServer **ret, Failure *failure);
/* Whether somebody is connected, or whoever connects would not find it: the socket is its own, not systemd's. */
bool centre_server_is_needed(const CentreServer *server);

CentreServer *centre_server_free(CentreServer *server);
DEFINE_CLEANUP(CentreServer *, centre_server_free)

/* A branch as the centre sees it. */
typedef struct BranchView {
        const ConfigBranch *config; /* borrowed until centre_server_reload() */
        bool account_exists;        /* without it nobody connects */
        bool connected;
        const char *since; /* UTC, as record_now(): when it has connected, or has gone; "": not here since the
                              service's start. Borrowed until the next event */
} BranchView;

/* The n-th branch of the configuration, from 0. False where there are no more. */
bool centre_server_branch(const CentreServer *server, size_t n, BranchView *ret);

/* The branches of a new configuration. A connection whose account is no longer listed is closed. */
void centre_server_reload(CentreServer *server, const Config *config);

#endif
