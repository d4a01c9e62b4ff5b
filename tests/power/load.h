/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A load for a store, from a seed, and what must come of it: after each change set the whole content is known, as a
 * "version". The same seed gives the same change sets, with or without a store: so another process knows them too.
 *
 * A few keys are counters, which are read from the store and written back one higher. One key holds the number of
 * the last change set, so that a store tells which version it holds. */
#ifndef ICREISSUE_TESTS_LOAD_H
#define ICREISSUE_TESTS_LOAD_H

#include "file/store.h"
#include "power/power.h"

enum {
        LOAD_COUNTERS = 4,
        LOAD_KEYS = 40, /* the counters among them */
};

/* What failed stays among the versions: a commit that failed may have got to the disk all the same, and is there
 * after a crash, as long as nothing that came after it was acknowledged. */
typedef struct LoadVersion {
        size_t parent; /* the version before it */
        bool never;    /* its change set was refused: it can be nowhere */
        uint64_t set;  /* the number of the change set that led to it; 0: nothing is there */
        uint32_t values
                [LOAD_KEYS]; /* of a counter its value, of another key which value it has; 0: not there */
} LoadVersion;

typedef struct Load {
        uint64_t random;
        uint64_t sets; /* made so far, those that failed too */
        LoadVersion *versions;
        size_t count;     /* of versions; the last is the last that was begun */
        size_t current;   /* the version that was applied: what the store shows */
        size_t committed; /* the version that was acknowledged */
        unsigned bulk;    /* one action of so many is a new content; 0: none */
        /* Told before each change set which version it will lead to, and after each commit what is acknowledged. */
        void (*mark)(uint64_t begun, uint64_t acknowledged, void *userdata);
        void *userdata;
        char wrong[512]; /* what load_check() has found */
} Load;

Load load_new(uint64_t seed);

/* Begins with one version of another load. */
Load load_from(const Load *load, size_t version, uint64_t seed);
void load_done(Load *load);

/* The next action: a change set, mostly; a commit, a checkpoint, a new content. Without a store it is only planned,
 * and succeeds. After a failure the load stands where the store must stand: an apply that failed is undone, a commit
 * that failed takes back all since the one before. */
int load_act(Load *load, Store *store, Failure *failure);

/* Parts of it. */
int load_set(Load *load, Store *store, Failure *failure);
int load_commit(Load *load, Store *store, Failure *failure);
int load_checkpoint(Load *load, Store *store, Failure *failure);
int load_bulk(Load *load, Store *store, Failure *failure);

/* Closes the store, which drops what was not committed; so does the load. Returns NULL. */
Store *load_close(Load *load, Store *store);

/* Whether the store holds one of these versions wholly; which, is *ret. Else load->wrong says what is wrong. */
bool load_check(Load *load, Store *store, size_t from, size_t to, size_t *ret);

/* Like it, for a snapshot, and verifies that. */
bool load_check_snapshot(Load *load, StoreSnapshot *snapshot, size_t version);

#endif
