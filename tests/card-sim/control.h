/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket: what a test does to the slot and the card in it. One line is one command, answered by one
 * line, "ok ..." or "error ...":
 *
 *   insert FILE                    a card into the slot
 *   remove                         and out of it
 *   power                          the reader was plugged in: the card in it is connected (QEMU tells nobody)
 *   state                          ok empty | ok inserted FILE
 *   wait-removed                   answered when the slot is empty
 *   apdu-count                     ok N: APDUs since the program began
 *   remove-at N [before|after]     the card is pulled at the Nth APDU from now, before it is carried out, or after
 *                                  it is, but before its answer is sent; 0 takes it back
 *   unplug-at N [before|after]     the same with the reader
 *   hold-at N [before|after]       the Nth APDU from now is held, and the reader waits, until `release`
 *   wait-held                      answered when an APDU is held
 *   release                        lets it go on
 *   fail-at N SW [ever]            the Nth APDU from now (and all after it) is answered with that status word, not
 *                                  carried out
 *   flip ID OFFSET | flip off      whatever is stored there from now on, in the file or data object of that
 *                                  identifier (hexadecimal), has one bit wrong; in a record file, in every record
 *   delay MS                       each APDU takes that long
 *   repeat [on|off]                after every reset the card draws the same random numbers, so that what was sent to
 *                                  one card can be sent to another that is like it
 *   mute [on|off]                  cards do not answer to reset from now on
 *   trace FILE | trace off         appends a line for each APDU ("> ...", "< ...") and event ("# ...")
 *   quit                           ends the program */
#ifndef CARD_SIM_CONTROL_H
#define CARD_SIM_CONTROL_H

#include <poll.h>

#include "slot.h"

#define CONTROL_CLIENTS_MAX 8
#define CONTROL_LINE_MAX    4096

typedef struct ControlClient {
        int socket; /* -1: free */
        char line[CONTROL_LINE_MAX];
        size_t length;
        bool waits_for_removal, waits_for_hold;
} ControlClient;

typedef struct Control {
        int listener;
        ControlClient clients[CONTROL_CLIENTS_MAX];
        bool quit;
} Control;

/* Listens on that path. Returns 0 or a negative errno. */
int control_listen(Control *control, const char *path);

/* Fills in what poll() shall watch, CONTROL_CLIENTS_MAX + 1 entries. */
void control_watch(const Control *control, struct pollfd *watched);

/* Accepts, reads and answers whatever poll() has found. */
void control_serve(Control *control, const struct pollfd *watched, Slot *slot);

/* Answers those who wait for what may just have happened. */
void control_tell(Control *control, const Slot *slot);

#endif
