/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exports, and what imports and exports have in common: descriptors of every kind, cancelled at any moment. */
#include <signal.h>
#include <sys/socket.h>

#include "transfer-fixture.h"

static void check_only_first(Desk *desk) {
        _cleanup_answer_ Answer all = {};

        await(desk, issuance_file_list(desk->file, "", "", 100, on_rows, &all), &all, FAILURE_NONE);
        ck_assert_str_eq(all.rows, "staff/00420017:1:i ");
}

START_TEST(a_line_that_never_ends_is_refused_by_its_number)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_free_ char *text = malloc(400001);

        memset(text, 'x', 400000);
        text[400000] = '\0';
        text[0] = '\n';
        import_text(&desk, text, IMPORT_ADD, FAILURE_INVALID_ARGS, "line 2: A record may have at most");
}
END_TEST

START_TEST(an_import_from_a_pipe_that_never_ends_is_cancelled)
{
        _cleanup_desk_ Desk desk = desk_new();
        Moved moved = {};
        Transfer *transfer;
        int ends[2];

        put(&desk, ISSUED, FAILURE_NONE);
        if (_i == 0)
                ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        else
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        transfer = import(&desk, ends[0], IMPORT_ADD, &moved);
        ck_assert_int_eq(write(ends[1], "{\"type\":\"a\",\"id\":\"1\"}\n{", 24), 24);
        sd_event_run(desk.place.event, 300000);
        ck_assert(!moved.come);
        /* Everything else goes on meanwhile. */
        check_only_first(&desk);
        transfer_cancel(transfer);
        run_until(desk.place.event, &moved.come);
        ck_assert_int_eq(moved.kind, FAILURE_CANCELLED);
        check_only_first(&desk);
        close(ends[1]);
}
END_TEST

START_TEST(a_file_that_is_closed_ends_its_transfers)
{
        Desk desk = desk_new();
        Moved moved = {};
        int ends[2];

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        import(&desk, ends[0], IMPORT_ADD, &moved);
        desk.file = issuance_file_close(desk.file);
        ck_assert(moved.come && moved.released);
        ck_assert_int_eq(moved.kind, FAILURE_CANCELLED);
        close(ends[1]);
        desk_done(&desk);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_read_is_refused_at_once)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;
        Moved moved = {};

        ck_assert_int_lt(issuance_file_import(desk.file, open("/dev/null", O_WRONLY | O_CLOEXEC), IMPORT_ADD,
                                              &actor, NULL, &moved, on_released, on_moved, &moved, &transfer,
                                              &failure),
                         0);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        ck_assert(!moved.released);
}
END_TEST

#define SECRET \
        "{\"type\":\"staff\",\"id\":\"00420017\",\"flag\":\"issued\",\"count\":1,\"fields\":{\"holder\":\"A\",\"pin\":\"SECRET\"}}"

static void expect_pin(Desk *desk, const char *value) {
        _cleanup_(record_freep) Record *record = get(desk, "staff", "00420017");

        ck_assert(streq_null(json_string_value(json_object_get(record->fields, "pin")), value));
}

START_TEST(what_is_exported_can_be_imported_elsewhere_without_its_secrets)
{
        _cleanup_desk_ Desk desk = desk_new(), other = desk_new();
        const char *text;

        put(&desk, SECRET, FAILURE_NONE);
        put_many(&desk, "b", 2);
        extract(&desk, "job-1", true, FAILURE_NONE);
        text = exported(&desk, "staff", false);
        ck_assert_ptr_null(strstr(text, "SECRET"));
        ck_assert_ptr_null(strstr(text, "sealed"));
        ck_assert_ptr_null(strstr(text, "extraction"));
        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
        import_text(&other, text, IMPORT_ADD, FAILURE_NONE, NULL);
        ck_assert_str_eq(state(&other), "unissued 2 free enrolled");
        expect_pin(&other, NULL);
}
END_TEST

START_TEST(a_sealed_export_gives_secrets_back_to_who_has_the_key)
{
        _cleanup_desk_ Desk desk = desk_new(), same = desk_new(),
                            foreign = { .place = place_new(), .keys = keys_of("1:" KEY_TWO "\n") };
        char text[4096], *id;

        put(&desk, SECRET, FAILURE_NONE);
        snprintf(text, sizeof(text), "%s", exported(&desk, "", true));
        ck_assert_ptr_null(strstr(text, "SECRET"));
        ck_assert_ptr_nonnull(strstr(text, "\"sealed\":{\"pin\":\"1:"));
        import_text(&same, text, IMPORT_REPLACE, FAILURE_NONE, NULL);
        expect_pin(&same, "SECRET");
        ck_assert(!place_holds(&same.place, "SECRET"));

        desk_open(&foreign);
        import_text(&foreign, text, IMPORT_ADD, FAILURE_INVALID_ARGS,
                    "line 1: A sealed field cannot be opened");
        id = strstr(text, "00420017");
        memcpy(id, "00420018", 8);
        import_text(&same, text, IMPORT_ADD, FAILURE_INVALID_ARGS, "line 1: A sealed field cannot be opened");
}
END_TEST

START_TEST(a_secret_that_the_file_has_in_the_clear_is_exported_sealed_or_not_at_all)
{
        static const IssuanceField no_secret[] = { { .type = "staff", .name = "holder", .indexed = true } };
        _cleanup_desk_ Desk desk = { .place = place_new(), .fields = fields_of(no_secret, 1) };
        IssuanceFields *fields = usual_fields();
        const char *text;

        desk_open(&desk);
        put(&desk, SECRET, FAILURE_NONE);
        ck_assert_int_eq(issuance_file_set_fields(desk.file, fields), 0);
        issuance_fields_unref(fields);
        ck_assert_ptr_null(strstr(exported(&desk, "", false), "SECRET"));
        text = exported(&desk, "", true);
        ck_assert_ptr_null(strstr(text, "SECRET"));
        ck_assert_ptr_nonnull(strstr(text, "\"sealed\":{\"pin\":\"1:"));
}
END_TEST

START_TEST(an_export_to_a_closed_pipe_or_a_full_disk_fails)
{
        _cleanup_desk_ Desk desk = desk_new();
        Moved moved = {};
        int ends[2];

        put(&desk, ISSUED, FAILURE_NONE);
        if (_i == 0) {
                ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
                close(ends[0]);
        } else if (_i == 1) {
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
                close(ends[0]);
        } else
                ends[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
        export(&desk, ends[1], "", false, &moved);
        run_until(desk.place.event, &moved.come);
        ck_assert_int_eq(moved.kind, FAILURE_INVALID_ARGS);
        ck_assert_ptr_nonnull(strstr(moved.message, _i == 2 ? "No space left" : "Broken pipe"));
}
END_TEST

START_TEST(an_export_that_nobody_reads_is_cancelled_and_shows_one_moment)
{
        _cleanup_desk_ Desk desk = desk_new();
        char text[4096], buffer[65536];
        size_t lines = 0;
        Transfer *transfer;
        Moved moved = {}, second = {};
        int ends[2];
        ssize_t n;

        for (unsigned i = 0; i < 60; i++) {
                snprintf(text, sizeof(text),
                         "{\"type\":\"a\",\"id\":\"%03u\",\"fields\":{\"holder\":\"%03500u\"}}", i, i);
                put(&desk, text, FAILURE_NONE);
        }

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        transfer = export(&desk, ends[1], "", false, &moved);
        for (unsigned i = 0; i < 20; i++)
                sd_event_run(desk.place.event, 10000);
        ck_assert(!moved.come);
        put_many(&desk, "later", 5);
        removing(&desk, FAILURE_NO_RECORD);
        transfer_cancel(transfer);
        run_until(desk.place.event, &moved.come);
        ck_assert_int_eq(moved.kind, FAILURE_CANCELLED);
        close(ends[0]);

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        export(&desk, ends[1], "", false, &second);
        for (unsigned i = 0; i < 20; i++)
                sd_event_run(desk.place.event, 10000);
        put_many(&desk, "later-still", 5);
        for (;;) {
                bool ended = second.come;

                n = read(ends[0], buffer, sizeof(buffer));
                for (ssize_t i = 0; i < n; i++)
                        lines += buffer[i] == '\n';
                if (n <= 0 && ended)
                        break;
                if (n <= 0)
                        sd_event_run(desk.place.event, 1000);
        }

        ck_assert_int_eq(second.kind, FAILURE_NONE);
        ck_assert_uint_eq(second.records, 65);
        ck_assert_uint_eq(lines, 65);
        close(ends[0]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("transfer");
        TCase *transfers = tcase_create("transfers");

        record_erase_json_memory();
        tcase_add_test(transfers, a_line_that_never_ends_is_refused_by_its_number);
        tcase_add_loop_test(transfers, an_import_from_a_pipe_that_never_ends_is_cancelled, 0, 2);
        tcase_add_test(transfers, a_file_that_is_closed_ends_its_transfers);
        tcase_add_test(transfers, a_descriptor_that_cannot_be_read_is_refused_at_once);
        tcase_add_test(transfers, what_is_exported_can_be_imported_elsewhere_without_its_secrets);
        tcase_add_test(transfers, a_sealed_export_gives_secrets_back_to_who_has_the_key);
        tcase_add_test(transfers, a_secret_that_the_file_has_in_the_clear_is_exported_sealed_or_not_at_all);
        tcase_add_loop_test(transfers, an_export_to_a_closed_pipe_or_a_full_disk_fails, 0, 3);
        tcase_add_test(transfers, an_export_that_nobody_reads_is_cancelled_and_shows_one_moment);
        tcase_set_timeout(transfers, 120);
        suite_add_tcase(suite, transfers);
        return run_suite(suite);
}
