/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a desk say to each other about readers that are plugged and unplugged, and cards that come and
 * go: the reader driver and the USB bus that pcscd believes in (both in tests/desk), the cards, and the test. All of
 * it goes through one directory:
 *
 *   hub         datagram socket of the USB bus: "+3" and "-3" say that reader 3 was plugged in or unplugged
 *   reader-03   datagram socket of the reader's driver: any datagram says "look again", as a USB reader's interrupt
 *               endpoint does
 *   card-03     datagram socket of the card program: any datagram says that the reader has power
 *   there-03    is there while the reader is plugged in
 *   mute-03     is there while the card in the reader does not answer to a reset */
#ifndef CARD_SIM_PLUG_H
#define CARD_SIM_PLUG_H

#include <stdbool.h>
#include <sys/un.h>

#define PLUG_READERS_MAX 16
#define PLUG_PATH_MAX    sizeof(((struct sockaddr_un *) 0)->sun_path)
/* The environment variable that names the directory. */
#define PLUG_ENVIRONMENT "DESK_PLUG"
/* The TCP port of reader 0's card; the others follow. Below those that the kernel gives to a connection that asks for
 * none: else a card's connection to one reader now and then has the port of another, whose driver then cannot listen. */
#define PLUG_PORT 26000

/* The path of one of the above in `path`; `reader` is not used for the hub. Returns 0 or -ENAMETOOLONG. */
int plug_path(const char *directory, const char *what, unsigned reader, char path[static PLUG_PATH_MAX]);

bool plug_has(const char *directory, const char *what, unsigned reader);

/* Makes or removes one of the files. Returns 0 or a negative errno. */
int plug_mark(const char *directory, const char *what, unsigned reader, bool there);

/* A datagram socket bound to one of the names, replacing an older one. Returns it or a negative errno. */
int plug_listen(const char *directory, const char *what, unsigned reader);

/* Sends a datagram to whoever listens there; nobody may. */
void plug_send(const char *directory, const char *what, unsigned reader, const char *text);

/* Plugs the reader in, or pulls it out with whatever it was just doing. */
void plug_in(const char *directory, unsigned reader);
void plug_out(const char *directory, unsigned reader);

#endif
