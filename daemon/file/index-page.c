/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An index's pages as bytes. Whatever is read from one is checked before it is used: the file may be damaged. */
#include "file/index-page.h"

#include <stdio.h>

enum {
        PAGE_MAGIC = 'I',
        META_MAGIC = 'M',
        PAGE_VERSION = 1,
        HEADER_SIZE = 3,
        META_SIZE = 11,
        SHARED_MAX = 255,
        KEY_SIZE = sizeof(".index/12345678"),
};

static void put_number(uint8_t *to, uint32_t number) {
        for (size_t i = 0; i < 4; i++)
                to[i] = (uint8_t) (number >> (24 - 8 * i));
}

static uint32_t get_number(const uint8_t *from) {
        return (uint32_t) from[0] << 24 | (uint32_t) from[1] << 16 | (uint32_t) from[2] << 8 | from[3];
}

static void page_key(uint32_t number, char ret[static KEY_SIZE]) {
        snprintf(ret, KEY_SIZE, ".index/%08X", (unsigned) number);
}

int index_page_damaged(uint32_t number, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "Page %08X of the index is damaged. Restore the file from its last backup.",
                           (unsigned) number);
}

int index_entry_compare(Span a, Span b) {
        size_t common = MIN_OF(a.size, b.size);
        int r = common > 0 ? memcmp(a.data, b.data, common) : 0;

        return r != 0 ? r : (a.size > b.size) - (a.size < b.size);
}

int index_meta_fetch(const IndexPages *pages, IndexMeta *ret, Failure *failure) {
        _cleanup_bytes_ Bytes value = {};
        int r;

        r = pages->fetch(pages->userdata, INDEX_META_KEY, &value, failure);
        if (r < 0)
                return r;

        if (value.size != META_SIZE || value.data[0] != META_MAGIC || value.data[1] != PAGE_VERSION ||
            value.data[2] >= INDEX_LEVELS_MAX)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The index's first page is damaged. Restore the file from its last backup.");

        *ret = (IndexMeta){
                .level = value.data[2],
                .root = get_number(value.data + 3),
                .next = get_number(value.data + 7),
        };
        return 0;
}

int index_meta_put(const IndexPages *pages, const IndexMeta *meta, Failure *failure) {
        uint8_t value[META_SIZE] = { META_MAGIC, PAGE_VERSION, meta->level };

        put_number(value + 3, meta->root);
        put_number(value + 7, meta->next);
        return pages->put(pages->userdata, INDEX_META_KEY, SPAN_OF_ARRAY(value), failure);
}

int index_page_fetch(const IndexPages *pages, uint32_t number, Bytes *ret, Failure *failure) {
        char key[KEY_SIZE];
        int r;

        page_key(number, key);
        r = pages->fetch(pages->userdata, key, ret, failure);
        return r == -ENOENT ? index_page_damaged(number, failure) : r;
}

int index_page_put(const IndexPages *pages, uint32_t number, Span page, Failure *failure) {
        char key[KEY_SIZE];

        page_key(number, key);
        return pages->put(pages->userdata, key, page, failure);
}

int index_page_remove(const IndexPages *pages, uint32_t number, Failure *failure) {
        char key[KEY_SIZE];

        page_key(number, key);
        return pages->remove(pages->userdata, key, failure);
}

int index_page_allocate(IndexMeta *meta, uint32_t *ret, Failure *failure) {
        if (meta->next == UINT32_MAX)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The index has no page numbers left. Export all records and import them "
                                   "with mode replace: that makes it anew.");

        *ret = meta->next++;
        return 0;
}

int page_cursor_open(PageCursor *cursor, Span page, uint8_t level) {
        if (page.size <= HEADER_SIZE || page.size > INDEX_PAGE_MAX || page.data[0] != PAGE_MAGIC ||
            page.data[1] != PAGE_VERSION || page.data[2] != level)
                return -EBADMSG;

        cursor->rest = span_part(page, HEADER_SIZE, page.size);
        cursor->level = level;
        cursor->child = 0;
        cursor->size = 0;
        return 0;
}

int page_cursor_next(PageCursor *cursor) {
        size_t size, shared, fresh, child = cursor->level > 0 ? 4 : 0;
        const uint8_t *item = cursor->rest.data;
        bool first = cursor->size == 0 && cursor->child == 0;

        if (cursor->rest.size == 0)
                return 0;

        if (cursor->rest.size < 3 + child)
                return -EBADMSG;

        shared = item[0];
        fresh = (size_t) item[1] << 8 | item[2];
        size = shared + fresh;
        if (shared > cursor->size || fresh > cursor->rest.size - 3 - child || size > sizeof(cursor->entry))
                return -EBADMSG;

        /* Above the leaves the first item has no entry, and every other has one that is after the last. */
        if (first && cursor->level > 0) {
                if (size != 0)
                        return -EBADMSG;
        } else if (index_entry_compare(SPAN(item + 3, fresh),
                                       SPAN(cursor->entry + shared, cursor->size - shared)) <= 0)
                return -EBADMSG;

        if (child > 0) {
                cursor->child = get_number(item + 3 + fresh);
                if (cursor->child == 0)
                        return -EBADMSG;
        }

        if (fresh > 0)
                memcpy(cursor->entry + shared, item + 3, fresh);

        cursor->size = size;
        cursor->rest = span_part(cursor->rest, 3 + fresh + child, cursor->rest.size);
        return 1;
}

void page_writer_open(PageWriter *writer, uint8_t level) {
        writer->level = level;
        writer->count = 0;
        writer->last_size = 0;
        writer->size = HEADER_SIZE;
        writer->page[0] = PAGE_MAGIC;
        writer->page[1] = PAGE_VERSION;
        writer->page[2] = level;
}

static size_t shared_size(Span a, Span b) {
        size_t limit = MIN_OF(MIN_OF(a.size, b.size), (size_t) SHARED_MAX), n = 0;

        while (n < limit && a.data[n] == b.data[n])
                n++;

        return n;
}

static size_t writer_shared(const PageWriter *writer, Span entry) {
        return shared_size(SPAN(writer->last, writer->last_size), entry);
}

size_t page_writer_size_with(const PageWriter *writer, Span entry) {
        return writer->size + 3 + entry.size - writer_shared(writer, entry) + (writer->level > 0 ? 4 : 0);
}

int page_writer_add(PageWriter *writer, Span entry, uint32_t child) {
        Span given = writer->level > 0 && writer->count == 0 ? (Span){} : entry, fresh;
        size_t shared = writer_shared(writer, given);
        uint8_t *item = writer->page + writer->size;

        if (page_writer_size_with(writer, given) > sizeof(writer->page) || given.size > sizeof(writer->last))
                return -ENOBUFS;

        fresh = span_part(given, shared, given.size);
        item[0] = (uint8_t) shared;
        item[1] = (uint8_t) (fresh.size >> 8);
        item[2] = (uint8_t) fresh.size;
        if (fresh.size > 0) {
                memcpy(item + 3, fresh.data, fresh.size);
                memcpy(writer->last + shared, fresh.data, fresh.size);
        }

        if (writer->level > 0)
                put_number(item + 3 + fresh.size, child);

        writer->size += 3 + fresh.size + (writer->level > 0 ? 4 : 0);
        writer->last_size = given.size;
        writer->count++;
        return 0;
}

Span index_separator(Span before, Span entry) {
        size_t n = 0;

        while (n < before.size && n < entry.size && before.data[n] == entry.data[n])
                n++;

        return span_part(entry, 0, n + 1);
}
