/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a value in a profile may name where it stands: fields, what was read from the card, the repeats around it. And
 * numbers that are counted from one of these. */
#ifndef ICREISSUE_CARD_SCOPE_H
#define ICREISSUE_CARD_SCOPE_H

#include "base/yaml.h"

typedef struct Field Field;
typedef struct Profile Profile;
typedef struct ValueContext ValueContext;

/* A repeat around a step, as it is written. */
typedef struct ScopeTurn {
        const char *name;
        const Field *each; /* NULL: it counts */
        const struct ScopeTurn *outer;
} ScopeTurn;

typedef struct Scope {
        const Profile *profile; /* NULL in the type readout: constants only */
        bool record;            /* there is a record: fields may be named; and only what `serial:` keeps */
        bool keys;              /* a key may stand here */
        const ScopeTurn *turn;  /* innermost first */
} Scope;

/* The repeat of that name, or NULL. */
const ScopeTurn *scope_turn(const Scope *scope, const char *name);

/* Whether a step before has kept something under that name that may be used here. */
bool scope_reads(const Scope *scope, const char *name);

/* Reads the name of something kept, or of a repeat, and complains where it is none. *turn is NULL for something kept. */
int scope_read_name(YamlNode node, const Scope *scope, const char **ret, const ScopeTurn **turn,
                    Failure *failure);

/* A number: as it is written, or counted: {read: NAME, times: N, plus: N}. */
typedef struct Number {
        Place place;
        int64_t constant;
        char *read; /* NULL: constant */
        int64_t times, plus;
} Number;

void number_done(Number *number);

/* A constant must be within the bounds; a counted number is held against them each time. PROFILE_INVALID. */
int number_parse(YamlNode node, const Scope *scope, int64_t minimum, int64_t maximum, const char *what,
                 Number *ret, Failure *failure);

/* The number in a context. INVALID_ARGS where it is out of bounds; it is not told. */
int number_count(const Number *number, const ValueContext *context, int64_t minimum, int64_t maximum,
                 const char *what, int64_t *ret, Failure *failure);

#endif
