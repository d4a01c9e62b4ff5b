/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits until it is worth trying to reach pcscd again. */
#ifndef ICREISSUE_CARD_PCSCD_SOCKET_H
#define ICREISSUE_CARD_PCSCD_SOCKET_H

#include "base/util.h"

/* An inotify descriptor that becomes readable when something happens to pcscd's socket, or to the nearest
 * folder above it that exists. Taken before trying, so that nothing between the two is missed. Returns it,
 * or a negative errno; the caller closes it. */
int pcscd_socket_watch(void);

/* Waits for that descriptor, or for `stop` to be readable. Where the socket is there and pcscd behind it
 * is not (yet), or refuses, nothing would wake us: it is tried again after a while. */
void pcscd_socket_wait(int watch, int stop, bool refused);

#endif
