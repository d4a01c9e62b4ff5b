/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A simulated card (tests/card-sim) without a reader around it, as a TransmitFunction of card/transport.h. It
 * has a header of its own because both sides call their types Command and Response. */
#ifndef ICREISSUE_TESTS_SIM_CARD_H
#define ICREISSUE_TESTS_SIM_CARD_H

#include "base/bytes.h"
#include "base/failure.h"

typedef struct SimCard SimCard;

/* kind: "staff-v1", "usim" ..., a blank. Aborts where there is no memory. */
SimCard *sim_card_new(const char *kind, bool t0, const char *serial);
void sim_card_free(SimCard *sim);

/* A reset: what the card keeps stays. */
void sim_card_reset(SimCard *sim);

/* The card's answer to reset; returns its length. */
size_t sim_card_atr(const SimCard *sim, uint8_t atr[static 33]);

/* What happens at the n-th APDU from now on (from 1): it is lost before the card sees it, or its answer is
 * lost, and the transmit function returns result (e.g. -ECONNRESET; the failure is set unless it is that
 * one). 0: nothing. */
void sim_card_break(SimCard *sim, unsigned at, bool after, int result);

/* Stores one bit of a file or data object wrong from now on. */
void sim_card_flip(SimCard *sim, uint16_t id, size_t offset);

/* How many APDUs it has seen; how many of them had that instruction and data (VERIFY with a value, say). */
unsigned sim_card_count(const SimCard *sim);
unsigned sim_card_instruction_count(const SimCard *sim, uint8_t instruction);
unsigned sim_card_tries(const SimCard *sim);

/* The TransmitFunction; userdata is the SimCard. */
int sim_card_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure);

#endif
