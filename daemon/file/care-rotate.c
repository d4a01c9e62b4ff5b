/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rotation of the key: goes over all records in the order of the index, then over all jobs, a few in each task of the
 * store thread, and seals anew what is not under the current version. A crash loses nothing: what was sealed anew is
 * found so, and passed over. */
#include <inttypes.h>
#include <stdio.h>

#include "file/care-internal.h"
#include "file/key-check.h"

enum {
        STEP_KEYS = 50, /* of one task: other tasks wait for their answers meanwhile */
};

/* --- records --- */

/* What one task goes over. */
typedef struct Step {
        char *keys[STEP_KEYS];
        size_t count;
        Bytes after; /* the last one's entry in the index */
} Step;

static void step_done(Step *step) {
        for (size_t i = 0; i < step->count; i++)
                string_erase(step->keys[i]);
        bytes_done(&step->after);
}

static int fetch_page(void *userdata, const char *key, Bytes *ret, Failure *failure) {
        return store_fetch(userdata, key, ret, failure);
}

static int on_entry(Span entry, void *userdata, Failure *failure) {
        Step *step = userdata;
        int r;

        r = issuance_entry_key(entry, &step->keys[step->count]);
        if (r == -EBADMSG)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The index of the issuance file holds an entry that is none; see "
                                   "icreissuectl store check.");
        if (r < 0)
                return failure_no_memory(failure);

        step->count++;
        if (bytes_assign(&step->after, entry) < 0)
                return failure_no_memory(failure);

        return step->count < STEP_KEYS ? 0 : 1;
}

static int run_records(Care *care, Failure *failure) {
        static const uint8_t records[] = { 'r', '\0' };
        const IndexPages pages = { .fetch = fetch_page, .userdata = care->issuance->store };
        _cleanup_(step_done) Step step = {};
        int r;

        r = index_scan(&pages, SPAN_OF_ARRAY(records), bytes_span(&care->rotation.after), on_entry, &step,
                       failure);
        for (size_t i = 0; r >= 0 && i < step.count; i++) {
                r = issuance_reseal(care->issuance, step.keys[i], failure);
                care->count += r > 0;
        }
        if (r < 0)
                return r;

        care->rotation.records += step.count;
        bytes_move(&care->rotation.after, &step.after);
        return step.count == STEP_KEYS;
}

/* --- jobs --- */

/* Those that there are when the records are done; a later one comes under the current key. */
static int on_job(const char *key, void *userdata, Failure *failure) {
        Rotation *rotation = userdata;

        if (key[0] == '.')
                return 0;

        return bytes_append(&rotation->jobs, SPAN(key, strlen(key) + 1)) < 0 ? failure_no_memory(failure) : 0;
}

static int run_jobs(Care *care, Failure *failure) {
        Rotation *rotation = &care->rotation;
        int r = 0;

        if (!rotation->jobs_listed)
                r = store_each(care->reissuing->store, on_job, rotation, failure);

        rotation->jobs_listed = true;
        for (unsigned i = 0; r >= 0 && i < STEP_KEYS && rotation->job_offset < rotation->jobs.size; i++) {
                const char *key = (const char *) rotation->jobs.data + rotation->job_offset;

                rotation->job_offset += strlen(key) + 1;
                r = reissuing_reseal(care->reissuing, key, failure);
                care->count += r > 0;
        }

        return r < 0 ? r : rotation->job_offset < rotation->jobs.size;
}

/* --- the end: the older versions are in use no more --- */

static int run_retire_records(Care *care, Failure *failure) {
        return key_check_retire(care->issuance->store, care->issuance->on_store.keys, failure);
}

static int run_retire_jobs(Care *care, Failure *failure) {
        return key_check_retire(care->reissuing->store, care->issuance->on_store.keys, failure);
}

static bool has_older(const SealKeys *keys) {
        for (uint32_t version = seal_keys_current(keys) - 1; version > 0; version--)
                if (seal_keys_has(keys, version))
                        return true;

        return false;
}

static int advise(Care *care) {
        const SealKeys *keys = care->issuance->context.keys;
        uint32_t version = seal_keys_current(keys);

        if (has_older(keys))
                return asprintf(&care->advice,
                                "Nothing is sealed under a version before %" PRIu32 " any more: those may be "
                                "removed from the key, unless a backup needs them.",
                                version);

        if (care->count > 0)
                return 0;

        return asprintf(&care->advice,
                        "The key has one version only, %" PRIu32 ", and everything is sealed under it. To "
                        "change it, add a version (icreissue-make-key --add), make the service read it, and "
                        "rotate again: see icreissued(8).",
                        version);
}

/* --- step after step --- */

/* Each returns 1 while it has not come to its end. */
static const struct {
        int (*run)(Care *care, Failure *failure);
        bool jobs; /* works on the reissuing file */
} phases[] = {
        { run_records, false },
        { run_jobs, true },
        { run_retire_records, false },
        { run_retire_jobs, true },
};

static void rotation_restart(Rotation *rotation, uint32_t version) {
        bytes_done(&rotation->after);
        bytes_done(&rotation->jobs);
        *rotation = (Rotation){ .version = version };
}

void care_rotation_done(Rotation *rotation) {
        rotation_restart(rotation, 0);
}

/* A Reload that has brought a new version begins the rotation anew: what was sealed meanwhile is under that one or under
 * the one before, and is found so. */
static bool follows_reload(Care *care) {
        uint32_t version = seal_keys_current(care->issuance->on_store.keys);

        if (version == care->rotation.version)
                return false;

        rotation_restart(&care->rotation, version);
        care->rotation.more = true;
        return true;
}

static void run_step(void *userdata) {
        Care *care = userdata;
        int r;

        if (follows_reload(care))
                return;

        r = phases[care->rotation.phase].run(care, &care->failure);
        if (r < 0 && !failure_is_set(&care->failure))
                failure_no_memory(&care->failure);

        care->rotation.more = r > 0;
}

static void finish(Care *care) {
        if (advise(care) < 0) {
                care->advice = NULL;
                failure_no_memory(&care->failure);
        }

        care_end(care);
}

static void on_step(void *userdata) {
        Care *care = userdata;
        Rotation *rotation = &care->rotation;

        if (!care_task_done(care))
                return;

        if (!rotation->more)
                rotation->phase++;
        if (rotation->phase == ELEMENTS(phases)) {
                finish(care);
                return;
        }

        care->progress = (double) MIN_OF(rotation->records, care->issuance->count) /
                         (double) (care->issuance->count + 1);
        care_say(care);
        if (care_rotate_step(care) < 0) {
                failure_no_memory(&care->failure);
                care_end(care);
        }
}

int care_rotate_step(Care *care) {
        StoreTask task = { .run = run_step, .done = on_step, .failure = &care->failure, .userdata = care };
        int r;

        task.store = phases[care->rotation.phase].jobs ? care->reissuing->store : care->issuance->store;
        r = store_thread_submit(care->issuance->thread, &task);
        if (r < 0)
                return r;

        care->submitted = true;
        return 0;
}
