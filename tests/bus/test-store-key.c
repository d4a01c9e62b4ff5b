/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key of the store: another one while the service runs, whatever is killed or cancelled; and one that is missing or
 * wrong: nothing starts then, and nothing is written. */
#include "tests/bus/keep.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_CONFIG 78 /* EX_CONFIG of sysexits.h */

/* --- another key --- */

/* Nothing needs the first version any more: the service starts with the second one alone, and all is there. */
static void expect_second_version_suffices(Desk *desk, unsigned readers, uint32_t records) {
        desk_stop_daemon(desk);
        keep_write_key(desk, KEEP_VERSION_TWO);
        story_start(desk, readers);
        keep_check_clean(desk, records);
}

START_TEST(the_key_is_changed_while_a_card_is_reissued)
{
        Desk *desk = story_open(2);
        char *reissue, *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        keep_enrol(desk, 0, 10);
        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, "B2B2B2B2B2B2B2B2"));
        story_wait_reader(desk, 1, "blank");
        desk_hold_at(desk, 1, 10, DESK_BEFORE);
        reissue = story_reissue(desk, 0, 1);
        desk_wait_held(desk, 1);

        keep_write_key(desk, KEEP_VERSION_ONE KEEP_VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = keep_start(desk, "RotateKey");
        story_wait_done(desk, job);
        keep_expect_words(desk, job, "Advice", "before 2");
        ck_assert_uint_ge(keep_described(desk, job, "resealed"),
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

        keep_import(desk, RECORDS);
        keep_write_key(desk, KEEP_VERSION_ONE KEEP_VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = keep_start(desk, "RotateKey");
        desk_kill_daemon(desk);
        story_start(desk, 1);
        keep_expect_log(desk, "(rotate-key) goes on");
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

        keep_import(desk, RECORDS);
        keep_write_key(desk, KEEP_VERSION_ONE KEEP_VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = keep_start(desk, "RotateKey");
        desk_stop_daemon(desk);
        story_start(desk, 1);
        keep_expect_log(desk, "(rotate-key) goes on");
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

        keep_import(desk, RECORDS);
        keep_write_key(desk, KEEP_VERSION_ONE KEEP_VERSION_TWO);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        job = keep_start(desk, "RotateKey");
        free(desk_call_refused(desk, desk_bus(desk), "TooManyJobs", "RotateKey", ""));
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        free(job);
        job = keep_start(desk, "RotateKey");
        story_wait_done(desk, job);
        ck_assert_uint_le(keep_described(desk, job, "resealed"), RECORDS);
        free(job);
        expect_second_version_suffices(desk, 1, RECORDS);
        desk_close(desk);
}
END_TEST

START_TEST(a_rotation_without_another_version_tells_how_to_add_one)
{
        Desk *desk = story_open(1);
        char *job;

        keep_enrol(desk, 0, 3);
        job = keep_start(desk, "RotateKey");
        story_wait_done(desk, job);
        ck_assert_uint_eq(keep_described(desk, job, "resealed"), 0);
        keep_expect_words(desk, job, "Advice", "icreissue-make-key --add");
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
        import = keep_job_of(reply);
        free(desk_call_refused(desk, desk_bus(desk), "TooManyJobs", "RotateKey", ""));
        keep_check_clean(desk, 0); /* others do */
        close(ends[1]);
        story_wait_done(desk, import);
        free(import);
        job = keep_start(desk, "RotateKey");
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_reload_refuses_a_key_without_a_version_in_use_and_changes_nothing)
{
        Desk *desk = story_open(1);

        story_enrol(desk, STORY_V1, STORY_ID);
        keep_write_key(desk, KEEP_VERSION_TWO);
        free(desk_call_refused(desk, desk_bus(desk), "StoreFailed", "Reload", ""));
        keep_write_key(desk, "2:nothing\n");
        free(desk_call_refused(desk, desk_bus(desk), "StoreFailed", "Reload", ""));
        keep_write_key(desk, KEEP_ANOTHER_ONE);
        free(desk_call_refused(desk, desk_bus(desk), "StoreFailed", "Reload", ""));
        story_enrol(desk, STORY_V1, "00000001");
        keep_check_clean(desk, 2);
        keep_write_key(desk, KEEP_VERSION_ONE);
        desk_kill_daemon(desk);
        story_start(desk, 1);
        keep_check_clean(desk, 2);
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
        keep_expect_log(desk, words);
}

/* The same, and every file is as it was. */
static void expect_untouched(Desk *desk, const char *words) {
        Content before[16];
        size_t count;

        content_count = 0;
        keep_each_file(desk, "state", note_content);
        count = content_count;
        memcpy(before, contents, sizeof(contents));
        expect_no_start(desk, words);
        content_count = 0;
        keep_each_file(desk, "state", note_content);
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
        keep_write_key(desk, "");
        expect_untouched(desk, "icreissue-make-key");
        keep_write_key(desk, "# nothing\n");
        expect_untouched(desk, "icreissue-make-key");
        keep_write_key(desk, KEEP_ANOTHER_ONE);
        expect_no_start(desk, "is not the key that the issuance file was sealed with");
        keep_write_key(desk, KEEP_VERSION_TWO);
        expect_no_start(desk, "under version 1 of the key");
        keep_write_key(desk, KEEP_VERSION_ONE);
        story_start(desk, 1);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        keep_check_clean(desk, 1);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_key_is_changed_while_a_card_is_reissued,
                a_rotation_that_is_killed_goes_on,
                a_rotation_survives_a_stop_of_the_service,
                a_rotation_that_is_cancelled_is_finished_by_the_next_one,
                a_rotation_without_another_version_tells_how_to_add_one,
                no_rotation_begins_while_an_import_is_under_way,
                a_reload_refuses_a_key_without_a_version_in_use_and_changes_nothing,
                without_its_key_nothing_starts_and_nothing_is_written,
        };

        return story_run("store-key", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
