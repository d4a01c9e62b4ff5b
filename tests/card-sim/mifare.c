/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A MIFARE Classic 1K (MF1S50YYX): 16 sectors of four blocks, or a 4K (MF1S70YYX): 32 of these and eight of 16
 * blocks. Each has its keys and access bits, as the chip maker delivers it: data 00, keys FFFFFFFFFFFF, access bits
 * FF0780 and 69. A trailer whose access bits do not agree with their inverted copy closes its sector for ever. UID:
 * the last four bytes of the serial. */
#include <string.h>

#include "access.h"
#include "family.h"
#include "storage.h"

enum {
        BLOCKS_1K = 64,
        BLOCKS_4K = 256,
        SMALL_SECTORS = 32,
        SMALL_END = 128, /* the first block of a sector of 16 */
        BLOCK = 16,
        KEY = 6,
        KEY_SLOTS = 2,
        KEY_B_OFFSET = 10,
        TYPE_A = 0x60,
        TYPE_B = 0x61,
        NONE = -1,
};

typedef struct MifareKept {
        uint8_t memory[BLOCKS_4K * BLOCK]; /* of a 1K, its first quarter */
} MifareKept;

typedef struct MifareSession {
        uint8_t keys[KEY_SLOTS][KEY]; /* the reader's */
        bool loaded[KEY_SLOTS];
        bool opened; /* by type, for a sector */
        unsigned sector;
        uint8_t type;
} MifareSession;

static uint8_t *block_at(Card *card, size_t block) {
        MifareKept *kept = card->kept;

        return kept->memory + block * BLOCK;
}

static size_t block_count(const Card *card) {
        return card->family == &family_mifare ? BLOCKS_1K : BLOCKS_4K;
}

static unsigned sector_of(size_t block) {
        return (unsigned) (block < SMALL_END ? block / 4 : SMALL_SECTORS + (block - SMALL_END) / 16);
}

static size_t trailer_of(size_t block) {
        return block < SMALL_END ? block | 3 : block | 15;
}

/* Which group of access bits is a block's: in a sector of 16, five blocks share one. */
static unsigned group_of(size_t block) {
        return (unsigned) (block < SMALL_END ? block & 3 : (block & 15) / 5);
}

/* C1 C2 C3 of a block (8.7.1), or NONE where the sector is closed for ever. */
static int condition(Card *card, size_t block) {
        const uint8_t *bits = block_at(card, trailer_of(block)) + KEY;
        unsigned group = group_of(block), value = 0;

        if ((bits[1] >> 4 ^ bits[0]) % 16 != 0x0F || (bits[2] ^ bits[0] >> 4) % 16 != 0x0F ||
            (bits[2] >> 4 ^ bits[1]) % 16 != 0x0F)
                return NONE;
        value |= (bits[1] >> (4 + group) & 1U) << 2;
        value |= (bits[2] >> group & 1U) << 1;
        value |= bits[2] >> (4 + group) & 1U;
        return (int) value;
}

/* 8.7.2: key B can be read under these, and then it opens nothing. */
static bool key_b_is_data(int trailer) {
        return trailer == 0 || trailer == 1 || trailer == 2;
}

/* 8.7.3, table 8: who may read and write a data block; bit 0 key A, bit 1 key B. */
static const struct {
        uint8_t read, write;
} data_rights[8] = {
        [0] = { 3, 3 }, [1] = { 3, 0 }, [2] = { 3, 0 }, [3] = { 2, 2 },
        [4] = { 3, 2 }, [5] = { 2, 0 }, [6] = { 3, 2 }, [7] = { 0, 0 },
};

/* Table 7: who may write the keys, who reads and writes the access bits. */
static const struct {
        uint8_t write_keys, read_bits, write_bits;
} trailer_rights[8] = {
        [0] = { 1, 1, 0 }, [1] = { 1, 1, 1 }, [2] = { 0, 1, 0 }, [3] = { 2, 3, 2 },
        [4] = { 2, 3, 0 }, [5] = { 0, 3, 2 }, [6] = { 0, 3, 0 }, [7] = { 0, 3, 0 },
};

/* What the key that has opened the block's sector counts for: bit 0 key A, bit 1 key B, 0 nothing. */
static uint8_t rights_of(Card *card, size_t block) {
        const MifareSession *session = card->session;
        int trailer = condition(card, trailer_of(block));

        if (!session->opened || session->sector != sector_of(block) || trailer == NONE)
                return 0;
        if (session->type == TYPE_A)
                return 1;
        return key_b_is_data(trailer) ? 0 : 2;
}

static Status command_load_keys(Card *card, const Command *command) {
        MifareSession *session = card->session;

        if (command->p1 != 0x00 || command->p2 >= KEY_SLOTS)
                return STATUS_WRONG_PARAMETERS;
        if (command->length != KEY)
                return STATUS_WRONG_LENGTH;
        memcpy(session->keys[command->p2], command->data, KEY);
        session->loaded[command->p2] = true;
        return STATUS_OK;
}

static Status command_authenticate(Card *card, const Command *command) {
        MifareSession *session = card->session;
        const uint8_t *data = command->data, *trailer;

        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->length != 5 || data[0] != 0x01)
                return STATUS_WRONG_LENGTH;
        if (data[1] != 0 || data[2] >= block_count(card) || (data[3] != TYPE_A && data[3] != TYPE_B) ||
            data[4] >= KEY_SLOTS || !session->loaded[data[4]])
                return STATUS_WRONG_DATA;

        session->opened = false; /* a card that refuses a key has halted */
        trailer = block_at(card, trailer_of(data[2]));
        if (condition(card, trailer_of(data[2])) == NONE ||
            memcmp(session->keys[data[4]], trailer + (data[3] == TYPE_A ? 0 : KEY_B_OFFSET), KEY) != 0)
                return STORAGE_FAILED;
        session->opened = true;
        session->sector = sector_of(data[2]);
        session->type = data[3];
        return STATUS_OK;
}

static Status command_read(Card *card, const Command *command, Response *response) {
        size_t block = storage_block(command);
        uint8_t data[BLOCK], rights;
        int trailer;

        if (block >= block_count(card))
                return STORAGE_NO_BLOCK;
        if (command->expected != BLOCK)
                return (Status) (STATUS_WRONG_LE | BLOCK);
        rights = rights_of(card, block);
        if (rights == 0)
                return STORAGE_DENIED;
        memcpy(data, block_at(card, block), BLOCK);
        if (block != trailer_of(block)) {
                if (!(data_rights[condition(card, block)].read & rights))
                        return STORAGE_DENIED;
        } else {
                trailer = condition(card, block);
                memset(data, 0, KEY);
                if (!(trailer_rights[trailer].read_bits & rights))
                        memset(data + KEY, 0, KEY_B_OFFSET - KEY);
                if (!key_b_is_data(trailer))
                        memset(data + KEY_B_OFFSET, 0, KEY);
        }
        response_append(response, data, BLOCK);
        return STATUS_OK;
}

static Status command_write(Card *card, const Command *command) {
        size_t block = storage_block(command);
        uint8_t rights, data[BLOCK];
        int group;

        if (block >= block_count(card))
                return STORAGE_NO_BLOCK;
        if (command->length != BLOCK)
                return STATUS_WRONG_LENGTH;
        rights = rights_of(card, block);
        if (rights == 0 || block == 0) /* the maker's block */
                return STORAGE_DENIED;
        group = condition(card, block);
        memcpy(data, command->data, BLOCK);
        if (block != trailer_of(block)) {
                if (!(data_rights[group].write & rights))
                        return STORAGE_DENIED;
        } else {
                if (!(trailer_rights[group].write_keys & rights))
                        return STORAGE_DENIED;
                if (!(trailer_rights[group].write_bits & rights))
                        memcpy(data + KEY, block_at(card, block) + KEY, 3);
        }
        access_store(card, (uint16_t) block, 0, block_at(card, block), data, BLOCK);
        return STATUS_OK;
}

static Status run(Card *card, const Command *command, Response *response) {
        if (command->class != 0xFF)
                return STATUS_UNKNOWN_CLASS;
        switch (command->instruction) {
        case 0xCA:
                return storage_uid(command, block_at(card, 0), 4, response);
        case 0x82:
                return command_load_keys(card, command);
        case 0x86:
                return command_authenticate(card, command);
        case 0xB0:
                return command_read(card, command, response);
        case 0xD6:
                return command_write(card, command);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        static const uint8_t bits[] = { 0xFF, 0x07, 0x80, 0x69 };
        MifareKept *card = kept;

        memcpy(card->memory, serial + 4, 4);
        for (size_t block = 0; block < BLOCKS_4K; block++) {
                uint8_t *trailer = card->memory + block * BLOCK;

                if (block != trailer_of(block))
                        continue;
                memset(trailer, 0xFF, BLOCK);
                memcpy(trailer + KEY, bits, sizeof(bits));
        }
}

static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        return storage_atr(card, 0x03, card->family == &family_mifare ? 0x0001 : 0x0002, ret);
}

const Family family_mifare = {
        .kind = "mifare-classic",
        .kept_size = sizeof(MifareKept),
        .session_size = sizeof(MifareSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};

const Family family_mifare_4k = {
        .kind = "mifare-classic-4k",
        .kept_size = sizeof(MifareKept),
        .session_size = sizeof(MifareSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
