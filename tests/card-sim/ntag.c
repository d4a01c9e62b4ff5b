/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An NTAG213 behind a reader: 45 pages, a password for those from AUTH0 on, static and dynamic lock bytes. */
#include <string.h>

#include "access.h"
#include "exchange.h"
#include "family.h"
#include "storage.h"

enum {
        PAGE = 4,
        PAGES = 45,
        STATIC_PAGE = 2,
        CONTAINER_PAGE = 3,
        FIRST_PAGE = 4,
        DYNAMIC_PAGE = 0x28,
        CFG0 = 0x29,
        CFG1 = 0x2A,
        PWD = 0x2B,
        PACK = 0x2C,
        AUTHENTICATE = 0x1B,
        PROT = 0x80,
        CFGLCK = 0x40,
        AUTHLIM = 0x07,
};

typedef struct NtagKept {
        uint8_t memory[PAGES * PAGE];
        uint8_t failed; /* wrong passwords since the last right one */
} NtagKept;

typedef struct NtagSession {
        bool authenticated, transparent;
} NtagSession;

static uint8_t *page_at(Card *card, size_t page) {
        NtagKept *kept = card->kept;

        return kept->memory + page * PAGE;
}

static bool is_protected(Card *card, size_t page) {
        const NtagSession *session = card->session;

        return page >= page_at(card, CFG0)[3] && !session->authenticated;
}

/* Bit n of the static lock bytes closes page n; each of the dynamic ones two pages from 16 on. */
static bool is_locked(Card *card, size_t page) {
        const uint8_t *fixed = page_at(card, STATIC_PAGE) + 2, *dynamic = page_at(card, DYNAMIC_PAGE);

        if (page >= CONTAINER_PAGE && page < 16)
                return (fixed[page / 8] >> page % 8 & 1) != 0;
        if (page >= 16 && page < DYNAMIC_PAGE)
                return (dynamic[(page - 16) / 16] >> (page - 16) / 2 % 8 & 1) != 0;
        return (page == CFG0 || page == CFG1) && (page_at(card, CFG1)[0] & CFGLCK);
}

static Status command_read(Card *card, const Command *command, Response *response) {
        size_t page = storage_block(command);
        uint8_t data[PAGE];

        if (page >= PAGES)
                return STORAGE_NO_BLOCK;
        if (command->expected != PAGE)
                return (Status) (STATUS_WRONG_LE | PAGE);
        if (is_protected(card, page) && (page_at(card, CFG1)[0] & PROT))
                return STORAGE_FAILED;
        memcpy(data, page_at(card, page), PAGE);
        if (page == PWD || page == PACK)
                memset(data, 0, PAGE);
        if (page == DYNAMIC_PAGE)
                data[3] = 0xBD;
        response_append(response, data, PAGE);
        return STATUS_OK;
}

static Status command_write(Card *card, const Command *command) {
        size_t page = storage_block(command);
        uint8_t data[PAGE];

        if (page >= PAGES)
                return STORAGE_NO_BLOCK;
        if (command->length != PAGE)
                return STATUS_WRONG_LENGTH;
        if (page < STATIC_PAGE || is_protected(card, page) || is_locked(card, page))
                return STORAGE_FAILED; /* the tag answers with NAK */
        memcpy(data, command->data, PAGE);
        if (page <= CONTAINER_PAGE || page == DYNAMIC_PAGE)
                for (size_t i = 0; i < PAGE; i++) /* what is 1 stays 1 */
                        data[i] = page == STATIC_PAGE && i < 2 ? page_at(card, page)[i]
                                                               : page_at(card, page)[i] | data[i];
        access_store(card, (uint16_t) page, 0, page_at(card, page), data, PAGE);
        return STATUS_OK;
}

/* PWD_AUTH; a tag that refuses answers with four bits, of which a reader makes nothing. */
static size_t answer(Card *card, const uint8_t *frame, size_t length,
                     uint8_t ret[static EXCHANGE_FRAME_MAX]) {
        NtagSession *session = card->session;
        NtagKept *kept = card->kept;
        uint8_t limit = page_at(card, CFG1)[0] & AUTHLIM;

        session->authenticated = false;
        if (length != 5 || frame[0] != AUTHENTICATE || (limit > 0 && kept->failed >= limit))
                return 0;
        card->changed = true;
        if (memcmp(frame + 1, page_at(card, PWD), PAGE) != 0) {
                kept->failed++;
                return 0;
        }
        kept->failed = 0;
        session->authenticated = true;
        memcpy(ret, page_at(card, PACK), 2);
        return 2;
}

static Status run(Card *card, const Command *command, Response *response) {
        NtagSession *session = card->session;
        const NtagKept *kept = card->kept;
        uint8_t uid[7];

        if (command->class != 0xFF)
                return STATUS_UNKNOWN_CLASS;
        if (exchange_is(command))
                return exchange_run(card, command, &session->transparent, answer, response);
        memcpy(uid, kept->memory, 3);
        memcpy(uid + 3, kept->memory + 4, 4);
        switch (command->instruction) {
        case 0xCA:
                return storage_uid(command, uid, sizeof(uid), response);
        case 0xB0:
                return command_read(card, command, response);
        case 0xD6:
                return command_write(card, command);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        static const uint8_t container[] = { 0xE1, 0x10, 0x12, 0x00 }, cfg0[] = { 0x04, 0x00, 0x00, 0xFF };
        NtagKept *tag = kept;

        tag->memory[0] = 0x04;
        memcpy(tag->memory + 1, serial + 2, 2);
        memcpy(tag->memory + 4, serial + 4, 4);
        memcpy(tag->memory + CONTAINER_PAGE * PAGE, container, PAGE);
        memcpy(tag->memory + CFG0 * PAGE, cfg0, PAGE);
        memset(tag->memory + PWD * PAGE, 0xFF, PAGE);
}

/* Readers take it for an Ultralight, as which it answers. */
static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        return storage_atr(card, 0x03, 0x0003, ret);
}

const Family family_ntag = {
        .kind = "ntag",
        .kept_size = sizeof(NtagKept),
        .session_size = sizeof(NtagSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
