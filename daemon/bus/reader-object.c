/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translates a reader's state into properties. What the card in it is, but for its type, comes from ReadCard, which is
 * guarded. */
#include "bus/reader-object.h"

#include <stdio.h>

#include "bus/context.h"

char *reader_object_path(const Reader *reader) {
        char *path;

        if (asprintf(&path, READER_PATH "/%s", reader_label(reader)) < 0)
                return NULL;

        return path;
}

static PropertyValue read_name(const void *reader) {
        return PROPERTY_TEXT(reader_name(reader));
}

static PropertyValue read_pcsc_name(const void *reader) {
        return PROPERTY_TEXT(reader_pcsc_name(reader));
}

static PropertyValue read_device_path(const void *reader) {
        return PROPERTY_TEXT(reader_device_path(reader));
}

static PropertyValue read_vendor(const void *reader) {
        return PROPERTY_TEXT(reader_vendor(reader));
}

static PropertyValue read_model(const void *reader) {
        return PROPERTY_TEXT(reader_model(reader));
}

static PropertyValue read_serial(const void *reader) {
        return PROPERTY_TEXT(reader_serial(reader));
}

static PropertyValue read_state(const void *reader) {
        return PROPERTY_TEXT(reader_state_name(reader_state(reader)));
}

static PropertyValue read_atr(const void *reader) {
        return PROPERTY_BYTES(reader_atr(reader));
}

static PropertyValue read_card_type(const void *reader) {
        const CardFacts *facts = reader_card(reader);

        return PROPERTY_TEXT(facts && facts->type ? facts->type : "");
}

static const PropertyRow reader_properties[] = {
        { "Name", read_name },
        { "PcscName", read_pcsc_name },
        { "DevicePath", read_device_path },
        { "Vendor", read_vendor },
        { "Model", read_model },
        { "Serial", read_serial },
        { "State", read_state },
        { "ATR", read_atr },
        { "CardType", read_card_type },
};

#define CHANGING(name, type) \
        SD_BUS_PROPERTY(name, type, publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable reader_vtable[] = {
        SD_BUS_VTABLE_START(0),
        CHANGING("Name", "s"),
        SD_BUS_PROPERTY("PcscName", "s", publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        CHANGING("DevicePath", "s"),
        CHANGING("Vendor", "s"),
        CHANGING("Model", "s"),
        CHANGING("Serial", "s"),
        CHANGING("State", "s"),
        CHANGING("ATR", "ay"),
        CHANGING("CardType", "s"),
        SD_BUS_VTABLE_END,
};

const PublisherKind reader_object_kind = {
        .prefix = READER_PATH,
        .interface = READER_INTERFACE,
        .vtable = reader_vtable,
        .properties = reader_properties,
        .property_count = ELEMENTS(reader_properties),
};
