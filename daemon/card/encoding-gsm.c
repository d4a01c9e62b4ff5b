/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The default alphabet's two tables, and UCS-2. */
#include "card/encoding-gsm.h"

#include "card/encoding.h"

enum {
        GSM_ESCAPE = 0x1B,  /* the next byte is of the extension table */
        UCS2_END = 0x10000, /* what lies beyond has no UCS-2 */
};

/* 3GPP TS 23.038, 6.2.1, by column; 0 where a control character stands. */
static const uint16_t alphabet[128] = {
        '@',    0x00A3, '$',    0x00A5, 0x00E8, 0x00E9, 0x00F9, 0x00EC, 0x00F2, 0x00C7, 0,      0x00D8,
        0x00F8, 0,      0x00C5, 0x00E5, 0x0394, '_',    0x03A6, 0x0393, 0x039B, 0x03A9, 0x03A0, 0x03A8,
        0x03A3, 0x0398, 0x039E, 0,      0x00C6, 0x00E6, 0x00DF, 0x00C9, ' ',    '!',    '"',    '#',
        0x00A4, '%',    '&',    '\'',   '(',    ')',    '*',    '+',    ',',    '-',    '.',    '/',
        '0',    '1',    '2',    '3',    '4',    '5',    '6',    '7',    '8',    '9',    ':',    ';',
        '<',    '=',    '>',    '?',    0x00A1, 'A',    'B',    'C',    'D',    'E',    'F',    'G',
        'H',    'I',    'J',    'K',    'L',    'M',    'N',    'O',    'P',    'Q',    'R',    'S',
        'T',    'U',    'V',    'W',    'X',    'Y',    'Z',    0x00C4, 0x00D6, 0x00D1, 0x00DC, 0x00A7,
        0x00BF, 'a',    'b',    'c',    'd',    'e',    'f',    'g',    'h',    'i',    'j',    'k',
        'l',    'm',    'n',    'o',    'p',    'q',    'r',    's',    't',    'u',    'v',    'w',
        'x',    'y',    'z',    0x00E4, 0x00F6, 0x00F1, 0x00FC, 0x00E0,
};

/* 3GPP TS 23.038, 6.2.1.1 */
static const struct {
        uint8_t code;
        uint16_t point;
} extension[] = {
        { 0x14, '^' }, { 0x28, '{' }, { 0x29, '}' }, { 0x2F, '\\' },   { 0x3C, '[' },
        { 0x3D, '~' }, { 0x3E, ']' }, { 0x40, '|' }, { 0x65, 0x20AC },
};

static int gsm7_append(uint32_t point, Bytes *ret) {
        for (size_t i = 0; i < ELEMENTS(alphabet); i++)
                if (alphabet[i] == point)
                        return bytes_append_byte(ret, (uint8_t) i);

        for (size_t i = 0; i < ELEMENTS(extension); i++)
                if (extension[i].point == point) {
                        const uint8_t two[] = { GSM_ESCAPE, extension[i].code };

                        return bytes_append(ret, SPAN_OF_ARRAY(two));
                }

        return -EINVAL;
}

static int ucs2_append(uint32_t point, Bytes *ret) {
        const uint8_t two[] = { (uint8_t) (point >> 8), (uint8_t) point };

        return point < UCS2_END ? bytes_append(ret, SPAN_OF_ARRAY(two)) : -EINVAL;
}

static int encode(Span text, int (*append)(uint32_t point, Bytes *ret), Bytes *ret) {
        while (text.size > 0) {
                uint32_t point;
                size_t size = utf8_character(text, &point);
                int r;

                if (size == 0)
                        return -EINVAL;

                r = append(point, ret);
                if (r < 0)
                        return r;

                text = span_part(text, size, text.size);
        }

        return 0;
}

int gsm7_encode(Span text, Bytes *ret) {
        return encode(text, gsm7_append, ret);
}

int ucs2_encode(Span text, Bytes *ret) {
        return encode(text, ucs2_append, ret);
}

/* Up to U+FFFF: neither set has more. */
static int append_utf8(uint32_t point, Bytes *ret) {
        const uint8_t bytes[] = {
                (uint8_t) (point < 0x800 ? 0xC0 | point >> 6 : 0xE0 | point >> 12),
                (uint8_t) (0x80 | (point < 0x800 ? point & 0x3F : point >> 6 & 0x3F)),
                (uint8_t) (0x80 | (point & 0x3F)),
        };
        uint32_t same;

        if (point < 0x80)
                return point < 0x20 ? -EINVAL : bytes_append_byte(ret, (uint8_t) point);

        if (utf8_character(SPAN(bytes, point < 0x800 ? 2 : 3), &same) ==
            0) /* surrogates, control characters */
                return -EINVAL;

        return bytes_append(ret, SPAN(bytes, point < 0x800 ? 2 : 3));
}

static uint32_t extended_point(uint8_t code) {
        for (size_t i = 0; i < ELEMENTS(extension); i++)
                if (extension[i].code == code)
                        return extension[i].point;

        return 0;
}

int gsm7_decode(Span bytes, Bytes *ret) {
        while (bytes.size > 0 && bytes.data[bytes.size - 1] == 0xFF)
                bytes.size--;

        for (size_t i = 0; i < bytes.size; i++) {
                uint32_t point = 0;
                int r;

                if (bytes.data[i] == GSM_ESCAPE && i + 1 < bytes.size)
                        point = extended_point(bytes.data[++i]);
                else if (bytes.data[i] < ELEMENTS(alphabet))
                        point = alphabet[bytes.data[i]];

                r = point ? append_utf8(point, ret) : -EINVAL;
                if (r < 0)
                        return r;
        }

        return 0;
}

int ucs2_decode(Span bytes, Bytes *ret) {
        if (bytes.size % 2 != 0 && bytes.data[bytes.size - 1] == 0xFF)
                bytes.size--;
        while (bytes.size >= 2 && bytes.data[bytes.size - 1] == 0xFF && bytes.data[bytes.size - 2] == 0xFF)
                bytes.size -= 2;

        if (bytes.size % 2 != 0)
                return -EINVAL;

        for (size_t i = 0; i < bytes.size; i += 2) {
                int r = append_utf8((uint32_t) (bytes.data[i] << 8 | bytes.data[i + 1]), ret);

                if (r < 0)
                        return r;
        }

        return 0;
}
