/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the service does while there is nothing to do: nothing. How long its start takes, and its memory:
 * tests/bench/idle. */
#include <time.h>

#include "tests/bus/story.h"
#include "tests/desk/footprint.h"

/* What the start has left to do, on a machine that has other work too, is done in one of the first rests. */
START_TEST(with_a_reader_and_nothing_to_do_no_thread_wakes)
{
        Desk *desk = story_open(2);
        /* By night longer than the watch's second time (reader-watch.c). */
        struct timespec rest = { .tv_sec = getenv("ICREISSUE_NIGHTLY") ? 15 : 4 };
        uint64_t before, after;
        unsigned rests = 0;

        desk_extend(desk, 300);
        story_wait_reader(desk, 0, "empty");
        story_wait_reader(desk, 1, "empty");
        after = footprint_sleeps(desk_daemon_pid(desk));
        do {
                ck_assert_uint_lt(rests++, 8);
                before = after;
                nanosleep(&rest, NULL);
                after = footprint_sleeps(desk_daemon_pid(desk));
                ck_assert_uint_gt(after, 0);
        } while (after != before);

        /* It has slept, and is not dead. */
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        ck_assert_uint_gt(footprint_sleeps(desk_daemon_pid(desk)), after);
        desk_close(desk);
}
END_TEST

START_TEST(nothing_of_cups_is_in_memory_before_something_is_printed)
{
        Desk *desk = story_open(1);

        ck_assert(footprint_maps(desk_daemon_pid(desk), "/libsystemd.so"));
        ck_assert(!footprint_maps(desk_daemon_pid(desk), "/libcups.so"));
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                with_a_reader_and_nothing_to_do_no_thread_wakes,
                nothing_of_cups_is_in_memory_before_something_is_printed,
        };

        return story_run("idle", tests, sizeof(tests) / sizeof(tests[0]), 300);
}
