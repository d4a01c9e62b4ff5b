/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots: a GDBM file held for reading, the layers over it, and the log as it was. Their verification. */
#include "file/store-snapshot.h"

#include <fcntl.h>

int store_snapshot(Store *store, StoreSnapshot **ret, Failure *failure) {
        _cleanup_(store_snapshot_freep) StoreSnapshot *snapshot = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        (void) store_checkpoint_end(store, false, NULL);
        path = store_place_table_path(store->place, store->current.letter);
        snapshot = new0(StoreSnapshot, 1);
        if (!path || !snapshot)
                return failure_no_memory(failure);

        snapshot->descriptor = -1;
        snapshot->place = store_place_ref(store->place);
        snapshot->letter = store->current.letter;
        store_place_pin(snapshot->place, snapshot->letter);
        snapshot->applied = store->current.applied;
        snapshot->committed = store->committed;
        snapshot->count = store->count;
        snapshot->frozen = store->frozen ? layer_ref(store->frozen) : NULL;
        snapshot->active = layer_new();
        if (!snapshot->active || layer_copy(snapshot->active, store->active) < 0 ||
            segment_ranges_copy(&store->ranges, &snapshot->ranges) < 0)
                return failure_no_memory(failure);

        /* The file may get another under its name: a backup copies this one. */
        snapshot->descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (snapshot->descriptor < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno, "%s cannot be read", path);

        r = table_open(path, TABLE_READ, false, &snapshot->table, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(snapshot);
        return 0;
}

StoreSnapshot *store_snapshot_free(StoreSnapshot *snapshot) {
        if (!snapshot)
                return NULL;

        table_close(snapshot->table);
        cleanup_close(&snapshot->descriptor);
        store_place_unpin(snapshot->place, snapshot->letter);
        layer_unref(snapshot->frozen);
        layer_unref(snapshot->active);
        segment_ranges_done(&snapshot->ranges);
        store_place_unref(snapshot->place);
        free(snapshot);
        return NULL;
}

uint64_t store_snapshot_count(const StoreSnapshot *snapshot) {
        return snapshot->count;
}

static const LayerEntry *snapshot_find(const StoreSnapshot *snapshot, const char *key) {
        const LayerEntry *entry = layer_find(snapshot->active, key);

        return entry ? entry : layer_find(snapshot->frozen, key);
}

int store_snapshot_fetch(StoreSnapshot *snapshot, const char *key, Bytes *ret, Failure *failure) {
        const LayerEntry *entry = snapshot_find(snapshot, key);

        if (!entry)
                return table_fetch(snapshot->table, key, ret, failure);

        if (entry->removed)
                return -ENOENT;

        return bytes_assign(ret, SPAN(entry->value, entry->size)) < 0 ? failure_no_memory(failure) : 0;
}

typedef struct Visit {
        StoreSnapshot *snapshot;
        StoreEach each;
        void *userdata;
} Visit;

static int visit_table_key(const char *key, void *userdata, Failure *failure) {
        Visit *visit = userdata;

        return snapshot_find(visit->snapshot, key) ? 0 : visit->each(key, visit->userdata, failure);
}

int store_snapshot_each_change(StoreSnapshot *snapshot,
                               int (*each)(const LayerEntry *entry, void *userdata, Failure *failure),
                               void *userdata, Failure *failure) {
        const Layer *layers[] = { snapshot->active, snapshot->frozen };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTS(layers); i++)
                for (size_t j = 0; r >= 0 && j < layer_count(layers[i]); j++) {
                        const LayerEntry *entry = layer_at(layers[i], j);

                        if (snapshot_find(snapshot, entry->key) == entry)
                                r = each(entry, userdata, failure);
                }

        return MIN_OF(r, 0);
}

static int visit_entry(const LayerEntry *entry, void *userdata, Failure *failure) {
        Visit *visit = userdata;

        return entry->removed ? 0 : visit->each(entry->key, visit->userdata, failure);
}

int store_snapshot_each(StoreSnapshot *snapshot, StoreEach each, void *userdata, Failure *failure) {
        Visit visit = { .snapshot = snapshot, .each = each, .userdata = userdata };
        int r;

        r = table_each(snapshot->table, visit_table_key, &visit, failure);
        return r < 0 ? r : store_snapshot_each_change(snapshot, visit_entry, &visit, failure);
}

/* --- verification --- */

static int count_frame(const FrameInfo *frame, void *userdata, Failure *failure _unused_) {
        uint64_t *last = userdata;

        *last = frame->sequence;
        return 0;
}

static int verify_segment(const StorePlace *place, const SegmentRange *range, Failure *failure) {
        _cleanup_(segment_closep) Segment *segment = NULL;
        _cleanup_free_ char *name = segment_name(place->name, range->number);
        _cleanup_failure_ Failure cause = {};
        uint64_t last = 0;
        int r;

        if (!name)
                return failure_no_memory(failure);

        if (range->last == 0)
                return 0;

        r = segment_open(place->descriptor, place->directory, place->name, range->number, &segment, &cause);
        if (r >= 0)
                r = segment_read(segment, count_frame, NULL, &last, &cause);

        /* A checkpoint removes what nobody needs any more, at any moment. */
        if (last >= range->last || (faccessat(place->descriptor, name, F_OK, 0) < 0 && errno == ENOENT))
                return 0;

        if (r < 0 && r != -EBADMSG) {
                if (failure)
                        failure_move(failure, &cause);
                return r;
        }

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s/%s is damaged. Make a backup now: what it holds is in memory still.",
                           place->directory, name);
}

int store_snapshot_verify(StoreSnapshot *snapshot, StoreProgress progress, void *userdata, Failure *failure) {
        int r;

        for (size_t i = 0; i < snapshot->ranges.count; i++) {
                r = verify_segment(snapshot->place, &snapshot->ranges.items[i], failure);
                if (r < 0)
                        return r;
        }

        return table_verify(snapshot->table, progress, userdata, failure);
}
