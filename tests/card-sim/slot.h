/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The slot of one reader: which card is in it, what passes between the two, and the mishaps that a test has ordered
 * for the next APDUs. */
#ifndef CARD_SIM_SLOT_H
#define CARD_SIM_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "card.h"

/* A mishap at the APDU that brings `in` from 1 to 0; 0 is none. */
typedef struct Mishap {
        unsigned long in;
        bool after;    /* the card has carried the command out, but its answer is not sent */
        bool ever;     /* and at each APDU from then on */
        Status status; /* of a command that fails */
} Mishap;

typedef struct Slot {
        uint16_t port;    /* vpcd's; or, where that is 0: */
        const char *qemu; /* the socket of QEMU's card slot */
        const char *plug; /* the plug directory (plug.h), or NULL when there is nobody to tell */
        unsigned reader;

        Card *card; /* NULL: empty */
        int line;   /* to vpcd or QEMU (vpcd.h, qemu.h); -1: the reader has no power, or there is no card */

        Mishap removal, unplugging, failure, hold;
        bool held;          /* an APDU is being held: nothing is taken from the reader until slot_release() */
        size_t held_length; /* of the command, where it is not yet carried out; 0: only its answer is held back */
        Flip flip;
        bool repeats;   /* Card.repeats */
        unsigned delay; /* milliseconds an APDU, as long as a real card takes */
        unsigned long count;
        FILE *trace;
} Slot;

/* Puts the card kept in that file into the empty slot. Returns 0, -EBUSY when there is a card, and what state_load()
 * returns. Without a reader that has power the card waits for one. */
int slot_insert(Slot *slot, const char *path);

/* Takes the card out, at once. */
void slot_remove(Slot *slot);

/* The reader has got power: the card in it connects. */
void slot_power(Slot *slot);

/* Takes one message from the reader, when there is one to read, and answers it. */
void slot_serve(Slot *slot);

/* Lets the APDU that is held go on. */
void slot_release(Slot *slot);

/* A line in the trace. */
void slot_note(Slot *slot, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
