/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only thread of the daemon that asks pcscd for its readers' states: the library of pcscd before 2.0
 * keeps them in one buffer for all threads (readerStates[] in winscard_clnt.c). It sends the main thread
 * whole pictures, so that one that was missed is made good by the next. */
#include "card/reader-watch.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/worker.h"
#include "card/pcsc.h"
#include "card/pcscd-socket.h"

/* Stands for "a reader has come or gone". In C's spelling it is \\?PnP?\Notification with two backslashes
 * in front. */
#define PLUG_READER "\\\\?PnP?\\Notification"

/* How long is waited for a change before the readers are listed again: the pseudo reader counts readers from when it is
 * asked, so one that comes between our listing and the asking goes unnoticed. Readers attached together come within the
 * first of these times after one another; the last is for one that comes alone in those microseconds. It is not
 * INFINITE, at which the library wakes every minute (SCardGetStatusChange() in winscard_clnt.c): for any other time it
 * sleeps once. */
static const DWORD patience_ms[] = { 1000, 10000, 3600000 };

enum {
        LISTINGS_MAX = 16,
        CANCEL_AGAIN_MS = 50,
};

typedef struct Entry {
        char *name;
        SCARD_READERSTATE state;
        unsigned generation;
        bool listed;
} Entry;

struct ReaderWatch {
        Worker *thread;    /* one task: watch_run() */
        Worker *canceller; /* its tasks: watch_interrupt() */
        WatchCallback callback;
        void *userdata;
        int stop; /* eventfd: the thread shall end */

        pthread_mutex_t mutex; /* guards the following */
        pthread_cond_t heard;
        SCARDCONTEXT context; /* 0: none */
        bool look;            /* wanted, and not yet begun */
        bool stopping;
        bool ended;

        /* The watching thread's own. */
        Entry *entries;
        size_t count;
        DWORD plug_state;
        unsigned generations;
        bool vanished; /* a reader was listed and gone when asked for: the next listing says what became of it */
};

/* A picture on its way to the main thread. */
typedef struct Posted {
        ReaderWatch *watch;
        WatchPicture picture;
} Posted;

static void posted_free(Posted *posted) {
        for (size_t i = 0; i < posted->picture.count; i++) {
                free(posted->picture.readers[i].name);
                bytes_done(&posted->picture.readers[i].atr);
        }

        free(posted->picture.readers);
        failure_done(&posted->picture.trouble);
        free(posted);
}

static void posted_deliver(void *argument) {
        Posted *posted = argument;
        bool stopping;

        pthread_mutex_lock(&posted->watch->mutex);
        stopping = posted->watch->stopping;
        pthread_mutex_unlock(&posted->watch->mutex);
        if (!stopping)
                posted->watch->callback(&posted->picture, posted->watch->userdata);

        posted_free(posted);
}

static int watched_fill(WatchedReader *reader, const Entry *entry) {
        DWORD state = entry->state.dwEventState;

        reader->generation = entry->generation;
        reader->present = state & SCARD_STATE_PRESENT;
        reader->mute = state & SCARD_STATE_MUTE;
        reader->exclusive = state & SCARD_STATE_EXCLUSIVE;
        reader->events = (uint16_t) (state >> 16);
        reader->name = strdup(entry->name);
        if (!reader->name)
                return -ENOMEM;

        return bytes_assign(&reader->atr, SPAN(entry->state.rgbAtr,
                                               MIN_OF(entry->state.cbAtr, sizeof(entry->state.rgbAtr))));
}

/* Sends the picture of the entries, or of a trouble, which is taken over. Without memory the next one will
 * do. */
static void watch_post(ReaderWatch *watch, Failure *trouble, bool refused) {
        Posted *posted;
        int r = 0;

        posted = new0(Posted, 1);
        if (!posted)
                return;

        posted->watch = watch;
        posted->picture.refused = refused;
        if (trouble)
                failure_move(&posted->picture.trouble, trouble);

        posted->picture.readers = new0(WatchedReader, watch->count + 1);
        if (!posted->picture.readers)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < watch->count; i++)
                r = watched_fill(&posted->picture.readers[posted->picture.count++], watch->entries + i);

        if (r < 0 || worker_post(watch->thread, posted_deliver, posted) < 0)
                posted_free(posted);
}

static void entries_clear(ReaderWatch *watch) {
        for (size_t i = 0; i < watch->count; i++)
                free(watch->entries[i].name);

        free(watch->entries);
        watch->entries = NULL;
        watch->count = 0;
}

static Entry *entry_find(ReaderWatch *watch, const char *name) {
        for (size_t i = 0; i < watch->count; i++)
                if (streq(watch->entries[i].name, name))
                        return watch->entries + i;

        return NULL;
}

static int entry_add(ReaderWatch *watch, const char *name) {
        Entry *entries;

        entries = reallocarray(watch->entries, watch->count + 1, sizeof(Entry));
        if (!entries)
                return -ENOMEM;

        watch->entries = entries;
        entries[watch->count] =
                (Entry){ .name = strdup(name), .generation = ++watch->generations, .listed = true };
        if (!entries[watch->count].name)
                return -ENOMEM;

        watch->count++;
        return 0;
}

/* Holds the entries against a multi-string of names. Returns whether any came or went. */
static int entries_update(ReaderWatch *watch, const char *names) {
        bool changed = false;
        size_t kept = 0;
        int r;

        for (size_t i = 0; i < watch->count; i++)
                watch->entries[i].listed = false;

        for (const char *name = names; name && *name; name += strlen(name) + 1) {
                Entry *entry = entry_find(watch, name);

                if (entry) {
                        entry->listed = true;
                        continue;
                }

                changed = true;
                r = entry_add(watch, name);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < watch->count; i++) {
                if (watch->entries[i].listed) {
                        watch->entries[kept++] = watch->entries[i];
                        continue;
                }

                free(watch->entries[i].name);
                changed = true;
        }

        watch->count = kept;
        return changed;
}

/* Lists until two listings agree. Returns 0 and whether any reader came or went, or pcscd's code. */
static LONG watch_list(ReaderWatch *watch, SCARDCONTEXT context, bool *ret_changed) {
        *ret_changed = watch->vanished;
        watch->vanished = false;

        for (unsigned i = 0; i < LISTINGS_MAX; i++) {
                DWORD size = SCARD_AUTOALLOCATE;
                char *names = NULL;
                LONG code;
                int r;

                code = SCardListReaders(context, NULL, (LPSTR) &names, &size);
                if (code == SCARD_E_NO_READERS_AVAILABLE)
                        code = SCARD_S_SUCCESS;
                if (code != SCARD_S_SUCCESS)
                        return code;

                r = entries_update(watch, names);
                if (names)
                        SCardFreeMemory(context, names);
                if (r < 0)
                        return SCARD_E_NO_MEMORY;

                if (r == 0 && i > 0)
                        return SCARD_S_SUCCESS;

                *ret_changed = *ret_changed || r > 0;
        }

        return SCARD_S_SUCCESS;
}

/* Takes what the library has answered into the entries. Returns whether anything is different. */
static bool watch_take(ReaderWatch *watch, const SCARD_READERSTATE *states, bool plug) {
        bool changed = false;

        for (size_t i = 0; i < watch->count; i++) {
                Entry *entry = watch->entries + i;
                DWORD before = entry->state.dwCurrentState,
                      after = states[i].dwEventState & ~(DWORD) SCARD_STATE_CHANGED;

                entry->state = states[i];
                entry->state.dwCurrentState = after;
                changed = changed || before != after;

                /* It was gone when asked for: if the next listing has it, it was plugged in again. */
                if (after & SCARD_STATE_UNKNOWN) {
                        entry->generation = ++watch->generations;
                        entry->state.dwCurrentState = SCARD_STATE_UNAWARE;
                        watch->vanished = true;
                }
        }

        /* pcscd 2.0 and later count the readers' events there, earlier ones leave it 0. */
        if (plug)
                watch->plug_state = states[watch->count].dwEventState & 0xFFFF0000;

        return changed;
}

/* Asks once, and waits for an answer up to timeout. *ret_changed: the entries have changed. */
static LONG watch_ask(ReaderWatch *watch, SCARDCONTEXT context, DWORD timeout, bool *ret_changed) {
        _cleanup_free_ SCARD_READERSTATE *states = new0(SCARD_READERSTATE, watch->count + 1);
        bool plug = true;
        LONG code;

        if (!states)
                return SCARD_E_NO_MEMORY;

        for (size_t i = 0; i < watch->count; i++) {
                states[i] = watch->entries[i].state;
                states[i].szReader = watch->entries[i].name;
        }

        states[watch->count] =
                (SCARD_READERSTATE){ .szReader = PLUG_READER, .dwCurrentState = watch->plug_state };
        code = SCardGetStatusChange(context, timeout, states, watch->count + 1);
        if (code == SCARD_E_INVALID_PARAMETER && watch->count > 0) {
                /* pcscd before 2.5 takes no more than it can have readers: with all of them in use none
                 * can come. */
                plug = false;
                code = SCardGetStatusChange(context, timeout, states, watch->count);
        }

        if (code == SCARD_S_SUCCESS || code == SCARD_E_TIMEOUT)
                *ret_changed = watch_take(watch, states, plug);

        return code;
}

/* Whether a look at every reader was asked for, and whether to stop: only read here, so that SCardCancel() of
 * watch_interrupt() is repeated until it was heard. */
static bool watch_begin_look(ReaderWatch *watch, bool *ret_stopping) {
        bool look;

        pthread_mutex_lock(&watch->mutex);
        look = watch->look;
        watch->look = false;
        *ret_stopping = watch->stopping;
        pthread_cond_broadcast(&watch->heard);
        pthread_mutex_unlock(&watch->mutex);
        return look;
}

/* Watches through one context until that is no good any more. */
static void watch_follow(ReaderWatch *watch, SCARDCONTEXT context) {
        bool untold = true, first = true;
        size_t quiet = 0; /* which of the times of patience_ms */

        for (;;) {
                bool listed, changed = false, stopping, look;
                LONG code;

                look = watch_begin_look(watch, &stopping);
                if (stopping)
                        return;

                code = watch_list(watch, context, &listed);
                if (code != SCARD_S_SUCCESS)
                        return;

                untold = untold || listed || look;
                if (listed)
                        quiet = 0;

                code = watch_ask(watch, context, first || look ? 0 : patience_ms[quiet], &changed);

                /* Waiting was cut short, or a reader went between the listing and the asking: list again. */
                if (code == SCARD_E_CANCELLED || code == SCARD_E_UNKNOWN_READER)
                        continue;

                if (code != SCARD_S_SUCCESS && code != SCARD_E_TIMEOUT)
                        return;

                if (watch->vanished)
                        continue;

                if (untold || changed)
                        watch_post(watch, NULL, false);

                if (code == SCARD_E_TIMEOUT && !first && !look)
                        quiet = MIN_OF(quiet + 1, ELEMENTS(patience_ms) - 1);

                untold = first = false;
        }
}

static void watch_set_context(ReaderWatch *watch, SCARDCONTEXT context) {
        pthread_mutex_lock(&watch->mutex);
        watch->context = context;
        pthread_mutex_unlock(&watch->mutex);
}

static void watch_run(void *userdata) {
        ReaderWatch *watch = userdata;
        bool stopping = false;

        while (!stopping) {
                _cleanup_close_ int socket_watch = pcscd_socket_watch();
                _cleanup_failure_ Failure trouble = {};
                SCARDCONTEXT context = 0;
                bool refused;

                if (pcsc_establish(&context, &refused, &trouble) < 0) {
                        watch_post(watch, &trouble, refused);
                        pcscd_socket_wait(socket_watch, watch->stop, refused);
                } else {
                        watch_set_context(watch, context);
                        watch_follow(watch, context);
                        watch_set_context(watch, 0);
                        SCardReleaseContext(context);
                        entries_clear(watch);
                        watch->plug_state = 0;
                }

                watch_begin_look(watch, &stopping);
        }

        pthread_mutex_lock(&watch->mutex);
        watch->ended = true;
        pthread_cond_broadcast(&watch->heard);
        pthread_mutex_unlock(&watch->mutex);
}

static void watch_nothing(void *userdata _unused_) {
        /* what there is to say was posted */
}

/* Wakes the watching thread. SCardCancel() is lost on a call that is on its way into its wait
 * (`cancellable` in winscard_clnt.c), so it is repeated until the thread was heard of; it may wait for
 * pcscd, so it has its own thread. */
static void watch_interrupt(void *userdata) {
        ReaderWatch *watch = userdata;

        pthread_mutex_lock(&watch->mutex);
        while (!watch->ended && (watch->look || watch->stopping)) {
                SCARDCONTEXT context = watch->context;
                struct timespec end;

                if (context) {
                        pthread_mutex_unlock(&watch->mutex);
                        SCardCancel(context);
                        pthread_mutex_lock(&watch->mutex);
                }

                clock_gettime(CLOCK_REALTIME, &end);
                end.tv_nsec += CANCEL_AGAIN_MS * 1000000L;
                if (end.tv_nsec >= 1000000000L) {
                        end.tv_sec++;
                        end.tv_nsec -= 1000000000L;
                }
                if (!watch->ended && (watch->look || watch->stopping))
                        pthread_cond_timedwait(&watch->heard, &watch->mutex, &end);
        }
        pthread_mutex_unlock(&watch->mutex);
}

void reader_watch_look(ReaderWatch *watch) {
        bool wanted;

        pthread_mutex_lock(&watch->mutex);
        wanted = watch->look;
        watch->look = true;
        pthread_mutex_unlock(&watch->mutex);
        if (!wanted)
                worker_submit(watch->canceller, watch_interrupt, watch_nothing, watch);
}

int reader_watch_new(sd_event *event, WatchCallback callback, void *userdata, ReaderWatch **ret) {
        ReaderWatch *watch;
        int r;

        watch = new0(ReaderWatch, 1);
        if (!watch)
                return -ENOMEM;

        pthread_mutex_init(&watch->mutex, NULL);
        pthread_cond_init(&watch->heard, NULL);
        watch->callback = callback;
        watch->userdata = userdata;
        watch->stop = eventfd(0, EFD_CLOEXEC);
        r = watch->stop < 0 ? -errno : 0;
        if (r >= 0)
                r = worker_new(event, "pcsc-cancel", &watch->canceller);
        if (r >= 0)
                r = worker_new(event, "pcsc-watch", &watch->thread);
        if (r >= 0)
                r = worker_submit(watch->thread, watch_run, watch_nothing, watch);
        if (r < 0) {
                watch->ended = true;
                reader_watch_free(watch);
                return r;
        }

        *ret = watch;
        return 0;
}

ReaderWatch *reader_watch_free(ReaderWatch *watch) {
        static const uint64_t one = 1;

        if (!watch)
                return NULL;

        pthread_mutex_lock(&watch->mutex);
        watch->stopping = true;
        pthread_mutex_unlock(&watch->mutex);
        if (watch->stop >= 0 && write(watch->stop, &one, sizeof(one)) >= 0)
                watch_interrupt(watch);

        worker_free(watch->canceller);
        worker_free(watch->thread);
        entries_clear(watch);
        cleanup_close(&watch->stop);
        pthread_cond_destroy(&watch->heard);
        pthread_mutex_destroy(&watch->mutex);
        free(watch);
        return NULL;
}
