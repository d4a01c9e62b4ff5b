/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The a{sv} options and the file descriptors of calls. */
#ifndef ICREISSUE_BUS_OPTIONS_H
#define ICREISSUE_BUS_OPTIONS_H

#include <systemd/sd-bus.h>

#include "base/failure.h"

typedef struct Option {
        const char *name;
        char type;   /* 'b' into a bool, 's' into a const char * that is borrowed from the message */
        void *value; /* unchanged where the option is not given */
} Option;

/* Reads a{sv}. INVALID_ARGS for an unknown option (naming the known ones), another type, or one given twice; any other
 * negative errno is a malformed message. */
int options_read(sd_bus_message *message, const Option *options, size_t count, Failure *failure);

/* Reads an h and duplicates it, close-on-exec; the caller owns it. access is O_RDONLY or O_WRONLY: INVALID_ARGS for a
 * descriptor that is not open for it, or is a directory. */
int descriptor_read(sd_bus_message *message, int access, int *ret, Failure *failure);

/* The same for a directory: INVALID_ARGS for anything else. */
int directory_read(sd_bus_message *message, int *ret, Failure *failure);

#endif
