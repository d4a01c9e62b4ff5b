/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One GDBM file, with this project's failures instead of GDBM's error numbers. It knows nothing of
 * crashes: what may be written when, is store.h's business. Not thread-safe; every function blocks. */
#ifndef ICREISSUE_FILE_TABLE_H
#define ICREISSUE_FILE_TABLE_H

#include "base/bytes.h"
#include "base/failure.h"

typedef struct Table Table;

typedef enum TableMode {
        TABLE_READ,   /* shared with other readers, gdbmtool among them */
        TABLE_WRITE,  /* exclusive */
        TABLE_CREATE, /* exclusive, emptied, mode 0600 */
} TableMode;

/* All failures are STORE_FAILED, or NO_MEMORY; they name the file and say what to do. GDBM never ends the
 * process. */
int table_open(const char *path, TableMode mode, Table **ret, Failure *failure);

/* The same on a descriptor, which is taken over, also on failure. path is only for messages. */
int table_open_descriptor(int descriptor, const char *path, TableMode mode, Table **ret, Failure *failure);

/* Releases without a word. What was written may not be on the disk. */
Table *table_close(Table *table);
DEFINE_CLEANUP(Table *, table_close)

/* Syncs, then releases; the table is gone in either case, but only with 0 is everything on the disk. */
int table_finish(Table *table, Failure *failure);

/* Replaces what ret holds. -ENOENT, with no failure set, where the key is not there. */
int table_fetch(Table *table, const char *key, Bytes *ret, Failure *failure);
bool table_contains(Table *table, const char *key);

/* Puts or replaces. */
int table_put(Table *table, const char *key, Span value, Failure *failure);

/* Removes; -ENOENT, with no failure set, where the key is not there. */
int table_delete(Table *table, const char *key, Failure *failure);

/* Overwrites the value of a key with as many zeros, in its place, so that replacing or removing it leaves
 * none of it in the file's free space. A key that is not there is no failure. */
int table_wipe(Table *table, const char *key, Failure *failure);

/* The number of keys. */
int table_count(Table *table, uint64_t *ret, Failure *failure);

/* Calls `each` with every key, in GDBM's order; the table must not be changed meanwhile. Stops at the
 * first negative return, and returns it. */
typedef int (*TableEach)(const char *key, void *userdata, Failure *failure);
int table_each(Table *table, TableEach each, void *userdata, Failure *failure);

#endif
