/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card in a reader: inserted, powered, reset, spoken to, pulled. */
#include "slot.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hex.h"
#include "plug.h"
#include "qemu.h"
#include "state.h"
#include "vpcd.h"

void slot_note(Slot *slot, const char *format, ...) {
        va_list arguments;

        if (!slot->trace)
                return;
        va_start(arguments, format);
        vfprintf(slot->trace, format, arguments);
        va_end(arguments);
        fputc('\n', slot->trace);
        fflush(slot->trace);
}

static void note_bytes(Slot *slot, char direction, const uint8_t *bytes, size_t length) {
        char *text;

        if (!slot->trace)
                return;
        text = malloc(2 * length + 1);
        if (text)
                slot_note(slot, "%c %s", direction, hex_write(bytes, length, text));
        free(text);
}

static void tell_driver(Slot *slot) {
        if (slot->plug)
                plug_send(slot->plug, "reader", slot->reader, "!");
}

static int line_connect(Slot *slot) {
        uint8_t atr[CARD_ATR_MAX];

        if (!slot->qemu)
                return vpcd_connect(slot->port);
        return qemu_connect(slot->qemu, atr, card_atr(slot->card, atr));
}

static int line_send(Slot *slot, const uint8_t *bytes, size_t length) {
        return slot->qemu ? qemu_send(slot->line, bytes, length) : vpcd_send(slot->line, bytes, length);
}

static void disconnect(Slot *slot) {
        if (slot->line < 0)
                return;
        if (slot->qemu)
                qemu_remove(slot->line);
        close(slot->line);
        slot->line = -1;
        slot->held = false; /* nobody is left to answer to */
        tell_driver(slot);
}

void slot_power(Slot *slot) {
        if (!slot->card)
                return;
        disconnect(slot);
        card_reset(slot->card);
        slot->line = line_connect(slot);
        if (slot->line >= 0)
                tell_driver(slot);
}

int slot_insert(Slot *slot, const char *path) {
        int r;

        if (slot->card)
                return -EBUSY;
        r = state_load(path, &slot->card);
        if (r < 0)
                return r;
        slot->card->flip = slot->flip;
        slot->card->repeats = slot->repeats;
        slot_note(slot, "# inserted %s", path);
        slot_power(slot);
        return 0;
}

void slot_remove(Slot *slot) {
        if (!slot->card)
                return;
        slot_note(slot, "# removed");
        card_free(slot->card);
        slot->card = NULL;
        disconnect(slot);
}

static void unplug(Slot *slot) {
        slot_note(slot, "# reader unplugged");
        if (slot->plug)
                plug_out(slot->plug, slot->reader);
        disconnect(slot);
}

/* A card takes its time, and so does this one when a test asks for it. */
static void take_time(unsigned milliseconds) {
        struct timespec time = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L };

        while (milliseconds > 0 && nanosleep(&time, &time) < 0 && errno == EINTR)
                continue;
}

static bool falls_due(Mishap *mishap) {
        bool due = mishap->in == 1;

        if (mishap->in > 0 && !(due && mishap->ever))
                mishap->in--;
        return due;
}

/* The mishaps of this moment; true when nobody is left to answer to. */
static bool interrupted(Slot *slot, bool removal, bool unplugging, bool after) {
        if (unplugging && slot->unplugging.after == after) {
                unplug(slot);
                return true;
        }
        if (removal && slot->removal.after == after) {
                slot_remove(slot);
                return true;
        }
        return false;
}

static Response response; /* large, and used by one card at a time */

static void answer(Slot *slot) {
        uint8_t trailer[2] = { (uint8_t) (response.status >> 8), (uint8_t) response.status };

        if (response.length > VPCD_MESSAGE_MAX - sizeof(trailer))
                response.length = VPCD_MESSAGE_MAX - sizeof(trailer);
        response_append(&response, trailer, sizeof(trailer));
        take_time(slot->delay);
        note_bytes(slot, '<', response.data, response.length);
        if (line_send(slot, response.data, response.length) < 0)
                disconnect(slot);
}

static void carry_out(Slot *slot, const uint8_t *apdu, size_t length) {
        int r;

        if (falls_due(&slot->failure)) {
                response.length = 0;
                response.status = slot->failure.status;
                return;
        }
        card_transmit(slot->card, apdu, length, &response);
        r = slot->card->changed ? state_save(slot->card) : 0;
        if (r < 0)
                slot_note(slot, "# not saved: error %d", -r);
}

static bool hold(Slot *slot, size_t length) {
        slot_note(slot, "# held %s", length > 0 ? "before" : "after");
        slot->held = true;
        slot->held_length = length;
        return true;
}

static void serve_apdu(Slot *slot, const uint8_t *apdu, size_t length) {
        bool removal = falls_due(&slot->removal), unplugging = falls_due(&slot->unplugging);
        bool holding = falls_due(&slot->hold);

        slot->count++;
        note_bytes(slot, '>', apdu, length);
        if (interrupted(slot, removal, unplugging, false))
                return;
        if (holding && !slot->hold.after && hold(slot, length))
                return;

        carry_out(slot, apdu, length);
        if (interrupted(slot, removal, unplugging, true))
                return;
        if (holding && hold(slot, 0))
                return;

        answer(slot);
}

static void serve_control(Slot *slot, uint8_t code) {
        uint8_t atr[CARD_ATR_MAX];
        size_t length;

        switch (code) {
        case VPCD_POWER_OFF:
        case VPCD_POWER_ON:
        case VPCD_RESET:
                slot_note(slot, "# %s",
                          code == VPCD_RESET      ? "reset"
                          : code == VPCD_POWER_ON ? "power on"
                                                  : "power off");
                card_reset(slot->card);
                return;
        case VPCD_ATR:
                length = card_atr(slot->card, atr);
                if (line_send(slot, atr, length) < 0)
                        disconnect(slot);
                return;
        }
}

static uint8_t message[VPCD_MESSAGE_MAX]; /* from the reader; a command that is held stays in it */

void slot_release(Slot *slot) {
        size_t length = slot->held_length;

        if (!slot->held)
                return;
        slot->held = false;
        if (!slot->card || slot->line < 0)
                return;
        if (length > 0)
                carry_out(slot, message, length);
        answer(slot);
}

void slot_serve(Slot *slot) {
        ssize_t length = slot->qemu ? qemu_receive(slot->line, message) : vpcd_receive(slot->line, message);

        if (length == -EAGAIN)
                return;
        if (length <= 0) { /* the reader is gone; the card stays in it */
                disconnect(slot);
                card_reset(slot->card);
                return;
        }
        if (length == 1 && !slot->qemu)
                serve_control(slot, message[0]);
        else
                serve_apdu(slot, message, (size_t) length);
}
