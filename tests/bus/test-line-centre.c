/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The centre among its branches: who gets a card, what a branch may have, what an administrator sees and cancels, and
 * what is refused to whom. */
#include "tests/bus/command.h"
#include "tests/bus/line.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static void expect_part(Desk *desk, char *text, const char *part) {
        if (!strstr(text, part))
                desk_fail(desk, "\"%s\" does not say \"%s\"", text, part);

        free(text);
}

static char *extraction(Desk *desk) {
        return desk_wait_object(desk, DESK_JOB, "Kind", "extraction");
}

static bool is_gone(Desk *desk, void *path) {
        char *state = desk_property(desk, path, DESK_JOB, "State");
        bool gone = !state;

        free(state);
        return gone;
}

START_TEST(of_two_branches_that_ask_for_a_card_one_gets_it_and_the_other_learns_who_has_it_and_since_when)
{
        Pair *pair = pair_open(2, LINE_OTHER_ENTRY, NULL);
        char *job, *message;
        sd_bus *other;

        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_request(pair->branch, STORY_V1, STORY_ID);
        other = peer_open(pair->centre, LINE_OTHER_USER);
        ck_assert_uint_eq(peer_extract(pair->centre, other, STORY_V1, STORY_ID, LINE_UUID), 2);
        job = story_reissue(pair->branch, 0, 1);
        story_expect_state(pair->branch, job, "done|failed|cancelled", "failed");
        story_expect_property(pair->branch, job, "ErrorName", "org.example.ICReissue.Error.RecordInUse");
        message = desk_property(pair->branch, job, DESK_JOB, "ErrorMessage");
        ck_assert_ptr_nonnull(strstr(message, LINE_UUID));
        ck_assert_ptr_nonnull(strstr(message, " at station " LINE_OTHER));
        ck_assert_ptr_nonnull(strstr(message, " since 20"));
        free(message);
        free(job);

        /* Its Issue is told at once. */
        expect_part(pair->branch,
                    desk_call_refused(pair->branch, desk_bus(pair->branch), "RecordInUse", "Issue",
                                      "sssa{sv}", STORY_V1, STORY_ID, "", 0),
                    LINE_OTHER);
        peer_close(other);
        pair_close(pair);
}
END_TEST

START_TEST(an_open_extraction_is_a_job_of_the_centre_until_the_branch_has_confirmed_it)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);
        char *job, *branch;

        ck_assert_uint_eq(peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID), 1);
        ck_assert_uint_eq(peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID), 1);
        job = extraction(desk);
        story_expect_property(desk, job, "State", "running");
        story_expect_property(desk, job, "Count", "1");
        story_expect_property(desk, job, "UUID", LINE_UUID);
        branch = story_describe(desk, job, "branch");
        ck_assert_str_eq(branch, LINE_BRANCH);
        free(branch);

        desk_kill_daemon(desk);
        peer_close(peer);
        story_start(desk, 0);
        free(desk_wait_property(desk, job, DESK_JOB, "State", "running"));
        peer = peer_open(desk, LINE_ACCOUNT);
        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID, 1, NEW_SERIAL, 0);
        desk_wait(desk, "the extraction to be gone", is_gone, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        /* Replayed, it changes nothing. */
        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID, 1, NEW_SERIAL, 0);
        peer_call(desk, peer, NULL, "Abandon", "sbsa{sv}", LINE_UUID, 0, "replayed", 0);
        free(peer_refused(desk, peer, "JobFinished", "Extract", "ssssa{sv}", STORY_V1, STORY_ID, LINE_UUID,
                          STORY_V1, 0));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "issued"), 1);
        free(job);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(an_abandoned_extraction_gives_its_number_back_unless_a_card_was_written)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);

        ck_assert_uint_eq(peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID), 1);
        peer_call(desk, peer, NULL, "Abandon", "sbsa{sv}", LINE_UUID, 0, "cancelled", 0);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        ck_assert_uint_eq(peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_OTHER_UUID), 1);
        peer_call(desk, peer, NULL, "Abandon", "sbsa{sv}", LINE_OTHER_UUID, 1, "spoiled", 0);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert(!story_in_use(desk, STORY_V1, STORY_ID));
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(a_cancelled_extraction_keeps_its_number_and_a_late_confirmation_is_recorded_and_reported)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY LINE_OTHER_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT), *other = peer_open(desk, LINE_OTHER_USER);
        char *job, *log;

        ck_assert_uint_eq(peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID), 1);
        job = extraction(desk);
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert(!story_in_use(desk, STORY_V1, STORY_ID));

        /* Somebody else has it now: the late one is written down, and the flag is left alone. */
        ck_assert_uint_eq(peer_extract(desk, other, STORY_V1, STORY_ID, LINE_OTHER_UUID), 2);
        free(peer_refused(desk, other, "AccessDenied", "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID,
                          1, NEW_SERIAL, 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID,
                          99, NEW_SERIAL, 0));
        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID, 1, NEW_SERIAL, 0);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 2);
        ck_assert(story_in_use(desk, STORY_V1, STORY_ID));
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "issued"), 1);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "abandoned"), 1);
        log = desk_daemon_log(desk);
        ck_assert_ptr_nonnull(strstr(log,
                                     "Branch " LINE_BRANCH " has confirmed card number 1 of a job that was "
                                     "cancelled"));
        free(log);
        peer_call(desk, other, NULL, "Confirm", "sssusa{sv}", LINE_OTHER_UUID, STORY_V1, STORY_ID, 2,
                  OLD_SERIAL, 0);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        peer_close(other);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(only_who_manages_the_service_cancels_a_branchs_extraction)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT), *nobody = desk_bus_as(desk, DESK_NOBODY);
        char *job;

        (void) peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID);
        job = extraction(desk);
        free(desk_call_refused_on(desk, nobody, job, DESK_JOB, "InteractiveAuthorizationRequired", "Cancel",
                                  ""));
        story_expect_property(desk, job, "State", "running");
        free(job);
        sd_bus_unref(nobody);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(a_confirmation_of_which_the_record_does_not_know_is_kept_until_it_is_accepted_or_dismissed)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);
        char *job;

        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID, 4, NEW_SERIAL, 0);
        job = desk_wait_object(desk, DESK_JOB, "UUID", LINE_UUID);
        story_expect_property(desk, job, "State", "paused");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        desk_kill_daemon(desk);
        peer_close(peer);
        story_start(desk, 0);
        peer = peer_open(desk, LINE_ACCOUNT);
        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID, 4, NEW_SERIAL, 0);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 4);
        free(job);

        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_OTHER_UUID, STORY_V1, STORY_ID, 9,
                  NEW_SERIAL, 0);
        job = desk_wait_object(desk, DESK_JOB, "UUID", LINE_OTHER_UUID);
        story_cancel(desk, job);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 4);
        free(job);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

static void expect_listed(Desk *desk, const char *text) {
        _command_ list = command_run(desk, DONE, NULL, COMMAND("--json", "branch", "list"));
        command_expect_output(list, text);
}

START_TEST(a_centre_lists_its_branches_and_what_they_have_open)
{
        Desk *desk = centre_open("  - {name: " LINE_BRANCH ", account: \"61001\", cards-per-day: 20}\n");
        sd_bus *nobody = desk_bus_as(desk, DESK_NOBODY), *peer;

        expect_listed(desk, "\"account\": \"61001\"");
        expect_listed(desk, "\"connected\": false");
        expect_listed(desk, "\"since\": \"\"");
        peer = peer_open(desk, LINE_ACCOUNT);
        expect_listed(desk, "\"connected\": true");
        expect_listed(desk, "\"since\": \"20");
        (void) peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID);
        expect_listed(desk, "\"open\": 1");
        expect_listed(desk, "\"today\": 1");
        {
                _command_ list = command_run(desk, DONE, NULL, COMMAND("branch", "list"));
                command_expect_output(list, "yes since 20");
                command_expect_output(list, "1 of 20");
        }

        /* One that nobody here knows of waits for the administrator, also after a restart. */
        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_OTHER_UUID, STORY_V1, "00009999", 4,
                  NEW_SERIAL, 0);
        expect_listed(desk, "\"kept\": 1");
        expect_listed(desk, "\"open\": 1");
        desk_kill_daemon(desk);
        peer_close(peer);
        story_start(desk, 0);
        expect_listed(desk, "\"kept\": 1");
        expect_listed(desk, "\"open\": 1");
        expect_listed(desk, "\"today\": 1");
        free(desk_call_refused(desk, nobody, "InteractiveAuthorizationRequired", "ListBranches", ""));
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(a_branch_whose_connection_has_gone_and_whose_card_came_late_is_listed_so)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY LINE_OTHER_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT), *other;
        char *job;

        (void) peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID);
        job = extraction(desk);
        story_cancel(desk, job);
        expect_listed(desk, "\"late\": 0");
        peer_call(desk, peer, NULL, "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID, 1, NEW_SERIAL, 0);
        expect_listed(desk, "\"late\": 1");
        peer_close(peer);
        /* Whoever comes now is served after the centre has seen the other one go. */
        other = peer_open(desk, LINE_OTHER_USER);
        peer_call(desk, other, NULL, "Look", "ss", STORY_V1, STORY_ID);
        {
                _command_ list = command_run(desk, DONE, NULL, COMMAND("branch", "list"));
                command_expect_output(list, "no since 20");
                command_expect_output(list, "yes since 20");
        }
        peer_close(other);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(who_is_no_centre_has_no_branches_to_list)
{
        Desk *desk = story_open(0);

        expect_part(desk, desk_call_refused(desk, desk_bus(desk), "InvalidArgs", "ListBranches", ""),
                    "no centre");
        desk_close(desk);
}
END_TEST

START_TEST(a_branch_has_its_types_and_so_many_cards_a_day_also_after_a_restart)
{
        Desk *desk = centre_open("  - {name: " LINE_BRANCH
                                 ", account: \"61001\", types: [staff-v1], cards-per-day: 1}\n");
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);

        story_enrol(desk, STORY_V1, "00420018");
        story_enrol(desk, STORY_V2, STORY_ID);
        expect_part(desk,
                    peer_refused(desk, peer, "AccessDenied", "Extract", "ssssa{sv}", STORY_V2, STORY_ID,
                                 LINE_UUID, STORY_V2, 0),
                    STORY_V2);
        free(peer_refused(desk, peer, "AccessDenied", "Look", "ss", STORY_V2, STORY_ID));
        /* One that is refused is not counted. */
        free(peer_refused(desk, peer, "NoRecord", "Extract", "ssssa{sv}", STORY_V1, "11111111",
                          LINE_OTHER_UUID, STORY_V1, 0));
        (void) peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID);
        (void) peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID);
        desk_kill_daemon(desk);
        peer_close(peer);
        story_start(desk, 0);
        peer = peer_open(desk, LINE_ACCOUNT);
        expect_part(desk,
                    peer_refused(desk, peer, "TooManyJobs", "Extract", "ssssa{sv}", STORY_V1, "00420018",
                                 LINE_OTHER_UUID, STORY_V1, 0),
                    "cards-per-day");
        story_expect_record(desk, STORY_V1, "00420018", "unissued", 0);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(the_issuance_data_has_what_this_card_needs_and_nothing_else)
{
        static const char *const elsewhere[] = { "history\":[{", "\"job\"", "serial", "enrolled",
                                                 "head-office" };
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);
        sd_bus_message *reply = NULL;
        const char *data;

        peer_call(desk, peer, &reply, "Extract", "ssssa{sv}", STORY_V1, STORY_ID, LINE_UUID, STORY_V1, 0);
        ck_assert_int_ge(sd_bus_message_read(reply, "s", &data), 0);
        ck_assert_ptr_nonnull(strstr(data, "S0000042"));
        for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
                if (strstr(data, elsewhere[i]))
                        desk_fail(desk, "The issuance data has \"%s\".", elsewhere[i]);

        sd_bus_message_unref(reply);
        reply = NULL;
        peer_call(desk, peer, &reply, "Look", "ss", STORY_V1, STORY_ID);
        ck_assert_int_ge(sd_bus_message_read(reply, "s", &data), 0);
        ck_assert_ptr_null(strstr(data, "S0000042"));
        sd_bus_message_unref(reply);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

/* The shipped profile, but the staff number is in the record alone. */
static void keep_number_off_the_card(Desk *desk) {
        story_change_profile(desk, STORY_V1, "{field: number}", NULL, "\"3132333435363738\"");
        story_change_profile(desk, STORY_V1, "\nserial:", NULL, "\nunwritten: [number]\nserial:");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
}

START_TEST(a_field_that_the_card_does_not_need_does_not_go_over_the_line)
{
        Pair *pair = pair_open(2, NULL, NULL);

        keep_number_off_the_card(pair->centre);
        keep_number_off_the_card(pair->branch);
        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "issued", 1);
        ck_assert(line_carried(pair->line, "291231"));
        ck_assert(!line_carried(pair->line, "S0000042"));
        ck_assert(!line_carried(pair->line, "number"));
        pair_close(pair);
}
END_TEST

START_TEST(a_type_that_the_centre_has_no_profile_for_is_refused_and_not_counted)
{
        Pair *pair = pair_open(1, NULL, NULL);
        char *job;

        story_enrol(pair->centre, STORY_V1, STORY_ID);
        line_forget_type(pair->centre);
        desk_insert(pair->branch, 0, story_blank(pair->branch, STORY_V1, DESK_T1, NEW_SERIAL));
        job = story_start_issue(pair->branch, STORY_V1, STORY_ID, 0);
        story_expect_state(pair->branch, job, "done|failed|cancelled", "failed");
        story_expect_property(pair->branch, job, "ErrorName", "org.example.ICReissue.Error.UnknownCardType");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 0);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(another_major_version_is_refused_by_name_and_a_newer_minor_one_is_served)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_connect(desk, LINE_ACCOUNT);
        char *log;

        expect_part(desk, peer_refused(desk, peer, "LineDown", "Hello", "uuts", 2, 0, UINT64_C(1), "9.0"),
                    "version 1 of the line, the branch version 2");
        free(peer_refused(desk, peer, "AccessDenied", "Look", "ss", STORY_V1, STORY_ID));
        log = desk_daemon_log(desk);
        ck_assert_ptr_nonnull(strstr(log, "it speaks version 2 of the line, this centre 1"));
        free(log);
        peer_close(peer);

        peer = peer_connect(desk, LINE_ACCOUNT);
        peer_call(desk, peer, NULL, "Hello", "uuts", 1, 7, UINT64_C(2), "1.7");
        /* An option that this centre does not know. */
        peer_call(desk, peer, NULL, "Extract", "ssssa{sv}", STORY_V1, STORY_ID, LINE_UUID, STORY_V1, 1,
                  "colour", "s", "blue");
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(a_newer_connection_closes_the_older_and_an_older_one_that_comes_late_is_not_let_in)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *older = peer_connect(desk, LINE_ACCOUNT), *newer = peer_connect(desk, LINE_ACCOUNT), *late;

        peer_call(desk, older, NULL, "Hello", "uuts", 1, 0, UINT64_C(10), "test");
        peer_call(desk, newer, NULL, "Hello", "uuts", 1, 0, UINT64_C(11), "test");
        ck_assert_int_lt(sd_bus_call_method(older, NULL, "/org/example/ICReissue/centre",
                                            "org.example.ICReissue.Centre", "Look", NULL, NULL, "ss",
                                            STORY_V1, STORY_ID),
                         0);
        late = peer_connect(desk, LINE_ACCOUNT);
        free(peer_refused(desk, late, "LineDown", "Hello", "uuts", 1, 0, UINT64_C(9), "test"));
        peer_call(desk, newer, NULL, "Look", "ss", STORY_V1, STORY_ID);
        peer_close(late);
        peer_close(newer);
        peer_close(older);
        desk_close(desk);
}
END_TEST

START_TEST(a_branch_that_is_taken_out_of_the_configuration_is_let_in_no_more)
{
        Desk *desk = centre_open(LINE_BRANCH_ENTRY);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);

        desk_write(desk, "config/icreissue.yaml", "role: centre\n");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        ck_assert_int_lt(sd_bus_call_method(peer, NULL, "/org/example/ICReissue/centre",
                                            "org.example.ICReissue.Centre", "Look", NULL, NULL, "ss",
                                            STORY_V1, STORY_ID),
                         0);
        peer_close(peer);
        peer = peer_connect(desk, LINE_ACCOUNT);
        expect_part(desk,
                    peer_refused(desk, peer, "AccessDenied", "Hello", "uuts", 1, 0, UINT64_C(99), "test"),
                    "no branch of this centre");
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(a_branch_has_no_records_to_manage_and_says_where_they_are)
{
        Pair *pair = pair_open(0, NULL, NULL);
        sd_bus *bus = desk_bus(pair->branch);
        Desk *desk = pair->branch;

        expect_part(desk, desk_call_refused(desk, bus, "AccessDenied", "GetRecord", "ss", STORY_V1, STORY_ID),
                    LINE_CENTRE_NAME);
        expect_part(desk, desk_call_refused(desk, bus, "AccessDenied", "ListRecords", "ssu", "", "", 10),
                    LINE_CENTRE_NAME);
        expect_part(desk, desk_call_refused(desk, bus, "AccessDenied", "FindRecords", "ss", "holder", "x"),
                    LINE_CENTRE_NAME);
        expect_part(desk, desk_call_refused(desk, bus, "AccessDenied", "PutRecord", "a{sv}", 0),
                    LINE_CENTRE_NAME);
        expect_part(desk,
                    desk_call_refused(desk, bus, "AccessDenied", "RemoveRecord", "ss", STORY_V1, STORY_ID),
                    LINE_CENTRE_NAME);
        expect_part(desk, desk_call_refused(desk, bus, "AccessDenied", "ImportRecords", "ha{sv}", 0, 0),
                    LINE_CENTRE_NAME);
        expect_part(desk, desk_call_refused(desk, bus, "AccessDenied", "ExportRecords", "ha{sv}", 1, 0),
                    LINE_CENTRE_NAME);
        expect_part(desk,
                    desk_call_refused(desk, bus, "AccessDenied", "StartBatch", "a(ss)sa{sv}", 0, "", 1,
                                      "requested", "b", 1),
                    LINE_CENTRE_NAME);
        desk_call(desk, bus, NULL, "CheckLine", "");
        free(desk_call_refused(pair->centre, desk_bus(pair->centre), "InvalidArgs", "CheckLine", ""));

        /* Requests are the desk's business. */
        free(desk_call_refused(desk, bus, "NoRecord", "RequestReissue", "sss", STORY_V1, STORY_ID, "worn"));
        story_enrol(pair->centre, STORY_V1, STORY_ID);
        free(desk_call_refused(desk, bus, "AlreadyRequested", "RequestReissue", "sss", STORY_V1, STORY_ID,
                               "worn"));
        pair_close(pair);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                of_two_branches_that_ask_for_a_card_one_gets_it_and_the_other_learns_who_has_it_and_since_when,
                an_open_extraction_is_a_job_of_the_centre_until_the_branch_has_confirmed_it,
                an_abandoned_extraction_gives_its_number_back_unless_a_card_was_written,
                a_cancelled_extraction_keeps_its_number_and_a_late_confirmation_is_recorded_and_reported,
                only_who_manages_the_service_cancels_a_branchs_extraction,
                a_confirmation_of_which_the_record_does_not_know_is_kept_until_it_is_accepted_or_dismissed,
                a_centre_lists_its_branches_and_what_they_have_open,
                a_branch_whose_connection_has_gone_and_whose_card_came_late_is_listed_so,
                who_is_no_centre_has_no_branches_to_list,
                a_branch_has_its_types_and_so_many_cards_a_day_also_after_a_restart,
                the_issuance_data_has_what_this_card_needs_and_nothing_else,
                a_field_that_the_card_does_not_need_does_not_go_over_the_line,
                a_type_that_the_centre_has_no_profile_for_is_refused_and_not_counted,
                another_major_version_is_refused_by_name_and_a_newer_minor_one_is_served,
                a_newer_connection_closes_the_older_and_an_older_one_that_comes_late_is_not_let_in,
                a_branch_that_is_taken_out_of_the_configuration_is_let_in_no_more,
                a_branch_has_no_records_to_manage_and_says_where_they_are,
        };

        return story_run("line-centre", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
