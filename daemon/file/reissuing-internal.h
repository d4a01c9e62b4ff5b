/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reissuing file as its care needs it: each object stands under its key as one sealed text, bound to the key. Keys
 * beginning with a dot are no objects (key-check.h). Only for reissuing-file.c and care.c. */
#ifndef ICREISSUE_FILE_REISSUING_INTERNAL_H
#define ICREISSUE_FILE_REISSUING_INTERNAL_H

#include "file/reissuing-file.h"
#include "file/store-thread.h"
#include "file/store.h"

struct ReissuingFile {
        StoreThread *thread;
        Store *store;      /* touched on the store thread only, once a task was submitted */
        SealKeys *keys;    /* immutable: on any thread */
        size_t references; /* the owner's, and one for each task under way */
};

ReissuingFile *reissuing_file_ref(ReissuingFile *file);
ReissuingFile *reissuing_file_unref(ReissuingFile *file);

/* Opens what the store holds under key. STORE_FAILED where that is no sealed object. On any thread. */
int reissuing_parse_stored(const SealKeys *keys, const char *key, Span text, json_t **ret, Failure *failure);

/* Seals one object anew where its seal is of another version than the one that seals, in a change set of its own. Store
 * thread. Returns 1 when it has; 0 where nothing was to do, also for a key that is not there or no object's. */
int reissuing_reseal(ReissuingFile *file, const char *key, Failure *failure);

#endif
