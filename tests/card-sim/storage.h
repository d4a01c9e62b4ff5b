/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory cards and the reader that speaks for them: the commands of class FF that PC/SC part 3, 2.01.09, 3.2.2.1 defines,
 * and the answer to reset that the reader makes up (3.1.3.2.3). What a card lets be read and written is its family's. */
#ifndef CARD_SIM_STORAGE_H
#define CARD_SIM_STORAGE_H

#include "card.h"

enum {
        STORAGE_FAILED = 0x6300, /* the card does not answer, or refuses the key */
        STORAGE_DENIED = 0x6982,
        STORAGE_NO_BLOCK = 0x6A82,
};

/* The ATR of a card of that name, by that standard. */
size_t storage_atr(const Card *card, uint8_t standard, uint16_t name, uint8_t atr[static CARD_ATR_MAX]);

/* GET DATA for the UID. */
Status storage_uid(const Command *command, const uint8_t *uid, size_t length, Response *response);

/* P1-P2. */
size_t storage_block(const Command *command);

#endif
