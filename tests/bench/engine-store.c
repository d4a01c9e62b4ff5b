/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own store, as the daemon uses it: updates in flight are tasks of the store thread, whose group commit answers
 * them; an import is the issuance file's. */
#include <stdio.h>

#include "file/store-thread.h"
#include "file/store.h"
#include "tests/bench/engine.h"

typedef struct Ours {
        Store *store;
        sd_event *event;
        StoreThread *thread;
} Ours;

static void check(int r, const Failure *failure) {
        if (r < 0)
                die("store: %s", failure_message(failure));
}

static Store *open_store(const char *directory) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;

        check(store_open(directory, "records", 0, &store, &failure), &failure);
        return store;
}

static void *ours_open(const char *directory, _unused_ unsigned threads) {
        Ours *ours = new0(Ours, 1);

        if (!ours || sd_event_new(&ours->event) < 0 || store_thread_new(ours->event, &ours->thread) < 0)
                die("no store thread");

        ours->store = open_store(directory);
        return ours;
}

static void ours_close(void *engine) {
        Ours *ours = engine;

        store_thread_free(ours->thread);
        store_close(ours->store);
        sd_event_unref(ours->event);
        free(ours);
}

/* --- bulk --- */

static int compare_orders(const void *a, const void *b) {
        uint64_t first = *(const uint64_t *) a, second = *(const uint64_t *) b;

        return (first > second) - (first < second);
}

/* The records' numbers in the order of GDBM's hash: hash << 32 | number. */
static uint64_t *sort_numbers(uint64_t count) {
        uint64_t *orders = new0(uint64_t, count);
        char key[RECORD_KEY_SIZE];

        if (!orders)
                die("no memory");

        for (uint64_t i = 0; i < count; i++)
                orders[i] = (uint64_t) store_bulk_hash(bench_key(i, key)) << 32 | i;

        qsort(orders, count, sizeof(*orders), compare_orders);
        return orders;
}

/* When the store is closed it goes on to make its second file, as it would while it runs. */
static double ours_load(const char *directory, uint64_t count) {
        double start = now();
        _cleanup_free_ uint64_t *orders = sort_numbers(count);
        _cleanup_(store_closep) Store *store = open_store(directory);
        _cleanup_failure_ Failure failure = {};
        StoreBulk *bulk = NULL;

        check(store_bulk_begin(store, &bulk, &failure), &failure);
        for (uint64_t i = 0; i < count; i++) {
                uint64_t number = orders[i] & UINT32_MAX;
                uint8_t value[RECORD_SIZE];
                char key[RECORD_KEY_SIZE];

                bench_value(number, 0, value);
                check(store_bulk_put(bulk, bench_key(number, key), SPAN_OF_ARRAY(value), &failure), &failure);
        }

        check(store_bulk_sync(bulk, &failure), &failure);
        check(store_bulk_finish(bulk, &failure), &failure);
        return now() - start;
}

/* --- lookups and updates --- */

static void ours_fetch(void *engine, uint64_t number, void *ret) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char key[RECORD_KEY_SIZE];

        check(store_fetch(((Ours *) engine)->store, bench_key(number, key), &value, &failure), &failure);
        if (value.size != RECORD_SIZE)
                die("store: a value of another size");

        memcpy(ret, value.data, RECORD_SIZE);
}

static void apply(Store *store, uint64_t number, uint64_t version) {
        _cleanup_failure_ Failure failure = {};
        uint8_t value[RECORD_SIZE];
        char key[RECORD_KEY_SIZE];
        const Span span = SPAN_OF_ARRAY(value);
        const StoreChange change = { bench_key(number, key), &span };

        bench_value(number, version, value);
        check(store_apply(store, &change, 1, &failure), &failure);
}

static void commit(Store *store) {
        _cleanup_failure_ Failure failure = {};

        check(store_commit(store, &failure), &failure);
}

static void ours_update(void *engine, _unused_ unsigned thread, uint64_t number, uint64_t version) {
        Store *store = ((Ours *) engine)->store;

        apply(store, number, version);
        commit(store);
}

static void ours_update_group(void *engine, Random *random, uint64_t records, unsigned count) {
        Store *store = ((Ours *) engine)->store;

        for (unsigned i = 0; i < count; i++)
                apply(store, random_below(random, records), random_next(random));
        commit(store);
}

typedef struct Crowd {
        Ours *ours;
        uint64_t records, done;
        unsigned in_flight;
        double end;
} Crowd;

typedef struct Member {
        Crowd *crowd;
        Random random;
        Failure failure;
} Member;

static void member_run(void *userdata) {
        Member *member = userdata;

        apply(member->crowd->ours->store, random_below(&member->random, member->crowd->records),
              random_next(&member->random));
}

static void member_submit(Member *member);

static void member_done(void *userdata) {
        Member *member = userdata;

        check(failure_is_set(&member->failure) ? -EIO : 0, &member->failure);
        member->crowd->in_flight--;
        member->crowd->done++;
        if (now() < member->crowd->end)
                member_submit(member);
}

static void member_submit(Member *member) {
        const StoreTask task = {
                .run = member_run,
                .done = member_done,
                .failure = &member->failure,
                .store = member->crowd->ours->store,
                .userdata = member,
        };

        if (store_thread_submit(member->crowd->ours->thread, &task) < 0)
                die("no memory");

        member->crowd->in_flight++;
}

static uint64_t ours_crowd(void *engine, uint64_t records, double end) {
        Crowd crowd = { .ours = engine, .records = records, .end = end };
        Member members[CROWD] = {};

        for (unsigned i = 0; i < CROWD; i++) {
                members[i] = (Member){ .crowd = &crowd, .random = { (uint64_t) (end * 1000) + i } };
                member_submit(&members[i]);
        }

        while (crowd.in_flight > 0)
                if (sd_event_run(crowd.ours->event, UINT64_MAX) < 0)
                        die("the event loop failed");

        return crowd.done;
}

const Engine engine_store = {
        .name = "store",
        .open = ours_open,
        .close = ours_close,
        .load = ours_load,
        .fetch = ours_fetch,
        .update = ours_update,
        .update_group = ours_update_group,
        .crowd = ours_crowd,
};
