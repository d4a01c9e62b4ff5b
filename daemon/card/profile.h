/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card profile as the rest of card/ works with it: fields, steps, stages, values, parsed and checked. It is
 * immutable once profile_load() has returned. Everyone else uses catalogue.h. */
#ifndef ICREISSUE_CARD_PROFILE_H
#define ICREISSUE_CARD_PROFILE_H

#include "base/yaml.h"
#include "card/catalogue.h"
#include "card/encoding.h"
#include "card/transport.h"
#include "card/value.h"
#include "card/verb.h"

enum {
        PROFILE_FIELDS_MAX = 64,
        PROFILE_STEPS_MAX = 256, /* in one list */
        PROFILE_STAGES_MAX = 64,
        PROFILE_EXTENDS_MAX = 4, /* profiles, the first one counted */
        FIELD_SIZE_MAX = 65535,  /* bytes */
        STEP_ACCEPT_MAX = 16,
        STEP_TAGS_MAX = 4,
};

typedef struct Field {
        char *name;
        Place place;
        size_t minimum, maximum; /* bytes, encoded */
        Encoding encoding;
        bool secret, index, optional;
        char *default_text; /* NULL without one */
} Field;

/* What `to:` keeps, and in which lists it may stand. */
typedef enum Keep {
        KEEP_NOTHING,
        KEEP_TYPE,
        KEEP_ID,
        KEEP_SERIAL,
} Keep;

typedef enum ConditionKind {
        CONDITION_NONE,
        CONDITION_PRESENT,
        CONDITION_ABSENT,
        CONDITION_READ_IS,
} ConditionKind;

typedef struct Condition {
        ConditionKind kind;
        const Field *field;
        char *pattern; /* of READ_IS, for the serial: hexadecimal, '.' for any nibble, no spaces */
} Condition;

/* The part of an answer that matters. */
typedef struct Take {
        uint32_t tags[STEP_TAGS_MAX]; /* one inside the other */
        size_t tag_count;
        size_t from;
        size_t length; /* 0: to the end */
} Take;

struct Step {
        Place place;
        const Verb *verb;
        Argument arguments[VERB_ARGUMENTS_MAX];
        uint16_t accept[STEP_ACCEPT_MAX]; /* empty: 9000 */
        size_t accept_count;
        int32_t le; /* LE_ABSENT: the verb's own */
        Take take;
        char *expect; /* as Condition.pattern, of the part taken; NULL for none */
        Keep to;
        Condition when;
        StepList done_if;
        bool read_back; /* false: the profile admits that the card will never show what is written here */
};

typedef struct Stage {
        char *name;
        Place place;
        StepList open, write;
} Stage;

struct Profile {
        char *name;
        char *description;
        YamlFile *files[PROFILE_EXTENDS_MAX]; /* all Places borrow their names */
        size_t file_count;
        uint8_t class_byte;
        size_t longest; /* data bytes of one command: 255, or what `extended:` says */
        TransportManner manner;
        Field *fields;
        size_t field_count;
        const Field *id;
        const Field **unwritten;
        size_t unwritten_count;
        StepList identify, serial, blank, verify, discard;
        Stage *stages;
        size_t stage_count;
        const char *abilities[7];
};

/* Loads NAME.yaml from the first of the NULL-terminated directories that has it, and what it extends
 * likewise. PROFILE_INVALID. The caller owns it; it is not proven yet. */
int profile_load(const char *name, const char *const *directories, Profile **ret, Failure *failure);

/* The same from a text in memory, which can extend only what the directories hold. */
int profile_parse(Span text, const char *name, const char *const *directories, Profile **ret,
                  Failure *failure);

Profile *profile_free(Profile *profile);
DEFINE_CLEANUP(Profile *, profile_free)

/* Proves what can be known without a card: PROFILES' section "What profile check proves". PROFILE_INVALID. */
int profile_prove(const Profile *profile, Failure *failure);

/* field.c */
int fields_parse(YamlNode node, Profile *profile, Failure *failure);
void field_done(Field *field);
const Field *profile_field(const Profile *profile, const char *name);
/* A record's text for the field, else its default, else NULL. Borrowed. */
const char *field_text(const Field *field, const Profile *profile, const char *id, const json_t *fields);
/* Appends the field's bytes in its own encoding. INVALID_ARGS names the field and what it must be. */
int field_encode(const Field *field, const char *text, Bytes *ret, Failure *failure);

/* step.c: steps of lists in which the kinds of verbs (a mask of 1 << VerbKind) and one `to:` may stand.
 * profile is NULL for the type readout, whose steps use constants only. An absent node is an empty list. */
int steps_parse(YamlNode node, const Profile *profile, unsigned kinds, Keep to, StepList *ret,
                Failure *failure);
void steps_done(StepList *list);
/* Reads a pattern of hexadecimal digits and '.'; the caller owns *ret. */
int pattern_parse(YamlNode node, const char *what, char **ret, Failure *failure);
/* Whether bytes have exactly the pattern's length and digits; with prefix, whether they begin with it. */
bool pattern_fits(const char *pattern, Span bytes, bool prefix);
VerbKind step_kind(const Step *step);
/* Whether the step may be sent again with the same data after nobody knows whether it happened. */
bool step_repeatable(const Step *step);

#endif
