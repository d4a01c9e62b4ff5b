/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes as hexadecimal text, for card files, traces and the control socket. */
#ifndef CARD_SIM_HEX_H
#define CARD_SIM_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Writes upper case digits and a NUL into `text`, which has room for 2 * length + 1. Returns `text`. */
char *hex_write(const uint8_t *bytes, size_t length, char *text);

/* Reads digits, without blanks, into at most `room` bytes. Returns how many there were, or -EINVAL. */
ssize_t hex_read(const char *text, uint8_t *bytes, size_t room);

#endif
