/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reader that icreissuectl drives itself, through pcscd: for a profile that is not installed, so that no profile of a
 * caller's ever runs in the service, and nobody needs its keys. Transactions keep the two apart. */
#ifndef ICREISSUE_CLIENT_LOCAL_READER_H
#define ICREISSUE_CLIENT_LOCAL_READER_H

#include <stdio.h>

#include "card/card-session.h"
#include "card/transport.h"

typedef struct LocalReader {
        char *name; /* pcscd's */
        CardGate *gate;
        CardSession *session;
        Transport *transport;
        Bytes atr;
        FILE *trace; /* every APDU in words; NULL: none. Borrowed */
} LocalReader;

/* Opens the reader of that name, or the only one whose name has it as a part (capitals or not); NULL: the only reader.
 * NO_READER, INVALID_ARGS where there are several; else as card_session_open(). */
int local_reader_open(const char *name, FILE *trace, LocalReader *ret, Failure *failure);

/* reset: a key was presented. */
void local_reader_close(LocalReader *reader, bool reset);

#endif
