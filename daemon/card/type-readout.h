/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The type readout: entries that are tried in order until one names the card's type. Parsing and matching;
 * readout.c sends the commands. */
#ifndef ICREISSUE_CARD_TYPE_READOUT_H
#define ICREISSUE_CARD_TYPE_READOUT_H

#include "card/profile.h"

enum {
        TYPE_ENTRIES_MAX = 256,
        TYPE_NAME_MAX = 64,
};

typedef struct TypeEntry {
        char *type; /* the card's type, or a word for people where the card tells it by `to: type` */
        Place place;
        char *atr;        /* pattern that the ATR begins with, or NULL */
        char *historical; /* pattern that its historical bytes begin with, or NULL */
        StepList try;
        bool told; /* a step has `to: type` */
} TypeEntry;

typedef struct TypeReadout {
        YamlFile *file;
        TypeEntry *entries;
        size_t count;
} TypeReadout;

/* Takes the file over, also on failure. PROFILE_INVALID. */
int type_readout_parse(YamlFile *file, TypeReadout *ret, Failure *failure);
void type_readout_done(TypeReadout *readout);

/* Whether `match` fits a card's answer to reset; true where there is no `match`. */
bool type_entry_matches(const TypeEntry *entry, Span atr);

/* [a-z0-9][a-z0-9-]*, at most TYPE_NAME_MAX bytes. */
bool type_name_is_valid(const char *name);

/* The historical bytes of an answer to reset (ISO/IEC 7816-3:2006, 8.2); empty where it is cut short. */
Span atr_historical_bytes(Span atr);

/* Whether a reader has made that answer to reset for a contactless card, which has none of its own: T0 = 8n, TD1 = 80,
 * TD2 = 01, n historical bytes, the check byte (PC/SC part 3, 3.1.3.2.3). Cards with contacts begin otherwise: T=0 and T=1
 * at the slowest speed alone would look the same. */
bool atr_is_contactless(Span atr);

/* catalogue.c: the type readout of a catalogue. */
const TypeReadout *catalogue_type_readout(const Catalogue *catalogue);

#endif
