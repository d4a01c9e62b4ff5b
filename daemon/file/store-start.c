/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a store begins: from whatever a crash, or somebody's hand, has left (FORMAT.md, "Start"). */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "file/store-private.h"

static int write_current(Store *store, const Current *current, Failure *failure) {
        int r;

        r = current_write(store->place->descriptor, store->place->directory, store->place->name, current,
                          failure);
        if (r >= 0)
                store->current = *current;

        return r;
}

/* What was under construction is worth nothing. */
static int remove_remains(const StorePlace *place, Failure *failure) {
        static const char *const middles[] = { "bulk.gdbm", "current.new" };

        for (size_t i = 0; i < ELEMENTS(middles); i++) {
                _cleanup_free_ char *path = store_place_path(place, middles[i]);

                if (!path)
                        return failure_no_memory(failure);
                if (unlink(path) < 0 && errno != ENOENT)
                        return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                                 "%s cannot be removed; check the directory's owner", path);
        }

        return 0;
}

/* Somebody has restored a backup that was cut off. */
static int refuse_unfinished(const StorePlace *place, Failure *failure) {
        _cleanup_free_ char *path = store_place_path(place, STORE_UNFINISHED);

        if (!path)
                return failure_no_memory(failure);

        if (access(path, F_OK) < 0)
                return 0;

        return failure_set(
                failure, FAILURE_STORE_FAILED,
                "%s says that these files are those of a backup that was not finished. Restore all files of "
                "another one.",
                path);
}

static bool table_is_there(const StorePlace *place, char letter) {
        _cleanup_free_ char *path = store_place_table_path(place, letter);

        return path && access(path, F_OK) == 0;
}

static int open_table(const StorePlace *place, char letter, Table **ret, Failure *failure) {
        _cleanup_free_ char *path = store_place_table_path(place, letter);

        return path ? table_open(path, TABLE_READ, false, ret, failure) : failure_no_memory(failure);
}

/* An empty store: the GDBM file, a segment, and only then the word that they are one. */
static int store_create(Store *store, Failure *failure) {
        _cleanup_free_ char *path_new = store_place_path(store->place, "bulk.gdbm");
        _cleanup_free_ char *path = store_place_table_path(store->place, 'a');
        Table *table;
        int r;

        if (!path_new || !path)
                return failure_no_memory(failure);

        r = table_open(path_new, TABLE_CREATE, false, &table, failure);
        if (r < 0)
                return r;

        r = table_sync(table, 0, failure);
        table_close(table);
        if (r >= 0 && rename(path_new, path) < 0)
                r = failure_set_errno(failure, FAILURE_STORE_FAILED, errno, "%s cannot be made", path);
        if (r >= 0)
                r = store_rotate(store, 0, failure); /* syncs the directory */
        if (r < 0)
                return r;

        store->current = (Current){ .letter = 'a', .segment = segment_number(store->segment) };
        return store_tell_current(store, failure);
}

/* Whether this is what an interrupted store_create() has left, or less. */
static int is_fresh(Store *store, bool *ret, Failure *failure) {
        _cleanup_(segment_ranges_done) SegmentRanges ranges = {};
        _cleanup_(table_closep) Table *table = NULL;
        uint32_t last_number;
        int r;

        *ret = false;
        if (table_is_there(store->place, 'b'))
                return 0;

        r = segment_ranges_find(store->place, &(Current){ .applied = UINT64_MAX }, &ranges, &last_number,
                                failure);
        if (r < 0)
                return r;

        atomic_store(&store->place->last_number, last_number);

        if (table_is_there(store->place, 'a') &&
            (open_table(store->place, 'a', &table, NULL) < 0 || table_state(table)->keys > 0 ||
             table_state(table)->applied > 0))
                return 0;

        *ret = ranges.count == 0;
        return 0;
}

/* NAME.current is lost: a file that holds all that it says it does is whole, and the one that has come farthest is
 * taken. */
static int store_find_current(Store *store, Failure *failure) {
        Current found = {};

        for (char letter = 'a'; letter <= 'b'; letter++) {
                _cleanup_(table_closep) Table *table = NULL;

                if (!table_is_there(store->place, letter) ||
                    open_table(store->place, letter, &table, NULL) < 0 ||
                    table_verify(table, NULL, NULL, NULL) < 0)
                        continue;

                if (found.letter == 0 || table_state(table)->applied > found.applied)
                        found = (Current){
                                .letter = letter,
                                .applied = table_state(table)->applied,
                                .durable = table_state(table)->applied,
                        };
        }

        if (found.letter == 0)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "%s/%s.current is missing or damaged, and no GDBM file beside it is whole. Restore "
                        "all files of the last backup.",
                        store->place->directory, store->place->name);

        log_event(LOG_STORE_FAILED, NULL,
                  "%s.current was missing or damaged; it was made anew from the other files.",
                  store->place->name);
        return write_current(store, &found, failure);
}

static int store_open_current(Store *store, Failure *failure) {
        const Current *current = &store->current;
        int r;

        r = open_table(store->place, current->letter, &store->table, failure);
        if (r < 0)
                return r;

        if (table_state(store->table)->applied == current->applied)
                return 0;

        store->table = table_close(store->table);
        return failure_set(
                failure, FAILURE_STORE_FAILED,
                "%s/%s.%c.gdbm is not the file that %s.current names. Restore all files of the same backup.",
                store->place->directory, store->place->name, current->letter, store->place->name);
}

static bool idle_is_whole(const Store *store) {
        _cleanup_(table_closep) Table *table = NULL;

        return open_table(store->place, current_idle(&store->current), &table, NULL) >= 0 &&
               table_state(table)->applied == store->current.idle_applied;
}

/* The current file; the idle one in its place where it is whole and the current one is not. */
static int store_open_tables(Store *store, Failure *failure) {
        _cleanup_failure_ Failure damage = {};
        Current current = store->current;
        int r;

        r = store_open_current(store, &damage);
        if (r < 0 && current.idle_clean && damage.kind == FAILURE_STORE_FAILED) {
                store->current.letter = current_idle(&current);
                store->current.applied = current.idle_applied;
                store->current.idle_clean = false;
                r = store_open_current(store, NULL);
                if (r >= 0) {
                        log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = &damage },
                                  "%s The other GDBM file and the log are used instead.",
                                  failure_message(&damage));
                        current = store->current;
                        return write_current(store, &current, failure);
                }
        }

        if (r < 0)
                failure_move(failure, &damage);
        else if (current.idle_clean && !idle_is_whole(store))
                store->current.idle_clean = false; /* the next checkpoint makes it anew */

        return r;
}

static int load_change(const FrameInfo *frame _unused_, const char *key, const Span *value, void *userdata,
                       Failure *failure) {
        Store *store = userdata;
        const LayerEntry *entry = layer_find(store->active, key);
        int there;

        there = entry ? !entry->removed : table_contains(store->table, key, failure);
        if (there < 0)
                return there;

        store->count = store->count + (value != NULL) - (uint64_t) there;
        return layer_set(store->active, key, value) < 0 ? failure_no_memory(failure) : 0;
}

static int store_load_log(Store *store, Failure *failure) {
        uint64_t applied = store->current.applied, last;
        uint32_t last_number;
        int r;

        r = segment_ranges_find(store->place, &store->current, &store->ranges, &last_number, failure);
        if (r < 0)
                return r;

        atomic_store(&store->place->last_number, last_number);

        last = store->ranges.count > 0 ? store->ranges.items[store->ranges.count - 1].last : 0;
        store->count = table_state(store->table)->keys;
        store->sequence = store->committed = MAX_OF(last, applied);
        r = segment_ranges_replay(store->place, &store->ranges, applied, store->committed, load_change, store,
                                  failure);
        store->pending_count = store->count;
        return r;
}

static int store_find(Store *store, Failure *failure) {
        bool fresh;
        int r;

        r = current_read(store->place->descriptor, store->place->name, &store->current, failure);
        if (r == -ENOENT) {
                r = is_fresh(store, &fresh, failure);
                if (r >= 0)
                        r = fresh ? store_create(store, failure) : -EBADMSG;
        }

        return r == -EBADMSG ? store_find_current(store, failure) : r;
}

int store_start(Store *store, Failure *failure) {
        _cleanup_failure_ Failure no_room = {};
        int r;

        /* A killed process may have left names that are not on the disk yet: nothing is built on those. */
        r = refuse_unfinished(store->place, failure);
        if (r >= 0)
                r = store_place_sync(store->place, failure);
        if (r >= 0)
                r = remove_remains(store->place, failure);
        if (r >= 0)
                r = store_find(store, failure);
        if (r >= 0)
                r = store_open_tables(store, failure);
        if (r < 0)
                return r;

        store->segment = segment_close(store->segment);
        segment_ranges_done(&store->ranges);
        r = store_load_log(store, failure);
        if (r < 0)
                return r;

        /* On a full disk it can be read all the same; changes are refused until there is room. */
        if (store_rotate(store, 0, &no_room) < 0 || store_tell_current(store, &no_room) < 0)
                log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = &no_room }, "%s",
                          failure_message(&no_room));
        else {
                segment_ranges_tidy(store->place, &store->ranges);
                (void) store_checkpoint_begin(store, NULL);
        }

        return 0;
}
