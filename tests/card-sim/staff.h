/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blanks of the staff badge families, as their supplier delivers them. Their profiles are written against what
 * is said here.
 *
 * Both: EF 2F00, transparent, "staff-v1" or "staff-v2", read always, updated never. Data object 9F7F: the chip's
 * serial number, 8 bytes. PIN 01: 8 bytes, three tries, 3132333435363738 as delivered. TERMINATE CARD USAGE needs
 * the PIN; afterwards everything but GET DATA 9F7F is answered 6985.
 *
 * staff-v1 is prepared: DF 5000, name F049435201, with EF 5001 (transparent, 48 bytes of FF: read always, updated
 * with the PIN), EF 5002 (transparent, 16 bytes of FF: read never, updated with the PIN) and EF 5003 (linear
 * variable, at most eight records of at most 16 bytes, none yet: read always, written with the PIN). Data object 5F24,
 * 3 bytes: read always, 6A88 while absent, written with the PIN. It creates no files.
 *
 * staff-v2 is bare: files are created by the issuer, after the PIN, in 4096 bytes of memory of which each file takes
 * FILE_OVERHEAD more than its content. CREATE FILE takes 62 { 80 or 81 size, 82 descriptor, 83 identifier, 84 name,
 * 8A life cycle 01 or 05 (05 when absent), 86 access } where access is two bytes: reading, updating, each 00 always,
 * 01 with the PIN, FF never (00 01 when absent). */
#ifndef CARD_SIM_STAFF_H
#define CARD_SIM_STAFF_H

#include "card.h"

/* A blank of a family: "staff-v1" or "staff-v2". Returns 0 and the card, which the caller frees with card_free();
 * -EINVAL for another kind, -ENOMEM. */
int staff_new(const char *kind, Manner manner, const uint8_t serial[static CARD_SERIAL_LENGTH], Card **ret);

/* What a family's cards have in common, needed when one is loaded from its file: the data objects that the card knows
 * and what its operating system can do. Returns 0 or -EINVAL. */
int staff_prepare(Card *card, const char *kind);

#endif
