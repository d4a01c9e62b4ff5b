/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the issuance file share: the file itself, keys, and records as they stand in its
 * store. Only for issuance-*.c and transfer*.c. */
#ifndef ICREISSUE_FILE_ISSUANCE_INTERNAL_H
#define ICREISSUE_FILE_ISSUANCE_INTERNAL_H

#include "file/issuance-file.h"
#include "file/store-thread.h"
#include "file/store.h"

struct IssuanceFile {
        StoreThread *thread;
        Worker *worker;      /* the store thread's */
        Store *store;        /* touched on the store thread only, once a task was submitted */
        uint64_t count;      /* as of the last answer */
        size_t references;   /* the owner's, and one for each task under way */
        Transfer *transfers; /* those whose workers are not yet released */
};

IssuanceFile *issuance_file_ref(IssuanceFile *file);
IssuanceFile *issuance_file_unref(IssuanceFile *file);

/* "TYPE/ID": a type has no slash. NULL when there is no memory; the caller owns it and erases it
 * (string_erase()). */
char *record_key(const char *type, const char *id);

/* Where the ID begins in a key, or NULL for a key that is no record's. */
const char *record_key_id(const char *key);

/* Orders keys by type, then ID, both bytewise. */
int record_key_compare(const char *a, const char *b);

/* Parses what the store holds. STORE_FAILED where it is no record, or not the one of that key. */
int issuance_parse(const char *key, Span text, Record **ret, Failure *failure);

/* -ENOENT, with no failure set, where there is none. */
int issuance_fetch(Store *store, const char *key, Record **ret, Failure *failure);

/* The record's text as it is stored; the caller owns and erases it. INVALID_ARGS where it is larger than
 * RECORD_SIZE_MAX less `headroom`. */
int issuance_format(const Record *record, size_t headroom, char **ret, Failure *failure);

/* Room that is left in a record for the history of one extraction and its end, so that a reserved record
 * can always be confirmed. */
enum { RECORD_HEADROOM = 8192 };

/* RECORD_IN_USE where a job has reserved the record: which, where, since when. */
int issuance_check_free(const Record *record, Failure *failure);

/* What enrols or replaces means, for one record: `record` becomes what is to be stored. current is NULL
 * where there is none. See issuance_file_put(). */
int issuance_merge(Record *record, const Record *current, bool has_flag, bool has_count,
                   const json_t *details, Failure *failure);

/* {"station": ..., "by": ...}; the caller owns it. NULL when there is no memory. */
json_t *actor_details(uid_t uid, const char *station);

#endif
