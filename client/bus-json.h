/* SPDX-License-Identifier: GPL-3.0-or-later */
/* D-Bus values as JSON and back: whatever the service answers becomes one JSON value, and a record in JSON becomes the
 * dictionary that PutRecord takes. It knows no method. */
#ifndef ICREISSUE_CLIENT_BUS_JSON_H
#define ICREISSUE_CLIENT_BUS_JSON_H

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "base/util.h"

/* Reads the next complete value: text, paths and signatures become strings, numbers numbers, structures and arrays
 * arrays, dictionaries objects, variants what they hold, bytes (ay) hexadecimal text, file descriptors null. Returns 0;
 * -ENXIO at the end of the message or container; -ENOMEM; what sd-bus returns for a message that is none. */
int bus_json_read(sd_bus_message *message, json_t **ret);

/* Reads everything up to the end of the message, or of the container that was entered, as an array. */
int bus_json_read_all(sd_bus_message *message, json_t **ret);

/* Appends a record as a{sv}: "type" s, "id" s and, where given, "flag" s, "count" u, "fields" a{sv} (s, or as for a list).
 * "v", "history" and "extraction", which an export has too, are the service's own and not sent. Returns 0; -EINVAL with
 * *message (static) saying what is wrong, never quoting a value; another negative errno of sd-bus. */
int bus_json_append_record(sd_bus_message *message, const json_t *record, const char **complaint);

#endif
