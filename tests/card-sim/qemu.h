/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to QEMU's ccid-card-passthru, a card slot of a USB CCID reader that a virtual machine sees: a stream socket
 * that QEMU listens on. A message is three big-endian words (type, reader, length) and as many bytes. That reader powers
 * cards and resets them without telling them, and knows T=0 alone. */
#ifndef CARD_SIM_QEMU_H
#define CARD_SIM_QEMU_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QEMU_MESSAGE_MAX 65535

/* Connects to the socket at that path and puts a card with that ATR into the slot. Returns the socket or a negative
 * errno. */
int qemu_connect(const char *path, const uint8_t *atr, size_t length);

/* Waits for one whole message. Returns the length of a command APDU, 0 when QEMU has hung up, -EAGAIN for a message that
 * is not the card's, or another negative errno. */
ssize_t qemu_receive(int line, uint8_t message[static QEMU_MESSAGE_MAX]);

/* Sends an answer to a command. Returns 0 or a negative errno. */
int qemu_send(int line, const uint8_t *message, size_t length);

/* Takes the card out of the slot; the socket stays the caller's to close. */
void qemu_remove(int line);

#endif
