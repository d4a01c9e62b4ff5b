/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An index from entries in ascending order: one page under way at each level; one that is full is put, and the page
 * that follows it is entered in the level above. */
#include "file/index-page.h"

typedef struct Level {
        PageWriter writer;
        uint32_t number; /* of the page under way */
} Level;

struct IndexBuilder {
        IndexPages pages;
        IndexMeta meta;
        size_t level_count;
        Level *levels[INDEX_LEVELS_MAX];
};

int index_builder_new(const IndexPages *pages, IndexBuilder **ret, Failure *failure) {
        IndexBuilder *builder = new0(IndexBuilder, 1);

        if (!builder)
                return failure_no_memory(failure);

        builder->pages = *pages;
        builder->meta.next = 1;
        *ret = builder;
        return 0;
}

IndexBuilder *index_builder_free(IndexBuilder *builder) {
        if (!builder)
                return NULL;

        for (size_t i = 0; i < builder->level_count; i++) {
                explicit_bzero(builder->levels[i], sizeof(Level));
                free(builder->levels[i]);
        }

        free(builder);
        return NULL;
}

static int builder_grow(IndexBuilder *builder, Failure *failure) {
        Level *level;
        int r;

        if (builder->level_count == INDEX_LEVELS_MAX)
                return index_page_damaged(builder->meta.next, failure);

        level = new0(Level, 1);
        if (!level)
                return failure_no_memory(failure);

        r = index_page_allocate(&builder->meta, &level->number, failure);
        if (r < 0) {
                free(level);
                return r;
        }

        page_writer_open(&level->writer, (uint8_t) builder->level_count);
        builder->levels[builder->level_count++] = level;
        return 0;
}

/* Puts the page under way and begins the next; *ret_full is the number of the one that was put. */
static int level_next(IndexBuilder *builder, Level *level, uint32_t *ret_full, Failure *failure) {
        int r;

        *ret_full = level->number;
        r = index_page_put(&builder->pages, level->number, page_writer_page(&level->writer), failure);
        if (r < 0)
                return r;

        page_writer_open(&level->writer, level->writer.level);
        return index_page_allocate(&builder->meta, &level->number, failure);
}

static int builder_put(IndexBuilder *builder, Span entry, Failure *failure) {
        uint8_t separator[INDEX_ENTRY_MAX];
        uint32_t child = 0;

        for (size_t i = 0;; i++) {
                Level *level;
                uint32_t full;
                int r;

                r = i < builder->level_count ? 0 : builder_grow(builder, failure);
                if (r < 0)
                        return r;

                level = builder->levels[i];
                if (page_writer_size_with(&level->writer, entry) <= INDEX_PAGE_MAX)
                        return page_writer_add(&level->writer, entry, child);

                if (i == 0) {
                        Span last = SPAN(level->writer.last, level->writer.last_size);
                        size_t size = index_separator(last, entry).size;

                        memcpy(separator, entry.data, size);
                        r = level_next(builder, level, &full, failure);
                        if (r >= 0)
                                r = page_writer_add(&level->writer, entry, 0);
                        entry = SPAN(separator, size);
                } else {
                        r = level_next(builder, level, &full, failure);
                        if (r >= 0)
                                r = page_writer_add(&level->writer, entry, child);
                }

                if (r < 0)
                        return r;

                /* The first page of a level is entered above it only now that there is a second. */
                child = level->number;
                if (i + 1 == builder->level_count) {
                        r = builder_grow(builder, failure);
                        if (r >= 0)
                                r = page_writer_add(&builder->levels[i + 1]->writer, (Span){}, full);
                        if (r < 0)
                                return r;
                }
        }
}

int index_builder_add(IndexBuilder *builder, Span entry, Failure *failure) {
        if (entry.size == 0 || entry.size > INDEX_ENTRY_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "An index entry may have 1 to %d bytes.",
                                   INDEX_ENTRY_MAX);

        if (builder->level_count > 0) {
                const PageWriter *leaf = &builder->levels[0]->writer;
                int order = index_entry_compare(entry, SPAN(leaf->last, leaf->last_size));

                if (order == 0)
                        return 0;
                if (order < 0)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "An index is built from entries in ascending order.");
        }

        return builder_put(builder, entry, failure);
}

static int builder_end(IndexBuilder *builder, Failure *failure) {
        if (builder->level_count == 0)
                return 0;

        for (size_t i = 0; i < builder->level_count; i++) {
                const Level *level = builder->levels[i];
                int r;

                r = index_page_put(&builder->pages, level->number, page_writer_page(&level->writer), failure);
                if (r < 0)
                        return r;
        }

        builder->meta.level = (uint8_t) (builder->level_count - 1);
        builder->meta.root = builder->levels[builder->level_count - 1]->number;
        return index_meta_put(&builder->pages, &builder->meta, failure);
}

int index_builder_finish(IndexBuilder *builder, Failure *failure) {
        _cleanup_(index_builder_freep) IndexBuilder *ended = builder;

        return builder_end(ended, failure);
}
