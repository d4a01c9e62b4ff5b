/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The design of a new card, through the whole daemon: it is listed and previewed, refused at once where it does not fit,
 * and drawn from the record before a blank is used. */
#include "tests/bus/command.h"
#include "tests/bus/line.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/design-values.h"

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"

static char *start_issue(Desk *desk, const char *type, const char *design) {
        sd_bus_message *reply;
        const char *path;
        char *job;

        desk_call(desk, desk_bus(desk), &reply, "Issue", "sssa{sv}", type, STORY_ID, "", 1, "design", "s",
                  design);
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        sd_bus_message_unref(reply);
        return job;
}

static void put_photo(Desk *desk, const char *photo) {
        desk_call(desk, desk_bus(desk), NULL, "PutRecord", "a{sv}", 3, "type", "s", STORY_V2, "id", "s",
                  STORY_ID, "fields", "a{ss}", 6, "holder", "Zoë Ångström", "number", "S0000042",
                  "access-key", "00112233445566778899AABBCCDDEEFF", "expiry", "291231", "pin", "87654321",
                  "photo", photo);
}

START_TEST(the_shipped_designs_are_listed_and_described)
{
        Desk *desk = story_open(0);
        sd_bus_message *reply;
        const char *name, *title;
        unsigned count = 0;

        desk_call(desk, desk_bus(desk), &reply, "ListDesigns", "");
        ck_assert_int_ge(sd_bus_message_enter_container(reply, 'a', "(ss)"), 0);
        while (sd_bus_message_read(reply, "(ss)", &name, &title) > 0) {
                ck_assert_msg(*title, "design %s cannot be used", name);
                count++;
        }

        ck_assert_uint_eq(count, 5);
        sd_bus_message_unref(reply);
        free(desk_call_refused(desk, desk_bus(desk), "DesignUnknown", "GetDesign", "s", "none"));
        desk_close(desk);
}
END_TEST

START_TEST(a_preview_is_a_picture_of_the_record_or_of_nobody)
{
        Desk *desk = story_open(0);
        char signature[8];
        sd_bus_message *reply;
        int picture;

        story_enrol(desk, STORY_V1, STORY_ID);
        for (unsigned i = 0; i < 2; i++) {
                desk_call(desk, desk_bus(desk), &reply, "RenderDesign", "sssu", "library", STORY_V1,
                          i == 0 ? STORY_ID : "", 100u);
                ck_assert_int_ge(sd_bus_message_read(reply, "h", &picture), 0);
                ck_assert_int_eq(pread(picture, signature, sizeof(signature), 0), sizeof(signature));
                ck_assert_int_eq(memcmp(signature, PNG_SIGNATURE, sizeof(signature)), 0);
                sd_bus_message_unref(reply);
        }

        free(desk_call_refused(desk, desk_bus(desk), "NoRecord", "RenderDesign", "sssu", "library", STORY_V1,
                               "00000001", 100u));
        free(desk_call_refused(desk, desk_bus(desk), "DesignUnknown", "RenderDesign", "sssu", "company",
                               STORY_V1, STORY_ID, 100u));
        free(desk_call_refused(desk, desk_bus(desk), "InvalidArgs", "RenderDesign", "sssu", "library", "", "",
                               1u));
        desk_close(desk);
}
END_TEST

/* Who may not read records may not look at their cards. */
START_TEST(a_preview_shows_a_record_only_to_whom_it_may_be_shown)
{
        Desk *desk = story_open(0);
        sd_bus *bus = desk_bus_as(desk, DESK_NOBODY);

        story_enrol(desk, STORY_V1, STORY_ID);
        free(desk_call_refused(desk, bus, "InteractiveAuthorizationRequired", "ListDesigns", ""));
        free(desk_call_refused(desk, bus, "InteractiveAuthorizationRequired", "RenderDesign", "sssu",
                               "library", STORY_V1, STORY_ID, 100u));
        sd_bus_flush_close_unref(bus);
        desk_close(desk);
}
END_TEST

START_TEST(a_design_that_does_not_fit_is_refused_at_once)
{
        Desk *desk = story_open(1);
        char *message;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, STORY_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        message = desk_call_refused(desk, desk_bus(desk), "DesignUnknown", "Issue", "sssa{sv}", STORY_V1,
                                    STORY_ID, "", 1, "design", "s", "company");
        ck_assert_ptr_nonnull(strstr(message, "staff-v1"));
        free(message);
        free(desk_call_refused(desk, desk_bus(desk), "DesignUnknown", "Reissue", "ssa{sv}", "", "", 1,
                               "design", "s", "company"));
        free(desk_call_refused(desk, desk_bus(desk), "DesignUnknown", "Reissue", "ssa{sv}", "", "", 1,
                               "design", "s", "none"));
        ck_assert(!story_in_use(desk, STORY_V1, STORY_ID));
        desk_close(desk);
}
END_TEST

START_TEST(a_photo_that_the_record_lacks_is_told_before_the_blank_is_used)
{
        Desk *desk = story_open(1);
        unsigned long apdus;
        char *job;

        story_enrol(desk, STORY_V2, STORY_ID);
        desk_insert(desk, 0, story_blank(desk, STORY_V2, DESK_T1, STORY_SERIAL));
        story_wait_reader(desk, 0, "blank");
        apdus = desk_apdu_count(desk, 0);
        job = start_issue(desk, STORY_V2, "company");
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_expect_property(desk, job, "Design", "company");
        story_expect_property(desk, job, "ErrorName", "org.example.ICReissue.Error.PrintFailed");
        ck_assert_uint_eq(desk_apdu_count(desk, 0), apdus);
        story_expect_record(desk, STORY_V2, STORY_ID, "unissued", 0);

        put_photo(desk, design_photo);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V2, STORY_ID, "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(at_a_branch_the_photo_has_come_over_the_line)
{
        Pair *pair = pair_open(1, NULL, NULL);
        char *job;

        put_photo(pair->centre, design_photo);
        pair_wait_line(pair, "up");
        desk_insert(pair->branch, 0, story_blank(pair->branch, STORY_V2, DESK_T1, STORY_SERIAL));
        story_wait_reader(pair->branch, 0, "blank");
        job = start_issue(pair->branch, STORY_V2, "company");
        story_wait_done(pair->branch, job);
        story_expect_property(pair->branch, job, "Design", "company");
        story_expect_record(pair->centre, STORY_V2, STORY_ID, "issued", 1);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(the_configuration_names_a_design_for_each_type)
{
        Desk *desk = story_open_closed(1);
        char *job;

        desk_write(desk, "config/icreissue.yaml", "designs: {staff-v1: library, staff-v2: company}\n");
        story_start(desk, 1);
        story_enrol(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, STORY_SERIAL));
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        story_wait_done(desk, job);
        story_expect_property(desk, job, "Design", "library");
        free(job);

        /* The old card is read first: what its type's design is, is known then. */
        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 0);
        story_wait_state(desk, job, "waiting-for-blank");
        story_expect_property(desk, job, "Design", "library");
        desk_kill_daemon(desk);
        story_start(desk, 1);
        story_expect_property(desk, job, "Design", "library");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, "B2B2B2B2B2B2B2B2"));
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(icreissuectl_lists_shows_and_writes_a_preview)
{
        Desk *desk = story_open(0);
        _command_ list = command_run(desk, DONE, NULL, COMMAND("design", "list"));
        _command_ show = command_run(desk, DONE, NULL, COMMAND("design", "show", "transit"));
        const char *path = desk_path(desk, "preview.png");
        char signature[8] = {};
        FILE *file;

        command_expect_output(list, "company");
        command_expect_output(list, "Transit pass");
        command_expect_output(show, "ultralight");
        command_expect_output(show, "expiry");
        story_enrol(desk, STORY_V1, STORY_ID);
        command_expect(desk, DONE,
                       COMMAND("design", "preview", "transit", STORY_V1, STORY_ID, "--output", path));
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fread(signature, 1, sizeof(signature), file), sizeof(signature));
        fclose(file);
        ck_assert_int_eq(memcmp(signature, PNG_SIGNATURE, sizeof(signature)), 0);
        command_expect(desk, NOT_FOUND, COMMAND("design", "show", "none"));
        command_expect(desk, USAGE, COMMAND("design", "preview", "transit", STORY_V1));
        command_expect(desk, NOT_FOUND, COMMAND("issue", STORY_V1, STORY_ID, "--design", "company"));
        desk_close(desk);
}
END_TEST

static void write_receipt(Desk *desk, const char *view_box) {
        char text[512];

        snprintf(
                text, sizeof(text),
                "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:icreissue=\"urn:icreissue:design\" viewBox=\"%s\" "
                "icreissue:receipt=\"true\"><title>Own</title><g id=\"front\"><rect icreissue:text=\"no. {count}\" "
                "x=\"2\" y=\"60\" width=\"50\" height=\"8\"/></g></svg>",
                view_box);
        desk_write(desk, "config/designs/own.svg", text);
}

static void expect_refusal(Desk *desk, const char *type, const char *error, const char *text) {
        char *message =
                desk_call_refused(desk, desk_bus(desk), error, "RenderDesign", "sssu", "own", type, "", 100u);

        ck_assert_msg(strstr(message, text), "\"%s\" is not in \"%s\"", text, message);
        free(message);
}

START_TEST(a_receipt_has_its_own_size_and_is_no_card)
{
        static const char *const sizes[] = { "0 0 20 90", "0 0 80 300", "0 0 80", "1 0 80 90", "" };
        Desk *desk = story_open(0);

        desk_call(desk, desk_bus(desk), NULL, "RenderDesign", "sssu", "receipt", "", "", 100u);
        desk_directory(desk, "config/designs");
        write_receipt(desk, "0 0 80 90");
        desk_call(desk, desk_bus(desk), NULL, "RenderDesign", "sssu", "own", "", "", 100u);
        expect_refusal(desk, STORY_V2, "DesignUnknown", "does not fit cards of type staff-v2");
        write_receipt(desk, "0 0 80 65");
        expect_refusal(desk, "", "PrintFailed", "over the receipt's edge");
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                write_receipt(desk, sizes[i]);
                expect_refusal(desk, "", "PrintFailed", "a receipt must have viewBox");
        }

        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_receipt_has_its_own_size_and_is_no_card,
                the_shipped_designs_are_listed_and_described,
                a_preview_is_a_picture_of_the_record_or_of_nobody,
                a_preview_shows_a_record_only_to_whom_it_may_be_shown,
                a_design_that_does_not_fit_is_refused_at_once,
                a_photo_that_the_record_lacks_is_told_before_the_blank_is_used,
                at_a_branch_the_photo_has_come_over_the_line,
                the_configuration_names_a_design_for_each_type,
                icreissuectl_lists_shows_and_writes_a_preview,
        };

        return story_run("designs", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
