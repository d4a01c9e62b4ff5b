/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The desk as one more program that uses PC/SC: it looks at readers and cards, holds one, resets one, and sends plain
 * commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../card-sim/hex.h"
#include "inside.h"

#define READER_LIST_MAX (PLUG_READERS_MAX * (MAX_READERNAME + 1) + 1)
#define ANSWER_MAX      65538
/* How long to sleep at most before looking at pcscd's list again: its pseudo reader misses what changes between
 * SCardListReaders() and SCardGetStatusChange() (pcsc-lite 1.9.9). */
#define LIST_AGAIN 20

static void expect(Desk *desk, LONG r, const char *what) {
        if (r != SCARD_S_SUCCESS)
                desk_fail(desk, "%s: %s", what, pcsc_stringify_error(r));
}

SCARDCONTEXT pcsc_context(Desk *desk) {
        if (!desk->pcsc)
                expect(desk, SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &desk->pcsc), "pcscd");
        return desk->pcsc;
}

void pcsc_forget(Desk *desk) {
        for (unsigned slot = 0; slot < desk->slot_count; slot++) {
                if (desk->slots[slot].holder)
                        SCardReleaseContext(desk->slots[slot].holder);
                desk->slots[slot].holder = 0;
        }
        if (desk->pcsc)
                SCardReleaseContext(desk->pcsc);
        desk->pcsc = 0;
}

/* The reader's place is known by the serial number in its name. */
static bool find_reader(Desk *desk, unsigned slot) {
        char list[READER_LIST_MAX], serial[16];
        DWORD length = sizeof(list);
        LONG r = SCardListReaders(pcsc_context(desk), NULL, list, &length);

        if (r == SCARD_E_NO_READERS_AVAILABLE)
                return false;
        expect(desk, r, "the list of readers");
        snprintf(serial, sizeof(serial), "(%02u)", slot + 1);
        for (const char *name = list; *name; name += strlen(name) + 1)
                if (strstr(name, serial)) {
                        snprintf(desk->slots[slot].name, sizeof(desk->slots[slot].name), "%.*s",
                                 (int) sizeof(desk->slots[slot].name) - 1, name);
                        return true;
                }
        return false;
}

const char *desk_reader_name(Desk *desk, unsigned slot) {
        (void) find_reader(desk, slot);
        return desk->slots[slot].name;
}

void desk_wait_reader(Desk *desk, unsigned slot, bool plugged) {
        while (find_reader(desk, slot) != plugged) {
                SCARD_READERSTATE state = { .szReader = "\\\\?PnP?\\Notification" };
                LONG r = SCardGetStatusChange(pcsc_context(desk), LIST_AGAIN, &state, 1);

                if (desk_time_left(desk) == 0)
                        desk_fail(desk, "waited in vain for reader %u to be %s", slot,
                                  plugged ? "there" : "gone");
                if (r != SCARD_E_TIMEOUT)
                        expect(desk, r, "waiting for a reader");
        }
}

typedef enum Seen {
        SEEN_NOTHING,
        SEEN_CARD,
        SEEN_MUTE,
} Seen;

static bool is_seen(const SCARD_READERSTATE *state, Seen what) {
        switch (what) {
        case SEEN_NOTHING:
                return state->dwEventState & SCARD_STATE_EMPTY;
        case SEEN_CARD:
                return (state->dwEventState & SCARD_STATE_PRESENT) && state->cbAtr > 0;
        case SEEN_MUTE:
                return state->dwEventState & SCARD_STATE_MUTE;
        }
        return false;
}

static SCARD_READERSTATE wait_state(Desk *desk, unsigned slot, Seen what) {
        static const char *const words[] = { "no card", "a card", "a mute card" };
        SCARD_READERSTATE state = { .szReader = desk_reader_name(desk, slot),
                                    .dwCurrentState = SCARD_STATE_UNAWARE };

        for (;;) {
                LONG r = SCardGetStatusChange(pcsc_context(desk), (DWORD) desk_time_left(desk), &state, 1);

                if (r == SCARD_E_TIMEOUT)
                        desk_fail(desk, "waited in vain for %s in slot %u", words[what], slot);
                expect(desk, r, "waiting for a card");
                if (is_seen(&state, what))
                        return state;
                state.dwCurrentState = state.dwEventState & ~(DWORD) SCARD_STATE_CHANGED;
        }
}

void desk_wait_card(Desk *desk, unsigned slot, bool present) {
        (void) wait_state(desk, slot, present ? SEEN_CARD : SEEN_NOTHING);
}

void desk_wait_mute(Desk *desk, unsigned slot) {
        (void) wait_state(desk, slot, SEEN_MUTE);
}

char *desk_atr(Desk *desk, unsigned slot) {
        SCARD_READERSTATE state = wait_state(desk, slot, SEEN_CARD);
        char *text = malloc(2 * MAX_ATR_SIZE + 1);

        return text ? hex_write(state.rgbAtr, state.cbAtr, text) : NULL;
}

static SCARDHANDLE connect_to(Desk *desk, SCARDCONTEXT context, unsigned slot, DWORD mode, DWORD *protocol) {
        SCARDHANDLE card;

        expect(desk,
               SCardConnect(context, desk_reader_name(desk, slot), mode,
                            SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, protocol),
               "connecting to a card");
        return card;
}

void desk_hold_reader_exclusively(Desk *desk, unsigned slot) {
        DeskSlot *where = &desk->slots[slot];
        DWORD protocol;

        expect(desk, SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &where->holder), "pcscd");
        where->held = connect_to(desk, where->holder, slot, SCARD_SHARE_EXCLUSIVE, &protocol);
}

void desk_release_reader(Desk *desk, unsigned slot) {
        DeskSlot *where = &desk->slots[slot];

        if (!where->holder)
                desk_fail(desk, "nobody holds the reader");
        SCardDisconnect(where->held, SCARD_LEAVE_CARD);
        SCardReleaseContext(where->holder);
        where->holder = 0;
}

void desk_reset_card(Desk *desk, unsigned slot) {
        DWORD protocol;
        SCARDHANDLE card = connect_to(desk, pcsc_context(desk), slot, SCARD_SHARE_SHARED, &protocol);

        expect(desk, SCardDisconnect(card, SCARD_RESET_CARD), "resetting a card");
}

char *desk_transmit(Desk *desk, unsigned slot, const char *const *commands, size_t count) {
        static uint8_t command[ANSWER_MAX], answer[ANSWER_MAX];
        DWORD protocol, length = 0;
        SCARDHANDLE card = connect_to(desk, pcsc_context(desk), slot, SCARD_SHARE_SHARED, &protocol);
        char *text;

        expect(desk, SCardBeginTransaction(card), "a transaction");
        for (size_t i = 0; i < count; i++) {
                ssize_t size = hex_read(commands[i], command, sizeof(command));

                if (size < 0)
                        desk_fail(desk, "not a command: %s", commands[i]);
                length = sizeof(answer);
                expect(desk,
                       SCardTransmit(card, protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1,
                                     command, (DWORD) size, NULL, answer, &length),
                       commands[i]);
        }
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
        SCardDisconnect(card, SCARD_LEAVE_CARD);
        text = malloc(2 * length + 1);
        return text ? hex_write(answer, length, text) : NULL;
}

bool desk_transmit_fails(Desk *desk, unsigned slot, const char *command) {
        uint8_t bytes[ANSWER_MAX], answer[ANSWER_MAX];
        DWORD protocol, length = sizeof(answer);
        ssize_t size = hex_read(command, bytes, sizeof(bytes));
        SCARDHANDLE card;
        LONG r;

        if (size < 0)
                desk_fail(desk, "not a command: %s", command);
        r = SCardConnect(pcsc_context(desk), desk_reader_name(desk, slot), SCARD_SHARE_SHARED,
                         SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);
        if (r != SCARD_S_SUCCESS)
                return true;
        r = SCardTransmit(card, protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1, bytes,
                          (DWORD) size, NULL, answer, &length);
        SCardDisconnect(card, SCARD_LEAVE_CARD);
        return r != SCARD_S_SUCCESS;
}
