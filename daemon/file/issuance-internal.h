/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the issuance file share: the file itself, its keys, and records as they stand in its store.
 * Only for issuance-*.c, for import, export and transfer, and for care.c.
 *
 * The store's keys. "TYPE/ID": a record. All others begin with a dot: ".records", how many there are; ".indexed",
 * for which fields the index is complete (index-state.h); ".key-check", how a wrong key is noticed
 * (key-check.h); ".index/...", the index's pages (index.h), whose entries are (\0 stands between the parts)
 *   r TYPE ID               one per record: listings go in this order
 *   u TYPE ID               a record whose flag says "unissued" and that no job has reserved
 *   f TYPE FIELD VALUE ID   one per value of an indexed field, by its first ISSUANCE_INDEXED_MAX bytes
 * Records and what the index says of them are changed in one change set. */
#ifndef ICREISSUE_FILE_ISSUANCE_INTERNAL_H
#define ICREISSUE_FILE_ISSUANCE_INTERNAL_H

#include "file/change-set.h"
#include "file/index.h"
#include "file/issuance-fields.h"
#include "file/issuance-file.h"
#include "file/seal.h"
#include "file/store-thread.h"
#include "file/store.h"

enum {
        ISSUANCE_INDEXED_MAX = 256, /* bytes of a value that the index orders by */

        /* Room that is left in a record for the history of one extraction and its end, so that a reserved record
         * can always be confirmed. */
        RECORD_HEADROOM = 8192,
};

/* What turns records into stored text and back. Immutable; whoever works on another thread, or beyond the call,
 * holds a copy with references of its own. */
typedef struct IssuanceContext {
        SealKeys *keys;
        IssuanceFields *fields;
} IssuanceContext;

IssuanceContext issuance_context_copy(const IssuanceContext *context);
void issuance_context_done(IssuanceContext *context);
#define _cleanup_issuance_context_ _cleanup_(issuance_context_done)

struct IssuanceFile {
        StoreThread *thread;
        Store *store;             /* touched on the store thread only, once a task was submitted */
        IssuanceContext context;  /* main thread: for who takes a copy to another thread */
        IssuanceContext on_store; /* store thread; a Reload reaches it in the order of the tasks */
        struct IndexStateMemory *index_state; /* store thread (index-state.h) */
        uint64_t count;                       /* as of the last answer */
        size_t references;                    /* the owner's, and one for each task under way */
        Transfer *transfers;                  /* those whose workers are not yet released */
        bool closing;                         /* work that goes on in steps ends with the step under way */
        bool completing;                      /* a step that completes the index is under way */
        bool complete_again;                  /* there is a reason that this step may not know */
        bool incomplete;                      /* the index, as of the last answer */
};

IssuanceFile *issuance_file_ref(IssuanceFile *file);
IssuanceFile *issuance_file_unref(IssuanceFile *file);

/* Cancels all transfers and waits for their workers; those on the store thread end there (transfer.c). */
void transfers_end(IssuanceFile *file);

/* --- keys (issuance-record.c) --- */

/* "TYPE/ID": a type has no slash. NULL when there is no memory; the caller owns it and erases it
 * (string_erase()). */
char *record_key(const char *type, const char *id);

/* Where the ID begins in a key, or NULL for a key that is no record's (one that begins with a dot, too). */
const char *record_key_id(const char *key);

/* Orders keys by type, then ID, both bytewise: as "r" entries of the index. */
int record_key_compare(const char *a, const char *b);

/* --- records as stored (issuance-stored.c, issuance-entry.c): on any thread --- */

/* Parses what the store holds and opens its seals. STORE_FAILED where it is no record, or not the one of that key,
 * or where a seal cannot be opened. A field is taken from where it stands, sealed or in the clear. */
int issuance_parse_stored(const IssuanceContext *context, const char *key, Span text, Record **ret,
                          Failure *failure);

/* Parses a line of an import: fields may stand in it sealed, as an export wrote them. INVALID_ARGS for what is no record,
 * and for a seal that cannot be opened. */
int issuance_parse_line(const IssuanceContext *context, Span text, Record **ret, Failure *failure);

/* Parses what the store holds without opening its seals: the record lacks those fields. ret_sealed (may be NULL) gets
 * them as they are, or NULL; the caller owns it. Returns 0; with no failure set -EBADMSG where it is no record, or not
 * the one of that key, or -ENOMEM. */
int issuance_parse_public(const char *key, Span text, Record **ret, json_t **ret_sealed);

/* The record's text as it is stored, with secret fields sealed anew; the caller owns and erases it. INVALID_ARGS
 * where the record in the clear is larger than RECORD_SIZE_MAX less `headroom`. */
int issuance_format_stored(const IssuanceContext *context, const Record *record, size_t headroom, char **ret,
                           Failure *failure);

/* What a listing shows of it, without its secrets. Flag and count of a text that is damaged are "unissued" and 0.
 * Returns 0, or -EBADMSG with no failure set where it is damaged, or -ENOMEM. */
int issuance_parse_row(Span text, bool *ret_issued, uint32_t *ret_count);

/* 1: a seal of the text is under another version than the one that seals, or a secret field is in the clear; 0: none
 * is; else STORE_FAILED or NO_MEMORY. */
int issuance_needs_seal(const IssuanceContext *context, const char *key, Span text, Failure *failure);

/* Calls `each` with every entry that the index has for the record, in no order; stops at what is not 0, and
 * returns it. Entries are at most INDEX_ENTRY_MAX bytes. */
typedef int (*IssuanceEntry)(Span entry, void *userdata, Failure *failure);
int issuance_index_entries(const IssuanceContext *context, const Record *record, IssuanceEntry each,
                           void *userdata, Failure *failure);

/* Those that do not depend on fields, and those of one field alone. */
int issuance_plain_entries(const Record *record, IssuanceEntry each, void *userdata, Failure *failure);
int issuance_field_entries(const Record *record, const char *field, IssuanceEntry each, void *userdata,
                           Failure *failure);

/* The beginning of an "f" entry: with `value` up to the ID, without (NULL) up to the value. Appended. And of "r" or
 * "u" entries: with id all of it, with type up to the ID. Return 0 or -ENOMEM. */
int issuance_field_prefix(const char *type, const char *field, const char *value, Bytes *ret);
int issuance_entry(char kind, const char *type, const char *id, Bytes *ret);

/* The "r" entry of the record with that key; appended. Returns 0 or -ENOMEM. */
int issuance_key_entry(const char *key, Bytes *ret);

/* The key of the record that an entry is of; the caller owns and erases it. -EBADMSG for one that is no entry. */
int issuance_entry_key(Span entry, char **ret);

/* --- the store's other keys (issuance-apply.c) --- */

/* For who writes a whole new store (import): calls `each` with every key beginning with a dot, but the index's pages,
 * that it is to have with `records` records and an index that was built whole for context->fields. Store thread, after
 * the last record was taken over: versions of the key that are in use are those of the old store. */
typedef int (*IssuanceOwnKey)(const char *key, Span value, void *userdata, Failure *failure);
int issuance_own_keys(IssuanceFile *file, const IssuanceContext *context, uint64_t records,
                      IssuanceOwnKey each, void *userdata, Failure *failure);

/* The number of records that the store says it has. Store thread, or before there is one. */
int issuance_read_count(Store *store, uint64_t *ret, Failure *failure);

/* After the store was given a whole new content with this many records; main thread. Completes the index where a Reload
 * has come in between. */
void issuance_file_renewed(IssuanceFile *file, uint64_t records);

/* --- records in the store (issuance-apply.c): store thread --- */

/* -ENOENT, with no failure set, where there is none. */
int issuance_fetch(IssuanceFile *file, const char *key, Record **ret, Failure *failure);

/* The same where a pointer is followed (issuance-move.c); one that leads nowhere is given with -ENOENT. */
int issuance_fetch_moved(IssuanceFile *file, const char *key, Record **ret, Failure *failure);

/* --- a record that becomes a card of another type (issuance-move.c): store thread --- */

/* What a method changes beside the record itself: a record or a pointer under another type. */
typedef struct IssuanceMove {
        Record *before, *after; /* under the other type; NULL where there is none. Both NULL: nothing */
        Record *pointer;        /* what stays where the record was; NULL: it does not move */
} IssuanceMove;

void issuance_move_done(IssuanceMove *move);

/* The record has been reserved for a card of another type: notes it, and leads that type here. */
int issuance_move_reserve(IssuanceFile *file, Record *record, const char *card_type, const json_t *fields,
                          IssuanceMove *ret, Failure *failure);
/* Before its reservation ends. confirmed: the record becomes one of that type. Else what leads here from there goes, unless
 * there may be a card of that type. */
int issuance_move_end(IssuanceFile *file, Record *record, bool confirmed, bool card_written,
                      IssuanceMove *ret, Failure *failure);

/* Applies the record's change and what goes with it as one. */
int issuance_apply_move(IssuanceFile *file, const Record *before, const Record *after,
                        const IssuanceMove *move, size_t headroom, Failure *failure);

/* Puts a record's text, and what the index and ".records" say of it, into a change set. before is what is there, after what
 * is to be; NULL where there is none, not both. After a failure the set must not be applied. */
int issuance_change(IssuanceFile *file, ChangeSet *set, const Record *before, const Record *after,
                    size_t headroom, Failure *failure);

/* Removes a record that cannot be read, and all that the index has of it. */
int issuance_apply_damaged(IssuanceFile *file, const char *key, Failure *failure);

/* Seals one record anew where issuance_needs_seal() says so, in a change set of its own. Returns 1 when it has, 0
 * where nothing was to do, also for a key that is not there or no record's. Other errors: STORE_FAILED, NO_MEMORY.
 * For a key rotation (care.c), which ends with key_check_retire() of both stores. */
int issuance_reseal(IssuanceFile *file, const char *key, Failure *failure);

/* --- completing the index (issuance-index.c) --- */

/* Finds out whether the index is complete; where there are no records it is. Before there are tasks. */
int issuance_open_index(IssuanceFile *file, Failure *failure);

/* Begins to complete it in the background, unless that is under way. Main thread. */
void issuance_complete_index(IssuanceFile *file);

/* --- shared by record methods and import (issuance-record.c) --- */

/* RECORD_IN_USE where a job has reserved the record: which, where, since when. */
int issuance_check_free(const Record *record, Failure *failure);

/* What enrols or replaces means, for one record: `record` becomes what is to be stored. current is NULL
 * where there is none. See issuance_file_put(). */
int issuance_merge(Record *record, const Record *current, bool has_flag, bool has_count,
                   const json_t *details, Failure *failure);

/* {"station": ..., "by": ...}; the caller owns it. NULL when there is no memory. */
json_t *actor_details(uid_t uid, const char *station);

#endif
