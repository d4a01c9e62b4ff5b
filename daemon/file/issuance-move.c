/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record that is issued as a card of another type moves to that type, with its history, and what was its key points to
 * it from then on. While the card is made, the pointer stands the other way round: nobody can enrol another record there. */
#include "file/issuance-internal.h"

enum { HOPS_MAX = 16 }; /* a record that has moved that often has moved in a circle */

/* Where a record stands. */
typedef struct Key {
        const char *type, *id;
} Key;

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
                _cleanup_string_erase_ char *next = record_key(from->moved, record_moved_id(from));
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

/* At `at` a pointer to `to`, which is of the record's count. */
static int pointer_new(Key at, uint32_t count, Key to, Record **ret, Failure *failure) {
        _cleanup_(record_freep) Record *pointer = new0(Record, 1);

        if (!pointer)
                return failure_no_memory(failure);

        pointer->type = strdup(at.type);
        pointer->id = strdup(at.id);
        pointer->moved = strdup(to.type);
        pointer->moved_id = streq(at.id, to.id) ? NULL : strdup(to.id);
        pointer->issued = true; /* nothing is to be issued from it */
        pointer->count = count;
        pointer->fields = json_object();
        pointer->history = json_array();
        if (!pointer->type || !pointer->id || !pointer->moved || !pointer->fields || !pointer->history ||
            (!streq(at.id, to.id) && !pointer->moved_id))
                return failure_no_memory(failure);

        *ret = TAKE_PTR(pointer);
        return 0;
}

/* NULL for nothing. */
static int fetch_other(IssuanceFile *file, Key at, Record **ret, Failure *failure) {
        _cleanup_string_erase_ char *key = record_key(at.type, at.id);
        int r;

        if (!key)
                return failure_no_memory(failure);

        r = issuance_fetch(file, key, ret, failure);
        return r == -ENOENT ? 0 : r;
}

static Key key_of(const Record *record) {
        return (Key){ record->type, record->id };
}

/* What the other type's field `name` is called here: `wanted` is {"TYPE": "NAME THERE", ...}. */
static const char *source_of(const Record *record, const char *name, const json_t *wanted) {
        const char *source = json_string_value(json_object_get(wanted, record->type));

        return source ? source : name;
}

/* What is secret stays secret, under whichever name. */
static int check_secret(const IssuanceFile *file, const Record *record, const char *card_type,
                        const char *name, const char *source, Failure *failure) {
        if (!json_object_get(record->fields, source) || streq(name, "id") ||
            !issuance_fields_is_secret(file->on_store.fields, record->type, source) ||
            issuance_fields_is_secret(file->on_store.fields, card_type, name))
                return 0;

        return failure_set(
                failure, FAILURE_INVALID_ARGS,
                "The field \"%s\" is secret with card type %s, and \"%s\" of card type %s is not; mend the "
                "profiles.",
                source, record->type, name, card_type);
}

/* The names that are carried from the record, "NAME" or "NAME=NAME HERE", as the extraction remembers them. */
static int resolve_fields(const IssuanceFile *file, const Record *record, const char *card_type,
                          const json_t *fields, json_t *ret, Failure *failure) {
        const json_t *wanted;
        const char *name;

        json_object_foreach((json_t *) fields, name, wanted) {
                const char *source = source_of(record, name, wanted);
                int r = check_secret(file, record, card_type, name, source, failure);

                if (r < 0)
                        return r;
                if (json_array_append_new(ret, streq(source, name) ? json_string(name)
                                                                   : json_sprintf("%s=%s", name, source)) < 0)
                        return failure_no_memory(failure);
        }

        return 0;
}

/* The record's ID as one of the other type. */
static int resolve_id(const Record *record, const char *card_type, const json_t *fields, Key *ret,
                      Failure *failure) {
        const char *source = source_of(record, "id", json_object_get(fields, "id"));
        const char *id =
                streq(source, "id") ? record->id : json_string_value(json_object_get(record->fields, source));

        if (!id)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The record's field \"%s\" is missing, which a card of type %s has as its ID; "
                        "put it there first.",
                        source, card_type);

        *ret = (Key){ card_type, id };
        return record_check_key(card_type, id, failure);
}

static int note_move(const IssuanceFile *file, Record *record, Key to, const json_t *fields,
                     Failure *failure) {
        json_t *names = json_array();
        int r;

        if (!names || json_object_set(record->extraction, "fields", names) < 0 ||
            json_object_set_new(record->extraction, "card-type", json_string(to.type)) < 0 ||
            (!streq(to.id, record->id) &&
             json_object_set_new(record->extraction, "card-id", json_string(to.id)) < 0))
                r = failure_no_memory(failure);
        else
                r = resolve_fields(file, record, to.type, fields, names, failure);

        json_decref(names);
        return r;
}

int issuance_move_reserve(IssuanceFile *file, Record *record, const char *card_type, const json_t *fields,
                          IssuanceMove *ret, Failure *failure) {
        _cleanup_(record_freep) Record *there = NULL;
        Key to;
        int r;

        if (!card_type || streq(card_type, record->type))
                return 0;

        r = resolve_id(record, card_type, fields, &to, failure);
        if (r >= 0)
                r = fetch_other(file, to, &there, failure);
        if (r < 0)
                return r;
        if (there && !(streq_null(there->moved, record->type) && streq(record_moved_id(there), record->id)))
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "There is another record with this ID for card type %s. Remove it first, or "
                        "reissue from that one.",
                        card_type);

        r = note_move(file, record, to, fields, failure);
        return r < 0 || there ? r : pointer_new(to, record->count, key_of(record), &ret->after, failure);
}

/* Whoever reserved it before there was "NAME=NAME HERE" has names alone. */
static int carry_field(const Record *record, const char *text, json_t *carried) {
        const char *equals = strchr(text, '='), *source = equals ? equals + 1 : text;
        _cleanup_free_ char *name = equals ? strndup(text, (size_t) (equals - text)) : strdup(text);
        json_t *value = streq(source, "id") ? json_string(record->id)
                                            : json_incref(json_object_get(record->fields, source));
        int r = 0;

        if (!name || (!value && streq(source, "id")))
                r = -ENOMEM;
        else if (value && !streq(name, "id"))
                r = json_object_set(carried, name, value) < 0 ? -ENOMEM : 0;

        json_decref(value);
        return r;
}

/* The fields that the other type has too. */
static int carry_fields(Record *record, const json_t *names) {
        json_t *carried = json_object(), *name;
        size_t i;

        if (!carried)
                return -ENOMEM;

        json_array_foreach(names, i, name) {
                if (json_string_value(name) && carry_field(record, json_string_value(name), carried) < 0) {
                        json_decref(carried);
                        return -ENOMEM;
                }
        }

        json_decref(record->fields);
        record->fields = carried;
        return 0;
}

static int move_to(Record *record, Key to, const json_t *names, IssuanceMove *move, Failure *failure) {
        char *type = strdup(to.type), *id = strdup(to.id);
        int r;

        r = type && id ? pointer_new(key_of(record), record->count, to, &move->pointer, failure)
                       : failure_no_memory(failure);
        if (r >= 0 && names && carry_fields(record, names) < 0)
                r = failure_no_memory(failure);
        if (r < 0) {
                free(type);
                string_erase(id);
                return r;
        }

        free(record->type);
        string_erase(record->id);
        record->type = type;
        record->id = id;
        return 0;
}

int issuance_move_end(IssuanceFile *file, Record *record, bool confirmed, bool card_written,
                      IssuanceMove *ret, Failure *failure) {
        const char *card_type = json_string_value(json_object_get(record->extraction, "card-type"));
        const char *card_id = json_string_value(json_object_get(record->extraction, "card-id"));
        const Key to = { card_type, card_id ? card_id : record->id };
        int r;

        if (!card_type || (!confirmed && card_written))
                return 0;

        r = fetch_other(file, to, &ret->before, failure);
        if (r < 0)
                return r;
        if (confirmed)
                return move_to(record, to, json_object_get(record->extraction, "fields"), ret, failure);

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
