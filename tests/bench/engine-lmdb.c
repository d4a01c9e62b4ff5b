/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LMDB with no flag, which is durable: each commit syncs. Threads that write wait for each other in
 * mdb_txn_begin(). */
#include <lmdb.h>

#include "tests/bench/engine.h"

typedef struct Lmdb {
        MDB_env *environment;
        MDB_dbi database;
        MDB_txn *reading; /* renewed for each lookup, as a reader that wants what was committed does */
} Lmdb;

enum { LOAD_STEP = 100000 }; /* records of a transaction: its dirty pages are held in memory */

static void check(int code) {
        if (code != MDB_SUCCESS)
                die("lmdb: %s", mdb_strerror(code));
}

static void *lmdb_open(const char *directory, _unused_ unsigned threads) {
        Lmdb *lmdb = new0(Lmdb, 1);
        MDB_txn *transaction;

        if (!lmdb)
                die("no memory");

        check(mdb_env_create(&lmdb->environment));
        check(mdb_env_set_mapsize(lmdb->environment, (size_t) 1 << 37));
        check(mdb_env_open(lmdb->environment, directory, 0, 0600));
        check(mdb_txn_begin(lmdb->environment, NULL, 0, &transaction));
        check(mdb_dbi_open(transaction, NULL, 0, &lmdb->database));
        check(mdb_txn_commit(transaction));
        check(mdb_txn_begin(lmdb->environment, NULL, MDB_RDONLY, &lmdb->reading));
        mdb_txn_reset(lmdb->reading);
        return lmdb;
}

static void lmdb_close(void *engine) {
        Lmdb *lmdb = engine;

        mdb_txn_abort(lmdb->reading);
        mdb_env_close(lmdb->environment);
        free(lmdb);
}

static void put_record(Lmdb *lmdb, MDB_txn *transaction, uint64_t number, uint64_t version, unsigned flags) {
        uint8_t content[RECORD_SIZE];
        char text[RECORD_KEY_SIZE];
        MDB_val key = { .mv_data = text }, value = { .mv_data = content, .mv_size = sizeof(content) };

        bench_value(number, version, content);
        key.mv_size = strlen(bench_key(number, text));
        check(mdb_put(transaction, lmdb->database, &key, &value, flags));
}

/* In the order of the keys, appended: the densest and fastest that it can. */
static double lmdb_load(const char *directory, uint64_t count) {
        double start = now();
        Lmdb *lmdb = lmdb_open(directory, 1);

        for (uint64_t i = 0; i < count;) {
                uint64_t end = MIN_OF(i + LOAD_STEP, count);
                MDB_txn *transaction;

                check(mdb_txn_begin(lmdb->environment, NULL, 0, &transaction));
                for (; i < end; i++)
                        put_record(lmdb, transaction, i, 0, MDB_APPEND);
                check(mdb_txn_commit(transaction));
        }

        lmdb_close(lmdb);
        return now() - start;
}

static void lmdb_fetch(void *engine, uint64_t number, void *ret) {
        char text[RECORD_KEY_SIZE];
        MDB_val key = { .mv_data = text }, value;
        Lmdb *lmdb = engine;

        check(mdb_txn_renew(lmdb->reading));
        key.mv_size = strlen(bench_key(number, text));
        check(mdb_get(lmdb->reading, lmdb->database, &key, &value));
        if (value.mv_size != RECORD_SIZE)
                die("lmdb: a value of another size");

        memcpy(ret, value.mv_data, RECORD_SIZE);
        mdb_txn_reset(lmdb->reading);
}

static void lmdb_update(void *engine, _unused_ unsigned thread, uint64_t number, uint64_t version) {
        MDB_txn *transaction;
        Lmdb *lmdb = engine;

        check(mdb_txn_begin(lmdb->environment, NULL, 0, &transaction));
        put_record(lmdb, transaction, number, version, 0);
        check(mdb_txn_commit(transaction));
}

static void lmdb_update_group(void *engine, Random *random, uint64_t records, unsigned count) {
        MDB_txn *transaction;
        Lmdb *lmdb = engine;

        check(mdb_txn_begin(lmdb->environment, NULL, 0, &transaction));
        for (unsigned i = 0; i < count; i++)
                put_record(lmdb, transaction, random_below(random, records), random_next(random), 0);
        check(mdb_txn_commit(transaction));
}

static uint64_t lmdb_crowd(void *engine, uint64_t records, double end) {
        return crowd_of_threads(&engine_lmdb, engine, records, end);
}

const Engine engine_lmdb = {
        .name = "lmdb",
        .open = lmdb_open,
        .close = lmdb_close,
        .load = lmdb_load,
        .fetch = lmdb_fetch,
        .update = lmdb_update,
        .update_group = lmdb_update_group,
        .crowd = lmdb_crowd,
};
