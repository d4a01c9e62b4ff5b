/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The care of the store while the service runs: a check that finds damage, a backup that can be restored, another key.
 * And the key that is missing or wrong: nothing starts then, and nothing is written. */
#include "tests/bus/command.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION_ONE   "1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define VERSION_TWO   "2:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"
#define ANOTHER_ONE   "1:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"
#define STATUS_CONFIG 78 /* EX_CONFIG of sysexits.h */

/* --- steps --- */

static char *job_of(sd_bus_message *reply) {
        const char *path = NULL;
        char *job;

        ck_assert_int_ge(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        sd_bus_message_unref(reply);
        return job;
}

static char *start(Desk *desk, const char *member) {
        sd_bus_message *reply = NULL;

        desk_call(desk, desk_bus(desk), &reply, member, "");
        return job_of(reply);
}

static char *start_backup(Desk *desk, const char *directory) {
        sd_bus_message *reply = NULL;
        int descriptor;

        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(descriptor, 0);
        desk_call(desk, desk_bus(desk), &reply, "BackupStore", "h", descriptor);
        close(descriptor);
        return job_of(reply);
}

/* Describe's member of type u. */
static uint32_t described(Desk *desk, const char *job, const char *member) {
        sd_bus_message *reply = NULL;
        uint32_t number = UINT32_MAX;
        const char *name;

        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, &reply, "Describe", "");
        sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
                sd_bus_message_read(reply, "s", &name);
                if (strcmp(name, member) == 0)
                        ck_assert_int_ge(sd_bus_message_read(reply, "v", "u", &number), 0);
                else
                        sd_bus_message_skip(reply, "v");
                sd_bus_message_exit_container(reply);
        }

        sd_bus_message_unref(reply);
        return number;
}

static void expect_words(Desk *desk, const char *job, const char *property, const char *words) {
        char *text = desk_property(desk, job, DESK_JOB, property);

        if (!strstr(text, words))
                desk_fail(desk, "%s is \"%s\", which does not say \"%s\".", property, text, words);

        free(text);
}

static void check_is_clean(Desk *desk, uint32_t records) {
        char *job = start(desk, "CheckStore");

        story_wait_done(desk, job);
        ck_assert_uint_eq(described(desk, job, "checked"), records);
        free(job);
}

static void write_key(Desk *desk, const char *text) {
        desk_directory(desk, "credentials");
        desk_write(desk, "credentials/issuance-key", text);
        ck_assert_int_eq(chmod(desk_path(desk, "credentials/issuance-key"), 0400), 0);
}

static void enrol_many(Desk *desk, unsigned from, unsigned count) {
        for (unsigned i = from; i < from + count; i++) {
                char id[9];

                snprintf(id, sizeof(id), "%08u", i);
                story_enrol(desk, STORY_V1, id);
        }
}

/* The same in one step, for many. */
static void import_many(Desk *desk, unsigned count) {
        sd_bus_message *reply = NULL;
        FILE *file = fopen(desk_path(desk, "import.jsonl"), "we");
        int descriptor;
        char *job;

        ck_assert_ptr_nonnull(file);
        for (unsigned i = 0; i < count; i++)
                fprintf(file,
                        "{\"type\":\"" STORY_V1 "\",\"id\":\"%08u\",\"fields\":{\"holder\":\"Q. R.\","
                        "\"number\":\"S0000042\",\"access-key\":\"00112233445566778899AABBCCDDEEFF\","
                        "\"zone\":\"B2-LAB\",\"expiry\":\"291231\",\"pin\":\"87654321\"}}\n",
                        i);
        ck_assert_int_eq(fclose(file), 0);
        descriptor = open(desk_path(desk, "import.jsonl"), O_RDONLY | O_CLOEXEC);
        desk_call(desk, desk_bus(desk), &reply, "ImportRecords", "ha{sv}", descriptor, 0);
        close(descriptor);
        job = job_of(reply);
        story_wait_done(desk, job);
        free(job);
}

static void expect_log(Desk *desk, const char *words) {
        char *log = desk_daemon_log(desk);

        if (!strstr(log, words))
                desk_fail(desk, "The log does not say \"%s\".", words);
        free(log);
}

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
        job = job_of(reply);
        story_wait_done(desk, job);
        free(job);
        ck_assert_int_eq(fstat(descriptor, &status), 0);
        text = calloc(1, (size_t) status.st_size + 1);
        ck_assert_int_eq(pread(descriptor, text, (size_t) status.st_size, 0), status.st_size);
        close(descriptor);
        return sort_lines(text);
}

/* Calls `each` with every file of a directory of the desk's. */
static unsigned each_file(Desk *desk, const char *name, void (*each)(Desk *desk, const char *path)) {
        DIR *directory = opendir(desk_path(desk, name));
        struct dirent *entry;
        unsigned count = 0;

        ck_assert_ptr_nonnull(directory);
        while ((entry = readdir(directory))) {
                char path[600];

                if (entry->d_name[0] == '.')
                        continue;

                snprintf(path, sizeof(path), "%s/%s", desk_path(desk, name), entry->d_name);
                count++;
                if (each)
                        each(desk, path);
        }

        closedir(directory);
        return count;
}

static void remove_file(Desk *desk, const char *path) {
        if (unlink(path) < 0)
                desk_fail(desk, "%s: %m", path);
}

/* What an administrator does, with the service stopped: the old state goes, the backup takes its place. */
static void restore(Desk *desk, const char *backup) {
        char from[512], to[512];

        each_file(desk, "state", remove_file);
        snprintf(from, sizeof(from), "%s", desk_path(desk, backup));
        snprintf(to, sizeof(to), "%s", desk_path(desk, "state"));
        ck_assert_int_eq(rmdir(to), 0);
        ck_assert_int_eq(rename(from, to), 0);
}

/* --- check --- */

START_TEST(a_clean_store_is_found_clean)
{
        Desk *desk = story_open(1);

        check_is_clean(desk, 0);
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        enrol_many(desk, 0, 5);
        desk_call(desk, desk_bus(desk), NULL, "RemoveRecord", "ss", STORY_V1, "00000002");
        story_enrol(desk, STORY_V1, "00000001");
        check_is_clean(desk, 5);
        desk_stop_daemon(desk); /* everything goes into the GDBM file */
        story_start(desk, 1);
        check_is_clean(desk, 5);
        desk_kill_daemon(desk);
        story_start(desk, 1);
        check_is_clean(desk, 5);
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

        enrol_many(desk, 0, 3);
        desk_stop_daemon(desk);
        each_file(desk, "state", flip);
        ck_assert_uint_gt(flipped, 0);
        story_start(desk, 1);
        job = start(desk, "CheckStore");
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_wait_error(desk, job, "StoreFailed");
        expect_words(desk, job, "ErrorMessage", "issuance.");
        expect_words(desk, job, "Advice", "job retry");
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
        enrol_many(desk, 0, 20);
        before = export_all(desk);
        ck_assert_ptr_nonnull(strstr(before, "\"sealed\""));
        ck_assert_ptr_null(strstr(before, "00112233445566778899AABBCCDDEEFF"));
        desk_directory(desk, "backup");
        job = start_backup(desk, desk_path(desk, "backup"));
        story_wait_done(desk, job);
        ck_assert_uint_eq(described(desk, job, "transferred"), 21);
        free(job);

        enrol_many(desk, 100, 3);
        desk_call(desk, desk_bus(desk), NULL, "RemoveRecord", "ss", STORY_V1, "00000007");
        desk_stop_daemon(desk);
        restore(desk, "backup");
        story_start(desk, 2);
        after = export_all(desk);
        if (strcmp(before, after) != 0)
                desk_fail(desk, "What was restored is not what was there:\n%s\n%s", before, after);
        check_is_clean(desk, 21);
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

        import_many(desk, BEFORE);
        desk_directory(desk, "backup");
        job = start_backup(desk, desk_path(desk, "backup"));
        enrol_many(desk, BEFORE, AFTER);
        story_wait_done(desk, job);
        free(job);
        desk_kill_daemon(desk);
        restore(desk, "backup");
        story_start(desk, 1);
        while (there < BEFORE + AFTER && has_record(desk, there))
                there++;
        ck_assert_uint_ge(there, BEFORE);
        check_is_clean(desk, there); /* so none is there but those */
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

        enrol_many(desk, 0, 3);
        desk_directory(desk, "backup");
        job = start_backup(desk, desk_path(desk, "backup"));
        story_wait_done(desk, job);
        free(job);
        count = each_file(desk, "backup", NULL);
        job = start_backup(desk, desk_path(desk, "backup"));
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_wait_error(desk, job, invalid);
        expect_words(desk, job, "Advice", "empty directory");
        free(job);
        ck_assert_uint_eq(each_file(desk, "backup", NULL), count);

        job = start_backup(desk, desk_path(desk, "state")); /* its own */
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        free(job);

        descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
        free(desk_call_refused(desk, desk_bus(desk), invalid, "BackupStore", "h", descriptor));
        close(descriptor);
        check_is_clean(desk, 3);
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
        ck_assert_uint_eq(each_file(desk, "backup", NULL), 0);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

/* --- another key --- */

/* Nothing needs the first version any more: the service starts with the second one alone, and all is there. */
static void expect_second_version_suffices(Desk *desk, unsigned readers, uint32_t records) {
        desk_stop_daemon(desk);
        write_key(desk, VERSION_TWO);
        story_start(desk, readers);
        check_is_clean(desk, records);
}

START_TEST(the_key_is_changed_while_a_card_is_reissued)
{
        Desk *desk = story_open(2);
        char *reissue, *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        enrol_many(desk, 0, 10);
        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, "B2B2B2B2B2B2B2B2"));
        story_wait_reader(desk, 1, "blank");
        desk_hold_at(desk, 1, 10, DESK_BEFORE);
        reissue = story_reissue(desk, 0, 1);
        desk_wait_held(desk, 1);

        write_key(desk, VERSION_ONE VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = start(desk, "RotateKey");
        story_wait_done(desk, job);
        expect_words(desk, job, "Advice", "before 2");
        ck_assert_uint_ge(described(desk, job, "resealed"),
                          12); /* the records, and the job that writes a card */
        free(job);

        desk_release_card(desk, 1);
        story_wait_done(desk, reissue);
        expect_second_version_suffices(desk, 2, 11);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(reissue);
        desk_close(desk);
}
END_TEST

START_TEST(a_rotation_that_is_killed_goes_on)
{
        enum { RECORDS = 3000 };
        Desk *desk = story_open(1);
        char *job;

        import_many(desk, RECORDS);
        write_key(desk, VERSION_ONE VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = start(desk, "RotateKey");
        desk_kill_daemon(desk);
        story_start(desk, 1);
        expect_log(desk, "(rotate-key) goes on");
        story_wait_done(desk, job);
        free(job);
        expect_second_version_suffices(desk, 1, RECORDS);
        desk_close(desk);
}
END_TEST

START_TEST(a_rotation_survives_a_stop_of_the_service)
{
        enum { RECORDS = 3000 };
        Desk *desk = story_open(1);
        char *job;

        import_many(desk, RECORDS);
        write_key(desk, VERSION_ONE VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = start(desk, "RotateKey");
        desk_stop_daemon(desk);
        story_start(desk, 1);
        expect_log(desk, "(rotate-key) goes on");
        story_wait_done(desk, job);
        free(job);
        expect_second_version_suffices(desk, 1, RECORDS);
        desk_close(desk);
}
END_TEST

START_TEST(a_rotation_that_is_cancelled_is_finished_by_the_next_one)
{
        enum { RECORDS = 3000 };
        Desk *desk = story_open(1);
        char *job;

        import_many(desk, RECORDS);
        write_key(desk, VERSION_ONE VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = start(desk, "RotateKey");
        free(desk_call_refused(desk, desk_bus(desk), "TooManyJobs", "RotateKey", ""));
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        free(job);
        job = start(desk, "RotateKey");
        story_wait_done(desk, job);
        ck_assert_uint_le(described(desk, job, "resealed"), RECORDS);
        free(job);
        expect_second_version_suffices(desk, 1, RECORDS);
        desk_close(desk);
}
END_TEST

START_TEST(a_rotation_without_another_version_tells_how_to_add_one)
{
        Desk *desk = story_open(1);
        char *job;

        enrol_many(desk, 0, 3);
        job = start(desk, "RotateKey");
        story_wait_done(desk, job);
        ck_assert_uint_eq(described(desk, job, "resealed"), 0);
        expect_words(desk, job, "Advice", "icreissue-make-key --add");
        free(job);
        desk_close(desk);
}
END_TEST

/* What it seals is sealed under the version that was the current one when it began. */
START_TEST(no_rotation_begins_while_an_import_is_under_way)
{
        Desk *desk = story_open(1);
        sd_bus_message *reply = NULL;
        char *import, *job;
        int ends[2];

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        desk_call(desk, desk_bus(desk), &reply, "ImportRecords", "ha{sv}", ends[0], 0);
        close(ends[0]);
        import = job_of(reply);
        free(desk_call_refused(desk, desk_bus(desk), "TooManyJobs", "RotateKey", ""));
        check_is_clean(desk, 0); /* others do */
        close(ends[1]);
        story_wait_done(desk, import);
        free(import);
        job = start(desk, "RotateKey");
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_reload_refuses_a_key_without_a_version_in_use_and_changes_nothing)
{
        Desk *desk = story_open(1);

        story_enrol(desk, STORY_V1, STORY_ID);
        write_key(desk, VERSION_TWO);
        free(desk_call_refused(desk, desk_bus(desk), "StoreFailed", "Reload", ""));
        write_key(desk, "2:nothing\n");
        free(desk_call_refused(desk, desk_bus(desk), "StoreFailed", "Reload", ""));
        write_key(desk, ANOTHER_ONE);
        free(desk_call_refused(desk, desk_bus(desk), "StoreFailed", "Reload", ""));
        story_enrol(desk, STORY_V1, "00000001");
        check_is_clean(desk, 2);
        write_key(desk, VERSION_ONE);
        desk_kill_daemon(desk);
        story_start(desk, 1);
        check_is_clean(desk, 2);
        desk_close(desk);
}
END_TEST

/* --- no key --- */

typedef struct Content {
        char name[256];
        off_t size;
        uint64_t sum;
} Content;

static Content contents[16];
static size_t content_count;

static void note_content(Desk *desk, const char *path) {
        static uint8_t buffer[4 * 1024 * 1024];
        Content content = {};
        FILE *file = fopen(path, "re");
        size_t size;

        ck_assert_ptr_nonnull(file);
        (void) desk;
        size = fread(buffer, 1, sizeof(buffer), file);
        fclose(file);
        snprintf(content.name, sizeof(content.name), "%s", strrchr(path, '/') + 1);
        content.size = (off_t) size;
        for (size_t i = 0; i < size; i++)
                content.sum = content.sum * 31 + buffer[i];
        ck_assert_uint_lt(content_count, sizeof(contents) / sizeof(contents[0]));
        contents[content_count++] = content;
}

/* It ends with that status and says those words. */
static void expect_no_start(Desk *desk, const char *words) {
        int status;

        desk_start_daemon(desk);
        status = desk_wait_daemon_end(desk);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), STATUS_CONFIG);
        expect_log(desk, words);
}

/* The same, and every file is as it was. */
static void expect_untouched(Desk *desk, const char *words) {
        Content before[16];
        size_t count;

        content_count = 0;
        each_file(desk, "state", note_content);
        count = content_count;
        memcpy(before, contents, sizeof(contents));
        expect_no_start(desk, words);
        content_count = 0;
        each_file(desk, "state", note_content);
        ck_assert_uint_eq(content_count, count);
        for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < count; j++)
                        if (strcmp(before[i].name, contents[j].name) == 0) {
                                ck_assert_int_eq(before[i].size, contents[j].size);
                                ck_assert_uint_eq(before[i].sum, contents[j].sum);
                        }
}

START_TEST(without_its_key_nothing_starts_and_nothing_is_written)
{
        Desk *desk = story_open(1);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        desk_kill_daemon(desk); /* a log that waits for its checkpoint */
        write_key(desk, "");
        expect_untouched(desk, "icreissue-make-key");
        write_key(desk, "# nothing\n");
        expect_untouched(desk, "icreissue-make-key");
        write_key(desk, ANOTHER_ONE);
        expect_no_start(desk, "is not the key that the issuance file was sealed with");
        write_key(desk, VERSION_TWO);
        expect_no_start(desk, "under version 1 of the key");
        write_key(desk, VERSION_ONE);
        story_start(desk, 1);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        check_is_clean(desk, 1);
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

        enrol_many(desk, 0, 2);
        checked = command_run(desk, DONE, NULL, COMMAND("store", "check"));
        command_expect_output(checked, "2 records checked");

        snprintf(directory, sizeof(directory), "%s", desk_path(desk, "new"));
        copied = command_run(desk, DONE, NULL, COMMAND("--json", "store", "backup", directory));
        events = command_json_lines(copied);
        ck_assert_str_eq(command_text(json_array_get(events, json_array_size(events) - 1), "event"),
                         "finished");
        ck_assert_uint_gt(each_file(desk, "new", NULL), 0);
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
                an_unprivileged_caller_may_not_care_for_the_store,
                the_key_is_changed_while_a_card_is_reissued,
                a_rotation_that_is_killed_goes_on,
                a_rotation_survives_a_stop_of_the_service,
                a_rotation_that_is_cancelled_is_finished_by_the_next_one,
                a_rotation_without_another_version_tells_how_to_add_one,
                no_rotation_begins_while_an_import_is_under_way,
                a_reload_refuses_a_key_without_a_version_in_use_and_changes_nothing,
                without_its_key_nothing_starts_and_nothing_is_written,
                the_client_checks_backs_up_and_rotates,
                the_client_tells_who_may_not_and_leaves_no_directory,
        };

        return story_run("store", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
