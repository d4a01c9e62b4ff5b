/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pending changes: an array, each key once, and a hash table of where they are in it. */
#include "file/change-set.h"

#include <xxhash.h>

void change_set_done(ChangeSet *set) {
        for (size_t i = 0; i < set->count; i++) {
                string_erase(set->changes[i].key);
                bytes_done(&set->changes[i].value);
        }

        free(set->changes);
        free(set->slots);
        *set = (ChangeSet){};
}

/* The slot of the key, or the empty one where it would be. There are always empty ones. */
static uint32_t *find_slot(const ChangeSet *set, const char *key) {
        size_t mask = 2 * set->space - 1, at = XXH3_64bits(key, strlen(key)) & mask;

        while (set->slots[at] != 0 && !streq(set->changes[set->slots[at] - 1].key, key))
                at = (at + 1) & mask;

        return &set->slots[at];
}

static PendingChange *find(const ChangeSet *set, const char *key) {
        uint32_t slot = set->count > 0 ? *find_slot(set, key) : 0;

        return slot > 0 ? &set->changes[slot - 1] : NULL;
}

static int grow(ChangeSet *set) {
        size_t space = MAX_OF(2 * set->space, 8U);
        PendingChange *changes = reallocarray(set->changes, space, sizeof(PendingChange));
        uint32_t *slots;

        if (!changes)
                return -ENOMEM;

        set->changes = changes;
        slots = new0(uint32_t, 2 * space);
        if (!slots)
                return -ENOMEM;

        free(set->slots);
        set->slots = slots;
        set->space = space;
        for (size_t i = 0; i < set->count; i++)
                *find_slot(set, changes[i].key) = (uint32_t) i + 1;

        return 0;
}

/* The change of that key, made where there is none; NULL when there is no memory. */
static PendingChange *find_or_add(ChangeSet *set, const char *key) {
        PendingChange *change = find(set, key);

        if (change)
                return change;

        if (set->count == set->space && grow(set) < 0)
                return NULL;

        change = &set->changes[set->count];
        *change = (PendingChange){ .key = strdup(key) };
        if (!change->key)
                return NULL;

        *find_slot(set, key) = (uint32_t) set->count + 1;
        set->count++;
        return change;
}

int change_set_fetch(ChangeSet *set, const char *key, Bytes *ret, Failure *failure) {
        const PendingChange *change = find(set, key);

        if (!change)
                return store_fetch(set->store, key, ret, failure);
        if (change->removed)
                return -ENOENT;

        return bytes_assign(ret, bytes_span(&change->value)) < 0 ? failure_no_memory(failure) : 0;
}

int change_set_put(ChangeSet *set, const char *key, Span value, Failure *failure) {
        PendingChange *change = find_or_add(set, key);

        if (!change || bytes_assign(&change->value, value) < 0)
                return failure_no_memory(failure);

        change->removed = false;
        return 0;
}

int change_set_remove(ChangeSet *set, const char *key, Failure *failure) {
        PendingChange *change = find_or_add(set, key);

        if (!change)
                return failure_no_memory(failure);

        bytes_done(&change->value);
        change->removed = true;
        return 0;
}

static int page_fetch(void *userdata, const char *key, Bytes *ret, Failure *failure) {
        return change_set_fetch(userdata, key, ret, failure);
}

static int page_put(void *userdata, const char *key, Span value, Failure *failure) {
        return change_set_put(userdata, key, value, failure);
}

static int page_remove(void *userdata, const char *key, Failure *failure) {
        return change_set_remove(userdata, key, failure);
}

IndexPages change_set_pages(ChangeSet *set) {
        return (IndexPages){ .fetch = page_fetch, .put = page_put, .remove = page_remove, .userdata = set };
}

int change_set_apply(const ChangeSet *set, Failure *failure) {
        _cleanup_free_ StoreChange *changes = NULL;
        _cleanup_free_ Span *values = NULL;

        if (set->count == 0)
                return 0;

        changes = new0(StoreChange, set->count);
        values = new0(Span, set->count);
        if (!changes || !values)
                return failure_no_memory(failure);

        for (size_t i = 0; i < set->count; i++) {
                const PendingChange *change = &set->changes[i];

                values[i] = bytes_span(&change->value);
                changes[i] =
                        (StoreChange){ .key = change->key, .value = change->removed ? NULL : &values[i] };
        }

        return store_apply(set->store, changes, set->count, failure);
}
