/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The care of the store while the service runs: a check that finds damage, a backup that can be restored; and a full
 * disk. */
#include "base/util.h"
#include "tests/bus/command.h"
#include "tests/bus/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Exports come in no order. */
static char *sort_lines(char *text) {
        char *lines[256], *sorted = malloc(strlen(text) + 2), *end = sorted;
        size_t count = 0;

        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                ck_assert_uint_lt(count, sizeof(lines) / sizeof(lines[0]));
                lines[count++] = line;
        }
        qsort(lines, count, sizeof(lines[0]), compare_lines);
        for (size_t i = 0; i < count; i++)
                end += sprintf(end, "%s\n", lines[i]);
        free(text);
        return sorted;
}

/* Everything, with the secrets as they are sealed, in order. */
static char *export_all(Desk *desk) {
        sd_bus_message *reply = NULL;
        const char *path = desk_path(desk, "export.jsonl");
        int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct stat status;
        char *job, *text;

        ck_assert_int_ge(descriptor, 0);
        desk_call(desk, desk_bus(desk), &reply, "ExportRecords", "ha{sv}", descriptor, 1, "sealed", "b", 1);
        job = keep_job_of(reply);
        story_wait_done(desk, job);
        free(job);
        ck_assert_int_eq(fstat(descriptor, &status), 0);
        text = calloc(1, (size_t) status.st_size + 1);
        ck_assert_int_eq(pread(descriptor, text, (size_t) status.st_size, 0), status.st_size);
        close(descriptor);
        return sort_lines(text);
}

static void remove_file(Desk *desk, const char *path) {
        if (unlink(path) < 0)
                desk_fail(desk, "%s: %m", path);
}

/* What an administrator does, with the service stopped: the old state goes, the backup takes its place. */
static void restore(Desk *desk, const char *backup) {
        char from[512], to[512];

        keep_each_file(desk, "state", remove_file);
        snprintf(from, sizeof(from), "%s", desk_path(desk, backup));
        snprintf(to, sizeof(to), "%s", desk_path(desk, "state"));
        ck_assert_int_eq(rmdir(to), 0);
        ck_assert_int_eq(rename(from, to), 0);
}

/* --- check --- */

START_TEST(a_clean_store_is_found_clean)
{
        Desk *desk = story_open(1);

        keep_check_clean(desk, 0);
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        keep_enrol(desk, 0, 5);
        desk_call(desk, desk_bus(desk), NULL, "RemoveRecord", "ss", STORY_V1, "00000002");
        story_enrol(desk, STORY_V1, "00000001");
        keep_check_clean(desk, 5);
        desk_stop_daemon(desk); /* everything goes into the GDBM file */
        story_start(desk, 1);
        keep_check_clean(desk, 5);
        desk_kill_daemon(desk);
        story_start(desk, 1);
        keep_check_clean(desk, 5);
        desk_close(desk);
}
END_TEST

static unsigned flipped;

/* Flips a bit in every record's holder. */
static void flip(Desk *desk, const char *path) {
        static char buffer[4 * 1024 * 1024];
        int descriptor = open(path, O_RDWR | O_CLOEXEC);
        const char *place;
        ssize_t size;

        (void) desk;
        ck_assert_int_ge(descriptor, 0);
        size = pread(descriptor, buffer, sizeof(buffer), 0);
        ck_assert_int_ge(size, 0);
        for (char *at = buffer; (place = memmem(at, (size_t) (buffer + size - at), "S0000042", 8));
             at = buffer + (place - buffer) + 8) {
                ck_assert_int_eq(pwrite(descriptor, "T", 1, place - buffer), 1);
                flipped++;
        }
        close(descriptor);
}

START_TEST(a_flipped_bit_is_found_and_the_file_is_named)
{
        Desk *desk = story_open(1);
        char *job;

        keep_enrol(desk, 0, 3);
        desk_stop_daemon(desk);
        keep_each_file(desk, "state", flip);
        ck_assert_uint_gt(flipped, 0);
        story_start(desk, 1);
        job = keep_start(desk, "CheckStore");
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_wait_error(desk, job, "StoreFailed");
        keep_expect_words(desk, job, "ErrorMessage", "issuance.");
        keep_expect_words(desk, job, "Advice", "job retry");
        sd_bus_message_unref(desk_wait_signal(desk, job, DESK_JOB, "Finished"));
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        sd_bus_message_unref(desk_wait_signal(desk, job, DESK_JOB, "Finished"));
        story_expect_property(desk, job, "State", "failed");
        free(job);
        command_expect(desk, SERVICE, COMMAND("store", "check"));
        desk_close(desk);
}
END_TEST

/* --- backup --- */

START_TEST(a_backup_is_restored_by_copying_it_back)
{
        Desk *desk = story_open(2);
        char *before, *after, *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        keep_enrol(desk, 0, 20);
        before = export_all(desk);
        ck_assert_ptr_nonnull(strstr(before, "\"sealed\""));
        ck_assert_ptr_null(strstr(before, "00112233445566778899AABBCCDDEEFF"));
        desk_directory(desk, "backup");
        job = keep_start_backup(desk, desk_path(desk, "backup"));
        story_wait_done(desk, job);
        ck_assert_uint_eq(keep_described(desk, job, "transferred"), 21);
        free(job);

        keep_enrol(desk, 100, 3);
        desk_call(desk, desk_bus(desk), NULL, "RemoveRecord", "ss", STORY_V1, "00000007");
        desk_stop_daemon(desk);
        restore(desk, "backup");
        story_start(desk, 2);
        after = export_all(desk);
        if (strcmp(before, after) != 0)
                desk_fail(desk, "What was restored is not what was there:\n%s\n%s", before, after);
        keep_check_clean(desk, 21);
        story_request(desk, STORY_V1, STORY_ID);
        free(before);
        free(after);
        desk_close(desk);
}
END_TEST

static bool has_record(Desk *desk, unsigned number) {
        sd_bus_message *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char id[9];
        int r;

        snprintf(id, sizeof(id), "%08u", number);
        r = sd_bus_call_method(desk_bus(desk), DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE, "GetRecord",
                               &error, &reply, "ss", STORY_V1, id);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return r >= 0;
}

START_TEST(a_backup_of_a_busy_store_is_of_one_moment)
{
        enum { BEFORE = 300, AFTER = 60 };
        Desk *desk = story_open(1);
        unsigned there = 0;
        char *job;

        keep_import(desk, BEFORE);
        desk_directory(desk, "backup");
        job = keep_start_backup(desk, desk_path(desk, "backup"));
        keep_enrol(desk, BEFORE, AFTER);
        story_wait_done(desk, job);
        free(job);
        desk_kill_daemon(desk);
        restore(desk, "backup");
        story_start(desk, 1);
        while (there < BEFORE + AFTER && has_record(desk, there))
                there++;
        ck_assert_uint_ge(there, BEFORE);
        keep_check_clean(desk, there); /* so none is there but those */
        desk_close(desk);
}
END_TEST

START_TEST(a_backup_never_writes_over_one_and_leaves_nothing_in_part)
{
        static const char invalid[] = "org.freedesktop.DBus.Error.InvalidArgs";
        Desk *desk = story_open(1);
        unsigned count;
        char *job;
        int descriptor;

        keep_enrol(desk, 0, 3);
        desk_directory(desk, "backup");
        job = keep_start_backup(desk, desk_path(desk, "backup"));
        story_wait_done(desk, job);
        free(job);
        count = keep_each_file(desk, "backup", NULL);
        job = keep_start_backup(desk, desk_path(desk, "backup"));
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_wait_error(desk, job, invalid);
        keep_expect_words(desk, job, "Advice", "empty directory");
        free(job);
        ck_assert_uint_eq(keep_each_file(desk, "backup", NULL), count);

        job = keep_start_backup(desk, desk_path(desk, "state")); /* its own */
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        free(job);

        descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
        free(desk_call_refused(desk, desk_bus(desk), invalid, "BackupStore", "h", descriptor));
        close(descriptor);
        keep_check_clean(desk, 3);
        desk_close(desk);
}
END_TEST

/* --- a full disk --- */

enum { CHANGES_MAX = 4000 };

/* A state directory of its own, so small that it can be filled. */
static void open_small_state(Desk *desk) {
        desk_stop_daemon(desk);
        if (mount("state", desk_path(desk, "state"), "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=0700") < 0)
                desk_fail(desk, "a state directory in memory: %m");
        story_start(desk, 1);
}

static void fill_state(Desk *desk) {
        static const char zeros[65536];
        int descriptor =
                openat(AT_FDCWD, desk_path(desk, "state/filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        ck_assert_int_ge(descriptor, 0);
        while (write(descriptor, zeros, sizeof(zeros)) > 0)
                ;
        ck_assert_int_eq(errno, ENOSPC);
        close(descriptor);
}

/* The same record again and again: its history grows, and so does what each change writes. */
static int change_record(Desk *desk, sd_bus_error *error) {
        return sd_bus_call_method(desk_bus(desk), DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE, "PutRecord",
                                  error, NULL, "a{sv}", 3, "type", "s", STORY_V1, "id", "s", "00000001",
                                  "fields", "a{ss}", 5, "holder", "Q. R.", "number", "S0000042", "access-key",
                                  "00112233445566778899AABBCCDDEEFF", "expiry", "291231", "pin", "87654321");
}

/* Returns how many changes were answered; `ret` is the refusal of the next one. */
static unsigned change_until_refused(Desk *desk, sd_bus_error *ret) {
        for (unsigned i = 0; i < CHANGES_MAX; i++)
                if (change_record(desk, ret) < 0)
                        return i;

        desk_fail(desk, "no change was refused");
}

START_TEST(a_full_disk_refuses_changes_by_name_until_there_is_room)
{
        _cleanup_(sd_bus_error_free) sd_bus_error refusal = SD_BUS_ERROR_NULL, again = SD_BUS_ERROR_NULL;
        Desk *desk = story_open(1);
        char *before, *after;

        open_small_state(desk);
        keep_enrol(desk, 0, 5);
        fill_state(desk);
        ck_assert_uint_gt(change_until_refused(desk, &refusal), 10);
        ck_assert_str_eq(refusal.name, DESK_INTERFACE ".Error.StoreFailed");
        if (!strstr(refusal.message, "disk"))
                desk_fail(desk, "The refusal says only: %s", refusal.message);

        /* Nothing of it is there, and everything can be read. */
        before = export_all(desk);
        ck_assert_int_lt(change_record(desk, &again), 0);
        ck_assert_str_eq(again.name, refusal.name);
        after = export_all(desk);
        ck_assert_str_eq(before, after);
        free(before);
        free(after);

        /* No restart. */
        ck_assert_int_eq(unlink(desk_path(desk, "state/filler")), 0);
        sd_bus_error_free(&again);
        if (change_record(desk, &again) < 0)
                desk_fail(desk, "with room again: %s", again.message);
        before = export_all(desk);
        keep_check_clean(desk, 5);

        /* What was answered on the full disk is on it. */
        desk_kill_daemon(desk);
        story_start(desk, 1);
        after = export_all(desk);
        ck_assert_str_eq(before, after);
        free(before);
        free(after);
        keep_check_clean(desk, 5);
        desk_stop_daemon(desk);
        ck_assert_int_eq(umount(desk_path(desk, "state")), 0);
        desk_close(desk);
}
END_TEST

/* --- who may --- */

START_TEST(an_unprivileged_caller_may_not_care_for_the_store)
{
        static const char denied[] = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
        Desk *desk = story_open(1);
        sd_bus *nobody = desk_bus_as(desk, DESK_NOBODY);
        int descriptor;

        desk_directory(desk, "backup");
        descriptor = open(desk_path(desk, "backup"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        free(desk_call_refused(desk, nobody, denied, "CheckStore", ""));
        free(desk_call_refused(desk, nobody, denied, "RotateKey", ""));
        free(desk_call_refused(desk, nobody, denied, "BackupStore", "h", descriptor));
        close(descriptor);
        ck_assert_uint_eq(keep_each_file(desk, "backup", NULL), 0);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

/* --- the client --- */

START_TEST(the_client_checks_backs_up_and_rotates)
{
        Desk *desk = story_open(1);
        char directory[512];
        _command_ checked = NULL;
        _command_ copied = NULL;
        _command_ rotated = NULL;
        _command_ again = NULL;
        _json_ events = NULL;

        keep_enrol(desk, 0, 2);
        checked = command_run(desk, DONE, NULL, COMMAND("store", "check"));
        command_expect_output(checked, "2 records checked");

        snprintf(directory, sizeof(directory), "%s", desk_path(desk, "new"));
        copied = command_run(desk, DONE, NULL, COMMAND("--json", "store", "backup", directory));
        events = command_json_lines(copied);
        ck_assert_str_eq(command_text(json_array_get(events, json_array_size(events) - 1), "event"),
                         "finished");
        ck_assert_uint_gt(keep_each_file(desk, "new", NULL), 0);
        again = command_run(desk, USAGE, NULL, COMMAND("store", "backup", directory));
        command_expect_complaint(again, "already");

        rotated = command_run(desk, DONE, NULL, COMMAND("store", "rotate-key"));
        command_expect_complaint(rotated, "icreissue-make-key --add");
        command_expect(desk, USAGE, COMMAND("store", "backup"));
        desk_close(desk);
}
END_TEST

START_TEST(the_client_tells_who_may_not_and_leaves_no_directory)
{
        Desk *desk = story_open(1);
        const CommandManner manner = { .user = DESK_NOBODY };
        char directory[512];
        _command_ refused = NULL;
        struct stat status;

        desk_directory(desk, "open");
        ck_assert_int_eq(chmod(desk_path(desk, "open"), 0777), 0);
        snprintf(directory, sizeof(directory), "%s/new", desk_path(desk, "open"));
        refused = command_run(desk, DENIED, &manner, COMMAND("store", "backup", directory));
        ck_assert_int_lt(stat(directory, &status), 0);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_clean_store_is_found_clean,
                a_flipped_bit_is_found_and_the_file_is_named,
                a_backup_is_restored_by_copying_it_back,
                a_backup_of_a_busy_store_is_of_one_moment,
                a_backup_never_writes_over_one_and_leaves_nothing_in_part,
                a_full_disk_refuses_changes_by_name_until_there_is_room,
                an_unprivileged_caller_may_not_care_for_the_store,
                the_client_checks_backs_up_and_rotates,
                the_client_tells_who_may_not_and_leaves_no_directory,
        };

        return story_run("store", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
