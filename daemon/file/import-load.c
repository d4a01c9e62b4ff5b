/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The new content of the store: the records that are there and those that are imported, in the order of GDBM's buckets,
 * and the index of all of them. */
#include <stdio.h>

#include "file/import.h"

enum {
        CANCEL_INTERVAL = 256, /* keys */
};

static int check_now(Transfer *transfer, uint64_t done, uint64_t total, double from, double share,
                     Failure *failure) {
        int r;

        if (done % CANCEL_INTERVAL != 0)
                return 0;

        r = transfer_check_cancelled(transfer, failure);
        if (r >= 0)
                transfer_tell(transfer, from + share * (double) MIN_OF(done, total) / (double) (total + 1));

        return r;
}

/* --- records --- */

static int add_entry(Span entry, void *userdata, Failure *failure) {
        Import *import = userdata;
        SorterItem item = { .key = entry };

        return sorter_add(import->entries, &item, failure);
}

static int put_text(Import *import, const char *key, Span text, Failure *failure) {
        import->records++;
        return import_putter_put(import->putter, key, text, failure);
}

static int put_decided(Import *import, const char *key, const ImportItem *item, const Record *record,
                       Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;
        int r;

        import->changes = true;
        if (!record) {
                r = put_text(import, key, item->text, failure);
                return r < 0 ? r : import_item_each_entry(item, add_entry, import, failure);
        }

        r = issuance_format_stored(&import->context, record, RECORD_HEADROOM, &text, failure);
        if (r < 0) {
                failure_prefix(failure, "line %llu", (unsigned long long) item->line);
                return r;
        }

        r = put_text(import, key, span_of_string(text), failure);
        return r < 0 ? r : issuance_index_entries(&import->context, record, add_entry, import, failure);
}

/* One whose text cannot be understood stays as it is, and can be removed. */
static int each_entry(const IssuanceContext *context, const char *key, Span text, IssuanceEntry each,
                      void *userdata, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_bytes_ Bytes entry = {};
        int r;

        r = issuance_parse_public(key, text, &record, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r >= 0)
                return issuance_index_entries(context, record, each, userdata, failure);

        r = issuance_key_entry(key, &entry);
        return r < 0 ? failure_no_memory(failure) : each(bytes_span(&entry), userdata, failure);
}

static int load_key(Transfer *transfer, const char *key, const ImportItem *item, const Span *current,
                    Failure *failure) {
        _cleanup_import_decision_ ImportDecision decision = {};
        Import *import = transfer->import;
        int r;

        if (item) {
                r = import_decide(import, key, item, current, &decision, failure);
                if (r < 0)
                        return r;
        }

        /* There will be no new file: all that is still wanted is which other lines are wrong. */
        if (import_is_wrong(import))
                return 0;

        if (decision.put)
                return put_decided(import, key, item, decision.record, failure);

        r = put_text(import, key, *current, failure);
        return r < 0 ? r : each_entry(&import->context, key, *current, add_entry, import, failure);
}

/* --- records that are there --- */

typedef struct Keeping {
        Transfer *transfer;
        uint64_t done;
} Keeping;

/* Where everything goes, nothing may be reserved. */
static int check_reserved(const char *key, Span text, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;

        /* The name of a member: within a value its quotes would have backslashes. */
        if (!memmem(text.data, text.size, "\"extraction\":", strlen("\"extraction\":")) ||
            issuance_parse_public(key, text, &record, NULL) < 0)
                return 0;

        return issuance_check_free(record, failure);
}

static int keep_key(const char *key, void *userdata, Failure *failure) {
        Keeping *keeping = userdata;
        Transfer *transfer = keeping->transfer;
        Import *import = transfer->import;
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = check_now(transfer, keeping->done++, store_snapshot_count(import->snapshot), IMPORT_SHARE_READ,
                      IMPORT_SHARE_KEEP, failure);
        if (r < 0 || !record_key_id(key))
                return r;

        r = store_snapshot_fetch(import->snapshot, key, &text, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        return import->mode == IMPORT_REPLACE ? check_reserved(key, bytes_span(&text), failure)
                                              : import_add_current(import, key, bytes_span(&text), failure);
}

/* --- the index --- */

/* Its pages go into the order of the buckets, too. */
static int page_put(void *userdata, const char *key, Span value, Failure *failure) {
        SorterItem item = { .rank = store_bulk_hash(key), .key = span_of_string(key), .payload = value };
        Import *import = userdata;

        return sorter_add(import->pages, &item, failure);
}

static int build_index(Import *import, Failure *failure) {
        const IndexPages pages = { .put = page_put, .userdata = import };
        _cleanup_(index_builder_freep) IndexBuilder *builder = NULL;
        SorterItem item;
        int r;

        r = index_builder_new(&pages, &builder, failure);
        if (r < 0)
                return r;

        while ((r = sorter_next(import->entries, &item, failure)) > 0) {
                r = index_builder_add(builder, item.key, failure);
                if (r < 0)
                        return r;
        }

        return r < 0 ? r : index_builder_finish(TAKE_PTR(builder), failure);
}

static int put_pages(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        uint64_t done = 0, total = sorter_count(import->pages);
        SorterItem item;
        int r;

        while ((r = sorter_next(import->pages, &item, failure)) > 0) {
                char key[32];

                r = check_now(transfer, done++, total, 0.92, 0.03, failure);
                if (r < 0)
                        return r;

                snprintf(key, sizeof(key), "%.*s", (int) item.key.size, (const char *) item.key.data);
                r = import_putter_put(import->putter, key, item.payload, failure);
                if (r < 0)
                        return r;
        }

        return r;
}

static int load_records(Transfer *transfer, Failure *failure) {
        const double from = IMPORT_SHARE_READ + IMPORT_SHARE_KEEP;
        Keeping keeping = { .transfer = transfer };
        Import *import = transfer->import;
        int r;

        r = store_snapshot_each(import->snapshot, keep_key, &keeping, failure);
        if (r >= 0)
                r = import_each(transfer, from, IMPORT_SHARE_LOAD, load_key, failure);
        if (r >= 0)
                r = import_verdict(import, failure);

        import->changes = import->changes || import->mode == IMPORT_REPLACE;
        import->lines = sorter_free(import->lines);
        return r;
}

static int load(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        const char *directory = store_directory(transfer->file->store);
        int r;

        r = sorter_new(directory, SORTER_MEMORY, &import->entries, failure);
        if (r >= 0)
                r = sorter_new(directory, SORTER_MEMORY, &import->pages, failure);
        if (r >= 0)
                r = import_putter_new(import->bulk, &import->putter, failure);
        if (r >= 0)
                r = load_records(transfer, failure);
        if (r < 0 || !import->changes)
                return r;

        r = build_index(import, failure);
        if (r >= 0)
                r = put_pages(transfer, failure);
        if (r >= 0)
                r = import_putter_end(import->putter, failure);

        return r < 0 ? r : store_bulk_sync(import->bulk, failure);
}

int import_load(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        int r;

        r = load(transfer, failure);
        import->putter = import_putter_free(import->putter);
        import_free_sorters(import);
        return r;
}

/* --- what was changed meanwhile --- */

static int bulk_page_fetch(void *userdata, const char *key, Bytes *ret, Failure *failure) {
        return store_bulk_fetch(userdata, key, ret, failure);
}

static int bulk_page_put(void *userdata, const char *key, Span value, Failure *failure) {
        return store_bulk_put(userdata, key, value, failure);
}

static int bulk_page_remove(void *userdata, const char *key, Failure *failure) {
        return store_bulk_remove(userdata, key, failure);
}

typedef struct Carrying {
        Transfer *transfer;
        IndexPages pages;
} Carrying;

static int index_add_entry(Span entry, void *userdata, Failure *failure) {
        return index_add(userdata, entry, failure);
}

static int index_remove_entry(Span entry, void *userdata, Failure *failure) {
        return index_remove(userdata, entry, failure);
}

static int carry_record(Carrying *carrying, const char *key, const Bytes *before, const Bytes *after,
                        Failure *failure) {
        Import *import = carrying->transfer->import;
        int r = 0;

        if (before)
                r = each_entry(&import->context, key, bytes_span(before), index_remove_entry,
                               &carrying->pages, failure);
        if (r >= 0 && after)
                r = each_entry(&import->context, key, bytes_span(after), index_add_entry, &carrying->pages,
                               failure);
        if (r < 0)
                return r;

        import->records += after != NULL;
        import->records -= before != NULL;
        if (after)
                return store_bulk_put(import->bulk, key, bytes_span(after), failure);

        return before ? store_bulk_remove(import->bulk, key, failure) : 0;
}

/* What the import has left as it was may go on changing; what it has changed may not. */
static int carry_key(const char *key, void *userdata, Failure *failure) {
        _cleanup_bytes_ Bytes was = {}, loaded = {}, now = {};
        Carrying *carrying = userdata;
        Transfer *transfer = carrying->transfer;
        Import *import = transfer->import;
        int had, has, is;

        if (!record_key_id(key))
                return 0;

        had = store_snapshot_fetch(import->snapshot, key, &was, failure);
        if (had < 0 && had != -ENOENT)
                return had;

        has = store_bulk_fetch(import->bulk, key, &loaded, failure);
        if (has < 0 && has != -ENOENT)
                return has;

        is = store_fetch(transfer->file->store, key, &now, failure);
        if (is < 0 && is != -ENOENT)
                return is;

        if (import->mode == IMPORT_REPLACE || had != has ||
            !span_equal(bytes_span(&was), bytes_span(&loaded)))
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "A record that is imported was changed while the import ran; nothing was "
                                   "imported. Import again.");

        return carry_record(carrying, key, has == 0 ? &loaded : NULL, is == 0 ? &now : NULL, failure);
}

int import_carry_over(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        Carrying carrying = {
                .transfer = transfer,
                .pages = { .fetch = bulk_page_fetch,
                           .put = bulk_page_put,
                           .remove = bulk_page_remove,
                           .userdata = import->bulk },
        };

        return store_bulk_changed(import->bulk, carry_key, &carrying, failure);
}
