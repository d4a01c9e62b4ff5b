/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One GDBM file of a store (FORMAT.md): values with checks, with this project's failures instead of GDBM's error
 * numbers. It knows nothing of crashes: what may be written when, is store-private.h's business. Not thread-safe;
 * every function blocks. */
#ifndef ICREISSUE_FILE_TABLE_H
#define ICREISSUE_FILE_TABLE_H

#include "base/bytes.h"
#include "base/failure.h"

enum { TABLE_KEY_MAX = 1024 }; /* bytes of a key; a longer one is never there */

typedef struct Table Table;

typedef enum TableMode {
        TABLE_READ,   /* shared with other readers, gdbmtool among them */
        TABLE_WRITE,  /* exclusive */
        TABLE_CREATE, /* exclusive, emptied, mode 0600 */
} TableMode;

/* What "@store" says. Kept up to date in memory by table_put() and table_delete(), and written by table_finish(). */
typedef struct TableState {
        uint64_t applied; /* sequence number */
        uint64_t keys;
        uint64_t digest;
} TableState;

/* All failures are STORE_FAILED, or NO_MEMORY; they name the file and say what to do. GDBM never ends the process.
 * Reads "@store", unless the file is created. `large`: a bulk load, which gets a larger cache. */
int table_open(const char *path, TableMode mode, bool large, Table **ret, Failure *failure);

/* Releases without a word. What was written may not be on the disk. */
Table *table_close(Table *table);
DEFINE_CLEANUP(Table *, table_close)

const TableState *table_state(const Table *table);

/* Writes "@store" with this sequence number and syncs; the table stays open. */
int table_sync(Table *table, uint64_t applied, Failure *failure);

/* Replaces what ret holds. -ENOENT, with no failure set, where the key is not there. A value with a wrong check is
 * STORE_FAILED. */
int table_fetch(Table *table, const char *key, Bytes *ret, Failure *failure);

/* 1 or 0; no check is made. */
int table_contains(Table *table, const char *key, Failure *failure);

/* Puts or replaces. */
int table_put(Table *table, const char *key, Span value, Failure *failure);

/* Removes; a key that is not there is no failure. */
int table_delete(Table *table, const char *key, Failure *failure);

/* Calls `each` with every key but "@store", in GDBM's order; the table must not be changed meanwhile. Stops at the
 * first negative return, and returns it. */
typedef int (*TableEach)(const char *key, void *userdata, Failure *failure);
int table_each(Table *table, TableEach each, void *userdata, Failure *failure);

/* Reads all of it and holds it against its checks, number of keys and digest. progress (0..1) may be NULL. */
typedef int (*TableProgress)(double progress, void *userdata, Failure *failure);
int table_verify(Table *table, TableProgress progress, void *userdata, Failure *failure);

/* GDBM's own hash (gdbm 1.23, hash.c) of the key as it stands in the file: buckets lie in the order of its leading bits, so
 * a load in this order touches each bucket once. */
uint32_t table_hash(const char *key);

#endif
