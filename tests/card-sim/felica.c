/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A FeliCa Lite-S behind a reader: 14 blocks of 16 bytes that need no key, and the block MC that closes them. */
#include <string.h>

#include "access.h"
#include "exchange.h"
#include "family.h"
#include "storage.h"

enum {
        BLOCK = 16,
        PADS = 14,
        MC = 0x88,
        READ = 0x06,
        WRITE = 0x08,
        SERVICE_READ = 0x000B,
        SERVICE_WRITE = 0x0009,
        READ_MAX = 4,
        HEAD = 14, /* of a command: length, code, IDm, one service, a count */
};

typedef struct FelicaKept {
        uint8_t idm[8];
        uint8_t pads[PADS * BLOCK];
        uint8_t mc[BLOCK];
} FelicaKept;

typedef struct FelicaSession {
        bool transparent;
} FelicaSession;

static uint8_t *block_at(FelicaKept *kept, uint8_t block) {
        return block == MC ? kept->mc : block < PADS ? kept->pads + block * BLOCK : NULL;
}

static size_t refuse(uint8_t ret[static EXCHANGE_FRAME_MAX], uint8_t second) {
        ret[0] = 12;
        ret[10] = 0x01;
        ret[11] = second;
        return 12;
}

static size_t read_blocks(FelicaKept *kept, const uint8_t *list, size_t count,
                          uint8_t ret[static EXCHANGE_FRAME_MAX]) {
        for (size_t i = 0; i < count; i++) {
                const uint8_t *block = list[2 * i] == 0x80 ? block_at(kept, list[2 * i + 1]) : NULL;

                if (!block)
                        return refuse(ret, 0xA8);
                memcpy(ret + 13 + i * BLOCK, block, BLOCK);
        }
        ret[12] = (uint8_t) count;
        ret[0] = (uint8_t) (13 + count * BLOCK);
        return ret[0];
}

/* Bit n of MC's first two bytes: block n may be written. MC itself may while its third byte is FF. */
static bool may_write(const FelicaKept *kept, uint8_t block) {
        return block == MC ? kept->mc[2] == 0xFF : (kept->mc[block / 8] >> block % 8 & 1) != 0;
}

static size_t write_block(Card *card, const uint8_t *list, const uint8_t *data,
                          uint8_t ret[static EXCHANGE_FRAME_MAX]) {
        FelicaKept *kept = card->kept;
        uint8_t *block = list[0] == 0x80 ? block_at(kept, list[1]) : NULL;

        if (!block || !may_write(kept, list[1]))
                return refuse(ret, 0xA8);
        access_store(card, list[1], 0, block, data, BLOCK);
        ret[0] = 12;
        return 12;
}

/* A frame that is not for it, or wrong, it does not answer at all. */
static size_t answer(Card *card, const uint8_t *frame, size_t length,
                     uint8_t ret[static EXCHANGE_FRAME_MAX]) {
        FelicaKept *kept = card->kept;
        unsigned service;
        size_t count;

        if (length < HEAD || frame[0] != length || memcmp(frame + 2, kept->idm, 8) != 0 || frame[10] != 1)
                return 0;
        service = frame[11] | (unsigned) frame[12] << 8;
        count = frame[13];
        memset(ret, 0, 13);
        ret[1] = (uint8_t) (frame[1] + 1);
        memcpy(ret + 2, kept->idm, 8);
        if (service != SERVICE_WRITE && (service != SERVICE_READ || frame[1] == WRITE))
                return refuse(ret, 0xA6);
        if (frame[1] == READ)
                return count == 0 || count > READ_MAX || length != HEAD + 2 * count
                               ? refuse(ret, 0xA2)
                               : read_blocks(kept, frame + HEAD, count, ret);
        if (frame[1] == WRITE)
                return count != 1 || length != HEAD + 2 + BLOCK
                               ? refuse(ret, 0xA2)
                               : write_block(card, frame + HEAD, frame + HEAD + 2, ret);
        return 0;
}

static Status run(Card *card, const Command *command, Response *response) {
        FelicaSession *session = card->session;
        const FelicaKept *kept = card->kept;

        if (command->class != 0xFF)
                return STATUS_UNKNOWN_CLASS;
        if (exchange_is(command))
                return exchange_run(card, command, &session->transparent, answer, response);
        return command->instruction == 0xCA ? storage_uid(command, kept->idm, 8, response)
                                            : (Status) STATUS_UNKNOWN_INSTRUCTION;
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        static const uint8_t mc[] = { 0xFF, 0xFF, 0xFF, 0x01, 0x07 };
        FelicaKept *card = kept;

        memcpy(card->idm, serial, 8);
        card->idm[0] = 0x01;
        card->idm[1] = 0x2E;
        memcpy(card->mc, mc, sizeof(mc));
}

static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        return storage_atr(card, 0x11, 0x003B, ret);
}

const Family family_felica = {
        .kind = "felica",
        .kept_size = sizeof(FelicaKept),
        .session_size = sizeof(FelicaSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
};
