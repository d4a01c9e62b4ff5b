/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tests' own tools: every file call is seen, GDBM's too; a disk after a power cut has the states it may have and
 * no others; calls fail when told to. Two small programs, one that syncs and one that does not, are told apart. */
#include <check.h>
#include <fcntl.h>
#include <gdbm.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "power/disk.h"
#include "tests/apart.h"

typedef struct Bench {
        char directory[64];
        PowerRecord record;
} Bench;

static void bench_path(const Bench *bench, const char *name, char ret[static 128]) {
        snprintf(ret, 128, "%s/%s", bench->directory, name);
}

static Bench bench_new(void) {
        Bench bench = { .directory = "/tmp/icreissue-power-XXXXXX" };

        ck_assert_ptr_nonnull(mkdtemp(bench.directory));
        return bench;
}

static void bench_done(Bench *bench) {
        power_end();
        power_record_done(&bench->record);
        disk_clear(bench->directory);
        ck_assert_int_eq(rmdir(bench->directory), 0);
}

static int open_file(const Bench *bench, const char *name, int flags) {
        char path[128];
        int descriptor;

        bench_path(bench, name, path);
        descriptor = open(path, flags | O_CLOEXEC, 0600);
        ck_assert_int_ge(descriptor, 0);
        return descriptor;
}

static void put(int descriptor, char what, size_t size, off_t offset) {
        char data[8192];

        memset(data, what, size);
        ck_assert_int_eq(pwrite(descriptor, data, size, offset), size);
}

/* A file that is on the disk before anything is watched. */
static void prepare(const Bench *bench, const char *name, char what, size_t size) {
        int descriptor = open_file(bench, name, O_RDWR | O_CREAT);

        put(descriptor, what, size, 0);
        close(descriptor);
}

static void rename_file(const Bench *bench, const char *from, const char *to) {
        char from_path[128], to_path[128];

        bench_path(bench, from, from_path);
        bench_path(bench, to, to_path);
        ck_assert_int_eq(rename(from_path, to_path), 0);
}

static void try_to_sync_directory(const Bench *bench, int expected) {
        _cleanup_close_ int descriptor = open(bench->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_eq(fsync(descriptor), expected);
}

static void sync_directory(const Bench *bench) {
        try_to_sync_directory(bench, 0);
}

static Disk *disk_at_end(Bench *bench) {
        Disk *disk;

        power_end();
        disk = disk_new(&bench->record);
        while (disk_step(disk))
                ;
        return disk;
}

/* The image in short: for each file in the order of names its name, and the first letter of each sector; '-' is a
 * sector of zeros. "a:xy b:" */
static void image_text(const DiskImage *image, char ret[static 256]) {
        size_t used = 0;

        ret[0] = '\0';
        for (char name = 'a'; name <= 'z'; name++)
                for (size_t i = 0; i < image->count; i++) {
                        const DiskEntry *entry = &image->entries[i];

                        if (entry->name[0] != name)
                                continue;
                        used += (size_t) snprintf(ret + used, 256 - used, "%s%s:", used > 0 ? " " : "",
                                                  entry->name);
                        for (size_t at = 0; at < entry->size && used < 250; at += DISK_SECTOR)
                                ret[used++] = (char) (entry->data[at] ?: '-');
                        ret[used] = '\0';
                }
}

static void add_state(char *states, size_t size, const char *text) {
        char quoted[300];

        snprintf(quoted, sizeof(quoted), "[%s]", text);
        if (!strstr(states, quoted))
                strncat(states, quoted, size - strlen(states) - 1);
}

/* All states at the end, each once. */
static void expect_states(Bench *bench, const char *expected) {
        _cleanup_(disk_freep) Disk *disk = disk_at_end(bench);
        Chooser chooser = chooser_first();
        char states[2048] = "";

        do {
                DiskImage image;
                char text[256];

                disk_image(disk, &chooser, &image);
                image_text(&image, text);
                add_state(states, sizeof(states), text);
                disk_image_done(&image);
        } while (chooser_next(&chooser));
        ck_assert_str_eq(states, expected);
}

static void expect_all_kept_is_the_directory(Bench *bench) {
        _cleanup_(disk_freep) Disk *disk = disk_at_end(bench);
        Chooser chooser = chooser_corner(CHOOSER_CORNERS - 1);
        DiskImage image;

        disk_image(disk, &chooser, &image);
        ck_assert_pstr_eq(disk_image_differs(&image, bench->directory), NULL);
        disk_image_done(&image);
}

static void begin(Bench *bench) {
        ck_assert(power_watch(bench->directory, &bench->record));
}

START_TEST(every_change_of_a_file_is_seen)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        struct iovec parts[] = { { "abc", 3 }, { "defg", 4 } };
        char path[128];
        int a, b;

        prepare(&bench, "old", 'o', 3000);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR | O_CREAT);
        ck_assert_int_eq(write(a, "hello", 5), 5);
        ck_assert_int_eq(writev(a, parts, 2), 7);
        put(a, 'p', 700, 900);
        ck_assert_int_eq(ftruncate(a, 1000), 0);
        ck_assert_int_eq(posix_fallocate(a, 0, 5000), 0);
        ck_assert_int_eq(fallocate(a, FALLOC_FL_KEEP_SIZE, 0, 9000), 0);
        ck_assert_int_eq(lseek(a, 0, SEEK_SET), 0);
        b = open_file(&bench, "b", O_WRONLY | O_CREAT | O_APPEND);
        ck_assert_int_eq(copy_file_range(a, NULL, b, NULL, 4000, 0), 4000);
        ck_assert_int_eq(write(b, "end", 3), 3);
        rename_file(&bench, "b", "c");
        bench_path(&bench, "old", path);
        ck_assert_int_eq(unlink(path), 0);
        close(open_file(&bench, "old", O_RDWR | O_CREAT | O_TRUNC));
        close(open_file(&bench, "c", O_RDWR | O_TRUNC));
        bench_path(&bench, "t-XXXXXX", path);
        close(b);
        b = mkostemp(path, O_CLOEXEC);
        put(b, 't', 10, 0);
        close(a);
        close(b);
        expect_all_kept_is_the_directory(&bench);
}
END_TEST

START_TEST(a_file_without_a_name_gets_one)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        char path[128], self[64];
        int descriptor;

        begin(&bench);
        descriptor = open(bench.directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        ck_assert_int_ge(descriptor, 0);
        put(descriptor, 't', 512, 0);
        ck_assert_int_eq(fsync(descriptor), 0);
        snprintf(self, sizeof(self), "/proc/self/fd/%d", descriptor);
        bench_path(&bench, "t", path);
        ck_assert_int_eq(linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW), 0);
        close(descriptor);
        expect_states(&bench, "[][t:t]");
}
END_TEST

START_TEST(what_is_written_through_a_mapping_is_seen)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int descriptor;
        char *mapped;

        prepare(&bench, "f", 'a', 4096);
        begin(&bench);
        descriptor = open_file(&bench, "f", O_RDWR);
        mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        ck_assert_ptr_ne(mapped, MAP_FAILED);
        memset(mapped + 1000, 'b', 30);
        put(descriptor, 'c', 10, 0);
        mapped[4095] = 'd';
        munmap(mapped, 4096);
        close(descriptor);
        expect_all_kept_is_the_directory(&bench);
}
END_TEST

START_TEST(what_gdbm_writes_is_seen)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        char path[128];
        GDBM_FILE file;

        begin(&bench);
        bench_path(&bench, "table", path);
        file = gdbm_open(path, 512, GDBM_NEWDB | GDBM_NOMMAP | GDBM_CLOEXEC, 0600, NULL);
        ck_assert_ptr_nonnull(file);
        for (int i = 0; i < 300; i++) {
                datum key = { .dptr = (char *) &i, .dsize = sizeof(i) };

                ck_assert_int_eq(gdbm_store(file, key, key, GDBM_REPLACE), 0);
                ck_assert(i % 3 > 0 || gdbm_delete(file, key) == 0);
        }
        ck_assert_int_eq(gdbm_sync(file), 0);
        gdbm_close(file);
        ck_assert_uint_gt(bench.record.count, 50);
        expect_all_kept_is_the_directory(&bench);
}
END_TEST

START_TEST(each_sector_of_an_unsynced_write_is_there_or_not)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        prepare(&bench, "a", 'o', 1024);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR);
        put(a, 'n', 1024, 0);
        close(a);
        expect_states(&bench, "[a:oo][a:on][a:no][a:nn]");
}
END_TEST

START_TEST(writes_to_one_sector_are_there_in_their_order)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        prepare(&bench, "a", 'o', 512);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR);
        put(a, '1', 512, 0);
        put(a, '2', 512, 0);
        close(a);
        expect_states(&bench, "[a:o][a:1][a:2]");
}
END_TEST

START_TEST(what_was_synced_is_there)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        prepare(&bench, "a", 'o', 512);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR);
        put(a, '1', 1024, 0);
        ck_assert_int_eq(fdatasync(a), 0);
        put(a, '2', 512, 512);
        close(a);
        expect_states(&bench, "[a:11][a:12]");
}
END_TEST

START_TEST(a_size_may_be_there_without_its_data)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        prepare(&bench, "a", 'o', 512);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR);
        put(a, 'n', 512, 512);
        close(a);
        expect_states(&bench, "[a:o][a:o-][a:on]");
}
END_TEST

START_TEST(what_a_truncation_took_does_not_come_back_behind_it)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        prepare(&bench, "a", 'o', 1024);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR);
        ck_assert_int_eq(ftruncate(a, 512), 0);
        put(a, 'n', 512, 512);
        close(a);
        expect_states(&bench, "[a:oo][a:o][a:o-][a:on]");
}
END_TEST

START_TEST(a_name_is_sure_only_when_the_directory_was_synced)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        begin(&bench);
        a = open_file(&bench, "a", O_RDWR | O_CREAT);
        put(a, 'n', 512, 0);
        ck_assert_int_eq(fsync(a), 0);
        close(a);
        close(open_file(&bench, "b", O_RDWR | O_CREAT));
        expect_states(&bench, "[][b:][a:n][a:n b:]");
}
END_TEST

START_TEST(a_name_is_sure_when_the_directory_was_synced)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        begin(&bench);
        a = open_file(&bench, "a", O_RDWR | O_CREAT);
        sync_directory(&bench);
        put(a, 'n', 512, 0);
        close(a);
        expect_states(&bench, "[a:][a:-][a:n]");
}
END_TEST

START_TEST(a_renaming_is_whole)
{
        _cleanup_(bench_done) Bench bench = bench_new();

        prepare(&bench, "a", '1', 512);
        prepare(&bench, "b", '2', 512);
        begin(&bench);
        rename_file(&bench, "b", "a");
        expect_states(&bench, "[a:1 b:2][a:2]");
}
END_TEST

START_TEST(a_renaming_does_not_happen_to_another_file_of_that_name)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        char path[128];
        int b;

        prepare(&bench, "b", 'o', 512);
        begin(&bench);
        bench_path(&bench, "b", path);
        ck_assert_int_eq(unlink(path), 0);
        b = open_file(&bench, "b", O_RDWR | O_CREAT);
        put(b, 'n', 512, 0);
        ck_assert_int_eq(fsync(b), 0);
        close(b);
        rename_file(&bench, "b", "a");
        expect_states(&bench, "[b:o][b:n][a:n][]");
}
END_TEST

START_TEST(what_a_failed_sync_has_left_stays_unsure)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        prepare(&bench, "a", 'o', 1536);
        begin(&bench);
        a = open_file(&bench, "a", O_RDWR);
        put(a, '1', 1024, 0);
        power_fault(&(PowerFault){ .kinds = POWER_KINDS_SYNC, .first = 1, .count = 1, .error = EIO });
        ck_assert_int_eq(fsync(a), -1);
        ck_assert_int_eq(errno, EIO);
        put(a, '2', 512, 512);
        put(a, '2', 512, 1024);
        ck_assert_int_eq(fsync(a), 0);
        close(a);
        expect_states(&bench, "[a:o22][a:122]");
}
END_TEST

START_TEST(a_renaming_is_sure_without_the_name_before)
{
        _cleanup_(bench_done) Bench bench = bench_new();

        begin(&bench);
        close(open_file(&bench, "b", O_RDWR | O_CREAT));
        power_fault(&(PowerFault){ .kinds = POWER_KINDS_SYNC, .first = 1, .count = 1, .error = EIO });
        try_to_sync_directory(&bench, -1);
        rename_file(&bench, "b", "a");
        try_to_sync_directory(&bench, 0);
        expect_states(&bench, "[a:]");
}
END_TEST

/* Replaces the file "a" as it should be done, or without the syncs. */
static void replace(const Bench *bench, bool sync) {
        int descriptor = open_file(bench, "b", O_RDWR | O_CREAT);

        put(descriptor, 'n', 1024, 0);
        ck_assert(!sync || fsync(descriptor) == 0);
        close(descriptor);
        rename_file(bench, "b", "a");
        if (sync)
                sync_directory(bench);
}

/* Whether "a" is old or new as a whole at every cut. */
static bool is_whole_at_every_cut(Bench *bench) {
        _cleanup_(disk_freep) Disk *disk = NULL;

        power_end();
        disk = disk_new(&bench->record);
        do {
                Chooser chooser = chooser_first();

                do {
                        DiskImage image;
                        char text[256];

                        disk_image(disk, &chooser, &image);
                        image_text(&image, text);
                        disk_image_done(&image);
                        if (strncmp(text, "a:oo", 4) != 0 && strncmp(text, "a:nn", 4) != 0)
                                return false;
                } while (chooser_next(&chooser));
        } while (disk_step(disk));

        return true;
}

START_TEST(who_does_not_sync_is_found_out)
{
        for (unsigned sync = 0; sync < 2; sync++) {
                _cleanup_(bench_done) Bench bench = bench_new();

                prepare(&bench, "a", 'o', 1024);
                begin(&bench);
                replace(&bench, sync);
                ck_assert_int_eq(is_whole_at_every_cut(&bench), sync);
        }
}
END_TEST

START_TEST(a_call_fails_when_it_is_told_to)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        int a;

        begin(&bench);
        a = open_file(&bench, "a", O_RDWR | O_CREAT);
        power_fault(&(PowerFault){ .kinds = POWER_KINDS_CHANGE, .first = 2, .count = 2, .error = ENOSPC });
        put(a, '1', 512, 0);
        ck_assert_int_eq(pwrite(a, "x", 1, 0), -1);
        ck_assert_int_eq(errno, ENOSPC);
        ck_assert_int_eq(ftruncate(a, 0), -1);
        ck_assert_int_eq(ftruncate(a, 512), 0);
        ck_assert_uint_eq(power_calls(), 4);
        ck_assert_uint_eq(
                power_fault(&(PowerFault){ .kinds = POWER_KIND(POWER_WRITE), .first = 1, .count = 1 }), 2);
        ck_assert_int_eq(pwrite(a, "abcd", 4, 0), 2);
        ck_assert_int_eq(pwrite(a, "abcd", 4, 0), 4);
        ck_assert_uint_eq(power_fault(NULL), 1);
        close(a);
        expect_all_kept_is_the_directory(&bench);
}
END_TEST

/* How long Check's file of this test's messages is. */
static off_t messages_size(void) {
        struct stat status = {};

        for (int descriptor = 3; descriptor < 64; descriptor++)
                if (apart_is_check_file(descriptor) && fstat(descriptor, &status) == 0)
                        return status.st_size;

        ck_abort_msg("Check keeps its messages elsewhere");
}

START_TEST(what_a_child_apart_asserts_does_not_reach_the_tests_messages)
{
        off_t before = messages_size();
        pid_t child = fork_apart();
        int how;

        if (child == 0) {
                for (unsigned i = 0; i < 100; i++)
                        ck_assert_uint_lt(i, 100);
                ck_abort_msg("told to nobody");
        }
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 1);
        ck_assert_int_lt(messages_size() - before, 100 * 16);
}
END_TEST

START_TEST(a_process_dies_when_it_is_told_to)
{
        _cleanup_(bench_done) Bench bench = bench_new();
        struct stat status;
        char path[128];
        pid_t child;
        int how;

        child = fork_apart();
        if (child == 0) {
                begin(&bench);
                power_fault(&(PowerFault){
                        .kinds = POWER_KIND(POWER_WRITE), .first = 2, .count = 1, .kill = true });
                put(open_file(&bench, "a", O_RDWR | O_CREAT), '1', 512, 0);
                put(open_file(&bench, "a", O_RDWR), '2', 512, 512);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        bench_path(&bench, "a", path);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_int_eq(status.st_size, 512 + 256);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("power");
        TCase *calls = tcase_create("calls"), *disk = tcase_create("disk");
        SRunner *runner;
        int failed;

        tcase_add_test(calls, every_change_of_a_file_is_seen);
        tcase_add_test(calls, a_file_without_a_name_gets_one);
        tcase_add_test(calls, what_is_written_through_a_mapping_is_seen);
        tcase_add_test(calls, what_gdbm_writes_is_seen);
        tcase_add_test(calls, a_call_fails_when_it_is_told_to);
        tcase_add_test(calls, what_a_child_apart_asserts_does_not_reach_the_tests_messages);
        tcase_add_test(calls, a_process_dies_when_it_is_told_to);
        tcase_add_test(disk, each_sector_of_an_unsynced_write_is_there_or_not);
        tcase_add_test(disk, writes_to_one_sector_are_there_in_their_order);
        tcase_add_test(disk, what_was_synced_is_there);
        tcase_add_test(disk, a_size_may_be_there_without_its_data);
        tcase_add_test(disk, what_a_truncation_took_does_not_come_back_behind_it);
        tcase_add_test(disk, a_name_is_sure_only_when_the_directory_was_synced);
        tcase_add_test(disk, a_name_is_sure_when_the_directory_was_synced);
        tcase_add_test(disk, a_renaming_is_whole);
        tcase_add_test(disk, a_renaming_does_not_happen_to_another_file_of_that_name);
        tcase_add_test(disk, what_a_failed_sync_has_left_stays_unsure);
        tcase_add_test(disk, a_renaming_is_sure_without_the_name_before);
        tcase_add_test(disk, who_does_not_sync_is_found_out);
        suite_add_tcase(suite, calls);
        suite_add_tcase(suite, disk);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
