/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is imported, held against what is there: what each mode does with a record that is there already, and the lines
 * for which it can do nothing. */
#include <stdio.h>

#include "file/import.h"

enum {
        CANCEL_INTERVAL = 64, /* records */
};

void import_decision_done(ImportDecision *decision) {
        record_free(decision->before);
        record_free(decision->record);
        *decision = (ImportDecision){};
}

/* Keeps the first lines, whatever order they come in. `failure`, if any, is moved. */
static void note(WrongLines *wrong, uint64_t line, uint64_t other, Failure *failure) {
        size_t kept = (size_t) MIN_OF(wrong->count, (uint64_t) IMPORT_LINES_NAMED), at = kept;

        while (at > 0 && wrong->lines[at - 1] > line)
                at--;

        wrong->count++;
        if (at == 0) {
                wrong->other = other;
                if (failure)
                        failure_move(&wrong->failure, failure);
        }

        if (at == IMPORT_LINES_NAMED)
                return;

        if (kept == IMPORT_LINES_NAMED)
                kept--;
        memmove(wrong->lines + at + 1, wrong->lines + at, (kept - at) * sizeof(wrong->lines[0]));
        wrong->lines[at] = line;
}

static bool history_has(const json_t *history, const json_t *entry) {
        const json_t *other;
        size_t i;

        json_array_foreach(history, i, other)
                if (json_equal(other, entry))
                        return true;
        return false;
}

static const char *entry_at(const json_t *history, size_t i) {
        return json_string_value(json_object_get(json_array_get(history, i), "at")) ?: "";
}

/* Both histories as one, in the order of time, what is in both once. Times compare as text (record_now()). */
static int merge_history(Record *record, const Record *current) {
        json_t *merged = json_deep_copy(current->history), *entry;
        size_t i;

        if (!merged)
                return -ENOMEM;

        json_array_foreach(record->history, i, entry) {
                const char *at = entry_at(record->history, i);
                size_t place = json_array_size(merged);

                if (history_has(current->history, entry))
                        continue;

                while (place > 0 && strcmp(entry_at(merged, place - 1), at) > 0)
                        place--;

                if (json_array_insert(merged, place, entry) < 0) {
                        json_decref(merged);
                        return -ENOMEM;
                }
        }

        json_decref(record->history);
        record->history = merged;
        return 0;
}

/* What a record is but for its history, which says how it came about. */
static bool same_content(const Record *a, const Record *b) {
        return a->issued == b->issued && a->count == b->count && json_equal(a->fields, b->fields);
}

/* The one that is there is replaced where the import's count is higher. */
static int decide_merge(Import *import, const ImportItem *item, Record *given, ImportDecision *ret,
                        Failure *failure) {
        _cleanup_failure_ Failure used = {};

        /* "enrolled", of this import. */
        (void) json_array_remove(given->history, json_array_size(given->history) - 1);
        if (same_content(given, ret->before))
                return 0;

        if (given->count <= ret->before->count) {
                note(&import->conflicts, item->line, 0, NULL);
                return 0;
        }

        if (issuance_check_free(ret->before, &used) < 0) {
                note(&import->used, item->line, 0, &used);
                return 0;
        }

        if (merge_history(given, ret->before) < 0 ||
            record_add_history(given, "changed", import->details) < 0)
                return failure_no_memory(failure);

        ret->put = true;
        return 0;
}

int import_decide(Import *import, const char *key, const ImportItem *item, const Span *current,
                  ImportDecision *ret, Failure *failure) {
        _cleanup_(record_freep) Record *given = NULL;
        _cleanup_failure_ Failure used = {};
        int r;

        if (!current || import->mode == IMPORT_REPLACE) {
                ret->put = true;
                return 0;
        }

        r = issuance_parse_stored(&import->context, key, *current, &ret->before, failure);
        if (r < 0)
                return r;

        if (import->mode == IMPORT_ADD) {
                if (issuance_check_free(ret->before, &used) < 0)
                        note(&import->used, item->line, 0, &used);
                else
                        note(&import->present, item->line, 0, NULL);

                return 0;
        }

        r = issuance_parse_stored(&import->context, key, item->text, &given, failure);
        if (r >= 0)
                r = decide_merge(import, item, given, ret, failure);
        if (r >= 0 && ret->put)
                ret->record = TAKE_PTR(given);

        return r;
}

/* A key that is imported, until what comes next shows whether it is there, too. */
typedef struct Pending {
        Bytes key; /* with its NUL; empty: none */
        Bytes payload;
        bool told; /* with what is there */
} Pending;

static void pending_done(Pending *pending) {
        bytes_done(&pending->key);
        bytes_done(&pending->payload);
}

static int pending_set(Pending *pending, const SorterItem *sorted, Failure *failure) {
        bytes_clear(&pending->key);
        bytes_clear(&pending->payload);
        pending->told = false;
        if (bytes_append(&pending->key, sorted->key) < 0 || bytes_append_byte(&pending->key, '\0') < 0 ||
            bytes_append(&pending->payload, sorted->payload) < 0)
                return failure_no_memory(failure);

        return 0;
}

static bool pending_is(const Pending *pending, Span key) {
        return pending->key.size == key.size + 1 && memcmp(pending->key.data, key.data, key.size) == 0;
}

/* Tells of the pending record, unless it was told, and of what is there under its key. */
static int pending_tell(Pending *pending, Transfer *transfer, ImportEach each, const Span *current,
                        Failure *failure) {
        ImportItem item;
        int r;

        if (pending->key.size == 0 || pending->told)
                return 0;

        pending->told = true;
        r = import_item_read(bytes_span(&pending->payload), &item, failure);
        if (r < 0)
                return r;

        return each(transfer, (const char *) pending->key.data, item.line > 0 ? &item : NULL,
                    item.line > 0 ? current : &item.text, failure);
}

/* Of one key what is imported comes first, since it was added first. */
static int take_sorted(Transfer *transfer, Pending *pending, const SorterItem *sorted, ImportEach each,
                       Failure *failure) {
        WrongLines *twice = &transfer->import->twice;
        ImportItem item, first;
        int r;

        if (!pending_is(pending, sorted->key)) {
                r = pending_tell(pending, transfer, each, NULL, failure);
                return r < 0 ? r : pending_set(pending, sorted, failure);
        }

        r = import_item_read(sorted->payload, &item, failure);
        if (r >= 0)
                r = import_item_read(bytes_span(&pending->payload), &first, failure);
        if (r < 0)
                return r;

        if (item.line == 0)
                return pending_tell(pending, transfer, each, &item.text, failure);

        note(twice, MAX_OF(item.line, first.line), MIN_OF(item.line, first.line), NULL);
        return 0;
}

int import_each(Transfer *transfer, double from, double share, ImportEach each, Failure *failure) {
        Sorter *lines = transfer->import->lines;
        _cleanup_(pending_done) Pending pending = {};
        uint64_t done = 0, total = sorter_count(lines);
        SorterItem sorted;
        int r;

        while ((r = sorter_next(lines, &sorted, failure)) > 0) {
                if (done++ % CANCEL_INTERVAL == 0) {
                        r = transfer_check_cancelled(transfer, failure);
                        if (r < 0)
                                return r;

                        transfer_tell(transfer, from + share * (double) done / (double) total);
                }

                r = take_sorted(transfer, &pending, &sorted, each, failure);
                if (r < 0)
                        return r;
        }

        return r < 0 ? r : pending_tell(&pending, transfer, each, NULL, failure);
}

bool import_is_wrong(const Import *import) {
        return import->twice.count + import->used.count + import->present.count + import->conflicts.count > 0;
}

/* "line 3", "lines 3, 5", "lines 3, 5 (and 2 more)". */
static void name_lines(const WrongLines *wrong, char *ret, size_t size) {
        size_t kept = (size_t) MIN_OF(wrong->count, (uint64_t) IMPORT_LINES_NAMED);
        size_t used = (size_t) snprintf(ret, size, "line%s", kept > 1 ? "s" : "");

        for (size_t i = 0; i < kept && used < size; i++)
                used += (size_t) snprintf(ret + used, size - used, "%s %llu", i > 0 ? "," : "",
                                          (unsigned long long) wrong->lines[i]);
        if (wrong->count > kept && used < size)
                snprintf(ret + used, size - used, " (and %llu more)",
                         (unsigned long long) (wrong->count - kept));
}

int import_verdict(Import *import, Failure *failure) {
        char lines[512], others[64];

        if (import->twice.count > 0) {
                snprintf(others, sizeof(others), "line %llu", (unsigned long long) import->twice.other);
                name_lines(&import->twice, lines, sizeof(lines));
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "%s: The same type and ID %s in an earlier line, %s%s. Leave one of them out.", lines,
                        import->twice.count > 1 ? "stand" : "stands",
                        import->twice.count > 1 ? "the first of these in " : "", others);
        }

        if (import->used.count > 0) {
                name_lines(&import->used, lines, sizeof(lines));
                failure_move(failure, &import->used.failure);
                failure_prefix(failure, "%s", lines);
                return failure_errno(failure->kind);
        }

        if (import->present.count > 0) {
                name_lines(&import->present, lines, sizeof(lines));
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "%s: A record of this type and ID is there already. Leave such lines out, or "
                        "import with mode merge.",
                        lines);
        }

        if (import->conflicts.count > 0) {
                name_lines(&import->conflicts, lines, sizeof(lines));
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "%s: The record that is there differs, and its count is not lower. Where the line is the newer "
                        "one give it a higher count; else leave it out.",
                        lines);
        }

        return 0;
}
