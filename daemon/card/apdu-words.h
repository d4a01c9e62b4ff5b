/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands and responses in words, for a trace that people read. What is presented to a card is not shown. */
#ifndef ICREISSUE_CARD_APDU_WORDS_H
#define ICREISSUE_CARD_APDU_WORDS_H

#include <stdio.h>

#include "base/bytes.h"

/* Prints a command APDU as one line, without its end: hexadecimal, with `..` for each byte of a secret, then its name
 * and parameters (ISO/IEC 7816-4:2020, clause 11; PC/SC part 3). Anything shorter than a header is printed as it is. */
void apdu_print_command(Span command, FILE *out);

/* A response: its data, its status word, and that in words. */
void apdu_print_response(Span response, FILE *out);

#endif
