/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs that wait: for the swap in the only reader, for the right blank, for a reader that another program holds. What
 * is refused is refused by name, and the job keeps waiting. */
#include "tests/bus/story.h"

#include <stdio.h>
#include <string.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

/* An issued card in slot 0 whose reissue is requested. */
static Desk *open_with_request(unsigned readers) {
        Desk *desk = story_open(readers);

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        return desk;
}

static void expect_in_log(Desk *desk, const char *text, unsigned times) {
        char *log = desk_daemon_log(desk);

        for (const char *at = log; (at = strstr(at, text)); at++)
                times--;

        free(log);
        ck_assert_uint_eq(times, 0);
}

static void swap(Desk *desk, unsigned slot, const char *card) {
        desk_remove(desk, slot);
        desk_wait_card(desk, slot, false);
        desk_insert(desk, slot, card);
}

START_TEST(with_one_reader_the_job_waits_for_the_swap_and_goes_on_by_itself)
{
        Desk *desk = open_with_request(1);
        char *job = story_reissue(desk, 0, 0), *advice;

        story_wait_state(desk, job, "waiting-for-blank");
        free(desk_wait_property(
                desk, job, DESK_JOB, "Advice",
                "Take the old card out of Desk Reader (01) 00 00 and put a blank staff-v1 card in."));
        advice = desk_property(desk, job, DESK_JOB, "ErrorName");
        ck_assert_str_eq(advice, "");
        expect_in_log(desk, "Job 2 waits: Take the old card out of", 1);
        swap(desk, 0, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(desk, job);
        expect_in_log(desk, "Job 2 waits: ", 1);
        story_wait_reader(desk, 0, "ready");
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(advice);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_is_not_blank_is_refused_by_name_and_the_job_keeps_waiting)
{
        Desk *desk = open_with_request(2);
        const char *other = story_issue(desk, 1, STORY_V1, DESK_T1, "00000001", "D4D4D4D4D4D4D4D4");
        char *job;

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        job = story_reissue(desk, 0, 1);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, other);
        story_wait_error(desk, job, "NotBlank");
        story_expect_property(desk, job, "State", "waiting-for-blank");
        swap(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(desk, job);
        story_expect_property(desk, job, "ErrorName", "");
        story_expect_record(desk, STORY_V1, "00000001", "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_blank_of_another_type_is_refused_by_name)
{
        Desk *desk = open_with_request(2);
        char *job = story_reissue(desk, 0, 1);

        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, story_blank(desk, STORY_V2, DESK_T1, "D4D4D4D4D4D4D4D4"));
        story_wait_error(desk, job, "CardTypeMismatch");
        story_wait_reader(desk, 1, "blank");
        swap(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_half_written_by_another_job_is_refused_by_name_and_finished_by_its_own)
{
        Desk *desk = open_with_request(2);
        const char *half = story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL);
        char *first, *second;

        desk_insert(desk, 1, half);
        story_wait_reader(desk, 1, "blank");
        desk_remove_at(desk, 1, 16, DESK_AFTER);
        first = story_reissue(desk, 0, 1);
        desk_wait_removed(desk, 1);
        story_wait_error(desk, first, "CardGone");
        story_wait_state(desk, first, "waiting-for-blank");

        story_enrol(desk, STORY_V1, "00000002");
        second = story_start_issue(desk, STORY_V1, "00000002", 0);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 0, half);
        story_wait_done(desk, first); /* known by its serial, in whatever reader */
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        story_expect_state(desk, second, "waiting-for-blank", "waiting-for-blank");
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        story_cancel(desk, second);
        free(first);
        free(second);
        desk_close(desk);
}
END_TEST

START_TEST(another_blank_takes_the_place_of_a_half_written_card_that_does_not_come_back)
{
        Desk *desk = open_with_request(2);
        char *job;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        desk_remove_at(desk, 1, 16, DESK_AFTER);
        job = story_reissue(desk, 0, 1);
        desk_wait_removed(desk, 1);
        story_wait_error(desk, job, "CardGone");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, "C3C3C3C3C3C3C3C3"));
        story_wait_done(desk, job);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 1);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_job_cancelled_before_a_card_was_written_gives_its_count_back)
{
        Desk *desk = open_with_request(2);
        char *job = story_reissue(desk, 0, 1);

        story_wait_state(desk, job, "waiting-for-blank");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 2);
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert(!story_in_use(desk, STORY_V1, STORY_ID));
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_record_that_a_job_has_reserved_cannot_be_changed_removed_or_taken_by_another)
{
        Desk *desk = open_with_request(2);
        char *job = story_reissue(desk, 0, 1), *second;

        story_wait_state(desk, job, "waiting-for-blank");
        free(desk_call_refused(desk, desk_bus(desk), "RecordInUse", "RemoveRecord", "ss", STORY_V1,
                               STORY_ID));
        free(desk_call_refused(desk, desk_bus(desk), "RecordInUse", "WithdrawRequest", "ss", STORY_V1,
                               STORY_ID));
        free(desk_call_refused(desk, desk_bus(desk), "RecordInUse", "Issue", "sssa{sv}", STORY_V1, STORY_ID,
                               "", 0));
        second = story_reissue(desk, 0, 1);
        story_expect_state(desk, second, "failed|done|cancelled", "failed");
        story_expect_property(desk, second, "ErrorName", "org.example.ICReissue.Error.RecordInUse");
        story_cancel(desk, job);
        free(job);
        free(second);
        desk_close(desk);
}
END_TEST

START_TEST(a_reader_that_another_program_holds_is_busy_with_the_remedy_and_the_job_goes_on_when_it_is_free)
{
        Desk *desk = open_with_request(2);
        char *job, *message;

        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        desk_hold_reader_exclusively(desk, 1);
        job = story_reissue(desk, 0, 1);
        story_wait_error(desk, job, "ReaderBusy");
        story_wait_reader(desk, 1, "busy");
        message = desk_property(desk, job, DESK_JOB, "ErrorMessage");
        ck_assert_ptr_nonnull(strstr(message, "scdaemon"));
        desk_release_reader(desk, 1);
        story_wait_done(desk, job);
        free(message);
        free(job);
        desk_close(desk);
}
END_TEST

/* The desk's driver tells no ATR as an attribute, so that it comes from pcscd's picture of the reader. */
START_TEST(a_mute_card_is_named_and_is_read_as_soon_as_it_answers)
{
        Desk *desk = open_with_request(1);
        const char *card = story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL);
        char *message;

        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        free(desk_slot_command(desk, 0, "mute"));
        desk_insert(desk, 0, card);
        story_wait_reader(desk, 0, "mute");
        message = desk_call_refused(desk, desk_bus(desk), "UnknownCardType", "ReadCard", "s",
                                    desk_reader_name(desk, 0));
        ck_assert_ptr_nonnull(strstr(message, "does not answer"));

        /* Another program has the card powered again: no card has moved, and this one answers now. */
        free(desk_slot_command(desk, 0, "mute off"));
        desk_reset_card(desk, 0);
        story_wait_reader(desk, 0, "blank");
        free(message);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_another_program_has_reset_is_written_all_the_same)
{
        Desk *desk = open_with_request(2);
        char *job = story_reissue(desk, 0, 1);

        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        desk_wait_card(desk, 1, true);
        desk_reset_card(desk, 1);
        story_wait_done(desk, job);
        story_expect_card(desk, 1, STORY_V1, STORY_ID);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(the_job_goes_on_after_pcscd_was_restarted)
{
        Desk *desk = open_with_request(2);
        char *job = story_reissue(desk, 0, 1);

        story_wait_state(desk, job, "waiting-for-blank");
        desk_stop_pcscd(desk);
        story_wait_error(desk, job, "NoReader");
        desk_start_pcscd(desk);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_wrong_transport_code_is_sent_once_and_the_job_says_how_many_tries_are_left)
{
        Desk *desk = story_open_closed(1);
        char *job, *message;

        story_write_transport_code(desk, "3939393939393939");
        story_start(desk, 1);
        story_enrol(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        job = story_start_issue(desk, STORY_V1, STORY_ID, 0);
        story_expect_state(desk, job, "failed|done|cancelled", "failed");
        message = desk_property(desk, job, DESK_JOB, "ErrorMessage");
        ck_assert_ptr_nonnull(strstr(message, "2 tries"));
        ck_assert_ptr_null(strstr(message, "39393939"));
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        free(message);

        /* Neither a retry nor another run of the daemon sends it again. */
        desk_kill_daemon(desk);
        story_start(desk, 1);
        story_wait_reader(desk, 0, "blank");
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        story_expect_state(desk, job, "failed|done|cancelled", "failed");
        free(job);
        job = desk_transmit(desk, 0, (const char *const[]){ "00200001" }, 1);
        ck_assert_str_eq(job, "63C2");
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                with_one_reader_the_job_waits_for_the_swap_and_goes_on_by_itself,
                a_card_that_is_not_blank_is_refused_by_name_and_the_job_keeps_waiting,
                a_blank_of_another_type_is_refused_by_name,
                a_card_half_written_by_another_job_is_refused_by_name_and_finished_by_its_own,
                another_blank_takes_the_place_of_a_half_written_card_that_does_not_come_back,
                a_job_cancelled_before_a_card_was_written_gives_its_count_back,
                a_record_that_a_job_has_reserved_cannot_be_changed_removed_or_taken_by_another,
                a_reader_that_another_program_holds_is_busy_with_the_remedy_and_the_job_goes_on_when_it_is_free,
                a_mute_card_is_named_and_is_read_as_soon_as_it_answers,
                a_card_that_another_program_has_reset_is_written_all_the_same,
                the_job_goes_on_after_pcscd_was_restarted,
                a_wrong_transport_code_is_sent_once_and_the_job_says_how_many_tries_are_left,
        };

        return story_run("waiting", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
