/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the verbs need while they speak to one card: the transport, the profile's manner, what may be
 * presented. */
#ifndef ICREISSUE_CARD_SESSION_H
#define ICREISSUE_CARD_SESSION_H

#include "card/refused.h"
#include "card/transport.h"

typedef struct Step Step;

typedef struct Session {
        Transport *transport;
        uint8_t class_byte;
        size_t longest; /* data bytes of one command */
        Refused *refused;
        Span serial;
        uint64_t insertion;
        FailureKind kind; /* of what goes wrong because the card refused it */
        int tries_left;   /* what the card said when it refused a PIN; else -1 */

        /* Reading only: a SELECT by name or from the MF that was the last one sent is not sent again. */
        bool reuse_selection;
        Bytes selection;
        uint16_t selection_sw;
} Session;

void session_done(Session *session);
#define _cleanup_session_ _cleanup_(session_done)

typedef struct StepResult {
        bool held;   /* status word accepted, and `expect` met */
        uint16_t sw; /* of the last command; 0 where none was sent */
        Bytes data;
} StepResult;

void step_result_done(StepResult *result);
#define _cleanup_step_result_ _cleanup_(step_result_done)

/* Whether the status word means "done" to the step: what its `accept` says, else 9000. step may be NULL. */
bool session_accepts(const Step *step, uint16_t sw);

/* Sends one command, with the session's class and the step's `le` (step may be NULL), appends its data to ret
 * and judges the status word by the step's `accept`. Errors as transport_send(), -ECONNRESET among them. */
int session_send(Session *session, const Step *step, Command command, StepResult *ret, Failure *failure);

#endif
