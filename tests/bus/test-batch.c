/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches: a job for many records; blanks put into any target reader serve them in order, on several readers at once. */
#include "tests/bus/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static char *start_batch(Desk *desk, const char *const *ids, size_t count, bool requested) {
        sd_bus_message *message = NULL, *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *path;
        char *job;

        sd_bus_message_new_method_call(desk_bus(desk), &message, DESK_BUS_NAME, DESK_ROOT_PATH,
                                       DESK_INTERFACE, "StartBatch");
        sd_bus_message_open_container(message, 'a', "(ss)");
        for (size_t i = 0; i < count; i++)
                sd_bus_message_append(message, "(ss)", STORY_V1, ids[i]);
        sd_bus_message_close_container(message);
        sd_bus_message_append(message, "sa{sv}", "", requested ? 1 : 0, "requested", "b", 1);
        if (sd_bus_call(desk_bus(desk), message, 0, &error, &reply) < 0)
                desk_fail(desk, "StartBatch: %s: %s", error.name, error.message);

        sd_bus_message_read(reply, "o", &path);
        job = strdup(path);
        sd_bus_message_unref(message);
        sd_bus_message_unref(reply);
        return job;
}

static void put_blank(Desk *desk, unsigned slot, unsigned serial) {
        char text[17];

        snprintf(text, sizeof(text), "%016X", serial);
        desk_insert(desk, slot, story_blank(desk, STORY_V1, DESK_T1, text));
}

static void wait_done_count(Desk *desk, const char *batch, unsigned count) {
        char text[16];

        snprintf(text, sizeof(text), "%u", count);
        free(desk_wait_property(desk, batch, DESK_JOB, "Done", text));
}

START_TEST(blanks_in_any_target_reader_serve_the_records_in_order_and_in_parallel)
{
        static const char *const ids[] = { "00000001", "00000002", "00000003", "00000004" };
        Desk *desk = story_open(2);
        char *batch;

        for (size_t i = 0; i < 4; i++)
                story_enrol(desk, STORY_V1, ids[i]);

        batch = start_batch(desk, ids, 4, false);
        story_expect_property(desk, batch, "Total", "4");
        put_blank(desk, 0, 1);
        put_blank(desk, 1, 2);
        wait_done_count(desk, batch, 2);
        story_expect_record(desk, STORY_V1, ids[0], "issued", 1);
        story_expect_record(desk, STORY_V1, ids[1], "issued", 1);
        story_expect_record(desk, STORY_V1, ids[2], "unissued",
                            0); /* not extracted before its blank is there */
        ck_assert(!story_in_use(desk, STORY_V1, ids[2]));

        for (unsigned slot = 0; slot < 2; slot++) {
                desk_remove(desk, slot);
                story_wait_reader(desk, slot, "empty");
                put_blank(desk, slot, 3 + slot);
        }

        story_wait_done(desk, batch);
        story_expect_record(desk, STORY_V1, ids[2], "issued", 1);
        story_expect_record(desk, STORY_V1, ids[3], "issued", 1);
        story_expect_property(desk, batch, "Failed", "0");
        free(batch);
        desk_close(desk);
}
END_TEST

START_TEST(each_finished_card_is_announced_and_the_batch_says_what_to_do_next)
{
        static const char *const ids[] = { "00000001", "00000002" };
        Desk *desk = story_open(1);
        sd_bus_message *signal;
        const char *path, *type;
        uint32_t count;
        char *batch;

        story_enrol(desk, STORY_V1, ids[0]);
        story_enrol(desk, STORY_V1, ids[1]);
        batch = start_batch(desk, ids, 2, false);
        free(desk_wait_property(desk, batch, DESK_JOB, "Advice",
                                "Put a blank staff-v1 card into any target reader."));
        put_blank(desk, 0, 1);
        signal = desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued");
        ck_assert_int_ge(sd_bus_message_read(signal, "osu", &path, &type, &count), 0);
        ck_assert_str_eq(type, STORY_V1);
        ck_assert_uint_eq(count, 1);
        free(desk_wait_property(
                desk, batch, DESK_JOB, "Advice",
                "Take the finished card out of Desk Reader (01) 00 00 and put a blank staff-v1 card in."));
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        put_blank(desk, 0, 2);
        story_wait_done(desk, batch);
        sd_bus_message_unref(signal);
        free(batch);
        desk_close(desk);
}
END_TEST

START_TEST(requested_takes_every_record_whose_flag_says_unissued)
{
        Desk *desk = story_open(1);
        char *batch;

        story_issue(desk, 0, STORY_V1, DESK_T1, "00000001", "A1A1A1A1A1A1A1A1");
        story_enrol(desk, STORY_V1, "00000002");
        story_enrol(desk, STORY_V1, "00000003");
        batch = start_batch(desk, NULL, 0, true);
        story_expect_property(desk, batch, "Total", "2");
        story_cancel(desk, batch);
        story_expect_property(desk, batch, "State", "cancelled");
        free(batch);
        desk_close(desk);
}
END_TEST

START_TEST(a_record_that_may_not_be_issued_fails_alone_and_its_blank_serves_the_next)
{
        static const char *const ids[] = { "00000001", "00000009", "00000002" };
        Desk *desk = story_open(2);
        char *batch;

        story_issue(desk, 0, STORY_V1, DESK_T1, ids[0], "A1A1A1A1A1A1A1A1");
        story_enrol(desk, STORY_V1, ids[2]);
        batch = start_batch(desk, ids, 3, false);
        put_blank(desk, 1, 7);
        story_expect_state(desk, batch, "done|failed|cancelled", "failed");
        story_expect_property(desk, batch, "Done", "1");
        story_expect_property(desk, batch, "Failed", "2");
        story_expect_record(desk, STORY_V1, ids[2], "issued", 1);
        story_expect_record(desk, STORY_V1, ids[0], "issued", 1);
        free(batch);
        desk_close(desk);
}
END_TEST

START_TEST(a_batch_survives_kill_9_with_its_results)
{
        static const char *const ids[] = { "00000001", "00000002", "00000003" };
        Desk *desk = story_open(1);
        char *batch;

        for (size_t i = 0; i < 3; i++)
                story_enrol(desk, STORY_V1, ids[i]);

        batch = start_batch(desk, ids, 3, false);
        put_blank(desk, 0, 1);
        wait_done_count(desk, batch, 1);
        desk_kill_daemon(desk);
        desk_remove(desk, 0);
        story_start(desk, 1);
        wait_done_count(desk, batch, 1);
        story_wait_reader(desk, 0, "empty");
        put_blank(desk, 0, 2);
        wait_done_count(desk, batch, 2);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        put_blank(desk, 0, 3);
        story_wait_done(desk, batch);
        for (size_t i = 0; i < 3; i++)
                story_expect_record(desk, STORY_V1, ids[i], "issued", 1);

        free(batch);
        desk_close(desk);
}
END_TEST

START_TEST(a_paused_batch_takes_no_blank_until_it_is_resumed)
{
        static const char *const ids[] = { "00000001" };
        Desk *desk = story_open(1);
        char *batch;

        story_enrol(desk, STORY_V1, ids[0]);
        batch = start_batch(desk, ids, 1, false);
        desk_call_on(desk, desk_bus(desk), batch, DESK_JOB, NULL, "Pause", "");
        story_expect_property(desk, batch, "State", "paused");
        put_blank(desk, 0, 1);
        story_wait_reader(desk, 0, "blank");
        story_expect_record(desk, STORY_V1, ids[0], "unissued", 0);
        desk_call_on(desk, desk_bus(desk), batch, DESK_JOB, NULL, "Resume", "");
        story_wait_done(desk, batch);
        free(batch);
        desk_close(desk);
}
END_TEST

START_TEST(three_cards_spoiled_in_a_row_stop_the_batch_in_that_reader)
{
        static const char *const ids[] = { "00000001" };
        Desk *desk = story_open(1);
        char *batch;

        story_enrol(desk, STORY_V1, ids[0]);
        batch = start_batch(desk, ids, 1, false);
        for (unsigned i = 1; i <= 3; i++) {
                desk_flip(desk, 0, 0x5001, 20);
                put_blank(desk, 0, i);
                free(desk_wait_property(desk, batch, DESK_JOB, "Spoiled",
                                        (const char *[]){ "0", "1", "2", "3" }[i]));
                desk_remove(desk, 0);
                story_wait_reader(desk, 0, "empty");
        }

        story_expect_state(desk, batch, "done|failed|cancelled", "failed");
        story_expect_record(desk, STORY_V1, ids[0], "unissued",
                            1); /* three cards exist: the number is used up */
        free(batch);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                blanks_in_any_target_reader_serve_the_records_in_order_and_in_parallel,
                each_finished_card_is_announced_and_the_batch_says_what_to_do_next,
                requested_takes_every_record_whose_flag_says_unissued,
                a_record_that_may_not_be_issued_fails_alone_and_its_blank_serves_the_next,
                a_batch_survives_kill_9_with_its_results,
                a_paused_batch_takes_no_blank_until_it_is_resumed,
                three_cards_spoiled_in_a_row_stop_the_batch_in_that_reader,
        };

        return story_run("batch", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
