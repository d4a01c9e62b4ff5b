/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A SIM: the commands and status words of 3GPP TS 51.011, clause 9, in class A0. Its ICCID is its supplier's. */
#include <string.h>

#include "access.h"
#include "family.h"
#include "uicc.h"

/* 3GPP TS 51.011, 9.4 */
enum {
        GSM_NO_FILE_SELECTED = 0x9400,
        GSM_OUT_OF_RANGE = 0x9402,
        GSM_NOT_FOUND = 0x9404,
        GSM_NOT_VERIFIED = 0x9804,
        GSM_BLOCKED = 0x9840,
        GSM_WRONG_LENGTH = 0x6700,
        GSM_WRONG_PARAMETER = 0x6B00,
        REFERENCE_ADM = 0x05,
        DIRECTORY_LENGTH = 23,
        FILE_LENGTH = 15,
};

/* 9.2.1: what SELECT has for GET RESPONSE */
static Status command_select_gsm(Card *card, const Command *command, Response *response) {
        uint8_t answer[DIRECTORY_LENGTH] = {};
        const UiccFile *file;

        if (command->p1 != 0 || command->p2 != 0)
                return GSM_WRONG_PARAMETER;
        if (command->length != 2)
                return GSM_WRONG_LENGTH;
        if (!uicc_select(card, (uint16_t) (command->data[0] << 8 | command->data[1])))
                return GSM_NOT_FOUND;

        file = uicc_current(card);
        answer[2] = (uint8_t) ((file ? file->size : 0) >> 8);
        answer[3] = (uint8_t) (file ? file->size : 0);
        answer[4] = command->data[0];
        answer[5] = command->data[1];
        answer[6] = file ? 0x04 : command->data[0] == 0x3F ? 0x01 : 0x02;
        answer[12] = file ? 2 : 9;
        response_append(response, answer, file ? FILE_LENGTH : DIRECTORY_LENGTH);
        return STATUS_OK;
}

static Status command_binary(Card *card, const Command *command, Response *response) {
        bool update = command->instruction == 0xD6;
        size_t offset = (size_t) command->p1 << 8 | command->p2;
        size_t length = update ? command->length : command->expected;
        const UiccFile *file = uicc_current(card);
        UiccKept *kept = card->kept;
        bool own_number = file && file->id == UICC_ICCID;

        if (!file)
                return GSM_NO_FILE_SELECTED;
        if (!uicc_allows(card, update && own_number ? UICC_NEVER : update ? file->update : file->read))
                return GSM_NOT_VERIFIED;
        if (offset >= file->size)
                return GSM_OUT_OF_RANGE;
        if (length == 0 || length > file->size - offset)
                return GSM_WRONG_LENGTH;
        if (update)
                access_store(card, file->id, offset, kept->memory + file->offset + offset, command->data,
                             length);
        else
                response_append(response, kept->memory + file->offset + offset, length);
        return STATUS_OK;
}

/* 9.2.9. It does not tell how many tries are left. */
static Status command_verify_chv(Card *card, const Command *command) {
        const UiccKept *kept = card->kept;

        if (command->p1 != 0 || command->p2 != REFERENCE_ADM)
                return GSM_WRONG_PARAMETER;
        if (command->length != UICC_KEY_LENGTH)
                return GSM_WRONG_LENGTH;
        switch (uicc_present(card, command->data)) {
        case UICC_RIGHT:
                return STATUS_OK;
        case UICC_WRONG:
                return kept->tries > 0 ? GSM_NOT_VERIFIED : GSM_BLOCKED;
        default:
                return GSM_BLOCKED;
        }
}

static Status run(Card *card, const Command *command, Response *response) {
        if (command->class != 0xA0)
                return STATUS_UNKNOWN_CLASS;
        switch (command->instruction) {
        case 0x20:
                return command_verify_chv(card, command);
        case 0xA4:
                return command_select_gsm(card, command, response);
        case 0xB0:
        case 0xD6:
                return command_binary(card, command, response);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

/* The ICCID: telecommunications (89), and of the serial the digits that there is room for. */
static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        UiccKept *card = kept;

        uicc_make(kept, serial);
        card->memory[0] = 0x98;
        for (size_t i = 0; i < CARD_SERIAL_LENGTH; i++)
                card->memory[1 + i] = (uint8_t) ((serial[i] >> 4) % 10 << 4 | (serial[i] & 0x0F) % 10);
        card->memory[9] = 0xF0;
}

static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        static const uint8_t historical[] = { 0x94, 0x71, 0x01, 0x01, 0x05, 0x02 };

        return family_atr(card, historical, sizeof(historical), ret);
}

const Family family_sim = {
        .kind = "sim",
        .kept_size = sizeof(UiccKept),
        .session_size = sizeof(UiccSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = 0x9F00,
};
