/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What values become: bytes, and which of them came from which field, so that what is read back can be told
 * by field. How they are written is value-parse.c's. */
#include "card/value.h"

#include "base/tlv.h"
#include "card/profile.h"

void encoded_done(Encoded *encoded) {
        bytes_done(&encoded->data);
        free(encoded->segments);
        *encoded = (Encoded){};
}

static int add_segment(Encoded *encoded, const Field *field, size_t offset, size_t length) {
        Segment *segments;

        segments = reallocarray(encoded->segments, encoded->segment_count + 1, sizeof(*segments));
        if (!segments)
                return -ENOMEM;

        encoded->segments = segments;
        encoded->segments[encoded->segment_count++] = (Segment){ field, offset, length };
        return 0;
}

/* Appends the part of `from` that begins at `start`, with the segments that lie in it. */
static int append_part(Encoded *to, const Encoded *from, size_t start, size_t length) {
        size_t offset = to->data.size;
        int r;

        r = bytes_append(&to->data, span_part(bytes_span(&from->data), start, length));
        if (r < 0)
                return r;

        for (size_t i = 0; i < from->segment_count; i++) {
                const Segment *segment = &from->segments[i];
                size_t begin = MAX_OF(segment->offset, start);
                size_t end = MIN_OF(segment->offset + segment->length, start + length);

                if (begin > end || (begin == end && segment->length > 0))
                        continue;

                r = add_segment(to, segment->field, offset + begin - start, end - begin);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int append_encoded(Encoded *to, const Encoded *from) {
        return append_part(to, from, 0, from->data.size);
}

#define refuse(value, failure, ...) place_refuse((value)->place, failure, __VA_ARGS__)

const Turn *context_turn(const ValueContext *context, const char *name) {
        for (const Turn *turn = context->turn; turn; turn = turn->outer)
                if (streq(turn->name, name))
                        return turn;

        return NULL;
}

int context_read(const ValueContext *context, const char *name, Span *ret) {
        static const uint8_t unknown[8];

        if (context->proving)
                *ret = SPAN_OF_ARRAY(unknown);
        else if (streq(name, "serial") && context->serial.size > 0)
                *ret = context->serial;
        else
                return reads_find(context->reads, name, ret);

        return 0;
}

/* How many texts the record has for a field, or for the item of a list whose turn it is. */
static size_t text_count(const Value *value, const ValueContext *context) {
        return value->kind == VALUE_READ
                       ? 1
                       : field_count(value->field, context->profile, context->id, context->fields);
}

static const char *text_at(const Value *value, const ValueContext *context, size_t n) {
        return value->kind == VALUE_READ
                       ? context_turn(context, value->name)->text
                       : field_text(value->field, context->profile, context->id, context->fields, n);
}

static int complain_missing(const Value *value, Failure *failure) {
        return refuse(value, failure, "The field \"%s\" is needed here and the record has none",
                      value->field->name);
}

static int encode_one_text(const Value *value, const char *text, Bytes *ret, Failure *failure) {
        _cleanup_failure_ Failure why = {};
        int r;

        if (value->own_encoding) {
                r = field_encode(value->field, text, ret, &why);
                if (r < 0)
                        return why.kind == FAILURE_INVALID_ARGS
                                       ? refuse(value, failure, "%s", failure_message(&why))
                                       : failure_no_memory(failure);
                return 0;
        }

        r = encoding_encode(value->encoding, text, value->length, ret);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return refuse(value, failure, "The field \"%s\" must be %s that fit here", value->field->name,
                              encoding_expects(value->encoding));

        return 0;
}

/* The texts of a list stand one after the other. */
static int encode_field(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        size_t count = text_count(value, context);
        int r;

        if (count == 0)
                return complain_missing(value, failure);

        for (size_t i = 0; i < count; i++) {
                r = encode_one_text(value, text_at(value, context, i), &ret->data, failure);
                if (r < 0)
                        return r;
        }

        return add_segment(ret, value->field, 0, ret->data.size) < 0 ? failure_no_memory(failure) : 0;
}

static int join_texts(const Value *value, const ValueContext *context, Bytes *ret, Failure *failure);

static int append_text(const Value *item, const ValueContext *context, Bytes *ret, Failure *failure) {
        _cleanup_bytes_ Bytes digits = {};
        int r = 0;

        if (item->kind == VALUE_LITERAL)
                r = bytes_append(ret, span_of_string(item->name));
        else if (item->kind == VALUE_CHECKSUM) {
                r = join_texts(item, context, &digits, failure);
                if (r < 0)
                        return r;

                r = checksum_append(CHECKSUM_LUHN, bytes_span(&digits), ret);
                if (r == -EINVAL)
                        return refuse(item, failure, "A check digit needs a text of decimal digits");
        } else {
                size_t count = text_count(item, context);

                if (count == 0)
                        return complain_missing(item, failure);
                for (size_t i = 0; r >= 0 && i < count; i++)
                        r = bytes_append(ret, span_of_string(text_at(item, context, i)));
        }

        return r < 0 ? failure_no_memory(failure) : 0;
}

static int join_texts(const Value *value, const ValueContext *context, Bytes *ret, Failure *failure) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < value->item_count; i++)
                r = append_text(value->items[i], context, ret, failure);

        return r;
}

typedef struct Whole {
        Encoded *encoded;
        int result;
} Whole;

static void add_whole(const Field *field, void *userdata) {
        Whole *whole = userdata;

        if (whole->result >= 0)
                whole->result = add_segment(whole->encoded, field, 0, whole->encoded->data.size);
}

/* Where no byte tells which field it came from, every one came from all of them. */
static int add_whole_segments(const Value *value, Encoded *ret, Failure *failure) {
        Whole whole = { .encoded = ret };

        value_visit_fields(value, add_whole, &whole);
        return whole.result < 0 ? failure_no_memory(failure) : 0;
}

static int encode_text(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        _cleanup_bytes_ Bytes joined = {};
        int r;

        r = join_texts(value, context, &joined, failure);
        if (r < 0)
                return r;

        r = bytes_append_byte(&joined, '\0');
        if (r >= 0)
                r = encoding_encode(value->encoding, (const char *) joined.data, value->length, &ret->data);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return refuse(value, failure, "The text must be %s that fit here",
                              encoding_expects(value->encoding));

        return add_whole_segments(value, ret, failure);
}

/* ISO/IEC 7816-4:2020, 6.2, and the data groupings of the EMV Card Personalization Specification 1.1, 3.2: one length
 * byte up to 254, else FF and two bytes. */
static int simple_header(Span tag, size_t length, Bytes *ret) {
        const uint8_t long_length[] = { 0xFF, (uint8_t) (length >> 8), (uint8_t) length };
        int r;

        if (length > 0xFFFF)
                return -EINVAL;

        r = bytes_append(ret, tag);
        if (r < 0)
                return r;

        return length < 0xFF ? bytes_append_byte(ret, (uint8_t) length)
                             : bytes_append(ret, SPAN_OF_ARRAY(long_length));
}

static int encode_tlv(const Value *value, const Encoded *inner, Encoded *ret) {
        int r;

        if (value->kind == VALUE_SIMPLE_TLV || value->kind == VALUE_DGI)
                r = simple_header(bytes_span(&value->bytes), inner->data.size, &ret->data);
        else
                r = tlv_append_header(&ret->data, tlv_tag_number(bytes_span(&value->bytes)),
                                      inner->data.size);
        if (r < 0 || value->kind == VALUE_TAG_LENGTH)
                return r;

        return append_encoded(ret, inner);
}

static int append_number(uint64_t number, const Value *value, Bytes *ret) {
        uint8_t bytes[8];

        for (size_t i = 0; i < value->width; i++)
                bytes[value->little ? i : value->width - 1 - i] = (uint8_t) (number >> 8 * i);

        return bytes_append(ret, SPAN(bytes, value->width));
}

static int encode_slice(const Value *value, const ValueContext *context, const Encoded *inner, Encoded *ret,
                        Failure *failure) {
        int64_t from, part;
        size_t size = inner->data.size;
        int r;

        r = number_count(&value->from, context, 0, VALUE_SIZE_MAX, "`from`", &from, failure);
        if (r >= 0)
                r = number_count(&value->part, context, 0, VALUE_SIZE_MAX, "`length`", &part, failure);
        if (r < 0)
                return r;

        if ((size_t) from > size || (size_t) part > size - (size_t) from)
                return refuse(value, failure, "The value is too short for this part of it");

        if (append_part(ret, inner, (size_t) from, part > 0 ? (size_t) part : size - (size_t) from) < 0)
                return failure_no_memory(failure);

        return 0;
}

static int encode_integer(const Value *value, const ValueContext *context, Bytes *ret, Failure *failure) {
        int64_t maximum = value->width < 8 ? (INT64_C(1) << 8 * value->width) - 1 : INT64_MAX, number;
        int r;

        r = number_count(&value->number, context, 0, maximum, "The integer", &number, failure);
        if (r >= 0 && append_number((uint64_t) number, value, ret) < 0)
                return failure_no_memory(failure);

        return r;
}

/* While a profile is tried out, a key is known by its name and by what else goes into it: two that are different are
 * so here too. */
static int append_stand_in(const Value *value, const Encoded *input, size_t size, Bytes *ret,
                           Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        _cleanup_bytes_ Bytes digest = {};
        const uint8_t which[] = { (uint8_t) value->method, value->parameter };
        int r;

        r = bytes_append(&text, span_of_string(value->name));
        if (r >= 0)
                r = bytes_append(&text, SPAN_OF_ARRAY(which));
        if (r >= 0 && input)
                r = bytes_append(&text, bytes_span(&input->data));
        if (r >= 0)
                r = hash_append(HASH_SHA_512, bytes_span(&text), &digest);
        if (r >= 0)
                r = bytes_append(ret, span_part(bytes_span(&digest), 0, size));
        if (r >= 0 && size > digest.size)
                r = bytes_append_fill(ret, 0, size - digest.size);

        return r < 0 ? failure_no_memory(failure) : 0;
}

static int find_key(const Value *value, const ValueContext *context, Span *ret, Failure *failure) {
        int r;

        r = context->keys ? key_ring_find(context->keys, value->name, ret) : -ENOENT;
        if (r < 0)
                return place_complain(value->place, failure,
                                      "the key ring has no \"%.64s\"; add it to the key-ring credential",
                                      value->name);

        return 0;
}

static int encode_key(const Value *value, const ValueContext *context, Bytes *ret, Failure *failure) {
        Span key;
        int r;

        if (context->proving)
                return append_stand_in(value, NULL, value->length > 0 ? value->length : 8, ret, failure);

        r = find_key(value, context, &key, failure);
        if (r < 0)
                return r;

        return bytes_append(ret, key) < 0 ? failure_no_memory(failure) : 0;
}

static int encode_derived(const Value *value, const ValueContext *context, const Encoded *input, Bytes *ret,
                          Failure *failure) {
        Derivation derivation = { .method = (DeriveMethod) value->method,
                                  .input = bytes_span(&input->data),
                                  .number = value->parameter,
                                  .length = (size_t) value->part.constant };
        int r;

        if (context->proving)
                return append_stand_in(value, input, derivation.length > 0 ? derivation.length : 16, ret,
                                       failure);

        r = find_key(value, context, &derivation.key, failure);
        if (r < 0)
                return r;

        r = derive_key(&derivation, ret);
        if (r == -EKEYREJECTED)
                return place_complain(value->place, failure,
                                      "the key \"%.64s\" of the key ring has no length that %s takes",
                                      value->name, derive_names[value->method]);
        if (r == -EINVAL)
                return refuse(value, failure, "%s cannot derive from so many bytes",
                              derive_names[value->method]);

        return r < 0 ? failure_no_memory(failure) : 0;
}

/* What was read, or the item of the list whose turn it is. */
static int encode_read(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        Span data;

        if (value->field)
                return encode_field(value, context, ret, failure);
        if (context_read(context, value->name, &data) < 0)
                return refuse(value, failure, "The card has told no %s", value->name);

        return bytes_append(&ret->data, data) < 0 ? failure_no_memory(failure) : 0;
}

static int encode_items(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        for (size_t i = 0; i < value->item_count; i++) {
                _cleanup_encoded_ Encoded item = {};
                int r;

                r = value_encode(value->items[i], context, &item, failure);
                if (r < 0)
                        return r;

                if (append_encoded(ret, &item) < 0)
                        return failure_no_memory(failure);
        }

        return 0;
}

static int encode_check(const Value *value, const ValueContext *context, const Encoded *inner, Encoded *ret,
                        Failure *failure) {
        bool of_key = context->proving && value_has_key(value);
        int r;

        if (of_key)
                r = bytes_append_fill(&ret->data, 0, 3);
        else if (value->kind == VALUE_HASH)
                r = hash_append((Hash) value->method, bytes_span(&inner->data), &ret->data);
        else
                r = checksum_append((Checksum) value->method, bytes_span(&inner->data), &ret->data);

        if (r == -EINVAL)
                return refuse(value, failure, "There is no %s of such a value",
                              checksum_names[value->method]);

        return r < 0 ? failure_no_memory(failure) : add_whole_segments(value, ret, failure);
}

/* The forms that are made of one other value. */
static int encode_made_of(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        _cleanup_encoded_ Encoded inner = {};
        int r;

        r = encode_items(value, context, &inner, failure);
        if (r < 0)
                return r;

        switch (value->kind) {
        case VALUE_SLICE:
                return encode_slice(value, context, &inner, ret, failure);
        case VALUE_DERIVE:
                return encode_derived(value, context, &inner, &ret->data, failure);
        case VALUE_CHECKSUM:
        case VALUE_HASH:
                return encode_check(value, context, &inner, ret, failure);
        case VALUE_LENGTH_OF:
                if (value->width < sizeof(size_t) && inner.data.size >> 8 * value->width != 0)
                        return refuse(value, failure, "The length does not fit %zu bytes", value->width);
                r = append_number(inner.data.size, value, &ret->data);
                break;
        default:
                r = encode_tlv(value, &inner, ret);
        }

        if (r == -EINVAL)
                return refuse(value, failure, "The value is too long for a data object");
        return r < 0 ? failure_no_memory(failure) : 0;
}

static int encode_kind(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        int r;

        switch (value->kind) {
        case VALUE_BYTES:
                r = bytes_append(&ret->data, bytes_span(&value->bytes));
                return r < 0 ? failure_no_memory(failure) : 0;
        case VALUE_LIST:
                return encode_items(value, context, ret, failure);
        case VALUE_FIELD:
                return encode_field(value, context, ret, failure);
        case VALUE_TEXT:
                return encode_text(value, context, ret, failure);
        case VALUE_INTEGER:
                return encode_integer(value, context, &ret->data, failure);
        case VALUE_READ:
                return encode_read(value, context, ret, failure);
        case VALUE_KEY:
                return encode_key(value, context, &ret->data, failure);
        default:
                return encode_made_of(value, context, ret, failure);
        }
}

/* `length`, `pad`, `pad-left`: appends what was encoded in the length that it must have. */
static int fit(const Value *value, const Encoded *encoded, Encoded *ret, Failure *failure) {
        size_t missing;
        int r = 0;

        if (encoded->data.size > value->length || (encoded->data.size < value->length && value->pad < 0))
                return refuse(value, failure, "The value is %zu bytes long and must be %zu%s",
                              encoded->data.size, value->length, value->pad < 0 ? "" : " at most");

        missing = value->length - encoded->data.size;
        if (value->pad_left)
                r = bytes_append_fill(&ret->data, (uint8_t) value->pad, missing);
        if (r >= 0)
                r = append_encoded(ret, encoded);
        if (r >= 0 && !value->pad_left)
                r = bytes_append_fill(&ret->data, (uint8_t) value->pad, missing);

        return r < 0 ? failure_no_memory(failure) : 0;
}

int value_encode(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        _cleanup_encoded_ Encoded encoded = {};
        int r;

        if (value->length == 0)
                r = encode_kind(value, context, ret, failure);
        else {
                r = encode_kind(value, context, &encoded, failure);
                if (r >= 0)
                        r = fit(value, &encoded, ret, failure);
        }
        if (r < 0)
                return r;

        if (ret->data.size > VALUE_SIZE_MAX)
                return refuse(value, failure, "The value is longer than %d bytes", VALUE_SIZE_MAX);

        return 0;
}

bool value_has_key(const Value *value) {
        if (value->kind == VALUE_KEY || value->kind == VALUE_DERIVE)
                return true;

        for (size_t i = 0; i < value->item_count; i++)
                if (value_has_key(value->items[i]))
                        return true;

        return false;
}

void value_visit_fields(const Value *value, void (*each)(const Field *field, void *userdata),
                        void *userdata) {
        if (value->field)
                each(value->field, userdata);

        for (size_t i = 0; i < value->item_count; i++)
                value_visit_fields(value->items[i], each, userdata);
}
