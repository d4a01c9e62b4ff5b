/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One simulated card: what it keeps (files, data objects, PIN), what it forgets at a reset (selection, verified
 * PIN, chains), and the one function that a reader needs: a command goes in, an answer comes out. It is as strict
 * as the standards are: what a real card refuses, it refuses. */
#ifndef CARD_SIM_CARD_H
#define CARD_SIM_CARD_H

#include "apdu.h"
#include "filesystem.h"

#define CARD_PIN_LENGTH    8
#define CARD_PIN_REFERENCE 0x01
#define CARD_SERIAL_LENGTH 8
#define CARD_SERIAL_TAG    0x9F7F
#define CARD_OBJECTS_MAX   8
#define CARD_OBJECT_MAX    64
#define CARD_CHAIN_MAX     4096
#define CARD_ATR_MAX       33

/* How the reader and the card look to a program: a reader at TPDU level with a T=0 card (61xx, 6Cxx, no Le beside
 * data), one at APDU level with a T=1 card (extended lengths), or one without contacts. */
typedef enum Manner {
        MANNER_T0,
        MANNER_T1,
        MANNER_AIR,
} Manner;

typedef struct Pin {
        uint8_t value[CARD_PIN_LENGTH];
        unsigned tries, limit;
} Pin;

/* A data object in the card itself, not in a file (ISO/IEC 7816-4:2020, 11.5): its bare value. */
typedef struct DataObject {
        uint16_t tag;
        uint8_t value[CARD_OBJECT_MAX];
        size_t length; /* the only length it can have */
        bool present;
        Access read, update;
        bool after_termination; /* can still be read when the card's use has been terminated */
} DataObject;

/* Set by a test: the card stores one bit wrong, and says nothing. */
typedef struct Flip {
        bool armed;
        uint16_t id; /* of the file, or the data object's tag */
        size_t offset;
} Flip;

typedef struct Family Family;

typedef struct Card {
        char *path;           /* the file in which it is kept */
        const Family *family; /* NULL: a staff badge, of which everything from here on is */
        void *kept, *session; /* of the family: what it keeps, and what it forgets at a reset */
        char kind[24];
        Manner manner;
        bool terminated;
        bool creates_files; /* its issuer may create and delete files */
        size_t memory;
        Pin pin;
        DataObject objects[CARD_OBJECTS_MAX];
        size_t object_count;
        File *master;

        /* From here on: forgotten at a reset, and when the card is pulled. */
        File *directory, *file; /* the current DF, and the current EF or NULL */
        bool pin_verified;
        bool chaining;
        uint8_t chain_header[3]; /* instruction, P1, P2 */
        uint8_t chain[CARD_CHAIN_MAX];
        size_t chain_length;
        uint8_t *waiting; /* data for GET RESPONSE */
        size_t waiting_length;
        Status waiting_status; /* when all of them are fetched */

        bool changed; /* something that it keeps has changed since it was saved */
        Flip flip;
        bool repeats;   /* set by a test: its random numbers are the same after every reset */
        unsigned draws; /* of them since the reset */
} Card;

/* Reset: only what the card keeps is left, and the MF is selected. */
void card_reset(Card *card);

/* Runs one command APDU (or TPDU) and puts the answer, with its status, into `response`. When the command changed
 * what the card keeps, card->changed is set and the caller saves it before it sends the answer. */
void card_transmit(Card *card, const uint8_t *apdu, size_t length, Response *response);

/* The answer to reset: the historical bytes are "STAFF" and the card's manner decides the rest (ISO/IEC
 * 7816-3:2006, 8.2). Returns its length. */
size_t card_atr(const Card *card, uint8_t atr[static CARD_ATR_MAX]);

/* Random bytes of the card's own, 32 at most; aborts where there are none. */
void card_random(Card *card, uint8_t *ret, size_t size);

DataObject *card_object(Card *card, uint16_t tag);
void card_free(Card *card);

#endif
