/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches which readers pcscd has and what is in them: one thread in SCardGetStatusChange(). It knows
 * nothing of the desk's names and looks at no card; readers.c compares each picture with the one before. */
#ifndef ICREISSUE_CARD_READER_WATCH_H
#define ICREISSUE_CARD_READER_WATCH_H

#include <systemd/sd-event.h>

#include "base/bytes.h"
#include "base/failure.h"

typedef struct ReaderWatch ReaderWatch;

/* One reader as pcscd shows it. */
typedef struct WatchedReader {
        char *name;          /* the PC/SC name */
        unsigned generation; /* another number: the reader was unplugged and plugged in again meanwhile */
        bool present;        /* a card is in it */
        bool mute;           /* it does not answer to reset */
        bool exclusive;      /* another program holds it exclusively */
        uint16_t events;     /* pcscd's count of insertions and removals, which wraps */
        Bytes atr;
} WatchedReader;

typedef struct WatchPicture {
        WatchedReader *readers;
        size_t count;
        bool refused;    /* trouble: pcscd is there, and refuses this service */
        Failure trouble; /* FAILURE_NONE while pcscd answers; there are no readers otherwise */
} WatchPicture;

/* Called on the main thread, with a whole picture whenever anything has changed, and after each
 * reader_watch_look(). */
typedef void (*WatchCallback)(const WatchPicture *picture, void *userdata);

/* Starts at once, without waiting for pcscd. */
int reader_watch_new(sd_event *event, WatchCallback callback, void *userdata, ReaderWatch **ret);

/* Ends the thread; the callback is not called any more. Not from within the callback. */
ReaderWatch *reader_watch_free(ReaderWatch *watch);
DEFINE_CLEANUP(ReaderWatch *, reader_watch_free)

/* Has every reader looked at now. pcscd wakes nobody when a reader is taken exclusively, only when one
 * that was known to be is free again (SCardGetStatusChange() in winscard_clnt.c): so call it when a reader
 * turns out to be held. Never blocks. */
void reader_watch_look(ReaderWatch *watch);

#endif
