/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's key ring: the issuer's own keys and transport codes, by name, for profiles that say
 * {key: NAME}. It is read from $CREDENTIALS_DIRECTORY/key-ring, else from DIRECTORY/key-ring.yaml, which nobody
 * but its owner may read: a mapping from names to hexadecimal values. */
#ifndef ICREISSUE_CARD_KEY_RING_H
#define ICREISSUE_CARD_KEY_RING_H

#include "base/bytes.h"
#include "base/failure.h"

typedef struct KeyRing KeyRing;

/* Loads the ring; where there is no file at all the ring is empty. PROFILE_INVALID with file:line:column for a
 * mistake (the value itself is never quoted) and for a file that group or others may read. */
int key_ring_load(const char *config_directory, KeyRing **ret, Failure *failure);

/* Reference counted, atomically: reader threads hold it while a card is written. Values are erased at the end. */
KeyRing *key_ring_ref(KeyRing *ring);
KeyRing *key_ring_unref(KeyRing *ring);
DEFINE_CLEANUP(KeyRing *, key_ring_unref)

/* The key of that name, borrowed for as long as the ring is held. Returns 0 or -ENOENT. */
int key_ring_find(const KeyRing *ring, const char *name, Span *ret);

#endif
