/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For which fields the index of the issuance file is complete, and what is being done about the others: the store's key
 * ".indexed", a JSON object. Which fields are indexed changes by a Reload, or between two starts; then the entries of
 * those that came and of those that went are put right in steps, and each record that is changed meanwhile is put right
 * with its change.
 *
 * complete: every record's entries of the field are there, and no others. changing: some may be there and some not; true
 * where all are to be, false where none is.
 * after: the "r" entry up to which, in the index's order, every record's entries of the changing fields are right. A
 * field is named "TYPE/FIELD". One that is in neither set has no entries. */
#ifndef ICREISSUE_FILE_INDEX_STATE_H
#define ICREISSUE_FILE_INDEX_STATE_H

#include "file/change-set.h"
#include "file/issuance-internal.h"

#define INDEX_STATE_KEY ".indexed"

typedef struct IndexState {
        json_t *complete, *changing; /* objects: name -> true or false */
        Bytes after;
} IndexState;

void index_state_done(IndexState *state);
#define _cleanup_index_state_ _cleanup_(index_state_done)

/* What the store (with what is pending) says, adopted to fields: from here on changes must keep entries as fields say, and
 * may find entries of every field that is complete or changing. Returns 1 where that is not what the store says: it must
 * be put in the same change set as anything that is changed; 0 where it is; STORE_FAILED, NO_MEMORY. */
int index_state_read(ChangeSet *set, const IssuanceFields *fields, IndexState *ret, Failure *failure);
int index_state_put(const IndexState *state, ChangeSet *set, Failure *failure);

/* The same for whoever asks again and again: what was read last is remembered with the text and the fields that it was read
 * from, and read anew where either is another. *ret is borrowed, until the next call. Store thread. */
typedef struct IndexStateMemory IndexStateMemory;
int index_state_recall(IndexStateMemory **memory, ChangeSet *set, IssuanceFields *fields,
                       const IndexState **ret, Failure *failure);
IndexStateMemory *index_state_forget(IndexStateMemory *memory);

/* Nothing is left to do: fields' are complete. */
int index_state_finish(IndexState *state, const IssuanceFields *fields, Failure *failure);

bool index_state_is_finished(const IndexState *state);
bool index_state_is_complete(const IndexState *state, const char *type, const char *field);

/* Calls `each` with every field of that type that is changing; or, with all, also with those that are complete. Stops at
 * what is not 0, and returns it. */
typedef int (*IndexStateEach)(const char *field, void *userdata, Failure *failure);
int index_state_each(const IndexState *state, const char *type, bool all, IndexStateEach each, void *userdata,
                     Failure *failure);

/* The state as it stands in the store; the caller owns it. NULL when there is no memory. */
char *index_state_format(const IndexState *state);

#endif
