/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is compared, as one interface: the store, and the references. Each keeps the records of bench_key() and
 * bench_value() in a directory of its own; each of its functions ends the program where it fails. */
#ifndef ICREISSUE_BENCH_ENGINE_H
#define ICREISSUE_BENCH_ENGINE_H

#include "tests/bench/measure.h"

enum { CROWD = 16 }; /* updates in flight at once */

typedef struct Engine {
        const char *name;

        /* threads: how many threads will update at once. */
        void *(*open)(const char *directory, unsigned threads);
        void (*close)(void *engine);

        /* The way that loads fastest: records 0 to count - 1 of version 0, into an engine with none. Opens and
         * closes by itself; returns after how many ms all was durable. */
        double (*load)(const char *directory, uint64_t count);

        /* A copy of the value, of RECORD_SIZE bytes. */
        void (*fetch)(void *engine, uint64_t number, void *ret);

        /* One durable change of one record; by any of the threads, each with a number of its own (0: the first). */
        void (*update)(void *engine, unsigned thread, uint64_t number, uint64_t version);

        /* One durable change of `count` records, drawn at random from `records`. */
        void (*update_group)(void *engine, Random *random, uint64_t records, unsigned count);

        /* Updates with CROWD in flight until the clock says `end`; returns how many. */
        uint64_t (*crowd)(void *engine, uint64_t records, double end);
} Engine;

/* A `crowd` of CROWD threads that call `update`. */
uint64_t crowd_of_threads(const Engine *kind, void *engine, uint64_t records, double end);

extern const Engine engine_store;
extern const Engine engine_sqlite;
extern const Engine engine_lmdb;
extern const Engine engine_gdbm;

/* Of many times in ms: what 99 of 100 stay below, and the longest. */
typedef struct LongestTimes {
        double p99, longest;
} LongestTimes;

/* For so many ms, at once: changes of CROWD records of an open engine_store; and on another thread as many bytes appended
 * to a bare file, and synced. */
void longest_measure(void *store, int descriptor, Random *random, uint64_t records, double slice,
                     LongestTimes *ret_changes, LongestTimes *ret_syncs);

/* Loads the file of JSON Lines, each a record; returns after how many ms all was durable. */
double store_import(const char *directory, const char *path);
double sqlite_import(const char *directory, const char *path);

#endif
