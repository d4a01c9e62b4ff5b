/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change of keys, step by step on the store thread: both files are asked, then each notes the version that is new, then
 * both adopt it. A crash in between leaves files that any of the keys fit. */
#include "file/key-change.h"

#include "file/issuance-internal.h"
#include "file/key-check.h"
#include "file/reissuing-internal.h"

typedef struct KeyChange {
        IssuanceFile *issuance;
        ReissuingFile *reissuing;
        SealKeys *keys;
        KeyChangeDone done;
        void *userdata;
        unsigned step;
        Failure failure;
} KeyChange;

static void key_change_free(KeyChange *change) {
        reissuing_file_unref(change->reissuing);
        issuance_file_unref(change->issuance);
        seal_keys_unref(change->keys);
        failure_done(&change->failure);
        free(change);
}

static int ask_both(KeyChange *change, Failure *failure) {
        int r;

        r = key_check_hold(change->issuance->store, change->keys, "issuance file", failure);
        return r < 0 ? r : key_check_hold(change->reissuing->store, change->keys, "reissuing file", failure);
}

static int note_in_issuance_file(KeyChange *change, Failure *failure) {
        return key_check_add(change->issuance->store, change->keys, "issuance file", failure);
}

static int note_in_reissuing_file(KeyChange *change, Failure *failure) {
        return key_check_add(change->reissuing->store, change->keys, "reissuing file", failure);
}

static void replace_keys(SealKeys **to, SealKeys *keys) {
        seal_keys_unref(*to);
        *to = seal_keys_ref(keys);
}

static int adopt(KeyChange *change, Failure *failure _unused_) {
        replace_keys(&change->issuance->on_store.keys, change->keys);
        replace_keys(&change->reissuing->keys, change->keys);
        return 0;
}

static const struct {
        int (*run)(KeyChange *change, Failure *failure);
        bool jobs; /* changes the reissuing file */
} steps[] = {
        { ask_both, false },
        { note_in_issuance_file, false },
        { note_in_reissuing_file, true },
        { adopt, false },
};

static int submit(KeyChange *change);

static void run_step(void *userdata) {
        KeyChange *change = userdata;

        if (steps[change->step].run(change, &change->failure) < 0 && !failure_is_set(&change->failure))
                failure_no_memory(&change->failure);
}

static void on_step(void *userdata) {
        KeyChange *change = userdata;

        if (!failure_is_set(&change->failure) && ++change->step < ELEMENTS(steps)) {
                if (submit(change) >= 0)
                        return;

                failure_no_memory(&change->failure);
        }

        if (!failure_is_set(&change->failure))
                replace_keys(&change->issuance->context.keys, change->keys);

        change->done(&change->failure, change->userdata);
        key_change_free(change);
}

static int submit(KeyChange *change) {
        const StoreTask task = {
                .run = run_step,
                .done = on_step,
                .failure = &change->failure,
                .store = steps[change->step].jobs ? change->reissuing->store : change->issuance->store,
                .userdata = change,
        };

        return store_thread_submit(change->issuance->thread, &task);
}

int key_change(IssuanceFile *issuance, ReissuingFile *reissuing, SealKeys *keys, KeyChangeDone done,
               void *userdata) {
        KeyChange *change = new0(KeyChange, 1);
        int r;

        if (!change)
                return -ENOMEM;

        *change = (KeyChange){
                .issuance = issuance_file_ref(issuance),
                .reissuing = reissuing_file_ref(reissuing),
                .keys = seal_keys_ref(keys),
                .done = done,
                .userdata = userdata,
        };
        r = submit(change);
        if (r < 0)
                key_change_free(change);

        return r;
}
