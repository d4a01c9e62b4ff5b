/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load: which change sets there are, and how they are given to a store. */
#include "power/load.h"

#include <assert.h>
#include <stdio.h>

#include "power/load-value.h"

Load load_new(uint64_t seed) {
        Load load = { .random = seed, .bulk = 40 };

        load.versions = new0(LoadVersion, 1);
        assert(load.versions);
        load.count = 1;
        return load;
}

Load load_from(const Load *load, size_t version, uint64_t seed) {
        Load copy = load_new(seed);

        copy.versions[0] = load->versions[version];
        copy.sets = load->sets + 1000000; /* its sets are not those of the other load */
        copy.bulk = load->bulk;
        return copy;
}

void load_done(Load *load) {
        free(load->versions);
        load->versions = NULL;
}

static unsigned dice(Load *load, unsigned sides) {
        return (unsigned) (power_random(&load->random) % sides);
}

static LoadVersion *version_current(const Load *load) {
        return &load->versions[load->current];
}

/* A new version, like the current one, and current itself. */
static LoadVersion *version_add(Load *load) {
        size_t parent = load->current;

        load->versions = reallocarray(load->versions, load->count + 1, sizeof(*load->versions));
        assert(load->versions);
        load->current = load->count++;
        load->versions[load->current] = load->versions[parent];
        version_current(load)->parent = parent;
        version_current(load)->set = ++load->sets;
        return version_current(load);
}

/* The change set was refused. */
static void version_refuse(Load *load) {
        version_current(load)->never = true;
        load->current = version_current(load)->parent;
}

static void mark(Load *load) {
        if (load->mark)
                load->mark(load->count - 1, load->committed, load->userdata);
}

static int acknowledge(Load *load) {
        load->committed = load->current;
        mark(load);
        return 0;
}

/* --- change sets --- */

static void change_key(Load *load, LoadVersion *version, size_t key) {
        if (key < LOAD_COUNTERS)
                version->values[key]++;
        else if (dice(load, 4) == 0)
                version->values[key] = 0;
        else
                version->values[key] = (uint32_t) load->sets;
}

/* Mostly small ones; now and then one with many keys. A key that is removed may not be there. */
static void plan_set(Load *load, bool changed[LOAD_KEYS]) {
        LoadVersion *version = version_add(load);
        unsigned keys = dice(load, 8) == 0 ? dice(load, LOAD_KEYS) : 1 + dice(load, 3);

        for (unsigned i = 0; i < keys; i++)
                changed[dice(load, LOAD_KEYS)] = true;
        for (size_t key = 0; key < LOAD_KEYS; key++)
                if (changed[key])
                        change_key(load, version, key);
}

/* A counter is what the store says, and one. */
static int counter_is_next(Load *load, Store *store, size_t key, Failure *failure) {
        uint32_t before = load->versions[version_current(load)->parent].values[key];
        _cleanup_bytes_ Bytes value = {};
        char name[LOAD_NAME_SIZE];
        int r;

        load_key_name(key, name);
        r = store_fetch(store, name, &value, failure);
        if (r == -ENOENT && before == 0)
                return 0;
        if (r < 0 && r != -ENOENT)
                return r;

        assert(r == 0 && load_value_is(key, before, bytes_span(&value)));
        return 0;
}

static int apply_set(Load *load, Store *store, const bool changed[LOAD_KEYS], Failure *failure) {
        StoreChange changes[LOAD_KEYS + 1];
        LoadText texts[LOAD_KEYS + 1];
        size_t count = 0;
        int r;

        for (size_t key = 0; key < LOAD_KEYS; key++) {
                if (!changed[key])
                        continue;

                r = key < LOAD_COUNTERS ? counter_is_next(load, store, key, failure) : 0;
                if (r < 0)
                        return r;

                load_text(key, version_current(load)->values[key], &texts[count]);
                changes[count] = load_change(&texts[count]);
                count++;
        }

        load_text_of_set(version_current(load)->set, &texts[count]);
        changes[count] = load_change(&texts[count]);
        return store_apply(store, changes, count + 1, failure);
}

int load_set(Load *load, Store *store, Failure *failure) {
        bool changed[LOAD_KEYS] = {};
        int r;

        plan_set(load, changed);
        mark(load);
        r = store ? apply_set(load, store, changed, failure) : 0;
        if (r < 0)
                version_refuse(load);
        return r;
}

int load_commit(Load *load, Store *store, Failure *failure) {
        int r;

        r = store ? store_commit(store, failure) : 0;
        if (r < 0) {
                load->current = load->committed;
                return r;
        }

        return acknowledge(load);
}

int load_checkpoint(Load *load, Store *store, Failure *failure) {
        int r;

        r = load_commit(load, store, failure);
        if (r < 0)
                return r;

        return store ? store_checkpoint(store, failure) : 0;
}

Store *load_close(Load *load, Store *store) {
        load->current = load->committed;
        return store_close(store);
}

/* --- a whole new content --- */

typedef struct BulkChanged {
        Load *load;
        StoreBulk *bulk;
        const LoadVersion *base;    /* what was there when it began */
        const LoadVersion *content; /* what it holds so far */
} BulkChanged;

/* A key that was changed since the bulk began: it is taken from the store. */
static int take_changed(const char *name, void *userdata, Failure *failure) {
        const BulkChanged *changed = userdata;
        const LoadVersion *now = version_current(changed->load);
        size_t key = load_key_number(name);
        LoadText text;
        int r = 0;

        /* Changed and changed back is as good as not changed. */
        if (key == LOAD_KEYS || now->values[key] == changed->base->values[key])
                return 0;

        if (changed->content->values[key] != 0)
                r = store_bulk_remove(changed->bulk, name, failure);
        if (r < 0 || now->values[key] == 0)
                return r;

        load_text(key, now->values[key], &text);
        return store_bulk_put(changed->bulk, text.name, text.value, failure);
}

static int bulk_put_all(StoreBulk *bulk, const LoadVersion *version, Failure *failure) {
        for (size_t key = 0; key < LOAD_KEYS; key++) {
                LoadText text;
                int r;

                if (version->values[key] == 0)
                        continue;

                load_text(key, version->values[key], &text);
                r = store_bulk_put(bulk, text.name, text.value, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int bulk_put_set(StoreBulk *bulk, uint64_t set, Failure *failure) {
        LoadText text;

        load_text_of_set(set, &text);
        return store_bulk_put(bulk, text.name, text.value, failure);
}

/* `content` was planned at version `base`; what has changed since stays as it is. */
static void plan_bulk_end(Load *load, size_t base, const LoadVersion *content) {
        LoadVersion before = load->versions[base], *version = version_add(load);

        for (size_t key = 0; key < LOAD_KEYS; key++)
                if (version->values[key] == before.values[key])
                        version->values[key] = content->values[key];
}

static int fill_bulk(Load *load, StoreBulk *bulk, size_t base, const LoadVersion *content, Failure *failure) {
        BulkChanged changed = {
                .load = load, .bulk = bulk, .base = &load->versions[base], .content = content
        };
        int r;

        r = bulk_put_all(bulk, content, failure);
        if (r >= 0)
                r = store_bulk_changed(bulk, take_changed, &changed, failure);
        if (r >= 0)
                r = bulk_put_set(bulk, load->sets + 1, failure);
        if (r >= 0)
                r = store_bulk_sync(bulk, failure);
        return r;
}

/* The counters are not touched: they count on. */
static LoadVersion plan_content(Load *load) {
        LoadVersion content = *version_current(load);

        for (size_t key = LOAD_COUNTERS; key < LOAD_KEYS; key++)
                content.values[key] = dice(load, 3) == 0 ? 0 : (uint32_t) (load->sets * 1000 + key);
        return content;
}

static int sets_meanwhile(Load *load, Store *store, unsigned sets, Failure *failure) {
        int r = 0;

        for (unsigned i = 0; i < sets && r >= 0; i++) {
                r = load_set(load, store, failure);
                if (r >= 0)
                        r = load_commit(load, store, failure);
        }

        return r;
}

static int finish_bulk(Load *load, StoreBulk *bulk, size_t base, const LoadVersion *content,
                       Failure *failure) {
        int r;

        plan_bulk_end(load, base, content);
        mark(load);
        r = bulk ? store_bulk_finish(bulk, failure) : 0;
        if (r < 0) {
                load->current = version_current(load)->parent;
                return r;
        }

        return acknowledge(load);
}

int load_bulk(Load *load, Store *store, Failure *failure) {
        unsigned sets = dice(load, 3);
        StoreBulk *bulk = NULL;
        LoadVersion content;
        size_t base;
        int r;

        r = load_commit(load, store, failure);
        if (r < 0)
                return r;

        base = load->current;
        content = plan_content(load);
        r = store ? store_bulk_begin(store, &bulk, failure) : 0;
        if (r < 0)
                return r;

        r = sets_meanwhile(load, store, sets, failure);
        if (r >= 0 && store)
                r = fill_bulk(load, bulk, base, &content, failure);
        if (r < 0) {
                store_bulk_abandon(bulk);
                return r;
        }

        return finish_bulk(load, bulk, base, &content, failure);
}

int load_act(Load *load, Store *store, Failure *failure) {
        unsigned what = dice(load, 100);

        if (load->bulk > 0 && dice(load, load->bulk) == 0)
                return load_bulk(load, store, failure);
        if (what < 60)
                return load_set(load, store, failure);
        if (what < 95)
                return load_commit(load, store, failure);
        return load_checkpoint(load, store, failure);
}
