/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connection and transaction of one reader's thread. SCardStatus(), SCardListReaders() and
 * SCardGetStatusChange() are not used here: the library of pcscd before 2.0 keeps their answers in one
 * buffer for all threads (readerStates[] in its winscard_clnt.c), which is reader-watch.c's alone. */
#include "card/card-session.h"

#include <pthread.h>
#include <reader.h>
#include <time.h>

#include "card/pcsc-order.h"
#include "card/pcsc.h"

enum {
        RESETS_MAX = 4, /* resets by others between connecting and the transaction's begin */
        CLA_CHAINING = 0x10,
        INS_GET_RESPONSE = 0xC0,
        STATUS_WORD_SIZE = 2,
};

struct CardGate {
        atomic_uint references;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool closed;
};

/* A connection being made. pcscd keeps SCardConnect() waiting for as long as another program's transaction
 * lasts, and nothing can call it back (SCardConnect() in pcscd's winscard.c, "wait until a possible
 * transaction is finished"). So a thread of its own makes it; who waits may leave, and the thread then
 * closes what it gets in the end. */
typedef struct Opening {
        CardGate *gate; /* its mutex guards finished and abandoned */
        char *reader;   /* the PC/SC name */
        char *name;     /* for messages */
        bool direct;
        bool finished;  /* it is the waiting one's now */
        bool abandoned; /* it is the thread's */
        int r;
        Failure failure;
        SCARDCONTEXT context;
        bool established;
        SCARDHANDLE card;
        bool connected;
        DWORD protocol;
} Opening;

struct CardSession {
        Opening *opening; /* finished: nobody else's any more */
        const atomic_bool *cancel;
        bool within_command; /* the APDU before was one that another must follow */
};

int card_gate_new(CardGate **ret) {
        pthread_condattr_t attributes;
        CardGate *gate;

        gate = new0(CardGate, 1);
        if (!gate)
                return -ENOMEM;

        atomic_init(&gate->references, 1);
        pthread_mutex_init(&gate->mutex, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&gate->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        *ret = gate;
        return 0;
}

CardGate *card_gate_ref(CardGate *gate) {
        atomic_fetch_add(&gate->references, 1);
        return gate;
}

CardGate *card_gate_unref(CardGate *gate) {
        if (!gate || atomic_fetch_sub(&gate->references, 1) > 1)
                return NULL;

        pthread_cond_destroy(&gate->changed);
        pthread_mutex_destroy(&gate->mutex);
        free(gate);
        return NULL;
}

void card_gate_close(CardGate *gate) {
        pthread_mutex_lock(&gate->mutex);
        gate->closed = true;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->mutex);
}

void card_gate_wake(CardGate *gate) {
        pthread_mutex_lock(&gate->mutex);
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->mutex);
}

static bool card_gate_is_closed(CardGate *gate) {
        bool closed;

        pthread_mutex_lock(&gate->mutex);
        closed = gate->closed;
        pthread_mutex_unlock(&gate->mutex);
        return closed;
}

/* Ends what was opened. SCardEndTransaction() resets while the lock is still ours, so that no other
 * program meets an authenticated card; where it fails, disconnecting unlocks (RFUnlockAllSharing() in
 * pcscd's readerfactory.c). */
static void opening_free(Opening *opening, bool reset) {
        if (opening->connected) {
                if (!opening->direct)
                        PCSC_USE(SCardEndTransaction(opening->card,
                                                     reset ? SCARD_RESET_CARD : SCARD_LEAVE_CARD));
                PCSC_CHANGE(SCardDisconnect(opening->card, SCARD_LEAVE_CARD));
        }
        if (opening->established)
                PCSC_CHANGE(SCardReleaseContext(opening->context));

        failure_done(&opening->failure);
        card_gate_unref(opening->gate);
        free(opening->reader);
        free(opening->name);
        free(opening);
}

static LONG opening_reconnect(Opening *opening, DWORD initialization) {
        return PCSC_USE(SCardReconnect(opening->card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, initialization,
                                       &opening->protocol));
}

static int opening_fail(const Opening *opening, LONG code, Failure *failure) {
        int r;

        r = pcsc_failure(code, opening->name, failure);
        if (r != -ECONNRESET)
                return r;

        return failure_set(
                failure, FAILURE_READER_BUSY,
                "Another program resets the card in the reader \"%s\" again and again; close that program.",
                opening->name);
}

/* Connects and locks. A reset by whoever had the card before is not ours to mind: nothing was done with it
 * yet. */
static int opening_connect(Opening *opening, Failure *failure) {
        LONG code;
        int r;

        r = pcsc_establish(&opening->context, NULL, failure);
        if (r < 0)
                return r;

        opening->established = true;
        code = PCSC_CHANGE(SCardConnect(
                opening->context, opening->reader, opening->direct ? SCARD_SHARE_DIRECT : SCARD_SHARE_SHARED,
                opening->direct ? 0 : SCARD_PROTOCOL_ANY, &opening->card, &opening->protocol));
        if (code != SCARD_S_SUCCESS)
                return opening_fail(opening, code, failure);

        opening->connected = true;
        if (opening->direct)
                return 0;

        code = PCSC_USE(SCardBeginTransaction(opening->card));
        for (unsigned i = 0; code == SCARD_W_RESET_CARD && i < RESETS_MAX; i++) {
                code = opening_reconnect(opening, SCARD_LEAVE_CARD);
                if (code == SCARD_S_SUCCESS)
                        code = PCSC_USE(SCardBeginTransaction(opening->card));
        }

        return code == SCARD_S_SUCCESS ? 0 : opening_fail(opening, code, failure);
}

static void *opening_thread(void *userdata) {
        Opening *opening = userdata;
        CardGate *gate = opening->gate;
        bool abandoned;

        opening->r = opening_connect(opening, &opening->failure);

        pthread_mutex_lock(&gate->mutex);
        abandoned = opening->abandoned;
        opening->finished = true;
        if (!abandoned)
                pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->mutex);

        if (abandoned)
                opening_free(opening, false);

        return NULL;
}

static int opening_start(const CardSessionRequest *request, Opening **ret) {
        pthread_attr_t attributes;
        pthread_t thread;
        Opening *opening;
        int r;

        opening = new0(Opening, 1);
        if (!opening)
                return -ENOMEM;

        opening->gate = card_gate_ref(request->gate);
        opening->direct = request->direct;
        opening->reader = strdup(request->reader);
        opening->name = strdup(request->name);
        r = opening->reader && opening->name ? 0 : ENOMEM;
        if (r == 0) {
                pthread_attr_init(&attributes);
                pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
                r = pthread_create(&thread, &attributes, opening_thread, opening);
                pthread_attr_destroy(&attributes);
        }
        if (r != 0) {
                opening_free(opening, false);
                return -r;
        }

        *ret = opening;
        return 0;
}

static struct timespec patience_end(void) {
        struct timespec end;

        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += CARD_SESSION_PATIENCE / 1000;
        end.tv_nsec += CARD_SESSION_PATIENCE % 1000 * 1000000L;
        if (end.tv_nsec >= 1000000000L) {
                end.tv_sec++;
                end.tv_nsec -= 1000000000L;
        }

        return end;
}

/* Waits, with the gate's mutex held, until the opening is finished or there is a reason to leave it. */
static int opening_wait(Opening *opening, const CardSessionRequest *request, Failure *failure) {
        CardGate *gate = opening->gate;
        struct timespec end = patience_end();
        bool patient = true;

        while (!opening->finished) {
                if (gate->closed)
                        return pcsc_failure(SCARD_E_READER_UNAVAILABLE, request->name, failure);

                if (request->cancel && atomic_load(request->cancel))
                        return pcsc_failure(SCARD_E_CANCELLED, request->name, failure);

                if (!patient) {
                        pthread_cond_wait(&gate->changed, &gate->mutex);
                        continue;
                }

                if (pthread_cond_timedwait(&gate->changed, &gate->mutex, &end) != ETIMEDOUT ||
                    opening->finished)
                        continue;

                if (!request->waiting)
                        return pcsc_failure(SCARD_E_SHARING_VIOLATION, request->name, failure);

                patient = false;
                pthread_mutex_unlock(&gate->mutex);
                request->waiting(request->userdata);
                pthread_mutex_lock(&gate->mutex);
        }

        return 0;
}

int card_session_open(const CardSessionRequest *request, CardSession **ret, Failure *failure) {
        CardSession *session;
        Opening *opening = NULL;
        int r;

        r = opening_start(request, &opening);
        if (r < 0)
                return failure_no_memory(failure);

        pthread_mutex_lock(&request->gate->mutex);
        r = opening_wait(opening, request, failure);
        opening->abandoned = r < 0;
        pthread_mutex_unlock(&request->gate->mutex);
        if (r < 0)
                return r;

        session = opening->r < 0 ? NULL : new0(CardSession, 1);
        if (!session) {
                r = opening->r < 0 ? opening->r : failure_no_memory(failure);
                if (!failure_is_set(failure))
                        failure_move(failure, &opening->failure);
                opening_free(opening, false);
                return r;
        }

        session->opening = opening;
        session->cancel = request->cancel;
        *ret = session;
        return 0;
}

CardSession *card_session_close(CardSession *session, bool reset) {
        if (!session)
                return NULL;

        opening_free(session->opening, reset);
        free(session);
        return NULL;
}

/* An exchange that failed in the reader's driver (vsmartcard's gives an empty response then): the card was
 * taken out, or contact was bad for a moment. pcscd learns of a removal only when it asks the reader next,
 * up to 400 ms later; a reset tells now. A card that takes it has lost its state, which is -ECONNRESET;
 * what SCardEndTransaction() says of a removal afterwards is the same event. */
static int session_recover(CardSession *session, Failure *failure) {
        LONG code;

        code = opening_reconnect(session->opening, SCARD_RESET_CARD);
        if (code == SCARD_S_SUCCESS)
                return -ECONNRESET;

        return pcsc_failure(pcsc_is_mute(code) ? SCARD_W_REMOVED_CARD : code, session->opening->name,
                            failure);
}

static const SCARD_IO_REQUEST *session_protocol(const CardSession *session) {
        return session->opening->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
}

/* Commands in a chain, and GET RESPONSE, belong to the command before: none is stopped in its middle. */
static int session_may_send(CardSession *session, Span command, Failure *failure) {
        bool continues =
                session->within_command || (command.size >= 2 && command.data[1] == INS_GET_RESPONSE);

        session->within_command =
                command.size >= 1 && command.data[0] != 0xFF && command.data[0] & CLA_CHAINING;
        if (continues)
                return 0;

        if (session->cancel && atomic_load(session->cancel))
                return pcsc_failure(SCARD_E_CANCELLED, session->opening->name, failure);

        if (card_gate_is_closed(session->opening->gate))
                return pcsc_failure(SCARD_E_READER_UNAVAILABLE, session->opening->name, failure);

        return 0;
}

int card_session_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        CardSession *session = userdata;
        DWORD received = *size;
        LONG code;
        int r;

        r = session_may_send(session, command, failure);
        if (r < 0)
                return r;

        code = PCSC_USE(SCardTransmit(session->opening->card, session_protocol(session), command.data,
                                      command.size, NULL, response, &received));
        if (code == SCARD_S_SUCCESS && received >= STATUS_WORD_SIZE) {
                *size = received;
                return 0;
        }

        session->within_command = false;

        /* Another program's SCardDisconnect() with a reset, begun before our connection, forgets the card's protocol
         * when it ends (winscard.c of pcsc-lite 1.9.9): it is agreed upon again by a reconnection, as after any
         * reset. */
        if (code == SCARD_E_PROTO_MISMATCH)
                return -ECONNRESET;

        if (code == SCARD_S_SUCCESS || code == SCARD_E_NOT_TRANSACTED || code == SCARD_E_COMM_DATA_LOST)
                return session_recover(session, failure);

        return pcsc_failure(code, session->opening->name, failure);
}

static int session_reconnect_with(CardSession *session, DWORD initialization, Failure *failure) {
        LONG code;

        session->within_command = false;
        code = opening_reconnect(session->opening, initialization);
        if (code == SCARD_S_SUCCESS)
                return 0;

        return opening_fail(session->opening, pcsc_is_mute(code) ? SCARD_W_REMOVED_CARD : code, failure);
}

int card_session_reconnect(CardSession *session, Failure *failure) {
        return session_reconnect_with(session, SCARD_LEAVE_CARD, failure);
}

int card_session_reset(CardSession *session, Failure *failure) {
        return session_reconnect_with(session, SCARD_UNPOWER_CARD, failure);
}

bool card_session_is_t0(const CardSession *session) {
        return session->opening->protocol == SCARD_PROTOCOL_T0;
}

int card_session_atr(const CardSession *session, Bytes *ret) {
        uint8_t atr[MAX_ATR_SIZE];
        DWORD size = sizeof(atr);

        if (PCSC_USE(SCardGetAttrib(session->opening->card, SCARD_ATTR_ATR_STRING, atr, &size)) !=
            SCARD_S_SUCCESS)
                size = 0;

        return bytes_assign(ret, SPAN(atr, MIN_OF(size, sizeof(atr))));
}

uint32_t card_session_channel(const CardSession *session) {
        uint32_t channel = 0;
        DWORD size = sizeof(channel);

        if (PCSC_USE(SCardGetAttrib(session->opening->card, SCARD_ATTR_CHANNEL_ID, (LPBYTE) &channel,
                                    &size)) != SCARD_S_SUCCESS ||
            size != sizeof(channel))
                return 0;

        return channel;
}
