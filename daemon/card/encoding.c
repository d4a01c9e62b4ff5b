/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encodings, one pair of functions each. */
#include "card/encoding.h"

#include <stdio.h>

#include "card/encoding-gsm.h"

enum {
        DATE_TEXT = 10, /* YYYY-MM-DD */
        DATE_SHORT = 3, /* bytes: YYMMDD */
        DATE_LONG = 4,  /* YYYYMMDD */
        IMSI_SIZE = 9,
        IMSI_DIGITS_MIN = 6, /* country and network codes, and one digit more */
        IMSI_DIGITS_MAX = 15,
};

const char *const encoding_names[] = {
        [ENCODING_HEX] = "hex",
        [ENCODING_ASCII] = "ascii",
        [ENCODING_UTF_8] = "utf-8",
        [ENCODING_BCD] = "bcd",
        [ENCODING_NIBBLE_SWAPPED_BCD] = "nibble-swapped-bcd",
        [ENCODING_INTEGER] = "integer",
        [ENCODING_GSM7] = "gsm7",
        [ENCODING_UCS2] = "ucs2",
        [ENCODING_DATE] = "date",
        [ENCODING_IMSI] = "imsi",
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
                [ENCODING_GSM7] = "text of the GSM default alphabet",
                [ENCODING_UCS2] = "text of the Basic Multilingual Plane without control characters",
                [ENCODING_DATE] = "a date, YYYY-MM-DD",
                [ENCODING_IMSI] = "6 to 15 decimal digits",
        };

        return texts[encoding];
}

const char *encoding_example(Encoding encoding) {
        static const char *const texts[_ENCODING_MAX] = {
                [ENCODING_HEX] = "A000000087",
                [ENCODING_ASCII] = "KJ-0017",
                [ENCODING_UTF_8] = "J\u00f8rgen",
                [ENCODING_BCD] = "0042001",
                [ENCODING_NIBBLE_SWAPPED_BCD] = "8901260",
                [ENCODING_INTEGER] = "1000",
                [ENCODING_GSM7] = "K\u00f8lle",
                [ENCODING_UCS2] = "\u0416",
                [ENCODING_DATE] = "2031-12-31",
                [ENCODING_IMSI] = "262011234567890",
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

/* Unicode 15, table 3-7: no surrogates, nothing longer than needed. */
size_t utf8_character(Span bytes, uint32_t *ret) {
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

        *ret = point;
        return point < 0x20 || (point >= 0x7F && point <= 0x9F) ? 0 : size;
}

static bool is_utf8(Span bytes) {
        while (bytes.size > 0) {
                uint32_t point;
                size_t size = utf8_character(bytes, &point);

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

static bool is_day(int year, int month, int day) {
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        if (month < 1 || month > 12 || day < 1)
                return false;

        return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* ISO 8601-1:2019, 5.2.2.1, extended format. */
static int encode_date(const char *text, size_t width, Bytes *ret) {
        static const char form[] = "0000-00-00";
        char digits[9];
        int year, month, day;

        if (strlen(text) != DATE_TEXT)
                return -EINVAL;

        for (size_t i = 0; i < DATE_TEXT; i++)
                if (form[i] == '-' ? text[i] != '-' : !is_digit(text[i]))
                        return -EINVAL;

        snprintf(digits, sizeof(digits), "%.4s%.2s%.2s", text, text + 5, text + 8);
        year = atoi(text);
        month = atoi(text + 5);
        day = atoi(text + 8);
        if (!is_day(year, month, day))
                return -EINVAL;
        if (width != DATE_SHORT)
                return encode_bcd(digits, false, ret);

        return year >= 2000 && year <= 2099 ? encode_bcd(digits + 2, false, ret) : -ERANGE;
}

/* 3GPP TS 31.102, 4.2.2, after 3GPP TS 24.008, 10.5.1.4: the first nibble is 9 before an odd number of digits and 1
 * before an even one; what is not needed is FF. */
static int encode_imsi(const char *text, Bytes *ret) {
        size_t length = strlen(text), needed = length / 2 + 1;
        char digits[IMSI_DIGITS_MAX + 2];
        int r;

        if (length < IMSI_DIGITS_MIN || length > IMSI_DIGITS_MAX || text[strspn(text, "0123456789")])
                return -EINVAL;

        snprintf(digits, sizeof(digits), "%c%s", length % 2 ? '9' : '1', text);
        r = bytes_append_byte(ret, (uint8_t) needed);
        if (r >= 0)
                r = encode_bcd(digits, true, ret);
        if (r >= 0)
                r = bytes_append_fill(ret, 0xFF, IMSI_SIZE - 1 - needed);

        explicit_bzero(digits, sizeof(digits));
        return r;
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
        case ENCODING_GSM7:
                return gsm7_encode(span, ret);
        case ENCODING_UCS2:
                return ucs2_encode(span, ret);
        case ENCODING_DATE:
                return encode_date(text, width, ret);
        case ENCODING_IMSI:
                return encode_imsi(text, ret);
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

static int decode_gsm(Span bytes, int (*decode)(Span bytes, Bytes *ret), char **ret) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = decode(bytes, &text);
        if (r < 0)
                return r;

        *ret = span_to_string(bytes_span(&text));
        return *ret ? 0 : -ENOMEM;
}

static int decode_date(Span bytes, char **ret) {
        _cleanup_string_erase_ char *digits = NULL;
        _cleanup_bytes_ Bytes again = {};
        int r;

        if (bytes.size != DATE_SHORT && bytes.size != DATE_LONG)
                return -EINVAL;

        r = decode_bcd(bytes, false, &digits);
        if (r < 0)
                return r;
        if (strlen(digits) != 2 * bytes.size)
                return -EINVAL;

        if (asprintf(ret, "%s%.*s-%.2s-%.2s", bytes.size == DATE_SHORT ? "20" : "", (int) strlen(digits) - 4,
                     digits, digits + strlen(digits) - 4, digits + strlen(digits) - 2) < 0)
                return -ENOMEM;

        r = encode_date(*ret, bytes.size, &again);
        if (r < 0)
                string_erase(TAKE_PTR(*ret));

        return r;
}

static int decode_imsi(Span bytes, char **ret) {
        _cleanup_string_erase_ char *digits = NULL;
        _cleanup_bytes_ Bytes again = {};
        int r;

        if (bytes.size != IMSI_SIZE)
                return -EINVAL;

        r = decode_bcd(span_part(bytes, 1, bytes.size), true, &digits);
        if (r < 0)
                return r;

        /* Right is what would be written so. */
        r = *digits ? encode_imsi(digits + 1, &again) : -EINVAL;
        if (r < 0)
                return r;
        if (!span_equal(bytes_span(&again), bytes))
                return -EINVAL;

        *ret = strdup(digits + 1);
        return *ret ? 0 : -ENOMEM;
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
        case ENCODING_GSM7:
                return decode_gsm(bytes, gsm7_decode, ret);
        case ENCODING_UCS2:
                return decode_gsm(bytes, ucs2_decode, ret);
        case ENCODING_DATE:
                return decode_date(bytes, ret);
        case ENCODING_IMSI:
                return decode_imsi(bytes, ret);
        default:
                return -EINVAL;
        }
}

/* How many digits make so many bytes. */
static size_t digits_of(Encoding encoding, size_t size) {
        switch (encoding) {
        case ENCODING_ASCII:
        case ENCODING_UTF_8:
        case ENCODING_GSM7:
                return size;
        case ENCODING_UCS2:
                return size / 2;
        case ENCODING_IMSI:
                return IMSI_DIGITS_MAX;
        default:
                return 2 * size;
        }
}

char *encoding_sample(Encoding encoding, size_t size) {
        size_t digits = digits_of(encoding, size);
        char *text;

        if (encoding == ENCODING_DATE)
                return strdup("2011-11-11");
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
