/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs: sorted items in a nameless temporary file, one run after the other, and what merges several. Only for
 * sorter*.c. */
#ifndef ICREISSUE_FILE_SORTER_RUN_H
#define ICREISSUE_FILE_SORTER_RUN_H

#include "file/sorter.h"

enum { RUNS_MAX = 512 }; /* are merged at once, with a small buffer each */

typedef struct Run {
        uint64_t offset, end;
} Run;

typedef struct RunFile {
        int descriptor; /* -1: not made yet */
        Run runs[RUNS_MAX];
        size_t run_count;
        uint64_t end;
        Bytes text; /* to be written at `end` */
} RunFile;

int sorter_key_compare(Span a, Span b);

/* Rank, then key. */
int sorter_item_compare(const SorterItem *a, const SorterItem *b);

/* The bytes of an item as they stand in memory and in files. Returns 0 or -ENOMEM. */
int sorter_item_append(Bytes *bytes, const SorterItem *item);

/* Reads the item at the beginning of bytes: its size there; 0 where bytes hold less than all of it, and *ret_needed is
 * how many do. */
size_t sorter_item_read(Span bytes, SorterItem *ret, size_t *ret_needed);

/* The key of an item that is all there. */
Span sorter_item_key(const uint8_t *bytes);

/* Appends an item to the run under way; run_file_end_run() ends that. The file is made where there is none yet. */
int run_file_append(RunFile *file, const char *directory, const SorterItem *item, Failure *failure);
int run_file_end_run(RunFile *file, Failure *failure);

/* Forgets all runs, and gives their room on the disk back. */
int run_file_empty(RunFile *file, Failure *failure);
void run_file_done(RunFile *file);

typedef struct RunMerge RunMerge;

/* Runs that are added earlier come first where items are equal. At most as many as `count` are added. */
int run_merge_new(size_t count, RunMerge **ret, Failure *failure);
RunMerge *run_merge_free(RunMerge *merge);
DEFINE_CLEANUP(RunMerge *, run_merge_free)

/* The file must stay as it is until the merge is released. */
int run_merge_add(RunMerge *merge, const RunFile *file, const Run *run, Failure *failure);

/* As sorter_next(). */
int run_merge_next(RunMerge *merge, SorterItem *ret, Failure *failure);

#endif
