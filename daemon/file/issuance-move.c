/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record that is issued as a card of another type moves to that type, with its history, and what was its key points to
 * it from then on. While the card is made, the pointer stands the other way round: nobody can enrol another record there. */
#include "file/issuance-internal.h"

enum { HOPS_MAX = 16 }; /* a record that has moved that often has moved in a circle */

void issuance_move_done(IssuanceMove *move) {
        record_free(move->before);
        record_free(move->after);
        record_free(move->pointer);
        *move = (IssuanceMove){};
}

int issuance_fetch_moved(IssuanceFile *file, const char *key, Record **ret, Failure *failure) {
        _cleanup_(record_freep) Record *first = NULL, *record = NULL;
        int r;

        r = issuance_fetch(file, key, &first, failure);
        if (r < 0 || !first->moved) {
                *ret = TAKE_PTR(first);
                return r;
        }

        for (unsigned hops = 0; r >= 0 && hops < HOPS_MAX; hops++) {
                const Record *from = record ? record : first;
                _cleanup_string_erase_ char *next = record_key(from->moved, from->id);
                Record *found = NULL;

                if (!next)
                        return failure_no_memory(failure);

                r = issuance_fetch(file, next, &found, failure);
                record_free(record);
                record = found;
                if (r >= 0 && !record->moved) {
                        *ret = TAKE_PTR(record);
                        return 0;
                }
        }

        if (r < 0 && r != -ENOENT)
                return r;

        *ret = TAKE_PTR(first);
        return -ENOENT;
}

static int pointer_new(const char *type, const char *id, uint32_t count, const char *moved, Record **ret,
                       Failure *failure) {
        _cleanup_(record_freep) Record *pointer = new0(Record, 1);

        if (!pointer)
                return failure_no_memory(failure);

        pointer->type = strdup(type);
        pointer->id = strdup(id);
        pointer->moved = strdup(moved);
        pointer->issued = true; /* nothing is to be issued from it */
        pointer->count = count;
        pointer->fields = json_object();
        pointer->history = json_array();
        if (!pointer->type || !pointer->id || !pointer->moved || !pointer->fields || !pointer->history)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(pointer);
        return 0;
}

/* What stands under the record's ID and another type. NULL for nothing. */
static int fetch_other(IssuanceFile *file, const Record *record, const char *type, Record **ret,
                       Failure *failure) {
        _cleanup_string_erase_ char *key = record_key(type, record->id);
        int r;

        if (!key)
                return failure_no_memory(failure);

        r = issuance_fetch(file, key, ret, failure);
        return r == -ENOENT ? 0 : r;
}

int issuance_move_reserve(IssuanceFile *file, Record *record, const char *card_type, const json_t *fields,
                          IssuanceMove *ret, Failure *failure) {
        _cleanup_(record_freep) Record *there = NULL;
        int r;

        if (!card_type || streq(card_type, record->type))
                return 0;

        r = record_check_key(card_type, record->id, failure);
        if (r >= 0)
                r = fetch_other(file, record, card_type, &there, failure);
        if (r < 0)
                return r;
        if (there && !streq_null(there->moved, record->type))
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "There is another record with this ID for card type %s. Remove it first, or "
                        "reissue from that one.",
                        card_type);

        if (json_object_set_new(record->extraction, "card-type", json_string(card_type)) < 0 ||
            (fields && json_object_set_new(record->extraction, "fields", json_deep_copy(fields)) < 0))
                return failure_no_memory(failure);

        return there ? 0
                     : pointer_new(card_type, record->id, record->count, record->type, &ret->after, failure);
}

/* The fields that the other type has too. */
static int carry_fields(Record *record, const json_t *names) {
        json_t *carried = json_object(), *name;
        size_t i;

        if (!carried)
                return -ENOMEM;

        json_array_foreach(names, i, name) {
                json_t *value = json_string_value(name)
                                        ? json_object_get(record->fields, json_string_value(name))
                                        : NULL;

                if (value && json_object_set(carried, json_string_value(name), value) < 0) {
                        json_decref(carried);
                        return -ENOMEM;
                }
        }

        json_decref(record->fields);
        record->fields = carried;
        return 0;
}

static int move_to(Record *record, const char *card_type, const json_t *names, IssuanceMove *move,
                   Failure *failure) {
        char *type = strdup(card_type);
        int r;

        if (!type)
                return failure_no_memory(failure);

        r = pointer_new(record->type, record->id, record->count, card_type, &move->pointer, failure);
        if (r >= 0 && names && carry_fields(record, names) < 0)
                r = failure_no_memory(failure);
        if (r < 0) {
                free(type);
                return r;
        }

        free(record->type);
        record->type = type;
        return 0;
}

int issuance_move_end(IssuanceFile *file, Record *record, bool confirmed, bool card_written,
                      IssuanceMove *ret, Failure *failure) {
        const char *card_type = json_string_value(json_object_get(record->extraction, "card-type"));
        int r;

        if (!card_type || (!confirmed && card_written))
                return 0;

        r = fetch_other(file, record, card_type, &ret->before, failure);
        if (r < 0)
                return r;
        if (confirmed)
                return move_to(record, card_type, json_object_get(record->extraction, "fields"), ret,
                               failure);

        /* An earlier card of that type may be about. */
        if (ret->before && ret->before->count < record->count) {
                record_free(ret->before);
                ret->before = NULL;
        }

        return 0;
}

int issuance_apply_move(IssuanceFile *file, const Record *before, const Record *after,
                        const IssuanceMove *move, size_t headroom, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = file->store };
        const Record *other = move->pointer ? after : move->after;
        int r = 0;

        if (move->before || other)
                r = issuance_change(file, &set, move->before, other, 0, failure);
        if (r >= 0)
                r = issuance_change(file, &set, before, move->pointer ? move->pointer : after, headroom,
                                    failure);

        return r < 0 ? r : change_set_apply(&set, failure);
}
