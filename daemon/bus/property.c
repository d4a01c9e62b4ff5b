/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appends property values to messages and tells changed ones apart by a digest. */
#include "bus/property.h"

int property_append(sd_bus_message *message, const PropertyValue *value) {
        switch (value->type) {
        case 's':
                return sd_bus_message_append(message, "s", value->text);
        case 'b':
                return sd_bus_message_append(message, "b", (int) value->number);
        case 'u':
                return sd_bus_message_append(message, "u", (uint32_t) value->number);
        case 't':
                return sd_bus_message_append(message, "t", value->number);
        case 'd':
                return sd_bus_message_append(message, "d", value->fraction);
        case 'y':
                return sd_bus_message_append_array(message, 'y', value->bytes.data, value->bytes.size);
        default:
                return -EINVAL;
        }
}

/* FNV-1a, 64 bits. */
static uint64_t digest(Span span) {
        uint64_t hash = 0xcbf29ce484222325u;

        for (size_t i = 0; i < span.size; i++)
                hash = (hash ^ span.data[i]) * 0x100000001b3u;

        return hash;
}

uint64_t property_digest(const PropertyValue *value) {
        switch (value->type) {
        case 's':
                return digest(span_of_string(value->text));
        case 'd':
                return (uint64_t) (value->fraction * 100);
        case 'y':
                return digest(value->bytes);
        default:
                return value->number;
        }
}
