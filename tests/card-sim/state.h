/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A simulated card's file: one JSON object that holds what the card keeps when it has no power. */
#ifndef CARD_SIM_STATE_H
#define CARD_SIM_STATE_H

#include "card.h"

/* Reads a card from its file; it comes freshly reset. Returns 0 and a card that the caller frees with card_free();
 * a negative errno when the file cannot be read, -EBADMSG when it is no card's file. */
int state_load(const char *path, Card **ret);

/* Writes the card to its file, whole or not at all: a temporary file beside it is renamed. Returns 0 or a negative
 * errno. It survives the end of the process, not of the machine: nothing is synced. */
int state_save(const Card *card);

#endif
