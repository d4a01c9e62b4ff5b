/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Imports and exports: whole or undone, bounded in memory, and cancelled at any moment. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "issuance-fixture.h"

typedef struct Moved {
        bool come;
        unsigned news;
        uint64_t records;
        double progress;
        FailureKind kind;
        char message[512];
        bool released;
        bool refuse;
} Moved;

static void on_moved(const TransferNews *news, void *userdata) {
        Moved *moved = userdata;

        ck_assert(!moved->come);
        moved->news++;
        moved->records = news->records;
        moved->progress = news->progress;
        moved->come = news->finished;
        moved->kind = news->failure->kind;
        snprintf(moved->message, sizeof(moved->message), "%s", failure_message(news->failure));
}

static void on_released(void *userdata) {
        ((Moved *) userdata)->released = true;
}

static int check_holder(const Record *record, void *userdata, Failure *failure) {
        const char *holder = json_string_value(json_object_get(record->fields, "holder"));

        if (((Moved *) userdata)->refuse && streq_null(holder, "refused"))
                return failure_set(failure, FAILURE_INVALID_ARGS, "Field holder is not what it must be.");

        return 0;
}

static Transfer *import(Desk *desk, int descriptor, bool replace, Moved *moved) {
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;
        int r;

        r = issuance_file_import(desk->file, descriptor, replace, &actor, check_holder, moved, on_released,
                                 on_moved, moved, &transfer, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return transfer;
}

static int text_file(const char *text) {
        char path[] = "/tmp/icreissue-test-lines-XXXXXX";
        int descriptor = mkostemp(path, O_CLOEXEC);

        ck_assert_int_ge(descriptor, 0);
        unlink(path);
        ck_assert_int_eq(write(descriptor, text, strlen(text)), (ssize_t) strlen(text));
        ck_assert_int_eq(lseek(descriptor, 0, SEEK_SET), 0);
        return descriptor;
}

static void import_text(Desk *desk, const char *text, bool replace, FailureKind kind, const char *message) {
        Moved moved = { .refuse = true };
        uint64_t before = issuance_file_count(desk->file);

        import(desk, text_file(text), replace, &moved);
        ck_assert(!moved.come);
        run_until(desk->place.event, &moved.come);
        ck_assert_msg(moved.kind == kind, "%s", moved.message);
        ck_assert(moved.released);
        if (kind == FAILURE_NONE)
                return;

        ck_assert_msg(strstr(moved.message, message), "%s", moved.message);
        ck_assert_uint_eq(issuance_file_count(desk->file), before);
}

static void check_only_first(Desk *desk) {
        _cleanup_answer_ Answer all = {};

        await(desk, issuance_file_list(desk->file, "", "", 100, on_rows, &all), &all, FAILURE_NONE);
        ck_assert_str_eq(all.rows, "staff/00420017:1:i ");
}

START_TEST(lines_are_imported_with_empty_ones_between_and_no_newline_at_the_end)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer all = {};

        import_text(
                &desk,
                "{\"type\":\"a\",\"id\":\"1\"}\n\n \r\n{\"type\":\"a\",\"id\":\"2\",\"count\":4,\"flag\":\"issued\"}",
                false, FAILURE_NONE, NULL);
        ck_assert_uint_eq(issuance_file_count(desk.file), 2);
        desk_reopen(&desk);
        await(&desk, issuance_file_list(desk.file, "", "", 100, on_rows, &all), &all, FAILURE_NONE);
        ck_assert_str_eq(all.rows, "a/1:0:u a/2:4:i ");
}
END_TEST

static const struct {
        const char *text, *message;
        bool replace;
} bad_imports[] = {
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"a\"\n", "line 2: At byte", false },
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"a\",\"id\":\"2\"", "line 2: At byte", false },
        { "\n{\"type\":\"a\",\"id\":\"1\"}\n\n{\"type\":\"a\",\"id\":\"1\"}", "line 4: The same type and ID",
          true },
        { "{\"type\":\"a\",\"id\":\"1\"}\n" ISSUED "\n", "line 2: A record of this type and ID is there",
          false },
        { "{\"type\":\"a\",\"id\":\"1\",\"fields\":{\"holder\":\"refused\"}}\n", "line 1: Field holder",
          false },
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"staff\",\"id\":\"00420017\",\"count\":0}\n",
          "line 2: The record's count", true },
        { "{\"type\":\"a\",\"id\":\"1\",\"extraction\":{\"job\":\"j\",\"at\":\"2026-11-24T09:00:00Z\"}}\n",
          "line 1: A record cannot", false },
};

START_TEST(an_import_with_a_mistake_names_its_line_and_changes_nothing)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        import_text(&desk, bad_imports[_i].text, bad_imports[_i].replace, FAILURE_INVALID_ARGS,
                    bad_imports[_i].message);
        check_only_first(&desk);
        desk_reopen(&desk);
        check_only_first(&desk);
}
END_TEST

START_TEST(of_several_mistakes_the_first_line_is_named)
{
        _cleanup_desk_ Desk desk = desk_new();
        char text[4096] = "{\"type\":\"z\",\"id\":\"1\"}\n";

        put_many(&desk, "a", 30);
        for (unsigned i = 0; i < 30; i++)
                sprintf(text + strlen(text), "{\"type\":\"a\",\"id\":\"%03u\"}\n", i);
        import_text(&desk, text, false, FAILURE_INVALID_ARGS, "line 2: ");
}
END_TEST

START_TEST(an_import_over_a_reserved_record_is_refused)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        extract(&desk, "job-1", true, FAILURE_NONE);
        import_text(&desk, "\n{\"type\":\"staff\",\"id\":\"00420017\"}", true, FAILURE_RECORD_IN_USE,
                    "line 2: Job job-1");
        import_text(&desk, "{\"type\":\"staff\",\"id\":\"00420017\"}", false, FAILURE_RECORD_IN_USE,
                    "line 1: Job job-1");
}
END_TEST

START_TEST(an_import_that_replaces_keeps_history_flag_and_count)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *record = NULL;

        put(&desk, ISSUED, FAILURE_NONE);
        import_text(&desk, "{\"type\":\"staff\",\"id\":\"00420017\",\"fields\":{\"holder\":\"N\"}}", true,
                    FAILURE_NONE, NULL);
        ck_assert_str_eq(state(&desk), "issued 1 free changed");
        record = get(&desk, "staff", "00420017");
        ck_assert_uint_eq(json_array_size(record->history), 2);
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "holder")), "N");
        ck_assert_uint_eq(issuance_file_count(desk.file), 1);
}
END_TEST

START_TEST(a_line_that_never_ends_is_refused_by_its_number)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_free_ char *text = malloc(400001);

        memset(text, 'x', 400000);
        text[400000] = '\0';
        text[0] = '\n';
        import_text(&desk, text, false, FAILURE_INVALID_ARGS, "line 2: A record may have at most");
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
        transfer = import(&desk, ends[0], false, &moved);
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
        import(&desk, ends[0], false, &moved);
        desk.file = issuance_file_close(desk.file);
        ck_assert(moved.come && moved.released);
        ck_assert_int_eq(moved.kind, FAILURE_CANCELLED);
        close(ends[1]);
        place_done(&desk.place);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_read_is_refused_at_once)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;
        Moved moved = {};

        ck_assert_int_lt(issuance_file_import(desk.file, open("/dev/null", O_WRONLY | O_CLOEXEC), false,
                                              &actor, NULL, &moved, on_released, on_moved, &moved, &transfer,
                                              &failure),
                         0);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        ck_assert(!moved.released);
}
END_TEST

static bool withhold_key(const char *type, const char *field, void *userdata _unused_) {
        return streq(type, "staff") && streq(field, "key");
}

static Transfer *export(Desk *desk, int descriptor, const char *type, Moved *moved) {
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;
        int r;

        r = issuance_file_export(desk->file, descriptor, type, withhold_key, moved, on_released, on_moved,
                                 moved, &transfer, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return transfer;
}

START_TEST(what_is_exported_can_be_imported_elsewhere_without_what_is_withheld)
{
        _cleanup_desk_ Desk desk = desk_new(), other = desk_new();
        Moved moved = {};
        char text[4096] = {};
        int descriptor = text_file(""), own = dup(descriptor);

        put(&desk,
            "{\"type\":\"staff\",\"id\":\"00420017\",\"flag\":\"issued\",\"count\":1,\"fields\":{\"holder\":\"A\",\"key\":\"SECRET\"}}",
            FAILURE_NONE);
        put_many(&desk, "b", 2);
        extract(&desk, "job-1", true, FAILURE_NONE);
        export(&desk, descriptor, "staff", &moved);
        run_until(desk.place.event, &moved.come);
        ck_assert_msg(moved.kind == FAILURE_NONE, "%s", moved.message);
        ck_assert_uint_eq(moved.records, 1);
        ck_assert(moved.released);
        ck_assert_int_gt(pread(own, text, sizeof(text) - 1, 0), 0);
        close(own);
        ck_assert_ptr_null(strstr(text, "SECRET"));
        ck_assert_ptr_null(strstr(text, "extraction"));
        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
        import_text(&other, text, false, FAILURE_NONE, NULL);
        ck_assert_str_eq(state(&other), "unissued 2 free enrolled");
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
        export(&desk, ends[1], "", &moved);
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
        transfer = export(&desk, ends[1], "", &moved);
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
        export(&desk, ends[1], "", &second);
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

START_TEST(ten_thousand_records_are_imported_with_progress)
{
        _cleanup_desk_ Desk desk = desk_new();
        Moved moved = {};
        int descriptor = text_file(""), copy = dup(descriptor);
        FILE *stream = fdopen(copy, "w");

        put_many(&desk, "a", 3);
        for (unsigned i = 0; i < 10000; i++)
                fprintf(stream, "{\"type\":\"b\",\"id\":\"%u\",\"fields\":{\"holder\":\"%0200u\"}}\n", i, i);
        fclose(stream);
        lseek(descriptor, 0, SEEK_SET);
        import(&desk, descriptor, false, &moved);
        run_until(desk.place.event, &moved.come);
        ck_assert_msg(moved.kind == FAILURE_NONE, "%s", moved.message);
        ck_assert_uint_eq(moved.records, 10000);
        ck_assert_uint_gt(moved.news, 1);
        ck_assert(moved.progress == 1);
        ck_assert_uint_eq(issuance_file_count(desk.file), 10003);
        desk_reopen(&desk);
        ck_assert_uint_eq(issuance_file_count(desk.file), 10003);
}
END_TEST

/* In a process of its own: imports until it is killed, and says when one is about to begin. */
static void import_until_killed(int told) {
        Desk desk = desk_new();
        char text[65536] = "";

        if (write(told, desk.place.directory, sizeof(desk.place.directory)) < 0)
                _exit(1);
        for (unsigned n = 0;; n++) {
                Moved moved = {};

                text[0] = '\0';
                for (unsigned i = 0; i < 500; i++)
                        sprintf(text + strlen(text), "{\"type\":\"t%u\",\"id\":\"%u\"}\n", n, i);
                import(&desk, text_file(text), false, &moved);
                run_until(desk.place.event, &moved.come);
                if (write(told, &n, sizeof(n)) != sizeof(n))
                        _exit(1);
        }
}

START_TEST(an_import_is_whole_or_undone_when_the_process_is_killed)
{
        Place crashed = {};
        Desk desk = {};
        unsigned n;
        int ends[2];
        pid_t child;

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        child = fork();
        if (child == 0)
                import_until_killed(ends[1]);

        ck_assert_int_eq(read(ends[0], crashed.directory, sizeof(crashed.directory)),
                         (ssize_t) sizeof(crashed.directory));
        ck_assert_int_eq(read(ends[0], &n, sizeof(n)), (ssize_t) sizeof(n));
        usleep((useconds_t) _i * 2300);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ends[1]);
        while (read(ends[0], &n, sizeof(n)) == sizeof(n))
                ;
        close(ends[0]);

        desk.place = crashed;
        ck_assert_int_ge(sd_event_new(&desk.place.event), 0);
        ck_assert_int_ge(store_thread_new(desk.place.event, &desk.place.thread), 0);
        desk_open(&desk);
        ck_assert_uint_eq(issuance_file_count(desk.file) % 500, 0);
        ck_assert_uint_ge(issuance_file_count(desk.file), (n + 1) * 500);
        desk_done(&desk);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("transfer");
        TCase *transfers = tcase_create("transfers");

        record_erase_json_memory();
        tcase_add_test(transfers, lines_are_imported_with_empty_ones_between_and_no_newline_at_the_end);
        tcase_add_loop_test(transfers, an_import_with_a_mistake_names_its_line_and_changes_nothing, 0,
                            (int) ELEMENTS(bad_imports));
        tcase_add_test(transfers, of_several_mistakes_the_first_line_is_named);
        tcase_add_test(transfers, an_import_over_a_reserved_record_is_refused);
        tcase_add_test(transfers, an_import_that_replaces_keeps_history_flag_and_count);
        tcase_add_test(transfers, a_line_that_never_ends_is_refused_by_its_number);
        tcase_add_loop_test(transfers, an_import_from_a_pipe_that_never_ends_is_cancelled, 0, 2);
        tcase_add_test(transfers, a_file_that_is_closed_ends_its_transfers);
        tcase_add_test(transfers, a_descriptor_that_cannot_be_read_is_refused_at_once);
        tcase_add_test(transfers, what_is_exported_can_be_imported_elsewhere_without_what_is_withheld);
        tcase_add_loop_test(transfers, an_export_to_a_closed_pipe_or_a_full_disk_fails, 0, 3);
        tcase_add_test(transfers, an_export_that_nobody_reads_is_cancelled_and_shows_one_moment);
        tcase_add_test(transfers, ten_thousand_records_are_imported_with_progress);
        tcase_add_loop_test(transfers, an_import_is_whole_or_undone_when_the_process_is_killed, 0, 20);
        tcase_set_timeout(transfers, 120);
        suite_add_tcase(suite, transfers);
        return run_suite(suite);
}
