/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at a card on its reader's thread, for the reader's own state or for a caller who asked, and
 * leaving it as it was found. What is read, and how, is readout_card()'s. */
#include "card/pcsc.h"
#include "card/reader-private.h"
#include "card/readout.h"
#include "card/usb-device.h"

enum { RESETS_MAX = 3 }; /* of one card by other programs, while it is looked at */

/* One look. All of it is the worker's between submitting and done. */
typedef struct Probe {
        Reader *reader; /* for the main thread; the worker reads what does not change, and `sequence` */
        Catalogue *catalogue;
        KeyRing *keys;
        uint64_t sequence; /* which card is meant */
        CardReadDone done; /* NULL: for the reader's state */
        void *userdata;
        bool want_device;
        bool skipped; /* that card is not there any more */
        bool mute;
        UsbDevice device;
        Bytes atr;
        CardFacts facts;
        Failure failure;
} Probe;

static void probe_free(Probe *probe) {
        catalogue_unref(probe->catalogue);
        key_ring_unref(probe->keys);
        usb_device_done(&probe->device);
        bytes_done(&probe->atr);
        card_facts_done(&probe->facts);
        failure_done(&probe->failure);
        free(probe);
}

void card_facts_done(CardFacts *facts) {
        reads_done(&facts->reads);
        free(facts->type);
        string_erase(facts->id);
        bytes_done(&facts->serial);
        *facts = (CardFacts){};
}

int reader_read_card(CardSession *session, const Catalogue *catalogue, const KeyRing *keys,
                     Transport *transport, Span atr, CardFacts *ret, Failure *failure) {
        int r = -ECONNRESET;

        for (unsigned i = 0; r == -ECONNRESET && i <= RESETS_MAX; i++) {
                if (i > 0) {
                        r = card_session_reconnect(session, failure);
                        if (r < 0)
                                return r;
                }

                card_facts_done(ret);
                transport_set_t0(transport, card_session_is_t0(session));
                r = readout_card(catalogue, keys, transport, atr, ret, failure);
        }

        if (r != -ECONNRESET)
                return r;

        return failure_set(
                failure, FAILURE_READER_BUSY,
                "The card was reset again and again while it was read: another program uses it, or its "
                "contacts are bad; close that program, or clean the card and put it in again.");
}

/* On the main thread: a shared hold by another program lasts. */
static void probe_waits(void *userdata) {
        Probe *probe = userdata;
        Reader *reader = probe->reader;

        if (!reader->gone && reader_sequence(reader) == probe->sequence)
                reader_set_busy(reader);
}

/* On the worker. The post comes before the task's end, so that the probe is still there. */
static void probe_waiting(void *userdata) {
        Probe *probe = userdata;

        worker_post(probe->reader->worker, probe_waits, probe);
}

static int probe_session(Probe *probe, CardSession *session) {
        _cleanup_(transport_freep) Transport *transport = NULL;
        _cleanup_bytes_ Bytes atr = {};
        int r;

        if (probe->want_device)
                (void) usb_device_find(card_session_channel(session), &probe->device);

        if (card_session_atr(session, &atr) < 0)
                return failure_no_memory(&probe->failure);

        /* Where the driver does not tell the ATR (vpcd's does not), pcscd's own picture of the reader does. */
        if (atr.size > 0)
                bytes_move(&probe->atr, &atr);

        if (probe->atr.size == 0) /* no card is without: it is looked at again */
                return pcsc_failure(SCARD_W_REMOVED_CARD, probe->reader->name, &probe->failure);

        r = transport_new(card_session_transmit, session, &transport);
        if (r < 0)
                return failure_no_memory(&probe->failure);

        return reader_read_card(session, probe->catalogue, probe->keys, transport, bytes_span(&probe->atr),
                                &probe->facts, &probe->failure);
}

static void probe_run(void *userdata) {
        Probe *probe = userdata;
        CardSessionRequest request = { .gate = probe->reader->gate,
                                       .reader = probe->reader->pcsc_name,
                                       .name = probe->reader->name,
                                       .waiting = probe->done ? NULL : probe_waiting,
                                       .userdata = probe };
        CardSession *session = NULL;
        int r;

        if (atomic_load(&probe->reader->sequence) != probe->sequence) {
                probe->skipped = true;
                pcsc_failure(SCARD_W_REMOVED_CARD, probe->reader->name, &probe->failure);
                return;
        }

        r = card_session_open(&request, &session, &probe->failure);
        if (r < 0) {
                probe->mute = probe->failure.kind == FAILURE_UNKNOWN_CARD_TYPE;
                return;
        }

        probe_session(probe, session);
        card_session_close(session, probe->facts.opened);
}

static ReaderState probe_state(const Probe *probe) {
        if (probe->mute)
                return READER_MUTE;

        if (failure_is_set(&probe->failure))
                return READER_UNKNOWN;

        return probe->facts.blank ? READER_BLANK : probe->facts.id ? READER_READY : READER_UNKNOWN;
}

/* Whether the look says something of the card, and not of its contact in that moment. */
static bool probe_has_result(const Probe *probe, const Reader *reader) {
        return !failure_is_set(&probe->failure) || probe->mute ||
               probe->failure.kind == FAILURE_UNKNOWN_CARD_TYPE ||
               (probe->failure.kind != FAILURE_CARD_GONE && probe->failure.kind != FAILURE_READER_GONE &&
                probe->failure.kind != FAILURE_CANCELLED && reader->doubts >= DOUBTS_MAX);
}

/* What the look means for the reader. A card or reader that has gone is the watch's to tell: it names the
 * moment. */
static void probe_apply(Probe *probe, Reader *reader) {
        ReaderState before = reader->state, after;

        if (probe->failure.kind == FAILURE_READER_BUSY) {
                reader_set_busy(reader);
                return;
        }

        if (!probe_has_result(probe, reader)) {
                reader_doubt(reader);
                return;
        }

        reader->doubts = 0;

        if (probe->atr.size > 0)
                bytes_move(&reader->atr, &probe->atr);

        if (failure_is_set(&probe->failure))
                card_facts_done(&probe->facts);

        after = probe_state(probe);
        reader_set_state(reader, after, after == READER_MUTE ? NULL : &probe->facts);
        if (!probe->done || before == READER_BUSY || before == READER_READING)
                readers_notify_present(reader);
}

static void probe_take_device(Probe *probe, Reader *reader) {
        if (!probe->device.path || reader->device.path || reader->gone)
                return;

        reader->device = probe->device;
        probe->device = (UsbDevice){};
        readers_notify_changed(reader);
}

static void probe_done(void *userdata) {
        Probe *probe = userdata;
        Reader *reader = probe->reader;
        bool current = !reader->gone && !probe->skipped && reader_sequence(reader) == probe->sequence;

        reader->probes--;
        probe_take_device(probe, reader);

        /* The caller first: his facts are the very ones that the state is made of. */
        if (probe->done)
                probe->done(failure_is_set(&probe->failure) ? NULL : &probe->facts, &probe->failure,
                            probe->userdata);

        if (current && !reader->issue && !reader->readers->stopping)
                probe_apply(probe, reader);

        readers_task_ended(reader);
        probe_free(probe);
}

int reader_probe(Reader *reader, CardReadDone done, void *userdata) {
        Probe *probe;
        int r;

        probe = new0(Probe, 1);
        if (!probe)
                return -ENOMEM;

        probe->reader = reader;
        probe->catalogue = catalogue_ref(reader->readers->catalogue);
        probe->keys = key_ring_ref(reader->readers->keys);
        probe->sequence = reader_sequence(reader);
        probe->done = done;
        probe->userdata = userdata;
        probe->want_device = !reader->device.path;
        r = bytes_assign(&probe->atr, bytes_span(&reader->atr));
        if (r >= 0)
                r = worker_submit(reader->worker, probe_run, probe_done, probe);
        if (r < 0) {
                probe_free(probe);
                return r;
        }

        reader->probes++;
        return 0;
}

static void device_run(void *userdata) {
        Probe *probe = userdata;
        CardSessionRequest request = { .gate = probe->reader->gate,
                                       .reader = probe->reader->pcsc_name,
                                       .name = probe->reader->name,
                                       .direct = true };
        CardSession *session = NULL;

        /* Without an answer the path stays unknown until the next look at a card. */
        if (card_session_open(&request, &session, &probe->failure) < 0)
                return;

        (void) usb_device_find(card_session_channel(session), &probe->device);
        card_session_close(session, false);
}

static void device_done(void *userdata) {
        Probe *probe = userdata;

        probe_take_device(probe, probe->reader);
        readers_task_ended(probe->reader);
        probe_free(probe);
}

int reader_probe_device(Reader *reader) {
        Probe *probe;
        int r;

        probe = new0(Probe, 1);
        if (!probe)
                return -ENOMEM;

        probe->reader = reader;
        r = worker_submit(reader->worker, device_run, device_done, probe);
        if (r < 0)
                probe_free(probe);

        return r;
}

int reader_check(const Reader *reader, Failure *failure) {
        if (reader->gone)
                return failure_set(failure, FAILURE_READER_GONE,
                                   "The reader \"%s\" is gone; plug it in again.", reader->name);

        if (reader->issue)
                return failure_set(failure, FAILURE_READER_BUSY,
                                   "A job uses the card in the reader \"%s\"; wait for its end.",
                                   reader->name);

        if (reader->state == READER_EMPTY)
                return failure_set(failure, FAILURE_NO_CARD,
                                   "There is no card in the reader \"%s\"; put one in.", reader->name);

        if (reader->state == READER_BUSY)
                return pcsc_failure(SCARD_E_SHARING_VIOLATION, reader->name, failure);

        if (reader->state == READER_MUTE)
                return pcsc_failure(SCARD_W_UNRESPONSIVE_CARD, reader->name, failure);

        return 0;
}

int reader_read(Reader *reader, CardReadDone done, void *userdata, Failure *failure) {
        int r;

        r = reader_check(reader, failure);
        if (r < 0)
                return r;

        r = reader_probe(reader, done, userdata);
        return r < 0 ? failure_no_memory(failure) : 0;
}
