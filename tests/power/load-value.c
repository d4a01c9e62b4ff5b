/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load's keys and values as they stand in a store, and whether a store holds those of a version. */
#include "power/load-value.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const char set_name[] = "the number of the last change set";

void load_key_name(size_t key, char ret[static LOAD_NAME_SIZE]) {
        if (key < LOAD_COUNTERS)
                snprintf(ret, LOAD_NAME_SIZE, "counter/%zu", key);
        else
                snprintf(ret, LOAD_NAME_SIZE, "staff-v2/%08zu", key);
}

size_t load_key_number(const char *name) {
        char known[LOAD_NAME_SIZE];

        if (streq(name, set_name))
                return LOAD_KEYS;

        for (size_t key = 0; key < LOAD_KEYS; key++) {
                load_key_name(key, known);
                if (streq(name, known))
                        return key;
        }

        assert(false);
}

/* Most are as long as a small record; some are empty, some longer than a block. */
static size_t value_size(uint64_t random) {
        switch (random % 16) {
        case 0:
                return 0;
        case 1:
                return 300 + (random >> 8) % (LOAD_VALUE_MAX - 300);
        default:
                return (random >> 8) % 200;
        }
}

void load_text(size_t key, uint32_t value, LoadText *ret) {
        uint64_t random = ((uint64_t) value << 8) + key;
        size_t size;

        load_key_name(key, ret->name);
        ret->removed = value == 0;
        if (key < LOAD_COUNTERS) {
                ret->value = SPAN(ret->data, (size_t) snprintf((char *) ret->data, 32, "%u", value));
                return;
        }

        size = value_size(power_random(&random));
        for (size_t i = 0; i < size; i++)
                ret->data[i] = (uint8_t) power_random(&random);
        ret->value = SPAN(ret->data, size);
}

void load_text_of_set(uint64_t set, LoadText *ret) {
        snprintf(ret->name, sizeof(ret->name), "%s", set_name);
        ret->removed = false;
        ret->value =
                SPAN(ret->data, (size_t) snprintf((char *) ret->data, 32, "%llu", (unsigned long long) set));
}

StoreChange load_change(const LoadText *text) {
        return (StoreChange){ .key = text->name, .value = text->removed ? NULL : &text->value };
}

bool load_value_is(size_t key, uint32_t value, Span span) {
        LoadText text;

        load_text(key, value, &text);
        return span_equal(text.value, span);
}

/* --- checking --- */

/* A store or a snapshot. */
typedef struct Source {
        Store *store;
        StoreSnapshot *snapshot;
} Source;

static int source_fetch(const Source *source, const char *key, Bytes *ret, Failure *failure) {
        return source->store ? store_fetch(source->store, key, ret, failure)
                             : store_snapshot_fetch(source->snapshot, key, ret, failure);
}

static uint64_t source_count(const Source *source) {
        return source->store ? store_count(source->store) : store_snapshot_count(source->snapshot);
}

static int source_each(const Source *source, StoreEach each, void *userdata, Failure *failure) {
        return source->store ? store_each(source->store, each, userdata, failure)
                             : store_snapshot_each(source->snapshot, each, userdata, failure);
}

_printf_(2, 3) static bool wrong(Load *load, const char *format, ...) {
        va_list list;

        va_start(list, format);
        vsnprintf(load->wrong, sizeof(load->wrong), format, list);
        va_end(list);
        return false;
}

static bool find_version(Load *load, const Source *source, size_t from, size_t to, size_t *ret) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        uint64_t set = 0;
        int r;

        r = source_fetch(source, set_name, &value, &failure);
        if (r < 0 && r != -ENOENT)
                return wrong(load, "the number of the set is not read: %s", failure_message(&failure));

        if (r == 0) {
                _cleanup_free_ char *text = span_to_string(bytes_span(&value));

                set = strtoull(text, NULL, 10);
        }
        for (*ret = from; *ret <= to && *ret < load->count; ++*ret)
                if (load->versions[*ret].set == set && !load->versions[*ret].never)
                        return true;

        return wrong(load,
                     "it holds change set %llu, and should hold one of %llu (acknowledged) to %llu (begun)",
                     (unsigned long long) set, (unsigned long long) load->versions[from].set,
                     (unsigned long long) load->versions[MIN_OF(to, load->count - 1)].set);
}

static bool check_key(Load *load, const Source *source, const LoadVersion *version, size_t key) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char name[LOAD_NAME_SIZE];
        int r;

        load_key_name(key, name);
        r = source_fetch(source, name, &value, &failure);
        if (r == -ENOENT)
                return version->values[key] == 0 ||
                       wrong(load, "set %llu: %s is not there", (unsigned long long) version->set, name);
        if (r < 0)
                return wrong(load, "set %llu: %s is not read: %s", (unsigned long long) version->set, name,
                             failure_message(&failure));
        if (version->values[key] == 0)
                return wrong(load, "set %llu: %s is there", (unsigned long long) version->set, name);

        return load_value_is(key, version->values[key], bytes_span(&value)) ||
               wrong(load, "set %llu: %s has another value%s%.*s", (unsigned long long) version->set, name,
                     key < LOAD_COUNTERS ? ": " : "", key < LOAD_COUNTERS ? (int) value.size : 0,
                     (const char *) value.data);
}

static int count_key(const char *name, void *userdata, Failure *failure _unused_) {
        load_key_number(name);
        ++*(size_t *) userdata;
        return 0;
}

static bool check_count(Load *load, const Source *source, const LoadVersion *version) {
        _cleanup_failure_ Failure failure = {};
        size_t expected = version->set > 0, each = 0;
        int r;

        for (size_t key = 0; key < LOAD_KEYS; key++)
                expected += version->values[key] != 0;
        r = source_each(source, count_key, &each, &failure);
        if (r < 0)
                return wrong(load, "its keys are not read: %s", failure_message(&failure));

        if (each != expected || source_count(source) != expected)
                return wrong(load, "set %llu: there are %zu keys, %llu are counted, and %zu should be there",
                             (unsigned long long) version->set, each,
                             (unsigned long long) source_count(source), expected);
        return true;
}

static bool check_source(Load *load, const Source *source, size_t from, size_t to, size_t *ret) {
        if (!find_version(load, source, from, to, ret))
                return false;

        for (size_t key = 0; key < LOAD_KEYS; key++)
                if (!check_key(load, source, &load->versions[*ret], key))
                        return false;

        return check_count(load, source, &load->versions[*ret]);
}

bool load_check(Load *load, Store *store, size_t from, size_t to, size_t *ret) {
        return check_source(load, &(Source){ .store = store }, from, to, ret);
}

bool load_check_snapshot(Load *load, StoreSnapshot *snapshot, size_t version) {
        _cleanup_failure_ Failure failure = {};
        size_t found;

        if (!check_source(load, &(Source){ .snapshot = snapshot }, version, version, &found))
                return false;

        return store_snapshot_verify(snapshot, NULL, NULL, &failure) >= 0 ||
               wrong(load, "verifying fails: %s", failure_message(&failure));
}
