/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One test per requirement of the product, named after it: through D-Bus, on cards in readers. */
#include "tests/bus/story.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/card-fixture.h"

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

/* What a plain PC/SC program reads from a staff-v1 card: type, ID, holder and number, zone, expiry. */
static char *content_v1(Desk *desk, unsigned slot) {
        static const char *const reads[][4] = {
                { "00A4000C023F00", "00A4000C022F00", "00B0000008", NULL },
                { "00A4000C023F00", "00A4000C025000", "00A4020C025001", "00B0000030" },
                { "00A4000C023F00", "00A4000C025000", "00A4020C025003", "00B2010400" },
                { "00CA5F2400", NULL, NULL, NULL },
        };
        char *content = strdup("");

        for (size_t i = 0; i < 4; i++) {
                size_t count = 0;
                char *answer, *longer;

                while (count < 4 && reads[i][count])
                        count++;

                answer = desk_transmit(desk, slot, reads[i], count);
                ck_assert_int_ge(asprintf(&longer, "%s|%s", content, answer), 0);
                free(content);
                free(answer);
                content = longer;
        }

        return content;
}

/* R1, R13: the ID is read by stored commands, the issuance data is extracted, an identical second card is written. */
static void reissue_gives_an_identical_card(DeskManner manner) {
        Desk *desk = story_open(2);
        char *job, *old_content, *new_content, *serial;

        story_issue(desk, 0, STORY_V1, manner, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, manner, NEW_SERIAL));
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);

        story_expect_card(desk, 1, STORY_V1, STORY_ID);
        old_content = content_v1(desk, 0);
        new_content = content_v1(desk, 1);
        ck_assert_str_eq(old_content, new_content);
        serial = story_describe(desk, job, "new-serial");
        ck_assert_str_eq(serial, NEW_SERIAL);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(serial);
        free(old_content);
        free(new_content);
        free(job);
        desk_close(desk);
}

START_TEST(R1_an_identical_card_is_written_from_the_issuance_file_by_the_id_that_was_read)
{ reissue_gives_an_identical_card(DESK_T1); }
END_TEST

START_TEST(R13_the_same_on_a_reader_at_tpdu_level)
{ reissue_gives_an_identical_card(DESK_T0); }
END_TEST

/* R2, R14: the issuance file may change after the extraction: the card is written from the reissuing file. That file is
 * on the disk while the job waits, and holds no issuance data when it has ended. */
START_TEST(R2_R14_the_card_is_written_from_the_reissuing_file)
{
        Desk *desk = story_open(2);
        char *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 1);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_kill_daemon(desk);
        story_start(desk, 2);
        ck_assert(story_in_use(desk, STORY_V1, STORY_ID));
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(desk, job);
        story_expect_card(desk, 1, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

/* R3, R15: two types with other ID commands each: the correlation table chooses. */
START_TEST(R3_R15_the_type_that_was_read_chooses_the_id_commands_by_the_correlation_table)
{
        Desk *desk = story_open(2);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_issue(desk, 1, STORY_V2, DESK_T1, "00990099", NEW_SERIAL);
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        story_expect_card(desk, 1, STORY_V2, "00990099");
        desk_close(desk);
}
END_TEST

/* The shipped correlation table without its row for staff-v1. */
static const char *without_v1(const char *cards, char *text, size_t size) {
        char path[4096], line[256];
        size_t length = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/correlation.yaml", cards);
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        text[0] = '\0';
        while (fgets(line, sizeof(line), file)) {
                if (strncmp(line, STORY_V1 ":", strlen(STORY_V1) + 1) == 0)
                        continue;
                ck_assert_uint_lt(length + strlen(line), size);
                length += (size_t) sprintf(text + length, "%s", line);
        }

        fclose(file);
        return text;
}

START_TEST(R3_without_its_row_in_the_correlation_table_the_type_is_unknown)
{
        Desk *desk = story_open_closed(1);
        char *message, text[4096];

        desk_write(desk, "config/correlation.yaml",
                   without_v1(fixture_cards_directory(), text, sizeof(text)));
        story_start(desk, 1);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, NULL));
        story_wait_reader(desk, 0, "unknown");
        message = desk_call_refused(desk, desk_bus(desk), "UnknownCardType", "ReadCard", "s", "");
        ck_assert_ptr_nonnull(strstr(message, STORY_V1));
        free(message);
        desk_close(desk);
}
END_TEST

/* R4, R16: the flag decides. */
START_TEST(R4_R16_a_card_is_reissued_only_if_its_record_says_unissued)
{
        Desk *desk = story_open(2);
        char *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");

        job = story_reissue(desk, 0, 1);
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_expect_property(desk, job, "ErrorName", "org.example.ICReissue.Error.NotRequested");
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        story_wait_reader(desk, 1, "blank");
        free(job);

        story_request(desk, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        free(desk_call_refused(desk, desk_bus(desk), "AlreadyRequested", "RequestReissue", "sss", STORY_V1,
                               STORY_ID, "worn"));
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(R4_a_request_that_is_withdrawn_lets_nothing_be_issued)
{
        Desk *desk = story_open(1);
        char *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        desk_call(desk, desk_bus(desk), NULL, "WithdrawRequest", "ss", STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        job = story_reissue(desk, 0, 0);
        story_expect_state(desk, job, "done|failed|cancelled", "failed");
        story_expect_property(desk, job, "ErrorName", "org.example.ICReissue.Error.NotRequested");
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "requested"), 1);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "withdrawn"), 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(R4_the_option_request_rewrites_the_flag_in_one_go)
{
        Desk *desk = story_open(2);
        sd_bus_message *reply = NULL;
        const char *path;
        char *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, 0),
                  desk_reader_name(desk, 1), 2, "request", "b", 1, "reason", "s", "damaged");
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "requested"), 1);
        sd_bus_message_unref(reply);
        free(job);
        desk_close(desk);
}
END_TEST

/* Identical is proven: what was compared stands in the job's report, and the flag is rewritten only then. */
START_TEST(the_report_says_what_was_compared_used_and_not_verifiable)
{
        Desk *desk = story_open(2);
        char *job;

        story_issue(desk, 0, STORY_V2, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V2, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, NEW_SERIAL));
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        ck_assert_uint_ge(story_describe_count(desk, job, "report"), 5);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
        story_expect_property(desk, job, "Progress", "1");
        story_expect_property(desk, job, "Count", "2");
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_stores_one_bit_wrong_is_found_and_the_flag_stays)
{
        Desk *desk = story_open(2);
        char *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        desk_flip(desk, 1, 0x5001, 20);
        job = story_reissue(desk, 0, 1);
        story_wait_error(desk, job, "VerifyFailed");
        story_wait_state(desk, job, "waiting-for-blank");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 2);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 1);

        free(desk_slot_command(desk, 1, "flip off"));
        desk_remove(desk, 1);
        desk_wait_card(desk, 1, false);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, "C3C3C3C3C3C3C3C3"));
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R1_an_identical_card_is_written_from_the_issuance_file_by_the_id_that_was_read,
                R13_the_same_on_a_reader_at_tpdu_level,
                R2_R14_the_card_is_written_from_the_reissuing_file,
                R3_R15_the_type_that_was_read_chooses_the_id_commands_by_the_correlation_table,
                R3_without_its_row_in_the_correlation_table_the_type_is_unknown,
                R4_R16_a_card_is_reissued_only_if_its_record_says_unissued,
                R4_a_request_that_is_withdrawn_lets_nothing_be_issued,
                R4_the_option_request_rewrites_the_flag_in_one_go,
                the_report_says_what_was_compared_used_and_not_verifiable,
                a_card_that_stores_one_bit_wrong_is_found_and_the_flag_stays,
        };

        return story_run("requirements", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
