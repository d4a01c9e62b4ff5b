/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One record's change as one change set: its text, its index entries, the number of records. All on the store thread. */
#include <inttypes.h>
#include <stdio.h>

#include "file/index-state.h"
#include "file/issuance-internal.h"
#include "file/key-check.h"

#define RECORDS_KEY ".records"

/* Entries of the index, each once and in order when they were sorted. */
typedef struct EntryList {
        Bytes *entries;
        size_t count, space;
} EntryList;

static void entry_list_done(EntryList *list) {
        for (size_t i = 0; i < list->count; i++)
                bytes_done(&list->entries[i]);

        free(list->entries);
        *list = (EntryList){};
}
#define _cleanup_entry_list_ _cleanup_(entry_list_done)

static int entry_list_add(Span entry, void *userdata, Failure *failure) {
        EntryList *list = userdata;

        if (list->count == list->space) {
                size_t space = MAX_OF(2 * list->space, 16U);
                Bytes *entries = reallocarray(list->entries, space, sizeof(Bytes));

                if (!entries)
                        return failure_no_memory(failure);

                list->entries = entries;
                list->space = space;
        }

        list->entries[list->count] = (Bytes){};
        if (bytes_append(&list->entries[list->count], entry) < 0)
                return failure_no_memory(failure);

        list->count++;
        return 0;
}

static int entry_compare(const void *a, const void *b) {
        const Bytes *one = a, *other = b;
        int r = memcmp(one->data, other->data, MIN_OF(one->size, other->size));

        return r != 0 ? r : (one->size > other->size) - (one->size < other->size);
}

/* Sorts, and leaves each once: an array may hold a value twice. */
static void entry_list_settle(EntryList *list) {
        size_t kept = 0;

        if (list->count > 1)
                qsort(list->entries, list->count, sizeof(Bytes), entry_compare);

        for (size_t i = 0; i < list->count; i++) {
                if (kept > 0 && entry_compare(&list->entries[kept - 1], &list->entries[i]) == 0)
                        bytes_done(&list->entries[i]);
                else
                        list->entries[kept++] = list->entries[i];
        }

        list->count = kept;
}

/* A field of `record` whose entries may be in the index. */
typedef struct FieldList {
        const Record *record;
        EntryList *list;
} FieldList;

static int add_field(const char *field, void *userdata, Failure *failure) {
        FieldList *fields = userdata;

        return issuance_field_entries(fields->record, field, entry_list_add, fields->list, failure);
}

/* What the index may have of the record as it is. */
static int list_before(const IndexState *state, const Record *record, EntryList *ret, Failure *failure) {
        FieldList fields = { .record = record, .list = ret };
        int r;

        r = issuance_plain_entries(record, entry_list_add, ret, failure);
        return r < 0 ? r : index_state_each(state, record->type, true, add_field, &fields, failure);
}

/* Removes what is in `before` alone and adds what is in `after` alone: a page that nothing happens to is not written. */
static int change_entries(ChangeSet *set, EntryList *before, EntryList *after, Failure *failure) {
        const IndexPages pages = change_set_pages(set);
        size_t i = 0, k = 0;
        int r = 0;

        entry_list_settle(before);
        entry_list_settle(after);
        while (r >= 0 && (i < before->count || k < after->count)) {
                int order = i == before->count  ? 1
                            : k == after->count ? -1
                                                : entry_compare(&before->entries[i], &after->entries[k]);

                if (order < 0)
                        r = index_remove(&pages, bytes_span(&before->entries[i]), failure);
                else if (order > 0)
                        r = index_add(&pages, bytes_span(&after->entries[k]), failure);

                i += order <= 0;
                k += order >= 0;
        }

        return r;
}

static int read_count(ChangeSet *set, uint64_t *ret, Failure *failure) {
        _cleanup_free_ char *text = NULL;
        _cleanup_bytes_ Bytes value = {};
        int r;

        *ret = 0;
        r = change_set_fetch(set, RECORDS_KEY, &value, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        text = span_to_string(bytes_span(&value));
        if (!text)
                return failure_no_memory(failure);

        if (sscanf(text, "%" SCNu64, ret) != 1)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The issuance file's number of records is damaged. Restore it from a backup.");

        return 0;
}

int issuance_read_count(Store *store, uint64_t *ret, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = store };

        return read_count(&set, ret, failure);
}

static int change_count(ChangeSet *set, int by, Failure *failure) {
        char text[32];
        uint64_t count;
        int r;

        if (by == 0)
                return 0;

        r = read_count(set, &count, failure);
        if (r < 0)
                return r;

        if (by > 0 || count > 0)
                count += (uint64_t) (int64_t) by;
        snprintf(text, sizeof(text), "%" PRIu64, count);
        return change_set_put(set, RECORDS_KEY, span_of_string(text), failure);
}

/* Lists what the index has and is to have, and changes it. */
static int change_index(IssuanceFile *file, ChangeSet *set, const Record *before, const Record *after,
                        Failure *failure) {
        _cleanup_entry_list_ EntryList entries_before = {}, entries_after = {};
        const IssuanceContext *context = &file->on_store;
        const IndexState *state;
        int r;

        r = index_state_recall(&file->index_state, set, context->fields, &state, failure);
        if (r > 0)
                r = index_state_put(state, set, failure);
        if (r >= 0 && before)
                r = list_before(state, before, &entries_before, failure);
        if (r >= 0 && after)
                r = issuance_index_entries(context, after, entry_list_add, &entries_after, failure);
        if (r >= 0)
                r = change_entries(set, &entries_before, &entries_after, failure);

        return r;
}

static int change_text(const IssuanceContext *context, ChangeSet *set, const char *key, const Record *after,
                       size_t headroom, Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;
        int r;

        if (!after)
                return change_set_remove(set, key, failure);

        r = issuance_format_stored(context, after, headroom, &text, failure);
        return r < 0 ? r : change_set_put(set, key, span_of_string(text), failure);
}

int issuance_change(IssuanceFile *file, ChangeSet *set, const Record *before, const Record *after,
                    size_t headroom, Failure *failure) {
        const Record *any = after ? after : before;
        _cleanup_string_erase_ char *key = NULL;
        int r;

        key = record_key(any->type, any->id);
        if (!key)
                return failure_no_memory(failure);

        r = change_text(&file->on_store, set, key, after, headroom, failure);
        if (r >= 0)
                r = change_index(file, set, before, after, failure);

        return r < 0 ? r : change_count(set, (after != NULL) - (before != NULL), failure);
}

/* Entries of a type's fields that are of one ID. */
typedef struct Leftovers {
        const char *id;
        EntryList *list;
} Leftovers;

static int add_leftover(Span entry, void *userdata, Failure *failure) {
        size_t length = strlen(((Leftovers *) userdata)->id);
        Leftovers *leftovers = userdata;

        if (entry.size <= length || entry.data[entry.size - length - 1] != '\0' ||
            !span_equal(span_part(entry, entry.size - length, length), span_of_string(leftovers->id)))
                return 0;

        return entry_list_add(entry, leftovers->list, failure);
}

/* Its fields cannot be read, so the index is asked for whatever it has of that ID: every entry of the type's fields is gone
 * through, which is long, and seldom. */
static int list_damaged(ChangeSet *set, const char *type, const char *id, EntryList *ret, Failure *failure) {
        Leftovers leftovers = { .id = id, .list = ret };
        const IndexPages pages = change_set_pages(set);
        _cleanup_bytes_ Bytes r_entry = {}, u_entry = {}, prefix = {};
        int r;

        if (issuance_entry('r', type, id, &r_entry) < 0 || issuance_entry('u', type, id, &u_entry) < 0 ||
            issuance_entry('f', type, NULL, &prefix) < 0)
                return failure_no_memory(failure);

        r = entry_list_add(bytes_span(&r_entry), ret, failure);
        if (r >= 0)
                r = entry_list_add(bytes_span(&u_entry), ret, failure);
        if (r >= 0)
                r = index_scan(&pages, bytes_span(&prefix), SPAN(NULL, 0), add_leftover, &leftovers, failure);

        return r;
}

int issuance_apply_damaged(IssuanceFile *file, const char *key, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = file->store };
        _cleanup_entry_list_ EntryList before = {}, after = {};
        _cleanup_string_erase_ char *type = NULL;
        const char *id = record_key_id(key);
        int r;

        type = strndup(key, (size_t) (id - 1 - key));
        if (!type)
                return failure_no_memory(failure);

        r = list_damaged(&set, type, id, &before, failure);
        if (r >= 0)
                r = change_set_remove(&set, key, failure);
        if (r >= 0)
                r = change_entries(&set, &before, &after, failure);
        if (r >= 0)
                r = change_count(&set, -1, failure);

        return r < 0 ? r : change_set_apply(&set, failure);
}

static int note_entry(Span entry, void *userdata, Failure *failure _unused_) {
        return span_equal(entry, bytes_span(userdata)) ? 1 : 2;
}

/* GDBM's buckets have no checks: damage there hides a key. The index knows better. */
static int check_absent(IssuanceFile *file, const char *key, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = file->store };
        const IndexPages pages = change_set_pages(&set);
        _cleanup_bytes_ Bytes entry = {};
        int r;

        if (issuance_key_entry(key, &entry) < 0)
                return failure_no_memory(failure);

        r = index_scan(&pages, bytes_span(&entry), (Span){}, note_entry, &entry, failure);
        if (r == 1)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The issuance file has lost a record that its index names: its GDBM file is damaged. "
                        "\"icreissuectl store check\" says more; restore the files of the last backup.");

        return r < 0 ? r : -ENOENT;
}

int issuance_fetch(IssuanceFile *file, const char *key, Record **ret, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = store_fetch(file->store, key, &text, failure);
        if (r == -ENOENT)
                return check_absent(file, key, failure);
        if (r < 0)
                return r;

        return issuance_parse_stored(&file->on_store, key, bytes_span(&text), ret, failure);
}

int issuance_reseal(IssuanceFile *file, const char *key, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = file->store };
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_bytes_ Bytes text = {};
        int r;

        if (!record_key_id(key))
                return 0;

        r = store_fetch(file->store, key, &text, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        r = issuance_needs_seal(&file->on_store, key, bytes_span(&text), failure);
        if (r <= 0)
                return r;

        r = issuance_parse_stored(&file->on_store, key, bytes_span(&text), &record, failure);
        if (r >= 0)
                r = change_text(&file->on_store, &set, key, record, 0, failure);
        if (r >= 0)
                r = change_set_apply(&set, failure);

        return r < 0 ? r : 1;
}

int issuance_own_keys(IssuanceFile *file, const IssuanceContext *context, uint64_t records,
                      IssuanceOwnKey each, void *userdata, Failure *failure) {
        _cleanup_index_state_ IndexState state = {};
        _cleanup_string_erase_ char *indexed = NULL;
        _cleanup_bytes_ Bytes check = {};
        char count[32];
        int r;

        r = store_fetch(file->store, KEY_CHECK_KEY, &check, failure);
        if (r < 0)
                return r == -ENOENT ? failure_set(failure, FAILURE_STORE_FAILED,
                                                  "The issuance file has no key check.")
                                    : r;

        r = index_state_finish(&state, context->fields, failure);
        if (r < 0)
                return r;

        indexed = index_state_format(&state);
        if (!indexed)
                return failure_no_memory(failure);

        snprintf(count, sizeof(count), "%" PRIu64, records);
        r = each(RECORDS_KEY, span_of_string(count), userdata, failure);
        if (r == 0)
                r = each(INDEX_STATE_KEY, span_of_string(indexed), userdata, failure);

        return r == 0 ? each(KEY_CHECK_KEY, bytes_span(&check), userdata, failure) : r;
}
