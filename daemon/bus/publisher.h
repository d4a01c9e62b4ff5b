/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects of one kind on the bus, under one path: which there are, and what was said of each last. It emits
 * InterfacesAdded, InterfacesRemoved and PropertiesChanged, the last only for values that have changed. */
#ifndef ICREISSUE_BUS_PUBLISHER_H
#define ICREISSUE_BUS_PUBLISHER_H

#include "bus/property.h"

typedef struct Publisher Publisher;
struct Api;

/* The userdata of every method and property on the bus. */
typedef struct Published {
        struct Api *api;
        void *object; /* Reader, Job, or the Api itself for the main object */
        const char *path;
        bool card_announced; /* readers: CardInserted was emitted, CardRemoved is due */
} Published;

typedef struct PublisherKind {
        const char *prefix; /* the objects' paths begin with it, or are it where `single` */
        bool single;        /* one object, at the prefix itself */
        const char *interface;
        const sd_bus_vtable *vtable;
        const PropertyRow *properties; /* those that may change; a constant one is never said again */
        size_t property_count;
} PublisherKind;

/* Puts the kind on the bus, without an object yet. kind, bus and api outlive the publisher. Returns 0 or a negative
 * errno. */
int publisher_new(sd_bus *bus, const PublisherKind *kind, struct Api *api, Publisher **ret);

/* Takes the kind off the bus, without a word. */
Publisher *publisher_free(Publisher *publisher);
DEFINE_CLEANUP(Publisher *, publisher_free)

/* Puts an object on the bus and says so; one that is there stays as it is. Returns 0 or a negative errno. */
int publisher_add(Publisher *publisher, const char *path, void *object);

/* Takes it off and says so; one that is not there is no error. */
void publisher_remove(Publisher *publisher, const char *path);

/* NULL where there is none. Borrowed until it is removed. */
Published *publisher_find(Publisher *publisher, const char *path);

/* Something of the object may have changed: remembered until it is said. */
void publisher_change(Publisher *publisher, const char *path);

/* Says at once what has changed of one object, or of all that were remembered. */
void publisher_say(Publisher *publisher, const char *path);
void publisher_say_all(Publisher *publisher);

/* sd_bus_property_get_t of all properties that are in a kind's table. */
int publisher_property_get(sd_bus *bus, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *error);

#endif
