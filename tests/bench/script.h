/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What passed between a reader and its card, read from the simulator's trace, and done again by a plain PC/SC program. */
#ifndef ICREISSUE_BENCH_SCRIPT_H
#define ICREISSUE_BENCH_SCRIPT_H

#include "tests/desk/desk.h"

enum {
        SCRIPT_EXCHANGES_MAX = 4096,
        SCRIPT_COMMAND_MAX = 1024, /* bytes */
};

typedef enum ExchangeKind {
        EXCHANGE_APDU,
        EXCHANGE_POWER, /* off and on */
        EXCHANGE_RESET,
} ExchangeKind;

typedef struct Exchange {
        ExchangeKind kind;
        uint8_t command[SCRIPT_COMMAND_MAX];
        size_t size;
        uint16_t status;
} Exchange;

typedef struct Script {
        Exchange exchanges[SCRIPT_EXCHANGES_MAX];
        size_t count;
} Script;

/* Where the slot's trace ends by now. */
long script_mark(Desk *desk, unsigned slot);

/* What a job did with the card in the slot: from one mark to the last reset before the other, which was taken when
 * the job had ended; after that reset the daemon looks at the new card like at any other. */
void script_read(Desk *desk, unsigned slot, long from, long to, Script *ret);

/* Does the same to the card that is in the slot now, and expects the same status words. Returns how many ms it took, from
 * the connection to its end. */
double script_perform(Desk *desk, unsigned slot, bool t0, const Script *script);

size_t script_apdus(const Script *script);

/* ms of the monotonic clock. */
double script_now(void);

#endif
