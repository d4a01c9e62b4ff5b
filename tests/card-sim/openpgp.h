/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An OpenPGP card of version 3.4 as its supplier delivers it: openpgp.c has its data objects, openpgp-pin.c its passwords,
 * openpgp-key.c its keys.
 *
 * No data, no keys; algorithm attributes of all three slots RSA 2048 with an exponent of 32 bits, imported as exponent and
 * primes. PW1 (81, 82) "123456", PW3 (83) "12345678", three tries each; no reset code. */
#ifndef CARD_SIM_OPENPGP_H
#define CARD_SIM_OPENPGP_H

#include "card.h"

enum {
        OPENPGP_PASSWORD_MAX = 32,
        OPENPGP_OBJECTS = 23,
        OPENPGP_MEMORY = 8192, /* all of them */
        OPENPGP_SLOTS = 3,     /* signature, decryption, authentication */
        OPENPGP_PRIME_MAX = 256,
        OPENPGP_EXPONENT_MAX = 4,
};

typedef struct OpenpgpPassword {
        uint8_t value[OPENPGP_PASSWORD_MAX];
        uint8_t length, tries;
} OpenpgpPassword;

/* As it was imported. */
typedef struct OpenpgpKey {
        bool there;
        uint8_t exponent[OPENPGP_EXPONENT_MAX];
        uint8_t first[OPENPGP_PRIME_MAX],
                second[OPENPGP_PRIME_MAX]; /* the primes; of a curve: the secret, nothing */
        uint16_t exponent_length, prime_length;
} OpenpgpKey;

typedef struct OpenpgpKept {
        uint8_t serial[4];
        OpenpgpPassword pw1, pw3, reset_code;
        uint8_t pw1_lasts; /* PW status, first byte: 00 is good for one signature */
        uint16_t lengths[OPENPGP_OBJECTS];
        uint8_t memory[OPENPGP_MEMORY];
        OpenpgpKey keys[OPENPGP_SLOTS];
        uint32_t signatures;
        bool terminated;
} OpenpgpKept;

typedef struct OpenpgpSession {
        bool selected;
        bool pw1_signature, pw1_other, pw3; /* 81, 82, 83 */
        uint8_t certificate;                /* which of three GET DATA and PUT DATA of 7F21 mean */
} OpenpgpSession;

/* What is stored under that tag; NULL where there is no such object. */
const uint8_t *openpgp_object(const OpenpgpKept *kept, uint16_t tag, size_t *ret_length);

/* openpgp-pin.c */
Status openpgp_verify(Card *card, const Command *command);
Status openpgp_change(Card *card, const Command *command);
Status openpgp_reset_retry_counter(Card *card, const Command *command);
/* PUT DATA of D3; no data take it away. */
Status openpgp_set_reset_code(Card *card, const Command *command);
/* Sets all of them as they are delivered. */
void openpgp_make_passwords(OpenpgpKept *kept);

/* openpgp-key.c */
Status openpgp_import(Card *card, const Command *command);
Status openpgp_generate(Card *card, const Command *command, Response *response);
Status openpgp_sign(Card *card, const Command *command, Response *response);
Status openpgp_authenticate(Card *card, const Command *command, Response *response);
/* Whether attributes can be set: the algorithms that the card knows. */
bool openpgp_knows(const uint8_t *attributes, size_t length);

#endif
