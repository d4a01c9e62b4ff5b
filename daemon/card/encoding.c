/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encodings, one pair of functions each. */
#include "card/encoding.h"

#include <stdio.h>

const char *const encoding_names[] = {
        [ENCODING_HEX] = "hex",
        [ENCODING_ASCII] = "ascii",
        [ENCODING_UTF_8] = "utf-8",
        [ENCODING_BCD] = "bcd",
        [ENCODING_NIBBLE_SWAPPED_BCD] = "nibble-swapped-bcd",
        [ENCODING_INTEGER] = "integer",
        [_ENCODING_MAX] = NULL,
};

const char *encoding_expects(Encoding encoding) {
        static const char *const texts[_ENCODING_MAX] = {
                [ENCODING_HEX] = "hexadecimal digits, two for each byte",
                [ENCODING_ASCII] = "printable ASCII characters",
                [ENCODING_UTF_8] = "UTF-8 text without control characters",
                [ENCODING_BCD] = "decimal digits",
                [ENCODING_NIBBLE_SWAPPED_BCD] = "decimal digits",
                [ENCODING_INTEGER] = "a decimal number without leading zeros",
        };

        return texts[encoding];
}

static bool is_digit(char character) {
        return character >= '0' && character <= '9';
}

static bool is_ascii(Span bytes) {
        for (size_t i = 0; i < bytes.size; i++)
                if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7E)
                        return false;

        return true;
}

/* The number of bytes of the UTF-8 character at the start of bytes, or 0 where there is none (Unicode 15,
 * table 3-7: no surrogates, nothing longer than needed), or where it is a control character. */
static size_t utf8_character(Span bytes) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint8_t first = bytes.data[0];
        size_t size = first < 0x80         ? 1
                      : first >> 5 == 0x06 ? 2
                      : first >> 4 == 0x0E ? 3
                      : first >> 3 == 0x1E ? 4
                                           : 0;
        uint32_t point;

        if (size == 0 || size > bytes.size)
                return 0;

        point = size == 1 ? first : first & (0xFFU >> (size + 1));
        for (size_t i = 1; i < size; i++) {
                if ((bytes.data[i] & 0xC0) != 0x80)
                        return 0;
                point = point << 6 | (bytes.data[i] & 0x3F);
        }

        if (point < smallest[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
                return 0;

        return point < 0x20 || (point >= 0x7F && point <= 0x9F) ? 0 : size;
}

static bool is_utf8(Span bytes) {
        while (bytes.size > 0) {
                size_t size = utf8_character(bytes);

                if (size == 0)
                        return false;

                bytes = span_part(bytes, size, bytes.size);
        }

        return true;
}

static int encode_bcd(const char *text, bool swapped, Bytes *ret) {
        for (const char *p = text; *p; p++)
                if (!is_digit(*p))
                        return -EINVAL;

        for (const char *p = text; *p; p += p[1] ? 2 : 1) {
                uint8_t first = (uint8_t) (p[0] - '0');
                uint8_t second = p[1] ? (uint8_t) (p[1] - '0') : 0x0F;
                int r;

                r = bytes_append_byte(ret, (uint8_t) (swapped ? second << 4 | first : first << 4 | second));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int encode_integer(const char *text, size_t width, Bytes *ret) {
        unsigned long long number = 0;
        uint8_t bytes[sizeof(number)];
        size_t needed = 1;
        int r;

        if (!is_digit(text[0]) || (text[0] == '0' && text[1]))
                return -EINVAL;

        for (const char *p = text; *p; p++) {
                if (!is_digit(*p))
                        return -EINVAL;
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (unsigned) (*p - '0'), &number))
                        return -ERANGE;
        }

        for (size_t i = 0; i < sizeof(bytes); i++) {
                bytes[sizeof(bytes) - 1 - i] = (uint8_t) (number >> 8 * i);
                if (number >> 8 * i)
                        needed = i + 1;
        }

        if (width > 0 && needed > width)
                return -ERANGE;

        if (width > sizeof(bytes)) {
                r = bytes_append_fill(ret, 0, width - sizeof(bytes));
                if (r < 0)
                        return r;
        }

        needed = width > 0 ? MIN_OF(width, sizeof(bytes)) : needed;
        return bytes_append(ret, SPAN(bytes + sizeof(bytes) - needed, needed));
}

int encoding_encode(Encoding encoding, const char *text, size_t width, Bytes *ret) {
        Span span = span_of_string(text);

        switch (encoding) {
        case ENCODING_HEX:
                return hex_decode(text, ret);
        case ENCODING_ASCII:
                return is_ascii(span) ? bytes_append(ret, span) : -EINVAL;
        case ENCODING_UTF_8:
                return is_utf8(span) ? bytes_append(ret, span) : -EINVAL;
        case ENCODING_BCD:
        case ENCODING_NIBBLE_SWAPPED_BCD:
                return encode_bcd(text, encoding == ENCODING_NIBBLE_SWAPPED_BCD, ret);
        case ENCODING_INTEGER:
                return encode_integer(text, width, ret);
        default:
                return -EINVAL;
        }
}

static Span without_padding(Span bytes) {
        while (bytes.size > 0) {
                uint8_t last = bytes.data[bytes.size - 1];

                if (last != 0x00 && last != 0x20 && last != 0xFF)
                        break;
                bytes.size--;
        }

        return bytes;
}

static int decode_text(Span bytes, bool (*check)(Span bytes), char **ret) {
        char *text;

        bytes = without_padding(bytes);
        if (!check(bytes))
                return -EINVAL;

        text = malloc(bytes.size + 1);
        if (!text)
                return -ENOMEM;

        if (bytes.size > 0)
                memcpy(text, bytes.data, bytes.size);
        text[bytes.size] = '\0';
        *ret = text;
        return 0;
}

static int decode_bcd(Span bytes, bool swapped, char **ret) {
        _cleanup_string_erase_ char *text = NULL;
        size_t count = 0;
        bool ended = false;

        text = calloc(1, 2 * bytes.size + 1);
        if (!text)
                return -ENOMEM;

        for (size_t i = 0; i < 2 * bytes.size; i++) {
                bool high = swapped ? i % 2 == 1 : i % 2 == 0;
                uint8_t nibble = high ? bytes.data[i / 2] >> 4 : bytes.data[i / 2] & 0x0F;

                if (nibble == 0x0F) {
                        ended = true;
                        continue;
                }

                if (ended || nibble > 9)
                        return -EINVAL;

                text[count++] = (char) ('0' + nibble);
        }

        *ret = TAKE_PTR(text);
        return 0;
}

static int decode_integer(Span bytes, char **ret) {
        uint64_t number = 0;

        for (size_t i = 0; i < bytes.size; i++) {
                if (number >> 56)
                        return -EINVAL;
                number = number << 8 | bytes.data[i];
        }

        return asprintf(ret, "%llu", (unsigned long long) number) < 0 ? -ENOMEM : 0;
}

int encoding_decode(Encoding encoding, Span bytes, char **ret) {
        switch (encoding) {
        case ENCODING_HEX:
                *ret = hex_encode(bytes);
                return *ret ? 0 : -ENOMEM;
        case ENCODING_ASCII:
                return decode_text(bytes, is_ascii, ret);
        case ENCODING_UTF_8:
                return decode_text(bytes, is_utf8, ret);
        case ENCODING_BCD:
        case ENCODING_NIBBLE_SWAPPED_BCD:
                return decode_bcd(bytes, encoding == ENCODING_NIBBLE_SWAPPED_BCD, ret);
        case ENCODING_INTEGER:
                return decode_integer(bytes, ret);
        default:
                return -EINVAL;
        }
}

char *encoding_sample(Encoding encoding, size_t size) {
        size_t digits = encoding == ENCODING_ASCII || encoding == ENCODING_UTF_8 ? size : 2 * size;
        char *text;

        if (encoding == ENCODING_INTEGER)
                return asprintf(&text, "%llu", size <= 1 ? 1ULL : 1ULL << 8 * (MIN_OF(size, 8U) - 1)) < 0
                               ? NULL
                               : text;

        text = malloc(digits + 1);
        if (!text)
                return NULL;

        memset(text, '1', digits);
        text[digits] = '\0';
        return text;
}
