/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a snapshot consists of. Only for store-snapshot.c and store-backup.c. */
#ifndef ICREISSUE_FILE_STORE_SNAPSHOT_H
#define ICREISSUE_FILE_STORE_SNAPSHOT_H

#include "file/store-private.h"

struct StoreSnapshot {
        StorePlace *place;
        char letter; /* of the GDBM file, which is pinned */
        Table *table;
        int descriptor; /* the same file's */
        Layer *frozen;  /* shared with the store; NULL: none */
        Layer *active;  /* a copy */
        uint64_t applied, committed;
        uint64_t count;
        SegmentRanges ranges;
};

/* Calls `each` with every change that lies over the GDBM file, once a key, in no order. */
int store_snapshot_each_change(StoreSnapshot *snapshot,
                               int (*each)(const LayerEntry *entry, void *userdata, Failure *failure),
                               void *userdata, Failure *failure);

#endif
