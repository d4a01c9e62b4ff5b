/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A command of a DESFire card with all its frames, and the opening of a session. */
#include "card/verb-desfire.h"

#include <openssl/rand.h>

#include "card/desfire-cipher.h"
#include "card/profile.h"

enum {
        CLASS_NATIVE = 0x90,
        INSTRUCTION_MORE = 0xAF,
        INSTRUCTION_SELECT = 0x5A,
        INSTRUCTION_VERSION = 0x60,
        STATUS_MORE = 0x91AF,
        FRAMES_MAX = 2048, /* of one answer; longer than any file */
        EV2_NO_CAPABILITIES = 0x00,
};

const char *const desfire_protocols[] = {
        [DESFIRE_EV1] = "ev1", [DESFIRE_EV2] = "ev2", [DESFIRE_DES] = "des", NULL
};
const char *const desfire_modes[] = {
        [DESFIRE_PLAIN] = "plain", [DESFIRE_MAC] = "mac", [DESFIRE_FULL] = "full", NULL
};

static int not_the_card(Session *session, Failure *failure) {
        session_secure(session, NULL);
        return failure_set(failure, session->kind,
                           "An answer is not the card's own, or was changed on its way; keep other cards "
                           "away from the reader and begin again");
}

/* One frame. Its answer's data come to what is in ret. */
static int send_frame(Session *session, uint8_t instruction, Span data, StepResult *ret, Failure *failure) {
        Command command = { .cla = CLASS_NATIVE, .ins = instruction, .data = data, .le = 0 };

        return session_send_plain(session, NULL, command, ret, failure);
}

/* The command in as many frames as it needs; between them the card asks for more. */
static int send_frames(Session *session, uint8_t instruction, Span data, StepResult *ret, Failure *failure) {
        size_t sent = 0;

        for (;;) {
                Span frame = span_part(data, sent, DESFIRE_FRAME_MAX);
                int r;

                r = send_frame(session, sent == 0 ? instruction : INSTRUCTION_MORE, frame, ret, failure);
                sent += frame.size;
                if (r < 0 || ret->sw != STATUS_MORE || sent >= data.size)
                        return r;
                if (ret->data.size > 0)
                        return not_the_card(session, failure);
        }
}

static int receive_frames(Session *session, StepResult *ret, Failure *failure) {
        for (unsigned i = 0; ret->sw == STATUS_MORE; i++) {
                size_t before = ret->data.size;
                int r;

                if (i == FRAMES_MAX)
                        return not_the_card(session, failure);

                r = send_frame(session, INSTRUCTION_MORE, (Span){}, ret, failure);
                if (r < 0)
                        return r;
                if (ret->sw == STATUS_MORE && ret->data.size == before)
                        return not_the_card(session, failure);
        }

        return 0;
}

static void judge(Session *session, const Step *step, StepResult *ret) {
        ret->held = step && step->accept.count > 0 ? accept_fits(&step->accept, ret->sw)
                                                   : ret->sw == DESFIRE_STATUS_OK;
        if (ret->sw != DESFIRE_STATUS_OK) {
                session_secure(session, NULL);
                bytes_clear(&ret->data);
        }
}

static int protect(Session *session, const DesfireMessage *message, Bytes *ret, Failure *failure) {
        DesfireChannel *channel = desfire_channel(session);
        int r;

        if (session->secure && !channel)
                return failure_set(failure, session->kind,
                                   "A session of another kind of card is open; begin another stage for what "
                                   "DESFire commands write");

        if (channel)
                r = desfire_protect(channel, message, ret);
        else {
                r = bytes_append(ret, message->header);
                if (r >= 0)
                        r = bytes_append(ret, message->data);
        }

        return r < 0 ? failure_no_memory(failure) : 0;
}

int desfire_send(Session *session, const Step *step, const DesfireCommand *command, StepResult *ret,
                 Failure *failure) {
        DesfireChannel *channel = desfire_channel(session);
        _cleanup_bytes_ Bytes data = {};
        int r;

        if (!channel && (command->message.mode == DESFIRE_FULL || command->answer == DESFIRE_FULL))
                return failure_set(failure, session->kind,
                                   "Nothing can be enciphered before desfire-authenticate has opened a "
                                   "session");

        r = protect(session, &command->message, &data, failure);
        if (r >= 0)
                r = send_frames(session, command->message.instruction, bytes_span(&data), ret, failure);
        if (r >= 0)
                r = receive_frames(session, ret, failure);
        if (r < 0)
                return r;

        judge(session, step, ret);
        if (ret->sw != DESFIRE_STATUS_OK || !channel)
                return 0;

        if (command->ends) {
                session_secure(session, NULL);
                return 0;
        }

        r = desfire_unprotect(channel, 0x00, command->answer, command->length, &ret->data);
        return r == -ENOMEM ? failure_no_memory(failure) : r < 0 ? not_the_card(session, failure) : 0;
}

int desfire_select(Session *session, const Step *step, Span application, StepResult *ret, Failure *failure) {
        int r;

        session_secure(session, NULL);
        r = send_frame(session, INSTRUCTION_SELECT, application, ret, failure);
        if (r >= 0)
                judge(session, step, ret);

        return r;
}

/* The card's challenge is answered; its own answer is then in ret. */
static int shake_hands(Session *session, DesfireHandshake *handshake, Span first, StepResult *ret,
                       Failure *failure) {
        static const uint8_t instructions[_DESFIRE_PROTOCOL_MAX] = {
                [DESFIRE_EV1] = 0xAA, /* AuthenticateAES */
                [DESFIRE_EV2] = 0x71, /* AuthenticateEV2First; NonFirst: 77 */
                [DESFIRE_DES] = 0x1A, /* AuthenticateISO */
        };
        uint8_t instruction = instructions[handshake->protocol];
        _cleanup_bytes_ Bytes data = {};
        int r;

        if (handshake->protocol == DESFIRE_EV2 && first.size == 1)
                instruction = 0x77;

        r = send_frame(session, instruction, first, ret, failure);
        if (r < 0 || ret->sw != STATUS_MORE)
                return r;

        r = desfire_handshake_answer(handshake, bytes_span(&ret->data), &data);
        if (r == -EBADMSG) {
                ret->sw = 0;
                return 0;
        }
        if (r < 0)
                return failure_no_memory(failure);

        bytes_clear(&ret->data);
        return send_frame(session, INSTRUCTION_MORE, bytes_span(&data), ret, failure);
}

/* The channel in which EV2 goes on with another key, or NULL. */
static const DesfireChannel *going_on(const Session *session, DesfireProtocol protocol) {
        const DesfireChannel *channel = desfire_channel(session);

        return channel && channel->protocol == DESFIRE_EV2 && protocol == DESFIRE_EV2 ? channel : NULL;
}

static int finish(Session *session, DesfireHandshake *handshake, Span application, uint8_t key_number,
                  StepResult *ret, Failure *failure) {
        DesfireChannel *channel = NULL;
        int r;

        r = desfire_handshake_finish(handshake, bytes_span(&ret->data),
                                     going_on(session, handshake->protocol), &channel);
        bytes_clear(&ret->data);
        if (r == -EKEYREJECTED) { /* a card that does not know the key, but says that we do */
                session_secure(session, NULL);
                ret->held = false;
                ret->sw = 0;
                return 0;
        }
        if (r < 0)
                return failure_no_memory(failure);

        memcpy(channel->application, application.data, application.size);
        channel->key_number = key_number;
        session_secure(session, &channel->messaging);
        return 0;
}

int desfire_go_to(Session *session, Span application, StepResult *ret, Failure *failure) {
        const DesfireChannel *channel = desfire_channel(session);

        if (!channel || !span_equal(SPAN_OF_ARRAY(channel->application), application))
                return desfire_select(session, NULL, application, ret, failure);

        ret->held = true;
        return 0;
}

int desfire_authenticate(Session *session, const Step *step, DesfireProtocol protocol, Span application,
                         uint8_t key_number, Span key, StepResult *ret, Failure *failure) {
        uint8_t first[] = { key_number, EV2_NO_CAPABILITIES }, own[DESFIRE_BLOCK_MAX];
        DesfireHandshake handshake;
        size_t size;
        int r;

        r = desfire_go_to(session, application, ret, failure);
        if (r < 0 || !ret->held)
                return r;
        if (RAND_bytes(own, sizeof(own)) != 1 ||
            desfire_handshake_begin(protocol, key, SPAN_OF_ARRAY(own), &handshake) < 0)
                return failure_set(failure, session->kind,
                                   "A key of a DESFire card must be 16 bytes long; correct the key ring");

        size = protocol == DESFIRE_EV2 && !going_on(session, protocol) ? 2 : 1;
        r = shake_hands(session, &handshake, SPAN(first, size), ret, failure);
        if (r >= 0) {
                bool right = ret->sw == DESFIRE_STATUS_OK;

                ret->held = step && step->accept.count > 0 ? accept_fits(&step->accept, ret->sw) : right;
                if (right)
                        r = finish(session, &handshake, application, key_number, ret, failure);
                else {
                        session_secure(session, NULL);
                        bytes_clear(&ret->data);
                }
        }

        desfire_handshake_done(&handshake);
        return r;
}

int verb_desfire_get_version(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_VERSION, .mode = DESFIRE_MAC },
                                   .answer = DESFIRE_MAC };

        return desfire_send(session, call->step, &command, ret, failure);
}

int verb_desfire_select(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return desfire_select(session, call->step, bytes_span(&call->step->arguments[0].bytes), ret, failure);
}
