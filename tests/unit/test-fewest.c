/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card is sent no command that need not be sent: what it has just told is not asked for again, what was read back
 * before an irreversible last stage is not read back after it, and frames through a reader share one transparent
 * session. */
#include "plan-bench.h"

enum { COMMANDS_MAX = 1024, COMMAND_MAX = 64 };

/* Every command to a simulated card, or its beginning. */
typedef struct Record {
        Desk desk;
        struct {
                uint8_t bytes[COMMAND_MAX];
                size_t size;
        } commands[COMMANDS_MAX];
        size_t count;
} Record;

static int record_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        Record *to = userdata;

        ck_assert_uint_lt(to->count, COMMANDS_MAX);
        to->commands[to->count].size = MIN_OF(command.size, (size_t) COMMAND_MAX);
        memcpy(to->commands[to->count].bytes, command.data, to->commands[to->count].size);
        to->count++;
        return sim_card_transmit(to->desk.sim, command, response, size, failure);
}

static Record *record_open(const char *type) {
        Record *record = new0(Record, 1);

        ck_assert_ptr_nonnull(record);
        desk_open(&record->desk, type, false);
        transport_free(record->desk.transport);
        ck_assert_int_eq(transport_new(record_transmit, record, &record->desk.transport), 0);
        desk_new_plan(&record->desk);
        return record;
}

static void record_close(Record *record) {
        desk_close(&record->desk);
        free(record);
}

static void record_issue(Record *record) {
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        int r;

        r = desk_issue(&record->desk, false, &report, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_str_eq(reported(report, "id"), "compared");
        json_decref(report);
}

static Span command_at(const Record *record, size_t i) {
        return SPAN(record->commands[i].bytes, record->commands[i].size);
}

static unsigned count_commands(const Record *record, Span start) {
        unsigned count = 0;

        for (size_t i = 0; i < record->count; i++)
                count += span_equal(span_part(command_at(record, i), 0, start.size), start);

        return count;
}

static bool gets_data(Span command) {
        return command.data[0] == 0x00 && command.data[1] == 0xCA;
}

/* And the public half of an OpenPGP key, which is made of the private one. */
static bool only_reads(Span command) {
        return gets_data(command) || (command.data[0] == 0x00 && command.data[1] == 0x47);
}

START_TEST(what_a_card_has_just_told_is_not_asked_for_again)
{
        static const uint8_t template[] = { 0x00, 0xCA, 0x00, 0x6E };
        Span told = {};
        Record *record;

        record = record_open("openpgp");
        record_issue(record);
        ck_assert_uint_ge(count_commands(record, SPAN_OF_ARRAY(template)), 2);
        for (size_t i = 0; i < record->count; i++) {
                Span command = command_at(record, i);

                if (!only_reads(command))
                        told = (Span){};
                if (!gets_data(command))
                        continue;

                ck_assert_msg(!span_equal(command, told), "command %zu is the same again", i);
                told = command;
        }
        record_close(record);
}
END_TEST

/* The number of tries must be a new one: RESET RETRY COUNTER comes right after it was asked for. */
START_TEST(tries_are_asked_for_anew)
{
        static const uint8_t verify[] = { 0x00, 0x20, 0x00, 0x83, 0x00 };
        bool after_verify = false;
        Record *record;

        record = record_open("openpgp");
        record_issue(record);
        for (size_t i = 1; i < record->count; i++) {
                Span command = command_at(record, i);

                if (command.data[1] == 0x2C) {
                        ck_assert(gets_data(command_at(record, i - 1)));
                        after_verify = true;
                }
        }
        ck_assert(after_verify);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(verify)), 0);
        record_close(record);
}
END_TEST

/* 15 sectors by their key A to write the trailers and to read them back, three to write data and to read them back, and
 * every key B. Key A has opened its sector, which proves it. */
START_TEST(a_key_that_has_opened_something_is_not_proven_again)
{
        static const uint8_t authenticate[] = { 0xFF, 0x86 };
        Record *record;

        record = record_open("mifare-classic");
        record_issue(record);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(authenticate)), 2 * (15 + 3) + 15);
        record_close(record);
}
END_TEST

/* The channel of the new keys is opened for each application that shows something, to set the card's state, and for
 * `verify:`; a command that is enciphered by them is sent until one has been understood, and they are not presented
 * once more for it. */
START_TEST(new_keys_are_proven_once_and_no_channel_is_opened_for_nothing)
{
        static const uint8_t put_key[] = { 0x84, 0xD8 }, set_status[] = { 0x84, 0xF0 },
                             new_channel[] = { 0x80, 0x50, 0x01 }, get_status[] = { 0x84, 0xF2 };
        Record *record = record_open("globalplatform");

        record_issue(record);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(put_key)), 1);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(set_status)), 2);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(new_channel)), 4);
        /* The badge's application does not know it, the domain does; after the last stage's reset the domain again;
         * `verify:`. */
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(get_status)), 4);
        record_close(record);
}
END_TEST

static const uint8_t read_first_page[] = { 0xFF, 0xB0, 0x00, 0x04 };

START_TEST(what_was_read_back_before_the_lock_is_not_read_back_after_it)
{
        static const uint8_t read_locks[] = { 0xFF, 0xB0, 0x00, 0x02 };
        Record *record;

        record = record_open("ultralight");
        record_issue(record);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(read_first_page)), 1);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(read_locks)), 1);
        record_close(record);
}
END_TEST

/* Somebody may have put another card in its place. */
START_TEST(but_it_is_where_the_card_was_reset_between)
{
        static const uint8_t lock[] = { 0xFF, 0xD6, 0x00, 0x02 };
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        size_t at = 0;
        Record *record;

        record = record_open("ultralight");
        record_issue(record);
        while (!span_equal(span_part(command_at(record, at), 0, sizeof(lock)), SPAN_OF_ARRAY(lock)))
                at++;
        record_close(record);

        record = record_open("ultralight");
        sim_card_break(record->desk.sim, (unsigned) at + 1, false, -ECONNRESET);
        ck_assert_int_eq(desk_issue(&record->desk, false, &report, &failure), -ECONNRESET);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(read_first_page)), 1);
        json_decref(report);
        report = NULL;
        sim_card_reset(record->desk.sim);
        ck_assert_int_eq(desk_issue(&record->desk, false, &report, &failure), 0);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(read_first_page)), 2);
        ck_assert_str_eq(reported(report, "id"), "compared");
        json_decref(report);
        record_close(record);
}
END_TEST

static const struct {
        const char *type;
        unsigned sessions; /* each of the frames of steps that follow one another */
} tags[] = { { "felica", 4 }, { "iso15693", 1 } };

static const uint8_t begin[] = { 0xFF, 0xC2, 0x00, 0x00, 0x02, 0x81 },
                     end[] = { 0xFF, 0xC2, 0x00, 0x00, 0x02, 0x82 }, frame[] = { 0xFF, 0xC2, 0x00, 0x01 };

static bool is_command(const Record *record, size_t i, Span start) {
        return span_equal(span_part(command_at(record, i), 0, start.size), start);
}

/* Within a session there are frames alone, outside none, and none is left open. */
static void expect_sessions_ended(const Record *record) {
        bool open = false;

        for (size_t i = 0; i < record->count; i++)
                if (is_command(record, i, SPAN_OF_ARRAY(begin))) {
                        ck_assert_msg(!open, "command %zu begins another session", i);
                        open = true;
                } else if (is_command(record, i, SPAN_OF_ARRAY(end))) {
                        ck_assert_msg(open, "command %zu ends no session", i);
                        open = false;
                } else
                        ck_assert_msg(is_command(record, i, SPAN_OF_ARRAY(frame)) == open,
                                      "command %zu is sent in a session, or a frame outside", i);

        ck_assert(!open);
}

START_TEST(frames_that_follow_one_another_share_one_transparent_session)
{
        Record *record;

        record = record_open(tags[_i].type);
        record_issue(record);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(begin)), tags[_i].sessions);
        ck_assert_uint_gt(count_commands(record, SPAN_OF_ARRAY(frame)), tags[_i].sessions);
        expect_sessions_ended(record);
        record_close(record);
}
END_TEST

START_TEST(a_transparent_session_is_ended_where_the_card_is_refused_too)
{
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Record *record;

        record = record_open("felica");
        sim_card_flip(record->desk.sim, 1, 2);
        ck_assert_int_lt(desk_issue(&record->desk, false, &report, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_VERIFY_FAILED);
        ck_assert_uint_eq(count_commands(record, SPAN_OF_ARRAY(begin)), 2);
        expect_sessions_ended(record);
        json_decref(report);
        record_close(record);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("fewest");
        TCase *group = tcase_create("fewest");
        SRunner *runner;
        int failed;

        tcase_set_timeout(group, 60);
        tcase_add_test(group, what_a_card_has_just_told_is_not_asked_for_again);
        tcase_add_test(group, tries_are_asked_for_anew);
        tcase_add_test(group, a_key_that_has_opened_something_is_not_proven_again);
        tcase_add_test(group, new_keys_are_proven_once_and_no_channel_is_opened_for_nothing);
        tcase_add_test(group, what_was_read_back_before_the_lock_is_not_read_back_after_it);
        tcase_add_test(group, but_it_is_where_the_card_was_reset_between);
        tcase_add_loop_test(group, frames_that_follow_one_another_share_one_transparent_session, 0,
                            ELEMENTS(tags));
        tcase_add_test(group, a_transparent_session_is_ended_where_the_card_is_refused_too);
        suite_add_tcase(suite, group);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
