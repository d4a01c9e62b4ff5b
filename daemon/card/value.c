/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What values become: bytes, and which of them came from which field, so that what is read back can be told
 * by field. How they are written is value-parse.c's. */
#include "card/value.h"

#include <stdarg.h>
#include <stdio.h>

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

_printf_(3, 4) static int refuse(const Value *value, Failure *failure, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                message = NULL;
                return failure_no_memory(failure);
        }

        return failure_set(failure, FAILURE_INVALID_ARGS, "%s:%zu:%zu: %s", value->place.file,
                           value->place.line, value->place.column, message);
}

static int text_of(const Value *value, const ValueContext *context, const char **ret, Failure *failure) {
        const char *text = field_text(value->field, context->profile, context->id, context->fields);

        if (!text)
                return refuse(value, failure, "The field \"%s\" is needed here and the record has none",
                              value->field->name);

        *ret = text;
        return 0;
}

static int encode_field(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        _cleanup_failure_ Failure why = {};
        const char *text = NULL;
        int r;

        r = text_of(value, context, &text, failure);
        if (r < 0)
                return r;

        if (value->own_encoding) {
                r = field_encode(value->field, text, &ret->data, &why);
                if (r < 0)
                        return why.kind == FAILURE_INVALID_ARGS
                                       ? refuse(value, failure, "%s", failure_message(&why))
                                       : failure_no_memory(failure);
        } else {
                r = encoding_encode(value->encoding, text, value->length, &ret->data);
                if (r == -ENOMEM)
                        return failure_no_memory(failure);
                if (r < 0)
                        return refuse(value, failure, "The field \"%s\" must be %s that fit here",
                                      value->field->name, encoding_expects(value->encoding));
        }

        return add_segment(ret, value->field, 0, ret->data.size) < 0 ? failure_no_memory(failure) : 0;
}

static int encode_text(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        _cleanup_bytes_ Bytes joined = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < value->item_count; i++) {
                const Value *item = value->items[i];
                const char *text = item->name;

                if (item->kind == VALUE_FIELD) {
                        r = text_of(item, context, &text, failure);
                        if (r < 0)
                                return r;
                }
                r = bytes_append(&joined, span_of_string(text));
        }

        if (r >= 0)
                r = bytes_append_byte(&joined, '\0');
        if (r >= 0)
                r = encoding_encode(value->encoding, (const char *) joined.data, value->length, &ret->data);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return refuse(value, failure, "The text must be %s that fit here",
                              encoding_expects(value->encoding));

        for (size_t i = 0; i < value->item_count; i++)
                if (value->items[i]->kind == VALUE_FIELD &&
                    add_segment(ret, value->items[i]->field, 0, ret->data.size) < 0)
                        return failure_no_memory(failure);

        return 0;
}

/* ISO/IEC 7816-4:2020, 6.2: one length byte up to 254, else FF and two bytes. */
static int simple_header(uint8_t tag, size_t length, Bytes *ret) {
        uint8_t header[4] = { tag, (uint8_t) length };

        if (length > 0xFFFF)
                return -EINVAL;
        if (length < 0xFF)
                return bytes_append(ret, SPAN(header, 2));

        header[1] = 0xFF;
        header[2] = (uint8_t) (length >> 8);
        header[3] = (uint8_t) length;
        return bytes_append(ret, SPAN(header, 4));
}

static int encode_tlv(const Value *value, const Encoded *inner, Encoded *ret) {
        int r;

        if (value->kind == VALUE_SIMPLE_TLV)
                r = simple_header(value->bytes.data[0], inner->data.size, &ret->data);
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

static int encode_slice(const Value *value, const Encoded *inner, Encoded *ret, Failure *failure) {
        size_t size = inner->data.size;

        if (value->from > size || value->part > size - value->from)
                return refuse(value, failure, "The value is too short for this part of it");

        if (append_part(ret, inner, value->from, value->part > 0 ? value->part : size - value->from) < 0)
                return failure_no_memory(failure);

        return 0;
}

static int encode_key(const Value *value, const ValueContext *context, Bytes *ret, Failure *failure) {
        Span key;
        int r;

        if (context->proving)
                return bytes_append_byte(ret, 0) < 0 ? failure_no_memory(failure) : 0;

        r = context->keys ? key_ring_find(context->keys, value->name, &key) : -ENOENT;
        if (r < 0)
                return place_complain(value->place, failure,
                                      "the key ring has no \"%.64s\"; add it to the key-ring credential",
                                      value->name);

        return bytes_append(ret, key) < 0 ? failure_no_memory(failure) : 0;
}

static int encode_serial(const Value *value, const ValueContext *context, Bytes *ret, Failure *failure) {
        if (context->proving)
                return bytes_append_fill(ret, 0, 8) < 0 ? failure_no_memory(failure) : 0;
        if (context->serial.size == 0)
                return refuse(value, failure, "The card has told no serial");

        return bytes_append(ret, context->serial) < 0 ? failure_no_memory(failure) : 0;
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

/* The forms that are made of one other value. */
static int encode_made_of(const Value *value, const ValueContext *context, Encoded *ret, Failure *failure) {
        _cleanup_encoded_ Encoded inner = {};
        int r;

        r = encode_items(value, context, &inner, failure);
        if (r < 0)
                return r;

        if (value->kind == VALUE_SLICE)
                return encode_slice(value, &inner, ret, failure);

        if (value->kind == VALUE_LENGTH_OF) {
                if (value->width < sizeof(size_t) && inner.data.size >> 8 * value->width != 0)
                        return refuse(value, failure, "The length does not fit %zu bytes", value->width);
                r = append_number(inner.data.size, value, &ret->data);
        } else
                r = encode_tlv(value, &inner, ret);

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
                r = append_number((uint64_t) value->number, value, &ret->data);
                return r < 0 ? failure_no_memory(failure) : 0;
        case VALUE_READ:
                return encode_serial(value, context, &ret->data, failure);
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

void value_visit_fields(const Value *value, void (*each)(const Field *field, void *userdata),
                        void *userdata) {
        if (value->field)
                each(value->field, userdata);

        for (size_t i = 0; i < value->item_count; i++)
                value_visit_fields(value->items[i], each, userdata);
}
