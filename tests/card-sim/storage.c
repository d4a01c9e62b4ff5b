/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What memory cards have in common behind a reader: storage.h. */
#include "storage.h"

#include <string.h>

size_t storage_atr(const Card *card, uint8_t standard, uint16_t name, uint8_t atr[static CARD_ATR_MAX]) {
        const uint8_t bytes[] = { 0x3B,           0x8F, 0x80, 0x01, 0x80, 0x4F,     0x0C,
                                  0xA0,           0x00, 0x00, 0x03, 0x06, standard, (uint8_t) (name >> 8),
                                  (uint8_t) name, 0x00, 0x00, 0x00, 0x00 };
        uint8_t check = 0;

        (void) card; /* a reader has one manner for them */
        memcpy(atr, bytes, sizeof(bytes));
        for (size_t i = 1; i < sizeof(bytes); i++)
                check ^= bytes[i];
        atr[sizeof(bytes)] = check;
        return sizeof(bytes) + 1;
}

Status storage_uid(const Command *command, const uint8_t *uid, size_t length, Response *response) {
        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_NOT_SUPPORTED;
        response_append(response, uid, length);
        return STATUS_OK;
}

size_t storage_block(const Command *command) {
        return (size_t) command->p1 << 8 | command->p2;
}
