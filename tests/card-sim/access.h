/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what with a simulated card's files and data objects now. Reading and writing bytes is elsewhere. */
#ifndef CARD_SIM_ACCESS_H
#define CARD_SIM_ACCESS_H

#include "card.h"

/* STATUS_OK when the condition is met, else STATUS_SECURITY. */
Status access_allows(const Card *card, Access condition);

/* The same for a file's content. A file in creation state is written by whoever has verified the PIN (its conditions
 * hold from its activation on), one that is deactivated or terminated by nobody (ISO/IEC 7816-4:2020, 7.4.10). */
Status access_read(const Card *card, const File *file);
Status access_update(const Card *card, const File *file);

/* Copies bytes into the card's memory, wrong by a bit where a test has asked for it. `offset` is where they stand in
 * the file or data object `id`. */
void access_store(Card *card, uint16_t id, size_t offset, uint8_t *memory, const uint8_t *data,
                  size_t length);

#endif
