/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One blank being made into a card, in one reader: written stage by stage, reset, read back and compared; or an old
 * card being ended. It runs on the reader's worker inside one PC/SC transaction, and halts wherever the caller must
 * first make something durable: the caller journals and calls card_issue_continue(). */
#ifndef ICREISSUE_CARD_CARD_ISSUE_H
#define ICREISSUE_CARD_CARD_ISSUE_H

#include "card/readers.h"

typedef struct CardIssue CardIssue;

/* The first write that is not known to be done: stage and write number, from 0, counted through repeats. A position
 * with stage == number of stages is after the last write. */
typedef struct IssuePosition {
        unsigned stage;
        unsigned step;
} IssuePosition;

typedef struct CardIssueRequest {
        const char *type;     /* card type; its profile is the readers' catalogue's */
        const char *id;       /* {field: id} */
        const json_t *fields; /* the record's other fields; copied */
        bool resume;          /* the card with this serial was begun by this job: it need not be blank */
        Span serial; /* resume: the chip serial that the card must have (empty: it has not left its reader) */
        IssuePosition from; /* resume: where to go on */
        /* The card with this ID (and this serial, where there is one) is ended instead: `discard:` runs on it. It is told
         * JOURNAL before each command that cannot be taken back, and VERIFIED when the card has accepted all of them. */
        bool discard;
        bool ended; /* discard: `discard:` has run on it already; it is only proven to be that card */
} CardIssueRequest;

typedef enum CardIssueEvent {
        /* Journal `position` (and, the first time, the blank's `serial`), then continue. Nothing irreversible has
         * happened since the last one. The first comes before any write, when everything has been encoded. */
        CARD_ISSUE_JOURNAL,
        /* Progress only; no answer is expected. */
        CARD_ISSUE_PROGRESS,
        /* Every write is done. Journal, then continue: the card will be reset, read back and compared. */
        CARD_ISSUE_WRITTEN,
        /* Proven identical; `report` says how. The last event. */
        CARD_ISSUE_VERIFIED,
        /* `failure` says why. The last event. */
        CARD_ISSUE_FAILED,
} CardIssueEvent;

typedef struct CardIssueNews {
        CardIssueEvent event;
        IssuePosition position;
        double progress;   /* 0..1, over writing and verifying */
        const char *stage; /* the stage's name, for people; NULL while verifying */
        Span serial;
        bool touched; /* a write has been sent to this card, by this turn */
        const json_t *
                report; /* VERIFIED: array of {"stage": s, "field": s, "result": "compared" | "used" | "not verifiable"} */
        const Failure *failure;
        int tries_left; /* FAILED because a key or PIN was refused: what the card says is left, 255 where it says nothing; else -1 */
} CardIssueNews;

/* Called on the main thread; everything in news is borrowed for the call. */
typedef void (*CardIssueCallback)(CardIssue *issue, const CardIssueNews *news, void *userdata);

/* Begins. Failures that can be known beforehand come at once (NO_CARD, READER_BUSY); the others by CARD_ISSUE_FAILED:
 * NOT_BLANK, CARD_TYPE_MISMATCH, INVALID_ARGS (a field that cannot be encoded; the blank is untouched),
 * WRITE_FAILED (status word in words; a refused PIN with the tries left), VERIFY_FAILED (which field), CARD_GONE,
 * READER_GONE, READER_BUSY, CANCELLED. Which cards are taken: blank ones of `type`; with `resume` the one named; with
 * `discard` the one named by type, ID and serial, and no other (CARD_TYPE_MISMATCH). */
int card_issue_start(Reader *reader, const CardIssueRequest *request, CardIssueCallback callback,
                     void *userdata, CardIssue **ret, Failure *failure);

/* After JOURNAL or WRITTEN. */
void card_issue_continue(CardIssue *issue);

/* Stops at the next safe moment (between two APDUs whose step is journaled or may be repeated); FAILED with CANCELLED
 * follows, unless the last event was reached before. */
void card_issue_cancel(CardIssue *issue);

/* The issue is released by itself after its last event. */

/* A wrong key or PIN is never sent a second time, by whatever job: digests of (chip serial, reference, value) that
 * cards have refused, keyed with a secret of this process's state. Given at start from where they were kept;
 * `added` is called on the main thread when there is a new one, to be kept. Digests are hexadecimal. */
typedef void (*RefusedAdded)(const char *digest, void *userdata);
int readers_set_refused(Readers *readers, Span digest_key, const char *const *digests, RefusedAdded added,
                        void *userdata);

#endif
