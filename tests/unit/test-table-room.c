/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A GDBM file that is filled through a mapping with room ahead: nothing of the room is left, and neither a disk that is full
 * nor a file that is cut ends the process. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "file/table-private.h"

enum { MANY = 20000, VALUE = 512 };

static char directory[64], path[80];

static void make_directory(void) {
        strcpy(directory, "/tmp/icreissue-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/t.gdbm", directory);
}

static void remove_directory(void) {
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(directory), 0);
}

static Table *open_table(TableMode mode) {
        _cleanup_failure_ Failure failure = {};
        Table *table = NULL;

        if (table_open(path, mode, true, &table, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));

        return table;
}

static int put(Table *table, unsigned number, Failure *failure) {
        char key[32], value[VALUE];

        snprintf(key, sizeof(key), "staff/%08u", number);
        memset(value, 'a' + (int) (number % 26), sizeof(value));
        return table_put(table, key, SPAN(value, sizeof(value)), failure);
}

/* The first that is refused; the failure is set then. */
static unsigned fill(Table *table, unsigned count, Failure *failure) {
        for (unsigned i = 0; i < count; i++)
                if (put(table, i, failure) < 0)
                        return i;

        return count;
}

static int64_t header_end(void) {
        _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        TableHeader header = {};

        ck_assert_int_eq(pread(descriptor, &header, sizeof(header), 0), sizeof(header));
        return header.end;
}

static int64_t file_size(void) {
        struct stat status;

        ck_assert_int_eq(stat(path, &status), 0);
        return status.st_size;
}

static void expect_whole(unsigned count) {
        _cleanup_(table_closep) Table *table = open_table(TABLE_READ);
        _cleanup_failure_ Failure failure = {};

        ck_assert_uint_eq(table_state(table)->keys, count);
        if (table_verify(table, NULL, NULL, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));
}

START_TEST(what_is_filled_is_whole_and_no_room_is_left)
{
        _cleanup_(table_closep) Table *table = open_table(TABLE_CREATE);
        _cleanup_failure_ Failure failure = {};

        ck_assert(table->filling);
        ck_assert_uint_eq(fill(table, MANY, &failure), MANY);
        ck_assert(table->filling);
        ck_assert_int_gt(file_size(), header_end());
        ck_assert_int_eq(table_sync(table, 7, &failure), 0);
        ck_assert_int_eq(file_size(), header_end());

        /* And it goes on without. */
        ck_assert_int_eq(put(table, MANY, &failure), 0);
        ck_assert_int_eq(table_sync(table, 8, &failure), 0);
        table = table_close(table);
        expect_whole(MANY + 1);
}
END_TEST

START_TEST(a_value_is_replaced_while_it_is_filled)
{
        _cleanup_(table_closep) Table *table = open_table(TABLE_CREATE);
        _cleanup_failure_ Failure failure = {};

        ck_assert_uint_eq(fill(table, 100, &failure), 100);
        ck_assert_uint_eq(fill(table, 100, &failure), 100);
        ck_assert_int_eq(table_sync(table, 1, &failure), 0);
        table = table_close(table);
        expect_whole(100);
}
END_TEST

START_TEST(a_disk_that_is_full_is_an_error)
{
        const struct rlimit little = { .rlim_cur = 4 * 1024 * 1024, .rlim_max = RLIM_INFINITY };
        _cleanup_(table_closep) Table *table = open_table(TABLE_CREATE);
        _cleanup_failure_ Failure failure = {};
        unsigned reached;

        signal(SIGXFSZ, SIG_IGN);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
        reached = fill(table, MANY, &failure);
        ck_assert_uint_gt(reached, 4000); /* up to the last of the disk, not of the room */
        ck_assert_uint_lt(reached, MANY);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "Check the disk"));
}
END_TEST

START_TEST(a_file_that_is_cut_while_it_is_filled_is_an_error)
{
        _cleanup_(table_closep) Table *table = open_table(TABLE_CREATE);
        _cleanup_failure_ Failure failure = {};

        ck_assert_uint_eq(fill(table, 1000, &failure), 1000);
        ck_assert_int_eq(truncate(path, 4096), 0);
        ck_assert_uint_lt(fill(table, MANY, &failure), MANY);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), path));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("table-room");
        TCase *test_case = tcase_create("table-room");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(test_case, make_directory, remove_directory);
        tcase_add_test(test_case, what_is_filled_is_whole_and_no_room_is_left);
        tcase_add_test(test_case, a_value_is_replaced_while_it_is_filled);
        tcase_add_test(test_case, a_disk_that_is_full_is_an_error);
        tcase_add_test(test_case, a_file_that_is_cut_while_it_is_filled_is_an_error);
        suite_add_tcase(suite, test_case);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? 0 : 1;
}
