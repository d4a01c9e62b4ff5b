/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The centre as the job engine sees it: it extracts a record for one job, and is told how that ended. Answers come
 * by callback. Here it is the issuance file of this process; a branch's line to another machine will answer the
 * same questions. This is the only place where the two differ. */
#ifndef ICREISSUE_LINE_CENTRE_H
#define ICREISSUE_LINE_CENTRE_H

#include "file/issuance-file.h"

typedef struct Centre Centre;

int centre_new_local(IssuanceFile *file, Centre **ret);
Centre *centre_free(Centre *centre);
DEFINE_CLEANUP(Centre *, centre_free)

typedef struct ExtractRequest {
        const char *job_uuid; /* durable at the asker before it asks */
        const char *type;
        const char *id;
        bool request;       /* rewrite the flag to "unissued" first, where it says "issued" */
        const char *reason; /* of that request; "" otherwise */
        Actor actor;
} ExtractRequest;

/* Reserves and counts, idempotent by job UUID; failures as issuance_file_extract(), and LINE_DOWN. The record is
 * borrowed for the callback; its count is the new card's. */
int centre_extract(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata);

/* A card was verified. Idempotent by job UUID. serial: hexadecimal, "" where the card has none. */
int centre_confirm(Centre *centre, const char *job_uuid, const char *type, const char *id, uint32_t count,
                   const char *serial, const Actor *actor, RecordDone done, void *userdata);

/* The job ends without one. card_written keeps the count. Idempotent by job UUID. */
int centre_abandon(Centre *centre, const char *job_uuid, const char *type, const char *id, bool card_written,
                   const char *reason, const Actor *actor, RecordDone done, void *userdata);

#endif
