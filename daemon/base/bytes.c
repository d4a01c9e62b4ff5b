/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte strings that are erased when they are released, and their hexadecimal form. */
#include "base/bytes.h"

Span span_part(Span span, size_t offset, size_t length) {
        if (offset >= span.size)
                return (Span){};

        return SPAN(span.data + offset, MIN_OF(length, span.size - offset));
}

bool span_equal(Span a, Span b) {
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool span_equal_secret(Span a, Span b) {
        volatile uint8_t difference = 0;

        if (a.size != b.size)
                return false;

        for (size_t i = 0; i < a.size; i++)
                difference = (uint8_t) (difference | (a.data[i] ^ b.data[i]));

        return difference == 0;
}

char *span_to_string(Span span) {
        char *text = malloc(span.size + 1);

        if (!text)
                return NULL;

        if (span.size > 0)
                memcpy(text, span.data, span.size);

        text[span.size] = '\0';
        return text;
}

void bytes_done(Bytes *bytes) {
        if (bytes->data)
                explicit_bzero(bytes->data, bytes->allocated);

        free(bytes->data);
        *bytes = (Bytes){};
}

void bytes_clear(Bytes *bytes) {
        if (bytes->data)
                explicit_bzero(bytes->data, bytes->size);

        bytes->size = 0;
}

int bytes_reserve(Bytes *bytes, size_t more) {
        size_t needed, allocated;
        uint8_t *data;

        if (__builtin_add_overflow(bytes->size, more, &needed))
                return -ENOMEM;

        if (needed <= bytes->allocated)
                return 0;

        allocated = MAX_OF(needed, MAX_OF(bytes->allocated * 2, 32U));
        data = malloc(allocated);
        if (!data)
                return -ENOMEM;

        if (bytes->data) {
                memcpy(data, bytes->data, bytes->size);
                explicit_bzero(bytes->data, bytes->allocated);
                free(bytes->data);
        }

        bytes->data = data;
        bytes->allocated = allocated;
        return 0;
}

int bytes_append(Bytes *bytes, Span span) {
        int r;

        if (span.size == 0)
                return 0;

        r = bytes_reserve(bytes, span.size);
        if (r < 0)
                return r;

        memcpy(bytes->data + bytes->size, span.data, span.size);
        bytes->size += span.size;
        return 0;
}

int bytes_append_byte(Bytes *bytes, uint8_t value) {
        return bytes_append(bytes, SPAN(&value, 1));
}

int bytes_append_fill(Bytes *bytes, uint8_t value, size_t count) {
        int r;

        r = bytes_reserve(bytes, count);
        if (r < 0)
                return r;

        if (count > 0)
                memset(bytes->data + bytes->size, value, count);

        bytes->size += count;
        return 0;
}

int bytes_assign(Bytes *bytes, Span span) {
        _cleanup_bytes_ Bytes copy = {};
        int r;

        r = bytes_append(&copy, span);
        if (r < 0)
                return r;

        bytes_move(bytes, &copy);
        return 0;
}

void bytes_move(Bytes *to, Bytes *from) {
        if (to == from)
                return;

        bytes_done(to);
        *to = *from;
        *from = (Bytes){};
}

char *hex_encode(Span span) {
        static const char digits[] = "0123456789ABCDEF";
        char *text;

        text = malloc(span.size * 2 + 1);
        if (!text)
                return NULL;

        for (size_t i = 0; i < span.size; i++) {
                text[2 * i] = digits[span.data[i] >> 4];
                text[2 * i + 1] = digits[span.data[i] & 0x0F];
        }

        text[span.size * 2] = '\0';
        return text;
}

int hex_digit(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (digit >= 'a' && digit <= 'f')
                return digit - 'a' + 10;
        if (digit >= 'A' && digit <= 'F')
                return digit - 'A' + 10;

        return -1;
}

int hex_decode(const char *text, Bytes *ret) {
        _cleanup_bytes_ Bytes decoded = {};
        int r;

        for (const char *p = text; *p;) {
                int high, low;

                if (*p == ' ') {
                        p++;
                        continue;
                }

                high = hex_digit(p[0]);
                low = high < 0 ? -1 : hex_digit(p[1]);
                if (low < 0)
                        return -EINVAL;

                r = bytes_append_byte(&decoded, (uint8_t) (high << 4 | low));
                if (r < 0)
                        return r;

                p += 2;
        }

        return bytes_append(ret, bytes_span(&decoded));
}

void string_erase(char *text) {
        if (!text)
                return;

        explicit_bzero(text, strlen(text));
        free(text);
}
