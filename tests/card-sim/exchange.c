/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader's part of exchange.h. */
#include "exchange.h"

#include <string.h>

enum {
        TRANSPARENT = 0xC2,
        DIRECT = 0x00,
        BEGIN = 0x81,
        END = 0x82,
        TRANSMIT = 0x95,
        RECEIVED = 0x97,
};

bool exchange_is(const Command *command) {
        return command->class == 0xFF &&
               (command->instruction == TRANSPARENT || command->instruction == DIRECT);
}

/* C0 03: the object that was wrong (00: none), and a status word. */
static void add_status(Response *response, uint16_t status) {
        const uint8_t object[] = { 0xC0, 0x03, 0x00, (uint8_t) (status >> 8), (uint8_t) status };

        response_append(response, object, sizeof(object));
}

static Status manage(const Command *command, bool *session, Response *response) {
        if (command->length != 2 || command->data[1] != 0)
                return STATUS_WRONG_DATA;
        if (command->data[0] != (*session ? END : BEGIN))
                return STATUS_CONDITIONS;
        *session = !*session;
        add_status(response, STATUS_OK);
        return STATUS_OK;
}

static Status exchange(Card *card, const Command *command, TagFunction tag, Response *response) {
        uint8_t answer[EXCHANGE_FRAME_MAX], header[] = { RECEIVED, 0 };
        size_t length;

        if (command->length < 3 || command->data[0] != TRANSMIT || command->data[1] != command->length - 2)
                return STATUS_WRONG_DATA;
        length = tag(card, command->data + 2, command->length - 2, answer);
        if (length == 0) {
                add_status(response, 0x6401); /* nothing has come in time */
                return STATUS_OK;
        }
        add_status(response, STATUS_OK);
        header[1] = (uint8_t) length;
        response_append(response, (const uint8_t[]){ 0x92, 0x01, 0x00 }, 3); /* the bits of the last byte */
        response_append(response, header, 2);
        response_append(response, answer, length);
        return STATUS_OK;
}

/* The frame alone, or in a PN53x' InCommunicateThru: D4 42, answered by D5 43 and a status (01: nothing has come). */
static Status direct(Card *card, const Command *command, TagFunction tag, Response *response) {
        bool through = command->length > 2 && command->data[0] == 0xD4 && command->data[1] == 0x42;
        size_t before = through ? 2 : 0, length;
        uint8_t answer[EXCHANGE_FRAME_MAX];

        if (command->p2 != 0 || command->length == 0)
                return STATUS_WRONG_PARAMETERS;
        length = tag(card, command->data + before, command->length - before, answer);
        if (through)
                response_append(response, (const uint8_t[]){ 0xD5, 0x43, length == 0 ? 0x01 : 0x00 }, 3);
        else if (length == 0)
                return 0x6300;
        response_append(response, answer, length);
        return STATUS_OK;
}

Status exchange_run(Card *card, const Command *command, bool *session, TagFunction tag, Response *response) {
        if (command->p1 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->expected == 0)
                return STATUS_WRONG_LENGTH;
        if (command->instruction == DIRECT)
                return direct(card, command, tag, response);
        switch (command->p2) {
        case 0:
                return manage(command, session, response);
        case 1:
                return *session ? exchange(card, command, tag, response) : (Status) STATUS_CONDITIONS;
        default:
                return STATUS_WRONG_PARAMETERS;
        }
}
