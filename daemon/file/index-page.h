/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages of an index, as bytes: how they are read, never past their end, and how they are written. Only for
 * index*.c.
 *
 * A page is 'I', version, level (0: a leaf), then its items in ascending order: how many bytes an item's entry
 * shares with the one before it (1 byte), how many follow (2 bytes, big-endian), those bytes, and above the leaves
 * the number of the page below (4 bytes). There all of a page's entries are at or after the item's own, which is
 * empty for the first item, and before the next item's. No page is without items. */
#ifndef ICREISSUE_FILE_INDEX_PAGE_H
#define ICREISSUE_FILE_INDEX_PAGE_H

#include "file/index.h"

enum {
        INDEX_PAGE_MAX = 4096,
        INDEX_LEVELS_MAX = 16,
};

#define INDEX_META_KEY ".index/root"

/* Where the tree begins: kept under INDEX_META_KEY, which is not there for an index without entries. */
typedef struct IndexMeta {
        uint32_t root;
        uint32_t next; /* the number of the next new page */
        uint8_t level; /* of the root */
} IndexMeta;

/* -ENOENT, with no failure set, where the index has no entries. */
int index_meta_fetch(const IndexPages *pages, IndexMeta *ret, Failure *failure);
int index_meta_put(const IndexPages *pages, const IndexMeta *meta, Failure *failure);

int index_page_fetch(const IndexPages *pages, uint32_t number, Bytes *ret, Failure *failure);
int index_page_put(const IndexPages *pages, uint32_t number, Span page, Failure *failure);
int index_page_remove(const IndexPages *pages, uint32_t number, Failure *failure);

/* The number of a new page. */
int index_page_allocate(IndexMeta *meta, uint32_t *ret, Failure *failure);

/* STORE_FAILED, for a page that is none. */
int index_page_damaged(uint32_t number, Failure *failure);

/* Bytewise; what another begins with comes before it. */
int index_entry_compare(Span a, Span b);

/* Goes through the items of a page. */
typedef struct PageCursor {
        Span rest;
        uint8_t level;
        uint32_t child; /* of the item it stands on; 0 in a leaf */
        size_t size;    /* of its entry */
        uint8_t entry[INDEX_ENTRY_MAX];
} PageCursor;

/* Before the first item. Returns 0; -EBADMSG where it is no page of that level. */
int page_cursor_open(PageCursor *cursor, Span page, uint8_t level);

/* To the next item. Returns 1; 0 after the last; -EBADMSG for an item that is none, or not after the one before. */
int page_cursor_next(PageCursor *cursor);

static inline Span page_cursor_entry(const PageCursor *cursor) {
        return SPAN(cursor->entry, cursor->size);
}

/* Writes a page, item after item. */
typedef struct PageWriter {
        uint8_t level;
        size_t count;
        size_t size;      /* of the page so far */
        size_t last_size; /* of the entry written last */
        uint8_t last[INDEX_ENTRY_MAX];
        uint8_t page[2 * INDEX_PAGE_MAX]; /* room for the page that is then split */
} PageWriter;

void page_writer_open(PageWriter *writer, uint8_t level);

/* The size that the page will have with that entry too. */
size_t page_writer_size_with(const PageWriter *writer, Span entry);

/* Appends; the entry of the first item above the leaves is written as empty, whatever it is. Returns 0; -ENOBUFS
 * where twice the largest page is too little. */
int page_writer_add(PageWriter *writer, Span entry, uint32_t child);

static inline Span page_writer_page(const PageWriter *writer) {
        return SPAN(writer->page, writer->size);
}

/* The shortest entry that is after `before` and not after `entry`, which it begins: what stands above the leaves. */
Span index_separator(Span before, Span entry);

#endif
