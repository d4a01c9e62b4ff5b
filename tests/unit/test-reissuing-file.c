/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reissuing file, and the store under both files: what is answered is there after any end of the
 * process, and what was replaced is nowhere. */
#include <gdbm.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "file-fixture.h"
#include "file/record.h"
#include "file/store.h"

typedef struct Answer {
        bool come;
        FailureKind kind;
} Answer;

static void on_answer(const Failure *failure, void *userdata) {
        Answer *answer = userdata;

        answer->come = true;
        answer->kind = failure->kind;
}

static void store_text(Place *place, ReissuingFile *file, const char *key, const char *text) {
        Answer answer = {};
        json_t *object = json_pack("{s:s}", "text", text);

        ck_assert_int_eq(reissuing_file_store(file, key, object, on_answer, &answer), 0);
        json_decref(object);
        ck_assert(!answer.come);
        run_until(place->event, &answer.come);
        ck_assert_int_eq(answer.kind, FAILURE_NONE);
}

static void remove_key(Place *place, ReissuingFile *file, const char *key) {
        Answer answer = {};

        ck_assert_int_eq(reissuing_file_remove(file, key, on_answer, &answer), 0);
        run_until(place->event, &answer.come);
        ck_assert_int_eq(answer.kind, FAILURE_NONE);
}

static ReissuingFile *open_file(Place *place) {
        _cleanup_failure_ Failure failure = {};
        ReissuingFile *file;
        int r;

        r = reissuing_file_open(place->thread, place->directory, &file, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return file;
}

/* What is still under way is done first. */
static void close_file(Place *place, ReissuingFile *file) {
        reissuing_file_close(file);
        store_thread_free(place->thread);
        ck_assert_int_eq(store_thread_new(place->event, &place->thread), 0);
}

static int collect(const char *key, json_t *object, void *userdata, Failure *failure _unused_) {
        json_object_set((json_t *) userdata, key, json_object_get(object, "text"));
        return 0;
}

static char *load_all(ReissuingFile *file) {
        json_t *all = json_object();
        char *text;

        ck_assert_int_eq(reissuing_file_load(file, collect, all, NULL), 0);
        text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(all);
        return text;
}

START_TEST(what_was_stored_is_there_when_it_is_opened_again)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);
        _cleanup_free_ char *before = NULL, *after = NULL;

        store_text(&place, file, "a", "one");
        store_text(&place, file, "b", "two");
        store_text(&place, file, "a", "three");
        remove_key(&place, file, "b");
        remove_key(&place, file, "never there");
        before = load_all(file);
        ck_assert_str_eq(before, "{\"a\":\"three\"}");
        close_file(&place, file);

        file = open_file(&place);
        after = load_all(file);
        ck_assert_str_eq(after, before);
        reissuing_file_close(file);
}
END_TEST

static bool secret_is_on_the_disk(const Place *place) {
        return file_holds(place, "reissuing.gdbm", "SECRET") ||
               file_holds(place, "reissuing.log", "SECRET") || file_holds(place, "reissuing.work", "SECRET");
}

START_TEST(what_was_replaced_or_removed_is_soon_nowhere_on_the_disk)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);

        store_text(&place, file, "a", "FIRST-SECRET");
        store_text(&place, file, "a", "second, and longer than what was there before");
        store_text(&place, file, "b", "THIRD-SECRET");
        remove_key(&place, file, "b");
        /* The first turn is the timer, the second the answer of the store thread. */
        for (unsigned turn = 0; turn < 2; turn++)
                ck_assert_int_gt(sd_event_run(place.event, 60 * 1000000ULL), 0);
        ck_assert(file_holds(&place, "reissuing.gdbm", "and longer"));
        ck_assert(!secret_is_on_the_disk(&place));
        reissuing_file_close(file);
}
END_TEST

START_TEST(what_was_replaced_is_nowhere_on_the_disk_after_closing)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);

        store_text(&place, file, "a", "FIRST-SECRET");
        store_text(&place, file, "a", "second");
        close_file(&place, file);
        ck_assert(file_holds(&place, "reissuing.gdbm", "second"));
        ck_assert(!secret_is_on_the_disk(&place));
}
END_TEST

START_TEST(a_second_open_is_refused_and_says_why)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place), *second = NULL;
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_lt(reissuing_file_open(place.thread, place.directory, &second, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure.message, "another icreissued"));
        reissuing_file_close(file);
}
END_TEST

START_TEST(a_key_that_is_not_allowed_is_refused)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);
        json_t *object = json_object();
        Answer answer = {};

        ck_assert_int_eq(reissuing_file_store(file, ".generation", object, on_answer, &answer), 0);
        json_decref(object);
        run_until(place.event, &answer.come);
        ck_assert_int_eq(answer.kind, FAILURE_INVALID_ARGS);
        reissuing_file_close(file);
}
END_TEST

START_TEST(tasks_that_are_under_way_when_it_is_closed_are_done)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);
        _cleanup_free_ char *all = NULL;
        json_t *object = json_pack("{s:s}", "text", "x");
        Answer answers[20] = {};

        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                char key[8];

                snprintf(key, sizeof(key), "%zu", i);
                ck_assert_int_eq(reissuing_file_store(file, key, object, on_answer, &answers[i]), 0);
        }

        json_decref(object);
        reissuing_file_close(file);
        place.thread = store_thread_free(place.thread);
        for (size_t i = 0; i < ELEMENTS(answers); i++)
                ck_assert(answers[i].come && answers[i].kind == FAILURE_NONE);

        ck_assert_int_eq(store_thread_new(place.event, &place.thread), 0);
        file = open_file(&place);
        all = load_all(file);
        ck_assert_ptr_nonnull(strstr(all, "\"19\":\"x\""));
        reissuing_file_close(file);
}
END_TEST

/* The store itself. */

static Store *open_store(Place *place) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;
        int r;

        r = store_open(place->directory, "store", 0, &store, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return store;
}

static void expect(Store *store, const char *key, const char *value) {
        _cleanup_bytes_ Bytes found = {};
        int r;

        r = store_fetch(store, key, &found, NULL);
        ck_assert_int_eq(r, value ? 0 : -ENOENT);
        if (value)
                ck_assert(span_equal(bytes_span(&found), span_of_string(value)));
}

static void put(Store *store, const char *key, const char *value) {
        _cleanup_failure_ Failure failure = {};

        ck_assert_msg(store_put(store, key, span_of_string(value), &failure) == 0, "%s",
                      failure_message(&failure));
}

/* Copies a file of the place: the state in which a crash leaves it. */
static void copy_place_file(const Place *from, const char *from_name, const Place *to, const char *to_name) {
        static char buffer[1024 * 1024];
        char path[128];
        size_t n;
        int descriptor;

        place_path(from, from_name, path);
        n = read_whole(path, buffer, sizeof(buffer));
        place_path(to, to_name, path);
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
        ck_assert_int_ge(descriptor, 0);
        ck_assert_int_eq(write(descriptor, buffer, n), (ssize_t) n);
        close(descriptor);
}

static void truncate_place_file(const Place *place, const char *name, off_t by) {
        char path[128];
        struct stat status;

        place_path(place, name, path);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_int_eq(truncate(path, status.st_size - by), 0);
}

START_TEST(a_log_cut_anywhere_in_its_last_entry_gives_the_state_before_it)
{
        _cleanup_(place_done) Place place = place_new(), crashed = place_new();
        Store *store = open_store(&place);
        struct stat status;
        char path[128];
        off_t first;

        put(store, "key", "old");
        place_path(&place, "store.log", path);
        ck_assert_int_eq(stat(path, &status), 0);
        first = status.st_size;
        put(store, "key", "new");
        ck_assert_int_eq(stat(path, &status), 0);

        for (off_t cut = 1; cut <= status.st_size - first; cut++) {
                Store *resumed;

                copy_place_file(&place, "store.gdbm", &crashed, "store.gdbm");
                copy_place_file(&place, "store.log", &crashed, "store.log");
                truncate_place_file(&crashed, "store.log", cut);
                resumed = open_store(&crashed);
                expect(resumed, "key", "old");
                ck_assert_uint_eq(store_count(resumed), 1);
                put(resumed, "key", "newer");
                store_close(resumed);
                resumed = open_store(&crashed);
                expect(resumed, "key", "newer");
                store_close(resumed);
        }

        store_close(store);
}
END_TEST

START_TEST(a_log_damaged_before_its_last_entry_is_refused)
{
        _cleanup_(place_done) Place place = place_new(), crashed = place_new();
        _cleanup_failure_ Failure failure = {};
        Store *store = open_store(&place), *resumed = NULL;
        char path[128];
        int descriptor;

        put(store, "key", "first");
        put(store, "key", "other");
        copy_place_file(&place, "store.gdbm", &crashed, "store.gdbm");
        copy_place_file(&place, "store.log", &crashed, "store.log");
        store_close(store);

        place_path(&crashed, "store.log", path);
        descriptor = open(path, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(pwrite(descriptor, "X", 1, 65), 1);
        close(descriptor);
        ck_assert_int_lt(store_open(crashed.directory, "store", 0, &resumed, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure.message, "damaged at byte"));
}
END_TEST

START_TEST(a_log_left_over_from_a_finished_checkpoint_is_dropped)
{
        _cleanup_(place_done) Place place = place_new(), crashed = place_new();
        Store *store = open_store(&place), *resumed;

        put(store, "key", "old");
        copy_place_file(&place, "store.log", &crashed, "store.log");
        store_close(store);
        store = open_store(&place);
        put(store, "key", "new");
        store_close(store);
        copy_place_file(&place, "store.gdbm", &crashed, "store.gdbm");

        resumed = open_store(&crashed);
        expect(resumed, "key", "new");
        store_close(resumed);
}
END_TEST

START_TEST(an_older_file_under_a_newer_log_is_refused)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_failure_ Failure failure = {};
        Store *store = open_store(&place);

        copy_place_file(&place, "store.gdbm", &place, "old");
        put(store, "key", "new");
        store_close(store);
        copy_place_file(&place, "old", &place, "store.gdbm");
        ck_assert_int_lt(store_open(place.directory, "store", 0, &store, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure.message, "older than its log"));
}
END_TEST

START_TEST(a_file_that_is_no_gdbm_file_is_refused_by_name)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;
        char path[128];
        int descriptor;

        place_path(&place, "store.gdbm", path);
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
        ck_assert_int_eq(write(descriptor, "this is no database", 19), 19);
        close(descriptor);
        ck_assert_int_lt(store_open(place.directory, "store", 0, &store, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure.message, path));
}
END_TEST

START_TEST(the_file_can_be_read_by_another_program_and_not_written)
{
        _cleanup_(place_done) Place place = place_new();
        Store *store = open_store(&place);
        GDBM_FILE other;
        char path[128];

        put(store, "key", "value");
        place_path(&place, "store.gdbm", path);
        other = gdbm_open(path, 0, GDBM_WRITER, 0, NULL);
        ck_assert_ptr_null(other);
        other = gdbm_open(path, 0, GDBM_READER, 0, NULL);
        ck_assert_ptr_nonnull(other);
        gdbm_close(other);
        store_close(store);
}
END_TEST

START_TEST(a_change_that_cannot_be_written_is_undone_and_later_ones_succeed)
{
        _cleanup_(place_done) Place place = place_new();
        Store *store = open_store(&place);
        struct rlimit before, small;
        static char large[300000];

        put(store, "key", "old");
        memset(large, 'x', sizeof(large) - 1);
        /* Writing past this size fails with EFBIG, as a full disk fails with ENOSPC. */
        signal(SIGXFSZ, SIG_IGN);
        ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = (struct rlimit){ .rlim_cur = 100000, .rlim_max = before.rlim_max };
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        for (unsigned i = 0; i < 3; i++) {
                _cleanup_failure_ Failure failure = {};

                ck_assert_int_lt(store_put(store, "key", span_of_string(large), &failure), 0);
                ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
                expect(store, "key", "old");
        }

        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        put(store, "key", "new");
        expect(store, "key", "new");
        ck_assert_uint_eq(store_count(store), 1);
        store_close(store);
        store = open_store(&place);
        expect(store, "key", "new");
        store_close(store);
}
END_TEST

/* Puts numbered values and tells each one when it is acknowledged, until it is killed. */
static void put_until_killed(Place *place, int told) {
        Store *store = open_store(place);
        _cleanup_bytes_ Bytes before = {};
        unsigned long n = 0;

        if (store_fetch(store, "last", &before, NULL) == 0) {
                bytes_append_byte(&before, '\0');
                n = strtoul((char *) before.data, NULL, 10);
        }

        for (;;) {
                char key[32], value[600];

                n++;
                memset(value, 'x', sizeof(value));
                snprintf(key, sizeof(key), "key-%lu", n % 500);
                snprintf(value + n % 400, 32, "%lu", n);
                put(store, key, value);
                snprintf(value, sizeof(value), "%lu", n);
                put(store, "last", value);
                if (n % 7 == 0)
                        store_close(TAKE_PTR(store)), store = open_store(place);
                if (write(told, &n, sizeof(n)) != sizeof(n))
                        _exit(1);
        }
}

START_TEST(nothing_acknowledged_is_lost_however_often_the_process_is_killed)
{
        _cleanup_(place_done) Place place = place_new();
        unsigned long acknowledged = 0;

        for (unsigned round = 0; round < 100; round++) {
                _cleanup_bytes_ Bytes last = {};
                unsigned long n = 0, got;
                int ends[2];
                Store *store;
                pid_t child;

                ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
                child = fork();
                if (child == 0)
                        put_until_killed(&place, ends[1]);

                close(ends[1]);
                /* Killed a little after it has told something, at a moment that differs from round to
                 * round. */
                for (unsigned told = 0; told < 1 + round % 5; told++)
                        ck_assert_int_eq(read(ends[0], &n, sizeof(n)), (ssize_t) sizeof(n));
                usleep(round * 37 % 1500);
                kill(child, SIGKILL);
                waitpid(child, NULL, 0);
                while (read(ends[0], &got, sizeof(got)) == sizeof(got))
                        n = got;
                close(ends[0]);

                ck_assert_uint_gt(n, acknowledged);
                acknowledged = n;
                store = open_store(&place);
                ck_assert_int_eq(store_fetch(store, "last", &last, NULL), 0);
                bytes_append_byte(&last, '\0');
                ck_assert_uint_ge(strtoul((char *) last.data, NULL, 10), acknowledged);
                for (unsigned long i = acknowledged > 400 ? acknowledged - 400 : 1; i <= acknowledged; i++) {
                        _cleanup_bytes_ Bytes value = {};
                        char key[32];

                        snprintf(key, sizeof(key), "key-%lu", i % 500);
                        ck_assert_int_eq(store_fetch(store, key, &value, NULL), 0);
                        bytes_append_byte(&value, '\0');
                        ck_assert_uint_ge(strtoul((char *) value.data + i % 400, NULL, 10), i);
                }

                store_close(store);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("reissuing-file");
        TCase *tests = tcase_create("reissuing-file"), *store = tcase_create("store");

        record_erase_json_memory();
        tcase_set_timeout(tests, 60);
        tcase_set_timeout(store, 120);
        tcase_add_test(tests, what_was_stored_is_there_when_it_is_opened_again);
        tcase_add_test(tests, what_was_replaced_or_removed_is_soon_nowhere_on_the_disk);
        tcase_add_test(tests, what_was_replaced_is_nowhere_on_the_disk_after_closing);
        tcase_add_test(tests, a_second_open_is_refused_and_says_why);
        tcase_add_test(tests, a_key_that_is_not_allowed_is_refused);
        tcase_add_test(tests, tasks_that_are_under_way_when_it_is_closed_are_done);
        tcase_add_test(store, a_log_cut_anywhere_in_its_last_entry_gives_the_state_before_it);
        tcase_add_test(store, a_log_damaged_before_its_last_entry_is_refused);
        tcase_add_test(store, a_log_left_over_from_a_finished_checkpoint_is_dropped);
        tcase_add_test(store, an_older_file_under_a_newer_log_is_refused);
        tcase_add_test(store, a_file_that_is_no_gdbm_file_is_refused_by_name);
        tcase_add_test(store, the_file_can_be_read_by_another_program_and_not_written);
        tcase_add_test(store, a_change_that_cannot_be_written_is_undone_and_later_ones_succeed);
        tcase_add_test(store, nothing_acknowledged_is_lost_however_often_the_process_is_killed);
        suite_add_tcase(suite, tests);
        suite_add_tcase(suite, store);
        return run_suite(suite);
}
