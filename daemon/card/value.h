/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values: what stands in a profile wherever a verb takes data or a key, and how it becomes bytes. A value
 * depends on the record, the chip's serial, the key ring and constants, never on what the card says while it
 * is issued. */
#ifndef ICREISSUE_CARD_VALUE_H
#define ICREISSUE_CARD_VALUE_H

#include <jansson.h>

#include "base/yaml.h"
#include "card/encoding.h"
#include "card/key-ring.h"

typedef struct Field Field;
typedef struct Profile Profile;
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
        VALUE_INTEGER,
        VALUE_LENGTH_OF,
        VALUE_SLICE,
        VALUE_READ,
        VALUE_KEY,
} ValueKind;

struct Value {
        ValueKind kind;
        Place place;
        Bytes bytes;        /* VALUE_BYTES, and the tag of the TLVs */
        char *name;         /* VALUE_LITERAL's text; the key's name */
        const Field *field; /* VALUE_FIELD */
        Encoding encoding;  /* VALUE_TEXT; VALUE_FIELD: the field's own or another */
        bool own_encoding;  /* VALUE_FIELD: the field's own, so its limits hold too */
        Value **items;      /* what it is made of */
        size_t item_count;
        int64_t number; /* VALUE_INTEGER */
        size_t width;   /* VALUE_INTEGER, VALUE_LENGTH_OF: bytes */
        bool little;
        size_t from, part; /* VALUE_SLICE; part 0: to the end */
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

typedef struct ValueContext {
        const Profile *profile;
        const KeyRing *keys;
        const char *id;
        const json_t *fields;
        Span serial;
        bool proving; /* a profile is tried out: one byte 00 stands for every key, eight for the serial */
} ValueContext;

/* Parses a value; {key} only where it is allowed, {field} only with a profile. PROFILE_INVALID. The caller
 * owns it. */
int value_parse(YamlNode node, const Profile *profile, bool key_allowed, Value **ret, Failure *failure);
Value *value_free(Value *value);
DEFINE_CLEANUP(Value *, value_free)

/* Appends to ret, which is empty. INVALID_ARGS with the value's place (and field) where it cannot be encoded,
 * PROFILE_INVALID for a key that the ring lacks. */
int value_encode(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure);

/* Calls `each` for every field in the value. */
void value_visit_fields(const Value *value, void (*each)(const Field *field, void *userdata), void *userdata);

#endif
