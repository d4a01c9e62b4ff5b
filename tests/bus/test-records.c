/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record methods, import and export, and bad input: each a named error that says what to do, none of which stops
 * the daemon or changes anything. */
#include "tests/bus/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A well-formed record but for one field, which is set, or added. */
static void expect_refused_record(Desk *desk, const char *error, const char *words, const char *type,
                                  const char *id, const char *field, const char *value) {
        static const char *const good[][2] = {
                { "holder", "Q. R." },
                { "number", "S0000042" },
                { "access-key", "00112233445566778899AABBCCDDEEFF" },
                { "expiry", "291231" },
                { "pin", "87654321" },
        };
        const char *all[6][2] = {};
        size_t count = 0;
        char *message;

        for (size_t i = 0; i < 5; i++)
                if (strcmp(good[i][0], field) != 0) {
                        all[count][0] = good[i][0];
                        all[count++][1] = good[i][1];
                }

        all[count][0] = field;
        all[count++][1] = value;
        if (count < 6) { /* the field was one of the good ones: one more that is optional keeps the number */
                all[count][0] = "second-zone";
                all[count++][1] = "B3";
        }

        message = desk_call_refused(desk, desk_bus(desk), error, "PutRecord", "a{sv}", 3, "type", "s", type,
                                    "id", "s", id, "fields", "a{ss}", 6, all[0][0], all[0][1], all[1][0],
                                    all[1][1], all[2][0], all[2][1], all[3][0], all[3][1], all[4][0],
                                    all[4][1], all[5][0], all[5][1]);
        if (!strstr(message, words))
                desk_fail(desk, "\"%s\" does not say \"%s\".", message, words);
        if (strstr(message, value))
                desk_fail(desk, "\"%s\" quotes a value.", message);

        free(message);
}

START_TEST(a_record_is_held_against_its_profile_when_it_enters_the_file)
{
        static const char invalid[] = "org.freedesktop.DBus.Error.InvalidArgs";
        Desk *desk = story_open(1);
        char long_name[200];

        memset(long_name, 'x', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        expect_refused_record(desk, "UnknownCardType", "icreissuectl types", "no-such-type", STORY_ID,
                              "holder", "Q.");
        expect_refused_record(desk, invalid, "nickname", STORY_V1, STORY_ID, "nickname", "Zoe");
        expect_refused_record(desk, invalid, "holder", STORY_V1, STORY_ID, "holder", long_name);
        expect_refused_record(desk, invalid, "access-key", STORY_V1, STORY_ID, "access-key", "secret!");
        free(desk_call_refused(desk, desk_bus(desk), invalid, "PutRecord", "a{sv}", 3, "type", "s", STORY_V1,
                               "id", "s", STORY_ID, "fields", "a{ss}", 1, "number", "S0000042"));
        expect_refused_record(desk, invalid, "id", STORY_V1, "123456789", "holder", "Q. R.");
        free(desk_call_refused(desk, desk_bus(desk), "NoRecord", "GetRecord", "ss", STORY_V1, STORY_ID));
        story_enrol(desk, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        desk_close(desk);
}
END_TEST

START_TEST(secret_fields_are_withheld_and_named)
{
        Desk *desk = story_open(1);
        sd_bus_message *reply = NULL;
        size_t size;
        char *text;
        FILE *stream;

        story_enrol(desk, STORY_V1, STORY_ID);
        desk_call(desk, desk_bus(desk), &reply, "GetRecord", "ss", STORY_V1, STORY_ID);
        stream = open_memstream(&text, &size);
        sd_bus_message_dump(reply, stream, 0);
        fclose(stream);
        ck_assert_ptr_nonnull(strstr(text, "access-key"));
        ck_assert_ptr_nonnull(strstr(text, "withheld"));
        ck_assert_ptr_nonnull(strstr(text, "S0000042"));
        ck_assert_ptr_null(strstr(text, "00112233"));
        ck_assert_ptr_null(strstr(text, "87654321"));
        free(text);
        sd_bus_message_unref(reply);
        desk_close(desk);
}
END_TEST

static unsigned find(Desk *desk, const char *field, const char *value) {
        sd_bus_message *reply = NULL;
        unsigned count = 0;

        desk_call(desk, desk_bus(desk), &reply, "FindRecords", "ss", field, value);
        sd_bus_message_enter_container(reply, 'a', "(ssub)");
        while (sd_bus_message_skip(reply, "(ssub)") > 0)
                count++;

        sd_bus_message_unref(reply);
        return count;
}

START_TEST(the_card_is_lost_and_the_person_is_found_by_name)
{
        Desk *desk = story_open(1);

        story_enrol(desk, STORY_V1, "00000001");
        story_enrol(desk, STORY_V1, "00000002");
        ck_assert_uint_eq(find(desk, "holder", "Zoë Ångström"), 2);
        ck_assert_uint_eq(find(desk, "holder", "Nobody"), 0);
        free(desk_call_refused(desk, desk_bus(desk), "org.freedesktop.DBus.Error.InvalidArgs", "FindRecords",
                               "ss", "access-key", "00112233445566778899AABBCCDDEEFF"));
        desk_close(desk);
}
END_TEST

START_TEST(a_listing_in_pages_shows_every_record_once)
{
        Desk *desk = story_open(1);
        char cursor[512] = "";
        unsigned seen = 0, pages = 0;

        for (unsigned i = 0; i < 25; i++) {
                char id[9];

                snprintf(id, sizeof(id), "%08u", i);
                story_enrol(desk, STORY_V1, id);
        }

        do {
                sd_bus_message *reply = NULL;
                const char *next;

                desk_call(desk, desk_bus(desk), &reply, "ListRecords", "ssu", STORY_V1, cursor, 10);
                sd_bus_message_enter_container(reply, 'a', "(ssub)");
                while (sd_bus_message_skip(reply, "(ssub)") > 0)
                        seen++;
                sd_bus_message_exit_container(reply);
                sd_bus_message_read(reply, "s", &next);
                snprintf(cursor, sizeof(cursor), "%s", next);
                sd_bus_message_unref(reply);
                pages++;
        } while (*cursor);

        ck_assert_uint_eq(seen, 25);
        ck_assert_uint_eq(pages, 3);
        free(desk_call_refused(desk, desk_bus(desk), "org.freedesktop.DBus.Error.InvalidArgs", "ListRecords",
                               "ssu", "", "no cursor", 10));
        free(desk_call_refused(desk, desk_bus(desk), "org.freedesktop.DBus.Error.InvalidArgs", "ListRecords",
                               "ssu", "", "", 0));
        desk_close(desk);
}
END_TEST

/* --- import and export --- */

/* mode "": none is given. */
static char *import_fd(Desk *desk, int descriptor, const char *mode) {
        sd_bus_message *reply = NULL;
        const char *path;
        char *job;

        if (*mode)
                desk_call(desk, desk_bus(desk), &reply, "ImportRecords", "ha{sv}", descriptor, 1, "mode", "s",
                          mode);
        else
                desk_call(desk, desk_bus(desk), &reply, "ImportRecords", "ha{sv}", descriptor, 0);
        sd_bus_message_read(reply, "o", &path);
        job = strdup(path);
        sd_bus_message_unref(reply);
        return job;
}

static char *import_text_as(Desk *desk, const char *text, const char *mode) {
        char *job;
        int descriptor;

        desk_write(desk, "import.jsonl", text);
        descriptor = open(desk_path(desk, "import.jsonl"), O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(descriptor, 0);
        job = import_fd(desk, descriptor, mode);
        close(descriptor);
        return job;
}

static char *import_text(Desk *desk, const char *text) {
        return import_text_as(desk, text, "");
}

#define RECORD(id) \
        "{\"v\":1,\"type\":\"iso7816\",\"id\":\"" id \
        "\",\"fields\":{\"holder\":\"Q. R.\",\"number\":\"S0000001\"}}\n"

START_TEST(an_import_is_all_or_nothing_and_names_the_line)
{
        Desk *desk = story_open(1);
        char *job, *message;

        job = import_text(desk, RECORD("00000001") RECORD("00000002") "{\"v\":1,\"type\":\n");
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        message = desk_property(desk, job, DESK_JOB, "ErrorMessage");
        ck_assert_ptr_nonnull(strstr(message, "line 3"));
        free(message);
        free(job);
        free(desk_call_refused(desk, desk_bus(desk), "NoRecord", "GetRecord", "ss", "iso7816", "00000001"));

        job = import_text(desk, RECORD("00000001") "\n" RECORD("00000002"));
        story_wait_done(desk, job);
        free(job);
        message = desk_property(desk, DESK_ROOT_PATH, DESK_INTERFACE, "RecordCount");
        ck_assert_str_eq(message, "2");
        free(message);

        job = import_text(desk, RECORD("00000003") RECORD("00000001"));
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        message = desk_property(desk, job, DESK_JOB, "ErrorMessage");
        ck_assert_ptr_nonnull(strstr(message, "line 2"));
        free(message);
        free(job);
        desk_close(desk);
}
END_TEST

#define COUNTED(id, count) \
        "{\"type\":\"iso7816\",\"id\":\"" id "\",\"flag\":\"issued\",\"count\":" count \
        ",\"fields\":{\"holder\":\"Q. R.\",\"number\":\"S0000001\"}}\n"

static void import_ends(Desk *desk, const char *text, const char *mode, const char *state) {
        char *job = import_text_as(desk, text, mode);

        story_expect_state(desk, job, "done|failed|cancelled", state);
        free(job);
}

START_TEST(the_mode_of_an_import_says_what_happens_to_records_that_are_there)
{
        Desk *desk = story_open(1);
        char *count;

        import_ends(desk, COUNTED("00000001", "2") COUNTED("00000002", "2"), "add", "done");
        import_ends(desk, COUNTED("00000001", "3"), "add", "failed");
        import_ends(desk, COUNTED("00000001", "1"), "merge", "failed");
        import_ends(desk, COUNTED("00000001", "3") COUNTED("00000002", "2"), "merge", "done");
        story_expect_record(desk, "iso7816", "00000001", "issued", 3);
        import_ends(desk, COUNTED("00000003", "7"), "replace", "done");
        story_expect_record(desk, "iso7816", "00000003", "issued", 7);
        count = desk_property(desk, DESK_ROOT_PATH, DESK_INTERFACE, "RecordCount");
        ck_assert_str_eq(count, "1");
        free(count);
        free(desk_call_refused(desk, desk_bus(desk), "org.freedesktop.DBus.Error.InvalidArgs",
                               "ImportRecords", "ha{sv}", STDIN_FILENO, 1, "mode", "s", "all"));
        desk_close(desk);
}
END_TEST

START_TEST(what_is_exported_can_be_imported_elsewhere_with_its_secrets)
{
        Desk *desk = story_open(1);
        sd_bus_message *reply = NULL;
        const char *path;
        char *job, text[8192] = "";
        int descriptor;
        ssize_t size;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        for (int sealed = 0; sealed < 2; sealed++) {
                descriptor =
                        open(desk_path(desk, "export.jsonl"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                desk_call(desk, desk_bus(desk), &reply, "ExportRecords", "ha{sv}", descriptor, 1, "sealed",
                          "b", sealed);
                sd_bus_message_read(reply, "o", &path);
                job = strdup(path);
                reply = sd_bus_message_unref(reply);
                story_wait_done(desk, job);
                size = pread(descriptor, text, sizeof(text) - 1, 0);
                ck_assert_int_gt(size, 0);
                text[size] = '\0';
                ck_assert_ptr_nonnull(strstr(text, STORY_ID));
                ck_assert_ptr_null(strstr(text, "00112233445566778899AABBCCDDEEFF"));
                ck_assert(!strstr(text, "\"sealed\"") == !sealed);
                close(descriptor);
                free(job);
        }

        desk_call(desk, desk_bus(desk), NULL, "RemoveRecord", "ss", STORY_V1, STORY_ID);
        job = import_text(desk, text);
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "issued"), 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(an_import_from_a_pipe_that_never_ends_can_be_cancelled_and_blocks_nobody)
{
        Desk *desk = story_open(1);
        int ends[2];
        char *job;

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        job = import_fd(desk, ends[0], "");
        close(ends[0]);
        ck_assert_int_gt(write(ends[1], RECORD("00000001"), sizeof(RECORD("00000001")) - 1), 0);
        story_wait_state(desk, job, "running");
        story_enrol(desk, STORY_V1, STORY_ID); /* others are served meanwhile */
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        free(desk_call_refused(desk, desk_bus(desk), "NoRecord", "GetRecord", "ss", "iso7816", "00000001"));
        close(ends[1]);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(an_export_into_a_closed_pipe_fails_and_the_daemon_lives)
{
        Desk *desk = story_open(1);
        sd_bus_message *reply = NULL;
        const char *path;
        char *job;
        int ends[2];

        story_enrol(desk, STORY_V1, STORY_ID);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        close(ends[0]);
        desk_call(desk, desk_bus(desk), &reply, "ExportRecords", "ha{sv}", ends[1], 0);
        sd_bus_message_read(reply, "o", &path);
        job = strdup(path);
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        close(ends[1]);
        sd_bus_message_unref(reply);
        free(job);
        desk_close(desk);
}
END_TEST

/* --- bad arguments --- */

START_TEST(unknown_readers_options_and_jobs_are_refused_by_name)
{
        static const char invalid[] = "org.freedesktop.DBus.Error.InvalidArgs";
        Desk *desk = story_open(2);
        sd_bus *bus = desk_bus(desk);
        char *message;

        message = desk_call_refused(desk, bus, "NoReader", "ReadCard", "s", "No Such Reader");
        ck_assert_ptr_nonnull(strstr(message, "Desk Reader")); /* it lists those that there are */
        free(message);
        free(desk_call_refused(desk, bus, "NoReader", "Reissue", "ssa{sv}", "No Such Reader", "", 0));
        free(desk_call_refused(desk, bus, "NoCard", "ReadCard", "s", ""));
        free(desk_call_refused(desk, bus, "NoCard", "ReadCard", "s", desk_reader_name(desk, 0)));
        free(desk_call_refused(desk, bus, "NoRecord", "RequestReissue", "sss", STORY_V1, STORY_ID, "worn"));
        free(desk_call_refused(desk, bus, "NoRecord", "Issue", "sssa{sv}", STORY_V1, STORY_ID, "", 0));
        message = desk_call_refused(desk, bus, invalid, "Reissue", "ssa{sv}", "", "", 1, "fast", "b", 1);
        ck_assert_ptr_nonnull(strstr(message, "request"));
        free(message);
        free(desk_call_refused(desk, bus, invalid, "Reissue", "ssa{sv}", "", "", 1, "request", "s", "yes"));
        free(desk_call_refused(desk, bus, invalid, "StartBatch", "a(ss)sa{sv}", 0, "", 0));
        story_enrol(desk, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_record_is_held_against_its_profile_when_it_enters_the_file,
                secret_fields_are_withheld_and_named,
                the_card_is_lost_and_the_person_is_found_by_name,
                a_listing_in_pages_shows_every_record_once,
                an_import_is_all_or_nothing_and_names_the_line,
                the_mode_of_an_import_says_what_happens_to_records_that_are_there,
                what_is_exported_can_be_imported_elsewhere_with_its_secrets,
                an_import_from_a_pipe_that_never_ends_can_be_cancelled_and_blocks_nobody,
                an_export_into_a_closed_pipe_fails_and_the_daemon_lives,
                unknown_readers_options_and_jobs_are_refused_by_name,
        };

        return story_run("records", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
