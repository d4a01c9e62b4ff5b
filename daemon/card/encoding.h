/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a record's text becomes bytes on a card, and back: hexadecimal, ASCII, UTF-8, BCD, BCD with swapped
 * nibbles (as in 3GPP TS 31.102, 4.2.2), unsigned integer, the SIM's alphabets (encoding-gsm.h), dates, IMSIs. It knows
 * nothing of fields and profiles. */
#ifndef ICREISSUE_CARD_ENCODING_H
#define ICREISSUE_CARD_ENCODING_H

#include "base/bytes.h"

typedef enum Encoding {
        ENCODING_HEX,
        ENCODING_ASCII,
        ENCODING_UTF_8,
        ENCODING_BCD,
        ENCODING_NIBBLE_SWAPPED_BCD,
        ENCODING_INTEGER,
        ENCODING_GSM7,
        ENCODING_UCS2,
        ENCODING_DATE,
        ENCODING_IMSI,
        _ENCODING_MAX,
} Encoding;

/* The names in profiles, in the enumeration's order, NULL-terminated. */
extern const char *const encoding_names[];

/* What a text must be, for messages: "hexadecimal digits", "decimal digits" ... Static. */
const char *encoding_expects(Encoding encoding);

/* A text that shows the encoding, for the manual. Static. */
const char *encoding_example(Encoding encoding);

/* Appends the text's bytes. width is used by ENCODING_INTEGER: big-endian in that many bytes, 0 for as few as the
 * number needs; and by ENCODING_DATE ("2031-12-31"): 3 for YYMMDD, which holds the years 2000 to 2099, anything else
 * for YYYYMMDD, both in BCD (ISO/IEC 7816-6:2016, 5F24 and 5F2B). An odd number of BCD digits is filled up with the
 * nibble F. An IMSI is nine bytes: length, then parity digit and up to 15 digits, swapped (3GPP TS 31.102, 4.2.2).
 * Returns 0; -EINVAL for a text that the encoding cannot carry; -ERANGE for a number or a year that does not fit
 * width; -ENOMEM. */
int encoding_encode(Encoding encoding, const char *text, size_t width, Bytes *ret);

/* The text of what a card holds, without the padding that may follow: bytes 00, 20 and FF after ASCII and UTF-8, FF
 * after GSM7 and UCS-2, F nibbles after BCD. The caller owns it. Returns 0, -EINVAL for bytes that are not of the
 * encoding, -ENOMEM. */
int encoding_decode(Encoding encoding, Span bytes, char **ret);

/* A text that is encoded in exactly so many bytes (at most 8 for an integer, 3 or 4 for a date, 9 for an IMSI, an
 * even number for UCS-2), made of the digit 1 as far as the encoding lets it: with it profiles are tried out before
 * there is a record. NULL without memory. */
char *encoding_sample(Encoding encoding, size_t size);

/* The number of bytes of the UTF-8 character at the start of bytes, and the character; 0 where there is none or a
 * control character. */
size_t utf8_character(Span bytes, uint32_t *ret);

#endif
