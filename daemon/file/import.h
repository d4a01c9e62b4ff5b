/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of an import: lines are read, checked, sealed and sorted (import-read.c), held against the records that
 * are there (import-merge.c), and made into a new store beside the old one (import-load.c), which the store thread
 * then takes into use (import.c). Only for import*.c. */
#ifndef ICREISSUE_FILE_IMPORT_H
#define ICREISSUE_FILE_IMPORT_H

#include "file/change-set.h"
#include "file/sorter.h"
#include "file/transfer.h"

enum {
        IMPORT_LINES_NAMED = 10, /* in one message */
};

typedef struct ImportPutter ImportPutter;

/* Lines that are all wrong in the same way: the first of them, and how many there are. */
typedef struct WrongLines {
        uint64_t lines[IMPORT_LINES_NAMED]; /* ascending */
        uint64_t count;
        uint64_t other;  /* the line that the first one is wrong with, if any */
        Failure failure; /* of the first one, where it has one of its own */
} WrongLines;

struct Import {
        ImportMode mode;
        IssuanceContext context; /* as of the beginning: so are records sealed and indexed */
        RecordCheck check;
        void *check_userdata;
        json_t *details; /* who imports, for the history */

        Sorter *lines; /* in the order of GDBM's buckets, store_bulk_hash(); payload: see ImportItem */
        uint64_t size; /* of what was read */

        ChangeSet *set; /* of an import that is one change set, while that is made */

        StoreSnapshot *
                snapshot; /* what the import is held against, and what was changed since, in the store thread */
        StoreBulk *bulk;      /* NULL: none was begun */
        ImportPutter *putter; /* while the bulk is filled */
        Sorter *entries;      /* of the index */
        Sorter *pages;        /* of the index, as `lines` */
        uint64_t records;     /* of the new store */
        bool changes;         /* it is not what the old one is */
        WrongLines twice, used, present, conflicts;
};

/* One record as it was read. The text is as the store holds it, its history ends with "enrolled". */
typedef struct ImportItem {
        uint64_t line; /* 0: it is not imported, but there */
        Span entries;  /* each after its length (2 bytes); empty where it is not imported */
        Span text;
} ImportItem;

/* Sorters, which may be large: on the transfer's own thread. */
void import_free_sorters(Import *import);

/* --- import-read.c --- */

/* Reads the descriptor to its end, into `lines`. INVALID_ARGS with the line's number. Transfer's thread. */
int import_read(Transfer *transfer, Failure *failure);

/* A record that is there, among those that are imported. */
int import_add_current(Import *import, const char *key, Span text, Failure *failure);

int import_item_read(Span payload, ImportItem *ret, Failure *failure);
typedef int (*ImportEntry)(Span entry, void *userdata, Failure *failure);
int import_item_each_entry(const ImportItem *item, ImportEntry each, void *userdata, Failure *failure);

/* --- import-merge.c --- */

/* What becomes of one record that is imported. */
typedef struct ImportDecision {
        bool put;       /* else what is there stays as it is, or the line is wrong and was noted */
        Record *before; /* what is there, where it had to be looked at; else NULL */
        Record *record; /* what is put; NULL: the item's text */
} ImportDecision;

void import_decision_done(ImportDecision *decision);
#define _cleanup_import_decision_ _cleanup_(import_decision_done)

/* `current` is the text of the record that is there; NULL where there is none. On one thread at a time. */
int import_decide(Import *import, const char *key, const ImportItem *item, const Span *current,
                  ImportDecision *ret, Failure *failure);

/* Goes through `lines`, each key once: calls `each` with what is imported and what import_add_current() has added, of
 * which one may be NULL, and tells progress. Keys that are imported twice are noted. */
typedef int (*ImportEach)(Transfer *transfer, const char *key, const ImportItem *item, const Span *current,
                          Failure *failure);
int import_each(Transfer *transfer, double from, double share, ImportEach each, Failure *failure);

/* Whether a line was found to be wrong. */
bool import_is_wrong(const Import *import);

/* A failure that names what lines are wrong, or 0. */
int import_verdict(Import *import, Failure *failure);

/* --- import-load.c --- */

/* Fills the bulk with what the store is to be. Transfer's thread. */
int import_load(Transfer *transfer, Failure *failure);

/* Takes over what was changed since the snapshot. STORE_FAILED where the import changes the same. Store thread. */
int import_carry_over(Transfer *transfer, Failure *failure);

/* --- import-put.c --- */

/* Puts into the bulk, with a second thread that does the putting: nobody else may touch the bulk until
 * import_putter_end(), or import_putter_free(). A failure may come with a later call. */
int import_putter_new(StoreBulk *bulk, ImportPutter **ret, Failure *failure);
ImportPutter *import_putter_free(ImportPutter *putter);
int import_putter_put(ImportPutter *putter, const char *key, Span value, Failure *failure);
int import_putter_end(ImportPutter *putter, Failure *failure);

/* --- progress: what share each part of the work has, of the whole --- */

#define IMPORT_SHARE_READ 0.5
#define IMPORT_SHARE_KEEP 0.15
#define IMPORT_SHARE_LOAD 0.25

#endif
