/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GDBM by itself, with gdbm_sync() after each change: what is durable then is also what a crash in the middle of a
 * change may tear, which no setting of it prevents on ext4. Threads take turns. */
#include <gdbm.h>
#include <pthread.h>
#include <stdio.h>

#include "tests/bench/engine.h"

typedef struct Gdbm {
        GDBM_FILE file;
        pthread_mutex_t writing;
} Gdbm;

enum { LOAD_CACHE = 100000 }; /* buckets */

static GDBM_FILE open_file(const char *directory, int flags) {
        char path[512];
        GDBM_FILE file;

        snprintf(path, sizeof(path), "%s/records.gdbm", directory);
        file = gdbm_open(path, 4096, GDBM_WRCREAT | flags, 0600, NULL);
        if (!file)
                die("gdbm: %s", gdbm_strerror(gdbm_errno));

        return file;
}

static void put_record(GDBM_FILE file, uint64_t number, uint64_t version) {
        uint8_t content[RECORD_SIZE];
        char text[RECORD_KEY_SIZE];
        datum key = { .dptr = text }, value = { .dptr = (char *) content, .dsize = sizeof(content) };

        bench_value(number, version, content);
        key.dsize = (int) strlen(bench_key(number, text));
        if (gdbm_store(file, key, value, GDBM_REPLACE) != 0)
                die("gdbm: %s", gdbm_db_strerror(file));
}

static void sync_file(GDBM_FILE file) {
        if (gdbm_sync(file) != 0)
                die("gdbm: %s", gdbm_db_strerror(file));
}

static void *gdbm_engine_open(const char *directory, _unused_ unsigned threads) {
        Gdbm *gdbm = new0(Gdbm, 1);

        if (!gdbm)
                die("no memory");

        pthread_mutex_init(&gdbm->writing, NULL);
        gdbm->file = open_file(directory, 0);
        return gdbm;
}

static void gdbm_engine_close(void *engine) {
        Gdbm *gdbm = engine;

        gdbm_close(gdbm->file);
        free(gdbm);
}

/* Without mmap, which is ten times slower while the file grows, and with a cache for all buckets of a million. */
static double gdbm_engine_load(const char *directory, uint64_t count) {
        double start = now();
        GDBM_FILE file = open_file(directory, GDBM_NOMMAP);
        size_t cache = LOAD_CACHE;

        gdbm_setopt(file, GDBM_SETCACHESIZE, &cache, sizeof(cache));
        for (uint64_t i = 0; i < count; i++)
                put_record(file, i, 0);
        sync_file(file);
        gdbm_close(file);
        return now() - start;
}

static void gdbm_engine_fetch(void *engine, uint64_t number, void *ret) {
        char text[RECORD_KEY_SIZE];
        datum key = { .dptr = text }, value;

        key.dsize = (int) strlen(bench_key(number, text));
        value = gdbm_fetch(((Gdbm *) engine)->file, key);
        if (!value.dptr || value.dsize != RECORD_SIZE)
                die("gdbm: no value, or one of another size");

        memcpy(ret, value.dptr, RECORD_SIZE);
        free(value.dptr);
}

static void gdbm_update(void *engine, _unused_ unsigned thread, uint64_t number, uint64_t version) {
        Gdbm *gdbm = engine;

        pthread_mutex_lock(&gdbm->writing);
        put_record(gdbm->file, number, version);
        sync_file(gdbm->file);
        pthread_mutex_unlock(&gdbm->writing);
}

static void gdbm_update_group(void *engine, Random *random, uint64_t records, unsigned count) {
        Gdbm *gdbm = engine;

        for (unsigned i = 0; i < count; i++)
                put_record(gdbm->file, random_below(random, records), random_next(random));
        sync_file(gdbm->file);
}

static uint64_t gdbm_crowd(void *engine, uint64_t records, double end) {
        return crowd_of_threads(&engine_gdbm, engine, records, end);
}

const Engine engine_gdbm = {
        .name = "gdbm-sync",
        .open = gdbm_engine_open,
        .close = gdbm_engine_close,
        .load = gdbm_engine_load,
        .fetch = gdbm_engine_fetch,
        .update = gdbm_update,
        .update_group = gdbm_update_group,
        .crowd = gdbm_crowd,
};
