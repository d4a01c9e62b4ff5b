/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the verbs need while they speak to one card: the transport, the profile's manner, what may be
 * presented, and the secure channel that a verb has opened. */
#ifndef ICREISSUE_CARD_SESSION_H
#define ICREISSUE_CARD_SESSION_H

#include "card/refused.h"
#include "card/transport.h"

enum {
        ACCEPT_MAX = 16,
        TRIES_NOT_TOLD = 255, /* Session.tries_left: a card refused a secret and says no number */
};

typedef struct Step Step;
typedef struct SecureMessaging SecureMessaging;

/* Status words that mean "done": those that are `value` where `mask` looks. Empty: 9000. */
typedef struct Accept {
        struct {
                uint16_t value, mask;
        } words[ACCEPT_MAX];
        size_t count;
} Accept;

bool accept_fits(const Accept *accept, uint16_t sw);

/* A secure channel: a verb that opens one gives it to the session (session_secure()), and it wraps every command from
 * then on, until the card is reset, the stage is opened again, or a verb replaces it. */
struct SecureMessaging {
        /* Makes the command that is sent; what it points to stays in `data`, which is empty before. */
        int (*wrap)(SecureMessaging *messaging, Command *command, Bytes *data, Failure *failure);
        /* Checks the response and leaves what it carries. A response that proves nothing fails with `kind`. */
        int (*unwrap)(SecureMessaging *messaging, Response *response, FailureKind kind, Failure *failure);
        void (*free)(SecureMessaging *messaging);
        size_t longest; /* data bytes of a command that still fit one APDU when they are wrapped */
        bool encrypts;
        bool ends_at_select; /* a SELECT by name ends it, and is itself in the clear */
};

typedef struct Session Session;
struct Session {
        Transport *transport;
        uint8_t class_byte;
        size_t longest;       /* data bytes of one command */
        const Accept *accept; /* the profile's; NULL or empty: 9000 */
        Refused *refused;
        Span serial;
        uint64_t insertion;
        FailureKind kind;        /* of what goes wrong because the card refused it */
        int tries_left;          /* what the card said when it refused a secret; -1: it refused none */
        SecureMessaging *secure; /* owned; NULL: in the clear */

        bool opened; /* a key was presented, so that something of the card may be open now */

        /* Reading only: a SELECT by name or from the MF that was the last one sent is not sent again. */
        bool reuse_selection;
        Bytes selection;
        uint16_t selection_sw;

        /* Reading back: a GET DATA in the clear that was the last one answered is not sent again while nothing but reading
         * came after it. A template of an OpenPGP card shows many fields. */
        bool reuse_answer;
        Command answered;
        Bytes answer; /* empty: none */

        unsigned tag_held; /* tag-exchange.h */
        /* What must be sent before any other command, and at the end; NULL: nothing. A reader's session in which frames are
         * passed on is kept, as the next step may have some more. */
        int (*settle)(Session *session, Failure *failure);
};

/* Sends what `settle` says. r is what came of the work with the session: where that went wrong, it is returned,
 * whatever comes of this. For the end of every work with a session. */
int session_settle(Session *session, int r, Failure *failure);

void session_done(Session *session);
#define _cleanup_session_ _cleanup_(session_done)

/* From now on through this channel, which the session owns then; NULL: in the clear. */
void session_secure(Session *session, SecureMessaging *messaging);

/* Data bytes of one command, in the channel if there is one. */
size_t session_longest(const Session *session);

typedef struct StepResult {
        bool held;   /* status word accepted, and `expect` met */
        uint16_t sw; /* of the last command; 0 where none was sent */
        Bytes data;
} StepResult;

void step_result_done(StepResult *result);
#define _cleanup_step_result_ _cleanup_(step_result_done)

/* Whether the status word means "done" to the step: what its `accept` says, else what the profile's does, else 9000.
 * step may be NULL. */
bool session_accepts(const Session *session, const Step *step, uint16_t sw);

/* Sends one command, with the session's class and the step's `le` (step may be NULL), through the secure channel if
 * there is one, appends its data to ret and judges the status word. Errors as transport_send(), -ECONNRESET among
 * them. */
int session_send(Session *session, const Step *step, Command command, StepResult *ret, Failure *failure);

/* The same outside of any channel, with the command's own class: what opens a channel, and commands to the reader
 * (PC/SC part 3). */
int session_send_plain(Session *session, const Step *step, Command command, StepResult *ret,
                       Failure *failure);

#endif
