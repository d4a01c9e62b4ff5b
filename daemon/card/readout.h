/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a card that nobody knows yet: the type readout, the correlation to a profile, then serial, ID and the blank
 * check of that profile. On a reader's thread; it writes nothing and presents no
 * secret but keys whose tries a card does not count (MIFARE Classic). */
#ifndef ICREISSUE_CARD_READOUT_H
#define ICREISSUE_CARD_READOUT_H

#include "card/catalogue.h"
#include "card/key-ring.h"
#include "card/readers.h"
#include "card/transport.h"

/* Fills ret. UNKNOWN_CARD_TYPE where no entry fits, or the type has no profile: the message lists the entries tried and
 * the last status word of each. A card of known type that is neither blank nor has an ID gives success with type set,
 * id NULL and blank false. ret->opened is set, success or not. Other failures as transport_send(). */
int readout_card(const Catalogue *catalogue, const KeyRing *keys, Transport *transport, Span atr,
                 CardFacts *ret, Failure *failure);

#endif
