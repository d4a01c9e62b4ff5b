/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store: keys and values in NAME.gdbm, whole after the process was killed or the power went, at any
 * moment. It knows nothing of what the values are. Every function blocks, and is called on the store
 * thread, or before there is one.
 *
 * How. GDBM changes several places of its file for one update; a process killed between two of them leaves
 * a file that gdbm_recover() may bring back without some of its keys. So NAME.gdbm is never written in
 * place: the first change makes a copy, NAME.work, which takes the changes and is worth nothing after a
 * crash. What counts is NAME.gdbm and NAME.log: a change is answered when its entry in the log is on the
 * disk. A checkpoint syncs the copy, renames it over NAME.gdbm and begins the log anew. It happens when
 * the store is closed, and when the log has become large (store_settle()).
 *
 * Invariants:
 * - NAME.gdbm holds a "generation", which every checkpoint counts up, and the log names the one it
 *   follows. A log of an older generation is left over from a checkpoint that was interrupted after its
 *   rename: it is dropped. A log of a newer one shows that an old NAME.gdbm was put back without it:
 *   refused.
 * - What readers see is NAME.gdbm and the whole log, never a change that failed: then the copy is thrown
 *   away and made again.
 * - NAME.log is locked: a second process gets STORE_FAILED. NAME.gdbm can be read with gdbmtool meanwhile,
 *   and shows the last checkpoint; after a clean stop, everything. */
#ifndef ICREISSUE_FILE_STORE_H
#define ICREISSUE_FILE_STORE_H

#include "file/store-log.h"
#include "file/table.h"

typedef struct Store Store;

typedef enum StoreFlags {
        /* Values that are replaced or removed are overwritten on the disk, in the GDBM file, its copies
         * and the log, at the next store_settle(). For small stores: each store_settle() writes the whole. */
        STORE_ERASING = 1 << 0,
} StoreFlags;

/* Opens DIRECTORY/NAME.gdbm, made where it is missing (mode 0600). */
int store_open(const char *directory, const char *name, StoreFlags flags, Store **ret, Failure *failure);

/* Makes a checkpoint where there are changes, and releases. Should that fail nothing is lost: the log has
 * them. */
Store *store_close(Store *store);
DEFINE_CLEANUP(Store *, store_close)

/* The number of keys. */
uint64_t store_count(const Store *store);

/* Replaces what ret holds. -ENOENT, with no failure set, where the key is not there. Every other error
 * here is STORE_FAILED or NO_MEMORY. */
int store_fetch(Store *store, const char *key, Bytes *ret, Failure *failure);

/* Puts or replaces; on the disk when it returns. Keys are 1 to STORE_KEY_MAX bytes and do not begin with a
 * dot, values at most STORE_VALUE_MAX bytes: INVALID_ARGS otherwise. */
int store_put(Store *store, const char *key, Span value, Failure *failure);

/* Removes; on the disk when it returns. A key that is not there is no failure. */
int store_delete(Store *store, const char *key, Failure *failure);

/* Calls `each` with every key, in no order. `each` may fetch, and must not change the store. Stops at the
 * first negative return, and returns it. */
int store_each(Store *store, TableEach each, void *userdata, Failure *failure);

/* Does what can wait until the caller of a change has its answer, if there is anything. A failure is no
 * loss, and is tried again. */
bool store_must_settle(const Store *store);
void store_settle(Store *store);

/* The store as it is now, as a table of its own that later changes do not touch; usable on any one thread.
 * It has the store's keys; table_each() also shows one key that begins with a dot, which is none of them. */
int store_snapshot(Store *store, Table **ret, Failure *failure);

/* Many changes in one step, which a crash leaves whole or undone: begin, put, commit. They go around the
 * log. Nothing else may be called between begin and commit or abandon, except store_fetch(), which sees
 * them. After a failed commit they are undone. */
int store_bulk_begin(Store *store, Failure *failure);
int store_bulk_put(Store *store, const char *key, Span value, Failure *failure);
int store_bulk_commit(Store *store, Failure *failure);
void store_bulk_abandon(Store *store);

/* The directory, for temporary files on the same file system. Borrowed. */
const char *store_directory(const Store *store);

#endif
