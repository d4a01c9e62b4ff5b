/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ways in which readers pass a frame on: tag-exchange.h. Nothing of a reader's answer is believed but its lengths are
 * held against what has come. */
#include "card/tag-exchange.h"

#include "base/tlv.h"

enum {
        CLASS_READER = 0xFF,
        INSTRUCTION_TRANSPARENT = 0xC2,
        P2_MANAGE = 0x00,
        P2_EXCHANGE = 0x01,
        TAG_TRANSMIT = 0x95,
        TAG_RECEIVED = 0x97,
        TAG_STATUS = 0xC0, /* which object was wrong, and a status word */
        STATUS_SIZE = 3,
        PN53X_ANSWER = 3, /* D5 43 and a status byte */
};

const char *const tag_paths[] = {
        [TAG_TRANSPARENT] = "transparent", [TAG_DIRECT] = "direct", [TAG_PN53X] = "pn53x", NULL
};

static int send_to_reader(Session *session, uint8_t instruction, uint8_t p2, Span data, StepResult *ret,
                          Failure *failure) {
        Command command = { .cla = CLASS_READER, .ins = instruction, .p2 = p2, .data = data, .le = 0 };

        return session_send_plain(session, NULL, command, ret, failure);
}

/* 81: begin, 82: end. While it lasts, the reader polls for no other card. */
static int manage(Session *session, uint8_t tag, StepResult *ret, Failure *failure) {
        const uint8_t object[] = { tag, 0x00 };

        return send_to_reader(session, INSTRUCTION_TRANSPARENT, P2_MANAGE, SPAN_OF_ARRAY(object), ret,
                              failure);
}

/* The reader's answer: a status of its own, and what was received. */
static int take_received(StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes received = {};
        Span status, data;

        if (tlv_find(bytes_span(&ret->data), TAG_STATUS, &status) < 0 || status.size != STATUS_SIZE ||
            status.data[1] != 0x90 || status.data[2] != 0x00 ||
            tlv_find(bytes_span(&ret->data), TAG_RECEIVED, &data) < 0) {
                ret->held = false;
                return 0;
        }

        if (bytes_append(&received, data) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &received);
        return 0;
}

static int end_session(Session *session, Failure *failure) {
        _cleanup_step_result_ StepResult ended = {};

        return manage(session, 0x82, &ended, failure);
}

int tag_hold(Session *session, TagPath path, StepResult *ret, Failure *failure) {
        _cleanup_step_result_ StepResult begun = { .held = true, .sw = 0x9000 };
        int r = 0;

        if (session->settle == end_session && path == TAG_TRANSPARENT)
                session->settle = NULL; /* it goes on */
        else if (path == TAG_TRANSPARENT && session->tag_held == 0)
                r = manage(session, 0x81, &begun, failure);
        if (r < 0)
                return r;

        session->tag_held += begun.held;
        ret->sw = begun.sw;
        ret->held = begun.held;
        return 0;
}

int tag_release(Session *session, TagPath path, int r) {
        session->tag_held--;
        if (r >= 0 && path == TAG_TRANSPARENT && session->tag_held == 0)
                session->settle = end_session;

        return r;
}

static int exchange_transparent(Session *session, Span frame, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes object = {};
        int r;

        r = tag_hold(session, TAG_TRANSPARENT, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        if (tlv_append_header(&object, TAG_TRANSMIT, frame.size) < 0 || bytes_append(&object, frame) < 0)
                return tag_release(session, TAG_TRANSPARENT, failure_no_memory(failure));

        r = send_to_reader(session, INSTRUCTION_TRANSPARENT, P2_EXCHANGE, bytes_span(&object), ret, failure);
        if (r >= 0 && ret->held)
                r = take_received(ret, failure);

        return tag_release(session, TAG_TRANSPARENT, r);
}

static int exchange_pn53x(Session *session, Span frame, StepResult *ret, Failure *failure) {
        static const uint8_t through[] = { 0xD4, 0x42 };
        _cleanup_bytes_ Bytes data = {}, received = {};
        const uint8_t *answer;
        int r;

        if (bytes_append(&data, SPAN_OF_ARRAY(through)) < 0 || bytes_append(&data, frame) < 0)
                return failure_no_memory(failure);

        r = send_to_reader(session, 0x00, 0x00, bytes_span(&data), ret, failure);
        if (r < 0 || !ret->held)
                return r;

        answer = ret->data.data;
        if (ret->data.size < PN53X_ANSWER || answer[0] != 0xD5 || answer[1] != 0x43 || answer[2] != 0x00) {
                ret->held = false;
                return 0;
        }

        if (bytes_append(&received, span_part(bytes_span(&ret->data), PN53X_ANSWER, ret->data.size)) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &received);
        return 0;
}

int tag_exchange(Session *session, TagPath path, Span frame, StepResult *ret, Failure *failure) {
        switch (path) {
        case TAG_TRANSPARENT:
                return exchange_transparent(session, frame, ret, failure);
        case TAG_PN53X:
                return exchange_pn53x(session, frame, ret, failure);
        default:
                return send_to_reader(session, 0x00, 0x00, frame, ret, failure);
        }
}
