/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The centre as the job engine sees it: it extracts a record for one job, and is told how that ended. Answers come
 * by callback: from the issuance file of this process (centre.c), or over the line from another machine's
 * (centre-line.c). This is the only place where the two differ. */
#ifndef ICREISSUE_LINE_CENTRE_H
#define ICREISSUE_LINE_CENTRE_H

#include "file/issuance-file.h"

typedef struct Centre Centre;

int centre_new_local(IssuanceFile *file, Centre **ret);
Centre *centre_free(Centre *centre);
DEFINE_CLEANUP(Centre *, centre_free)

/* Whether the issuance file is in this process; where it is not, records are managed elsewhere. */
bool centre_is_local(const Centre *centre);

/* RECORD_IN_USE and the like come back unchanged over the line; ACCESS_DENIED where the centre does not let this
 * branch do that; LINE_DOWN where it does not answer, and nobody knows then whether it was done. If a function here
 * returns a negative errno (-ENOMEM), the callback is not called; else always, and never before it returned. */

typedef struct ExtractRequest {
        const char *job_uuid; /* durable at the asker before it asks */
        const char *type;
        const char *id;
        bool request;          /* rewrite the flag to "unissued" first, where it says "issued" */
        const char *reason;    /* of that request; "" otherwise */
        const char *card_type; /* the card is to be of another type; NULL: of the record's */
        bool discard; /* the old card, of type `type`, is ended afterwards: what that needs of the record comes too */
        /* that type's: {"NAME": {"TYPE": "WHAT THAT TYPE CALLS IT"}}, as the asker knows them; over the line the
         * centre's own count */
        const json_t *fields;
        Actor actor;
} ExtractRequest;

/* Reserves and counts, idempotent by job UUID; failures as issuance_file_extract(). The record is borrowed for the
 * callback; its count is the new card's. Over the line it has what this one card needs and nothing else: of its
 * history the last request only, without a station where that was this one. */
int centre_extract(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata);

/* A card was verified. Idempotent by job UUID. serial: hexadecimal, "" where the card has none. */
int centre_confirm(Centre *centre, const char *job_uuid, const char *type, const char *id, uint32_t count,
                   const char *serial, const Actor *actor, RecordDone done, void *userdata);

/* The job ends without one. card_written keeps the count. Idempotent by job UUID. */
int centre_abandon(Centre *centre, const char *job_uuid, const char *type, const char *id, bool card_written,
                   const char *reason, const Actor *actor, RecordDone done, void *userdata);

/* Flag, count and reservation of a record, before a job is begun. Over the line its fields are NULL. */
int centre_look(Centre *centre, const char *type, const char *id, RecordDone done, void *userdata);

/* As issuance_file_request() and issuance_file_withdraw(). Over the line the answer has no record. */
int centre_request(Centre *centre, const char *type, const char *id, const char *reason, const Actor *actor,
                   RecordDone done, void *userdata);
int centre_withdraw(Centre *centre, const char *type, const char *id, const Actor *actor, RecordDone done,
                    void *userdata);

/* How the line is; LINE_NONE where the centre is in this process. */
typedef enum LineState {
        LINE_NONE,
        LINE_UP,         /* the centre has answered; also while the line is let go for want of work */
        LINE_CONNECTING, /* it is being called */
        LINE_DOWN,       /* it could not be reached, or was lost; it is called again by itself */
        _LINE_STATE_MAX,
} LineState;

const char *line_state_name(LineState state); /* "", "up", "connecting", "down". Static. */
LineState centre_line_state(const Centre *centre);

/* Called whenever the state has changed. One observer. */
void centre_observe(Centre *centre, void (*changed)(void *userdata), void *userdata);

/* Asks the centre for nothing but an answer; microseconds until it came. Returns -EOPNOTSUPP where there is no line. */
typedef void (*CheckDone)(uint64_t usec, const Failure *failure, void *userdata);
int centre_check(Centre *centre, CheckDone done, void *userdata);

#endif
