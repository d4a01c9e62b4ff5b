/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store as its users see it: what is read from where, and how change sets become durable. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "file/store-private.h"

enum {
        SEGMENT_SIZE = 4 * 1024 * 1024,
        SEGMENTS_HELD = 8, /* in memory and in the log, before changes are refused */
        FIRST_PART = 16,   /* what of SEGMENT_SIZE the first segment after a start has */
};

static int store_lock(Store *store, Failure *failure) {
        _cleanup_free_ char *path = store_place_path(store->place, "lock");

        if (!path)
                return failure_no_memory(failure);

        store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (store->lock < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "%s cannot be opened; check the disk and the file's owner", path);

        if (flock(store->lock, LOCK_EX | LOCK_NB) < 0)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s is in use by another icreissued. Stop that one first, or give this one a state "
                        "directory of its own.",
                        path);

        return 0;
}

static Store *store_free(Store *store) {
        store_bulk_orphan(store->bulk);
        table_close(store->table);
        table_close(store->retired);
        layer_unref(store->frozen);
        layer_unref(store->active);
        layer_unref(store->pending);
        layer_unref(store->scratch);
        bytes_done(&store->frames);
        segment_close(store->segment);
        segment_close(store->spare);
        segment_ranges_done(&store->ranges);
        cleanup_close(&store->lock);
        store_place_unref(store->place);
        free(store);
        return NULL;
}
DEFINE_CLEANUP(Store *, store_free)

int store_open(const char *directory, const char *name, uint64_t segment_size, Store **ret,
               Failure *failure) {
        _cleanup_(store_freep) Store *store = new0(Store, 1);
        int r;

        if (!store)
                return failure_no_memory(failure);

        store->lock = -1;
        store->active = layer_new();
        store->pending = layer_new();
        store->scratch = layer_new();
        if (!store->active || !store->pending || !store->scratch)
                return failure_no_memory(failure);

        r = store_place_new(directory, name, segment_size > 0 ? segment_size : SEGMENT_SIZE, &store->place,
                            failure);
        if (r >= 0)
                r = store_lock(store, failure);
        if (r >= 0)
                r = store_start(store, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(store);
        return 0;
}

/* Until there is a segment after a broken one, a crash may bring back what has failed. */
static void store_leave_broken(Store *store) {
        if (store->segment && segment_is_broken(store->segment))
                (void) store_rotate(store, 0, NULL);
}

Store *store_close(Store *store) {
        _cleanup_failure_ Failure failure = {};

        if (!store)
                return NULL;

        store->closing = true;
        /* What was not committed is dropped; what was is in the log, should this not succeed. */
        store_leave_broken(store);
        (void) store_checkpoint(store, &failure);
        (void) store_checkpoint_end(store, true, NULL);
        if (store->spare)
                segment_remove(store->place, segment_number(store->spare)); /* the next start would read it */
        return store_free(store);
}

const char *store_directory(const Store *store) {
        return store->place->directory;
}

uint64_t store_count(const Store *store) {
        return store->pending_count;
}

bool store_is_uncommitted(const Store *store) {
        return store->frames.size > 0;
}

/* What the layers say; NULL: nothing. */
static const LayerEntry *store_find(const Store *store, const char *key) {
        const LayerEntry *entry = layer_find(store->pending, key);

        if (!entry)
                entry = layer_find(store->active, key);
        if (!entry)
                entry = layer_find(store->frozen, key);

        return entry;
}

int store_fetch(Store *store, const char *key, Bytes *ret, Failure *failure) {
        const LayerEntry *entry = store_find(store, key);
        _cleanup_failure_ Failure cause = {};
        int r;

        if (entry && entry->removed)
                return -ENOENT;

        if (entry)
                return bytes_assign(ret, SPAN(entry->value, entry->size)) < 0 ? failure_no_memory(failure)
                                                                              : 0;

        r = table_fetch(store->table, key, ret, &cause);
        if (r >= 0 || r == -ENOENT || cause.kind != FAILURE_STORE_FAILED) {
                if (failure)
                        failure_move(failure, &cause);

                return r;
        }

        return store_fetch_elsewhere(store, key, ret, &cause, failure);
}

static int store_contains(Store *store, const char *key, Failure *failure) {
        const LayerEntry *entry = store_find(store, key);
        _cleanup_failure_ Failure cause = {};
        _cleanup_bytes_ Bytes value = {};
        int r;

        if (entry)
                return !entry->removed;

        r = table_contains(store->table, key, &cause);
        if (r >= 0)
                return r;

        r = store_fetch_elsewhere(store, key, &value, &cause, failure);
        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

typedef struct Visit {
        Store *store;
        StoreEach each;
        void *userdata;
} Visit;

static int visit_table_key(const char *key, void *userdata, Failure *failure) {
        Visit *visit = userdata;

        return store_find(visit->store, key) ? 0 : visit->each(key, visit->userdata, failure);
}

int store_each(Store *store, StoreEach each, void *userdata, Failure *failure) {
        const Layer *layers[] = { store->pending, store->active, store->frozen };
        Visit visit = { .store = store, .each = each, .userdata = userdata };
        int r;

        r = table_each(store->table, visit_table_key, &visit, failure);
        for (size_t i = 0; r >= 0 && i < ELEMENTS(layers); i++)
                for (size_t j = 0; r >= 0 && j < layer_count(layers[i]); j++) {
                        const LayerEntry *entry = layer_at(layers[i], j);

                        if (!entry->removed && store_find(store, entry->key) == entry)
                                r = each(entry->key, userdata, failure);
                }

        return MIN_OF(r, 0);
}

static int check_change(const StoreChange *change, Failure *failure) {
        size_t key_size = strlen(change->key);

        if (key_size == 0 || key_size > STORE_KEY_MAX || change->key[0] == '@' ||
            (change->value && change->value->size > STORE_VALUE_MAX))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "What is to be stored is too large: a key may have %d bytes, a value %d.",
                                   STORE_KEY_MAX, STORE_VALUE_MAX);

        return 0;
}

static uint64_t store_held(const Store *store) {
        return layer_size(store->pending) + layer_size(store->active) + layer_size(store->frozen);
}

/* Checks the set, puts it into the scratch layer, and counts its keys. */
static int store_prepare(Store *store, const StoreChange *changes, size_t count, uint64_t *ret_count,
                         Failure *failure) {
        *ret_count = store->pending_count;
        layer_clear(store->scratch);
        for (size_t i = 0; i < count; i++) {
                int r;

                r = check_change(&changes[i], failure);
                if (r >= 0)
                        r = store_contains(store, changes[i].key, failure);
                if (r < 0)
                        return r;

                *ret_count = *ret_count + (changes[i].value != NULL) - (uint64_t) r;
                if (layer_set(store->scratch, changes[i].key, changes[i].value) < 0)
                        return failure_no_memory(failure);
        }

        return 0;
}

int store_apply(Store *store, const StoreChange *changes, size_t count, Failure *failure) {
        uint64_t new_count;
        int r;

        r = store_checkpoint_end(store, false, NULL);
        if (store_held(store) > SEGMENTS_HELD * store->place->segment_size) {
                _cleanup_failure_ Failure cause = {};

                if (r >= 0)
                        r = store_checkpoint_end(store, true, &cause);
                if (store_held(store) > SEGMENTS_HELD * store->place->segment_size)
                        return failure_set(
                                failure, FAILURE_STORE_FAILED,
                                "%s/%s takes no changes now: those of before could not be put into its "
                                "GDBM files. %s",
                                store->place->directory, store->place->name, failure_message(&cause));
        }

        r = store_prepare(store, changes, count, &new_count, failure);
        if (r < 0)
                return r;

        if (layer_reserve(store->pending, store->scratch) < 0 ||
            frame_append(&store->frames, store->sequence + 1, changes, count) < 0)
                return failure_no_memory(failure);

        layer_move(store->pending, store->scratch);
        store->sequence++;
        store->pending_count = new_count;
        return 0;
}

/* A segment is written whole when it is made, and read whole at the next start. Most of the times that a desk's service
 * runs it changes little: it begins with a small one, and goes on with large ones only if it fills that. */
static uint64_t next_size(const Store *store) {
        bool large = store->segment && segment_is_filling(store->segment);

        return large ? store->place->segment_size : store->place->segment_size / FIRST_PART;
}

int store_rotate(Store *store, uint64_t size, Failure *failure) {
        StorePlace *place = store->place;
        uint64_t wanted = MAX_OF(size, next_size(store));
        Segment *segment = store->spare ? TAKE_PTR(store->spare) : store_checkpoint_take_spare(store);
        bool last = !store->segment || segment_is_broken(store->segment);
        int r = 0;

        /* No segment before it will get anything more: then the header says what counts of those. Otherwise it must not,
         * since this one can fail to be made, and be there after a crash all the same. */
        if (segment && (last || segment_room(segment) < wanted)) {
                segment_remove(place, segment_number(segment));
                segment = segment_close(segment);
        }

        if (!segment)
                r = segment_create(place->descriptor, place->directory, place->name,
                                   atomic_fetch_add(&place->last_number, 1) + 1, wanted,
                                   last ? store->committed + 1 : 0, &segment, failure);
        if (r < 0)
                return r;

        if (segment_ranges_add(&store->ranges, segment_number(segment)) < 0) {
                segment_close(segment);
                return failure_no_memory(failure);
        }

        segment_close(store->segment);
        store->segment = segment;
        atomic_store(&place->newest, segment_number(segment));
        return 0;
}

void store_change_table(Store *store, Table *table) {
        table_close(store->retired);
        store->retired = store->table;
        store->table = table;
}

int store_tell_current(Store *store, Failure *failure) {
        Current current = store->current;
        int r;

        current.durable = store->committed;
        r = store_place_write_current(store->place, &current, failure);
        if (r >= 0)
                store->current = current;

        return r;
}

/* After a bulk load whose end is not known NAME.current is written anew: what is committed from here on stands on the
 * file that it names. */
int store_end_doubt(Store *store, Failure *failure) {
        int r;

        if (!store->doubtful)
                return 0;

        store->current.idle_clean = false;
        r = store_tell_current(store, failure);
        if (r >= 0)
                store->doubtful = false;

        return r;
}

/* A segment with room for the frames, of which NAME.current tells. While a checkpoint runs that file is the checkpoint's
 * to write, which tells of the segment at its own end. */
static int store_take_segment(Store *store, Failure *failure) {
        int r;

        if (!store->segment || segment_room(store->segment) < store->frames.size) {
                r = store_rotate(store, store->frames.size, failure);
                if (r < 0)
                        return r;
        }

        if (store_checkpoint_runs(store) || store->current.newest == segment_number(store->segment))
                return 0;

        return store_tell_current(store, failure);
}

static int store_append(Store *store, Failure *failure) {
        int r;

        r = store_end_doubt(store, failure);
        if (r >= 0)
                r = store_take_segment(store, failure);
        if (r < 0)
                return r;

        if (layer_reserve(store->active, store->pending) < 0)
                return failure_no_memory(failure);

        segment_finish_frames(store->segment, &store->frames, store->committed);
        return segment_append(store->segment, bytes_span(&store->frames), failure);
}

static void store_undo(Store *store) {
        layer_clear(store->pending);
        bytes_clear(&store->frames);
        store->sequence = store->committed;
        store->pending_count = store->count;
}

static void store_accept(Store *store) {
        SegmentRange *range = &store->ranges.items[store->ranges.count - 1];

        if (range->last == 0)
                range->first = store->committed + 1;

        range->last = store->committed = store->sequence;
        store->count = store->pending_count;
        if (store->bulk)
                store_bulk_note(store->bulk, store->pending);

        layer_move(store->active, store->pending);
        bytes_clear(&store->frames);
}

int store_commit(Store *store, Failure *failure) {
        int r;

        (void) store_checkpoint_end(store, false, NULL);
        if (store->frames.size == 0)
                return 0;

        r = store_append(store, failure);
        if (r < 0) {
                store_undo(store);
                store_leave_broken(store);
                return r;
        }

        store_accept(store);
        if (layer_size(store->active) >= MAX_OF(store->place->segment_size, store->retry_size) ||
            (store->distrusted && store->retry_size == 0))
                (void) store_checkpoint_begin(store, NULL);

        return 0;
}

int store_checkpoint(Store *store, Failure *failure) {
        int r;

        store_undo(store);
        (void) store_checkpoint_end(store, true, NULL);
        r = store_checkpoint_begin(store, failure);
        return r < 0 ? r : store_checkpoint_end(store, true, failure);
}
