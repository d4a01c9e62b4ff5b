/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What desfire-channel.c and desfire-handshake.c stand on, and nobody else sees. */
#ifndef ICREISSUE_CARD_DESFIRE_CIPHER_H
#define ICREISSUE_CARD_DESFIRE_CIPHER_H

#include "card/desfire-channel.h"

enum {
        DESFIRE_STATUS_OK = 0x9100,
        /* Data bytes of one command: so many fit a frame of ISO/IEC 14443-4 of 64 bytes, which an EV1 takes. */
        DESFIRE_FRAME_MAX = 54,
};

/* AES (block 16) or two-key triple DES (block 8), CBC, over whole blocks; ret may be where bytes are. -EINVAL, -ENOMEM. */
int desfire_cbc(size_t block, const uint8_t key[static DESFIRE_KEY_SIZE], const uint8_t *iv, bool encipher,
                Span bytes, uint8_t *ret);

/* CMAC of a message that goes on from an IV (NULL: none); ret may be the IV. -EINVAL, -ENOMEM. */
int desfire_cmac(size_t block, const uint8_t key[static DESFIRE_KEY_SIZE], const uint8_t *iv, Span message,
                 uint8_t *ret);

/* A channel with no keys in it yet. */
extern const SecureMessaging desfire_messaging;

#endif
