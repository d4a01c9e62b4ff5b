/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte strings: Span borrows, Bytes owns. Whatever a Bytes holds is erased when it is released, so that card
 * data, keys and PINs do not stay in memory; no other type of the daemon holds them. Hexadecimal text too. */
#ifndef ICREISSUE_BASE_BYTES_H
#define ICREISSUE_BASE_BYTES_H

#include "base/util.h"

typedef struct Span {
        const uint8_t *data;
        size_t size;
} Span;

typedef struct Bytes {
        uint8_t *data;
        size_t size;
        size_t allocated;
} Bytes;

#define SPAN(pointer, length) ((Span){ .data = (const uint8_t *) (pointer), .size = (length) })
#define SPAN_OF_ARRAY(array)  SPAN((array), sizeof(array))

static inline Span span_of_string(const char *text) {
        return SPAN(text, strlen(text));
}

static inline Span bytes_span(const Bytes *bytes) {
        return SPAN(bytes->data, bytes->size);
}

/* The part of span from offset on, at most length bytes; empty where offset is past the end. */
Span span_part(Span span, size_t offset, size_t length);

bool span_equal(Span a, Span b);

/* Compares without telling by its duration where they differ: for secrets. */
bool span_equal_secret(Span a, Span b);

/* The span as a string with a NUL at its end; NULL when there is no memory. The caller owns it. */
char *span_to_string(Span span);

/* Erases and releases; empty afterwards. */
void bytes_done(Bytes *bytes);
#define _cleanup_bytes_ _cleanup_(bytes_done)

/* Empties without releasing; what was there is erased. */
void bytes_clear(Bytes *bytes);

/* Makes room for that many bytes more, so that appending them moves nothing. Returns 0 or -ENOMEM. */
int bytes_reserve(Bytes *bytes, size_t more);

/* Append; the old memory is erased when it must grow. Return 0, or -ENOMEM with bytes unchanged. The span must
 * not lie in bytes itself. */
int bytes_append(Bytes *bytes, Span span);
int bytes_append_byte(Bytes *bytes, uint8_t value);
int bytes_append_fill(Bytes *bytes, uint8_t value, size_t count);

/* Replaces what bytes holds by a copy of span. Returns 0 or -ENOMEM. */
int bytes_assign(Bytes *bytes, Span span);

/* Moves: *from is empty afterwards, what *to held is released. */
void bytes_move(Bytes *to, Bytes *from);

/* Upper-case hexadecimal, without spaces. NULL when there is no memory. The caller owns it; for a secret, it
 * must erase it (string_erase()). */
char *hex_encode(Span span);

/* Appends the bytes that hexadecimal text names; letters of either case, spaces between bytes allowed.
 * Returns 0; -EINVAL for any other character or half a byte, with ret unchanged; -ENOMEM. */
int hex_decode(const char *text, Bytes *ret);

/* The value of one hexadecimal digit, or -1. */
int hex_digit(char digit);

/* Erases a string and releases it; NULL is allowed. _cleanup_string_erase_ for a text that holds a secret. */
void string_erase(char *text);
static inline void string_erasep(char **text) {
        string_erase(*text);
}
#define _cleanup_string_erase_ _cleanup_(string_erasep)

#endif
