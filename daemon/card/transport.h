/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands to a card and its responses, above what readers and protocols do differently: command chaining, extended
 * length, 61xx, 6Cxx, GET RESPONSE are dealt with here, so that a TPDU-level reader and an APDU-level one look the
 * same to everything above. Every byte from a card enters the daemon here, through one bounded buffer. */
#ifndef ICREISSUE_CARD_TRANSPORT_H
#define ICREISSUE_CARD_TRANSPORT_H

#include "base/bytes.h"
#include "base/failure.h"

enum {
        LE_ABSENT = -1,
        TRANSPORT_RESPONSE_MAX =
                65536, /* bytes of response data, also over any number of 61xx; more is an error */
};

/* A command APDU (ISO/IEC 7816-4:2020, 5.2). data may be longer than the protocol carries in one APDU: it is then
 * sent by extended length or by chaining. */
typedef struct Command {
        uint8_t cla, ins, p1, p2;
        Span data;
        int32_t le;    /* LE_ABSENT, or the number of bytes expected: 1..65536, 0 for "all there is" */
        bool exact_le; /* send that Le as it is, never another: for cards that want the exact length */
} Command;

typedef struct Response {
        Bytes data;
        uint16_t sw;
} Response;

void response_done(Response *response);
#define _cleanup_response_ _cleanup_(response_done)

/* How a card family wants to be spoken to: the profile's `transport:`. */
typedef struct TransportManner {
        bool chaining; /* command chaining (CLA bit 5) where data do not fit */
        bool extended; /* extended length, where the reader passes it */
} TransportManner;

/* Sends one C-APDU as it is and receives its R-APDU, at most *size bytes; sets *size. Returns 0; -ECONNRESET where
 * another program has reset the card since (what was verified or selected is gone: begin again); else a negative
 * errno with the failure set: CARD_GONE, READER_GONE, READER_BUSY, CANCELLED, WRITE_FAILED for anything else. */
typedef int (*TransmitFunction)(void *userdata, Span command, uint8_t *response, size_t *size,
                                Failure *failure);

typedef struct Transport Transport;

/* A transport over transmit(), in the manner {no chaining, no extended length}. */
int transport_new(TransmitFunction transmit, void *userdata, Transport **ret);
Transport *transport_free(Transport *transport);
DEFINE_CLEANUP(Transport *, transport_free)

void transport_set_manner(Transport *transport, const TransportManner *manner);

/* Whether the active protocol is T=0, as the connection says; T=1 is assumed before. Under T=0 a command with
 * data goes out without its Le, one with neither data nor Le gets P3 = 00, and there is no extended length
 * (ISO/IEC 7816-3:2006, 12.2): readers at TPDU level pass T=0 on as it is, those at APDU level take it too. */
void transport_set_t0(Transport *transport, bool t0);

/* Sends a command and everything that belongs to it, and gives the whole response data with the final status word; a
 * 61xx never reaches the caller, and a SIM's 9Fxx only where the command has no Le. A 6282 and the like are the
 * caller's to judge. Errors as TransmitFunction, and WRITE_FAILED for a response shorter than a status word, for a
 * card that never stops answering 61xx, and for data that neither chaining nor extended length may carry. Never sends
 * fewer than four bytes. */
int transport_send(Transport *transport, const Command *command, Response *ret, Failure *failure);

/* How many C-APDUs have been sent. */
uint64_t transport_count(const Transport *transport);

/* A status word in words ("6982: security status not satisfied"), from ISO/IEC 7816-4:2020, tables 5 to 7. Static text
 * where it is known, else only the digits in buffer. */
const char *status_word_text(uint16_t sw, char buffer[static 8]);

#endif
