/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PIV card: piv.c has its data and its PINs, piv-key.c its management key, piv-asymmetric.c its private
 * keys. */
#ifndef CARD_SIM_PIV_H
#define CARD_SIM_PIV_H

#include "card.h"

enum {
        PIV_PIN_LENGTH = 8,
        PIV_KEY_MAX = 32,
        PIV_BLOCK_MAX = 16,
        PIV_CONTAINERS = 10,
        PIV_MEMORY = 16384, /* all containers */
        PIV_MANAGEMENT_KEY = 0x9B,
        PIV_SLOTS = 3, /* 9A, 9D, 9E */
        PIV_PRIME_MAX = 256,
};

/* As it was imported: the primes, or a curve's secret. */
typedef struct PivKey {
        uint8_t algorithm; /* 0: none */
        uint16_t length;
        uint8_t first[PIV_PRIME_MAX], second[PIV_PRIME_MAX];
} PivKey;

typedef struct PivSecret {
        uint8_t value[PIV_PIN_LENGTH];
        uint8_t tries;
} PivSecret;

typedef struct PivKept {
        uint8_t serial[4];
        PivSecret pin, puk;
        uint8_t algorithm;
        uint8_t key[PIV_KEY_MAX];
        PivKey keys[PIV_SLOTS];
        uint16_t lengths[PIV_CONTAINERS]; /* 0: empty */
        uint8_t memory[PIV_MEMORY];
} PivKept;

/* What the card has given and waits for. */
typedef enum PivDialogue {
        PIV_NOTHING,
        PIV_WITNESS,
        PIV_CHALLENGE,
} PivDialogue;

typedef struct PivSession {
        bool selected, pin, management;
        PivDialogue dialogue;
        uint8_t block[PIV_BLOCK_MAX]; /* in the clear */
} PivSession;

Status piv_general_authenticate(Card *card, const Command *command, Response *response);
/* Any other command ends what was begun. */
void piv_forget_dialogue(Card *card);
Status piv_set_key(Card *card, const Command *command);
void piv_make_key(PivKept *kept);

/* piv-asymmetric.c */
Status piv_import(Card *card, const Command *command);
/* GENERAL AUTHENTICATE with one of the slots. */
Status piv_sign(Card *card, const Command *command, Response *response);
bool piv_is_slot(uint8_t reference);

#endif
