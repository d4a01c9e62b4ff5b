/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of a store: every change since the GDBM file was last written whole, as checksummed entries,
 * each on the disk before the next is appended. It is also the lock that keeps a second daemon out.
 *
 * Format: the line "icreissue store log 1, generation N", then entries. An entry is the line "put KEYSIZE
 * VALUESIZE CHECK" or "delete KEYSIZE 0 CHECK", the key, the value, a newline. CHECK is the first 16
 * hexadecimal digits of SHA-256 over generation, offset, operation, sizes, key and value: an entry left
 * over from elsewhere is none. As each entry is synced before the next is written, only the last can be
 * torn. */
#ifndef ICREISSUE_FILE_STORE_LOG_H
#define ICREISSUE_FILE_STORE_LOG_H

#include "base/bytes.h"
#include "base/failure.h"

enum {
        STORE_KEY_MAX = 512,
        STORE_VALUE_MAX = 16 * 1024 * 1024,
};

typedef struct StoreLog StoreLog;

/* Opens or creates the log and locks it. STORE_FAILED where another process has it. */
int store_log_open(const char *path, StoreLog **ret, Failure *failure);
StoreLog *store_log_close(StoreLog *log);
DEFINE_CLEANUP(StoreLog *, store_log_close)

/* The generation of the GDBM file that the entries follow; 0 for a log that was never begun. */
uint64_t store_log_generation(const StoreLog *log);

/* The bytes of its entries: 0 where there are none. */
uint64_t store_log_size(const StoreLog *log);

/* Calls `each` with every whole entry in their order (value NULL: delete), and cuts off a torn last one.
 * Damage before that is STORE_FAILED: acknowledged changes would be lost. */
typedef int (*StoreLogEach)(const char *key, const Span *value, void *userdata, Failure *failure);
int store_log_replay(StoreLog *log, StoreLogEach each, void *userdata, Failure *failure);

/* Appends and syncs. value NULL: delete. After a failure nothing of the entry is there, with one
 * exception: when the sync itself failed nobody knows, and every later append is refused until the log is
 * opened anew. */
int store_log_append(StoreLog *log, const char *key, const Span *value, Failure *failure);

/* Begins anew, empty, for a generation. `erase`: what it held is overwritten on the disk first. */
int store_log_reset(StoreLog *log, uint64_t generation, bool erase, Failure *failure);

/* Overwrites a whole file with zeros and syncs it. Returns 0 or a negative errno. */
int store_erase_descriptor(int descriptor);

#endif
