/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One command of a verb: sent in the profile's manner, judged by what the step accepts. */
#include "card/session.h"

#include "card/profile.h"

void session_done(Session *session) {
        bytes_done(&session->selection);
}

void step_result_done(StepResult *result) {
        bytes_done(&result->data);
        *result = (StepResult){};
}

bool session_accepts(const Step *step, uint16_t sw) {
        if (!step || step->accept_count == 0)
                return sw == 0x9000;

        for (size_t i = 0; i < step->accept_count; i++)
                if (step->accept[i] == sw)
                        return true;

        return false;
}

int session_send(Session *session, const Step *step, Command command, StepResult *ret, Failure *failure) {
        _cleanup_response_ Response response = {};
        int r;

        command.cla |= session->class_byte;
        if (step && step->le != LE_ABSENT) {
                command.le = step->le;
                command.exact_le = true;
        }

        r = transport_send(session->transport, &command, &response, failure);
        if (r < 0)
                return r;

        ret->sw = response.sw;
        ret->held = session_accepts(step, response.sw);
        if (ret->data.size + response.data.size > TRANSPORT_RESPONSE_MAX)
                return failure_set(failure, session->kind, "The card answers with more than can be right");

        return bytes_append(&ret->data, bytes_span(&response.data)) < 0 ? failure_no_memory(failure) : 0;
}
