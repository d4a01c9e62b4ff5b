/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change set while it is made: what is put and removed is seen by its own fetches, and by the store when it is applied,
 * whole or not at all. It is in memory. */
#ifndef ICREISSUE_FILE_CHANGE_SET_H
#define ICREISSUE_FILE_CHANGE_SET_H

#include "file/index.h"
#include "file/store.h"

typedef struct PendingChange {
        char *key;
        Bytes value;
        bool removed;
} PendingChange;

typedef struct ChangeSet {
        Store *store; /* borrowed */
        PendingChange *changes;
        size_t count, space;
        uint32_t *
                slots; /* 2 * space of them: where a key is looked for first; 0: none, else a change's number + 1 */
} ChangeSet;

void change_set_done(ChangeSet *set);
#define _cleanup_change_set_ _cleanup_(change_set_done)

/* As store_fetch(), with what is pending over it. */
int change_set_fetch(ChangeSet *set, const char *key, Bytes *ret, Failure *failure);

/* NO_MEMORY is the only failure. */
int change_set_put(ChangeSet *set, const char *key, Span value, Failure *failure);
int change_set_remove(ChangeSet *set, const char *key, Failure *failure);

/* For the index in the same store. */
IndexPages change_set_pages(ChangeSet *set);

/* store_apply() of all; nothing to do is success. */
int change_set_apply(const ChangeSet *set, Failure *failure);

#endif
