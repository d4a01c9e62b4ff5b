/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a PC/SC return code means to a person, and the one context that a thread opens. Nothing else of
 * PC/SC is hidden: reader-watch.c and card-session.c call it as it is. */
#ifndef ICREISSUE_CARD_PCSC_H
#define ICREISSUE_CARD_PCSC_H

#include <winscard.h>

#include "base/failure.h"

/* Sets the failure that a return code other than SCARD_S_SUCCESS stands for: CARD_GONE, READER_GONE,
 * READER_BUSY, CANCELLED, UNKNOWN_CARD_TYPE for a card that does not answer to reset, WRITE_FAILED for the
 * rest. Returns its negative errno; -ECONNRESET, with no failure set, for SCARD_W_RESET_CARD. reader: its
 * name at the desk. */
int pcsc_failure(LONG code, const char *reader, Failure *failure);

/* Whether a code says that the card does not answer to reset, or to no protocol. */
bool pcsc_is_mute(LONG code);

/* Opens a context. Sets a READER_GONE failure that says what to do: start pcscd, or install the polkit
 * rule. *refused (may be NULL) tells the two apart. */
int pcsc_establish(SCARDCONTEXT *ret, bool *refused, Failure *failure);

#endif
