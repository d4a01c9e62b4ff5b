/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the service has drawn, as it comes over a descriptor: opened on the desktop, or written to a file. */
#ifndef ICREISSUE_CLIENT_PICTURE_H
#define ICREISSUE_CLIENT_PICTURE_H

#include "client/client.h"

/* picture: borrowed; read from its beginning. ending: of its file's name, "png" or "pdf". output: a file, "-" for standard
 * output, or NULL: it is opened. Returns the exit status. */
int picture_give(const Client *client, int picture, const char *ending, const char *output);

#endif
