/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an import and an export have in common: a worker of their own for the caller's descriptor, steps
 * that change between that worker and the store thread, news, and a cancel that works at any moment. Only
 * for the issuance file. */
#ifndef ICREISSUE_FILE_TRANSFER_H
#define ICREISSUE_FILE_TRANSFER_H

#include <stdatomic.h>

#include "base/worker.h"
#include "file/issuance-internal.h"

typedef struct Import Import;
typedef struct Export Export;

/* One step: `run` on the worker's or the store's thread, then `next` on the main thread, which begins another step
 * or ends the transfer. After a failure, a cancel, or `complete`, only steps follow for which `always` is there and
 * true: these tidy up. */
typedef struct TransferStep {
        bool on_store;
        bool alone; /* on the store thread: long, or with nothing uncommitted */
        bool (*always)(const Transfer *transfer);
        int (*run)(Transfer *transfer, Failure *failure);
        const struct TransferStep *next;
} TransferStep;

struct Transfer {
        IssuanceFile *file;
        Transfer *sibling;
        Worker *worker;
        sd_event_source *reaper;
        const TransferStep *step;
        bool finished;
        bool closing; /* the issuance file is being closed */

        int descriptor;
        bool is_regular, is_socket;
        int flags_before; /* what O_NONBLOCK was added to; -1: nothing */
        uint64_t size;    /* of a regular file, from where it stands; else 0 */
        int cancel_event;
        atomic_bool cancelled;

        TransferCallback callback;
        void *userdata;
        void (*release)(void *); /* of check_userdata or withheld_userdata */
        void *release_userdata;

        /* The step that runs owns these. */
        Failure failure;
        uint64_t records;
        double progress;
        uint64_t told_at; /* when the last news were posted, in ms */
        uint64_t total;   /* records in the file + 1; 0: not known */
        bool complete;    /* nothing is left to do */
        bool renewed;     /* the store has a whole new content */

        Import *import; /* one of these two is there */
        Export *export;
};

/* A transfer on descriptor, which is taken over in any case. release is called with release_userdata at
 * its end, but not when this fails. */
int transfer_new(IssuanceFile *file, int descriptor, bool reading, TransferCallback callback, void *userdata,
                 Transfer **ret, Failure *failure);
void transfer_free(Transfer *transfer);
DEFINE_CLEANUP(Transfer *, transfer_free)

/* Begins with a step; from here on the transfer releases itself. Returns 0 or -ENOMEM: it is the caller's
 * then. */
int transfer_begin(Transfer *transfer, const TransferStep *step);

/* From within a step: CANCELLED once transfer_cancel() was called. */
int transfer_check_cancelled(Transfer *transfer, Failure *failure);

/* From within a step: posts news, a few times a second at most. */
void transfer_tell(Transfer *transfer, double progress);

/* From within a step on the worker: whether transfer_read() would not wait. */
bool transfer_is_ready(const Transfer *transfer);

/* From within a step on the worker: at most size bytes; 0 at the end. CANCELLED; INVALID_ARGS for a
 * descriptor that cannot be read. */
ssize_t transfer_read(Transfer *transfer, void *buffer, size_t size, Failure *failure);

/* From within a step on the worker: the whole span. CANCELLED; INVALID_ARGS for one that cannot be
 * written. */
int transfer_write(Transfer *transfer, Span span, Failure *failure);

/* Of import.c and export.c, for transfer_free(). */
Import *import_free(Import *import);
Export *export_free(Export *export);

#endif
