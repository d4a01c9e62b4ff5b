/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A damaged value in the current GDBM file is looked up where it stands besides: in the idle file and the log since. */
#include "base/log.h"
#include "file/store-private.h"

typedef struct Lookup {
        const char *key;
        Bytes value;
        bool found, removed;
} Lookup;

static void lookup_done(Lookup *lookup) {
        bytes_done(&lookup->value);
}

static int look_at_change(const FrameInfo *frame _unused_, const char *key, const Span *value, void *userdata,
                          Failure *failure) {
        Lookup *lookup = userdata;

        if (!streq(key, lookup->key))
                return 0;

        lookup->found = true;
        lookup->removed = !value;
        return bytes_assign(&lookup->value, value ? *value : (Span){}) < 0 ? failure_no_memory(failure) : 0;
}

static int look_up(Store *store, const char *key, Bytes *ret) {
        _cleanup_free_ char *path = store_place_table_path(store->place, current_idle(&store->current));
        _cleanup_(lookup_done) Lookup lookup = { .key = key };
        _cleanup_(table_closep) Table *idle = NULL;
        int r;

        r = segment_ranges_replay(store->place, &store->ranges, store->current.idle_applied,
                                  store->current.applied, look_at_change, &lookup, NULL);
        if (r < 0)
                return r;

        if (lookup.found) {
                bytes_move(ret, &lookup.value);
                return lookup.removed ? -ENOENT : 0;
        }

        r = path ? table_open(path, TABLE_READ, false, &idle, NULL) : -ENOMEM;
        if (r < 0)
                return r;

        if (table_state(idle)->applied != store->current.idle_applied)
                return -EBADMSG;

        r = table_fetch(idle, key, ret, NULL);
        /* Where the current file has a value for it, if a damaged one, this one should. */
        return r == -ENOENT && table_contains(store->table, key, NULL) > 0 ? -EBADMSG : r;
}

int store_fetch_elsewhere(Store *store, const char *key, Bytes *ret, Failure *cause, Failure *failure) {
        int r = -EBADMSG;

        store->distrusted = true;
        /* While a checkpoint runs the idle file is being written. */
        (void) store_checkpoint_end(store, true, NULL);
        if (store->current.idle_clean && store->distrusted)
                r = look_up(store, key, ret);
        else if (!store->distrusted) {
                /* The checkpoint has just brought a new current file; the damaged one is made anew by the next. */
                store->current.idle_clean = false;
                r = table_fetch(store->table, key, ret, NULL);
        }

        if (r < 0 && r != -ENOENT) {
                log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = cause }, "%s", failure_message(cause));
                if (failure)
                        failure_move(failure, cause);

                return -EIO;
        }

        log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = cause },
                  "%s The value was taken from the other GDBM file and the log.", failure_message(cause));
        /* The other file becomes the current one. */
        if (store->distrusted && store->retry_size == 0)
                (void) store_checkpoint_begin(store, NULL);

        return r;
}
