/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readers of the desk and the cards in them, as the main thread sees them. Readers come and go by pcscd's
 * word; each has a worker of its own that does its blocking PC/SC calls. A card that appears is looked at by
 * itself (type, ID, chip serial, blank or not), left as it was found, and then announced.
 *
 * All functions are the main thread's; observers and callbacks are called on it, from the event loop, never from
 * within the call that caused them. */
#ifndef ICREISSUE_CARD_READERS_H
#define ICREISSUE_CARD_READERS_H

#include <systemd/sd-event.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "card/catalogue.h"
#include "card/key-ring.h"
#include "card/reads.h"

typedef struct Readers Readers;
typedef struct Reader Reader;

typedef enum ReaderState {
        READER_EMPTY,
        READER_READING, /* a card has appeared and is being looked at */
        READER_READY,   /* a card of known type whose ID was read */
        READER_BLANK,   /* a blank of known type */
        READER_UNKNOWN, /* a card that no type readout fits, or that fits neither blank nor issued */
        READER_MUTE,    /* a card that does not answer to reset */
        READER_BUSY,    /* another program holds the reader or the card */
        _READER_STATE_MAX,
} ReaderState;

/* "empty", "reading", ... as the D-Bus property says it. Static. */
const char *reader_state_name(ReaderState state);

/* What was read from a card. */
typedef struct CardFacts {
        char *type; /* NULL where no type readout fits */
        char *id; /* in the text of the profile's `id` field; NULL for a blank and where it cannot be read */
        Bytes serial; /* the chip's own number; empty where the profile has no `serial:` */
        Reads reads;  /* what else the profile's `serial:` keeps, for its values */
        bool blank;
        bool opened; /* a key was presented to read all this: nothing of it may stay open */
} CardFacts;

void card_facts_done(CardFacts *facts);
#define _cleanup_card_facts_ _cleanup_(card_facts_done)

/* Which readers are the desk's, from the configuration. With no entry every reader is, under its PC/SC name. */
typedef struct ReaderName {
        char *name;    /* how the desk calls it */
        char *pattern; /* fnmatch(3) pattern on the PC/SC name */
        bool source;   /* automatic mode takes old cards from it */
        bool target;   /* blanks may be put into it for jobs with target "" */
} ReaderName;

typedef struct ReadersObserver {
        void (*reader_added)(Reader *reader, void *userdata);
        /* The reader is still valid during the call, and gone after it. */
        void (*reader_removed)(Reader *reader, void *userdata);
        /* State, ATR or card type have changed. Called before the two below. */
        void (*reader_changed)(Reader *reader, void *userdata);
        /* A card was looked at: reader_state() is no longer READING. Called once per card, and again each time
         * that a BUSY reader could be looked at after all, or a job has ended with the card in place. */
        void (*card_present)(Reader *reader, void *userdata);
        void (*card_gone)(Reader *reader, void *userdata);
} ReadersObserver;

/* Starts watching. It returns at once and never waits for pcscd: where pcscd is not there yet, or goes away, it is
 * tried again when its socket appears. `names` is copied. Returns 0 or a negative errno. */
int readers_new(sd_event *event, Catalogue *catalogue, KeyRing *keys, const ReaderName *names,
                size_t name_count, Readers **ret);

/* Ends the watching thread and every worker; a card operation under way is ended at its next safe moment and its
 * callback called. */
Readers *readers_free(Readers *readers);
DEFINE_CLEANUP(Readers *, readers_free)

/* observer and userdata must outlive the readers, or be removed. */
int readers_observe(Readers *readers, const ReadersObserver *observer, void *userdata);

/* Puts a new catalogue and key ring into effect for cards that appear from now on. */
void readers_set_catalogue(Readers *readers, Catalogue *catalogue, KeyRing *keys);

/* NULL-terminated in effect: readers_next(readers, NULL) is the first, NULL after the last. */
Reader *readers_next(Readers *readers, Reader *reader);

/* Finds a reader by its desk name, its PC/SC name, or the last element of its object path (reader_label()).
 * NO_READER lists the readers that there are. */
int readers_find(Readers *readers, const char *name, Reader **ret, Failure *failure);

/* Why there are no readers at all (pcscd does not run; pcscd refuses this service: the sentence names the polkit
 * rule to install); FAILURE_NONE while pcscd answers. Borrowed. */
const Failure *readers_trouble(const Readers *readers);

const char *reader_name(const Reader *reader);        /* the desk's name for it */
const char *reader_pcsc_name(const Reader *reader);   /* the PC/SC name */
const char *reader_device_path(const Reader *reader); /* "" where unknown */
/* What udev knows of the device; "" where it is not known, as of one without USB. */
const char *reader_vendor(const Reader *reader);
const char *reader_model(const Reader *reader);
const char *reader_serial(const Reader *reader);
const char *
reader_label(const Reader *reader); /* a valid D-Bus path element, stable for the same PC/SC name */
bool reader_is_source(const Reader *reader);
bool reader_is_target(const Reader *reader);
ReaderState reader_state(const Reader *reader);
Span reader_atr(const Reader *reader);
/* What was read from the card; NULL while EMPTY, READING, MUTE or BUSY. Borrowed until the next event. */
const CardFacts *reader_card(const Reader *reader);
/* Goes up whenever a card is put in or taken out: the same number means that no card has moved. */
uint64_t reader_sequence(const Reader *reader);
/* Whether a card operation (card_issue_start()) is under way. */
bool reader_in_use(const Reader *reader);

/* Reads type, ID, serial and blankness of the card again. Done once: facts is NULL when failure is set (NO_CARD,
 * READER_GONE, CARD_GONE, READER_BUSY, UNKNOWN_CARD_TYPE: with what was tried). READER_BUSY at once while a job
 * uses the card. */
typedef void (*CardReadDone)(const CardFacts *facts, const Failure *failure, void *userdata);
int reader_read(Reader *reader, CardReadDone done, void *userdata, Failure *failure);

#endif
