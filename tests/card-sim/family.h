/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The families of simulated cards beside the staff badges: one row each of one table. What a family's card keeps is one
 * block of memory, what it forgets at a reset another; so a family is its commands and its blank, and nothing else of
 * the simulator knows it. */
#ifndef CARD_SIM_FAMILY_H
#define CARD_SIM_FAMILY_H

#include "card.h"

struct Family {
        const char *kind;
        size_t kept_size, session_size;
        /* What its supplier delivers; kept is zeroed before. */
        void (*make)(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]);
        size_t (*atr)(const Card *card, uint8_t atr[static CARD_ATR_MAX]);
        /* After the session has been zeroed; may be NULL. */
        void (*reset)(Card *card);
        /* One command; what it stores goes through access_store(). */
        Status (*run)(Card *card, const Command *command, Response *response);
        /* T=0: what says that data wait for GET RESPONSE, its low byte 0: 61XX, or a SIM's 9FXX. */
        Status more_data;
        /* Commands may be chained, and an answer that is longer than its Le comes by GET RESPONSE, also in T=1 (ISO/IEC
         * 7816-4:2020, 5.3.3 and 5.3.4). */
        bool chains;
};

/* NULL for none. */
const Family *family_find(const char *kind);

/* A blank of any kind, staff badges too. Returns 0 and the card, which the caller frees with card_free(); -EINVAL for a
 * kind that there is not, -ENOMEM. */
int family_blank(const char *kind, Manner manner, const uint8_t serial[static CARD_SERIAL_LENGTH],
                 Card **ret);

/* A card of a family, with nothing in its memory yet. */
int family_card(const Family *family, Manner manner, Card **ret);

/* An ATR with these historical bytes, in the card's manner (ISO/IEC 7816-3:2006, 8.2). Returns its length. */
size_t family_atr(const Card *card, const uint8_t *historical, size_t length,
                  uint8_t atr[static CARD_ATR_MAX]);

/* t0, t1 or air; -1 for anything else. */
int manner_of(const char *name);
const char *manner_name(Manner manner);

/* uicc.c, gsm-sim.c, mifare.c, tag.c */
extern const Family family_usim, family_sim, family_mifare, family_ultralight, family_iso15693;
extern const Family family_desfire;                         /* desfire.c */
extern const Family family_globalplatform, family_gp_scp02; /* globalplatform.c */
extern const Family family_openpgp;                         /* openpgp.c */
extern const Family family_piv;                             /* piv.c */
extern const Family family_felica;                          /* felica.c */
extern const Family family_mifare_4k, family_ntag;          /* mifare.c, ntag.c */

#endif
