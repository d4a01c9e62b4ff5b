/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rotation of the key: goes over all records in the order of the index, then over all jobs, a few in each task of the
 * store thread, and seals anew what is not under the current version. A crash loses nothing: what was sealed anew is
 * found so, and passed over. */
#include <inttypes.h>
#include <stdio.h>

#include "file/care-internal.h"
#include "file/key-check.h"

enum {
        STEP_SEALS = 50,  /* what a task seals anew at most: other tasks wait for their answers meanwhile */
        STEP_LOOKS = 200, /* what it looks at */
};

/* The keys of one step, and how far they lead. */
typedef struct Step {
        char *keys[STEP_LOOKS];
        size_t count;
        Bytes after; /* the last one's entry */
} Step;

static void step_done(Step *step) {
        for (size_t i = 0; i < step->count; i++)
                string_erase(step->keys[i]);
        bytes_done(&step->after);
        *step = (Step){};
}

/* --- records --- */

static int fetch_page(void *userdata, const char *key, Bytes *ret, Failure *failure) {
        return store_fetch(userdata, key, ret, failure);
}

static int on_entry(Span entry, void *userdata, Failure *failure) {
        Step *step = userdata;
        int r;

        r = issuance_entry_key(entry, &step->keys[step->count]);
        if (r >= 0) {
                step->count++;
                r = bytes_assign(&step->after, entry);
        }
        if (r == -EBADMSG)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The index of the issuance file holds an entry that is none; see "
                                   "icreissuectl store check.");
        if (r < 0)
                return failure_no_memory(failure);

        return step->count < STEP_LOOKS ? 0 : 1;
}

/* Seals anew until enough was done, and says up to where. */
static int reseal_records(Care *care, Step *step, Failure *failure) {
        Store *store = care->issuance->store;
        unsigned sealed = 0;

        for (size_t i = 0; i < step->count && sealed < STEP_SEALS; i++) {
                int r = issuance_reseal(&care->context, store, step->keys[i], failure);

                if (r < 0)
                        return r;

                sealed += r > 0;
                care->rotation.looked_at++;
        }

        care->count += sealed;
        return 0;
}

/* A step in which there was more to seal than one task does is begun again from its first entry. */
static int run_records(Care *care, Failure *failure) {
        const IndexPages pages = { .fetch = fetch_page, .userdata = care->issuance->store };
        static const uint8_t records[] = { 'r', 0 };
        _cleanup_(step_done) Step step = {};
        const uint64_t before = care->count;
        int r;

        r = index_scan(&pages, SPAN_OF_ARRAY(records), bytes_span(&care->rotation.after), on_entry, &step,
                       failure);
        if (r < 0)
                return r;

        r = reseal_records(care, &step, failure);
        if (r < 0 || care->count - before >= STEP_SEALS)
                return r;

        care->rotation.records_done = step.count < STEP_LOOKS;
        bytes_move(&care->rotation.after, &step.after);
        return 0;
}

/* --- jobs: few, so that one task looks at them all --- */

static int on_job(const char *key, void *userdata, Failure *failure) {
        Step *step = userdata;

        if (key[0] == '.' || step->count == STEP_LOOKS)
                return 0;
        return 0;
}
