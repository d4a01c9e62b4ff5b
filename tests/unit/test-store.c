/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store through its interface: change sets, commits, checkpoints, snapshots, bulk loads, and what it makes of
 * files that a crash or somebody's hand has left. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "file/store-private.h"

#define NAME "s"

static char directory[64];

static void make_directory(void) {
        strcpy(directory, "/tmp/icreissue-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void) {
        DIR *entries = opendir(directory);

        for (struct dirent *entry; (entry = readdir(entries));)
                (void) unlinkat(dirfd(entries), entry->d_name, 0);

        closedir(entries);
        ck_assert_int_eq(rmdir(directory), 0);
}

static const char *path_of(const char *ending) {
        static char path[128];

        snprintf(path, sizeof(path), "%s/" NAME ".%s", directory, ending);
        return path;
}

static bool there(const char *ending) {
        return access(path_of(ending), F_OK) == 0;
}

static Store *open_store(uint64_t segment_size) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;

        if (store_open(directory, NAME, segment_size, &store, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));

        return store;
}

static void put(Store *store, const char *key, const char *value) {
        _cleanup_failure_ Failure failure = {};
        Span span = span_of_string(value ? value : "");

        if (store_apply(store, &(StoreChange){ .key = key, .value = value ? &span : NULL }, 1, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));
}

static void commit(Store *store) {
        _cleanup_failure_ Failure failure = {};

        if (store_commit(store, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));
}

static void checkpoint(Store *store) {
        _cleanup_failure_ Failure failure = {};

        if (store_checkpoint(store, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));
}

static void expect(Store *store, const char *key, const char *value) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes is = {};
        int r;

        r = store_fetch(store, key, &is, &failure);
        if (!value) {
                ck_assert_int_eq(r, -ENOENT);
                return;
        }

        if (r < 0)
                ck_abort_msg("%s: %d %s", key, r, failure_message(&failure));
        ck_assert(span_equal(bytes_span(&is), span_of_string(value)));
}

/* What a power cut or kill -9 leaves: the files as they are, and nobody who has them open. */
static void crash(Store *store) {
        char command[512], other[80];

        (void) store_checkpoint_end(store, true, NULL); /* so that nobody writes while the files are copied */
        snprintf(other, sizeof(other), "%s.copy", directory);
        snprintf(command, sizeof(command), "cp -r %s %s", directory, other);
        ck_assert_int_eq(system(command), 0);
        store_close(store);
        snprintf(command, sizeof(command), "rm %s/* && mv %s/* %s && rmdir %s", directory, other, directory,
                 other);
        ck_assert_int_eq(system(command), 0);
}

static void overwrite(const char *ending, long offset, int bits) {
        FILE *file = fopen(path_of(ending), "r+");
        int byte;

        ck_assert_ptr_nonnull(file);
        fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET);
        byte = fgetc(file);
        fseek(file, -1, SEEK_CUR);
        fputc(byte ^ bits, file);
        fclose(file);
}

START_TEST(what_was_committed_is_there_after_a_crash_and_what_was_not_is_gone)
{
        Store *store = open_store(0);

        put(store, "a", "1");
        put(store, "b", "2");
        commit(store);
        put(store, "a", NULL);
        commit(store);
        put(store, "c", "3");
        expect(store, "c", "3");
        ck_assert(store_is_uncommitted(store));
        ck_assert_uint_eq(store_count(store), 2);
        crash(store);
        store = open_store(0);
        expect(store, "a", NULL);
        expect(store, "b", "2");
        expect(store, "c", NULL);
        ck_assert_uint_eq(store_count(store), 1);
        store_close(store);
}
END_TEST

START_TEST(a_clean_end_leaves_everything_in_a_gdbm_file)
{
        Store *store = open_store(0);

        put(store, "a", "1");
        commit(store);
        put(store, "b", "2");
        store_close(store);
        store = open_store(0);
        expect(store, "a", "1");
        expect(store, "b", NULL);
        ck_assert(there("a.gdbm") && there("b.gdbm") && there("current"));
        store_close(store);
}
END_TEST

START_TEST(a_change_set_that_is_refused_changes_nothing)
{
        _cleanup_bytes_ Bytes large = {};
        _cleanup_failure_ Failure failure = {};
        Span small = span_of_string("x"), too_large;
        Store *store = open_store(0);

        ck_assert_int_ge(bytes_append_fill(&large, 'x', STORE_VALUE_MAX + 1), 0);
        too_large = bytes_span(&large);
        ck_assert_int_lt(store_apply(store,
                                     (const StoreChange[]){ { .key = "a", .value = &small },
                                                            { .key = "b", .value = &too_large } },
                                     2, &failure),
                         0);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        ck_assert(!store_is_uncommitted(store));
        expect(store, "a", NULL);
        ck_assert_uint_eq(store_count(store), 0);
        ck_assert_int_lt(store_apply(store, &(StoreChange){ .key = "@store", .value = &small }, 1, NULL), 0);
        store_close(store);
}
END_TEST

static void fill(Store *store, int from, int to) {
        for (int i = from; i < to; i++) {
                char key[16], value[32];

                snprintf(key, sizeof(key), "k%d", i % 97);
                snprintf(value, sizeof(value), "value %d", i);
                put(store, key, i % 7 == 0 ? NULL : value);
                if (i % 8 == 0 || i == to - 1)
                        commit(store);
        }
}

static void expect_filled(Store *store, int to) {
        uint64_t count = 0;

        for (int k = 0; k < 97; k++) {
                char key[16], value[32] = "";

                for (int i = to - 1; i >= 0 && i >= to - 97; i--)
                        if (i % 97 == k) {
                                snprintf(key, sizeof(key), "k%d", k);
                                snprintf(value, sizeof(value), "value %d", i);
                                expect(store, key, i % 7 == 0 ? NULL : value);
                                count += i % 7 != 0;
                        }
        }

        ck_assert_uint_eq(store_count(store), count);
}

START_TEST(checkpoints_in_the_background_change_nothing_that_is_read)
{
        Store *store = open_store(4096);

        fill(store, 0, 3000);
        expect_filled(store, 3000);
        crash(store);
        store = open_store(4096);
        expect_filled(store, 3000);
        fill(store, 3000, 3500);
        store_close(store);
        store = open_store(4096);
        expect_filled(store, 3500);
        store_close(store);
}
END_TEST

static int count_key(const char *key _unused_, void *userdata, Failure *failure _unused_) {
        ++*(int *) userdata;
        return 0;
}

START_TEST(a_snapshot_stays_as_it_was)
{
        StoreSnapshot *snapshot;
        _cleanup_bytes_ Bytes value = {};
        Store *store = open_store(4096);
        int keys = 0;

        fill(store, 0, 500);
        put(store, "extra", "before");
        commit(store);
        put(store, "extra", "not committed");
        ck_assert_int_ge(store_snapshot(store, &snapshot, NULL), 0);
        commit(store);
        put(store, "extra", "after");
        commit(store);
        for (int i = 0; i < 5; i++) {
                fill(store, 500, 1000);
                checkpoint(store);
        }
        ck_assert_int_ge(store_snapshot_fetch(snapshot, "extra", &value, NULL), 0);
        ck_assert(span_equal(bytes_span(&value), span_of_string("before")));
        ck_assert_int_ge(store_snapshot_each(snapshot, count_key, &keys, NULL), 0);
        ck_assert_uint_eq(store_snapshot_count(snapshot), (uint64_t) keys);
        ck_assert_int_ge(store_snapshot_verify(snapshot, NULL, NULL, NULL), 0);
        store_close(store);
        ck_assert_int_ge(store_snapshot_fetch(snapshot, "extra", &value, NULL), 0);
        store_snapshot_free(snapshot);
}
END_TEST

START_TEST(a_backup_is_a_store_with_the_snapshots_content)
{
        _cleanup_failure_ Failure failure = {};
        StoreSnapshot *snapshot;
        char target[80], command[512];
        Store *store = open_store(4096);
        int descriptor;

        fill(store, 0, 777);
        ck_assert_int_ge(store_snapshot(store, &snapshot, NULL), 0);
        fill(store, 777, 1500);
        snprintf(target, sizeof(target), "%s/backup", directory);
        ck_assert_int_eq(mkdir(target, 0700), 0);
        descriptor = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(store_snapshot_backup(snapshot, descriptor, NULL, NULL, &failure), 0);
        ck_assert_int_lt(store_snapshot_backup(snapshot, descriptor, NULL, NULL, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
        store_snapshot_free(snapshot);
        store_close(store);
        snprintf(command, sizeof(command), "rm %s/" NAME ".* && mv %s/* %s && rmdir %s", directory, target,
                 directory, target);
        ck_assert_int_eq(system(command), 0);
        close(descriptor);
        store = open_store(4096);
        expect_filled(store, 777);
        fill(store, 777, 1200);
        expect_filled(store, 1200);
        store_close(store);
}
END_TEST

static int note_key(const char *key, void *userdata, Failure *failure _unused_) {
        ck_assert_str_eq(key, "meanwhile");
        ++*(int *) userdata;
        return 0;
}

START_TEST(a_bulk_load_replaces_the_content_at_once)
{
        Store *store = open_store(4096);
        StoreBulk *bulk;
        int changed = 0;

        fill(store, 0, 500);
        ck_assert_int_ge(store_bulk_begin(store, &bulk, NULL), 0);
        ck_assert_int_ge(store_bulk_put(bulk, "x", span_of_string("1"), NULL), 0);
        ck_assert_int_ge(store_bulk_put(bulk, "y", span_of_string("2"), NULL), 0);
        expect(store, "x", NULL);
        put(store, "meanwhile", "seen");
        commit(store);
        ck_assert_int_ge(store_bulk_sync(bulk, NULL), 0);
        ck_assert_int_ge(store_bulk_changed(bulk, note_key, &changed, NULL), 0);
        ck_assert_int_eq(changed, 1);
        ck_assert_int_ge(store_bulk_put(bulk, "meanwhile", span_of_string("seen"), NULL), 0);
        ck_assert_int_ge(store_bulk_finish(bulk, NULL), 0);
        ck_assert_uint_eq(store_count(store), 3);
        expect(store, "x", "1");
        expect(store, "k1", NULL);
        put(store, "z", "3");
        commit(store);
        crash(store);
        store = open_store(4096);
        ck_assert_uint_eq(store_count(store), 4);
        expect(store, "y", "2");
        expect(store, "z", "3");
        expect(store, "meanwhile", "seen");
        store_close(store);
}
END_TEST

START_TEST(a_lost_current_is_made_anew_from_a_whole_file_and_the_log)
{
        Store *store = open_store(4096);

        fill(store, 0, 700);
        crash(store);
        ck_assert_int_eq(unlink(path_of("current")), 0);
        store = open_store(4096);
        expect_filled(store, 700);
        store_close(store);
        overwrite("current", 40, 0x10);
        store = open_store(4096);
        expect_filled(store, 700);
        store_close(store);
}
END_TEST

static char current_letter(void) {
        FILE *file = fopen(path_of("current"), "r");
        char letter = 0;

        ck_assert_int_eq(fscanf(file, "icreissue store 3 current %c", &letter), 1);
        fclose(file);
        return letter;
}

START_TEST(a_missing_gdbm_file_is_replaced_by_the_other_and_the_log)
{
        Store *store = open_store(4096);

        fill(store, 0, 700);
        checkpoint(store);
        fill(store, 700, 720);
        crash(store);
        ck_assert_int_eq(unlink(path_of(current_letter() == 'a' ? "a.gdbm" : "b.gdbm")), 0);
        store = open_store(4096);
        expect_filled(store, 720);
        store_close(store);
        ck_assert_int_eq(unlink(path_of(current_letter() == 'a' ? "b.gdbm" : "a.gdbm")), 0);
        store = open_store(4096);
        expect_filled(store, 720);
        checkpoint(store);
        store_close(store);
        ck_assert(there("a.gdbm") && there("b.gdbm"));
}
END_TEST

static const char *current_path(void) {
        return path_of(current_letter() == 'a' ? "a.gdbm" : "b.gdbm");
}

/* A store of which all is in the current file, which was read; the idle one and the log hold it, too. */
static Store *open_read(void) {
        Store *store = open_store(4096);

        fill(store, 0, 700);
        checkpoint(store);
        fill(store, 700, 720);
        checkpoint(store);
        expect_filled(store, 720);
        return store;
}

/* What the kernel has read of a mapped file is gone when somebody cuts it; as with a sector that cannot be read, the next
 * access raises SIGBUS. */
START_TEST(a_file_that_is_cut_while_it_is_in_use_is_replaced_by_the_other_and_the_log)
{
        static const off_t sizes[] = { 5000, 100, 0 };
        Store *store = open_read();

        ck_assert_int_eq(truncate(current_path(), sizes[_i]), 0);
        expect_filled(store, 720);
        checkpoint(store);
        expect_filled(store, 720);
        fill(store, 720, 730);
        store_close(store);
        store = open_store(4096);
        expect_filled(store, 730);
        store_close(store);
}
END_TEST

START_TEST(a_file_that_is_cut_while_it_is_in_use_is_named_where_nothing_else_holds_what_it_held)
{
        static const off_t sizes[] = { 5000, 100, 0 };
        _cleanup_(store_snapshot_freep) StoreSnapshot *snapshot = NULL;
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes value = {};
        Store *store = open_read();
        unsigned count = 0;

        ck_assert_int_eq(store_snapshot(store, &snapshot, &failure), 0);
        ck_assert_int_eq(unlink(path_of(current_letter() == 'a' ? "b.gdbm" : "a.gdbm")), 0);
        ck_assert_int_eq(truncate(current_path(), sizes[_i]), 0);
        for (int i = 650; i < 700; i++) {
                char key[16];

                snprintf(key, sizeof(key), "k%d", i % 97);
                failure_done(&failure);
                ck_assert_int_lt(store_fetch(store, key, &value, &failure), 0);
                ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
                ck_assert_ptr_nonnull(strstr(failure_message(&failure), current_path()));
        }

        failure_done(&failure);
        ck_assert_int_lt(store_each(store, count_key, &count, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        failure_done(&failure);
        ck_assert_int_lt(store_snapshot_verify(snapshot, NULL, NULL, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), current_path()));
        store_close(store);
}
END_TEST

START_TEST(a_log_with_a_hole_is_refused_by_name)
{
        _cleanup_failure_ Failure failure = {};
        Store *store = open_store(0);

        for (int i = 0; i < 20; i++) {
                char value[200];

                memset(value, 'a' + i, sizeof(value) - 1);
                value[sizeof(value) - 1] = '\0';
                put(store, "k", value);
                commit(store);
        }
        crash(store);
        for (unsigned i = 1; i < 9; i++) {
                char ending[32];

                snprintf(ending, sizeof(ending), "%08x.log", i);
                if (there(ending))
                        overwrite(ending, 64 + 2000, 1);
        }
        ck_assert_int_lt(store_open(directory, NAME, 0, &store, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "log"));
}
END_TEST

START_TEST(a_second_process_is_refused)
{
        _cleanup_failure_ Failure failure = {};
        Store *store = open_store(0), *second;

        ck_assert_int_lt(store_open(directory, NAME, 0, &second, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "in use"));
        store_close(store);
}
END_TEST

/* What the segments of the log take on the disk. */
static off_t log_size(void) {
        DIR *entries = opendir(directory);
        off_t size = 0;

        for (struct dirent *entry; (entry = readdir(entries));) {
                struct stat status;

                if (strstr(entry->d_name, ".log") && fstatat(dirfd(entries), entry->d_name, &status, 0) == 0)
                        size += status.st_size;
        }

        closedir(entries);
        return size;
}

START_TEST(a_service_that_changes_little_starts_with_a_small_log)
{
        enum { SIZE = 64 * 1024, SMALL = SIZE / 4 };
        char value[SIZE / 8], key[16];
        Store *store;

        memset(value, 'v', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        /* The first start has the second GDBM file to make, and a segment of the full size beside it. */
        store_close(open_store(SIZE));
        for (unsigned run = 0; run < 6; run++) {
                store = open_store(SIZE);
                ck_assert_int_lt(log_size(), SMALL);
                put(store, "key", run % 2 ? "odd" : "even");
                commit(store);
                store_close(store);
                ck_assert_int_lt(log_size(), SMALL);
        }

        /* One that changes much goes on with segments of the full size, and loses nothing on the way. */
        store = open_store(SIZE);
        for (unsigned i = 0; i < 6; i++) {
                snprintf(key, sizeof(key), "key-%u", i);
                put(store, key, value);
                commit(store);
        }

        ck_assert_int_ge(log_size(), SIZE);
        crash(store);
        store = open_store(SIZE);
        expect(store, "key", "odd");
        expect(store, "key-0", value);
        expect(store, "key-5", value);
        store_close(store);
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("store");
        Suite *suite = suite_create("store");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, make_directory, remove_directory);
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, what_was_committed_is_there_after_a_crash_and_what_was_not_is_gone);
        tcase_add_test(tcase, a_clean_end_leaves_everything_in_a_gdbm_file);
        tcase_add_test(tcase, a_change_set_that_is_refused_changes_nothing);
        tcase_add_test(tcase, checkpoints_in_the_background_change_nothing_that_is_read);
        tcase_add_test(tcase, a_snapshot_stays_as_it_was);
        tcase_add_test(tcase, a_backup_is_a_store_with_the_snapshots_content);
        tcase_add_test(tcase, a_bulk_load_replaces_the_content_at_once);
        tcase_add_test(tcase, a_lost_current_is_made_anew_from_a_whole_file_and_the_log);
        tcase_add_test(tcase, a_missing_gdbm_file_is_replaced_by_the_other_and_the_log);
        tcase_add_loop_test(tcase, a_file_that_is_cut_while_it_is_in_use_is_replaced_by_the_other_and_the_log,
                            0, 3);
        tcase_add_loop_test(
                tcase, a_file_that_is_cut_while_it_is_in_use_is_named_where_nothing_else_holds_what_it_held,
                0, 3);
        tcase_add_test(tcase, a_log_with_a_hole_is_refused_by_name);
        tcase_add_test(tcase, a_second_process_is_refused);
        tcase_add_test(tcase, a_service_that_changes_little_starts_with_a_small_log);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
