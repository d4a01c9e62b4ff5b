/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch reissues cards from the centre's issuance file, over a line that drops: R5 to R8 and R12, and what must hold
 * whenever the line, the branch or the centre goes away. */
#include "tests/bus/line.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static bool nightly(void) {
        return getenv("ICREISSUE_NIGHTLY") != NULL;
}

/* A branch with a worn card in slot 0, for which a reissue is requested. */
static Pair *open_with_request_and(const char *branch_lines) {
        Pair *pair = pair_open(2, NULL, branch_lines);

        pair->old_card = pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_request(pair->branch, STORY_V1, STORY_ID);
        return pair;
}

static Pair *open_with_request(void) {
        return open_with_request_and(NULL);
}

static void insert_blank(Pair *pair, const char *serial) {
        desk_insert(pair->branch, 1, story_blank(pair->branch, STORY_V1, DESK_T1, serial));
}

/* The card in slot 1 is there, and the record agrees with it. */
static void expect_card(Pair *pair, uint32_t count) {
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "issued", count);
        ck_assert(!story_in_use(pair->centre, STORY_V1, STORY_ID));
        ck_assert_uint_eq(story_history(pair->centre, STORY_V1, STORY_ID, "issued"), count);
        story_wait_reader(pair->branch, 1, "ready");
        story_expect_card(pair->branch, 1, STORY_V1, STORY_ID);
}

static void expect_reissued(Pair *pair, const char *job, uint32_t count) {
        char text[16];

        story_wait_done(pair->branch, job);
        snprintf(text, sizeof(text), "%" PRIu32, count);
        story_expect_property(pair->branch, job, "Count", text);
        expect_card(pair, count);
}

/* --- the requirements --- */

START_TEST(R5_a_branch_transmits_the_id_that_it_read_and_writes_the_card_from_the_centres_data)
{
        Pair *pair = open_with_request();
        char *job;

        free(desk_wait_property(pair->centre, DESK_ROOT_PATH, DESK_INTERFACE, "Role", "centre"));
        free(desk_wait_property(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "Role", "branch"));
        story_expect_card(pair->branch, 0, STORY_V1, STORY_ID);
        job = story_reissue(pair->branch, 0, 1);
        insert_blank(pair, NEW_SERIAL);
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(R6_the_centre_counts_as_it_transmits)
{
        Pair *pair = open_with_request();
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);
        ck_assert(story_in_use(pair->centre, STORY_V1, STORY_ID));
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(R7_the_branch_writes_from_its_own_reissuing_file_though_the_line_is_down)
{
        Pair *pair = open_with_request();
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        line_refuse(pair->line, true);
        line_cut(pair->line);
        desk_kill_daemon(pair->branch);
        story_start(pair->branch, 2);
        insert_blank(pair, NEW_SERIAL);
        story_wait_state(pair->branch, job, "recording");
        story_wait_error(pair->branch, job, "LineDown");
        pair_wait_line(pair, "down");
        story_wait_reader(pair->branch, 1, "ready");
        story_expect_card(pair->branch, 1, STORY_V1, STORY_ID);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);

        line_refuse(pair->line, false);
        expect_reissued(pair, job, 2);
        pair_wait_line(pair, "up");
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(R8_the_branch_knows_types_by_its_own_readout_and_correlation)
{
        Pair *pair = open_with_request();

        /* The centre does not know the type any more; the branch alone reads the card. */
        line_forget_type(pair->centre);
        story_expect_card(pair->branch, 0, STORY_V1, STORY_ID);

        line_forget_type(pair->branch);
        free(desk_call_refused(pair->branch, desk_bus(pair->branch), "UnknownCardType", "ReadCard", "s",
                               desk_reader_name(pair->branch, 0)));
        pair_close(pair);
}
END_TEST

START_TEST(R12_the_branchs_bus_tells_the_count_that_the_centre_gave)
{
        Pair *pair = open_with_request();
        sd_bus_message *signal;
        const char *path, *type;
        uint32_t count;
        char *job;

        desk_forget_signals(pair->branch);
        job = story_reissue(pair->branch, 0, 1);
        insert_blank(pair, NEW_SERIAL);
        signal = desk_wait_signal(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued");
        ck_assert_int_ge(sd_bus_message_read(signal, "osu", &path, &type, &count), 0);
        while (strcmp(path, job) != 0) { /* the first issue's may come late */
                sd_bus_message_unref(signal);
                signal = desk_wait_signal(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued");
                ck_assert_int_ge(sd_bus_message_read(signal, "osu", &path, &type, &count), 0);
        }
        ck_assert_str_eq(type, STORY_V1);
        ck_assert_uint_eq(count, 2);
        sd_bus_message_unref(signal);
        free(job);
        pair_close(pair);
}
END_TEST

/* --- the line drops --- */

START_TEST(a_job_that_finds_the_line_down_waits_says_so_and_goes_on_by_itself)
{
        Pair *pair = open_with_request();
        char *job;

        line_refuse(pair->line, true);
        line_cut(pair->line);
        pair_wait_line(pair, "down");
        job = story_reissue(pair->branch, 0, 1);
        story_wait_error(pair->branch, job, "LineDown");
        story_expect_property(pair->branch, job, "State", "extracting");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 1);
        insert_blank(pair, NEW_SERIAL);
        line_refuse(pair->line, false);
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(a_job_cancelled_while_the_line_is_down_reserves_nothing_when_it_is_up)
{
        Pair *pair = open_with_request();
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        line_refuse(pair->line, true);
        line_cut(pair->line);
        story_cancel(pair->branch, job);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);
        line_refuse(pair->line, false);
        story_expect_state(pair->branch, job, "done|failed|cancelled", "cancelled");
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 1);
        ck_assert(!story_in_use(pair->centre, STORY_V1, STORY_ID));
        free(job);
        pair_close(pair);
}
END_TEST

/* A reissue onto a fresh blank with the line cut after so many bytes. */
static void reissue_with_cut(Pair *pair, unsigned long bytes, uint32_t count) {
        char serial[17], *job;

        desk_extend(pair->branch, 60);
        desk_extend(pair->centre, 60);
        snprintf(serial, sizeof(serial), "%016lX", 0xC000 + bytes);
        story_request(pair->branch, STORY_V1, STORY_ID);
        insert_blank(pair, serial);
        story_wait_reader(pair->branch, 1, "blank");
        line_cut_after(pair->line, bytes);
        job = story_reissue(pair->branch, 0, 1);
        expect_reissued(pair, job, count);
        ck_assert_uint_eq(story_describe_count(pair->branch, job, "spoiled"), 0);
        desk_remove(pair->branch, 1);
        story_wait_reader(pair->branch, 1, "empty");
        free(job);
}

START_TEST(cut_at_any_byte_of_an_extraction_and_a_confirmation_nothing_is_counted_twice)
{
        Pair *pair = pair_open(2, NULL, NULL);
        unsigned long bytes, step;
        uint32_t count = 1;

        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        reissue_with_cut(pair, 1000000, ++count);
        bytes = line_bytes(pair->line);
        ck_assert_uint_ge(bytes, 600);
        step = nightly() ? 1 : bytes / 24;
        for (unsigned long at = 1; at <= bytes; at += step)
                reissue_with_cut(pair, at, ++count);

        pair_close(pair);
}
END_TEST

START_TEST(a_line_on_which_nothing_comes_back_is_taken_for_lost_and_made_anew)
{
        Pair *pair = open_with_request_and("line-timeout: 1\n");
        unsigned connections;
        char *job;

        connections = line_connections(pair->line);
        line_swallow(pair->line, true);
        job = story_reissue(pair->branch, 0, 1);
        story_wait_error(pair->branch, job, "LineDown");
        pair_wait_line(pair, "down");
        insert_blank(pair, NEW_SERIAL);
        line_swallow(pair->line, false);
        expect_reissued(pair, job, 2);
        ck_assert_uint_gt(line_connections(pair->line), connections);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(a_slow_line_makes_slow_cards_and_nothing_else)
{
        Pair *pair = open_with_request();
        unsigned connections;
        char *job;

        line_delay(pair->line, nightly() ? 2000 : 300);
        job = story_reissue(pair->branch, 0, 1);
        story_wait_state(pair->branch, job, "waiting-for-blank"); /* extracted, so connected */
        connections = line_connections(pair->line);
        insert_blank(pair, NEW_SERIAL);
        expect_reissued(pair, job, 2);
        ck_assert_uint_eq(line_connections(pair->line), connections);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(the_line_is_let_go_without_work_and_made_when_there_is_some)
{
        Pair *pair = open_with_request_and("line-idle: 1\n");
        char *job;

        line_wait_open(pair->line, 0);
        pair_wait_line(pair, "up");
        job = story_reissue(pair->branch, 0, 1);
        insert_blank(pair, NEW_SERIAL);
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

/* --- versions --- */

static int on_hello(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(message, "uuss", 2, 0, "a station of the future", LINE_BRANCH);
}

static const sd_bus_vtable future_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Hello", "uuts", "uuss", on_hello, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* A centre that speaks version 2, in a process of its own. */
static pid_t future_centre(Desk *desk) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pid_t pid;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", desk_path(desk, "runtime/line.sock"));
        unlink(address.sun_path);
        if (bind(listener, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(listener, 8) < 0)
                desk_fail(desk, "%s: %m", address.sun_path);

        fflush(NULL);
        pid = fork();
        while (pid == 0) {
                int handle = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                sd_id128_t id = {};
                sd_bus *bus = NULL;

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                sd_bus_new(&bus);
                sd_bus_set_fd(bus, handle, handle);
                sd_bus_set_server(bus, 1, id);
                sd_bus_set_anonymous(bus, 1);
                sd_bus_add_object_vtable(bus, NULL, "/org/example/ICReissue/centre",
                                         "org.example.ICReissue.Centre", future_vtable, NULL);
                sd_bus_start(bus);
                while (sd_bus_process(bus, NULL) >= 0 && sd_bus_wait(bus, UINT64_MAX) >= 0)
                        continue;
                sd_bus_unref(bus);
        }

        close(listener);
        return pid;
}

START_TEST(a_centre_of_another_version_is_told_by_name)
{
        Pair *pair = pair_open(0, NULL, NULL);
        pid_t future = future_centre(pair->branch);
        char *message;

        line_cut(pair->line);
        pair_wait_line(pair, "down");
        message = desk_call_refused(pair->branch, desk_bus(pair->branch), "LineDown", "CheckLine", "");
        while (!strstr(message, "does not speak this version of the line")) {
                free(message);
                free(desk_wait_property(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "LineState",
                                        "connecting"));
                free(desk_wait_property(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "LineState", "down"));
                message =
                        desk_call_refused(pair->branch, desk_bus(pair->branch), "LineDown", "CheckLine", "");
        }

        free(message);
        kill(future, SIGKILL);
        waitpid(future, NULL, 0);
        pair_close(pair);
}
END_TEST

/* --- what else a desk does --- */

START_TEST(a_batch_at_a_branch_extracts_each_record_when_its_blank_is_there)
{
        Pair *pair = pair_open(2, NULL, NULL);
        sd_bus_message *reply = NULL;
        const char *path;
        char *job;

        story_enrol(pair->centre, STORY_V1, "00000001");
        story_enrol(pair->centre, STORY_V1, "00000002");
        desk_call(pair->branch, desk_bus(pair->branch), &reply, "StartBatch", "a(ss)sa{sv}", 2, STORY_V1,
                  "00000001", STORY_V1, "00000002", "", 0);
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        sd_bus_message_unref(reply);
        ck_assert(!story_in_use(pair->centre, STORY_V1, "00000001"));
        desk_insert(pair->branch, 0, story_blank(pair->branch, STORY_V1, DESK_T1, OLD_SERIAL));
        free(desk_wait_property(pair->branch, job, DESK_JOB, "Done", "1"));
        ck_assert(!story_in_use(pair->centre, STORY_V1, "00000002"));
        desk_insert(pair->branch, 1, story_blank(pair->branch, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(pair->branch, job);
        story_expect_record(pair->centre, STORY_V1, "00000001", "issued", 1);
        story_expect_record(pair->centre, STORY_V1, "00000002", "issued", 1);
        free(job);
        pair_close(pair);
}
END_TEST

START_TEST(automatic_mode_at_a_branch_goes_by_the_centres_flag)
{
        Pair *pair = open_with_request_and("automatic: yes\n");
        char *job;

        desk_remove(pair->branch, 0);
        story_wait_reader(pair->branch, 0, "empty");
        insert_blank(pair, NEW_SERIAL);
        story_wait_reader(pair->branch, 1, "blank");
        desk_insert(pair->branch, 0, pair->old_card);
        job = desk_wait_object(pair->branch, DESK_JOB, "Kind", "reissue");
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

/* --- the daemons go away --- */

typedef struct Killing {
        const char *state;
        void (*restart)(Pair *pair);
} Killing;

static void kill_in_state(const char *state, void (*restart)(Pair *pair)) {
        Pair *pair = open_with_request();
        char *job = story_reissue(pair->branch, 0, 1), states[64];

        story_wait_state(pair->branch, job, "waiting-for-blank");
        if (strcmp(state, "waiting-for-blank") != 0) {
                story_wait_reader(pair->branch, 0, "ready");
                insert_blank(pair, NEW_SERIAL);
                free(desk_slot_command(pair->branch, 1, "delay 20"));
                snprintf(states, sizeof(states), "%s|done|failed|cancelled", state);
                free(desk_wait_property(pair->branch, job, DESK_JOB, "State", states));
        }

        restart(pair);
        if (strcmp(state, "waiting-for-blank") == 0)
                insert_blank(pair, NEW_SERIAL);
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}

static void restart_both(Pair *pair) {
        desk_kill_daemon(pair->centre);
        pair_restart_branch(pair);
        story_start(pair->centre, 0);
}

static const Killing killings[] = {
        { "waiting-for-blank", pair_restart_centre },
        { "waiting-for-blank", pair_restart_branch },
        { "waiting-for-blank", restart_both },
        { "writing", pair_restart_centre },
        { "writing", pair_restart_branch },
        { "writing", restart_both },
        { "verifying", pair_restart_centre },
        { "verifying", pair_restart_branch },
        { "recording", pair_restart_centre },
        { "recording", pair_restart_branch },
        { "recording", restart_both },
        { "done", restart_both },
};

START_TEST(killed_at_any_step_the_card_is_finished_and_counted_once)
{ kill_in_state(killings[_i].state, killings[_i].restart); }
END_TEST

START_TEST(a_centre_that_is_away_while_the_branch_writes_is_told_when_it_is_back)
{
        Pair *pair = open_with_request();
        char *job = story_reissue(pair->branch, 0, 1);

        story_wait_state(pair->branch, job, "waiting-for-blank");
        desk_kill_daemon(pair->centre);
        insert_blank(pair, NEW_SERIAL);
        story_wait_state(pair->branch, job, "recording");
        desk_kill_daemon(pair->branch);
        story_start(pair->centre, 0);
        story_start(pair->branch, 2);
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R5_a_branch_transmits_the_id_that_it_read_and_writes_the_card_from_the_centres_data,
                R6_the_centre_counts_as_it_transmits,
                R7_the_branch_writes_from_its_own_reissuing_file_though_the_line_is_down,
                R8_the_branch_knows_types_by_its_own_readout_and_correlation,
                R12_the_branchs_bus_tells_the_count_that_the_centre_gave,
                a_job_that_finds_the_line_down_waits_says_so_and_goes_on_by_itself,
                a_job_cancelled_while_the_line_is_down_reserves_nothing_when_it_is_up,
                cut_at_any_byte_of_an_extraction_and_a_confirmation_nothing_is_counted_twice,
                a_line_on_which_nothing_comes_back_is_taken_for_lost_and_made_anew,
                a_slow_line_makes_slow_cards_and_nothing_else,
                the_line_is_let_go_without_work_and_made_when_there_is_some,
                a_batch_at_a_branch_extracts_each_record_when_its_blank_is_there,
                automatic_mode_at_a_branch_goes_by_the_centres_flag,
                a_centre_of_another_version_is_told_by_name,
                a_centre_that_is_away_while_the_branch_writes_is_told_when_it_is_back,
        };
        int status = story_run("line", tests, sizeof(tests) / sizeof(tests[0]), nightly() ? 3000 : 300);

        return status == EXIT_SUCCESS
                       ? story_run_loop("line-kill", killed_at_any_step_the_card_is_finished_and_counted_once,
                                        sizeof(killings) / sizeof(killings[0]), 300)
                       : status;
}
