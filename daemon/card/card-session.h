/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session with the card in one reader: connection, transaction, transmission, reset. On a reader's
 * thread. It waits for a transaction of another program, and stops waiting when it is told to. It knows no
 * command. */
#ifndef ICREISSUE_CARD_CARD_SESSION_H
#define ICREISSUE_CARD_CARD_SESSION_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/failure.h"

typedef struct CardSession CardSession;

/* By which the main thread stops what a reader's thread waits for. Counted, atomically. */
typedef struct CardGate CardGate;

int card_gate_new(CardGate **ret);
CardGate *card_gate_ref(CardGate *gate);
CardGate *card_gate_unref(CardGate *gate);
DEFINE_CLEANUP(CardGate *, card_gate_unref)

/* For good: whoever waits for the reader stops with READER_GONE, and nothing more is sent to its card. */
void card_gate_close(CardGate *gate);

/* Whoever waits for the reader looks at its `cancel` again. */
void card_gate_wake(CardGate *gate);

typedef struct CardSessionRequest {
        CardGate *gate;
        const char *reader;        /* the PC/SC name */
        const char *name;          /* the desk's, for messages */
        const atomic_bool *cancel; /* true: CANCELLED at the next APDU that begins a command. May be NULL */
        bool direct;               /* the reader alone, with or without a card: no transaction, no commands */
        /* Called once when another program has held the card for CARD_SESSION_PATIENCE milliseconds;
         * waiting goes on. NULL: READER_BUSY then. */
        void (*waiting)(void *userdata);
        void *userdata;
} CardSessionRequest;

enum { CARD_SESSION_PATIENCE = 1200 };

/* Connects, shared, and begins a transaction. The request's strings are copied; its `cancel` must outlive
 * the session. Errors: CARD_GONE, READER_GONE, READER_BUSY (at once for an exclusive hold), CANCELLED,
 * UNKNOWN_CARD_TYPE for a card that does not answer to reset. */
int card_session_open(const CardSessionRequest *request, CardSession **ret, Failure *failure);

/* Ends transaction and connection. reset: the card was written or authenticated to, so nothing of that may
 * stay open; it is left as it is otherwise. NULL is allowed. */
CardSession *card_session_close(CardSession *session, bool reset);

/* A TransmitFunction; userdata is the session. After -ECONNRESET, card_session_reconnect() comes first. */
int card_session_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure);

/* Takes note of a reset that has happened: transmission goes on from there, with nothing selected or
 * verified. */
int card_session_reconnect(CardSession *session, Failure *failure);

/* Takes the card's power and gives it again: it holds only what it stored. */
int card_session_reset(CardSession *session, Failure *failure);

/* Whether the active protocol is T=0. */
bool card_session_is_t0(const CardSession *session);

/* The card's answer to reset; empty where the reader does not tell. Returns 0 or -ENOMEM. */
int card_session_atr(const CardSession *session, Bytes *ret);

/* SCARD_ATTR_CHANNEL_ID (usb_device_find()), or 0. */
uint32_t card_session_channel(const CardSession *session);

#endif
