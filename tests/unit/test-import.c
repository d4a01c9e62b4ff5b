/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Imports: whole or undone, in each mode, as one change set and as a whole new file (a loop test's second round). */
#include <signal.h>
#include <sys/wait.h>

#include "tests/apart.h"
#include "transfer-fixture.h"

enum { FILLERS = 1100 }; /* lines that make an import too large for one change set */

/* The lines, and in the second round many more of another type. */
static int lines_file(const char *text, bool large) {
        int descriptor = text_file(text);
        FILE *stream = fdopen(dup(descriptor), "a");

        if (large)
                for (unsigned i = 0; i < FILLERS; i++)
                        fprintf(stream, "\n{\"type\":\"zz\",\"id\":\"%u\",\"flag\":\"issued\"}", i);
        fclose(stream);
        ck_assert_int_eq(lseek(descriptor, 0, SEEK_SET), 0);
        return descriptor;
}

static void import_lines(Desk *desk, const char *text, bool large, ImportMode mode, FailureKind kind,
                         const char *message) {
        import_descriptor(desk, lines_file(text, large), mode, kind, message);
}

/* All rows but the fillers, by the index. */
static void expect_rows(Desk *desk, const char *rows) {
        _cleanup_answer_ Answer all = {};
        char *end;

        await(desk, issuance_file_list(desk->file, "", "", 1000, on_rows, &all), &all, FAILURE_NONE);
        end = strstr(all.rows, "zz/");
        while (end) {
                char *next = strchr(end, ' ') + 1;

                memmove(end, next, strlen(next) + 1);
                end = strstr(end, "zz/");
        }

        ck_assert_str_eq(all.rows, rows);
}

static void expect_found(Desk *desk, const char *field, const char *value, const char *rows) {
        _cleanup_answer_ Answer found = {};

        await(desk, issuance_file_find(desk->file, field, value, on_rows, &found), &found, FAILURE_NONE);
        ck_assert_str_eq(found.rows, rows);
}

static void expect_requested(Desk *desk, const char *rows) {
        _cleanup_answer_ Answer found = {};

        await(desk, issuance_file_requested(desk->file, on_rows, &found), &found, FAILURE_NONE);
        ck_assert_str_eq(found.rows, rows);
}

static void expect_count(Desk *desk, uint64_t count) {
        ck_assert_uint_eq(issuance_file_count(desk->file), count);
        desk_reopen(desk);
        ck_assert_uint_eq(issuance_file_count(desk->file), count);
}

START_TEST(lines_are_imported_with_empty_ones_between_and_no_newline_at_the_end)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        import_lines(&desk,
                     "{\"type\":\"a\",\"id\":\"1\",\"fields\":{\"holder\":\"H\"}}\n\n \r\n"
                     "{\"type\":\"a\",\"id\":\"2\",\"count\":4,\"flag\":\"issued\"}",
                     _i, IMPORT_ADD, FAILURE_NONE, NULL);
        for (unsigned i = 0; i < 2; i++) {
                expect_rows(&desk, "a/1:0:u a/2:4:i staff/00420017:1:i ");
                expect_found(&desk, "holder", "H", "a/1:0:u ");
                expect_found(&desk, "holder", "A", "staff/00420017:1:i ");
                expect_requested(&desk, "a/1:0:u ");
                expect_count(&desk, _i ? 3 + FILLERS : 3);
        }
}
END_TEST

#define EXTRACTED \
        "{\"type\":\"a\",\"id\":\"1\",\"extraction\":{\"job\":\"j\",\"at\":\"2026-11-24T09:00:00Z\"}}\n"

static const struct {
        const char *text, *message;
        ImportMode mode;
        bool late; /* found only when the lines are held against each other and against what is there */
} bad_imports[] = {
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"a\"\n", "line 2: At byte", IMPORT_ADD, false },
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"a\",\"id\":\"2\"", "line 2: At byte", IMPORT_ADD,
          false },
        { "\n{\"type\":\"a\",\"id\":\"1\"}\n\n{\"type\":\"a\",\"id\":\"1\"}",
          "line 4: The same type and ID stands in an earlier line, line 2.", IMPORT_MERGE, true },
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"a\",\"id\":\"1\"}", "line 2: The same", IMPORT_REPLACE,
          true },
        { "{\"type\":\"a\",\"id\":\"1\"}\n" ISSUED "\n", "line 2: A record of this type and ID is there",
          IMPORT_ADD, true },
        { "{\"type\":\"a\",\"id\":\"1\",\"fields\":{\"holder\":\"refused\"}}\n", "line 1: Field holder",
          IMPORT_ADD, false },
        { "{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"staff\",\"id\":\"00420017\",\"count\":1}\n",
          "line 2: The record that is there differs", IMPORT_MERGE, true },
        { EXTRACTED, "line 1: A record cannot", IMPORT_ADD, false },
        { "{\"type\":\"a\",\"id\":\"1\",\"sealed\":{\"pin\":\"1:QUJD\"}}\n", "line 1: A sealed field",
          IMPORT_ADD, false },
        { "{\"type\":\"a\",\"id\":\"1\",\"sealed\":{\"pin\":3}}\n", "line 1: A record: what is sealed",
          IMPORT_ADD, false },
        { "{\"type\":\"a\",\"id\":\"1\",\"sealed\":\"x\"}\n", "line 1: A record: sealed must", IMPORT_ADD,
          false },
};

START_TEST(an_import_with_a_mistake_names_its_line_and_changes_nothing)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        for (size_t i = 0; i < ELEMENTS(bad_imports); i++)
                for (int large = 0; large <= bad_imports[i].late; large++) {
                        import_lines(&desk, bad_imports[i].text, large, bad_imports[i].mode,
                                     FAILURE_INVALID_ARGS, bad_imports[i].message);
                        expect_rows(&desk, "staff/00420017:1:i ");
                }

        expect_count(&desk, 1);
        expect_rows(&desk, "staff/00420017:1:i ");
}
END_TEST

START_TEST(of_many_mistakes_the_first_lines_are_named)
{
        _cleanup_desk_ Desk desk = desk_new();
        char text[4096] = "{\"type\":\"z\",\"id\":\"1\"}\n";

        put_many(&desk, "a", 30);
        for (unsigned i = 0; i < 30; i++)
                sprintf(text + strlen(text), "{\"type\":\"a\",\"id\":\"%03u\",\"count\":0}\n", 29 - i);
        import_lines(&desk, text, _i, IMPORT_ADD, FAILURE_INVALID_ARGS,
                     "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 (and 20 more): A record");
        import_lines(&desk, text, _i, IMPORT_MERGE, FAILURE_INVALID_ARGS,
                     "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 (and 20 more): The record");
}
END_TEST

START_TEST(a_reserved_record_is_left_as_it_is)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        extract(&desk, "job-1", true, FAILURE_NONE);
        import_lines(&desk, "{\"type\":\"staff\",\"id\":\"00420017\"}", _i, IMPORT_ADD, FAILURE_RECORD_IN_USE,
                     "line 1: Job job-1");
        import_lines(&desk, "\n{\"type\":\"staff\",\"id\":\"00420017\",\"count\":9}", _i, IMPORT_MERGE,
                     FAILURE_RECORD_IN_USE, "line 2: Job job-1");
        import_lines(&desk, "{\"type\":\"a\",\"id\":\"1\"}", _i, IMPORT_REPLACE, FAILURE_RECORD_IN_USE,
                     "Job job-1");
        /* Beside others it does not matter. */
        import_lines(&desk, "{\"type\":\"a\",\"id\":\"1\"}", _i, IMPORT_MERGE, FAILURE_NONE, NULL);
        ck_assert_str_eq(state(&desk), "unissued 2 reserved requested");
        expect_requested(&desk, "a/1:0:u ");
        confirm(&desk, "job-1", 2, FAILURE_NONE);
}
END_TEST

START_TEST(a_merge_takes_what_is_newer_and_keeps_both_histories)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *record = NULL;

        put(&desk, ISSUED, FAILURE_NONE);
        import_lines(&desk,
                     "{\"type\":\"staff\",\"id\":\"00420017\",\"count\":3,\"flag\":\"unissued\","
                     "\"fields\":{\"holder\":\"N\",\"pin\":\"1234\"},"
                     "\"history\":[{\"at\":\"2020-01-01T00:00:00Z\",\"event\":\"enrolled\",\"count\":0}]}",
                     _i, IMPORT_MERGE, FAILURE_NONE, NULL);
        ck_assert_str_eq(state(&desk), "unissued 3 free changed");
        record = get(&desk, "staff", "00420017");
        ck_assert_uint_eq(json_array_size(record->history), 3);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(record->history, 0), "at")),
                         "2020-01-01T00:00:00Z");
        ck_assert_str_eq(json_string_value(json_object_get(record->fields, "pin")), "1234");
        expect_found(&desk, "holder", "A", "");
        expect_found(&desk, "holder", "N", "staff/00420017:3:u ");
        expect_requested(&desk, "staff/00420017:3:u ");
        expect_count(&desk, _i ? 1 + FILLERS : 1);
}
END_TEST

START_TEST(what_is_imported_twice_is_imported_once)
{
        static const char line[] = "{\"type\":\"staff\",\"id\":\"00420017\",\"count\":3,\"flag\":\"issued\","
                                   "\"fields\":{\"holder\":\"N\",\"pin\":\"1234\"}}";
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_(record_freep) Record *record = NULL;

        for (unsigned i = 0; i < 3; i++)
                import_lines(&desk, line, _i, IMPORT_MERGE, FAILURE_NONE, NULL);
        import_text(&desk, exported(&desk, "staff", true), IMPORT_MERGE, FAILURE_NONE, NULL);
        record = get(&desk, "staff", "00420017");
        ck_assert_uint_eq(json_array_size(record->history), 1);
        expect_rows(&desk, "staff/00420017:3:i ");
}
END_TEST

START_TEST(an_import_that_replaces_is_the_whole_file)
{
        _cleanup_desk_ Desk desk = desk_new();

        put(&desk, ISSUED, FAILURE_NONE);
        put_many(&desk, "a", 40);
        import_lines(
                &desk,
                "{\"type\":\"a\",\"id\":\"001\",\"count\":2,\"flag\":\"issued\",\"fields\":{\"holder\":\"h1\"}}\n"
                "{\"type\":\"a\",\"id\":\"x\"}",
                _i, IMPORT_REPLACE, FAILURE_NONE, NULL);
        for (unsigned i = 0; i < 2; i++) {
                expect_rows(&desk, "a/001:2:i a/x:0:u ");
                expect_found(&desk, "holder", "h1", "a/001:2:i ");
                expect_found(&desk, "holder", "h2", "");
                expect_found(&desk, "holder", "A", "");
                expect_requested(&desk, "a/x:0:u ");
                expect_count(&desk, _i ? 2 + FILLERS : 2);
        }

        import_text(&desk, "", IMPORT_REPLACE, FAILURE_NONE, NULL);
        expect_rows(&desk, "");
        expect_count(&desk, 0);
        put(&desk, ISSUED, FAILURE_NONE);
        expect_rows(&desk, "staff/00420017:1:i ");
}
END_TEST

/* Runs the event loop until the new file is being made. */
static void run_until_bulk(Desk *desk) {
        char path[128];

        place_path(&desk->place, "issuance.bulk.gdbm", path);
        while (access(path, F_OK) < 0)
                ck_assert_int_ge(sd_event_run(desk->place.event, 1000), 0);
}

static void begin_put(Desk *desk, const char *text, Answer *answer) {
        bool has_flag, has_count;
        Record *record = NULL;

        ck_assert_int_eq(record_parse_given(span_of_string(text), &record, &has_flag, &has_count, NULL), 0);
        ck_assert_int_eq(
                issuance_file_put(desk->file, record, has_flag, has_count, &actor, on_record, answer), 0);
}

START_TEST(what_is_changed_while_an_import_runs_is_kept)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer enrolled = {}, changed = {}, removed = {};
        Moved moved = {};

        put(&desk, ISSUED, FAILURE_NONE);
        put_many(&desk, "a", 5);
        import(&desk, lines_file("{\"type\":\"a\",\"id\":\"x\"}", true), IMPORT_MERGE, &moved);
        run_until_bulk(&desk);
        begin_put(&desk, "{\"type\":\"a\",\"id\":\"y\",\"fields\":{\"holder\":\"Y\"}}", &enrolled);
        begin_put(&desk,
                  "{\"type\":\"staff\",\"id\":\"00420017\",\"fields\":{\"holder\":\"B\",\"pin\":\"7\"}}",
                  &changed);
        ck_assert_int_eq(issuance_file_remove(desk.file, "a", "003", on_record, &removed), 0);
        run_until(desk.place.event, &moved.come);
        ck_assert_msg(moved.kind == FAILURE_NONE, "%s", moved.message);
        ck_assert(enrolled.come && changed.come && removed.come);
        for (unsigned i = 0; i < 2; i++) {
                expect_rows(&desk,
                            "a/000:0:u a/001:0:u a/002:0:u a/004:0:u a/x:0:u a/y:0:u staff/00420017:1:i ");
                expect_found(&desk, "holder", "A", "");
                expect_found(&desk, "holder", "B", "staff/00420017:1:i ");
                expect_found(&desk, "holder", "Y", "a/y:0:u ");
                expect_found(&desk, "holder", "h0", "a/000:0:u ");
                expect_count(&desk, 7 + FILLERS);
        }
}
END_TEST

static const struct {
        const char *import, *change;
        ImportMode mode;
} collisions[] = {
        { "{\"type\":\"a\",\"id\":\"x\"}", "{\"type\":\"a\",\"id\":\"x\"}", IMPORT_ADD },
        { "{\"type\":\"staff\",\"id\":\"00420017\",\"count\":4}", ISSUED, IMPORT_MERGE },
        { "{\"type\":\"a\",\"id\":\"x\"}", ISSUED, IMPORT_REPLACE },
        { "{\"type\":\"a\",\"id\":\"x\"}", "{\"type\":\"a\",\"id\":\"y\"}", IMPORT_REPLACE },
};

START_TEST(an_import_of_what_is_changed_meanwhile_fails)
{
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer changed = {};
        Moved moved = {};

        put(&desk, ISSUED, FAILURE_NONE);
        import(&desk, lines_file(collisions[_i].import, true), collisions[_i].mode, &moved);
        run_until_bulk(&desk);
        begin_put(&desk, collisions[_i].change, &changed);
        run_until(desk.place.event, &moved.come);
        ck_assert_int_eq(moved.kind, FAILURE_STORE_FAILED);
        ck_assert_msg(strstr(moved.message, "was changed while the import ran"), "%s", moved.message);
        ck_assert(changed.come && changed.kind == FAILURE_NONE);
        ck_assert_uint_le(issuance_file_count(desk.file), 2);
        import_text(&desk, "{\"type\":\"b\",\"id\":\"x\"}", IMPORT_REPLACE, FAILURE_NONE, NULL);
        expect_count(&desk, 1);
}
END_TEST

START_TEST(an_import_is_cancelled_or_closed_while_the_new_file_is_made)
{
        Desk desk = desk_new();
        char path[128];
        Moved moved = {};
        Transfer *transfer;

        put(&desk, ISSUED, FAILURE_NONE);
        transfer = import(&desk, lines_file("", true), IMPORT_REPLACE, &moved);
        run_until_bulk(&desk);
        if (_i == 0) {
                transfer_cancel(transfer);
                run_until(desk.place.event, &moved.come);
        } else {
                desk.file = issuance_file_close(desk.file);
                run_until(desk.place.event, &moved.come);
                desk_open(&desk);
        }

        ck_assert(moved.released);
        ck_assert_int_eq(moved.kind, FAILURE_CANCELLED);
        expect_rows(&desk, "staff/00420017:1:i ");
        place_path(&desk.place, "issuance.bulk.gdbm", path);
        ck_assert_int_lt(access(path, F_OK), 0);
        import_lines(&desk, "", true, IMPORT_ADD, FAILURE_NONE, NULL);
        expect_count(&desk, 1 + FILLERS);
        desk_done(&desk);
}
END_TEST

START_TEST(other_fields_that_are_to_be_indexed_meanwhile_are_found)
{
        static const IssuanceField before[] = { { .type = "b", .name = "key", .indexed = true },
                                                { .type = "a", .name = "holder" } };
        _cleanup_desk_ Desk desk = { .place = place_new(), .fields = fields_of(before, ELEMENTS(before)) };
        IssuanceFields *fields = usual_fields();
        Moved moved = {};

        desk_open(&desk);
        put_many(&desk, "a", 2);
        import(&desk, lines_file("{\"type\":\"a\",\"id\":\"x\",\"fields\":{\"holder\":\"X\"}}", true),
               IMPORT_ADD, &moved);
        run_until_bulk(&desk);
        ck_assert_int_eq(issuance_file_set_fields(desk.file, fields), 0);
        run_until(desk.place.event, &moved.come);
        ck_assert_msg(moved.kind == FAILURE_NONE, "%s", moved.message);
        expect_found(&desk, "holder", "X", "a/x:0:u ");
        expect_found(&desk, "holder", "h1", "a/001:0:u ");
        issuance_fields_unref(desk.fields);
        desk.fields = fields;
        desk_reopen(&desk);
        expect_found(&desk, "holder", "X", "a/x:0:u ");
}
END_TEST

START_TEST(two_large_imports_at_once_do_not_mix)
{
        _cleanup_desk_ Desk desk = desk_new();
        Moved first = {}, second = {};

        import(&desk, lines_file("{\"type\":\"a\",\"id\":\"1\"}", true), IMPORT_REPLACE, &first);
        run_until_bulk(&desk);
        import(&desk, lines_file("{\"type\":\"a\",\"id\":\"2\"}", true), IMPORT_REPLACE, &second);
        run_until(desk.place.event, &first.come);
        run_until(desk.place.event, &second.come);
        ck_assert_int_eq(first.kind, FAILURE_NONE);
        if (second.kind != FAILURE_NONE)
                ck_assert_msg(strstr(second.message, "another import"), "%s", second.message);
        expect_rows(&desk, second.kind == FAILURE_NONE ? "a/2:0:u " : "a/1:0:u ");
        expect_count(&desk, 1 + FILLERS);
}
END_TEST

START_TEST(many_records_are_imported_with_progress)
{
        unsigned count = getenv("ICREISSUE_NIGHTLY") ? 300000 : 30000;
        _cleanup_desk_ Desk desk = desk_new();
        _cleanup_answer_ Answer rows = {};
        Moved moved = {};
        int descriptor = text_file("");
        FILE *stream = fdopen(dup(descriptor), "w");

        put_many(&desk, "a", 3);
        for (unsigned i = 0; i < count; i++)
                fprintf(stream,
                        "{\"type\":\"b\",\"id\":\"%u\",\"fields\":{\"holder\":\"%0200u\",\"key\":\"k%u\"}}\n",
                        i * 7919 % count, i, i);
        fclose(stream);
        lseek(descriptor, 0, SEEK_SET);
        import(&desk, descriptor, IMPORT_ADD, &moved);
        run_until(desk.place.event, &moved.come);
        ck_assert_msg(moved.kind == FAILURE_NONE, "%s", moved.message);
        ck_assert_uint_eq(moved.records, count);
        ck_assert_uint_gt(moved.news, 1);
        ck_assert(moved.progress == 1);
        expect_found(&desk, "key", "k0", "b/0:0:u ");
        await(&desk, issuance_file_list(desk.file, "b", "", 1000, on_rows, &rows), &rows, FAILURE_NONE);
        ck_assert_uint_eq(rows.row_count, 1000);
        expect_count(&desk, count + 3);
        expect_found(&desk, "key", "k1", "b/7919:0:u ");
}
END_TEST

/* In a process of its own: imports until it is killed, and says when one is about to begin. */
static void import_until_killed(int told, unsigned lines) {
        Desk desk = desk_new();
        static char text[1 << 20];

        if (write(told, desk.place.directory, sizeof(desk.place.directory)) < 0)
                _exit(1);
        for (unsigned n = 0;; n++) {
                Moved moved = {};
                size_t used = 0;

                for (unsigned i = 0; i < lines; i++)
                        used += (size_t) sprintf(text + used, "{\"type\":\"t%u\",\"id\":\"%u\"}\n", n, i);
                import(&desk, text_file(text), IMPORT_ADD, &moved);
                run_until(desk.place.event, &moved.come);
                if (moved.kind != FAILURE_NONE || write(told, &n, sizeof(n)) != sizeof(n))
                        _exit(1);
        }
}

START_TEST(an_import_is_whole_or_undone_when_the_process_is_killed)
{
        unsigned lines = _i % 2 ? 1200 : 500, n;
        Place crashed = {};
        Desk desk = {};
        int ends[2];
        pid_t child;

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        child = fork_apart();
        if (child == 0)
                import_until_killed(ends[1], lines);

        ck_assert_int_eq(read(ends[0], crashed.directory, sizeof(crashed.directory)),
                         (ssize_t) sizeof(crashed.directory));
        ck_assert_int_eq(read(ends[0], &n, sizeof(n)), (ssize_t) sizeof(n));
        usleep((useconds_t) (_i % 20) * 2300); /* another moment each time: whichever it is, all must hold */
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
        ck_assert_uint_eq(issuance_file_count(desk.file) % lines, 0);
        ck_assert_uint_ge(issuance_file_count(desk.file), (n + 1) * lines);
        desk_done(&desk);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("import");
        TCase *imports = tcase_create("imports");
        int rounds = getenv("ICREISSUE_NIGHTLY") ? 200 : 10;

        record_erase_json_memory();
        tcase_add_loop_test(imports, lines_are_imported_with_empty_ones_between_and_no_newline_at_the_end, 0,
                            2);
        tcase_add_test(imports, an_import_with_a_mistake_names_its_line_and_changes_nothing);
        tcase_add_loop_test(imports, of_many_mistakes_the_first_lines_are_named, 0, 2);
        tcase_add_loop_test(imports, a_reserved_record_is_left_as_it_is, 0, 2);
        tcase_add_loop_test(imports, a_merge_takes_what_is_newer_and_keeps_both_histories, 0, 2);
        tcase_add_loop_test(imports, what_is_imported_twice_is_imported_once, 0, 2);
        tcase_add_loop_test(imports, an_import_that_replaces_is_the_whole_file, 0, 2);
        tcase_add_test(imports, what_is_changed_while_an_import_runs_is_kept);
        tcase_add_loop_test(imports, an_import_of_what_is_changed_meanwhile_fails, 0,
                            (int) ELEMENTS(collisions));
        tcase_add_loop_test(imports, an_import_is_cancelled_or_closed_while_the_new_file_is_made, 0, 2);
        tcase_add_test(imports, other_fields_that_are_to_be_indexed_meanwhile_are_found);
        tcase_add_test(imports, two_large_imports_at_once_do_not_mix);
        tcase_add_test(imports, many_records_are_imported_with_progress);
        tcase_add_loop_test(imports, an_import_is_whole_or_undone_when_the_process_is_killed, 0, rounds);
        tcase_set_timeout(imports, 120);
        suite_add_tcase(suite, imports);
        return run_suite(suite);
}
