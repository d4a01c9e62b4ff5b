/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The card's frames: what comes in parts is put together, what goes out in parts is cut, and a command that begins while
 * another has not ended is aborted with it. Any error ends the session. */
#include "desfire.h"

#include <string.h>

#include "family.h"

enum {
        CLASS = 0x90,
        MORE = 0xAF,
        SELECT = 0x5A,
        FRAME = 59, /* bytes of an answer */
};

DesfireApplication *sim_selected(Card *card) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;

        return session->selected == 0 ? &kept->card : &kept->applications[session->selected - 1];
}

static void leave(DesfireSession *session) {
        session->protocol = SIM_NONE;
        session->authenticating = 0;
        session->collecting = session->answering = false;
        session->changed = 0;
}

static Status select_application(Card *card, const uint8_t *data, size_t size) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;
        static const uint8_t zeros[3];

        leave(session);
        session->selected = 0;
        if (size != 3)
                return DESFIRE_LENGTH;
        if (memcmp(data, zeros, 3) == 0)
                return DESFIRE_OK;
        for (unsigned i = 0; i < DESFIRE_APPLICATIONS; i++)
                if (kept->applications[i].used && memcmp(kept->applications[i].id, data, 3) == 0) {
                        session->selected = i + 1;
                        return DESFIRE_OK;
                }
        return DESFIRE_NO_APPLICATION;
}

static Status send_more(DesfireSession *session, Response *response) {
        size_t rest = session->out_size - session->out_sent, part = rest < FRAME ? rest : FRAME;

        response_append(response, session->out + session->out_sent, part);
        session->out_sent += part;
        session->answering = session->out_sent < session->out_size;
        return session->answering ? DESFIRE_MORE : DESFIRE_OK;
}

/* The whole command is there. A key that changes itself ends the session, and its answer has no MAC. */
static Status run_whole(Card *card, Response *response) {
        DesfireSession *session = card->session;
        SimShape shape;
        Status status;

        session->collecting = false;
        session->out_size = session->out_sent = 0;
        status = sim_shape(card, session->instruction, session->in, session->in_size, &shape);
        if (status != DESFIRE_OK)
                return status;
        if (!sim_receive(session, session->instruction, shape.header, shape.mode, shape.trailer, session->in,
                         &session->in_size))
                return DESFIRE_INTEGRITY;
        if (session->in_size != shape.header + shape.data + shape.trailer)
                return DESFIRE_LENGTH;
        status = sim_run(card, session->instruction, session->in, session->in_size);
        if (status != DESFIRE_OK)
                return status;
        sim_answer(session, shape.answer, session->out, &session->out_size);
        return send_more(session, response);
}

static Status collect(Card *card, const Command *command, Response *response) {
        DesfireSession *session = card->session;
        SimShape shape;
        Status status;
        size_t whole;

        if (session->in_size + command->length > DESFIRE_BUFFER / 2)
                return DESFIRE_LENGTH;
        if (command->length > 0)
                memcpy(session->in + session->in_size, command->data, command->length);
        session->in_size += command->length;
        status = sim_shape(card, session->instruction, session->in, session->in_size, &shape);
        if (status != DESFIRE_OK)
                return status;
        whole = sim_wire_size(session, shape.mode, shape.header, shape.data + shape.trailer);
        if (session->in_size > whole || (session->in_size < whole && command->length == 0))
                return session->in_size < shape.header || session->protocol == SIM_NONE ? DESFIRE_LENGTH
                                                                                        : DESFIRE_INTEGRITY;
        session->collecting = session->in_size < whole;
        return session->collecting ? DESFIRE_MORE : run_whole(card, response);
}

static Status dispatch(Card *card, const Command *command, Response *response) {
        DesfireSession *session = card->session;
        bool busy = session->authenticating != 0 || session->collecting || session->answering;

        if (command->instruction != MORE && busy)
                return DESFIRE_ABORTED;
        if (command->instruction == MORE && !busy)
                return DESFIRE_ILLEGAL;
        if (session->authenticating != 0)
                return sim_authenticate_rest(card, command->data, command->length, response);
        if (session->answering)
                return command->length == 0 ? send_more(session, response) : (Status) DESFIRE_LENGTH;
        if (session->collecting)
                return collect(card, command, response);

        switch (command->instruction) {
        case SELECT:
                return select_application(card, command->data, command->length);
        case 0x1A:
        case 0xAA:
        case 0x71:
        case 0x77:
                return sim_authenticate(card, command->instruction, command->data, command->length, response);
        default:
                session->instruction = command->instruction;
                session->in_size = 0;
                return collect(card, command, response);
        }
}

static Status run(Card *card, const Command *command, Response *response) {
        const DesfireKept *kept = card->kept;
        Status status;

        if (command->class == 0xFF && command->instruction == 0xCA && command->p1 == 0 && command->p2 == 0) {
                response_append(response, kept->uid, sizeof(kept->uid)); /* the reader tells it */
                return STATUS_OK;
        }
        if (command->class != CLASS)
                return STATUS_UNKNOWN_CLASS;
        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->expected == 0 || command->length > 55)
                return STATUS_WRONG_LENGTH;

        status = dispatch(card, command, response);
        if (status != DESFIRE_OK && status != DESFIRE_MORE) {
                leave(card->session);
                response->length = 0;
        }
        return status;
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        DesfireKept *card = kept;

        card->uid[0] = 0x04;
        memcpy(card->uid + 1, serial + 2, 6);
        card->card.used = true;
        card->card.settings = 0x0F;
        card->card.key_count = 1;
}

/* A card of ISO/IEC 14443-4 type A whose one historical byte is 80. */
static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        static const uint8_t bytes[] = { 0x3B, 0x81, 0x80, 0x01, 0x80, 0x80 };

        (void) card;
        memcpy(ret, bytes, sizeof(bytes));
        return sizeof(bytes);
}

const Family family_desfire = {
        .kind = "desfire",
        .kept_size = sizeof(DesfireKept),
        .session_size = sizeof(DesfireSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
