/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Imports, step by step: the transfer's own thread reads the lines; then a small import is one change set, and a large
 * one becomes a new store beside the old one, which is served meanwhile. */
#include "file/import.h"

#include "file/change-set.h"

/* One change set holds up the store thread, and its pages of the index are in memory, some 4 KiB for each record and
 * indexed field; a new store costs as much as is there: half a minute for a million records, and twice their size on the
 * disk. */
enum {
        SMALL_RECORDS = 1000,
        SMALL_SIZE = 1024 * 1024,
};

void import_free_sorters(Import *import) {
        import->lines = sorter_free(import->lines);
        import->entries = sorter_free(import->entries);
        import->pages = sorter_free(import->pages);
}

Import *import_free(Import *import) {
        if (!import)
                return NULL;

        import_free_sorters(import);
        issuance_context_done(&import->context);
        json_decref(import->details);
        store_snapshot_free(import->snapshot);
        failure_done(&import->used.failure);
        free(import);
        return NULL;
}

/* --- a small import --- */

static int apply_line(Transfer *transfer, const char *key, const ImportItem *item, const Span *none _unused_,
                      Failure *failure) {
        _cleanup_import_decision_ ImportDecision decision = {};
        Import *import = transfer->import;
        _cleanup_bytes_ Bytes current = {};
        Span span;
        int r, found;

        found = change_set_fetch(import->set, key, &current, failure);
        if (found < 0 && found != -ENOENT)
                return found;

        span = bytes_span(&current);
        r = import_decide(import, key, item, found == -ENOENT ? NULL : &span, &decision, failure);
        if (r < 0 || !decision.put || import_is_wrong(import))
                return r;

        if (!decision.record) {
                r = issuance_parse_stored(&import->context, key, item->text, &decision.record, failure);
                if (r < 0)
                        return r;
        }

        r = issuance_change(transfer->file, import->set, decision.before, decision.record, RECORD_HEADROOM,
                            failure);
        if (r < 0 && failure->kind == FAILURE_INVALID_ARGS)
                failure_prefix(failure, "line %llu", (unsigned long long) item->line);

        return r;
}

static int import_apply(Transfer *transfer, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = transfer->file->store };
        Import *import = transfer->import;
        uint64_t count;
        int r;

        import->set = &set;
        r = import_each(transfer, IMPORT_SHARE_READ, 1 - IMPORT_SHARE_READ, apply_line, failure);
        import->set = NULL;
        if (r >= 0)
                r = import_verdict(import, failure);
        if (r >= 0)
                r = change_set_apply(&set, failure);
        if (r >= 0)
                r = issuance_read_count(set.store, &count, failure);
        if (r < 0)
                return r;

        transfer->total = count + 1;
        transfer->complete = true;
        return 0;
}

/* --- a large one --- */

/* Bulk and snapshot begin in the same moment: what is committed after it is told by store_bulk_changed(). */
static int import_begin(Transfer *transfer, Failure *failure) {
        Store *store = transfer->file->store;
        Import *import = transfer->import;
        uint64_t count = sorter_count(import->lines);
        int r;

        if (import->mode != IMPORT_REPLACE && count <= SMALL_RECORDS && import->size <= SMALL_SIZE)
                return import_apply(transfer, failure);

        r = store_bulk_begin(store, &import->bulk, failure);
        return r < 0 ? r : store_snapshot(store, &import->snapshot, failure);
}

static int put_own_key(const char *key, Span value, void *userdata, Failure *failure) {
        Import *import = userdata;

        return store_bulk_put(import->bulk, key, value, failure);
}

static int import_switch(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        int r;

        r = import_carry_over(transfer, failure);
        if (r >= 0)
                r = issuance_own_keys(transfer->file, &import->context, import->records, put_own_key, import,
                                      failure);
        if (r < 0)
                return r;

        r = store_bulk_finish(TAKE_PTR(import->bulk), failure);
        if (r < 0)
                return r;

        transfer->renewed = true;
        transfer->total = import->records + 1;
        return 0;
}

/* Called also after a failure of a step before: the bulk is the store thread's to release. */
static int import_finish(Transfer *transfer, Failure *failure) {
        Import *import = transfer->import;
        int r = failure_is_set(failure) ? failure_errno(failure->kind) : 0;

        if (r >= 0)
                r = transfer_check_cancelled(transfer, failure);
        if (r >= 0 && import->changes)
                r = import_switch(transfer, failure);
        if (import->bulk)
                store_bulk_abandon(TAKE_PTR(import->bulk));

        import->snapshot = store_snapshot_free(import->snapshot);
        return r;
}

static bool bulk_has_begun(const Transfer *transfer) {
        return transfer->import->bulk;
}

static const TransferStep step_finish = {
        .on_store = true, .alone = true, .always = bulk_has_begun, .run = import_finish
};
static const TransferStep step_load = { .run = import_load, .next = &step_finish };
static const TransferStep step_begin = { .on_store = true, .run = import_begin, .next = &step_load };
static const TransferStep step_read = { .run = import_read, .next = &step_begin };

static int import_new(IssuanceFile *file, ImportMode mode, const Actor *actor, Import **ret) {
        Import *import = new0(Import, 1);

        if (!import)
                return -ENOMEM;

        import->mode = mode;
        import->details = actor_details(actor ? actor->uid : (uid_t) -1, actor ? actor->station : NULL);
        import->context = issuance_context_copy(&file->context);
        if (!import->details) {
                import_free(import);
                return -ENOMEM;
        }

        *ret = import;
        return 0;
}

int issuance_file_import(IssuanceFile *file, int descriptor, ImportMode mode, const Actor *actor,
                         RecordCheck check, void *check_userdata, void (*check_done)(void *),
                         TransferCallback callback, void *userdata, Transfer **ret, Failure *failure) {
        _cleanup_(transfer_freep) Transfer *transfer = NULL;
        int r;

        r = transfer_new(file, descriptor, true, callback, userdata, &transfer, failure);
        if (r < 0)
                return r;

        r = import_new(file, mode, actor, &transfer->import);
        if (r < 0)
                return failure_no_memory(failure);

        transfer->import->check = check;
        transfer->import->check_userdata = check_userdata;
        if (transfer_begin(transfer, &step_read) < 0)
                return failure_no_memory(failure);

        transfer->release = check_done;
        transfer->release_userdata = check_userdata;
        *ret = TAKE_PTR(transfer);
        return 0;
}
