/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check: what the stores can tell by themselves, then each record and each job with its seals, then the index held
 * against the records. For that, digests of entries are added up, once as the records say and once as the index has
 * them: one pass over each, in whatever order they come, and no memory. */
#include <inttypes.h>
#include <xxhash.h>

#include "file/care-internal.h"

/* A set of entries, as far as it must be told from another one. */
typedef struct EntrySum {
        uint64_t count, low, high;
} EntrySum;

typedef struct Check {
        Care *care;
        CarePart part; /* of the progress */
        uint64_t keys; /* seen so far */
        EntrySum expected, indexed;
        Bytes digests; /* of one record's entries: a list may have a value twice */
} Check;

static void sum_add(EntrySum *sum, const XXH128_hash_t *digest) {
        sum->count++;
        sum->low += digest->low64;
        sum->high += digest->high64;
}

static bool sum_equal(const EntrySum *a, const EntrySum *b) {
        return a->count == b->count && a->low == b->low && a->high == b->high;
}

/* Whether the entry counts, and its digest. */
static bool entry_digest(const Check *check, Span entry, XXH128_hash_t *ret) {
        if (entry.size == 0 || (entry.data[0] == 'f' && !check->care->index_complete))
                return false;

        *ret = XXH3_128bits(entry.data, entry.size);
        return true;
}

/* --- records --- */

static bool digest_is_there(const Bytes *digests, const XXH128_hash_t *digest) {
        for (size_t i = 0; i + sizeof(*digest) <= digests->size; i += sizeof(*digest))
                if (memcmp(digests->data + i, digest, sizeof(*digest)) == 0)
                        return true;

        return false;
}

static int on_expected(Span entry, void *userdata, Failure *failure) {
        Check *check = userdata;
        XXH128_hash_t digest;

        if (!entry_digest(check, entry, &digest) || digest_is_there(&check->digests, &digest))
                return 0;

        sum_add(&check->expected, &digest);
        return bytes_append(&check->digests, SPAN(&digest, sizeof(digest))) < 0 ? failure_no_memory(failure)
                                                                                : 0;
}

static int check_record(Check *check, const char *key, Failure *failure) {
        const IssuanceContext *context = &check->care->context;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = store_snapshot_fetch(check->care->records, key, &text, failure);
        if (r < 0)
                return r;

        r = issuance_parse_stored(context, key, bytes_span(&text), &record, failure);
        if (r < 0)
                return r;

        bytes_clear(&check->digests);
        r = issuance_index_entries(context, record, on_expected, check, failure);
        if (r < 0)
                return r;

        check->care->count++;
        return 0;
}

static double key_share(Check *check, const StoreSnapshot *snapshot) {
        return (double) check->keys++ / (double) (store_snapshot_count(snapshot) + 1);
}

static int on_record_key(const char *key, void *userdata, Failure *failure) {
        Check *check = userdata;
        int r;

        if (record_key_id(key)) {
                r = check_record(check, key, failure);
                if (r < 0)
                        return r;
        }

        return care_part_progress(key_share(check, check->care->records), &check->part, failure);
}

/* --- the index --- */

static int fetch_page(void *userdata, const char *key, Bytes *ret, Failure *failure) {
        return store_snapshot_fetch(userdata, key, ret, failure);
}

static int on_indexed(Span entry, void *userdata, Failure *failure) {
        Check *check = userdata;
        XXH128_hash_t digest;

        if (!entry_digest(check, entry, &digest))
                return 0;

        sum_add(&check->indexed, &digest);
        return check->indexed.count % 1024 == 0 ? care_check_cancelled(check->care, failure) : 0;
}

static int check_index(Check *check, Failure *failure) {
        const IndexPages pages = { .fetch = fetch_page, .userdata = check->care->records };
        int r;

        r = index_scan(&pages, (Span){}, (Span){}, on_indexed, check, failure);
        if (r < 0)
                return r;

        if (sum_equal(&check->expected, &check->indexed))
                return 0;

        return failure_set(
                failure, FAILURE_STORE_FAILED,
                "The index of the issuance file does not fit its records: it has %" PRIu64
                " entries, and %" PRIu64 " are due. The records are whole: export them (record export "
                "--sealed) and import that (record import --mode replace), which makes the index anew.",
                check->indexed.count, check->expected.count);
}

/* --- jobs --- */

static int on_job_key(const char *key, void *userdata, Failure *failure) {
        Check *check = userdata;
        _cleanup_bytes_ Bytes text = {};
        json_t *object = NULL;
        int r;

        r = store_snapshot_fetch(check->care->jobs, key, &text, failure);
        if (r < 0)
                return r;

        if (key[0] != '.') {
                r = reissuing_parse_stored(check->care->context.keys, key, bytes_span(&text), &object,
                                           failure);
                json_decref(object);
                if (r < 0)
                        return r;
        }

        return care_part_progress(key_share(check, check->care->jobs), &check->part, failure);
}

static int check_jobs(Check *check, Failure *failure) {
        Care *care = check->care;
        CarePart part = { .care = care, .from = 0.9, .to = 0.95 };
        int r;

        r = store_snapshot_verify(care->jobs, care_part_progress, &part, failure);
        if (r < 0)
                return r;

        check->keys = 0;
        check->part = (CarePart){ .care = care, .from = 0.95, .to = 1 };
        return store_snapshot_each(care->jobs, on_job_key, check, failure);
}

static int check_records(Check *check, Failure *failure) {
        Care *care = check->care;
        CarePart part = { .care = care, .to = 0.4 };
        int r;

        r = store_snapshot_verify(care->records, care_part_progress, &part, failure);
        if (r < 0)
                return r;

        check->part = (CarePart){ .care = care, .from = 0.4, .to = 0.8 };
        r = store_snapshot_each(care->records, on_record_key, check, failure);
        if (r < 0)
                return r;

        if (care->count != care->record_count)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The issuance file says that it has %" PRIu64 " records, and has %" PRIu64
                                   ". Restore it from a backup, see icreissued(8).",
                                   care->record_count, care->count);

        return check_index(check, failure);
}

int care_do_check(Care *care, Failure *failure) {
        Check check = { .care = care };
        int r;

        r = check_records(&check, failure);
        bytes_done(&check.digests);
        return r < 0 ? r : check_jobs(&check, failure);
}
