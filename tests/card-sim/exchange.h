/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reader that passes frames on to a tag as they are: PC/SC part 3's transparent session (FF C2), and the direct command
 * of some makers (FF 00 00 00). */
#ifndef CARD_SIM_EXCHANGE_H
#define CARD_SIM_EXCHANGE_H

#include "card.h"

enum { EXCHANGE_FRAME_MAX = 253 };

/* What the tag answers to a frame; returns the answer's length, 0 where it says nothing. */
typedef size_t (*TagFunction)(Card *card, const uint8_t *frame, size_t length,
                              uint8_t answer[static EXCHANGE_FRAME_MAX]);

/* Whether the command is one of these. */
bool exchange_is(const Command *command);

/* Runs it; *session is whether a transparent session is open. */
Status exchange_run(Card *card, const Command *command, bool *session, TagFunction tag, Response *response);

#endif
