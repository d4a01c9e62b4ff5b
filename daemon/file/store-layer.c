/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A layer is an array of entries in the order of their coming, and a table of hashes that point into it. */
#include "file/store-layer.h"

#include <stdatomic.h>
#include <xxhash.h>

enum {
        SLOTS_MIN = 64,
        ENTRY_COST = 64, /* bytes of bookkeeping, about */
};

struct Layer {
        atomic_size_t references;
        LayerEntry *entries;
        size_t count, space;
        uint32_t *slots; /* index + 1 of an entry; 0: free. A power of two of them, at most half full */
        size_t slot_count;
        uint64_t size;
};

Layer *layer_new(void) {
        Layer *layer;

        layer = new0(Layer, 1);
        if (!layer)
                return NULL;

        atomic_init(&layer->references, 1);
        return layer;
}

Layer *layer_ref(Layer *layer) {
        atomic_fetch_add(&layer->references, 1);
        return layer;
}

static void value_free(LayerEntry *entry) {
        if (entry->value)
                explicit_bzero(entry->value, entry->size);

        free(entry->value);
}

void layer_clear(Layer *layer) {
        for (size_t i = 0; i < layer->count; i++) {
                value_free(&layer->entries[i]);
                string_erase(layer->entries[i].key);
        }

        layer->count = 0;
        layer->size = 0;
        if (layer->slots)
                memset(layer->slots, 0, layer->slot_count * sizeof(*layer->slots));
}

Layer *layer_unref(Layer *layer) {
        if (!layer || atomic_fetch_sub(&layer->references, 1) > 1)
                return NULL;

        layer_clear(layer);
        free(layer->entries);
        free(layer->slots);
        free(layer);
        return NULL;
}

/* The slot that points to the key's entry, or the free one where it belongs. */
static uint32_t *slot_of(const Layer *layer, const char *key) {
        size_t i = XXH3_64bits(key, strlen(key)) & (layer->slot_count - 1);

        while (layer->slots[i] != 0 && !streq(layer->entries[layer->slots[i] - 1].key, key))
                i = (i + 1) & (layer->slot_count - 1);

        return &layer->slots[i];
}

const LayerEntry *layer_find(const Layer *layer, const char *key) {
        uint32_t slot;

        if (!layer || layer->count == 0)
                return NULL;

        slot = *slot_of(layer, key);
        return slot == 0 ? NULL : &layer->entries[slot - 1];
}

static int slots_grow(Layer *layer, size_t count) {
        size_t slot_count = MAX_OF(layer->slot_count, (size_t) SLOTS_MIN);
        uint32_t *slots;

        while (slot_count < 2 * count)
                slot_count *= 2;
        if (slot_count == layer->slot_count)
                return 0;

        slots = new0(uint32_t, slot_count);
        if (!slots)
                return -ENOMEM;

        free(layer->slots);
        layer->slots = slots;
        layer->slot_count = slot_count;
        for (size_t i = 0; i < layer->count; i++)
                *slot_of(layer, layer->entries[i].key) = (uint32_t) i + 1;

        return 0;
}

static int layer_make_room(Layer *layer, size_t more) {
        size_t count = layer->count + more;

        if (count >= UINT32_MAX / 4)
                return -ENOMEM;

        if (count > layer->space) {
                size_t space = MAX_OF(count, 2 * layer->space);
                LayerEntry *entries = reallocarray(layer->entries, space, sizeof(*entries));

                if (!entries)
                        return -ENOMEM;

                layer->entries = entries;
                layer->space = space;
        }

        return slots_grow(layer, count);
}

/* Takes key and value over. There is room. */
static void layer_take(Layer *layer, LayerEntry entry) {
        uint32_t *slot = slot_of(layer, entry.key);

        if (*slot == 0) {
                layer->entries[layer->count] = entry;
                *slot = (uint32_t) ++layer->count;
                layer->size += strlen(entry.key) + ENTRY_COST;
        } else {
                LayerEntry *old = &layer->entries[*slot - 1];

                layer->size -= old->size;
                value_free(old);
                string_erase(old->key);
                *old = entry;
        }

        layer->size += entry.size;
}

int layer_set(Layer *layer, const char *key, const Span *value) {
        LayerEntry entry = { .removed = !value, .size = value ? value->size : 0 };

        if (layer_make_room(layer, 1) < 0)
                return -ENOMEM;

        entry.key = strdup(key);
        entry.value = entry.size > 0 ? malloc(entry.size) : NULL;
        if (!entry.key || (entry.size > 0 && !entry.value)) {
                string_erase(entry.key);
                free(entry.value);
                return -ENOMEM;
        }

        if (entry.size > 0)
                memcpy(entry.value, value->data, entry.size);
        layer_take(layer, entry);
        return 0;
}

int layer_reserve(Layer *layer, const Layer *from) {
        return layer_make_room(layer, from->count);
}

void layer_move(Layer *layer, Layer *from) {
        for (size_t i = 0; i < from->count; i++)
                layer_take(layer, from->entries[i]);

        from->count = 0;
        layer_clear(from);
}

int layer_copy(Layer *layer, const Layer *from) {
        for (size_t i = 0; i < from->count; i++) {
                const LayerEntry *entry = &from->entries[i];
                Span value = SPAN(entry->value, entry->size);

                if (layer_set(layer, entry->key, entry->removed ? NULL : &value) < 0)
                        return -ENOMEM;
        }

        return 0;
}

uint64_t layer_size(const Layer *layer) {
        return layer ? layer->size : 0;
}

size_t layer_count(const Layer *layer) {
        return layer ? layer->count : 0;
}

const LayerEntry *layer_at(const Layer *layer, size_t i) {
        return &layer->entries[i];
}
