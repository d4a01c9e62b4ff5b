/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command and response APDUs as bytes on the wire: which parts a command has, and room for an answer. What the
 * bytes mean is card.c's business. */
#ifndef CARD_SIM_APDU_H
#define CARD_SIM_APDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define APDU_DATA_MAX 65535

typedef struct Command {
        uint8_t class, instruction, p1, p2;
        const uint8_t *data; /* borrowed from the bytes that were parsed; NULL when there are none */
        size_t length;       /* of the data: Nc */
        size_t expected;     /* Ne; 0 when the command has no Le field */
        bool extended;       /* its length fields are extended ones */
} Command;

typedef struct Response {
        uint8_t data[APDU_DATA_MAX];
        size_t length;
        bool part; /* the data is what is left of a file: an Le that is smaller takes a part of it */
        bool end;  /* an Le that is larger is answered 6282 in T=1 */
        Status status;
} Response;

/* Takes a command APDU apart: cases 1 to 4, short and extended (ISO/IEC 7816-4:2020, 5.2, tables 1 to 3).
 * Returns 0, or -EBADMSG when its length fields and its length do not agree. */
int command_parse(const uint8_t *apdu, size_t length, Command *ret);

/* The same for a T=0 command TPDU: five bytes of header, then P3 bytes of data or none (ISO/IEC 7816-3:2006,
 * 12.2); a header of four bytes has P3 = 00. There is neither an Le beside data nor an extended length. */
int command_parse_tpdu(const uint8_t *tpdu, size_t length, Command *ret);

/* Appends to the answer's data. The caller's data always fits: no file is larger than APDU_DATA_MAX. */
void response_append(Response *response, const uint8_t *data, size_t length);

/* True when the command's Le field asks for everything that is there: 00, or 0000 in an extended field. */
bool command_expects_everything(const Command *command);

#endif
