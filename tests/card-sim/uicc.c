/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A UICC with a USIM application: the commands of ETSI TS 102 221, clause 11, and one of GlobalPlatform's. From the
 * first file that it stores on, its toolkit has a REFRESH for the terminal, and what would be 9000 is 910B. */
#include "uicc.h"

#include <string.h>

#include "access.h"
#include "family.h"

enum {
        CLASS_PROPRIETARY = 0x80,
        SELECT_BY_ID = 0x00,
        SELECT_BY_NAME = 0x04,
        SELECT_PATH_FROM_MASTER = 0x08,
        SELECT_PATH_FROM_CURRENT = 0x09,
        SELECT_FCP = 0x04,
        SELECT_NOTHING = 0x0C,
        REFERENCE_PIN1 = 0x01,
        REFERENCE_ADM1 = 0x0A,
        STATUS_REFRESH = 0x910B,
        CPLC_LENGTH = 42,
        CPLC_SERIAL = 10, /* fabrication date, serial and batch: what makes a chip unlike all others */
};

static const uint8_t usim_name[] = { 0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xFF,
                                     0x33, 0xFF, 0x01, 0x89, 0x00, 0x00, 0x01, 0x00 };
static const uint8_t domain_name[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 };

static Status done(const Card *card) {
        const UiccSession *session = card->session;

        return session->refresh ? (Status) STATUS_REFRESH : STATUS_OK;
}

static bool begins(const uint8_t *name, size_t size, const Command *command) {
        return command->length >= 5 && command->length <= size &&
               memcmp(name, command->data, command->length) == 0;
}

static Status select_name(Card *card, const Command *command) {
        UiccSession *session = card->session;

        if (begins(usim_name, sizeof(usim_name), command)) {
                *session = (UiccSession){ .directory = UICC_USIM,
                                          .adm = session->adm,
                                          .refresh = session->refresh };
                return STATUS_OK;
        }
        if (begins(domain_name, sizeof(domain_name), command)) {
                *session = (UiccSession){ .security_domain = true,
                                          .adm = session->adm,
                                          .refresh = session->refresh };
                return STATUS_OK;
        }
        return STATUS_FILE_NOT_FOUND;
}

/* A path is taken file by file; where one is not there, nothing has been selected. */
static Status select_path(Card *card, const Command *command, bool from_master) {
        UiccSession *session = card->session, before = *session;
        uint16_t application = session->directory;

        if (command->length == 0 || command->length % 2 != 0)
                return STATUS_WRONG_LENGTH;
        if (from_master)
                uicc_select(card, UICC_MASTER);
        for (size_t i = 0; i < command->length; i += 2) {
                uint16_t id = (uint16_t) (command->data[i] << 8 | command->data[i + 1]);
                bool own = from_master && i == 0 && id == UICC_USIM && application == UICC_USIM;

                if (own)
                        session->directory = UICC_USIM;
                else if (!uicc_select(card, id)) {
                        *session = before;
                        return STATUS_FILE_NOT_FOUND;
                }
        }
        session->security_domain = false;
        return STATUS_OK;
}

/* 11.1.1.3: file size, descriptor, identifier, life cycle */
static void append_fcp(const Card *card, Response *response) {
        const UiccSession *session = card->session;
        const UiccFile *file = uicc_current(card);
        uint16_t id = file ? file->id : session->directory ? session->directory : UICC_MASTER;
        const uint8_t fcp[] = { 0x62,
                                0x0F,
                                0x82,
                                0x02,
                                (uint8_t) (file ? 0x41 : 0x78),
                                0x21,
                                0x83,
                                0x02,
                                (uint8_t) (id >> 8),
                                (uint8_t) id,
                                0x8A,
                                0x01,
                                0x05,
                                0x80,
                                0x02,
                                (uint8_t) ((file ? file->size : 0) >> 8),
                                (uint8_t) (file ? file->size : 0) };

        response_append(response, fcp, sizeof(fcp));
}

static Status command_select_uicc(Card *card, const Command *command, Response *response) {
        Status status;

        if (command->p2 != SELECT_FCP && command->p2 != SELECT_NOTHING)
                return STATUS_WRONG_PARAMETERS;
        switch (command->p1) {
        case SELECT_BY_NAME:
                status = select_name(card, command);
                break;
        case SELECT_BY_ID:
                status = command->length == 2 ? select_path(card, command, false) : STATUS_WRONG_LENGTH;
                break;
        case SELECT_PATH_FROM_MASTER:
        case SELECT_PATH_FROM_CURRENT:
                status = select_path(card, command, command->p1 == SELECT_PATH_FROM_MASTER);
                break;
        default:
                return STATUS_WRONG_PARAMETERS;
        }
        if (status == STATUS_OK && command->p2 == SELECT_FCP)
                append_fcp(card, response);
        return status;
}

/* 11.1.3 and 11.1.4 */
static Status command_binary(Card *card, const Command *command, Response *response) {
        bool update = command->instruction == 0xD6;
        size_t offset = (size_t) command->p1 << 8 | command->p2;
        size_t length = update ? command->length : command->expected;
        const UiccFile *file = uicc_current(card);
        UiccKept *kept = card->kept;
        UiccSession *session = card->session;

        if (!file)
                return STATUS_NO_CURRENT_FILE;
        if (!uicc_allows(card, update ? file->update : file->read))
                return STATUS_SECURITY;
        if (offset >= file->size)
                return STATUS_WRONG_OFFSET;
        if (!update && (length == 256 || length > file->size - offset) && card->manner == MANNER_T1)
                length = file->size - offset;
        if (length > file->size - offset)
                return update ? STATUS_WRONG_LENGTH : (Status) (STATUS_WRONG_LE | (file->size - offset));
        if (!update) {
                response_append(response, kept->memory + file->offset + offset, length);
                response->part = true;
                return STATUS_OK;
        }
        if (length == 0)
                return STATUS_WRONG_LENGTH;
        access_store(card, file->id, offset, kept->memory + file->offset + offset, command->data, length);
        session->refresh = true;
        return STATUS_OK;
}

/* 11.1.9 */
static Status command_verify_pin(Card *card, const Command *command) {
        const UiccKept *kept = card->kept;

        if (command->p1 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->p2 == REFERENCE_PIN1) /* disabled */
                return command->length == 0 ? STATUS_OK : STATUS_REFERENCE_NOT_FOUND;
        if (command->p2 != REFERENCE_ADM1)
                return STATUS_REFERENCE_NOT_FOUND;
        if (command->length == 0)
                return kept->tries == 0 ? STATUS_BLOCKED : (Status) (STATUS_TRIES_LEFT | kept->tries);
        if (command->length != UICC_KEY_LENGTH)
                return STATUS_WRONG_LENGTH;
        switch (uicc_present(card, command->data)) {
        case UICC_RIGHT:
                return STATUS_OK;
        case UICC_WRONG:
                return (Status) (STATUS_TRIES_LEFT | kept->tries);
        default:
                return STATUS_BLOCKED;
        }
}

/* GlobalPlatform Card Specification 2.3.1, 11.3: the production data */
static Status command_get_data_cplc(const Card *card, const Command *command, Response *response) {
        const UiccSession *session = card->session;
        const UiccKept *kept = card->kept;
        uint8_t cplc[3 + CPLC_LENGTH] = { 0x9F, 0x7F, CPLC_LENGTH };

        if (!session->security_domain)
                return STATUS_CONDITIONS;
        if (command->p1 != 0x9F || command->p2 != 0x7F)
                return STATUS_REFERENCE_NOT_FOUND;
        memcpy(cplc + 3 + CPLC_SERIAL, kept->serial, sizeof(kept->serial));
        response_append(response, cplc, sizeof(cplc));
        return STATUS_OK;
}

/* ETSI TS 102 222, 6.13 */
static Status command_terminate(Card *card) {
        UiccKept *kept = card->kept;

        if (!uicc_allows(card, UICC_ADM))
                return STATUS_SECURITY;
        kept->terminated = true;
        card->changed = true;
        return STATUS_OK;
}

static Status run_command(Card *card, const Command *command, Response *response) {
        const UiccKept *kept = card->kept;

        if (command->class != 0x00 && command->class != CLASS_PROPRIETARY)
                return STATUS_UNKNOWN_CLASS;
        if (command->instruction == 0xCA)
                return command_get_data_cplc(card, command, response);
        if (command->class == CLASS_PROPRIETARY)
                return STATUS_UNKNOWN_INSTRUCTION;
        if (kept->terminated)
                return STATUS_CONDITIONS;
        switch (command->instruction) {
        case 0x20:
                return command_verify_pin(card, command);
        case 0xA4:
                return command_select_uicc(card, command, response);
        case 0xB0:
        case 0xD6:
                return command_binary(card, command, response);
        case 0xFE:
                return command_terminate(card);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

static Status run(Card *card, const Command *command, Response *response) {
        Status status = run_command(card, command, response);

        return status == STATUS_OK ? done(card) : status;
}

/* ETSI TS 102 221, 6.3.1: card service data and capabilities */
static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        static const uint8_t historical[] = { 0x80, 0x31, 0xE0, 0x73, 0xFE, 0x21, 0x1B };

        return family_atr(card, historical, sizeof(historical), ret);
}

const Family family_usim = {
        .kind = "usim",
        .kept_size = sizeof(UiccKept),
        .session_size = sizeof(UiccSession),
        .make = uicc_make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
