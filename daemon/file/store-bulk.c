/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bulk loads: a new GDBM file is filled beside the store's own, and then becomes the current one (FORMAT.md). */
#include <stdio.h>

#include "file/store-private.h"

struct StoreBulk {
        Store *store; /* NULL: it was closed */
        StorePlace *place;
        char *path;
        Table *table;
        Layer *changed; /* the keys that were committed meanwhile */
        bool too_many;
};

uint32_t store_bulk_hash(const char *key) {
        return table_hash(key);
}

void store_bulk_note(StoreBulk *bulk, const Layer *changes) {
        for (size_t i = 0; i < layer_count(changes) && !bulk->too_many; i++)
                if (layer_size(bulk->changed) > bulk->place->segment_size ||
                    layer_set(bulk->changed, layer_at(changes, i)->key, NULL) < 0)
                        bulk->too_many = true;
}

void store_bulk_orphan(StoreBulk *bulk) {
        if (bulk)
                bulk->store = NULL;
}

void store_bulk_abandon(StoreBulk *bulk) {
        if (!bulk)
                return;

        if (bulk->store)
                bulk->store->bulk = NULL;

        bulk->table = table_close(bulk->table);
        if (bulk->path)
                (void) unlink(bulk->path);

        layer_unref(bulk->changed);
        store_place_unref(bulk->place);
        free(bulk->path);
        free(bulk);
}

static void bulk_abandonp(StoreBulk **bulk) {
        store_bulk_abandon(*bulk);
}

int store_bulk_begin(Store *store, StoreBulk **ret, Failure *failure) {
        _cleanup_(bulk_abandonp) StoreBulk *bulk = NULL;
        int r;

        if (store->bulk)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s/%s is being loaded by another import already. Wait until that has ended.",
                        store->place->directory, store->place->name);

        bulk = new0(StoreBulk, 1);
        if (!bulk)
                return failure_no_memory(failure);

        bulk->place = store_place_ref(store->place);
        bulk->path = store_place_path(store->place, "bulk.gdbm");
        bulk->changed = layer_new();
        if (!bulk->path || !bulk->changed)
                return failure_no_memory(failure);

        r = table_open(bulk->path, TABLE_CREATE, true, &bulk->table, failure);
        if (r < 0)
                return r;

        bulk->store = store;
        store->bulk = bulk;
        *ret = TAKE_PTR(bulk);
        return 0;
}

int store_bulk_put(StoreBulk *bulk, const char *key, Span value, Failure *failure) {
        return table_put(bulk->table, key, value, failure);
}

int store_bulk_fetch(StoreBulk *bulk, const char *key, Bytes *ret, Failure *failure) {
        return table_fetch(bulk->table, key, ret, failure);
}

int store_bulk_remove(StoreBulk *bulk, const char *key, Failure *failure) {
        return table_delete(bulk->table, key, failure);
}

int store_bulk_sync(StoreBulk *bulk, Failure *failure) {
        return table_sync(bulk->table, 0, failure);
}

int store_bulk_changed(StoreBulk *bulk, StoreEach each, void *userdata, Failure *failure) {
        if (bulk->too_many)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "Too many records were changed while the import ran; nothing was imported. Import "
                        "again when the desks are quiet.");

        for (size_t i = 0; i < layer_count(bulk->changed); i++) {
                int r = each(layer_at(bulk->changed, i)->key, userdata, failure);

                if (r < 0)
                        return r;
        }

        return 0;
}

/* From here on the new file is the content. */
static void take_over(Store *store, const Current *current, Table *table, Layer *active) {
        store_change_table(store, table);
        layer_unref(store->active);
        store->active = active;
        store->frozen = layer_unref(store->frozen);
        store->current = *current;
        store->count = store->pending_count = table_state(table)->keys;
        store->distrusted = false;
        store->retry_size = 0;
        segment_ranges_drop(store->place, &store->ranges, current->segment);
}

static int switch_files(StoreBulk *bulk, const char *path, Table **ret, Failure *failure) {
        Store *store = bulk->store;
        Current dirty = store->current;
        int r;

        r = table_sync(bulk->table, store->committed, failure);
        if (r < 0)
                return r;

        bulk->table = table_close(bulk->table);
        dirty.idle_clean = false;
        dirty.durable = store->committed;
        r = store_place_write_current(store->place, &dirty, failure);
        if (r < 0)
                return r;

        store->current = dirty;
        if (rename(bulk->path, path) < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno, "%s cannot be replaced", path);

        r = store_place_sync(store->place, failure);
        return r < 0 ? r : table_open(path, TABLE_READ, false, ret, failure);
}

static int bulk_finish(StoreBulk *bulk, Failure *failure) {
        Store *store = bulk->store;
        Current current = {
                .letter = current_idle(&store->current),
                .applied = store->committed,
                .durable = store->committed,
        };
        _cleanup_free_ char *path = store_place_table_path(store->place, current.letter);
        _cleanup_(layer_unrefp) Layer *active = layer_new();
        _cleanup_(table_closep) Table *table = NULL;
        int r;

        if (!path || !active)
                return failure_no_memory(failure);

        r = store_rotate(store, 0, failure);
        if (r >= 0)
                r = switch_files(bulk, path, &table, failure);
        if (r < 0)
                return r;

        current.segment = segment_number(store->segment);
        store->doubtful = true; /* until it is known which of the two is there */
        r = store_place_write_current(store->place, &current, failure);
        if (r < 0)
                return r;

        store->doubtful = false;
        take_over(store, &current, TAKE_PTR(table), TAKE_PTR(active));
        return 0;
}

int store_bulk_finish(StoreBulk *bulk, Failure *failure) {
        Store *store = bulk->store;
        int r = 0;

        if (!store)
                r = failure_set(failure, FAILURE_CANCELLED, "The service is stopping; nothing was imported.");
        else if (store_is_uncommitted(store))
                r = failure_set(failure, FAILURE_STORE_FAILED,
                                "Changes are not committed; nothing was imported.");

        if (r >= 0) {
                (void) store_checkpoint_end(store, true, NULL);
                r = bulk_finish(bulk, failure);
        }

        store_bulk_abandon(bulk);
        if (r >= 0)
                (void) store_checkpoint_begin(store, NULL);

        return r;
}
