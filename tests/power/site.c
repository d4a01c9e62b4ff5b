/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory of a store, opened and checked; see site.h. */
#include "power/site.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

Site site_new(uint64_t seed) {
        Site site = { .directory = "/dev/shm/icreissue-power-XXXXXX",
                      .seed = seed,
                      .where = "at the beginning" };

        /* In memory, where that is possible: each state is a new set of files. */
        if (!mkdtemp(site.directory)) {
                snprintf(site.directory, sizeof(site.directory), "/tmp/icreissue-power-XXXXXX");
                ck_assert_ptr_nonnull(mkdtemp(site.directory));
        }
        return site;
}

void site_done(Site *site) {
        power_end();
        disk_clear(site->directory);
        ck_assert_int_eq(rmdir(site->directory), 0);
}

static void print_last_calls(const Site *site) {
        size_t from = site->position > 40 ? site->position - 40 : 0;

        for (size_t i = from; site->record && i < site->position; i++)
                power_event_print(&site->record->events[i]);
}

void site_fail(const Site *site, const char *format, ...) {
        char message[700];
        va_list list;

        va_start(list, format);
        vsnprintf(message, sizeof(message), format, list);
        va_end(list);
        print_last_calls(site);
        ck_abort_msg("seed %llu, %s: %s (%s)", (unsigned long long) site->seed, site->where, message,
                     site->directory);
}

Store *site_open(const Site *site) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;

        if (store_open(site->directory, SITE_STORE, SITE_SEGMENT, &store, &failure) < 0)
                site_fail(site, "the store does not open: %s", failure_message(&failure));
        return store;
}

void site_check_open(const Site *site, Load *load, Store *store, size_t from, size_t to, size_t *ret) {
        _cleanup_(store_snapshot_freep) StoreSnapshot *snapshot = NULL;
        _cleanup_failure_ Failure failure = {};

        if (!load_check(load, store, from, to, ret))
                site_fail(site, "%s", load->wrong);

        if (store_snapshot(store, &snapshot, &failure) < 0)
                site_fail(site, "no snapshot is made: %s", failure_message(&failure));

        if (!load_check_snapshot(load, snapshot, *ret))
                site_fail(site, "in a snapshot: %s", load->wrong);
}

void site_go_on(const Site *site, Load *load, Store *store) {
        _cleanup_failure_ Failure failure = {};

        if (load_set(load, store, &failure) < 0)
                site_fail(site, "it takes no change: %s", failure_message(&failure));
        if (load_commit(load, store, &failure) < 0)
                site_fail(site, "it does not commit: %s", failure_message(&failure));
}

static void check_going_on(const Site *site, const Load *load, Store *store, size_t version) {
        Load next = load_from(load, version, site->seed + version);
        size_t last;

        site_go_on(site, &next, store);
        store_close(store);

        store = site_open(site);
        if (!load_check(&next, store, next.committed, next.committed, &last))
                site_fail(site, "opened once more: %s", next.wrong);
        store_close(store);
        load_done(&next);
}

size_t site_check(const Site *site, Load *load, size_t from, size_t to, bool go_on) {
        size_t version;
        Store *store;

        power_skip_syncs(true);
        store = site_open(site);
        site_check_open(site, load, store, from, to, &version);
        if (go_on)
                check_going_on(site, load, store, version);
        else
                store_close(store);
        power_skip_syncs(false);
        return version;
}
