/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checkpoints: on a thread of its own the idle GDBM file is brought up to date from the log, and becomes the current
 * one (FORMAT.md). The thread shares nothing with the store but files that the store does not write meanwhile. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/signals.h"
#include "file/store-private.h"

enum { HELD_SEGMENTS = 2 }; /* changes are put into the file in pieces of that many segments' size */

struct Checkpoint {
        pthread_t thread;
        atomic_bool ended;
        StorePlace *place;
        SegmentRanges ranges;
        Current current;      /* before; in the end after */
        uint64_t to;          /* the last change set that it takes in */
        uint32_t first_after; /* the segment that follows it */
        bool distrusted, pinned, no_spare;
        _Atomic(Segment *) spare; /* made ahead; the store takes it, or the checkpoint's end */
        Table *retired;
        Table *target; /* the idle file, written */
        Layer *layer;  /* what is to be put into it next */
        Table *table;  /* the new current file */
        int result;
        Failure failure;
};

static void checkpoint_free(Checkpoint *checkpoint) {
        store_place_unref(checkpoint->place);
        segment_ranges_done(&checkpoint->ranges);
        segment_close(atomic_load(&checkpoint->spare));
        table_close(checkpoint->retired);
        table_close(checkpoint->target);
        table_close(checkpoint->table);
        layer_unref(checkpoint->layer);
        failure_done(&checkpoint->failure);
        free(checkpoint);
}
DEFINE_CLEANUP(Checkpoint *, checkpoint_free)

/* So that a commit never waits for a new segment, there is always one ahead. When it was taken, another is made; where
 * that fails the store makes it itself, and says why it cannot. */
static void make_spare(Checkpoint *checkpoint) {
        StorePlace *place = checkpoint->place;
        Segment *spare = NULL;

        if (atomic_load(&checkpoint->spare) || checkpoint->no_spare)
                return;

        if (segment_create(place->descriptor, place->directory, place->name,
                           atomic_fetch_add(&place->last_number, 1) + 1, place->segment_size, 0, &spare,
                           NULL) < 0)
                checkpoint->no_spare = true;
        atomic_store(&checkpoint->spare, spare);
}

static int on_progress(double progress _unused_, void *userdata, Failure *failure _unused_) {
        make_spare(userdata);
        return 0;
}

/* What is not whole is never copied; that is known when the copy was read. */
static int verify_copy(Checkpoint *checkpoint, const char *from, const char *path, Failure *failure) {
        _cleanup_(table_closep) Table *copy = NULL;
        int r;

        r = table_open(path, TABLE_READ, false, &copy, NULL);
        if (r >= 0)
                r = table_verify(copy, on_progress, checkpoint, NULL);
        if (r >= 0)
                return 0;

        checkpoint->distrusted = true;
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s is damaged and is not copied. Restore the files of the last backup.", from);
}

/* The idle file anew, as a copy of the current one. */
static int make_copy(Checkpoint *checkpoint, const char *path, Failure *failure) {
        _cleanup_free_ char *from = store_place_table_path(checkpoint->place, checkpoint->current.letter);
        const CopyProgress progress = { .call = on_progress, .userdata = checkpoint };
        _cleanup_close_ int source = -1, descriptor = -1;
        int r;

        if (!from)
                return failure_no_memory(failure);

        if (checkpoint->distrusted)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "%s is damaged and is not copied. Restore the files of the last backup.",
                                   from);

        if (unlink(path) < 0 && errno != ENOENT)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno, "%s cannot be removed", path);

        source = open(from, O_RDONLY | O_CLOEXEC);
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (source < 0 || descriptor < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "%s cannot be made; check the disk and its free space", path);

        r = store_copy_file(source, from, descriptor, &progress, failure);
        if (r >= 0)
                r = store_place_sync(checkpoint->place, failure);

        return r < 0 ? r : verify_copy(checkpoint, from, path, failure);
}

static int compare_entries(const void *a, const void *b) {
        uint32_t one = table_hash((*(const LayerEntry *const *) a)->key);
        uint32_t other = table_hash((*(const LayerEntry *const *) b)->key);

        return one < other ? -1 : one > other;
}

static const LayerEntry **sorted_entries(const Layer *layer) {
        const LayerEntry **entries = new0(const LayerEntry *, layer_count(layer) + 1);

        if (!entries)
                return NULL;

        for (size_t i = 0; i < layer_count(layer); i++)
                entries[i] = layer_at(layer, i);

        if (layer_count(layer) > 1)
                qsort(entries, layer_count(layer), sizeof(*entries), compare_entries);

        return entries;
}

/* Puts what has been gathered into the file, in the order in which it lies there. */
static int put_layer(Checkpoint *checkpoint, Failure *failure) {
        _cleanup_free_ const LayerEntry **entries = sorted_entries(checkpoint->layer);
        int r = 0;

        if (!entries)
                return failure_no_memory(failure);

        for (size_t i = 0; r >= 0 && i < layer_count(checkpoint->layer); i++) {
                make_spare(checkpoint);
                r = entries[i]->removed ? table_delete(checkpoint->target, entries[i]->key, failure)
                                        : table_put(checkpoint->target, entries[i]->key,
                                                    SPAN(entries[i]->value, entries[i]->size), failure);
        }

        layer_clear(checkpoint->layer);
        return r;
}

static int gather_change(const FrameInfo *frame _unused_, const char *key, const Span *value, void *userdata,
                         Failure *failure) {
        Checkpoint *checkpoint = userdata;

        if (layer_set(checkpoint->layer, key, value) < 0)
                return failure_no_memory(failure);

        return layer_size(checkpoint->layer) < HELD_SEGMENTS * checkpoint->place->segment_size
                       ? 0
                       : put_layer(checkpoint, failure);
}

static int bring_up_to_date(Checkpoint *checkpoint, const char *path, uint64_t from, Failure *failure) {
        int r;

        checkpoint->target = table_close(checkpoint->target);
        layer_clear(checkpoint->layer);
        r = table_open(path, TABLE_WRITE, false, &checkpoint->target, failure);
        if (r < 0)
                return r;

        if (table_state(checkpoint->target)->applied != from)
                return failure_set(failure, FAILURE_STORE_FAILED, "%s is not the file that it should be",
                                   path);

        r = segment_ranges_replay(checkpoint->place, &checkpoint->ranges, from, checkpoint->to, gather_change,
                                  checkpoint, failure);
        if (r >= 0)
                r = put_layer(checkpoint, failure);
        if (r >= 0)
                r = table_sync(checkpoint->target, checkpoint->to, failure);

        checkpoint->target = table_close(checkpoint->target);
        return r;
}

static int write_idle(Checkpoint *checkpoint, const char *path, Failure *failure) {
        Current dirty = checkpoint->current;
        bool clean = dirty.idle_clean;
        int r;

        dirty.idle_clean = false;
        dirty.durable = checkpoint->to;
        r = store_place_write_current(checkpoint->place, &dirty, failure);
        if (r < 0)
                return r;

        checkpoint->current.idle_clean = false; /* whatever comes of this one */
        if (clean && !checkpoint->pinned) {
                _cleanup_failure_ Failure why = {};

                r = bring_up_to_date(checkpoint, path, dirty.idle_applied, &why);
                if (r >= 0)
                        return 0;
        }

        r = make_copy(checkpoint, path, failure);
        return r < 0 ? r : bring_up_to_date(checkpoint, path, dirty.applied, failure);
}

static int checkpoint_perform(Checkpoint *checkpoint, Failure *failure) {
        Current before = checkpoint->current, after = {
                .letter = current_idle(&before),
                .applied = checkpoint->to,
                .idle_clean = !checkpoint->distrusted,
                .idle_applied = before.applied,
                .durable = checkpoint->to,
        };
        _cleanup_free_ char *path = store_place_table_path(checkpoint->place, after.letter);
        _cleanup_(table_closep) Table *table = NULL;
        int r;

        if (!path)
                return failure_no_memory(failure);

        r = write_idle(checkpoint, path, failure);
        if (r >= 0)
                r = table_open(path, TABLE_READ, false, &table, failure);
        if (r < 0)
                return r;

        after.segment = segment_ranges_needed(&checkpoint->ranges,
                                              after.idle_clean ? after.idle_applied : after.applied,
                                              checkpoint->first_after);
        r = store_place_write_current(checkpoint->place, &after, failure);
        if (r < 0)
                return r;

        checkpoint->current = after;
        checkpoint->table = TAKE_PTR(table);
        segment_ranges_drop(checkpoint->place, &checkpoint->ranges, after.segment);
        return 0;
}

static void *checkpoint_thread(void *userdata) {
        Checkpoint *checkpoint = userdata;

        /* As long as it is open the file cannot be written. */
        checkpoint->retired = table_close(checkpoint->retired);
        make_spare(checkpoint);
        checkpoint->result = checkpoint_perform(checkpoint, &checkpoint->failure);
        make_spare(checkpoint);
        atomic_store(&checkpoint->ended, true);
        return NULL;
}

static int start_thread(Checkpoint *checkpoint) {
        sigset_t before;
        int r;

        signals_block(&before);
        r = pthread_create(&checkpoint->thread, NULL, checkpoint_thread, checkpoint);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0)
                pthread_setname_np(checkpoint->thread, "checkpoint");

        return -r;
}

/* The committed changes so far become the frozen layer. */
static int freeze(Store *store) {
        Layer *fresh = layer_new(), *merged;

        if (!fresh)
                return -ENOMEM;

        if (!store->frozen) {
                store->frozen = store->active;
                store->active = fresh;
                return 0;
        }

        /* That of a checkpoint that failed; a snapshot may hold it, so it is not changed. */
        merged = layer_new();
        if (!merged || layer_copy(merged, store->frozen) < 0 || layer_copy(merged, store->active) < 0) {
                layer_unref(merged);
                layer_unref(fresh);
                return -ENOMEM;
        }

        layer_unref(store->frozen);
        layer_unref(store->active);
        store->frozen = merged;
        store->active = fresh;
        return 0;
}

static Checkpoint *checkpoint_new(const Store *store) {
        Checkpoint *checkpoint = new0(Checkpoint, 1);

        if (!checkpoint)
                return NULL;

        checkpoint->place = store_place_ref(store->place);
        checkpoint->layer = layer_new();
        checkpoint->to = store->committed;
        checkpoint->distrusted = store->distrusted;
        checkpoint->no_spare = store->closing;
        checkpoint->current = store->current;
        checkpoint->pinned = atomic_load(&store->place->pins[current_idle(&store->current) - 'a']) > 0;
        checkpoint->first_after = segment_number(store->segment);
        if (!checkpoint->layer || segment_ranges_copy(&store->ranges, &checkpoint->ranges) < 0) {
                checkpoint_free(checkpoint);
                return NULL;
        }

        checkpoint->ranges.count--; /* the present segment, which has nothing in it */
        return checkpoint;
}

int store_checkpoint_begin(Store *store, Failure *failure) {
        _cleanup_(checkpoint_freep) Checkpoint *checkpoint = NULL;
        bool nothing = layer_count(store->active) == 0 && layer_count(store->frozen) == 0;
        int r;

        if (store->checkpoint || store->frames.size > 0 ||
            (nothing && store->current.idle_clean && !store->distrusted))
                return 0;

        /* Until it has succeeded another is not tried with every commit. */
        store->retry_size = layer_size(store->active) + store->place->segment_size;
        r = store_end_doubt(store, failure);
        if (r >= 0)
                r = store_rotate(store, 0, failure);
        if (r < 0)
                return r;

        checkpoint = checkpoint_new(store);
        if (!checkpoint || freeze(store) < 0)
                return failure_no_memory(failure);

        checkpoint->retired = TAKE_PTR(store->retired);
        r = start_thread(checkpoint);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, r, "No thread can be started");

        store->checkpoint = TAKE_PTR(checkpoint);
        return 0;
}

bool store_checkpoint_runs(const Store *store) {
        return store->checkpoint != NULL;
}

/* The store may have needed its next segment, and made it, before this one was ready. */
static Segment *take_spare(Store *store, Checkpoint *checkpoint) {
        Segment *spare = atomic_exchange(&checkpoint->spare, NULL);

        if (!spare || !store->segment || segment_number(store->segment) < segment_number(spare))
                return spare;

        segment_remove(store->place, segment_number(spare));
        return segment_close(spare);
}

Segment *store_checkpoint_take_spare(Store *store) {
        return store->checkpoint ? take_spare(store, store->checkpoint) : NULL;
}

static void take_over(Store *store, Checkpoint *checkpoint) {
        store_change_table(store, TAKE_PTR(checkpoint->table));
        store->frozen = layer_unref(store->frozen);
        store->distrusted = false;
        store->retry_size = 0;
}

int store_checkpoint_end(Store *store, bool wait, Failure *failure) {
        _cleanup_(checkpoint_freep) Checkpoint *checkpoint = NULL;

        if (!store->checkpoint || (!wait && !atomic_load(&store->checkpoint->ended)))
                return 0;

        checkpoint = TAKE_PTR(store->checkpoint);
        pthread_join(checkpoint->thread, NULL);
        if (!store->spare)
                store->spare = take_spare(store, checkpoint);
        store->current = checkpoint->current;
        if (checkpoint->result >= 0) {
                take_over(store, checkpoint);
                segment_ranges_drop(store->place, &store->ranges, store->current.segment);
                return 0;
        }

        store->distrusted = store->distrusted || checkpoint->distrusted;
        log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = &checkpoint->failure },
                  "The last changes are in the log of %s only: %s", store->place->name,
                  failure_message(&checkpoint->failure));
        if (failure)
                failure_move(failure, &checkpoint->failure);

        return checkpoint->result;
}
