/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The new content of the store: the records that are there and those that are imported come into the order of GDBM's
 * buckets through one sorter, the index's entries into theirs through another. */
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

static int add_value(Import *import, const char *key, Span value, Failure *failure) {
        SorterItem item = { .rank = store_bulk_hash(key), .key = span_of_string(key), .payload = value };

        return sorter_add(import->values, &item, failure);
}

/* An entry is in the new index where it was added more often than taken away. */
static int add_entry(Import *import, Span entry, char sign, Failure *failure) {
        SorterItem item = { .key = entry, .payload = SPAN(&sign, 1) };

        return sorter_add(import->entries, &item, failure);
}

static int plus_entry(Span entry, void *userdata, Failure *failure) {
        return add_entry(userdata, entry, '+', failure);
}

static int minus_entry(Span entry, void *userdata, Failure *failure) {
        return add_entry(userdata, entry, '-', failure);
}

/* --- records that are imported --- */

static int put_decided(Import *import, const char *key, const ImportItem *item,
                       const ImportDecision *decision, Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;
        int r;

        if (!decision->record) {
                r = add_value(import, key, item->text, failure);
                return r < 0 ? r : import_item_each_entry(item, plus_entry, import, failure);
        }

        r = issuance_format_stored(&import->context, decision->record, RECORD_HEADROOM, &text, failure);
        if (r < 0) {
                failure_prefix(failure, "line %llu", (unsigned long long) item->line);
                return r;
        }

        r = add_value(import, key, span_of_string(text), failure);
        if (r >= 0)
                r = issuance_index_entries(&import->context, decision->before, minus_entry, import, failure);

        return r < 0 ? r
                     : issuance_index_entries(&import->context, decision->record, plus_entry, import,
                                              failure);
}

static int load_line(Transfer *transfer, const char *key, const ImportItem *item, Failure *failure) {
        _cleanup_import_decision_ ImportDecision decision = {};
        Import *import = transfer->import;
        _cleanup_bytes_ Bytes current = {};
        Span span;
        int r = -ENOENT;

        if (import->mode != IMPORT_REPLACE) {
                r = store_snapshot_fetch(import->snapshot, key, &current, failure);
                if (r < 0 && r != -ENOENT)
                        return r;
        }

        span = bytes_span(&current);
        r = import_decide(import, key, item, r == -ENOENT ? NULL : &span, &decision, failure);
        if (r < 0 || !decision.put)
                return r;

        import->changes = true;
        import->records += !decision.before;
        return put_decided(import, key, item, &decision, failure);
}

/* --- records that are there --- */

typedef struct Keeping {
        Transfer *transfer;
        uint64_t done;
} Keeping;

/* One whose text cannot be understood stays as it is, and can be removed. */
static int keep_record(Import *import, const char *key, Span text, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_bytes_ Bytes entry = {};
        int r;

        r = add_value(import, key, text, failure);
        if (r < 0)
                return r;

        import->records++;
        r = issuance_parse_public(key, text, &record, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r >= 0)
                return issuance_index_entries(&import->context, record, plus_entry, import, failure);

        r = issuance_key_entry(key, &entry);
        return r < 0 ? failure_no_memory(failure) : add_entry(import, bytes_span(&entry), '+', failure);
}

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

        r = check_now(transfer, keeping->done++, store_snapshot_count(import->snapshot),
                      IMPORT_SHARE_READ + IMPORT_SHARE_MERGE, IMPORT_SHARE_LOAD * 0.4, failure);
        if (r < 0 || !record_key_id(key))
                return r;

        r = store_snapshot_fetch(import->snapshot, key, &text, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        return import->mode == IMPORT_REPLACE ? check_reserved(key, bytes_span(&text), failure)
                                              : keep_record(import, key, bytes_span(&text), failure);
}

/* --- the index --- */

/* Pages go the way of the records: into the order of the buckets. */
static int page_put(void *userdata, const char *key, Span value, Failure *failure) {
        return add_value(userdata, key, value, failure);
}

static int build_index(Import *import, Failure *failure) {
        const IndexPages pages = { .put = page_put, .userdata = import };
        _cleanup_(index_builder_freep) IndexBuilder *builder = NULL;
        _cleanup_bytes_ Bytes entry = {};
        SorterItem item;
        int r, more, times = 0;

        r = index_builder_new(&pages, &builder, failure);
        if (r < 0)
                return r;

        do {
                more = sorter_next(import->entries, &item, failure);
                if (more < 0)
                        return more;

                if (entry.size > 0 && (!more || !span_equal(bytes_span(&entry), item.key))) {
                        r = times > 0 ? index_builder_add(builder, bytes_span(&entry), failure) : 0;
                        if (r < 0)
                                return r;

                        bytes_clear(&entry);
                        times = 0;
                }

                if (more && entry.size == 0 && bytes_append(&entry, item.key) < 0)
                        return failure_no_memory(failure);
                if (more)
                        times += item.payload.data[0] == '+' ? 1 : -1;
        } while (more);

        return index_builder_finish(TAKE_PTR(builder), failure);
}

/* --- into the new file --- */

static int fill_bulk(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        uint64_t done = 0, total = sorter_count(import->values);
        _cleanup_bytes_ Bytes key = {};
        SorterItem item;
        int r;

        while ((r = sorter_next(import->values, &item, failure)) > 0) {
                r = check_now(transfer, done++, total, 1 - IMPORT_SHARE_LOAD * 0.5, IMPORT_SHARE_LOAD * 0.4,
                              failure);
                if (r < 0)
                        return r;

                if (key.size == item.key.size + 1 && memcmp(key.data, item.key.data, item.key.size) == 0)
                        continue;

                bytes_clear(&key);
                if (bytes_append(&key, item.key) < 0 || bytes_append_byte(&key, '\0') < 0)
                        return failure_no_memory(failure);

                r = store_bulk_put(import->bulk, (const char *) key.data, item.payload, failure);
                if (r < 0)
                        return r;
        }

        return r < 0 ? r : store_bulk_sync(import->bulk, failure);
}

static int load(Transfer *transfer, Failure *failure) {
        Keeping keeping = { .transfer = transfer };
        Import *import = transfer->import;
        const char *directory = store_directory(transfer->file->store);
        int r;

        r = sorter_new(directory, SORTER_MEMORY, &import->values, failure);
        if (r >= 0)
                r = sorter_new(directory, SORTER_MEMORY, &import->entries, failure);
        if (r >= 0)
                r = import_each(transfer, load_line, failure);
        if (r >= 0)
                r = import_verdict(import, failure);
        if (r < 0)
                return r;

        import->changes = import->changes || import->mode == IMPORT_REPLACE;
        if (!import->changes)
                return 0;

        import->lines = sorter_free(import->lines);
        r = store_snapshot_each(import->snapshot, keep_key, &keeping, failure);
        if (r >= 0)
                r = build_index(import, failure);
        if (r < 0)
                return r;

        import->entries = sorter_free(import->entries);
        return fill_bulk(transfer, failure);
}

int import_load(Transfer *transfer, Failure *failure) {
        int r;

        r = load(transfer, failure);
        import_free_sorters(transfer->import);
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

static int carry_entries(Carrying *carrying, const char *key, Span text, IssuanceEntry each,
                         Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_bytes_ Bytes entry = {};
        int r;

        r = issuance_parse_public(key, text, &record, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r >= 0)
                return issuance_index_entries(&carrying->transfer->import->context, record, each,
                                              &carrying->pages, failure);

        r = issuance_key_entry(key, &entry);
        return r < 0 ? failure_no_memory(failure) : each(bytes_span(&entry), &carrying->pages, failure);
}

static int carry_record(Carrying *carrying, const char *key, const Bytes *before, const Bytes *after,
                        Failure *failure) {
        Import *import = carrying->transfer->import;
        int r = 0;

        if (before)
                r = carry_entries(carrying, key, bytes_span(before), index_remove_entry, failure);
        if (r >= 0 && after)
                r = carry_entries(carrying, key, bytes_span(after), index_add_entry, failure);
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
