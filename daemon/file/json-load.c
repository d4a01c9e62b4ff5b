/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON text as nearly all records are: strings without escapes, whole numbers, objects and arrays of these. Whatever else
 * there may be, and every mistake, is left to jansson: what is read here jansson must read in the same way (RFC 8259). */
#include "file/json-text.h"

enum {
        DEPTH_MAX = 16,
        DIGITS_MAX = 18, /* of a number that surely fits */
};

typedef struct Parser {
        const uint8_t *next, *end;
        unsigned depth;
} Parser;

static json_t *parse_value(Parser *parser);

static inline void json_freep(json_t **value) {
        json_decref(*value);
}
#define _cleanup_json_ _cleanup_(json_freep)

static void skip_space(Parser *parser) {
        while (parser->next < parser->end && memchr(" \t\r\n", *parser->next, 4))
                parser->next++;
}

/* The next character, after space, without taking it; 0 at the end. */
static uint8_t peek(Parser *parser) {
        skip_space(parser);
        return parser->next < parser->end ? *parser->next : 0;
}

static bool take(Parser *parser, uint8_t character) {
        if (peek(parser) != character)
                return false;

        parser->next++;
        return true;
}

#define EACH_BYTE(value) ((value) *UINT64_C(0x0101010101010101))

/* Not 0 where one of eight bytes may end the string, or is not plain: a quote, a backslash, a control character, anything
 * that is not ASCII. */
static uint64_t may_end(uint64_t bytes) {
        uint64_t quote = bytes ^ EACH_BYTE('"'), backslash = bytes ^ EACH_BYTE('\\');

        return (bytes | (bytes - EACH_BYTE(0x20)) | ((quote - EACH_BYTE(1)) & ~quote) |
                ((backslash - EACH_BYTE(1)) & ~backslash)) &
               EACH_BYTE(0x80);
}

/* A string up to its closing quote, which is taken. `ascii` is whether its UTF-8 needs no check. */
static bool parse_string(Parser *parser, Span *ret, bool *ret_ascii) {
        const uint8_t *from;
        uint8_t all = 0;

        if (!take(parser, '"'))
                return false;

        from = parser->next;
        for (;;) {
                uint64_t bytes;

                while ((size_t) (parser->end - parser->next) >= sizeof(bytes)) {
                        memcpy(&bytes, parser->next, sizeof(bytes));
                        if (may_end(bytes))
                                break;

                        parser->next += sizeof(bytes);
                }

                if (parser->next == parser->end || *parser->next < 0x20 || *parser->next == '\\')
                        return false;
                if (*parser->next == '"')
                        break;

                all |= *parser->next++;
        }

        *ret = SPAN(from, parser->next - from);
        *ret_ascii = all < 0x80;
        parser->next++;
        return true;
}

static json_t *parse_text(Parser *parser) {
        bool ascii;
        Span text;

        if (!parse_string(parser, &text, &ascii))
                return NULL;

        return ascii ? json_stringn_nocheck((const char *) text.data, text.size)
                     : json_stringn((const char *) text.data, text.size);
}

static json_t *parse_number(Parser *parser) {
        bool negative = take(parser, '-');
        const uint8_t *from = parser->next;
        json_int_t number = 0;
        size_t digits;

        while (parser->next < parser->end && *parser->next >= '0' && *parser->next <= '9' &&
               parser->next - from < DIGITS_MAX)
                number = number * 10 + (*parser->next++ - '0');

        digits = (size_t) (parser->next - from);
        if (digits == 0 || (digits > 1 && *from == '0'))
                return NULL;
        if (parser->next < parser->end && memchr("0123456789.eE", *parser->next, 13))
                return NULL;

        return json_integer(negative ? -number : number);
}

static bool parse_member(Parser *parser, json_t *object) {
        _cleanup_json_ json_t *value = NULL;
        bool ascii;
        Span name;

        if (!parse_string(parser, &name, &ascii) || !ascii || !take(parser, ':'))
                return false;

        value = parse_value(parser);
        if (!value || json_object_getn(object, (const char *) name.data, name.size))
                return false;

        return json_object_setn_new_nocheck(object, (const char *) name.data, name.size, TAKE_PTR(value)) ==
               0;
}

static json_t *parse_object(Parser *parser) {
        _cleanup_json_ json_t *object = json_object();

        parser->next++;
        if (!object)
                return NULL;
        if (take(parser, '}'))
                return TAKE_PTR(object);

        do
                if (!parse_member(parser, object))
                        return NULL;
        while (take(parser, ','));

        return take(parser, '}') ? TAKE_PTR(object) : NULL;
}

static json_t *parse_array(Parser *parser) {
        _cleanup_json_ json_t *array = json_array();

        parser->next++;
        if (!array)
                return NULL;
        if (take(parser, ']'))
                return TAKE_PTR(array);

        do
                if (json_array_append_new(array, parse_value(parser)) < 0)
                        return NULL;
        while (take(parser, ','));

        return take(parser, ']') ? TAKE_PTR(array) : NULL;
}

static json_t *parse_value(Parser *parser) {
        json_t *value = NULL;
        uint8_t first = peek(parser);

        if (parser->depth == DEPTH_MAX)
                return NULL;

        parser->depth++;
        if (first == '"')
                value = parse_text(parser);
        else if (first == '{')
                value = parse_object(parser);
        else if (first == '[')
                value = parse_array(parser);
        else if (first == '-' || (first >= '0' && first <= '9'))
                value = parse_number(parser);

        parser->depth--;
        return value;
}

json_t *json_text_load_plain(Span text) {
        Parser parser = { .next = text.data, .end = text.data + text.size };
        _cleanup_json_ json_t *value = NULL;
        uint8_t first;

        if (text.size == 0)
                return NULL;

        first = peek(&parser);
        if (first == '{' || first == '[')
                value = parse_value(&parser);

        skip_space(&parser);
        return parser.next == parser.end ? TAKE_PTR(value) : NULL;
}

json_t *json_text_load(Span text, json_error_t *ret_error) {
        json_t *value = json_text_load_plain(text);

        if (value)
                return value;

        return json_loadb(text.size > 0 ? (const char *) text.data : "", text.size, JSON_REJECT_DUPLICATES,
                          ret_error);
}
