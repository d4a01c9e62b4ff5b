/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody else's card: the ISO 7816 file-system card as vsmartcard's vicc plays it. It has no chip serial, wants exact
 * lengths, and answers 6282 to writes that worked. */
#include "tests/bus/story.h"

#include <string.h>

START_TEST(a_card_that_somebody_else_wrote_is_issued_and_read)
{
        Desk *desk = story_open(1);
        char *job;

        story_enrol(desk, "iso7816", STORY_ID);
        desk_insert_vicc(desk, 0);
        story_wait_reader(desk, 0, "blank");
        job = story_start_issue(desk, "iso7816", STORY_ID, 0);
        story_wait_done(desk, job);
        story_wait_reader(desk, 0, "ready");
        story_expect_card(desk, 0, "iso7816", STORY_ID);
        story_expect_record(desk, "iso7816", STORY_ID, "issued", 1);
        ck_assert_uint_ge(story_describe_count(desk, job, "report"), 3);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(it_is_reissued_onto_another_one)
{
        Desk *desk = story_open(2);
        char *job;

        story_enrol(desk, "iso7816", STORY_ID);
        desk_insert_vicc(desk, 0);
        job = story_start_issue(desk, "iso7816", STORY_ID, 0);
        story_wait_done(desk, job);
        free(job);
        story_wait_reader(desk, 0, "ready");
        story_request(desk, "iso7816", STORY_ID);
        job = story_reissue(desk, 0, 1);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert_vicc(desk, 1);
        story_wait_done(desk, job);
        story_expect_card(desk, 1, "iso7816", STORY_ID);
        story_expect_record(desk, "iso7816", STORY_ID, "issued", 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_without_serial_that_is_pulled_half_written_is_spoiled_and_another_is_taken)
{
        Desk *desk = story_open(1);
        char *job;

        story_enrol(desk, "iso7816", STORY_ID);
        desk_insert_vicc(desk, 0);
        story_wait_reader(desk, 0, "blank");
        job = story_start_issue(desk, "iso7816", STORY_ID, 0);
        story_wait_state(desk, job, "writing");
        desk_remove_vicc(desk, 0);
        story_wait_error(desk, job, "CardGone");
        desk_insert_vicc(desk, 0);
        story_wait_done(desk, job);
        story_expect_record(desk, "iso7816", STORY_ID, "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_card_that_somebody_else_wrote_is_issued_and_read,
                it_is_reissued_onto_another_one,
                a_card_without_serial_that_is_pulled_half_written_is_spoiled_and_another_is_taken,
        };

        return story_run("iso7816", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
