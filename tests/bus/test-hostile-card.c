/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card in a reader that never stops answering 61XX or 6CXX: the job and the reader end with a named error, in time, and
 * the next card is served. All types and all lies are tried without readers in tests/unit/test-hostile-card. */
#include <string.h>

#include "base/util.h"
#include "tests/bus/story.h"

#define SERIAL "B2B2B2B2B2B2B2B2"

static const uint16_t statuses[] = { 0x6110, 0x61FF, 0x6C05, 0x6C00 };

START_TEST(a_card_that_goes_mad_while_it_is_written_is_spoiled_by_name_and_the_next_one_takes_its_place)
{
        Desk *desk = story_open(1);
        char *job;

        story_enrol(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, SERIAL));
        story_wait_reader(desk, 0, "blank");
        desk_fail_from(desk, 0, 12, statuses[_i]); /* in the middle of the first stage */
        job = story_start_issue(desk, STORY_V1, STORY_ID, 0);
        story_wait_error(desk, job, "WriteFailed");
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 1);

        desk_fail_at(desk, 0, 0, 0x9000);
        desk_remove(desk, 0);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, "C3C3C3C3C3C3C3C3"));
        story_wait_done(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_is_mad_from_the_start_is_unknown_and_its_reader_goes_on)
{
        Desk *desk = story_open(1);
        char *message;

        desk_fail_from(desk, 0, 1, statuses[_i]);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, SERIAL));
        story_wait_reader(desk, 0, "unknown");
        message = desk_call_refused(desk, desk_bus(desk),
                                    statuses[_i] >> 8 == 0x61 ? "WriteFailed" : "UnknownCardType", "ReadCard",
                                    "s", desk_reader_name(desk, 0));
        ck_assert(*message);
        free(message);

        desk_fail_at(desk, 0, 0, 0x9000);
        desk_remove(desk, 0);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, "C3C3C3C3C3C3C3C3"));
        story_wait_reader(desk, 0, "blank");
        desk_close(desk);
}
END_TEST

int main(void) {
        int failed = 0;

        failed |= story_run_loop(
                "hostile-card",
                a_card_that_goes_mad_while_it_is_written_is_spoiled_by_name_and_the_next_one_takes_its_place,
                (int) ELEMENTS(statuses), 60);
        failed |= story_run_loop("hostile-card",
                                 a_card_that_is_mad_from_the_start_is_unknown_and_its_reader_goes_on,
                                 (int) ELEMENTS(statuses), 60);
        return failed;
}
