/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A GlobalPlatform card as its supplier delivers it (Card Specification 2.3.1): in the state OP_READY, with one key set,
 * version FF, of the well-known test key, and with the load file of an application that keeps data. A card with AES keys
 * speaks SCP03, one with 3DES keys SCP02. */
#include "globalplatform.h"

#include <string.h>

#include "family.h"

enum {
        CLASS_GP = 0x80,
        CLASS_SECURE = 0x04,
        INS_EXTERNAL_AUTHENTICATE = 0x82,
        INS_INITIALIZE_UPDATE = 0x50,
        INS_SELECT = 0xA4,
        INS_GET_DATA = 0xCA,
};

static const uint8_t domain_aid[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 };
static const uint8_t package_aid[] = { 0xF0, 0x49, 0x43, 0x52, 0x03 };
static const uint8_t module_aid[] = { 0xF0, 0x49, 0x43, 0x52, 0x03, 0x01 };

static void append_fci(const uint8_t *aid, size_t length, Response *response) {
        const uint8_t header[] = { 0x6F, (uint8_t) (length + 4), 0x84, (uint8_t) length };

        response_append(response, header, sizeof(header));
        response_append(response, aid, length);
        response_append(response, (const uint8_t[]){ 0xA5, 0x00 }, 2);
}

/* By name, whole or its beginning; what was open is closed. */
static Status command_select(Card *card, const Command *command, Response *response) {
        GpSession *session = card->session;
        const GpKept *kept = card->kept;

        if (command->p1 != 0x04 || command->p2 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        if (command->length > GP_AID_MAX)
                return STATUS_WRONG_LENGTH;
        if (command->length <= sizeof(domain_aid) &&
            (command->length == 0 || memcmp(domain_aid, command->data, command->length) == 0)) {
                gp_channel_close(card);
                session->selected = 0;
                append_fci(domain_aid, sizeof(domain_aid), response);
                return kept->life == GP_CARD_LOCKED ? (Status) STATUS_FILE_DEACTIVATED : (Status) STATUS_OK;
        }
        for (size_t i = 0; i < GP_APPS; i++) {
                const GpApplication *application = &kept->applications[i];

                if (application->package == 0 || (application->state & 0x80) ||
                    kept->life == GP_CARD_LOCKED || command->length > application->aid.length ||
                    memcmp(application->aid.bytes, command->data, command->length) != 0)
                        continue;
                gp_channel_close(card);
                session->selected = (uint8_t) (i + 1);
                append_fci(application->aid.bytes, application->aid.length, response);
                return STATUS_OK;
        }
        return STATUS_FILE_NOT_FOUND;
}

/* P1 00 leaves the choice to the card. */
static Status command_initialize_update(Card *card, const Command *command, Response *response) {
        GpKept *kept = card->kept;

        if (command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        for (uint8_t i = 0; i < GP_SETS; i++)
                if (kept->sets[i].version > 0 && (command->p1 == 0 || command->p1 == kept->sets[i].version))
                        return gp_channel_ask(card, &kept->sets[i], i, command, response);
        return STATUS_REFERENCE_NOT_FOUND;
}

/* What needs a channel: to the domain, and for STORE DATA also to the application itself. */
static Status run_secured(Card *card, const Command *command, Response *response) {
        const GpSession *session = card->session;

        if (command->class != CLASS_GP && command->instruction != INS_GET_DATA)
                return STATUS_UNKNOWN_CLASS;
        if (command->instruction == INS_GET_DATA)
                return gp_get_data(card, command, response);
        if (command->instruction == 0xE2)
                return gp_store_data(card, command);
        if (session->selected > 0)
                return STATUS_UNKNOWN_INSTRUCTION;
        switch (command->instruction) {
        case 0xD8:
                return gp_put_key(card, command, response);
        case 0xE4:
                return gp_delete(card, command, response);
        case 0xE6:
                return gp_install(card, command, response);
        case 0xE8:
                return gp_load(card, command, response);
        case 0xF0:
                return gp_set_status(card, command);
        case 0xF2:
                return gp_get_status(card, command, response);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

static bool is_secured(uint8_t instruction) {
        static const uint8_t instructions[] = { 0xD8, 0xE2, 0xE4, 0xE6, 0xE8, 0xF0, 0xF2 };

        return memchr(instructions, instruction, sizeof(instructions)) != NULL;
}

static Status run_clear(Card *card, const Command *command, Response *response) {
        if (command->class == 0x00 && command->instruction == INS_SELECT)
                return command_select(card, command, response);
        if (command->instruction == INS_GET_DATA)
                return gp_get_data(card, command, response);
        if (command->class != CLASS_GP)
                return STATUS_UNKNOWN_INSTRUCTION;
        return is_secured(command->instruction) ? STATUS_SECURITY : STATUS_UNKNOWN_INSTRUCTION;
}

static Status run_channel(Card *card, const Command *command, Response *response) {
        uint8_t room[256];
        Command clear;
        Status status = gp_channel_take(card, command, &clear, room);

        if (status != STATUS_OK)
                return status;
        status = run_secured(card, &clear, response);
        if (status == STATUS_OK || status >> 8 == 0x62 || status >> 8 == 0x63)
                gp_channel_put(card, response, status);
        return status;
}

/* Outside of an open channel nothing is secured, inside everything but what ends it. */
static Status run(Card *card, const Command *command, Response *response) {
        const GpSession *session = card->session;
        const GpKept *kept = card->kept;
        bool secure = command->class & CLASS_SECURE;

        if (command->class & ~(CLASS_GP | CLASS_SECURE))
                return STATUS_UNKNOWN_CLASS;
        if (kept->life == GP_TERMINATED)
                return command->instruction == INS_GET_DATA && session->selected == 0
                               ? gp_get_data(card, command, response)
                               : STATUS_CONDITIONS;
        if (command->class == CLASS_GP && command->instruction == INS_INITIALIZE_UPDATE)
                return command_initialize_update(card, command, response);
        if (command->class == (CLASS_GP | CLASS_SECURE) && command->instruction == INS_EXTERNAL_AUTHENTICATE)
                return gp_channel_open(card, command);
        if (session->channel.open && secure)
                return run_channel(card, command, response);
        if (secure)
                return STATUS_CONDITIONS;
        if (session->channel.open && command->instruction != INS_SELECT)
                return STATUS_SECURITY;
        return run_clear(card, command, response);
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH], bool aes) {
        GpKept *card = kept;
        GpKeySet *set = &card->sets[0];

        memcpy(card->serial, serial, CARD_SERIAL_LENGTH);
        card->life = GP_OP_READY;
        card->older = !aes;
        set->version = 0xFF;
        set->aes = aes;
        set->length = 16;
        for (size_t k = 0; k < GP_KEYS; k++)
                for (size_t i = 0; i < set->length; i++)
                        set->keys[k][i] = (uint8_t) (0x40 + i);
        gp_preload(card, package_aid, module_aid, sizeof(package_aid));
}

static void make_scp03(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        make(kept, serial, true);
}

static void make_scp02(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        make(kept, serial, false);
}

static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        static const uint8_t historical[] = { 'J', 'C', 'O', 'P' };

        return family_atr(card, historical, sizeof(historical), ret);
}

const Family family_globalplatform = {
        .kind = "globalplatform",
        .kept_size = sizeof(GpKept),
        .session_size = sizeof(GpSession),
        .make = make_scp03,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};

const Family family_gp_scp02 = {
        .kind = "gp-scp02",
        .kept_size = sizeof(GpKept),
        .session_size = sizeof(GpSession),
        .make = make_scp02,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
