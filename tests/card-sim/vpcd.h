/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to vpcd, the reader driver of the vsmartcard project: a TCP connection is a card in the reader. Messages
 * are two bytes of length, big-endian, and as many bytes; a message of one byte is a control code, any other a
 * command APDU. An answer is one such message. */
#ifndef CARD_SIM_VPCD_H
#define CARD_SIM_VPCD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VPCD_MESSAGE_MAX 65535

enum {
        VPCD_POWER_OFF = 0, /* no answer */
        VPCD_POWER_ON = 1,  /* no answer */
        VPCD_RESET = 2,     /* no answer */
        VPCD_ATR = 4,       /* the ATR is the answer */
};

/* Connects to the driver's port on this machine. Returns the socket or a negative errno. */
int vpcd_connect(uint16_t port);

/* Waits for one whole message. Returns its length, 0 when the driver has hung up, or a negative errno. */
ssize_t vpcd_receive(int vpcd, uint8_t message[static VPCD_MESSAGE_MAX]);

/* Sends one message of at most VPCD_MESSAGE_MAX bytes. Returns 0 or a negative errno. */
int vpcd_send(int vpcd, const uint8_t *message, size_t length);

#endif
