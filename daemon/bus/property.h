/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The value of a property, read by the row of a table: the same row answers Get and tells whether the value has
 * changed since it was last said. */
#ifndef ICREISSUE_BUS_PROPERTY_H
#define ICREISSUE_BUS_PROPERTY_H

#include <systemd/sd-bus.h>

#include "base/bytes.h"

typedef struct PropertyValue {
        char type; /* 's', 'b', 'u', 't', 'd', or 'y' for an array of bytes */
        union {
                const char *text;
                uint64_t number; /* 'b', 'u', 't' */
                double fraction; /* 0..1 */
                Span bytes;
        };
} PropertyValue;

#define PROPERTY_TEXT(value)     ((PropertyValue){ .type = 's', .text = (value) })
#define PROPERTY_BOOLEAN(value)  ((PropertyValue){ .type = 'b', .number = (value) })
#define PROPERTY_NUMBER(value)   ((PropertyValue){ .type = 'u', .number = (value) })
#define PROPERTY_NUMBER64(value) ((PropertyValue){ .type = 't', .number = (value) })
#define PROPERTY_FRACTION(value) ((PropertyValue){ .type = 'd', .fraction = (value) })
#define PROPERTY_BYTES(value)    ((PropertyValue){ .type = 'y', .bytes = (value) })

typedef struct PropertyRow {
        const char *name;
        PropertyValue (*read)(const void *object); /* borrowed for the call */
} PropertyRow;

/* Appends a value. Returns 0 or a negative errno. */
int property_append(sd_bus_message *message, const PropertyValue *value);

/* The same for equal values, and in practice different for different ones. A fraction counts in percent, so that
 * progress is not said more often than a person can see it. */
uint64_t property_digest(const PropertyValue *value);

#endif
