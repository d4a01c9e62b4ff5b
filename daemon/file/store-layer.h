/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A layer: the newest change of each key over a stretch of change sets, in memory. Layers lie over a GDBM file like
 * sheets: the topmost that has the key says what it is. Not thread-safe while it is changed; reading is. */
#ifndef ICREISSUE_FILE_STORE_LAYER_H
#define ICREISSUE_FILE_STORE_LAYER_H

#include "base/bytes.h"

typedef struct Layer Layer; /* reference-counted, atomically */

/* What a layer says of a key. */
typedef struct LayerEntry {
        char *key;
        uint8_t *value; /* NULL: removed; or empty */
        size_t size;
        bool removed;
} LayerEntry;

/* NULL when there is no memory. */
Layer *layer_new(void);
Layer *layer_ref(Layer *layer);
Layer *layer_unref(Layer *layer); /* erases what it held; NULL is allowed */
DEFINE_CLEANUP(Layer *, layer_unref)

/* Puts the change of one key (value NULL: removed) over what is there. Returns 0 or -ENOMEM, with nothing changed. */
int layer_set(Layer *layer, const char *key, const Span *value);

/* NULL where the layer says nothing of the key. Borrowed until the layer is changed. */
const LayerEntry *layer_find(const Layer *layer, const char *key);

/* Makes room for everything of `from`, so that layer_move() cannot fail. -ENOMEM. */
int layer_reserve(Layer *layer, const Layer *from);

/* Moves everything of `from` over what is there; `from` is empty afterwards. layer_reserve() came before. */
void layer_move(Layer *layer, Layer *from);

/* Puts a copy of everything of `from` over what is there. -ENOMEM, with some of it there. */
int layer_copy(Layer *layer, const Layer *from);

void layer_clear(Layer *layer);

/* Bytes of keys, values and bookkeeping, about. */
uint64_t layer_size(const Layer *layer);
size_t layer_count(const Layer *layer);

/* The entries, in no order; i < layer_count(). */
const LayerEntry *layer_at(const Layer *layer, size_t i);

#endif
