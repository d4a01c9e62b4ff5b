/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ordered index: a B+ tree of byte strings ("entries", 1 to INDEX_ENTRY_MAX bytes, ordered bytewise), kept in
 * pages that are ordinary keys and values of a store (".index/..."). So it is changed in the same change set as the
 * records, and found by gdbmtool. It knows nothing of what the entries mean. Not thread-safe. */
#ifndef ICREISSUE_FILE_INDEX_H
#define ICREISSUE_FILE_INDEX_H

#include "base/bytes.h"
#include "base/failure.h"

enum { INDEX_ENTRY_MAX = 1024 };

/* Where the pages are. fetch replaces what ret holds, and sees what put and remove have done; -ENOENT, with no failure
 * set, where there is none. put and remove may be NULL for an index that is only read. */
typedef struct IndexPages {
        int (*fetch)(void *userdata, const char *key, Bytes *ret, Failure *failure);
        int (*put)(void *userdata, const char *key, Span value, Failure *failure);
        int (*remove)(void *userdata, const char *key, Failure *failure);
        void *userdata;
} IndexPages;

/* Adding what is there, and removing what is not, are no failures. A page that is none is STORE_FAILED. After a failure
 * the pages are of no use together: the change set that they are part of must not be applied. */
int index_add(const IndexPages *pages, Span entry, Failure *failure);
int index_remove(const IndexPages *pages, Span entry, Failure *failure);

/* Calls `each` with the entries that begin with `prefix`, in order, beginning after `after` (empty: with the first).
 * Stops when `each` returns other than 0, and returns that: 1 for "enough". */
typedef int (*IndexEach)(Span entry, void *userdata, Failure *failure);
int index_scan(const IndexPages *pages, Span prefix, Span after, IndexEach each, void *userdata,
               Failure *failure);

/* Builds a whole index from entries in ascending order, page by page: for bulk loads into pages that hold none.
 * Pages are written once each, most of them full. */
typedef struct IndexBuilder IndexBuilder;
int index_builder_new(const IndexPages *pages, IndexBuilder **ret, Failure *failure);
int index_builder_add(IndexBuilder *builder, Span entry, Failure *failure); /* twice the same: once */
int index_builder_finish(IndexBuilder *builder, Failure *failure);          /* releases it, also on failure */
IndexBuilder *index_builder_free(IndexBuilder *builder);
DEFINE_CLEANUP(IndexBuilder *, index_builder_free)

#endif
