/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reissuing file: the jobs and the issuance data that they work from, one JSON object per job. It is the job
 * engine's journal: when the callback of reissuing_file_store() has come, that state survives a power cut. */
#ifndef ICREISSUE_FILE_REISSUING_FILE_H
#define ICREISSUE_FILE_REISSUING_FILE_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/failure.h"
#include "file/seal.h"

typedef struct ReissuingFile ReissuingFile;
typedef struct StoreThread StoreThread;

/* Opens the store "reissuing" of DIRECTORY (mode 0600), made where it is missing. Blocking. keys are referenced; every
 * object is sealed whole under them. STORE_FAILED names the file and what to do; with -ENOKEY where the keys are not those
 * of this file: nothing was written then. */
int reissuing_file_open(StoreThread *thread, const char *directory, SealKeys *keys, ReissuingFile **ret,
                        Failure *failure);
ReissuingFile *reissuing_file_close(ReissuingFile *file);
DEFINE_CLEANUP(ReissuingFile *, reissuing_file_close)

/* Calls `each` with every object, in no order; blocking, at start only. Stops at the first negative return. */
typedef int (*ReissuingEach)(const char *key, json_t *object, void *userdata, Failure *failure);
int reissuing_file_load(ReissuingFile *file, ReissuingEach each, void *userdata, Failure *failure);

typedef void (*ReissuingDone)(const Failure *failure, void *userdata);

/* Stores an object (formatted before the function returns) under key, replacing what is there; `done` when durable
 * or failed. What it replaces may stay in free space, sealed. A key begins with no dot. */
int reissuing_file_store(ReissuingFile *file, const char *key, const json_t *object, ReissuingDone done,
                         void *userdata);

/* Removes; a key that is not there is no failure. done may be NULL. */
int reissuing_file_remove(ReissuingFile *file, const char *key, ReissuingDone done, void *userdata);

#endif
