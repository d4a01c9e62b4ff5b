/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compact JSON text. Strings of jansson are valid UTF-8 already, so only what must be escaped is looked for. */
#include "file/json-text.h"

#include <stdio.h>

enum {
        NAMES_USUAL = 32, /* members of an object that need no memory of their own */
};

static bool must_escape(uint8_t byte) {
        return byte < 0x20 || byte == '"' || byte == '\\';
}

#define EACH_BYTE(value) ((value) *UINT64_C(0x0101010101010101))

/* Not 0 where one of eight bytes must be escaped. A byte that borrows from the next one only makes for a second look. */
static uint64_t may_escape(uint64_t bytes) {
        uint64_t quote = bytes ^ EACH_BYTE('"'), backslash = bytes ^ EACH_BYTE('\\');

        return (((bytes - EACH_BYTE(0x20)) & ~bytes) | ((quote - EACH_BYTE(1)) & ~quote) |
                ((backslash - EACH_BYTE(1)) & ~backslash)) &
               EACH_BYTE(0x80);
}

/* The first byte from `from` on that must be escaped; the size where none must. */
static size_t find_escape(Span text, size_t from) {
        uint64_t bytes;

        for (; from + sizeof(bytes) <= text.size; from += sizeof(bytes)) {
                memcpy(&bytes, text.data + from, sizeof(bytes));
                if (may_escape(bytes))
                        break;
        }

        while (from < text.size && !must_escape(text.data[from]))
                from++;

        return from;
}

/* As jansson writes them: short forms where there are any, other control characters by number. */
static int append_escape(Bytes *ret, uint8_t byte) {
        static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *found = byte != '\0' ? strchr(plain, byte) : NULL;
        char text[8];

        if (found)
                snprintf(text, sizeof(text), "\\%c", letters[found - plain]);
        else
                snprintf(text, sizeof(text), "\\u%04X", byte);

        return bytes_append(ret, span_of_string(text));
}

int json_text_append_string(Bytes *ret, Span text) {
        int r;

        r = bytes_append_byte(ret, '"');
        for (size_t from = 0; from < text.size && r >= 0;) {
                size_t to = find_escape(text, from);

                r = bytes_append(ret, span_part(text, from, to - from));
                if (r >= 0 && to < text.size)
                        r = append_escape(ret, text.data[to]);
                from = to + 1;
        }

        return r < 0 ? r : bytes_append_byte(ret, '"');
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int append_members(Bytes *ret, const json_t *object, const char **names, size_t count) {
        int r = 0;

        qsort(names, count, sizeof(*names), compare_names);
        for (size_t i = 0; i < count && r >= 0; i++) {
                if (i > 0)
                        r = bytes_append_byte(ret, ',');
                if (r >= 0)
                        r = json_text_append_string(ret, span_of_string(names[i]));
                if (r >= 0)
                        r = bytes_append_byte(ret, ':');
                if (r >= 0)
                        r = json_text_append(ret, json_object_get(object, names[i]));
        }

        return r;
}

int json_text_append_object(Bytes *ret, const json_t *object, JsonTextWanted wanted, void *userdata) {
        size_t size = json_object_size(object), count = 0;
        const char *usual[NAMES_USUAL], **names = usual, *name;
        _cleanup_free_ const char **more = NULL;
        json_t *value;
        int r;

        if (size > NAMES_USUAL) {
                more = new0(const char *, size);
                if (!more)
                        return -ENOMEM;

                names = more;
        }

        json_object_foreach((json_t *) object, name, value) {
                if (!wanted || wanted(name, userdata))
                        names[count++] = name;
        }

        r = bytes_append_byte(ret, '{');
        if (r >= 0)
                r = append_members(ret, object, names, count);

        return r < 0 ? r : bytes_append_byte(ret, '}');
}

static int append_array(Bytes *ret, const json_t *array) {
        json_t *item;
        size_t i;
        int r;

        r = bytes_append_byte(ret, '[');
        json_array_foreach((json_t *) array, i, item) {
                if (r >= 0 && i > 0)
                        r = bytes_append_byte(ret, ',');
                if (r >= 0)
                        r = json_text_append(ret, item);
        }

        return r < 0 ? r : bytes_append_byte(ret, ']');
}

/* Numbers with a point, of which records have none. */
static int append_other(Bytes *ret, const json_t *value) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        int r = text ? bytes_append(ret, span_of_string(text)) : -ENOMEM;

        string_erase(text);
        return r;
}

int json_text_append(Bytes *ret, const json_t *value) {
        char number[32];

        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return json_text_append_object(ret, value, NULL, NULL);
        case JSON_ARRAY:
                return append_array(ret, value);
        case JSON_STRING:
                return json_text_append_string(ret,
                                               SPAN(json_string_value(value), json_string_length(value)));
        case JSON_INTEGER:
                snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                return bytes_append(ret, span_of_string(number));
        case JSON_TRUE:
                return bytes_append(ret, span_of_string("true"));
        case JSON_FALSE:
                return bytes_append(ret, span_of_string("false"));
        case JSON_NULL:
                return bytes_append(ret, span_of_string("null"));
        case JSON_REAL:
                break;
        }

        return append_other(ret, value);
}
