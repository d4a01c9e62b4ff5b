/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The care of both files: a check finds what does not fit together, a backup is whole or is not there, a rotation leaves
 * nothing under an older key, whenever it is stopped. Keys are exchanged while the files are in use. */
#include "file/care.h"
#include "file/issuance-internal.h"
#include "file/key-change.h"
#include "file/reissuing-internal.h"
#include "tests/unit/issuance-fixture.h"

#define BOTH   "1:" KEY_ONE "\n2:" KEY_TWO "\n"
#define SECOND "2:" KEY_TWO "\n"
#define JOB    "job/1"

typedef struct Room {
        Desk desk;
        ReissuingFile *jobs;
} Room;

static void jobs_open(Room *room) {
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reissuing_file_open(room->desk.place.thread, room->desk.place.directory, room->desk.keys,
                                &room->jobs, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
}

static Room room_new(void) {
        Room room = { .desk = desk_new() };

        jobs_open(&room);
        return room;
}

static void room_close(Room *room) {
        room->jobs = reissuing_file_close(room->jobs);
        desk_close(&room->desk);
}

/* With the keys of that text. */
static void room_reopen(Room *room, const char *keys) {
        room_close(room);
        seal_keys_unref(room->desk.keys);
        room->desk.keys = keys_of(keys);
        desk_open(&room->desk);
        jobs_open(room);
}

static void room_done(Room *room) {
        reissuing_file_close(room->jobs);
        desk_done(&room->desk);
}
#define _cleanup_room_ _cleanup_(room_done)

static void put_staff(Room *room, unsigned from, unsigned count) {
        for (unsigned i = from; i < from + count; i++) {
                char text[160];

                snprintf(
                        text, sizeof(text),
                        "{\"type\":\"staff\",\"id\":\"%04u\",\"fields\":{\"holder\":\"H%u\",\"pin\":\"13579\"}}",
                        i, i);
                put(&room->desk, text, FAILURE_NONE);
        }
}

static void on_stored(const Failure *failure, void *userdata) {
        answer_take(userdata, failure);
}

static void store_job(Room *room, const char *key, const char *secret) {
        json_t *object = json_pack("{s:s}", "secret", secret);
        _cleanup_answer_ Answer answer = {};

        await(&room->desk, reissuing_file_store(room->jobs, key, object, on_stored, &answer), &answer,
              FAILURE_NONE);
        json_decref(object);
}

/* --- the end of a care --- */

typedef struct End {
        bool come;
        FailureKind kind;
        char message[512];
        char advice[512];
        uint64_t count;
        double progress;
} End;

static void on_care(const CareNews *news, void *userdata) {
        End *end = userdata;

        ck_assert(!end->come);
        ck_assert(news->progress >= end->progress && news->progress <= 1);
        end->progress = news->progress;
        end->count = news->count;
        end->come = news->finished;
        end->kind = news->failure->kind;
        snprintf(end->message, sizeof(end->message), "%s", failure_message(news->failure));
        snprintf(end->advice, sizeof(end->advice), "%s", news->advice ? news->advice : "");
}

static End wait_end(Room *room, End *end, FailureKind kind) {
        run_until(room->desk.place.event, &end->come);
        ck_assert_msg(end->kind == kind, "%s", end->message);
        return *end;
}

static End check(Room *room, FailureKind kind) {
        _cleanup_failure_ Failure failure = {};
        Care *care = NULL;
        End end = {};

        ck_assert_int_eq(care_check(room->desk.file, room->jobs, on_care, &end, &care, &failure), 0);
        return wait_end(room, &end, kind);
}

static int open_directory(const char *path) {
        int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_ge(directory, 0);
        return directory;
}

static End backup(Room *room, const char *path, FailureKind kind) {
        _cleanup_failure_ Failure failure = {};
        Care *care = NULL;
        End end = {};

        ck_assert_int_eq(care_backup(room->desk.file, room->jobs, open_directory(path), on_care, &end, &care,
                                     &failure),
                         0);
        return wait_end(room, &end, kind);
}

static End rotate(Room *room, FailureKind kind) {
        _cleanup_failure_ Failure failure = {};
        Care *care = NULL;
        End end = {};

        ck_assert_int_eq(care_rotate(room->desk.file, room->jobs, on_care, &end, &care, &failure), 0);
        return wait_end(room, &end, kind);
}

/* --- what somebody else does to a store, behind its back --- */

typedef struct Tamper {
        Store *store;
        const char *key;
        const char *from, *to; /* of the same length; NULL: removes the key */
        const char *other;     /* puts that key's value in place of its own */
        bool come;
        Failure failure;
} Tamper;

static void tamper_run(void *userdata) {
        Tamper *tamper = userdata;
        _cleanup_bytes_ Bytes text = {};
        StoreChange change = { .key = tamper->key };
        uint8_t *place;
        Span value;

        ck_assert_int_eq(store_fetch(tamper->store, tamper->other ? tamper->other : tamper->key, &text, NULL),
                         0);
        if (tamper->from) {
                place = memmem(text.data, text.size, tamper->from, strlen(tamper->from));
                ck_assert_ptr_nonnull(place);
                memcpy(place, tamper->to, strlen(tamper->to));
        }

        value = bytes_span(&text);
        change.value = tamper->from || tamper->other ? &value : NULL;
        ck_assert_int_eq(store_apply(tamper->store, &change, 1, NULL), 0);
}

static void tamper_done(void *userdata) {
        ((Tamper *) userdata)->come = true;
}

static void tamper_with(Room *room, Tamper tamper) {
        ck_assert_int_eq(
                store_thread_submit(room->desk.place.thread, &(StoreTask){ .run = tamper_run,
                                                                           .done = tamper_done,
                                                                           .failure = &tamper.failure,
                                                                           .store = tamper.store,
                                                                           .userdata = &tamper }),
                0);
        run_until(room->desk.place.event, &tamper.come);
        ck_assert(!failure_is_set(&tamper.failure));
}

/* --- check --- */

START_TEST(what_is_whole_is_found_whole)
{
        _cleanup_room_ Room room = room_new();

        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 0);
        put_staff(&room, 0, 150);
        put(&room.desk, "{\"type\":\"b\",\"id\":\"1\",\"fields\":{\"key\":[\"x\",\"y\",\"x\"]}}",
            FAILURE_NONE);
        put(&room.desk, ISSUED, FAILURE_NONE);
        request(&room.desk, FAILURE_NONE);
        extract(&room.desk, "job-1", false, FAILURE_NONE);
        removing(&room.desk, FAILURE_RECORD_IN_USE);
        store_job(&room, JOB, "4711");
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 152);
        room_reopen(&room, "1:" KEY_ONE "\n");
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 152);
}
END_TEST

START_TEST(a_record_that_the_index_does_not_fit_is_found)
{
        _cleanup_room_ Room room = room_new();

        put_staff(&room, 0, 3);
        tamper_with(&room, (Tamper){ .store = room.desk.file->store,
                                     .key = "staff/0001",
                                     .from = "\"H1\"",
                                     .to = "\"G1\"" });
        ck_assert_ptr_nonnull(strstr(check(&room, FAILURE_STORE_FAILED).message, "index"));
}
END_TEST

START_TEST(a_record_that_is_gone_is_found)
{
        _cleanup_room_ Room room = room_new();

        put_staff(&room, 0, 3);
        tamper_with(&room, (Tamper){ .store = room.desk.file->store, .key = "staff/0001" });
        ck_assert_ptr_nonnull(strstr(check(&room, FAILURE_STORE_FAILED).message, "3 records"));
}
END_TEST

START_TEST(a_record_in_the_place_of_another_is_found)
{
        _cleanup_room_ Room room = room_new();

        put_staff(&room, 0, 3);
        tamper_with(&room,
                    (Tamper){ .store = room.desk.file->store, .key = "staff/0001", .other = "staff/0002" });
        check(&room, FAILURE_STORE_FAILED);
}
END_TEST

START_TEST(a_seal_that_was_broken_is_found)
{
        _cleanup_room_ Room room = room_new();

        put_staff(&room, 0, 3);
        tamper_with(
                &room,
                (Tamper){
                        .store = room.desk.file->store, .key = "staff/0001", .from = "\"1:", .to = "\"2:" });
        check(&room, FAILURE_STORE_FAILED);
}
END_TEST

START_TEST(a_job_in_the_place_of_another_is_found)
{
        _cleanup_room_ Room room = room_new();

        store_job(&room, JOB, "4711");
        store_job(&room, "job/2", "4712");
        tamper_with(&room, (Tamper){ .store = room.jobs->store, .key = "job/2", .other = JOB });
        ck_assert_ptr_nonnull(strstr(check(&room, FAILURE_STORE_FAILED).message, "reissuing file"));
}
END_TEST

/* Until the steps after a Reload have come to an end the index is held against records and flags alone. */
START_TEST(an_index_that_is_being_completed_is_no_damage)
{
        static const IssuanceField rows[] = { { .type = "staff", .name = "pin", .secret = true },
                                              { .type = "staff", .name = "number", .indexed = true } };
        _cleanup_room_ Room room = room_new();
        IssuanceFields *fields = fields_of(rows, ELEMENTS(rows));

        put_staff(&room, 0, 200);
        ck_assert_int_eq(issuance_file_set_fields(room.desk.file, fields), 0);
        issuance_fields_unref(fields);
        for (unsigned i = 0; i < 5; i++)
                ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 200);
}
END_TEST

/* --- backup --- */

static unsigned count_files(const char *path) {
        DIR *directory = opendir(path);
        unsigned count = 0;

        ck_assert_ptr_nonnull(directory);
        for (struct dirent *entry; (entry = readdir(directory));)
                count += entry->d_name[0] != '.';

        closedir(directory);
        return count;
}

START_TEST(a_backup_is_a_store_of_its_own)
{
        _cleanup_room_ Room room = room_new();
        Room copy = { .desk = { .place = place_new() } };
        _cleanup_(record_freep) Record *record = NULL;

        put_staff(&room, 0, 60);
        store_job(&room, JOB, "4711");
        ck_assert_uint_eq(backup(&room, copy.desk.place.directory, FAILURE_NONE).count, 60);
        put_staff(&room, 60, 5);
        ck_assert(!place_holds(&copy.desk.place, "13579"));
        ck_assert(!place_holds(&copy.desk.place, "4711"));

        desk_open(&copy.desk);
        jobs_open(&copy);
        ck_assert_uint_eq(issuance_file_count(copy.desk.file), 60);
        record = get(&copy.desk, "staff", "0059");
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "pin")), "13579");
        ck_assert_uint_eq(check(&copy, FAILURE_NONE).count, 60);
        room_done(&copy);
}
END_TEST

START_TEST(a_backup_is_refused_where_one_is_already)
{
        _cleanup_room_ Room room = room_new();
        Place place = place_new();
        unsigned count;

        put_staff(&room, 0, 3);
        backup(&room, place.directory, FAILURE_NONE);
        count = count_files(place.directory);
        ck_assert_uint_gt(count, 0);
        ck_assert_ptr_nonnull(
                strstr(backup(&room, place.directory, FAILURE_INVALID_ARGS).message, "already"));
        ck_assert_uint_eq(count_files(place.directory), count);
        backup(&room, room.desk.place.directory, FAILURE_INVALID_ARGS);
        check(&room, FAILURE_NONE);
        place_done(&place);
}
END_TEST

START_TEST(a_backup_that_is_cancelled_leaves_nothing)
{
        _cleanup_room_ Room room = room_new();
        _cleanup_failure_ Failure failure = {};
        Place place = place_new();
        Care *care = NULL;
        End end = {};

        put_staff(&room, 0, 3);
        ck_assert_int_eq(care_backup(room.desk.file, room.jobs, open_directory(place.directory), on_care,
                                     &end, &care, &failure),
                         0);
        care_cancel(care);
        wait_end(&room, &end, FAILURE_CANCELLED);
        ck_assert_uint_eq(count_files(place.directory), 0);
        place_done(&place);
}
END_TEST

/* --- rotation --- */

START_TEST(after_a_rotation_the_second_key_suffices)
{
        _cleanup_room_ Room room = room_new();
        _cleanup_(record_freep) Record *record = NULL;

        put_staff(&room, 0, 170);
        store_job(&room, JOB, "4711");
        room_reopen(&room, BOTH);
        put_staff(&room, 170, 10); /* under the second one already */
        ck_assert_uint_eq(rotate(&room, FAILURE_NONE).count, 171);
        ck_assert_ptr_nonnull(strstr(rotate(&room, FAILURE_NONE).advice, "before 2"));
        room_reopen(&room, SECOND);
        record = get(&room.desk, "staff", "0099");
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "pin")), "13579");
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 180);
        ck_assert_ptr_nonnull(strstr(rotate(&room, FAILURE_NONE).advice, "icreissue-make-key --add"));
}
END_TEST

/* Its profile is gone: nobody says any more which of its fields are secret. */
START_TEST(a_rotation_leaves_the_secrets_of_an_unknown_type_sealed)
{
        static const IssuanceField rows[] = { { .type = "other", .name = "holder" } };
        _cleanup_room_ Room room = room_new();
        IssuanceFields *fields = fields_of(rows, ELEMENTS(rows));
        _cleanup_(record_freep) Record *record = NULL;

        put_staff(&room, 0, 3);
        room_reopen(&room, BOTH);
        ck_assert_int_eq(issuance_file_set_fields(room.desk.file, fields), 0);
        issuance_fields_unref(fields);
        ck_assert_uint_eq(rotate(&room, FAILURE_NONE).count, 3);
        record = get(&room.desk, "staff", "0001");
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "pin")), "13579");
        room_close(&room);
        ck_assert(!place_holds(&room.desk.place, "13579"));
        desk_open(&room.desk);
        jobs_open(&room);
}
END_TEST

START_TEST(a_rotation_that_is_stopped_is_finished_by_the_next_one)
{
        _cleanup_room_ Room room = room_new();
        _cleanup_failure_ Failure failure = {};
        Care *care = NULL;
        End end = {};
        uint64_t first;

        put_staff(&room, 0, 300);
        room_reopen(&room, BOTH);
        ck_assert_int_eq(care_rotate(room.desk.file, room.jobs, on_care, &end, &care, &failure), 0);
        ck_assert_int_ge(sd_event_run(room.desk.place.event, 1000000), 0); /* some of its steps */
        care_cancel(care);
        first = wait_end(&room, &end, FAILURE_CANCELLED).count;
        ck_assert_uint_lt(first, 300);
        ck_assert_uint_eq(rotate(&room, FAILURE_NONE).count, 300 - first);
        room_reopen(&room, SECOND);
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 300);
}
END_TEST

/* --- other keys --- */

static void change_keys(Room *room, const char *text, FailureKind kind) {
        SealKeys *keys = keys_of(text);
        _cleanup_answer_ Answer answer = {};

        await(&room->desk, key_change(room->desk.file, room->jobs, keys, on_stored, &answer), &answer, kind);
        seal_keys_unref(keys);
}

START_TEST(a_version_is_added_while_the_files_are_in_use)
{
        _cleanup_room_ Room room = room_new();

        put_staff(&room, 0, 30);
        store_job(&room, JOB, "4711");
        change_keys(&room, BOTH, FAILURE_NONE);
        change_keys(&room, BOTH, FAILURE_NONE);
        put_staff(&room, 30, 30);
        ck_assert_uint_eq(rotate(&room, FAILURE_NONE).count, 31);
        change_keys(&room, SECOND, FAILURE_NONE);
        check(&room, FAILURE_NONE);
        room_reopen(&room, SECOND);
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 60);
}
END_TEST

START_TEST(keys_that_lack_a_version_in_use_are_refused)
{
        _cleanup_room_ Room room = room_new();

        put_staff(&room, 0, 3);
        change_keys(&room, SECOND, FAILURE_STORE_FAILED);
        change_keys(&room, "1:" KEY_TWO "\n", FAILURE_STORE_FAILED);
        put_staff(&room, 3, 3);
        change_keys(&room, BOTH, FAILURE_NONE);
        change_keys(&room, "1:" KEY_ONE "\n", FAILURE_STORE_FAILED); /* the second one is in use now */
        room_reopen(&room, BOTH);
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 6);
}
END_TEST

START_TEST(a_version_that_comes_during_a_rotation_begins_it_anew)
{
        _cleanup_room_ Room room = room_new();
        _cleanup_failure_ Failure failure = {};
        Care *care = NULL;
        End end = {};

        put_staff(&room, 0, 120);
        change_keys(&room, BOTH, FAILURE_NONE);
        ck_assert_int_eq(care_rotate(room.desk.file, room.jobs, on_care, &end, &care, &failure), 0);
        change_keys(&room, BOTH "3:" KEY_ONE "\n", FAILURE_NONE);
        wait_end(&room, &end, FAILURE_NONE);
        room_reopen(&room, "3:" KEY_ONE "\n");
        ck_assert_uint_eq(check(&room, FAILURE_NONE).count, 120);
}
END_TEST

/* --- nobody listens any more --- */

START_TEST(a_care_that_is_abandoned_says_nothing_and_leaves_nothing)
{
        _cleanup_room_ Room room = room_new();
        _cleanup_failure_ Failure failure = {};
        End end = {};

        put_staff(&room, 0, 100);
        for (unsigned turns = 0; turns < 4; turns++) {
                Care *checking = NULL, *rotating = NULL;

                ck_assert_int_eq(care_check(room.desk.file, room.jobs, on_care, &end, &checking, &failure),
                                 0);
                ck_assert_int_eq(care_rotate(room.desk.file, room.jobs, on_care, &end, &rotating, &failure),
                                 0);
                for (unsigned turn = 0; turn < turns && !end.come; turn++)
                        ck_assert_int_ge(sd_event_run(room.desk.place.event, 0), 0);
                if (end.come)
                        break; /* it was quicker */

                care_abandon(checking);
                care_abandon(rotating);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("care");
        TCase *tcase = tcase_create("care");

        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, what_is_whole_is_found_whole);
        tcase_add_test(tcase, a_record_that_the_index_does_not_fit_is_found);
        tcase_add_test(tcase, a_record_that_is_gone_is_found);
        tcase_add_test(tcase, a_record_in_the_place_of_another_is_found);
        tcase_add_test(tcase, a_seal_that_was_broken_is_found);
        tcase_add_test(tcase, a_job_in_the_place_of_another_is_found);
        tcase_add_test(tcase, an_index_that_is_being_completed_is_no_damage);
        tcase_add_test(tcase, a_backup_is_a_store_of_its_own);
        tcase_add_test(tcase, a_backup_is_refused_where_one_is_already);
        tcase_add_test(tcase, a_backup_that_is_cancelled_leaves_nothing);
        tcase_add_test(tcase, after_a_rotation_the_second_key_suffices);
        tcase_add_test(tcase, a_rotation_leaves_the_secrets_of_an_unknown_type_sealed);
        tcase_add_test(tcase, a_rotation_that_is_stopped_is_finished_by_the_next_one);
        tcase_add_test(tcase, a_version_is_added_while_the_files_are_in_use);
        tcase_add_test(tcase, keys_that_lack_a_version_in_use_are_refused);
        tcase_add_test(tcase, a_version_that_comes_during_a_rotation_begins_it_anew);
        tcase_add_test(tcase, a_care_that_is_abandoned_says_nothing_and_leaves_nothing);
        suite_add_tcase(suite, tcase);
        return run_suite(suite);
}
