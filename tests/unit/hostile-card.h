/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card that never goes away and answers by a script that begins again when it has ended: whatever it says, a whole
 * reissue of a shipped card type ends, with a result or a named failure, after a bounded number of APDUs. It needs no
 * Check, so that the fuzz target can use it too. */
#ifndef ICREISSUE_TESTS_HOSTILE_CARD_H
#define ICREISSUE_TESTS_HOSTILE_CARD_H

#include "card-fixture.h"
#include "card/transport.h"

/* No reissue of a shipped profile may take more: each command that is sent ends within the transport's rounds. */
enum { HOSTILE_APDUS_MAX = 400000 };

/* script: answers, each with its length in one byte before it; a length of 0 is an empty answer, and an empty script
 * answers nothing at all. Reads the card as an unknown one, then writes and reads back the type's plan. Aborts where
 * an error has no name, a command is shorter than a header, or there is no end. Returns the number of APDUs. */
unsigned long hostile_reissue(const Catalogue *catalogue, const KeyRing *keys, const char *type, bool t0,
                              Span script);

#endif
