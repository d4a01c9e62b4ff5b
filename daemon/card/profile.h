/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card profile as the rest of card/ works with it: fields, steps, stages, values, parsed and checked. It is
 * immutable once profile_load() has returned. Everyone else uses catalogue.h. */
#ifndef ICREISSUE_CARD_PROFILE_H
#define ICREISSUE_CARD_PROFILE_H

#include "base/yaml.h"
#include "card/catalogue.h"
#include "card/encoding.h"
#include "card/scope.h"
#include "card/transport.h"
#include "card/value.h"
#include "card/verb.h"

enum {
        PROFILE_FIELDS_MAX = 64,
        PROFILE_STEPS_MAX = 256, /* in one list */
        PROFILE_STAGES_MAX = 64,
        PROFILE_EXTENDS_MAX = 4,  /* profiles, the first one counted */
        PROFILE_KEPT_MAX = 32,    /* names given by `to:` */
        PROFILE_CALLS_MAX = 1024, /* in one list, and in all stages, with every repeat unrolled */
        FIELD_SIZE_MAX = 65535,   /* bytes */
        FIELD_LIST_MAX = 255,
        STEP_TAGS_MAX = 4,
};

typedef struct Field {
        char *name;
        Place place;
        size_t minimum, maximum; /* bytes, encoded */
        Encoding encoding;
        bool secret, index, optional;
        bool needed;   /* to make a card: profile-needs.c */
        bool discards; /* to end one: `discard` names it */
        bool list;     /* several values, in order: at most `most` */
        size_t most;
        bool luhn;          /* its last digit is the check digit of the others */
        char *default_text; /* NULL without one */
        bool broken;        /* it has a mistake that was noted: nothing but its name is right */
        bool mentioned;     /* by a step that has a mistake, and was left out */
} Field;

/* What a record of another card type calls otherwise: that type's `source` becomes this profile's field. */
typedef struct Carried {
        char *type;
        const Field *field;
        char *source;
        Place place;
} Carried;

/* What `to:` keeps, and in which lists it may stand. */
typedef enum Keep {
        KEEP_NOTHING,
        KEEP_TYPE,
        KEEP_ID,
        KEEP_SERIAL,
        KEEP_NAMED, /* under a name of the profile's own, for later steps */
} Keep;

/* A name that a step of `identify`, `serial` or `blank` gives by `to:`. */
typedef struct Kept {
        char *name;
        bool in_serial;
} Kept;

typedef enum ConditionKind {
        CONDITION_NONE,
        CONDITION_PRESENT,
        CONDITION_ABSENT,
        CONDITION_READ_IS,
} ConditionKind;

typedef struct Condition {
        ConditionKind kind;
        const Field *field;
        char *read;    /* of READ_IS: the name of what was read */
        char *pattern; /* and what it must be: hexadecimal, '.' for any nibble, no spaces */
} Condition;

/* The part of an answer that matters. */
typedef struct Take {
        uint32_t tags[STEP_TAGS_MAX]; /* one inside the other */
        size_t tag_count;
        size_t from;
        size_t length; /* 0: to the end */
} Take;

/* {for: NAME, from: N, to: N, steps: ...} or {for: NAME, each: {field: LIST}, steps: ...} */
typedef struct Repeat {
        char *name;
        Number from, to;
        const Field *each; /* NULL: it counts */
        StepList steps;
} Repeat;

struct Step {
        Place place;
        const Verb *verb; /* NULL: a repeat */
        Repeat *repeat;
        Argument arguments[VERB_ARGUMENTS_MAX];
        Accept accept; /* empty: the profile's */
        int32_t le;    /* LE_ABSENT: the verb's own */
        Take take;
        char *expect; /* as Condition.pattern, of the part taken; NULL for none */
        Keep to;
        char *to_name; /* of KEEP_NAMED */
        Condition when;
        StepList done_if;
        bool read_back; /* false: the profile admits that the card will never show what is written here */
        StepList
                shown; /* what shows it, where the verb itself does not know: the last step's answer; empty: the verb */
        bool in_clear; /* the profile admits that a secret is sent here as whoever is on the way to the card sees it */
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
        bool contactless;   /* the profile says so; what its verbs tell is not counted */
        bool contacts_only; /* the profile says that its cards are written and ended over contacts alone */
        Accept accept;      /* empty: 9000 */
        Field *fields;
        size_t field_count;
        const Field *id;
        const Field **unwritten;
        size_t unwritten_count;
        Carried *carried;
        size_t carried_count;
        Kept kept[PROFILE_KEPT_MAX];
        size_t kept_count;
        StepList identify, serial, blank, verify, discard;
        Stage *stages;
        size_t stage_count;
        const char *abilities[7];
};

/* Where mistakes are collected (failure_note()), steps that have one are left out of their lists. */

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

/* prove-clear.c: whether its cards are spoken to over the air: the profile says so, or a verb is of such cards alone. */
bool profile_is_contactless(const Profile *profile);

/* profile-needs.c: marks the fields that are needed; once, when everything is parsed. */
void profile_note_needs(Profile *profile);

/* carry.c: the section `carry:`, once the fields are known. */
int carry_parse(YamlNode node, Profile *profile, Failure *failure);
void carry_done(Profile *profile);

/* field.c */
bool field_name_is_valid(const char *name);
int fields_parse(YamlNode node, Profile *profile, Failure *failure);
void field_done(Field *field);
const Field *profile_field(const Profile *profile, const char *name);
/* How many texts a record has for the field: one where it has a default, any number for a list. */
size_t field_count(const Field *field, const Profile *profile, const char *id, const json_t *fields);
/* The n-th of them (0 where the field is no list), else NULL. Borrowed. */
const char *field_text(const Field *field, const Profile *profile, const char *id, const json_t *fields,
                       size_t n);
/* Appends the field's bytes in its own encoding. INVALID_ARGS names the field and what it must be. */
int field_encode(const Field *field, const char *text, Bytes *ret, Failure *failure);

/* step.c: steps of lists in which the kinds of verbs (a mask of 1 << VerbKind) may stand, and what `to:` may keep:
 * what `keep` says, and with KEEP_ID, KEEP_SERIAL and KEEP_NAMED names of its own, which are added to the profile.
 * An absent node is an empty list. */
typedef struct StepRules {
        Profile *profile; /* NULL in the type readout */
        bool record;      /* fields may be named */
        unsigned kinds;
        Keep keep;
        const ScopeTurn *turn; /* the repeats around */
} StepRules;

int steps_parse(YamlNode node, const StepRules *rules, StepList *ret, Failure *failure);
void steps_done(StepList *list);
/* step-common.c: what all verbs share, and what stands beside the verb. */
int step_parse_common(YamlNode node, const StepRules *rules, Step *step, Failure *failure);
int step_parse_beside(YamlNode node, const StepRules *rules, Step *step, Failure *failure);
bool step_key_is_beside(const char *key);
extern const char *const step_common_keys[]; /* NULL-terminated */
/* A list of status words, '.' for any digit. */
int accept_parse(YamlNode node, Accept *ret, Failure *failure);
/* Reads a pattern of hexadecimal digits and '.'; the caller owns *ret. */
int pattern_parse(YamlNode node, const char *what, char **ret, Failure *failure);
/* Whether bytes have exactly the pattern's length and digits; with prefix, whether they begin with it. */
bool pattern_fits(const char *pattern, Span bytes, bool prefix);
/* The kind of a step that is no repeat. */
VerbKind step_kind(const Step *step);
/* Calls `each` for every step that is no repeat, those in repeats once. Ends with what it returns, if that is not 0. */
int steps_visit(const StepList *list, int (*each)(const Step *step, void *userdata, Failure *failure),
                void *userdata, Failure *failure);
/* Whether the step may be sent again with the same data after nobody knows whether it happened. */
bool step_repeatable(const Step *step);

#endif
