/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values: what stands in a profile wherever a verb takes data or a key, and how it becomes bytes. A value
 * depends on the record, the chip's serial, the key ring and constants, never on what the card says while it
 * is issued. */
#ifndef ICREISSUE_CARD_VALUE_H
#define ICREISSUE_CARD_VALUE_H

#include <jansson.h>

#include "base/yaml.h"
#include "card/checksum.h"
#include "card/derive.h"
#include "card/encoding.h"
#include "card/key-ring.h"
#include "card/reads.h"
#include "card/scope.h"

typedef struct Value Value;

enum {
        VALUE_ITEMS_MAX = 256, /* in one list */
        VALUE_SIZE_MAX = 65535,
};

typedef enum ValueKind {
        VALUE_BYTES,
        VALUE_LIST,
        VALUE_LITERAL, /* a text among the items of VALUE_TEXT */
        VALUE_FIELD,
        VALUE_TEXT,
        VALUE_TLV,
        VALUE_SIMPLE_TLV,
        VALUE_TAG_LENGTH,
        VALUE_DGI,
        VALUE_INTEGER,
        VALUE_LENGTH_OF,
        VALUE_SLICE,
        VALUE_READ, /* what was read from the card, or the item of a list whose turn it is */
        VALUE_CHECKSUM,
        VALUE_HASH,
        VALUE_KEY,
        VALUE_DERIVE,
} ValueKind;

struct Value {
        ValueKind kind;
        Place place;
        Bytes bytes;        /* VALUE_BYTES, and the tag of the TLVs */
        char *name;         /* VALUE_LITERAL's text; the name of the key, or of what was read */
        const Field *field; /* VALUE_FIELD; VALUE_READ of a list's item */
        Encoding encoding;  /* VALUE_TEXT; with a field: the field's own or another */
        bool own_encoding;  /* with a field: the field's own, so its limits hold too */
        Value **items;      /* what it is made of */
        size_t item_count;
        Number number; /* VALUE_INTEGER */
        size_t width;  /* VALUE_INTEGER, VALUE_LENGTH_OF: bytes */
        bool little;
        Number from, part; /* VALUE_SLICE; part 0: to the end */
        size_t method;     /* VALUE_CHECKSUM, VALUE_HASH, VALUE_DERIVE: which */
        uint8_t parameter; /* VALUE_DERIVE: Derivation.number */
        size_t length;     /* 0: as long as it is */
        int pad;           /* the byte, or -1: must have `length` by itself */
        bool pad_left;
};

/* Which bytes of an encoded value came from which field. */
typedef struct Segment {
        const Field *field;
        size_t offset, length;
} Segment;

typedef struct Encoded {
        Bytes data;
        Segment *segments;
        size_t segment_count;
} Encoded;

void encoded_done(Encoded *encoded);
#define _cleanup_encoded_ _cleanup_(encoded_done)

/* A turn of a repeat that is being encoded. */
typedef struct Turn {
        const char *name;
        const struct Turn *outer;
        int64_t number;     /* what it counts; of a list, the item's place in it, from 1 */
        const Field *field; /* the list, or NULL */
        const char *text;   /* the list's item */
        unsigned id;        /* no two turns of one list of steps have the same; from 1 */
} Turn;

struct ValueContext {
        const Profile *profile;
        const KeyRing *keys;
        const char *id;
        const json_t *fields;
        Span serial;
        const Reads *reads; /* what else the card has told, or NULL */
        const Turn *turn;   /* innermost first */
        /* A profile is tried out: bytes that go by its name stand for every key, eight 00 for what the card tells. */
        bool proving;
};

/* The turn of that name, or NULL. */
const Turn *context_turn(const ValueContext *context, const char *name);

/* What the card has told under that name, `serial` among them. -ENOENT. */
int context_read(const ValueContext *context, const char *name, Span *ret);

/* Parses a value that names what the scope has. PROFILE_INVALID. The caller owns it. */
int value_parse(YamlNode node, const Scope *scope, Value **ret, Failure *failure);
Value *value_free(Value *value);
DEFINE_CLEANUP(Value *, value_free)

/* Appends to ret, which is empty. INVALID_ARGS with the value's place (and field) where it cannot be encoded,
 * PROFILE_INVALID for a key that the ring lacks. */
int value_encode(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure);

/* Whether a key, or what is derived from one, is in the value. */
bool value_has_key(const Value *value);

/* Calls `each` for every field in the value. */
void value_visit_fields(const Value *value, void (*each)(const Field *field, void *userdata), void *userdata);

/* value-parse.c, for value-form.c */
int value_parse_inner(YamlNode node, const Scope *scope, Value *value, Failure *failure);
Value *value_new(ValueKind kind, YamlNode node);
int value_add_item(Value *value, Value *item);

/* The forms {KEY: ...}. */
typedef struct Form Form;
struct Form {
        const char *key;
        ValueKind kind;
        const char *const *others; /* the keys that may stand in it, NULL-terminated */
        int (*parse)(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure);
        bool own_length; /* its `length` is its own */
};

/* value-file.c: {file: NAME} */
int form_file(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure);

/* value-form.c: the form of a mapping, or NULL. */
const Form *value_form(YamlNode node);

#endif
