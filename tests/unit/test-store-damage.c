/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Damage that no crash can make, in each of the store's files: a bit flipped, a block zeroed, a file cut, emptied,
 * missing, older, or in another's place. Allowed is only that everything is right (the other files were enough), or
 * a STORE_FAILED that names the file; never wrong data, never a key that is silently missing, never a signal.
 * Each damage is looked at by a child of its own. */
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "file-fixture.h"
#include "store-content.h"
#include "tests/apart.h"

enum {
        SEGMENT_SIZE = 64 * 1024,
        SAMPLES_DAILY = 2, /* of each file, damage and state */
        SAMPLES_NIGHTLY = 200,
        SECONDS_FOR_ONE = 20,
        FILE_MAX = 256 * 1024 * 1024, /* bytes: whoever writes more would fill the disk */
        BLOCK = 4096,
        SECTOR = 512,
        COMMITS = 40,
};

/* A directory's files and what they hold: contents[0], and what each of the last commits made of it. What those
 * left in the log's last segment ends at ends[]. */
typedef struct State {
        const char *name;
        Files files;
        Content contents[COMMITS + 1];
        size_t ends[COMMITS + 1];
        size_t commits;
        char log[256]; /* that segment; "": the commits are in no log */
} State;

typedef enum Kind {
        FLIP,
        ZERO_SECTOR,
        ZERO_BLOCK,
        CUT,
        EMPTY,
        MISSING,
        GROWN,
        _KIND_MAX,
} Kind;

static const char *const kind_names[] = {
        [FLIP] = "flip a bit at",
        [ZERO_SECTOR] = "zero a sector at",
        [ZERO_BLOCK] = "zero a block at",
        [CUT] = "cut at",
        [EMPTY] = "empty",
        [MISSING] = "remove",
        [GROWN] = "append zeros after",
};

typedef struct Damage {
        Kind kind;
        size_t file;
        size_t offset;
        unsigned bit;
        size_t swapped; /* with this file, instead; SIZE_MAX: not */
} Damage;

/* --- states --- */

static void expect(int r, const Failure *failure) {
        ck_assert_msg(r >= 0, "%s", failure_message(failure));
}

static void put(Store *store, Content *content, unsigned number, uint32_t version) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char key[CONTENT_KEY_SIZE];
        StoreChange change;
        Span span;

        content_value(number, version, &value);
        span = bytes_span(&value);
        change = (StoreChange){ content_key(number, key), version > 0 ? &span : NULL };
        expect(store_apply(store, &change, 1, &failure), &failure);
        content->versions[number] = version;
}

static void put_range(Store *store, Content *content, unsigned first, unsigned step, uint32_t version) {
        _cleanup_failure_ Failure failure = {};

        for (unsigned i = first; i < CONTENT_KEYS; i += step) {
                put(store, content, i, i % 11 == 5 ? 0 : version);
                if (i % 10 == 0)
                        expect(store_commit(store, &failure), &failure);
        }

        expect(store_commit(store, &failure), &failure);
}

/* Several checkpoints, so that both GDBM files hold something, and they do not hold the same. */
static Store *make_store(const char *directory, Content *content) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;

        expect(store_open(directory, "damage", SEGMENT_SIZE, &store, &failure), &failure);
        put_range(store, content, 0, 1, 1);
        expect(store_checkpoint(store, &failure), &failure);
        put_range(store, content, 1, 3, 2);
        expect(store_checkpoint(store, &failure), &failure);
        put_range(store, content, 2, 5, 3);
        expect(store_checkpoint(store, &failure), &failure);
        return store;
}

/* The segment in use is the one in which two captures differ. */
static void find_log(State *state, const Files *before, const Files *after) {
        for (size_t i = 0; i < after->count; i++)
                if (strstr(after->file[i].name, ".log") &&
                    !span_equal(bytes_span(&after->file[i].content), bytes_span(&before->file[i].content)))
                        snprintf(state->log, sizeof(state->log), "%s", after->file[i].name);
}

static size_t log_end(const State *state, const char *directory) {
        _cleanup_bytes_ Bytes content = {};
        size_t end;

        ck_assert(file_read(directory, state->log, &content));
        for (end = content.size; end > 0 && content.data[end - 1] == 0;)
                end--;
        return end;
}

/* As a crash leaves it, with changes that stand in the log alone. */
static void state_with_log(State *state) {
        _cleanup_files_ Files before = {}, after = {};
        _cleanup_failure_ Failure failure = {};
        char directory[CONTENT_KEY_SIZE];
        Store *store;

        directory_make(directory);
        store = make_store(directory, &state->contents[0]);
        ck_assert(files_capture(directory, &before));
        for (size_t i = 1; i <= COMMITS; i++) {
                unsigned number = (unsigned) (i * 37 + 3) % CONTENT_KEYS;

                state->contents[i] = state->contents[i - 1];
                put(store, &state->contents[i], number, i % 9 == 4 ? 0 : 10 + (uint32_t) i);
                expect(store_commit(store, &failure), &failure);
                if (i == 1) {
                        ck_assert(files_capture(directory, &after));
                        find_log(state, &before, &after);
                }
                state->ends[i] = log_end(state, directory);
        }

        state->commits = COMMITS;
        ck_assert(files_capture(directory, &state->files));
        store_close(store);
        directory_remove(directory);
}

/* Closed in order. */
static void state_closed(State *state) {
        char directory[CONTENT_KEY_SIZE];

        directory_make(directory);
        store_close(make_store(directory, &state->contents[0]));
        ck_assert(files_capture(directory, &state->files));
        directory_remove(directory);
}

static int bulk_ignore(_unused_ const char *key, _unused_ void *userdata, _unused_ Failure *failure) {
        return 0;
}

static void state_after_bulk(State *state) {
        _cleanup_failure_ Failure failure = {};
        char directory[CONTENT_KEY_SIZE];
        StoreBulk *bulk = NULL;
        Store *store;

        directory_make(directory);
        store = make_store(directory, &state->contents[0]);
        expect(store_bulk_begin(store, &bulk, &failure), &failure);
        for (unsigned i = 0; i < CONTENT_KEYS; i++) {
                _cleanup_bytes_ Bytes value = {};
                char key[CONTENT_KEY_SIZE];

                content_value(i, 5, &value);
                expect(store_bulk_put(bulk, content_key(i, key), bytes_span(&value), &failure), &failure);
                state->contents[0].versions[i] = 5;
        }

        expect(store_bulk_sync(bulk, &failure), &failure);
        expect(store_bulk_changed(bulk, bulk_ignore, NULL, &failure), &failure);
        expect(store_bulk_finish(bulk, &failure), &failure);
        /* The checkpoint that follows a load is waited for: what its thread has half written is no state to begin with. */
        expect(store_checkpoint(store, &failure), &failure);
        ck_assert(files_capture(directory, &state->files));
        store_close(store);
        directory_remove(directory);
}

/* --- what a child finds --- */

enum {
        FOUND_RIGHT,   /* everything is there */
        FOUND_REFUSED, /* and said so */
        FOUND_FAULT,
};

typedef struct Look {
        const State *state;
        const Damage *damage;
        Content content; /* that it must hold */
        unsigned missing, failed, visited, ghosts;
        char fault[400];
} Look;

_printf_(2, 3) static void fault(Look *look, const char *format, ...) {
        va_list arguments;

        if (look->fault[0] != '\0')
                return;

        va_start(arguments, format);
        vsnprintf(look->fault, sizeof(look->fault), format, arguments);
        va_end(arguments);
}

static bool names(const Look *look, const Failure *failure, size_t file) {
        return file != SIZE_MAX && strstr(failure_message(failure), look->state->files.file[file].name);
}

static void check_failure(Look *look, const char *what, const Failure *failure) {
        if (failure->kind != FAILURE_STORE_FAILED)
                fault(look, "%s: not STORE_FAILED: %s", what, failure_message(failure));
        else if (!names(look, failure, look->damage->file) && !names(look, failure, look->damage->swapped))
                fault(look, "%s: the file is not named: %s", what, failure_message(failure));
}

static void look_at_key(Look *look, Store *store, unsigned number) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        char key[CONTENT_KEY_SIZE];
        uint32_t version = look->content.versions[number];
        int r;

        r = store_fetch(store, content_key(number, key), &value, &failure);
        if (r == -ENOENT) {
                look->missing += version > 0;
        } else if (r < 0) {
                look->failed += version > 0;
                check_failure(look, "fetch", &failure);
        } else if (version == 0) {
                fault(look, "key %u was removed, and is there", number);
        } else if (!content_is_value(number, version, &value)) {
                fault(look, "key %u has a wrong value", number);
        }
}

/* A removal may have passed by a key that a damaged bucket hid. */
static int look_visit(const char *key, void *userdata, _unused_ Failure *failure) {
        Look *look = userdata;
        unsigned number = content_number(key);

        if (number == CONTENT_KEYS)
                fault(look, "a key is visited that never was: %.80s", key);
        else if (look->content.versions[number] == 0)
                look->ghosts++;
        else
                look->visited++;
        return 0;
}

static bool verifies(Look *look, Store *store) {
        _cleanup_(store_snapshot_freep) StoreSnapshot *snapshot = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = store_snapshot(store, &snapshot, &failure);
        if (r >= 0)
                r = store_snapshot_verify(snapshot, NULL, NULL, &failure);
        if (r < 0)
                check_failure(look, "verify", &failure);
        return r >= 0;
}

static bool holds(Store *store, const Content *content) {
        for (unsigned i = 0; i < CONTENT_KEYS; i++) {
                _cleanup_failure_ Failure failure = {};
                _cleanup_bytes_ Bytes value = {};
                char key[CONTENT_KEY_SIZE];
                int r;

                r = store_fetch(store, content_key(i, key), &value, &failure);
                if (content->versions[i] > 0 ? r < 0 || !content_is_value(i, content->versions[i], &value)
                                             : r >= 0)
                        return false;
        }

        return true;
}

/* What the last frames of the log hold is lost where the damage reaches from them to the log's end: it looks like
 * what was never written. The frames before it are there. */
static void choose_content(Look *look, Store *store) {
        const State *state = look->state;
        const Damage *damage = look->damage;
        size_t reach = damage->kind == ZERO_BLOCK ? BLOCK : damage->kind == ZERO_SECTOR ? SECTOR : 1;
        size_t i = state->commits;

        look->content = state->contents[i];
        if (i == 0 || damage->swapped != SIZE_MAX || damage->kind > ZERO_BLOCK ||
            !streq(state->files.file[damage->file].name, state->log) ||
            damage->offset + reach <= state->ends[i - 1])
                return;

        while (i > 0 && state->ends[i] > damage->offset && !holds(store, &state->contents[i]))
                i--;
        look->content = state->contents[i];
}

/* Whole, verified before and after: a checkpoint may bring another file in between. */
static bool look_at_content(Look *look, Store *store) {
        _cleanup_failure_ Failure failure = {};
        bool whole;
        int r;

        look->missing = look->failed = look->visited = look->ghosts = 0;
        whole = verifies(look, store);
        for (unsigned i = 0; i < CONTENT_KEYS; i++)
                look_at_key(look, store, i);

        r = store_each(store, look_visit, look, &failure);
        if (r < 0)
                check_failure(look, "each", &failure);

        whole = verifies(look, store) && whole;
        if (whole && (look->missing > 0 || look->failed > 0 || r < 0))
                fault(look, "verified, with %u keys missing, %u failing", look->missing, look->failed);
        if (whole && (look->visited != content_count(&look->content) || look->ghosts > 0))
                fault(look, "verified, and %u of %u keys visited, and %u others", look->visited,
                      (unsigned) content_count(&look->content), look->ghosts);
        return whole;
}

/* Damage is never spread: what is changed goes through two checkpoints, so through both files. */
static bool change_twice(Look *look, Store *store) {
        _cleanup_failure_ Failure failure = {};
        int r = 0;

        for (unsigned i = 1; r >= 0 && i <= 2; i++) {
                char key[CONTENT_KEY_SIZE];

                r = store_apply(store, &(StoreChange){ content_key(i, key), NULL }, 1, &failure);
                if (r >= 0)
                        r = store_commit(store, &failure);
                if (r >= 0)
                        look->content.versions[i] = 0;
                if (r >= 0)
                        r = store_checkpoint(store, &failure);
        }

        if (r < 0)
                check_failure(look, "change", &failure);
        return r >= 0;
}

static Store *open_damaged(Look *look, const char *directory) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;

        if (store_open(directory, "damage", SEGMENT_SIZE, &store, &failure) < 0)
                check_failure(look, "open", &failure);

        return store;
}

/* Returns what was found; with look->fault set where it is neither right nor refused. */
static int look_at_store(Look *look, const char *directory) {
        bool whole = true;

        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(store_closep) Store *store = open_damaged(look, directory);

                if (!store)
                        return FOUND_REFUSED;
                if (i == 0)
                        choose_content(look, store);

                whole = look_at_content(look, store) && whole;
                if (i == 0)
                        whole = change_twice(look, store) && whole;
        }

        return whole ? FOUND_RIGHT : FOUND_REFUSED;
}

/* --- damages --- */

static void damage_content(const Damage *damage, Bytes *content) {
        size_t size = damage->kind == ZERO_BLOCK ? BLOCK : SECTOR;

        switch (damage->kind) {
        case FLIP:
                content->data[damage->offset] ^= (uint8_t) (1U << damage->bit);
                break;
        case ZERO_SECTOR:
        case ZERO_BLOCK:
                memset(content->data + damage->offset, 0, MIN_OF(size, content->size - damage->offset));
                break;
        case CUT:
                content->size = damage->offset;
                break;
        case EMPTY:
                content->size = 0;
                break;
        case GROWN:
                ck_assert_int_eq(bytes_append_fill(content, 0, BLOCK), 0);
                break;
        default:
                break;
        }
}

static void write_damaged(const State *state, const Damage *damage, const char *directory) {
        const char *name = state->files.file[damage->file].name;
        _cleanup_bytes_ Bytes content = {};

        files_write(&state->files, directory);
        ck_assert_int_eq(bytes_assign(&content, bytes_span(&state->files.file[damage->file].content)), 0);
        if (damage->swapped != SIZE_MAX) {
                file_write(directory, name, bytes_span(&state->files.file[damage->swapped].content));
                file_write(directory, state->files.file[damage->swapped].name, bytes_span(&content));
                return;
        }

        if (damage->kind == MISSING) {
                file_remove(directory, name, NULL);
                return;
        }

        damage_content(damage, &content);
        file_write(directory, name, bytes_span(&content));
}

static void describe(const State *state, const Damage *damage, char ret[static 200]) {
        const char *name = state->files.file[damage->file].name;

        if (damage->swapped != SIZE_MAX)
                snprintf(ret, 200, "%s: swap %s with %s", state->name, name,
                         state->files.file[damage->swapped].name);
        else
                snprintf(ret, 200, "%s: %s %zu of %zu (bit %u) of %s", state->name, kind_names[damage->kind],
                         damage->offset, state->files.file[damage->file].content.size, damage->bit, name);
}

typedef struct Tally {
        unsigned right, refused, faults;
} Tally;

/* What the store logs of the damage is what it should. */
static _Noreturn void run_child(const State *state, const Damage *damage, const char *directory) {
        Look look = { .state = state, .damage = damage };
        int found, output = dup(STDERR_FILENO), silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
        char text[200];

        dup2(silence, STDERR_FILENO);
        prctl(PR_SET_DUMPABLE, 0);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ FILE_MAX, FILE_MAX });
        alarm(SECONDS_FOR_ONE);
        found = look_at_store(&look, directory);
        if (look.fault[0] == '\0')
                _exit(found);

        describe(state, damage, text);
        dprintf(output, "%s: %s\n", text, look.fault);
        _exit(FOUND_FAULT);
}

static void try_damage(const State *state, const Damage *damage, Tally *tally) {
        char directory[CONTENT_KEY_SIZE], text[200];
        int status;
        pid_t child;

        directory_make(directory);
        write_damaged(state, damage, directory);
        child = fork_apart();
        if (child == 0)
                run_child(state, damage, directory);

        ck_assert_int_eq(waitpid(child, &status, 0), child);
        directory_remove(directory);
        if (WIFEXITED(status) && WEXITSTATUS(status) == FOUND_RIGHT) {
                tally->right++;
        } else if (WIFEXITED(status) && WEXITSTATUS(status) == FOUND_REFUSED) {
                tally->refused++;
        } else {
                tally->faults++;
                describe(state, damage, text);
                if (WIFSIGNALED(status))
                        fprintf(stderr, "%s: signal %d\n", text, WTERMSIG(status));
        }
}

/* Half of the samples in the first bytes, where the headers are, or where frames are. */
static size_t sample_offset(Random *random, size_t size) {
        size_t limit = random_below(random, 2) == 0 ? MIN_OF(size, 8192) : size;

        if (random_below(random, 4) == 0)
                limit = MIN_OF(limit, 128);
        return (size_t) random_below(random, limit);
}

/* What has done harm once. */
static void damage_header(const State *state, size_t file, Tally *tally) {
        if (strstr(state->files.file[file].name, ".gdbm")) /* GDBM's end of the file, far beyond it */
                try_damage(
                        state,
                        &(Damage){ .kind = FLIP, .file = file, .offset = 38, .bit = 2, .swapped = SIZE_MAX },
                        tally);
}

static void damage_file(const State *state, size_t file, Random *random, Tally *tally) {
        unsigned samples = is_nightly() ? SAMPLES_NIGHTLY : SAMPLES_DAILY;
        size_t size = state->files.file[file].content.size;

        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (unsigned i = 0; i < (kind < EMPTY && size > 0 ? samples : kind < EMPTY ? 0 : 1); i++) {
                        Damage damage = { .kind = kind, .file = file, .swapped = SIZE_MAX };

                        if (kind < EMPTY) {
                                damage.offset = sample_offset(random, size);
                                damage.bit = (unsigned) random_below(random, 8);
                        }
                        if (kind == ZERO_SECTOR || kind == ZERO_BLOCK)
                                damage.offset -= damage.offset % (kind == ZERO_BLOCK ? BLOCK : SECTOR);
                        try_damage(state, &damage, tally);
                }

        damage_header(state, file, tally);
        for (size_t other = 0; other < file; other++)
                try_damage(state, &(Damage){ .file = file, .swapped = other }, tally);
}

/* The states are made in children too: a process that forks has no threads. */
static void damage_state(const char *name, void (*make)(State *state)) {
        Random random = { random_seed() };
        State *state = new0(State, 1);
        Tally tally = {};

        ck_assert_ptr_nonnull(state);
        printf("%s: ICREISSUE_SEED=%llu\n", name, (unsigned long long) random.state);
        fflush(stdout);
        state->name = name;
        make(state);
        for (size_t i = 0; i < state->files.count; i++)
                damage_file(state, i, &random, &tally);

        printf("%s: %u right, %u refused\n", name, tally.right, tally.refused);
        files_done(&state->files);
        free(state);
        ck_assert_uint_eq(tally.faults, 0);
}

START_TEST(damage_of_a_store_with_a_log_is_found)
{ damage_state("with a log", state_with_log); }
END_TEST

START_TEST(damage_of_a_closed_store_is_found)
{ damage_state("closed", state_closed); }
END_TEST

START_TEST(damage_of_a_store_after_an_import_is_found)
{ damage_state("after an import", state_after_bulk); }
END_TEST

int main(void) {
        Suite *suite = suite_create("store damage");
        TCase *cases = tcase_create("damage");

        tcase_set_timeout(cases, 1200);
        tcase_add_test(cases, damage_of_a_store_with_a_log_is_found);
        tcase_add_test(cases, damage_of_a_closed_store_is_found);
        tcase_add_test(cases, damage_of_a_store_after_an_import_is_found);
        suite_add_tcase(suite, cases);
        return run_suite(suite);
}
