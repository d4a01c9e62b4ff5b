/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON as D-Bus says it: objects as a{sv}, arrays as `as`, `au` or aa{sv}, numbers as u (or x where they do not fit),
 * texts as s, truths as b. */
#ifndef ICREISSUE_BUS_VARIANT_H
#define ICREISSUE_BUS_VARIANT_H

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "base/util.h"

/* Appends one entry {sv} to an open a{sv}. `empty` is the type of an array without elements; NULL: "as". A member that
 * is null is left out. Returns 0; -EINVAL for what D-Bus has no word for (arrays of several types, reals, more than
 * eight levels); or another negative errno. */
int variant_append_member(sd_bus_message *message, const char *name, const json_t *value, const char *empty);

/* Appends an object as a whole a{sv}. */
int variant_append_object(sd_bus_message *message, const json_t *object);

#endif
