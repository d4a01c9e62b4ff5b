/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The secrets of the issuance file: nowhere on the disk in the clear, opened in their own place alone, and under the right
 * key alone. */
#include "issuance-fixture.h"

#include "file/issuance-internal.h"
#include "file/key-check.h"

#define SECRET "8421-SECRET"
#define RECORD(id) \
        "{\"type\":\"staff\",\"id\":\"" id "\",\"fields\":{\"holder\":\"A\",\"pin\":[\"" SECRET \
        "\",\"other-SECRET\"]}}"

static void expect_pin(Desk *desk, const char *id) {
        _cleanup_(record_freep) Record *record = get(desk, "staff", id);
        json_t *pin = json_object_get(record->fields, "pin");

        ck_assert_str_eq(json_string_value(json_array_get(pin, 0)), SECRET);
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "holder")), "A");
}

static void use_keys(Desk *desk, const char *text) {
        desk_close(desk);
        seal_keys_unref(desk->keys);
        desk->keys = keys_of(text);
        desk_open(desk);
}

static int try_keys(Desk *desk, const char *text, Failure *failure) {
        _cleanup_(seal_keys_unrefp) SealKeys *keys = keys_of(text);
        IssuanceFile *none = NULL;

        return issuance_file_open(desk->place.thread, desk->place.directory, keys, desk->fields, &none,
                                  failure);
}

/* The store's text of a key, changed behind the file's back, which must be closed. */
static char *raw_get(Desk *desk, const char *key) {
        _cleanup_bytes_ Bytes value = {};
        Store *store = NULL;

        ck_assert_int_eq(store_open(desk->place.directory, "issuance", 0, &store, NULL), 0);
        ck_assert_int_eq(store_fetch(store, key, &value, NULL), 0);
        store_close(store);
        return span_to_string(bytes_span(&value));
}

static void raw_put(Desk *desk, const char *key, const char *text) {
        const Span value = span_of_string(text);
        Store *store = NULL;

        ck_assert_int_eq(store_open(desk->place.directory, "issuance", 0, &store, NULL), 0);
        ck_assert_int_eq(store_apply(store, &(StoreChange){ .key = key, .value = &value }, 1, NULL), 0);
        ck_assert_int_eq(store_commit(store, NULL), 0);
        store_close(store);
}

/* The text of the member "sealed", which the caller owns. */
static char *sealed_part(const char *text) {
        const char *part = strstr(text, "\"sealed\":{");

        ck_assert_ptr_nonnull(part);
        return strndup(part, strcspn(part, "}") + 1);
}

/* One key's turn of a rotation, or its end where key is NULL. */
typedef struct Turn {
        Desk *desk;
        const char *key;
        int result;
        Failure failure;
        bool come;
} Turn;

static void run_turn(void *userdata) {
        Turn *turn = userdata;

        turn->result = turn->key
                               ? issuance_reseal(turn->desk->file, turn->key, &turn->failure)
                               : key_check_retire(turn->desk->file->store, turn->desk->keys, &turn->failure);
}

static void turn_done(void *userdata) {
        ((Turn *) userdata)->come = true;
}

static void rotate(Desk *desk, const char *key, int expected) {
        Turn turn = { .desk = desk, .key = key };

        ck_assert_int_eq(store_thread_submit(desk->place.thread, &(StoreTask){ .run = run_turn,
                                                                               .done = turn_done,
                                                                               .failure = &turn.failure,
                                                                               .store = desk->file->store,
                                                                               .userdata = &turn }),
                         0);
        run_until(desk->place.event, &turn.come);
        ck_assert_int_eq(turn.failure.kind, FAILURE_NONE);
        ck_assert_int_eq(turn.result, expected);
}

static void expect_refused(Desk *desk, const char *id) {
        _cleanup_answer_ Answer answer = {};

        await(desk, issuance_file_get(desk->file, "staff", id, on_record, &answer), &answer,
              FAILURE_STORE_FAILED);
}

START_TEST(no_secret_is_in_any_file_and_what_is_public_can_be_read)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, RECORD("00420017"), FAILURE_NONE);
        put(&desk, RECORD("00420017"), FAILURE_NONE);
        ck_assert(!place_holds(&desk.place, "SECRET"));
        expect_pin(&desk, "00420017");
        extract(&desk, "job-1", false, FAILURE_NONE);
        confirm(&desk, "job-1", 1, FAILURE_NONE);
        desk_reopen(&desk);
        expect_pin(&desk, "00420017");
        desk_close(&desk);
        ck_assert(!place_holds(&desk.place, "SECRET"));
        ck_assert(place_holds(&desk.place, "\"fields\":{\"holder\":\"A\"}"));
        ck_assert(place_holds(&desk.place, "\"sealed\":{\"pin\":\"1:"));
        desk_open(&desk);
}
END_TEST

START_TEST(a_seal_that_was_moved_to_another_record_or_field_is_refused)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_free_ char *one = NULL, *other = NULL, *one_sealed = NULL, *other_sealed = NULL,
                            *moved = NULL;
        char *place;

        put(&desk, RECORD("1"), FAILURE_NONE);
        put(&desk, RECORD("2"), FAILURE_NONE);
        desk_close(&desk);
        one = raw_get(&desk, "staff/1");
        other = raw_get(&desk, "staff/2");
        one_sealed = sealed_part(one);
        other_sealed = sealed_part(other);
        ck_assert_uint_eq(strlen(one_sealed), strlen(other_sealed));
        moved = strdup(other);
        memcpy(strstr(moved, other_sealed), one_sealed, strlen(one_sealed));
        raw_put(&desk, "staff/2", moved);
        place = strstr(one, "\"pin\"");
        memcpy(place, "\"nip\"", 5);
        raw_put(&desk, "staff/1", one);
        desk_open(&desk);
        expect_refused(&desk, "1");
        expect_refused(&desk, "2");
        /* It is not overwritten by what would change a record that can be read. */
        put(&desk, RECORD("2"), FAILURE_STORE_FAILED);
        desk_close(&desk);
        raw_put(&desk, "staff/2", other);
        desk_open(&desk);
        expect_pin(&desk, "2");
}
END_TEST

START_TEST(a_record_with_a_field_in_both_places_or_a_seal_that_is_no_text_is_refused)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_free_ char *text = NULL, *sealed = NULL, *both = NULL;

        put(&desk, RECORD("1"), FAILURE_NONE);
        desk_close(&desk);
        text = raw_get(&desk, "staff/1");
        sealed = sealed_part(text);
        ck_assert_int_gt(
                asprintf(&both, "{\"type\":\"staff\",\"id\":\"1\",\"fields\":{\"pin\":\"x\"},%s}", sealed),
                0);
        raw_put(&desk, "staff/1", both);
        raw_put(&desk, "staff/2", "{\"type\":\"staff\",\"id\":\"2\",\"sealed\":{\"pin\":[\"1:AAAA\"]}}");
        raw_put(&desk, "staff/3", "{\"type\":\"staff\",\"id\":\"3\",\"sealed\":[]}");
        raw_put(&desk, "staff/4", "{\"type\":\"staff\",\"id\":\"4\",\"sealed\":{\"pin\":\"\"}}");
        desk_open(&desk);
        for (unsigned i = 1; i <= 4; i++) {
                char id[8];

                snprintf(id, sizeof(id), "%u", i);
                expect_refused(&desk, id);
        }
}
END_TEST

START_TEST(a_wrong_key_is_refused_at_open_and_nothing_is_overwritten)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_failure_ Failure wrong = {}, missing = {}, both = {};
        _cleanup_free_ char *before = NULL, *after = NULL;

        put(&desk, RECORD("1"), FAILURE_NONE);
        desk_close(&desk);
        before = raw_get(&desk, KEY_CHECK_KEY);
        ck_assert_int_eq(try_keys(&desk, "1:" KEY_TWO, &wrong), -ENOKEY);
        ck_assert_int_eq(wrong.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(wrong.message, "Version 1 of the key file is not the key"));
        ck_assert_int_eq(try_keys(&desk, "2:" KEY_ONE, &missing), -ENOKEY);
        ck_assert_ptr_nonnull(
                strstr(missing.message, "version 1 of the key, which the key file does not have"));
        ck_assert_int_eq(try_keys(&desk, "1:" KEY_TWO "\n2:" KEY_ONE, &both), -ENOKEY);
        after = raw_get(&desk, KEY_CHECK_KEY);
        ck_assert_str_eq(before, after);
        desk_open(&desk);
        expect_pin(&desk, "1");
}
END_TEST

START_TEST(two_versions_are_used_side_by_side_until_all_is_sealed_anew)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_free_ char *text = NULL;
        _cleanup_failure_ Failure failure = {};

        put(&desk, RECORD("1"), FAILURE_NONE);
        use_keys(&desk, "1:" KEY_ONE "\n2:" KEY_TWO);
        put(&desk, RECORD("2"), FAILURE_NONE);
        put(&desk, "{\"type\":\"staff\",\"id\":\"3\"}", FAILURE_NONE);
        expect_pin(&desk, "1");
        desk_close(&desk);
        ck_assert_int_eq(try_keys(&desk, "2:" KEY_TWO, &failure), -ENOKEY);
        desk_open(&desk);
        rotate(&desk, "staff/1", 1);
        rotate(&desk, "staff/1", 0);
        rotate(&desk, "staff/2", 0);
        rotate(&desk, "staff/3", 0);
        rotate(&desk, "staff/4", 0);
        rotate(&desk, ".records", 0);
        rotate(&desk, NULL, 0);
        use_keys(&desk, "2:" KEY_TWO);
        expect_pin(&desk, "1");
        expect_pin(&desk, "2");
        desk_close(&desk);
        text = raw_get(&desk, "staff/1");
        ck_assert_ptr_nonnull(strstr(text, "\"sealed\":{\"pin\":\"2:"));
        desk_open(&desk);
}
END_TEST

START_TEST(a_field_that_becomes_secret_is_sealed_at_the_next_change_or_anew)
{
        static const IssuanceField nothing[] = { { .type = "staff", .name = "holder", .indexed = true },
                                                 { .type = "staff", .name = "pin" } };
        _cleanup_(issuance_fields_unrefp) IssuanceFields *open = fields_of(nothing, 2);
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_free_ char *changed = NULL, *sealed = NULL, *back = NULL;
        _cleanup_answer_ Answer answer = {};

        ck_assert_int_eq(issuance_file_set_fields(desk.file, open), 0);
        put(&desk, RECORD("00420017"), FAILURE_NONE);
        put(&desk, RECORD("2"), FAILURE_NONE);
        ck_assert(place_holds(&desk.place, SECRET));
        ck_assert_int_eq(issuance_file_set_fields(desk.file, desk.fields), 0);
        expect_pin(&desk, "00420017");
        extract(&desk, "job-1", false, FAILURE_NONE);
        rotate(&desk, "staff/2", 1);
        desk_close(&desk);
        changed = raw_get(&desk, "staff/00420017");
        sealed = raw_get(&desk, "staff/2");
        ck_assert(!strstr(changed, "SECRET") && strstr(changed, "sealed"));
        ck_assert(!strstr(sealed, "SECRET") && strstr(sealed, "sealed"));
        desk_open(&desk);

        /* And one that is no longer. */
        ck_assert_int_eq(issuance_file_set_fields(desk.file, open), 0);
        expect_pin(&desk, "2");
        await(&desk, issuance_file_request(desk.file, "staff", "2", "", &actor, on_record, &answer), &answer,
              FAILURE_ALREADY_REQUESTED);
        put(&desk, RECORD("2"), FAILURE_NONE);
        desk_close(&desk);
        back = raw_get(&desk, "staff/2");
        ck_assert(strstr(back, "SECRET") && !strstr(back, "sealed"));
        desk_open(&desk);
}
END_TEST

START_TEST(an_indexed_field_that_becomes_secret_leaves_the_index)
{
        static const IssuanceField secret[] = {
                { .type = "staff", .name = "holder", .indexed = true, .secret = true }
        };
        _cleanup_(issuance_fields_unrefp) IssuanceFields *fields = fields_of(secret, 1);
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer found = {};
        Store *store = NULL;

        put(&desk, "{\"type\":\"staff\",\"id\":\"1\",\"fields\":{\"holder\":\"SECRETLY\"}}", FAILURE_NONE);
        ck_assert_int_eq(issuance_file_set_fields(desk.file, fields), 0);
        await(&desk, issuance_file_find(desk.file, "holder", "SECRETLY", on_rows, &found), &found,
              FAILURE_NONE);
        ck_assert_uint_eq(found.row_count, 0);
        while (desk.file->completing)
                ck_assert_int_gt(sd_event_run(desk.place.event, 60 * 1000000ULL), 0);
        rotate(&desk, "staff/1", 1);
        desk_close(&desk);

        /* Both GDBM files are brought up to date one after the other. */
        for (unsigned i = 0; i < 2; i++) {
                ck_assert_int_eq(store_open(desk.place.directory, "issuance", 0, &store, NULL), 0);
                ck_assert_int_eq(store_checkpoint(store, NULL), 0);
                store_close(store);
        }

        {
                _cleanup_free_ char *text = raw_get(&desk, "staff/1");

                ck_assert(!strstr(text, "SECRETLY"));
        }
        desk_open(&desk);
}
END_TEST

START_TEST(the_largest_record_is_stored_whatever_sealing_adds_to_it)
{
        _cleanup_desk_ Desk desk = desk_new();
        size_t size = RECORD_SIZE_MAX - RECORD_HEADROOM - 600;
        char *text = malloc(RECORD_SIZE_MAX);
        int used;

        used = sprintf(text, "{\"type\":\"staff\",\"id\":\"00420017\",\"fields\":{\"pin\":\"");
        memset(text + used, 'x', size);
        strcpy(text + (size_t) used + size, "\"}}");
        put(&desk, text, FAILURE_NONE);
        extract(&desk, "job-1", false, FAILURE_NONE);
        confirm(&desk, "job-1", 1, FAILURE_NONE);
        memset(text + used, 'x', size + 600);
        strcpy(text + (size_t) used + size + 600, "\"}}");
        put(&desk, text, FAILURE_INVALID_ARGS);
        free(text);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("issuance-secrets");
        TCase *tests = tcase_create("issuance-secrets");

        record_erase_json_memory();
        tcase_set_timeout(tests, 60);
        tcase_add_test(tests, no_secret_is_in_any_file_and_what_is_public_can_be_read);
        tcase_add_test(tests, a_seal_that_was_moved_to_another_record_or_field_is_refused);
        tcase_add_test(tests, a_record_with_a_field_in_both_places_or_a_seal_that_is_no_text_is_refused);
        tcase_add_test(tests, a_wrong_key_is_refused_at_open_and_nothing_is_overwritten);
        tcase_add_test(tests, two_versions_are_used_side_by_side_until_all_is_sealed_anew);
        tcase_add_test(tests, a_field_that_becomes_secret_is_sealed_at_the_next_change_or_anew);
        tcase_add_test(tests, an_indexed_field_that_becomes_secret_leaves_the_index);
        tcase_add_test(tests, the_largest_record_is_stored_whatever_sealing_adds_to_it);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
