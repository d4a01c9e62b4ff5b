/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store: keys and values, whole after any crash, durable when store_commit() has said so. Its files and what
 * holds between them are described in FORMAT.md. It knows nothing of what the values are. Every function blocks,
 * and is called on the store thread, or before there is one, unless it says otherwise.
 *
 * Changes are sets, each whole or not at all: store_apply() takes one and shows it to store_fetch() at once,
 * store_commit() makes all that were applied since the last commit durable with one sync (group commit). A commit
 * that fails takes them all back. */
#ifndef ICREISSUE_FILE_STORE_H
#define ICREISSUE_FILE_STORE_H

#include "base/bytes.h"
#include "base/failure.h"

enum {
        STORE_KEY_MAX = 1024,
        STORE_VALUE_MAX = 1024 * 1024,
};

typedef struct Store Store;

/* One key of a change set. */
typedef struct StoreChange {
        const char *key; /* 1 to STORE_KEY_MAX bytes; not beginning with "@", which are the store's own */
        const Span *
                value; /* at most STORE_VALUE_MAX bytes; NULL: remove (a key that is not there is no failure) */
} StoreChange;

/* segment_size: bytes of log after which a checkpoint is begun in the background; 0: the usual 4 MiB. What is
 * held in memory stays below eight times that; past it changes are refused until a checkpoint succeeds. */
int store_open(const char *directory, const char *name, uint64_t segment_size, Store **ret, Failure *failure);

/* Waits for a checkpoint under way, makes one where there are changes, and releases. Should that fail nothing is
 * lost: the log has them. Changes that were not committed are dropped. */
Store *store_close(Store *store);
DEFINE_CLEANUP(Store *, store_close)

/* The number of keys. */
uint64_t store_count(const Store *store);

/* Replaces what ret holds. -ENOENT, with no failure set, where the key is not there. Every other error here is
 * STORE_FAILED or NO_MEMORY. */
int store_fetch(Store *store, const char *key, Bytes *ret, Failure *failure);

/* Calls `each` with every key, in no order. `each` may fetch, and must not change the store. Stops at the first
 * negative return, and returns it. For small stores: every key is gone through. */
typedef int (*StoreEach)(const char *key, void *userdata, Failure *failure);
int store_each(Store *store, StoreEach each, void *userdata, Failure *failure);

/* Applies one change set (count >= 1; a key at most once in it). Nothing of it is there after a failure:
 * INVALID_ARGS for sizes, STORE_FAILED (a full disk; no checkpoint possible), NO_MEMORY. */
int store_apply(Store *store, const StoreChange *changes, size_t count, Failure *failure);

/* Makes durable what was applied since the last commit; nothing to do is success. After a failure all of it is
 * undone, and the store can be read and changed again as before it. */
int store_commit(Store *store, Failure *failure);

/* Whether something was applied that store_commit() has not yet answered for. */
bool store_is_uncommitted(const Store *store);

/* Waits for a checkpoint under way, then makes one of everything committed, and waits for it: every change is in
 * the GDBM file. What was applied and not committed is dropped. For tests, backups and before the end. */
int store_checkpoint(Store *store, Failure *failure);

/* The directory, for temporary files on the same file system. Borrowed. */
const char *store_directory(const Store *store);

/* --- snapshots: what was committed at one moment, for one other thread --- */

typedef struct StoreSnapshot StoreSnapshot;

/* Later changes and checkpoints do not touch it. Uncommitted changes are not in it. It may outlive the store. */
int store_snapshot(Store *store, StoreSnapshot **ret, Failure *failure);
StoreSnapshot *store_snapshot_free(StoreSnapshot *snapshot);
DEFINE_CLEANUP(StoreSnapshot *, store_snapshot_free)

uint64_t store_snapshot_count(const StoreSnapshot *snapshot);
int store_snapshot_fetch(StoreSnapshot *snapshot, const char *key, Bytes *ret, Failure *failure);
int store_snapshot_each(StoreSnapshot *snapshot, StoreEach each, void *userdata, Failure *failure);

/* `progress` (0..1) may be NULL; a negative return of it ends the work, and is returned. */
typedef int (*StoreProgress)(double progress, void *userdata, Failure *failure);

/* Reads everything that the snapshot consists of - each key of its GDBM file, each value's checksum, the number
 * of keys, the digest over all, and the log's frames. STORE_FAILED names the file and what is damaged in it. */
int store_snapshot_verify(StoreSnapshot *snapshot, StoreProgress progress, void *userdata, Failure *failure);

/* Before and after store_snapshot_backup(), of one store or of several that belong together: a mark, the file
 * NAME.unfinished, says that the backup is not whole, and a store beside such a mark does not open. Each is on the disk
 * when it returns 0. directory is an open descriptor, borrowed. */
#define STORE_UNFINISHED "unfinished"
int store_backup_begin(const StoreSnapshot *snapshot, int directory, Failure *failure);
int store_backup_end(const StoreSnapshot *snapshot, int directory, Failure *failure);

/* Writes the snapshot as the files of a store of the same name into another directory, each file under its name
 * only when it is whole and on the disk; restoring is copying them back while the service is stopped. Refused
 * (INVALID_ARGS) where that store's files are there already. directory is an open descriptor, borrowed. */
int store_snapshot_backup(StoreSnapshot *snapshot, int directory, StoreProgress progress, void *userdata,
                          Failure *failure);

/* --- bulk: a whole new content --- */

typedef struct StoreBulk StoreBulk;

/* Begins a new GDBM file beside the store's own; the store is read and changed meanwhile as ever. Store
 * thread; what follows may be called on any one thread until finish. */
int store_bulk_begin(Store *store, StoreBulk **ret, Failure *failure);

/* Keys in any order, each once. Fast in the order of store_bulk_hash(). Values as in StoreChange. */
int store_bulk_put(StoreBulk *bulk, const char *key, Span value, Failure *failure);
int store_bulk_fetch(StoreBulk *bulk, const char *key, Bytes *ret, Failure *failure);
int store_bulk_remove(StoreBulk *bulk, const char *key, Failure *failure);

/* The order in which GDBM's buckets lie: keys sorted by this load fastest. */
uint32_t store_bulk_hash(const char *key);

/* Syncs the new file; long, on any thread. */
int store_bulk_sync(StoreBulk *bulk, Failure *failure);

/* Calls `each` with every key that was changed in the store, and committed, since store_bulk_begin(). Store
 * thread. Returns STORE_FAILED where there were more than are remembered (a segment's worth). */
int store_bulk_changed(StoreBulk *bulk, StoreEach each, void *userdata, Failure *failure);

/* Makes the new file the store's content, durable and at once: a crash leaves the old content or the new.
 * Store thread, with nothing uncommitted. The bulk is released, also on failure, which leaves the old content. */
int store_bulk_finish(StoreBulk *bulk, Failure *failure);
void store_bulk_abandon(StoreBulk *bulk);

#endif
