/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store against a plain array: random operations, from a seed that a failure prints and ICREISSUE_SEED repeats.
 * Segments are small, so that checkpoints never end; crashes are copies of the directory, taken at any moment. */
#include "file-fixture.h"
#include "store-content.h"

enum {
        OPERATIONS = 1200, /* of one seed */
        SEGMENT_SIZE = 24 * 1024,
        SETS_MAX = 12, /* uncommitted at once */
        SET_SIZE = 5,
        SNAPSHOTS = 3,
        SECONDS_DAILY = 5,
        SECONDS_NIGHTLY = 240,
};

typedef struct Picture {
        StoreSnapshot *snapshot;
        Content content;
} Picture;

typedef struct Model {
        Random random;
        char directory[CONTENT_KEY_SIZE];
        Store *store;
        Content now;                 /* with what is not committed */
        Content committed[SETS_MAX]; /* [0]: what was committed; [i]: and the next i sets applied */
        size_t applied;              /* sets since the last commit */
        uint32_t version;            /* the last that was given to a value */
        Picture pictures[SNAPSHOTS];
        StoreBulk *bulk;
        Content bulk_content;
        uint64_t bulk_changes; /* bytes that were changed since it began */
} Model;

static void expect(Model *model, int r, const Failure *failure, const char *what) {
        ck_assert_msg(r >= 0, "%s: %s: %s", what, model->directory, failure_message(failure));
}

/* --- comparisons --- */

static void check_value(unsigned number, uint32_t version, int r, const Bytes *value,
                        const Failure *failure) {
        if (version == 0)
                ck_assert_msg(r == -ENOENT, "key %u is there: %d %s", number, r, failure_message(failure));
        else if (r < 0)
                ck_abort_msg("key %u is not there: %d %s", number, r, failure_message(failure));
        else
                ck_assert_msg(content_is_value(number, version, value), "key %u has another value", number);
}

static void check_fetch(Store *store, const Content *content, unsigned number) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char key[CONTENT_KEY_SIZE];
        int r;

        r = store_fetch(store, content_key(number, key), &value, &failure);
        check_value(number, content->versions[number], r, &value, &failure);
}

typedef struct Visit {
        const Content *content;
        bool seen[CONTENT_KEYS];
        uint64_t count;
} Visit;

static int visit(const char *key, void *userdata, _unused_ Failure *failure) {
        Visit *visited = userdata;
        unsigned number = content_number(key);

        ck_assert_msg(number < CONTENT_KEYS, "a key that was never put: %s", key);
        ck_assert_msg(visited->content->versions[number] > 0, "key %u is removed, and visited", number);
        ck_assert_msg(!visited->seen[number], "key %u is visited twice", number);
        visited->seen[number] = true;
        visited->count++;
        return 0;
}

static void check_all(Store *store, const Content *content) {
        _cleanup_failure_ Failure failure = {};
        Visit visited = { .content = content };

        for (unsigned i = 0; i < CONTENT_KEYS; i++)
                check_fetch(store, content, i);

        ck_assert_int_eq(store_each(store, visit, &visited, &failure), 0);
        ck_assert_uint_eq(visited.count, content_count(content));
        ck_assert_uint_eq(store_count(store), visited.count);
}

static void check_snapshot(StoreSnapshot *snapshot, const Content *content) {
        _cleanup_failure_ Failure failure = {};
        Visit visited = { .content = content };
        _cleanup_bytes_ Bytes value = {};
        char key[CONTENT_KEY_SIZE];
        int r;

        for (unsigned i = 0; i < CONTENT_KEYS; i++) {
                r = store_snapshot_fetch(snapshot, content_key(i, key), &value, &failure);
                check_value(i, content->versions[i], r, &value, &failure);
        }

        ck_assert_int_eq(store_snapshot_each(snapshot, visit, &visited, &failure), 0);
        ck_assert_uint_eq(visited.count, content_count(content));
        ck_assert_uint_eq(store_snapshot_count(snapshot), visited.count);
        r = store_snapshot_verify(snapshot, NULL, NULL, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
}

static bool is_content(Store *store, const Content *content) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char key[CONTENT_KEY_SIZE];
        int r;

        for (unsigned i = 0; i < CONTENT_KEYS; i++) {
                r = store_fetch(store, content_key(i, key), &value, &failure);
                ck_assert_msg(r == 0 || r == -ENOENT, "%s", failure_message(&failure));
                if ((r == 0) != (content->versions[i] > 0) ||
                    (r == 0 && !content_is_value(i, content->versions[i], &value)))
                        return false;
        }

        return true;
}

static void check_everything(Model *model) {
        check_all(model->store, &model->now);
}

/* --- operations: changes --- */

static void commit(Model *model) {
        _cleanup_failure_ Failure failure = {};
        int r;

        r = store_commit(model->store, &failure);
        expect(model, r, &failure, "commit");
        ck_assert(!store_is_uncommitted(model->store));
        model->committed[0] = model->now;
        model->applied = 0;
}

/* A checkpoint may have fallen so far behind that changes are refused until it is made. */
static void apply_set(Model *model, const StoreChange *changes, size_t count) {
        _cleanup_failure_ Failure failure = {}, again = {};
        int r;

        r = store_apply(model->store, changes, count, &failure);
        if (r >= 0)
                return;

        ck_assert_msg(failure.kind == FAILURE_STORE_FAILED, "apply: %s", failure_message(&failure));
        commit(model);
        expect(model, store_checkpoint(model->store, &again), &again, "checkpoint after a refusal");
        expect(model, store_apply(model->store, changes, count, &again), &again, "apply after a refusal");
}

static void apply(Model *model) {
        size_t count = 1 + (size_t) random_below(&model->random, SET_SIZE);
        unsigned first = (unsigned) random_below(&model->random, CONTENT_KEYS);
        char keys[SET_SIZE][CONTENT_KEY_SIZE];
        StoreChange changes[SET_SIZE] = {};
        Content next = model->now;
        Bytes values[SET_SIZE] = {};
        Span spans[SET_SIZE];

        for (size_t i = 0; i < count; i++) {
                unsigned number = (first + (unsigned) i * 7) % CONTENT_KEYS;
                bool removed = random_below(&model->random, 4) == 0;

                next.versions[number] = removed ? 0 : ++model->version;
                changes[i].key = content_key(number, keys[i]);
                if (removed)
                        continue;

                content_value(number, model->version, &values[i]);
                spans[i] = bytes_span(&values[i]);
                changes[i].value = &spans[i];
                model->bulk_changes += values[i].size;
        }

        apply_set(model, changes, count);
        for (size_t i = 0; i < count; i++)
                bytes_done(&values[i]);

        ck_assert(store_is_uncommitted(model->store));
        model->now = next;
        model->committed[++model->applied] = next;
        if (model->applied == SETS_MAX - 1)
                commit(model);
}

/* What must be refused is refused whole, and changes nothing. */
static void apply_refused(Model *model) {
        static const Span small = { .data = (const uint8_t *) "x", .size = 1 };
        static const char *const keys[] = { "@own", "" };
        char key[CONTENT_KEY_SIZE];
        const StoreChange changes[] = {
                { content_key((unsigned) random_below(&model->random, CONTENT_KEYS), key), &small },
                { keys[random_below(&model->random, ELEMENTS(keys))], &small },
        };
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_lt(store_apply(model->store, changes, 2, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        check_fetch(model->store, &model->now, content_number(key));
}

/* What is not committed is dropped. */
static void checkpoint(Model *model) {
        _cleanup_failure_ Failure failure = {};

        expect(model, store_checkpoint(model->store, &failure), &failure, "checkpoint");
        model->now = model->committed[0];
        model->applied = 0;
        check_everything(model);
}

static void fetch_some(Model *model) {
        for (unsigned i = 0; i < 10; i++)
                check_fetch(model->store, &model->now, (unsigned) random_below(&model->random, CONTENT_KEYS));
}

/* --- operations: snapshots --- */

static void picture_check_or_free(Model *model, Picture *picture) {
        check_snapshot(picture->snapshot, &picture->content);
        if (random_below(&model->random, 3) == 0)
                picture->snapshot = store_snapshot_free(picture->snapshot);
}

static void picture_work(Model *model) {
        Picture *picture = &model->pictures[random_below(&model->random, SNAPSHOTS)];
        _cleanup_failure_ Failure failure = {};

        if (picture->snapshot) {
                picture_check_or_free(model, picture);
                return;
        }

        expect(model, store_snapshot(model->store, &picture->snapshot, &failure), &failure, "snapshot");
        picture->content = model->committed[0];
}

static void pictures_free(Model *model) {
        for (size_t i = 0; i < SNAPSHOTS; i++) {
                if (!model->pictures[i].snapshot)
                        continue;

                check_snapshot(model->pictures[i].snapshot, &model->pictures[i].content);
                model->pictures[i].snapshot = store_snapshot_free(model->pictures[i].snapshot);
        }
}

static void check_directory(const char *directory, const Content *content) {
        _cleanup_(store_closep) Store *store = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = store_open(directory, "model", SEGMENT_SIZE, &store, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        check_all(store, content);
}

static void backup(Model *model) {
        _cleanup_(store_snapshot_freep) StoreSnapshot *snapshot = NULL;
        _cleanup_failure_ Failure failure = {}, refusal = {};
        Content content = model->committed[0];
        char directory[CONTENT_KEY_SIZE];
        int descriptor;

        expect(model, store_snapshot(model->store, &snapshot, &failure), &failure, "snapshot");
        apply(model);
        directory_make(directory);
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        expect(model, store_snapshot_backup(snapshot, descriptor, NULL, NULL, &failure), &failure, "backup");
        check_directory(directory, &content);
        ck_assert_int_lt(store_snapshot_backup(snapshot, descriptor, NULL, NULL, &refusal), 0);
        ck_assert_int_eq(refusal.kind, FAILURE_INVALID_ARGS);
        close(descriptor);
        directory_remove(directory);
}

/* --- operations: bulk --- */

static void bulk_put(Model *model, unsigned number, uint32_t version) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char key[CONTENT_KEY_SIZE];
        int r;

        content_value(number, version, &value);
        r = store_bulk_put(model->bulk, content_key(number, key), bytes_span(&value), &failure);
        expect(model, r, &failure, "bulk put");
        model->bulk_content.versions[number] = version;
}

static void bulk_begin(Model *model) {
        _cleanup_failure_ Failure failure = {};
        Content empty = {};

        model->bulk_content = empty;
        model->bulk_changes = 0;
        commit(model); /* "since it began" has only one meaning then */
        expect(model, store_bulk_begin(model->store, &model->bulk, &failure), &failure, "bulk");
        for (unsigned i = 0; i < CONTENT_KEYS; i++)
                if (random_below(&model->random, 3) > 0)
                        bulk_put(model, i, ++model->version);
}

static void bulk_check(Model *model) {
        for (unsigned i = 0; i < CONTENT_KEYS; i++) {
                _cleanup_failure_ Failure failure = {};
                _cleanup_bytes_ Bytes value = {};
                char key[CONTENT_KEY_SIZE];
                int r;

                r = store_bulk_fetch(model->bulk, content_key(i, key), &value, &failure);
                check_value(i, model->bulk_content.versions[i], r, &value, &failure);
        }
}

/* What was changed meanwhile is brought over, as an import does it. */
static int bulk_bring_over(const char *key, void *userdata, Failure *failure) {
        Model *model = userdata;
        unsigned number = content_number(key);
        uint32_t version;
        int r;

        ck_assert_msg(number < CONTENT_KEYS, "a key that was never put: %s", key);
        version = model->committed[0].versions[number];
        if (model->bulk_content.versions[number] > 0) {
                r = store_bulk_remove(model->bulk, key, failure);
                expect(model, r, failure, "bulk remove");
        }

        model->bulk_content.versions[number] = 0;
        if (version > 0)
                bulk_put(model, number, version);
        return 0;
}

static void bulk_end(Model *model) {
        _cleanup_failure_ Failure failure = {};
        int r;

        commit(model);
        expect(model, store_bulk_sync(model->bulk, &failure), &failure, "bulk sync");
        r = store_bulk_changed(model->bulk, bulk_bring_over, model, &failure);
        if (r < 0) {
                ck_assert_msg(model->bulk_changes > SEGMENT_SIZE / 2, "%s", failure_message(&failure));
                store_bulk_abandon(TAKE_PTR(model->bulk));
                return;
        }

        bulk_check(model);
        expect(model, store_bulk_finish(TAKE_PTR(model->bulk), &failure), &failure, "bulk finish");
        model->now = model->committed[0] = model->bulk_content;
        check_all(model->store, &model->now);
}

static void bulk_work(Model *model) {
        if (!model->bulk)
                bulk_begin(model);
        else if (random_below(&model->random, 6) == 0)
                store_bulk_abandon(TAKE_PTR(model->bulk));
        else
                bulk_end(model);
}

/* --- operations: ends --- */

static void open_again(Model *model) {
        _cleanup_failure_ Failure failure = {};
        int r;

        r = store_open(model->directory, "model", SEGMENT_SIZE, &model->store, &failure);
        expect(model, r, &failure, "open");
}

/* Changes that were not committed are dropped; snapshots outlive it. */
static void reopen(Model *model) {
        if (model->bulk)
                store_bulk_abandon(TAKE_PTR(model->bulk));
        model->store = store_close(model->store);
        pictures_free(model);
        open_again(model);
        model->now = model->committed[0];
        model->applied = 0;
        check_all(model->store, &model->now);
}

/* What was applied and not committed is there whole or not at all, and in order. */
static void adopt(Model *model) {
        size_t i = model->applied;

        while (i > 0 && !is_content(model->store, &model->committed[i]))
                i--;

        model->now = model->committed[0] = model->committed[i];
        model->applied = 0;
        check_all(model->store, &model->now);
}

/* The run goes on in a copy of the directory, as a crash would leave it at this moment. */
static void crash(Model *model) {
        _cleanup_files_ Files files = {};

        if (!files_capture(model->directory, &files))
                return;

        if (model->bulk)
                store_bulk_abandon(TAKE_PTR(model->bulk));
        pictures_free(model);
        model->store = store_close(model->store);
        directory_remove(model->directory);
        directory_make(model->directory);
        files_write(&files, model->directory);
        open_again(model);
        adopt(model);
}

/* --- the run --- */

static const struct {
        unsigned weight;
        void (*run)(Model *model);
} operations[] = {
        { 500, apply },        { 200, commit },   { 150, fetch_some }, { 60, picture_work },
        { 20, checkpoint },    { 20, bulk_work }, { 15, crash },       { 10, check_everything },
        { 10, apply_refused }, { 8, reopen },     { 4, backup },
};

static void operate(Model *model) {
        unsigned total = 0, chosen;

        for (size_t i = 0; i < ELEMENTS(operations); i++)
                total += operations[i].weight;

        chosen = (unsigned) random_below(&model->random, total);
        for (size_t i = 0; i < ELEMENTS(operations); i++) {
                if (chosen < operations[i].weight) {
                        operations[i].run(model);
                        return;
                }
                chosen -= operations[i].weight;
        }
}

static void run_seed(uint64_t seed) {
        Model *model = new0(Model, 1);

        ck_assert_ptr_nonnull(model);
        model->random.state = seed;
        directory_make(model->directory);
        open_again(model);
        for (unsigned i = 0; i < OPERATIONS; i++)
                operate(model);

        reopen(model);
        model->store = store_close(model->store);
        directory_remove(model->directory);
        free(model);
}

/* The seed of each run is told before it, so that it stands above whatever failed. */
START_TEST(random_operations_do_what_they_do_to_an_array)
{
        double end = seconds_now() + (is_nightly() ? SECONDS_NIGHTLY : SECONDS_DAILY);
        uint64_t seed = random_seed();

        do {
                printf("ICREISSUE_SEED=%llu\n", (unsigned long long) seed);
                fflush(stdout);
                run_seed(seed++);
        } while (!getenv("ICREISSUE_SEED") && seconds_now() < end);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("store model");
        TCase *cases = tcase_create("model");

        tcase_set_timeout(cases, 2 * SECONDS_NIGHTLY);
        tcase_add_test(cases, random_operations_do_what_they_do_to_an_array);
        suite_add_tcase(suite, cases);
        return run_suite(suite);
}
