/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of families, and what they have in common. */
#include "family.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "staff.h"

static const Family *const families[] = {
        &family_usim,      &family_sim,     &family_mifare,  &family_ultralight,     &family_iso15693,
        &family_piv,       &family_desfire, &family_openpgp, &family_globalplatform, &family_gp_scp02,
        &family_mifare_4k, &family_ntag,    &family_felica,
};

const Family *family_find(const char *kind) {
        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
                if (strcmp(families[i]->kind, kind) == 0)
                        return families[i];
        return NULL;
}

int family_card(const Family *family, Manner manner, Card **ret) {
        Card *card = calloc(1, sizeof(Card));

        if (!card)
                return -ENOMEM;
        card->family = family;
        card->manner = manner;
        card->kept = calloc(1, family->kept_size);
        card->session = calloc(1, family->session_size);
        strncpy(card->kind, family->kind, sizeof(card->kind) - 1);
        if (!card->kept || !card->session) {
                card_free(card);
                return -ENOMEM;
        }
        *ret = card;
        return 0;
}

int family_blank(const char *kind, Manner manner, const uint8_t serial[static CARD_SERIAL_LENGTH],
                 Card **ret) {
        const Family *family = family_find(kind);
        int r;

        if (!family)
                return staff_new(kind, manner, serial, ret);
        r = family_card(family, manner, ret);
        if (r < 0)
                return r;
        family->make((*ret)->kept, serial);
        card_reset(*ret);
        return 0;
}

static const char *const manner_names[] = { [MANNER_T0] = "t0", [MANNER_T1] = "t1", [MANNER_AIR] = "air" };

int manner_of(const char *name) {
        for (int i = MANNER_T0; i <= MANNER_AIR; i++)
                if (strcmp(name, manner_names[i]) == 0)
                        return i;
        return -1;
}

const char *manner_name(Manner manner) {
        return manner_names[manner];
}

/* Of a card without contacts the reader makes it (PC/SC part 3, 3.1.3.2.3). */
size_t family_atr(const Card *card, const uint8_t *historical, size_t length,
                  uint8_t atr[static CARD_ATR_MAX]) {
        size_t size = 0;
        uint8_t check = 0;

        atr[size++] = 0x3B;
        atr[size++] = (uint8_t) ((card->manner == MANNER_T0 ? 0x00 : 0x80) | length);
        if (card->manner == MANNER_AIR)
                atr[size++] = 0x80;
        if (card->manner != MANNER_T0)
                atr[size++] = 0x01;
        memcpy(atr + size, historical, length);
        size += length;
        if (card->manner == MANNER_T0)
                return size;
        for (size_t i = 1; i < size; i++)
                check ^= atr[i];
        atr[size++] = check;
        return size;
}
