/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One command of a verb: sent in the profile's manner, judged by what the step accepts. */
#include "card/session.h"

#include "card/profile.h"

enum {
        INS_GENERATE_KEY = 0x47,
        INS_READ_BINARY = 0xB0,
        INS_READ_RECORD = 0xB2,
        INS_GET_DATA = 0xCA,
        P1_READ_PUBLIC_KEY = 0x81, /* OpenPGP application 3.4, 7.2.14 */
};

void session_done(Session *session) {
        bytes_done(&session->selection);
        bytes_done(&session->answer);
        session_secure(session, NULL);
}

int session_settle(Session *session, int r, Failure *failure) {
        int (*settle)(Session * session, Failure * failure) = session->settle;
        int settled;

        if (!settle)
                return r;

        session->settle = NULL;
        settled = settle(session, r < 0 ? NULL : failure);
        return r < 0 ? r : settled;
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

static bool is_get_data(const Command *command) {
        return command->ins == INS_GET_DATA && command->data.size == 0;
}

/* What changes nothing of what a card shows, not even the file that is selected. */
static bool only_reads(const Command *command) {
        switch (command->ins) {
        case INS_GET_DATA:
        case INS_READ_BINARY:
        case INS_READ_RECORD:
                return true;
        case INS_GENERATE_KEY:
                return command->p1 == P1_READ_PUBLIC_KEY;
        default:
                return false;
        }
}

static bool was_answered(const Session *session, const Command *command) {
        const Command *last = &session->answered;

        return session->answer.size > 0 && is_get_data(command) && command->cla == last->cla &&
               command->p1 == last->p1 && command->p2 == last->p2 && command->le == last->le &&
               command->exact_le == last->exact_le;
}

/* Keeps an answer that may be wanted again, and forgets the last one where it may not be true any more. */
static int note_answer(Session *session, const Command *command, const Response *response, Failure *failure) {
        if (!session->reuse_answer)
                return 0;

        if (!only_reads(command))
                bytes_clear(&session->answer);
        if (!is_get_data(command) || response->sw != 0x9000)
                return 0;

        session->answered = *command;
        return bytes_assign(&session->answer, bytes_span(&response->data)) < 0 ? failure_no_memory(failure)
                                                                               : 0;
}

int session_send_plain(Session *session, const Step *step, Command command, StepResult *ret,
                       Failure *failure) {
        _cleanup_response_ Response response = {};
        int r;

        apply_le(step, &command);
        if (was_answered(session, &command)) {
                response.sw = 0x9000;
                r = bytes_assign(&response.data, bytes_span(&session->answer)) < 0
                            ? failure_no_memory(failure)
                            : 0;
        } else {
                r = session_settle(session, 0, failure);
                if (r >= 0)
                        r = transport_send(session->transport, &command, &response, failure);
                if (r >= 0)
                        r = note_answer(session, &command, &response, failure);
        }

        return r < 0 ? r : take_response(session, step, &response, ret, failure);
}

int session_send(Session *session, const Step *step, Command command, StepResult *ret, Failure *failure) {
        _cleanup_response_ Response response = {};
        _cleanup_bytes_ Bytes wrapped = {};
        int r;

        command.cla |= session->class_byte;
        if (!session->secure)
                return session_send_plain(session, step, command, ret, failure);

        bytes_clear(&session->answer);
        apply_le(step, &command);
        r = session_settle(session, 0, failure);
        if (r >= 0)
                r = session->secure->wrap(session->secure, &command, &wrapped, failure);
        if (r >= 0)
                r = transport_send(session->transport, &command, &response, failure);
        if (r >= 0)
                r = session->secure->unwrap(session->secure, &response, session->kind, failure);

        return r < 0 ? r : take_response(session, step, &response, ret, failure);
}
