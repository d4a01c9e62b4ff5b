/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reissuing file: what is answered is there when it is opened again, and on the disk it is sealed. */
#include "file-fixture.h"
#include "file/key-check.h"
#include "file/record.h"
#include "file/reissuing-internal.h"
#include "key-fixture.h"

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

static int open_with(Place *place, const char *keys_text, ReissuingFile **ret, Failure *failure) {
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of(keys_text);

        return reissuing_file_open(place->thread, place->directory, keys, ret, failure);
}

static ReissuingFile *open_file(Place *place) {
        _cleanup_failure_ Failure failure = {};
        ReissuingFile *file;
        int r;

        r = open_with(place, "1:" KEY_ONE, &file, &failure);
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

START_TEST(nothing_that_was_ever_stored_can_be_read_on_the_disk)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);

        store_text(&place, file, "a", "FIRST-SECRET");
        store_text(&place, file, "a", "SECOND-SECRET");
        store_text(&place, file, "b", "THIRD-SECRET");
        remove_key(&place, file, "b");
        ck_assert(!place_holds(&place, "SECRET"));
        close_file(&place, file);
        ck_assert(!place_holds(&place, "SECRET"));
        ck_assert(!place_holds(&place, "text"));
}
END_TEST

/* Changes a value behind the file's back. */
static void put_raw(Place *place, const char *key, const char *from) {
        _cleanup_bytes_ Bytes value = {};
        Store *store = NULL;
        Span span;

        ck_assert_int_eq(store_open(place->directory, "reissuing", 0, &store, NULL), 0);
        ck_assert_int_eq(store_fetch(store, from, &value, NULL), 0);
        span = bytes_span(&value);
        ck_assert_int_eq(store_apply(store, &(StoreChange){ .key = key, .value = &span }, 1, NULL), 0);
        ck_assert_int_eq(store_commit(store, NULL), 0);
        store_close(store);
}

START_TEST(a_sealed_object_under_another_key_is_refused)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);
        _cleanup_failure_ Failure failure = {};
        json_t *all = json_object();

        store_text(&place, file, "a", "one");
        close_file(&place, file);
        put_raw(&place, "b", "a");
        file = open_file(&place);
        ck_assert_int_lt(reissuing_file_load(file, collect, all, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure.message, "The entry b"));
        json_decref(all);
        reissuing_file_close(file);
}
END_TEST

START_TEST(a_key_that_is_not_the_files_is_refused_and_nothing_is_overwritten)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place), *none = NULL;
        _cleanup_failure_ Failure wrong = {}, missing = {};
        _cleanup_free_ char *all = NULL;

        store_text(&place, file, "a", "one");
        close_file(&place, file);
        ck_assert_int_eq(open_with(&place, "1:" KEY_TWO, &none, &wrong), -ENOKEY);
        ck_assert_int_eq(wrong.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(wrong.message, "not the key"));
        ck_assert_int_eq(open_with(&place, "2:" KEY_TWO, &none, &missing), -ENOKEY);
        ck_assert_ptr_nonnull(strstr(missing.message, "version 1"));
        file = open_file(&place);
        all = load_all(file);
        ck_assert_str_eq(all, "{\"a\":\"one\"}");
        reissuing_file_close(file);
}
END_TEST

static void expect_versions(ReissuingFile *file, uint32_t a, uint32_t b) {
        _cleanup_bytes_ Bytes first = {}, second = {};

        ck_assert_int_eq(store_fetch(file->store, "a", &first, NULL), 0);
        ck_assert_int_eq(store_fetch(file->store, "b", &second, NULL), 0);
        bytes_append_byte(&first, '\0');
        bytes_append_byte(&second, '\0');
        ck_assert_uint_eq(seal_version((char *) first.data), a);
        ck_assert_uint_eq(seal_version((char *) second.data), b);
}

START_TEST(what_is_under_an_older_version_is_sealed_anew_and_then_the_older_one_can_go)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place);
        _cleanup_free_ char *all = NULL;

        store_text(&place, file, "a", "one");
        close_file(&place, file);
        ck_assert_int_eq(open_with(&place, "1:" KEY_ONE "\n2:" KEY_TWO, &file, NULL), 0);
        store_text(&place, file, "b", "two");
        /* No task is under way: the store is ours. */
        expect_versions(file, 1, 2);
        ck_assert_int_eq(reissuing_reseal(file, "a", NULL), 1);
        ck_assert_int_eq(reissuing_reseal(file, "a", NULL), 0);
        ck_assert_int_eq(reissuing_reseal(file, "b", NULL), 0);
        ck_assert_int_eq(reissuing_reseal(file, "c", NULL), 0);
        ck_assert_int_eq(reissuing_reseal(file, KEY_CHECK_KEY, NULL), 0);
        ck_assert_int_eq(key_check_retire(file->store, file->keys, NULL), 0);
        ck_assert_int_eq(store_commit(file->store, NULL), 0);
        expect_versions(file, 2, 2);
        close_file(&place, file);
        ck_assert_int_eq(open_with(&place, "2:" KEY_TWO, &file, NULL), 0);
        all = load_all(file);
        ck_assert_str_eq(all, "{\"a\":\"one\",\"b\":\"two\"}");
        reissuing_file_close(file);
}
END_TEST

START_TEST(a_second_open_is_refused_and_says_why)
{
        _cleanup_(place_done) Place place = place_new();
        ReissuingFile *file = open_file(&place), *second = NULL;
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_lt(open_with(&place, "1:" KEY_ONE, &second, &failure), 0);
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

int main(void) {
        Suite *suite = suite_create("reissuing-file");
        TCase *tests = tcase_create("reissuing-file");

        record_erase_json_memory();
        tcase_set_timeout(tests, 60);
        tcase_add_test(tests, what_was_stored_is_there_when_it_is_opened_again);
        tcase_add_test(tests, nothing_that_was_ever_stored_can_be_read_on_the_disk);
        tcase_add_test(tests, a_sealed_object_under_another_key_is_refused);
        tcase_add_test(tests, a_key_that_is_not_the_files_is_refused_and_nothing_is_overwritten);
        tcase_add_test(tests, what_is_under_an_older_version_is_sealed_anew_and_then_the_older_one_can_go);
        tcase_add_test(tests, a_second_open_is_refused_and_says_why);
        tcase_add_test(tests, a_key_that_is_not_allowed_is_refused);
        tcase_add_test(tests, tasks_that_are_under_way_when_it_is_closed_are_done);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
