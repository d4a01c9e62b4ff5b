/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects of a kind are in a tree by path; those that may have changed are in a list too. What was said last is
 * kept as one digest per property. */
#include "bus/publisher.h"

#include <search.h>
#include <sys/queue.h>

#include "base/log.h"

typedef struct Entry {
        Published published; /* first: the bus is given this, and gives it back */
        Publisher *publisher;
        char *path;
        bool changed;
        LIST_ENTRY(Entry) in_changed;
        uint64_t said[];
} Entry;

struct Publisher {
        sd_bus *bus;
        const PublisherKind *kind;
        struct Api *api;
        void *entries; /* tsearch(3) tree of Entry, by path */
        LIST_HEAD(ChangedEntries, Entry) changed;
        sd_bus_slot *vtable;
        sd_bus_slot *enumerator;
};

enum { PROPERTIES_MAX = 32 };

static int entry_compare(const void *a, const void *b) {
        return strcmp(((const Entry *) a)->path, ((const Entry *) b)->path);
}

static Entry *entry_find(const Publisher *publisher, const char *path) {
        const Entry key = { .path = (char *) path };
        void *node = tfind(&key, &publisher->entries, entry_compare);

        return node ? *(Entry **) node : NULL;
}

static void entry_free(void *pointer) {
        Entry *entry = pointer;

        if (entry->changed)
                LIST_REMOVE(entry, in_changed);
        free(entry->path);
        free(entry);
}
static void entry_freep(Entry **entry) {
        if (*entry)
                entry_free(*entry);
}

/* Takes up the present values. Returns how many differ from what was said; their names are in `names`. */
static size_t entry_compare_values(Entry *entry, const char *names[static PROPERTIES_MAX + 1]) {
        const PublisherKind *kind = entry->publisher->kind;
        size_t count = 0;

        for (size_t i = 0; i < kind->property_count; i++) {
                PropertyValue value = kind->properties[i].read(entry->published.object);
                uint64_t digest = property_digest(&value);

                if (entry->said[i] == digest)
                        continue;

                entry->said[i] = digest;
                names[count++] = kind->properties[i].name;
        }

        names[count] = NULL;
        return count;
}

static void entry_say(Entry *entry) {
        const Publisher *publisher = entry->publisher;
        const char *names[PROPERTIES_MAX + 1];
        int r;

        if (entry->changed)
                LIST_REMOVE(entry, in_changed);
        entry->changed = false;
        if (entry_compare_values(entry, names) == 0)
                return;

        r = sd_bus_emit_properties_changed_strv(publisher->bus, entry->path, publisher->kind->interface,
                                                (char **) names);
        if (r < 0)
                log_debug("PropertiesChanged of %s was not sent: %s", entry->path, strerrordesc_np(-r));
}

/* sd_bus_object_find_t */
static int publisher_find_object(sd_bus *bus _unused_, const char *path, const char *interface _unused_,
                                 void *userdata, void **ret_found, sd_bus_error *error _unused_) {
        Entry *entry = entry_find(userdata, path);

        if (!entry)
                return 0;

        *ret_found = &entry->published;
        return 1;
}

typedef struct PathList {
        char **paths;
        size_t count;
        size_t allocated;
        bool failed;
} PathList;

static void path_list_free(PathList *list) {
        for (size_t i = 0; i < list->count; i++)
                free(list->paths[i]);
        free(list->paths);
}

static void path_list_visit(const void *node, VISIT visit, void *closure) {
        PathList *list = closure;
        const Entry *entry = *(Entry *const *) node;

        if ((visit != postorder && visit != leaf) || list->failed)
                return;

        if (list->count + 1 >= list->allocated) {
                size_t allocated = MAX_OF(list->allocated * 2, 16u);
                char **paths = reallocarray(list->paths, allocated, sizeof(char *));

                if (!paths) {
                        list->failed = true;
                        return;
                }

                list->paths = paths;
                list->allocated = allocated;
        }

        list->paths[list->count] = strdup(entry->path);
        if (!list->paths[list->count])
                list->failed = true;
        else
                list->paths[++list->count] = NULL;
}

/* sd_bus_node_enumerator_t */
static int publisher_enumerate(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata,
                               char ***ret_nodes, sd_bus_error *error _unused_) {
        Publisher *publisher = userdata;
        _cleanup_(path_list_free) PathList list = {};

        twalk_r(publisher->entries, path_list_visit, &list);
        if (list.failed)
                return -ENOMEM;

        *ret_nodes = TAKE_PTR(list.paths);
        list.count = 0;
        return 0;
}

int publisher_new(sd_bus *bus, const PublisherKind *kind, struct Api *api, Publisher **ret) {
        _cleanup_(publisher_freep) Publisher *publisher = NULL;
        int r;

        if (kind->property_count > PROPERTIES_MAX)
                return -EINVAL;

        publisher = new0(Publisher, 1);
        if (!publisher)
                return -ENOMEM;

        *publisher = (Publisher){ .bus = bus, .kind = kind, .api = api };
        LIST_INIT(&publisher->changed);
        r = sd_bus_add_fallback_vtable(bus, &publisher->vtable, kind->prefix, kind->interface, kind->vtable,
                                       publisher_find_object, publisher);
        if (r < 0)
                return r;

        if (!kind->single) {
                r = sd_bus_add_node_enumerator(bus, &publisher->enumerator, kind->prefix, publisher_enumerate,
                                               publisher);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(publisher);
        return 0;
}

Publisher *publisher_free(Publisher *publisher) {
        if (!publisher)
                return NULL;

        sd_bus_slot_unref(publisher->enumerator);
        sd_bus_slot_unref(publisher->vtable);
        tdestroy(publisher->entries, entry_free);
        free(publisher);
        return NULL;
}

int publisher_add(Publisher *publisher, const char *path, void *object) {
        const PublisherKind *kind = publisher->kind;
        _cleanup_(entry_freep) Entry *entry = NULL;
        const char *names[PROPERTIES_MAX + 1];

        if (entry_find(publisher, path))
                return 0;

        entry = calloc(1, sizeof(Entry) + kind->property_count * sizeof(uint64_t));
        if (!entry)
                return -ENOMEM;

        entry->path = strdup(path);
        if (!entry->path)
                return -ENOMEM;

        entry->publisher = publisher;
        entry->published = (Published){ .api = publisher->api, .object = object, .path = entry->path };
        entry_compare_values(entry, names);
        if (!tsearch(entry, &publisher->entries, entry_compare))
                return -ENOMEM;

        TAKE_PTR(entry);
        if (kind->single)
                return 0;

        return sd_bus_emit_interfaces_added(publisher->bus, path, kind->interface, NULL);
}

void publisher_remove(Publisher *publisher, const char *path) {
        _cleanup_(entry_freep) Entry *entry = entry_find(publisher, path);
        int r;

        if (!entry)
                return;

        tdelete(entry, &publisher->entries, entry_compare);
        r = sd_bus_emit_interfaces_removed(publisher->bus, entry->path, publisher->kind->interface, NULL);
        if (r < 0)
                log_debug("InterfacesRemoved of %s was not sent: %s", entry->path, strerrordesc_np(-r));
}

Published *publisher_find(Publisher *publisher, const char *path) {
        Entry *entry = entry_find(publisher, path);

        return entry ? &entry->published : NULL;
}

void publisher_change(Publisher *publisher, const char *path) {
        Entry *entry = entry_find(publisher, path);

        if (!entry || entry->changed)
                return;

        entry->changed = true;
        LIST_INSERT_HEAD(&publisher->changed, entry, in_changed);
}

void publisher_say(Publisher *publisher, const char *path) {
        Entry *entry = entry_find(publisher, path);

        if (entry)
                entry_say(entry);
}

void publisher_say_all(Publisher *publisher) {
        while (!LIST_EMPTY(&publisher->changed))
                entry_say(LIST_FIRST(&publisher->changed));
}

int publisher_property_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                           const char *property, sd_bus_message *reply, void *userdata,
                           sd_bus_error *error _unused_) {
        const Entry *entry = userdata;
        const PublisherKind *kind = entry->publisher->kind;

        for (size_t i = 0; i < kind->property_count; i++)
                if (streq(kind->properties[i].name, property)) {
                        PropertyValue value = kind->properties[i].read(entry->published.object);

                        return property_append(reply, &value);
                }

        return -ENOENT;
}
