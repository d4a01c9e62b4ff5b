/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One command of a verb: sent in the profile's manner, judged by what the step accepts. */
#include "card/session.h"

#include "card/profile.h"

void session_done(Session *session) {
        bytes_done(&session->selection);
        session_secure(session, NULL);
}

void session_secure(Session *session, SecureMessaging *messaging) {
        if (session->secure)
                session->secure->free(session->secure);

        session->secure = messaging;
}

size_t session_longest(const Session *session) {
        return session->secure ? MIN_OF(session->longest, session->secure->longest) : session->longest;
}

void step_result_done(StepResult *result) {
        bytes_done(&result->data);
        *result = (StepResult){};
}

bool accept_fits(const Accept *accept, uint16_t sw) {
        for (size_t i = 0; i < accept->count; i++)
                if ((sw & accept->words[i].mask) == accept->words[i].value)
                        return true;

        return accept->count == 0 && sw == 0x9000;
}

bool session_accepts(const Session *session, const Step *step, uint16_t sw) {
        static const Accept usual;

        if (step && step->accept.count > 0)
                return accept_fits(&step->accept, sw);

        return accept_fits(session->accept ? session->accept : &usual, sw);
}

static int take_response(Session *session, const Step *step, const Response *response, StepResult *ret,
                         Failure *failure) {
        ret->sw = response->sw;
        ret->held = session_accepts(session, step, response->sw);
        if (ret->data.size + response->data.size > TRANSPORT_RESPONSE_MAX)
                return failure_set(failure, session->kind, "The card answers with more than can be right");

        return bytes_append(&ret->data, bytes_span(&response->data)) < 0 ? failure_no_memory(failure) : 0;
}

static void apply_le(const Step *step, Command *command) {
        if (!step || step->le == LE_ABSENT)
                return;

        command->le = step->le;
        command->exact_le = true;
}

int session_send_plain(Session *session, const Step *step, Command command, StepResult *ret,
                       Failure *failure) {
        _cleanup_response_ Response response = {};
        int r;

        apply_le(step, &command);
        r = transport_send(session->transport, &command, &response, failure);
        return r < 0 ? r : take_response(session, step, &response, ret, failure);
}

int session_send(Session *session, const Step *step, Command command, StepResult *ret, Failure *failure) {
        _cleanup_response_ Response response = {};
        _cleanup_bytes_ Bytes wrapped = {};
        int r;

        command.cla |= session->class_byte;
        if (!session->secure)
                return session_send_plain(session, step, command, ret, failure);

        apply_le(step, &command);
        r = session->secure->wrap(session->secure, &command, &wrapped, failure);
        if (r >= 0)
                r = transport_send(session->transport, &command, &response, failure);
        if (r >= 0)
                r = session->secure->unwrap(session->secure, &response, session->kind, failure);

        return r < 0 ? r : take_response(session, step, &response, ret, failure);
}
