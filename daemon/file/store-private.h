/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the store share. Only for store*.c; what holds between the files is in FORMAT.md. */
#ifndef ICREISSUE_FILE_STORE_PRIVATE_H
#define ICREISSUE_FILE_STORE_PRIVATE_H

#include <stdatomic.h>

#include "file/store-current.h"
#include "file/store-layer.h"
#include "file/store-log.h"
#include "file/store.h"
#include "file/table.h"

/* Where the files are, for every thread; immutable, but for the pins. */
typedef struct StorePlace {
        atomic_int references;
        char *directory;
        char *name;
        int descriptor; /* the directory's */
        uint64_t segment_size;
        atomic_uint newest;      /* the number of the log segment in use */
        atomic_uint last_number; /* the highest that was given to one */
        atomic_int pins
                [2]; /* how many snapshots read NAME.a.gdbm, NAME.b.gdbm; only the current one gets new ones */
} StorePlace;

/* The change sets that a segment holds: first to last; none where last is 0. */
typedef struct SegmentRange {
        uint32_t number;
        uint64_t first, last;
} SegmentRange;

typedef struct SegmentRanges {
        SegmentRange *items; /* ascending */
        size_t count;
} SegmentRanges;

typedef struct Checkpoint Checkpoint;

struct Store {
        StorePlace *place;
        int lock;
        Current current;
        Table *table; /* the current file, for reading */
        Table *retired; /* the one before, which is still open: a checkpoint closes it, since that takes long where much
                         * of it was read */
        Layer *frozen;  /* what a checkpoint is writing; immutable; NULL: nothing */
        Layer *active;  /* what was committed since */
        Layer *pending; /* what was applied and is not committed */
        Layer *scratch; /* one change set */
        Bytes frames;   /* of pending */
        uint64_t sequence, committed;
        uint64_t count, pending_count; /* number of keys: committed, and with pending */
        Segment *segment;              /* takes the next frames; NULL: one must be made first */
        Segment *spare;                /* the one after it; NULL: none is made yet */
        SegmentRanges ranges;          /* of every segment that is there, the present one last */
        Checkpoint *checkpoint;
        uint64_t retry_size; /* of the active layer, from which on the next checkpoint is tried */
        bool distrusted;     /* damage was met in the current file: it must not be copied */
        bool closing;        /* no further commit comes */
        bool doubtful;       /* NAME.current may say what is not so: written again before anything else */
        StoreBulk *bulk;
};

/* --- store-place.c --- */

int store_place_new(const char *directory, const char *name, uint64_t segment_size, StorePlace **ret,
                    Failure *failure);
StorePlace *store_place_ref(StorePlace *place);
StorePlace *store_place_unref(StorePlace *place);
DEFINE_CLEANUP(StorePlace *, store_place_unref)

/* DIRECTORY/NAME.a.gdbm, or `b`, or another middle; the caller owns it. */
char *store_place_path(const StorePlace *place, const char *middle);
char *store_place_table_path(const StorePlace *place, char letter);
int store_place_sync(const StorePlace *place, Failure *failure);

/* Replaces NAME.current: as current_write(), with the present `newest`. */
int store_place_write_current(const StorePlace *place, Current *current, Failure *failure);

/* Copies the whole file and syncs it. target is empty; `from` is the source's name, for messages. */
typedef struct CopyProgress {
        StoreProgress call; /* may be NULL */
        void *userdata;
} CopyProgress;
int store_copy_file(int source, const char *from, int target, const CopyProgress *progress, Failure *failure);

/* Holds a GDBM file for reading: a checkpoint does not write it meanwhile. */
static inline void store_place_pin(StorePlace *place, char letter) {
        atomic_fetch_add(&place->pins[letter - 'a'], 1);
}
static inline void store_place_unpin(StorePlace *place, char letter) {
        atomic_fetch_sub(&place->pins[letter - 'a'], 1);
}

/* --- store-log-ranges.c: which segments there are, and which of their frames count --- */

/* Finds the segments of the directory from current->segment on (0: all), and what each holds (invariants 6, 8 and 10);
 * those before that are removed, and empty ones are left out. *ret_last_number is the highest number that is there. */
int segment_ranges_find(const StorePlace *place, const Current *current, SegmentRanges *ret,
                        uint32_t *ret_last_number, Failure *failure);
int segment_ranges_copy(const SegmentRanges *ranges, SegmentRanges *ret);
int segment_ranges_add(SegmentRanges *ranges, uint32_t number);
void segment_ranges_done(SegmentRanges *ranges);

/* The first segment that has a change set after `applied`; `otherwise` where there is none such. */
uint32_t segment_ranges_needed(const SegmentRanges *ranges, uint64_t applied, uint32_t otherwise);

/* Removes every segment that is not among the ranges: once there is a new one. */
void segment_ranges_tidy(const StorePlace *place, const SegmentRanges *ranges);
void segment_remove(const StorePlace *place, uint32_t number);

/* Removes the files, and the ranges, of segments before `first`. */
void segment_ranges_drop(const StorePlace *place, SegmentRanges *ranges, uint32_t first);

/* Calls `change` with every change of the change sets after `from` and up to `to`. STORE_FAILED where one is missing. */
int segment_ranges_replay(const StorePlace *place, const SegmentRanges *ranges, uint64_t from, uint64_t to,
                          SegmentChange change, void *userdata, Failure *failure);

/* --- store.c --- */

/* Makes the next segment the present one, with room for at least `size` bytes. */
int store_rotate(Store *store, uint64_t size, Failure *failure);

/* Reads from another file from here on. */
void store_change_table(Store *store, Table *table);

/* Writes NAME.current anew, for what it says of the log. Not while a checkpoint runs. */
int store_tell_current(Store *store, Failure *failure);

/* Where a bulk load's end is not known NAME.current is written anew, before anything else is. */
int store_end_doubt(Store *store, Failure *failure);

/* --- store-start.c --- */

int store_start(Store *store, Failure *failure);

/* --- store-checkpoint.c --- */

/* Begins one in the background where there is something for it, and none is under way. */
int store_checkpoint_begin(Store *store, Failure *failure);
/* Takes over what one that has ended has brought; with `wait` it is waited for. Its failure is logged, and given. */
int store_checkpoint_end(Store *store, bool wait, Failure *failure);
bool store_checkpoint_runs(const Store *store);

/* The segment that it has made ahead, if it has; the caller owns it. */
Segment *store_checkpoint_take_spare(Store *store);

/* --- store-damage.c --- */

/* The current file cannot give the key: from the idle file and the log, if these can. `cause` is what the current
 * file said; it is the failure where they cannot. */
int store_fetch_elsewhere(Store *store, const char *key, Bytes *ret, Failure *cause, Failure *failure);

/* --- store-bulk.c --- */

/* What is about to be committed is told to a bulk load under way. */
void store_bulk_note(StoreBulk *bulk, const Layer *changes);
void store_bulk_orphan(StoreBulk *bulk);

#endif
