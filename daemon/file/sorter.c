/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Items gather in memory; when that is full they become a run of the first generation's file; when a generation has
 * as many runs as are merged at once, they become one run of the next. */
#include "file/sorter-run.h"

enum { GENERATIONS_MAX = 4 }; /* the last is never filled: 512^3 times the memory */

/* An item in memory, with the beginning of its key for quick comparisons. */
typedef struct Entry {
        uint64_t rank;
        uint64_t prefix;
        size_t offset;
} Entry;

struct Sorter {
        char *directory;
        size_t memory;
        Bytes items;
        Entry *entries;
        size_t entry_count, entries_allocated;
        RunFile generations[GENERATIONS_MAX];
        RunMerge *merge; /* from here the items come, where there are runs */
        uint64_t count;
        size_t given; /* how many of the entries in memory were given */
        bool reading;
};

int sorter_new(const char *directory, size_t memory, Sorter **ret, Failure *failure) {
        _cleanup_(sorter_freep) Sorter *sorter = new0(Sorter, 1);

        if (!sorter)
                return failure_no_memory(failure);

        for (size_t i = 0; i < GENERATIONS_MAX; i++)
                sorter->generations[i].descriptor = -1;

        sorter->memory = memory;
        sorter->directory = strdup(directory);
        if (!sorter->directory)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(sorter);
        return 0;
}

static void sorter_drop_entries(Sorter *sorter) {
        if (sorter->entries)
                explicit_bzero(sorter->entries, sorter->entries_allocated * sizeof(Entry));

        free(sorter->entries);
        sorter->entries = NULL;
        sorter->entry_count = sorter->entries_allocated = 0;
}

Sorter *sorter_free(Sorter *sorter) {
        if (!sorter)
                return NULL;

        run_merge_free(sorter->merge);
        for (size_t i = 0; i < GENERATIONS_MAX; i++)
                run_file_done(&sorter->generations[i]);

        bytes_done(&sorter->items);
        sorter_drop_entries(sorter);
        free(sorter->directory);
        free(sorter);
        return NULL;
}

uint64_t sorter_count(const Sorter *sorter) {
        return sorter->count;
}

static SorterItem entry_item(const Sorter *sorter, const Entry *entry) {
        SorterItem item = {};
        size_t needed;

        (void) sorter_item_read(span_part(bytes_span(&sorter->items), entry->offset, SIZE_MAX), &item,
                                &needed);
        return item;
}

static int entry_compare(const void *first, const void *second, void *userdata) {
        const Entry *a = first, *b = second;
        const Sorter *sorter = userdata;
        const uint8_t *items = sorter->items.data;
        int order;

        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        if (a->prefix != b->prefix)
                return a->prefix < b->prefix ? -1 : 1;

        order = sorter_key_compare(sorter_item_key(items + a->offset), sorter_item_key(items + b->offset));
        return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static void sorter_sort(Sorter *sorter) {
        if (sorter->entry_count > 1)
                qsort_r(sorter->entries, sorter->entry_count, sizeof(Entry), entry_compare, sorter);
}

/* Opens a merge of all runs of the generations from the last down to `first`, oldest first. */
static int merge_open(const Sorter *sorter, size_t first, size_t last, RunMerge **ret, Failure *failure) {
        _cleanup_(run_merge_freep) RunMerge *merge = NULL;
        size_t count = 0;
        int r;

        for (size_t i = first; i <= last; i++)
                count += sorter->generations[i].run_count;

        r = run_merge_new(count, &merge, failure);
        if (r < 0)
                return r;

        for (size_t i = last + 1; i-- > first;) {
                const RunFile *file = &sorter->generations[i];

                for (size_t n = 0; n < file->run_count; n++) {
                        r = run_merge_add(merge, file, &file->runs[n], failure);
                        if (r < 0)
                                return r;
                }
        }

        *ret = TAKE_PTR(merge);
        return 0;
}

/* Makes one run of the next generation of all that this one has. */
static int sorter_promote(Sorter *sorter, size_t generation, Failure *failure) {
        RunFile *file = &sorter->generations[generation], *next = file + 1;
        _cleanup_(run_merge_freep) RunMerge *merge = NULL;
        SorterItem item;
        int r;

        if (next->run_count == RUNS_MAX) {
                r = sorter_promote(sorter, generation + 1, failure);
                if (r < 0)
                        return r;
        }

        r = merge_open(sorter, generation, generation, &merge, failure);
        if (r < 0)
                return r;

        while ((r = run_merge_next(merge, &item, failure)) > 0) {
                r = run_file_append(next, sorter->directory, &item, failure);
                if (r < 0)
                        return r;
        }

        if (r >= 0)
                r = run_file_end_run(next, failure);

        return r < 0 ? r : run_file_empty(file, failure);
}

static int sorter_spill(Sorter *sorter, Failure *failure) {
        RunFile *file = &sorter->generations[0];
        int r;

        if (file->run_count == RUNS_MAX) {
                r = sorter_promote(sorter, 0, failure);
                if (r < 0)
                        return r;
        }

        sorter_sort(sorter);
        for (size_t i = 0; i < sorter->entry_count; i++) {
                SorterItem item = entry_item(sorter, &sorter->entries[i]);

                r = run_file_append(file, sorter->directory, &item, failure);
                if (r < 0)
                        return r;
        }

        bytes_clear(&sorter->items);
        sorter->entry_count = 0;
        return run_file_end_run(file, failure);
}

static int sorter_reserve_entry(Sorter *sorter, Failure *failure) {
        size_t allocated = MAX_OF(sorter->entries_allocated * 2, (size_t) 1024);
        Entry *entries;

        if (sorter->entry_count < sorter->entries_allocated)
                return 0;

        entries = new0(Entry, allocated);
        if (!entries)
                return failure_no_memory(failure);

        if (sorter->entry_count > 0)
                memcpy(entries, sorter->entries, sorter->entry_count * sizeof(Entry));
        free(TAKE_PTR(sorter->entries));
        sorter->entries = entries;
        sorter->entries_allocated = allocated;
        return 0;
}

/* The first eight bytes of a key as a number of the same order. */
static uint64_t key_prefix(Span key) {
        uint64_t prefix = 0;

        for (size_t i = 0; i < sizeof(prefix); i++)
                prefix = prefix << 8 | (i < key.size ? key.data[i] : 0U);

        return prefix;
}

int sorter_add(Sorter *sorter, const SorterItem *item, Failure *failure) {
        /* Sorting takes a second array of entries. */
        size_t used = sorter->items.size + 2 * sorter->entry_count * sizeof(Entry);
        Entry entry = { .rank = item->rank, .prefix = key_prefix(item->key) };
        int r;

        if (item->key.size > SORTER_KEY_MAX || item->payload.size > SORTER_PAYLOAD_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "A record is too large to be sorted.");

        if (sorter->entry_count > 0 && used + item->key.size + item->payload.size > sorter->memory) {
                r = sorter_spill(sorter, failure);
                if (r < 0)
                        return r;
        }

        r = sorter_reserve_entry(sorter, failure);
        if (r < 0)
                return r;

        entry.offset = sorter->items.size;
        if (sorter_item_append(&sorter->items, item) < 0)
                return failure_no_memory(failure);

        sorter->entries[sorter->entry_count++] = entry;
        sorter->count++;
        return 0;
}

static size_t sorter_run_count(const Sorter *sorter) {
        size_t count = 0;

        for (size_t i = 0; i < GENERATIONS_MAX; i++)
                count += sorter->generations[i].run_count;

        return count;
}

static int sorter_begin_reading(Sorter *sorter, Failure *failure) {
        int r;

        sorter->reading = true;
        if (sorter_run_count(sorter) == 0) {
                sorter_sort(sorter);
                return 0;
        }

        r = sorter_spill(sorter, failure);
        for (size_t i = 0; r >= 0 && sorter_run_count(sorter) > RUNS_MAX; i++)
                if (sorter->generations[i].run_count > 0)
                        r = sorter_promote(sorter, i, failure);
        if (r < 0)
                return r;

        bytes_done(&sorter->items);
        sorter_drop_entries(sorter);
        return merge_open(sorter, 0, GENERATIONS_MAX - 1, &sorter->merge, failure);
}

int sorter_next(Sorter *sorter, SorterItem *ret, Failure *failure) {
        if (!sorter->reading) {
                int r = sorter_begin_reading(sorter, failure);

                if (r < 0)
                        return r;
        }

        if (sorter->merge)
                return run_merge_next(sorter->merge, ret, failure);

        if (sorter->given == sorter->entry_count)
                return 0;

        *ret = entry_item(sorter, &sorter->entries[sorter->given++]);
        return 1;
}
