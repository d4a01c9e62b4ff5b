/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One card's key from a master key. What is made here is a key: it goes where a verb wants one, and nowhere else. */
#ifndef ICREISSUE_CARD_DERIVE_H
#define ICREISSUE_CARD_DERIVE_H

#include "base/bytes.h"

typedef enum DeriveMethod {
        DERIVE_AN10922_AES128, /* NXP AN10922, 2.2 to 2.5: by CMAC, of 1 to 31 bytes */
        DERIVE_AN10922_AES192,
        DERIVE_AN10922_AES256,
        DERIVE_AN10922_2TDEA, /* of 1 to 15 bytes */
        DERIVE_AN10922_3TDEA,
        DERIVE_EMV_CPS, /* EMV Card Personalization Specification 1.1, 4.1: of KEYDATA, 10 bytes */
        DERIVE_VISA2, /* VISA GlobalPlatform configuration: of the diversification data of INITIALIZE UPDATE */
        DERIVE_SP800_108, /* NIST SP 800-108r1, 4.1, CMAC with AES: the counter, then the input as it is */
        DERIVE_SCP03,     /* GlobalPlatform Amendment D 1.2, 4.1.5: of the context */
        _DERIVE_MAX,
} DeriveMethod;

extern const char *const derive_names[]; /* as in profiles, NULL-terminated */

typedef struct Derivation {
        DeriveMethod method;
        Span key, input;
        /* EMV_CPS, VISA2: which key, 1 ENC, 2 MAC, 3 DEK. SP800_108: the counter's bytes, 1 to 4. SCP03: the derivation
         * constant. Not used by the others. */
        uint8_t number;
        size_t length; /* bytes wanted, of SP800_108 and SCP03; 0: as many as the key has. Not used by the others. */
} Derivation;

/* Whether the method takes a `number` (from 1 to *maximum), or a `length`. */
bool derive_takes_number(DeriveMethod method, int *maximum);
bool derive_takes_length(DeriveMethod method);

/* Appends the key. Returns 0; -EKEYREJECTED for a master key, -EINVAL for an input of the wrong length; -ENOMEM. */
int derive_key(const Derivation *derivation, Bytes *ret);

#endif
