/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files that make up the readers (readers.c, reader.c, reader-probe.c, card-issue.c) know of each
 * other. The main thread's, but for what is marked. */
#ifndef ICREISSUE_CARD_READER_PRIVATE_H
#define ICREISSUE_CARD_READER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/worker.h"
#include "card/card-issue.h"
#include "card/card-session.h"
#include "card/reader-watch.h"
#include "card/readers.h"
#include "card/refused.h"
#include "card/transport.h"
#include "card/usb-device.h"

typedef struct Observer {
        const ReadersObserver *observer;
        void *userdata;
} Observer;

struct Readers {
        sd_event *event;
        Catalogue *catalogue;
        KeyRing *keys;
        ReaderName *names;
        size_t name_count;
        ReaderWatch *watch;
        Reader **list;
        size_t count;
        Reader *gone;            /* unplugged, and a task of theirs still runs */
        sd_event_source *reaper; /* releases those whose tasks have ended */
        Observer *observers;
        size_t observer_count;
        Failure trouble;
        /* Of all readers, so that one plugged in again has no number of its earlier life. */
        uint64_t sequence;
        bool stopping;

        Refused *refused; /* any thread's */
        RefusedAdded refused_added;
        void *refused_userdata;
        pthread_mutex_t refused_mutex; /* guards the following */
        char **refused_new;            /* digests on their way to the main thread */
        size_t refused_new_count;
};

struct Reader {
        Readers *readers;
        Reader *next_gone; /* in Readers.gone */
        char *pcsc_name;
        char *name;
        char *label;
        UsbDevice device;
        bool source, target;
        bool gone;
        unsigned generation; /* WatchedReader's */
        uint16_t events;     /* WatchedReader's */
        bool present;
        bool mute;
        bool exclusive;
        ReaderState state;
        Bytes atr;
        bool card_known; /* card is filled */
        CardFacts card;
        atomic_uint_fast64_t
                sequence;       /* also read by the worker, which skips work for a card that has gone */
        unsigned probes;        /* looks at the card that are queued or under way */
        unsigned doubts;        /* looks at this card in a row that failed, though it is said to be there */
        unsigned busy_rounds;   /* times in a row that the reader was found to be held */
        sd_event_source *timer; /* the watch is asked to look */
        Worker *worker;
        CardGate *gate; /* any thread's */
        CardIssue *issue;
};

/* readers.c */

enum { READERS_REFUSED_KEY_SIZE = 32 };

/* Tells the observers; not while the readers are being released. */
void readers_notify_changed(Reader *reader);
void readers_notify_present(Reader *reader);
void readers_notify_gone(Reader *reader);

/* Hands new digests of refused keys to whoever keeps them. */
void readers_tell_refused(Readers *readers);

/* Lets a reader that is gone be released when no task of it is left. Called at the end of each task. */
void readers_task_ended(Reader *reader);

/* reader.c */

int reader_new(Readers *readers, const WatchedReader *watched, Reader **ret);
void reader_free(Reader *reader); /* waits for its tasks */

/* Takes what pcscd shows of it. fresh: for the first time. */
void reader_update(Reader *reader, const WatchedReader *watched, bool fresh);

/* It was unplugged, or pcscd is gone. */
void reader_set_gone(Reader *reader);

/* Its card is looked at, as soon as no job uses it. */
void reader_look(Reader *reader);

/* Another program was found to hold it: it is looked at again when that program lets go. */
void reader_set_busy(Reader *reader);

/* A look failed as if the card were gone, which pcscd must tell: where it does not, the card is "unknown". */
void reader_doubt(Reader *reader);
/* That many failed looks are no accident any more. */
#define DOUBTS_MAX 4

/* Moves to a state with what was read (moved from; NULL: nothing), and tells the observers if anything is
 * different. */
void reader_set_state(Reader *reader, ReaderState state, CardFacts *facts);

/* reader-probe.c */

/* Submits a look at the card; with done, for that caller. Returns 0 or -ENOMEM. */
int reader_probe(Reader *reader, CardReadDone done, void *userdata);

/* What can be said of the reader without asking the card: READER_GONE, READER_BUSY, NO_CARD,
 * UNKNOWN_CARD_TYPE. */
int reader_check(const Reader *reader, Failure *failure);

/* Submits the question which device it is. */
int reader_probe_device(Reader *reader);

/* On a reader's thread: readout_card(), begun again where the card was reset meanwhile; the transport is
 * told the protocol. READER_BUSY for one that is reset again and again. */
int reader_read_card(CardSession *session, const Catalogue *catalogue, const KeyRing *keys,
                     Transport *transport, Span atr, CardFacts *ret, Failure *failure);

/* card-issue.c: the reader is gone. */
void card_issue_reader_gone(CardIssue *issue);

#endif
