/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and PINs that cards have refused: a wrong value is never sent to the same card a second time. What is kept is
 * an HMAC-SHA-256, under the station's own secret, of chip serial, reference and value. Shared by all reader threads. */
#ifndef ICREISSUE_CARD_REFUSED_H
#define ICREISSUE_CARD_REFUSED_H

#include "base/bytes.h"

typedef struct Refused Refused;

/* key: at least 32 random bytes, the same as when the digests were made; copied. added (may be NULL) is called on the
 * thread that adds, with the new digest in hexadecimal. */
int refused_new(Span key, void (*added)(const char *digest, void *userdata), void *userdata, Refused **ret);
Refused *refused_free(Refused *refused);
DEFINE_CLEANUP(Refused *, refused_free)

/* Takes up a digest kept from an earlier run; one that is no digest is ignored with -EINVAL. */
int refused_restore(Refused *refused, const char *digest);

/* serial may be empty for a card without one: `insertion` (any number that is new for every insertion) stands for it
 * then. */
bool refused_contains(Refused *refused, Span serial, uint64_t insertion, uint8_t reference, Span value);
int refused_add(Refused *refused, Span serial, uint64_t insertion, uint8_t reference, Span value);

#endif
