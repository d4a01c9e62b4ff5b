/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory tags without keys: a MIFARE Ultralight (16 pages, of which lock bytes close 3 to 15 for good) and an
 * ISO/IEC 15693 tag with 28 blocks. Both have blocks of four bytes, all 00. */
#include <string.h>

#include "access.h"
#include "exchange.h"
#include "family.h"
#include "storage.h"

enum {
        BLOCK = 4,
        BLOCKS_MAX = 28,
        ULTRALIGHT_BLOCKS = 16,
        LABEL_BLOCKS = 28,
        LOCK_PAGE = 2,
        OTP_PAGE = 3,
        FIRST_PAGE = 4, /* of the user's */
};

typedef struct TagKept {
        uint8_t uid[CARD_SERIAL_LENGTH];
        uint8_t memory[BLOCKS_MAX * BLOCK];
        uint8_t locked[BLOCKS_MAX]; /* of a label: 1, for good */
} TagKept;

typedef struct TagSession {
        bool transparent; /* the reader's; a tag has no secrets and no selection */
} TagSession;

static bool is_ultralight(const Card *card) {
        return card->family == &family_ultralight;
}

static size_t block_count(const Card *card) {
        return is_ultralight(card) ? ULTRALIGHT_BLOCKS : LABEL_BLOCKS;
}

/* MF0ICU2, 7.5.2: bit n of the 16 lock bits, from 3 on, closes page n. */
static bool is_locked(const Card *card, size_t page) {
        const TagKept *kept = card->kept;
        unsigned bits = kept->memory[LOCK_PAGE * BLOCK + 2] | (unsigned) kept->memory[LOCK_PAGE * BLOCK + 3]
                                                                      << 8;

        return page >= OTP_PAGE && (bits >> page & 1);
}

static Status command_read(const Card *card, const Command *command, Response *response) {
        const TagKept *kept = card->kept;
        size_t block = storage_block(command);

        if (block >= block_count(card))
                return STORAGE_NO_BLOCK;
        if (command->expected != BLOCK)
                return (Status) (STATUS_WRONG_LE | BLOCK);
        response_append(response, kept->memory + block * BLOCK, BLOCK);
        return STATUS_OK;
}

/* The pages of lock bits and OTP: what is 1 stays 1, and of the first the two bytes before are the maker's. */
static void store_once(Card *card, size_t page, const uint8_t *data) {
        TagKept *kept = card->kept;
        uint8_t *memory = kept->memory + page * BLOCK, merged[BLOCK];

        for (size_t i = 0; i < BLOCK; i++)
                merged[i] = page == LOCK_PAGE && i < 2 ? memory[i] : memory[i] | data[i];
        access_store(card, (uint16_t) page, 0, memory, merged, BLOCK);
}

static Status command_write(Card *card, const Command *command) {
        TagKept *kept = card->kept;
        size_t block = storage_block(command);

        if (block >= block_count(card))
                return STORAGE_NO_BLOCK;
        if (command->length != BLOCK)
                return STATUS_WRONG_LENGTH;
        if (!is_ultralight(card) && kept->locked[block])
                return STORAGE_FAILED;
        if (!is_ultralight(card)) {
                access_store(card, (uint16_t) block, 0, kept->memory + block * BLOCK, command->data, BLOCK);
                return STATUS_OK;
        }
        if (block < LOCK_PAGE || is_locked(card, block))
                return STORAGE_FAILED; /* the tag answers with NAK */
        if (block < FIRST_PAGE)
                store_once(card, block, command->data);
        else
                access_store(card, (uint16_t) block, 0, kept->memory + block * BLOCK, command->data, BLOCK);
        return STATUS_OK;
}

static size_t error(uint8_t ret[static EXCHANGE_FRAME_MAX], uint8_t code) {
        ret[0] = 0x01;
        ret[1] = code;
        return 2;
}

static size_t tell_locks(const TagKept *kept, size_t first, size_t count,
                         uint8_t ret[static EXCHANGE_FRAME_MAX]) {
        if (first + count > LABEL_BLOCKS)
                return error(ret, 0x10);
        ret[0] = 0x00;
        memcpy(ret + 1, kept->locked + first, count);
        return 1 + count;
}

/* Lock block (22) and Get multiple block security status (2C), addressed: whom it does not concern says nothing. */
static size_t answer(Card *card, const uint8_t *frame, size_t length,
                     uint8_t ret[static EXCHANGE_FRAME_MAX]) {
        TagKept *kept = card->kept;

        if (is_ultralight(card) || length < 11 || frame[0] != 0x22)
                return 0;
        for (size_t i = 0; i < 8; i++)
                if (frame[2 + i] != kept->uid[7 - i])
                        return 0;
        if (frame[1] == 0x2C && length == 12)
                return tell_locks(kept, frame[10], frame[11] + 1U, ret);
        if (frame[1] != 0x22 || length != 11)
                return error(ret, 0x01);
        if (frame[10] >= LABEL_BLOCKS)
                return error(ret, 0x10);
        if (kept->locked[frame[10]])
                return error(ret, 0x11);
        kept->locked[frame[10]] = 1;
        card->changed = true;
        ret[0] = 0x00;
        return 1;
}

static Status run(Card *card, const Command *command, Response *response) {
        const TagKept *kept = card->kept;
        TagSession *session = card->session;

        if (command->class != 0xFF)
                return STATUS_UNKNOWN_CLASS;
        if (exchange_is(command))
                return exchange_run(card, command, &session->transparent, answer, response);
        switch (command->instruction) {
        case 0xCA:
                return storage_uid(command, kept->uid, is_ultralight(card) ? 7 : 8, response);
        case 0xB0:
                return command_read(card, command, response);
        case 0xD6:
                return command_write(card, command);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

/* Makers: 04 NXP, and E004 in a tag's UID (ISO/IEC 15693-3:2009, 4.1). */
static void make_ultralight(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        TagKept *tag = kept;

        tag->uid[0] = 0x04;
        memcpy(tag->uid + 1, serial + 2, 6);
        memcpy(tag->memory, tag->uid, 7);
}

static void make_label(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        TagKept *tag = kept;

        tag->uid[0] = 0xE0;
        tag->uid[1] = 0x04;
        memcpy(tag->uid + 2, serial + 2, 6);
}

static size_t atr_ultralight(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        return storage_atr(card, 0x03, 0x0003, ret);
}

static size_t atr_label(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        return storage_atr(card, 0x0B, 0x0014, ret);
}

const Family family_ultralight = {
        .kind = "ultralight",
        .kept_size = sizeof(TagKept),
        .session_size = sizeof(TagSession),
        .make = make_ultralight,
        .atr = atr_ultralight,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};

const Family family_iso15693 = {
        .kind = "iso15693",
        .kept_size = sizeof(TagKept),
        .session_size = sizeof(TagSession),
        .make = make_label,
        .atr = atr_label,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
