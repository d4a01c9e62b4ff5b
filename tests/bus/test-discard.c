/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The old card's end, through the whole daemon: ended by its profile, destroyed by a mill that is the gpio helper with its lines
 * in this test's hands. Whatever goes wrong, no other card is touched, and none is said to be destroyed that is not. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bus/story.h"
#include "tests/desk/machine.h"
#include "tests/unit/card-fixture.h"

#define OLD_SERIAL   "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL   "B2B2B2B2B2B2B2B2"
#define OTHER_SERIAL "C3C3C3C3C3C3C3C3"
#define OTHER_ID     "00420018"

enum {
        NOTHING_HAPPENS = 700
}; /* milliseconds, in which a card in a reader would long have been begun with */

/* --- the room --- */

/* The mill takes the card of slot 0. */
static void write_mill(Desk *desk) {
        char text[512];

        snprintf(text, sizeof(text),
                 "mill:\n  helper: gpio\n  reader: \"%s\"\n  time-out: 20\n"
                 "  options: {chip: \"%s\", start: 1, done: 2, jam: 3, pulse: 20}\n",
                 desk_reader_name(desk, 0), desk_path(desk, "machine"));
        desk_write(desk, "config/icreissue.yaml", text);
}

static Desk *open_mill(Machine *machine) {
        Desk *desk = story_open_closed(2);
        char helper[4096];

        machine_open(machine, desk_path(desk, "machine"));
        desk_directory(desk, "config/mill");
        snprintf(helper, sizeof(helper), "%s/mill-desk", getenv("ICREISSUE_BUILD"));
        ck_assert_int_eq(symlink(helper, desk_path(desk, "config/mill/gpio")), 0);
        write_mill(desk);
        story_start(desk, 2);
        return desk;
}

static void close_mill(Desk *desk, Machine *machine) {
        machine_close(machine);
        desk_close(desk);
}

static char *job_path(sd_bus_message *reply) {
        const char *path;
        char *job;

        ck_assert_int_gt(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        sd_bus_message_unref(reply);
        return job;
}

/* Reissues the card of slot 0 onto the blank of slot 1, with its discard. */
static char *begin_reissue(Desk *desk) {
        sd_bus_message *reply;

        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, 0),
                  desk_reader_name(desk, 1), 1, "discard", "b", 1);
        return job_path(reply);
}

static char *begin_discard(Desk *desk, unsigned slot) {
        sd_bus_message *reply;

        desk_call(desk, desk_bus(desk), &reply, "Discard", "sa{sv}", desk_reader_name(desk, slot), 0);
        return job_path(reply);
}

static const char *issue_old(Desk *desk) {
        const char *card = story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);

        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        return card;
}

static bool advises(Desk *desk, const char *job, const char *text) {
        char *advice = desk_property(desk, job, DESK_JOB, "Advice");
        bool found = advice && strstr(advice, text);

        free(advice);
        return found;
}

typedef struct Advice {
        const char *job, *text;
} Advice;

static bool has_advice(Desk *desk, void *userdata) {
        const Advice *advice = userdata;

        return advises(desk, advice->job, advice->text);
}

static void wait_advice(Desk *desk, const char *job, const char *text) {
        desk_wait(desk, text, has_advice, &(Advice){ .job = job, .text = text });
}

/* --- the list --- */

typedef struct Listed {
        unsigned destroyed, waiting;
        char how[8], serial[33]; /* of the last one */
} Listed;

static void read_entry(sd_bus_message *reply, Listed *listed) {
        const char *name, *text, *type;
        int destroyed = -1;

        while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
                ck_assert_int_gt(sd_bus_message_read(reply, "s", &name), 0);
                ck_assert_int_gt(sd_bus_message_peek_type(reply, NULL, &type), 0);
                if (strcmp(name, "destroyed") == 0)
                        ck_assert_int_gt(sd_bus_message_read(reply, "v", "b", &destroyed), 0);
                else if (*type == 's') {
                        ck_assert_int_gt(sd_bus_message_read(reply, "v", "s", &text), 0);
                        if (strcmp(name, "how") == 0)
                                snprintf(listed->how, sizeof(listed->how), "%s", text);
                        if (strcmp(name, "serial") == 0)
                                snprintf(listed->serial, sizeof(listed->serial), "%s", text);
                } else
                        ck_assert_int_gt(sd_bus_message_skip(reply, "v"), 0);
                ck_assert_int_gt(sd_bus_message_exit_container(reply), 0);
        }

        ck_assert_int_ge(destroyed, 0);
        listed->destroyed += destroyed == 1;
        listed->waiting += destroyed == 0;
}

static Listed list(Desk *desk) {
        Listed listed = {};
        sd_bus_message *reply;

        desk_call(desk, desk_bus(desk), &reply, "ListDiscarded", "");
        ck_assert_int_gt(sd_bus_message_enter_container(reply, 'a', "a{sv}"), 0);
        while (sd_bus_message_enter_container(reply, 'a', "{sv}") > 0) {
                read_entry(reply, &listed);
                ck_assert_int_gt(sd_bus_message_exit_container(reply), 0);
        }

        sd_bus_message_unref(reply);
        return listed;
}

static void expect_list(Desk *desk, unsigned destroyed, unsigned waiting, const char *how) {
        Listed listed = list(desk);

        ck_assert_uint_eq(listed.destroyed, destroyed);
        ck_assert_uint_eq(listed.waiting, waiting);
        ck_assert_str_eq(listed.how, how);
}

/* Through PC/SC, as any other program would see it: it lets nothing be selected any more. */
static void expect_ended(Desk *desk, unsigned slot) {
        const char *const select[] = { "00A4000C023F00" };
        char *answer = desk_transmit(desk, slot, select, 1);

        ck_assert_str_ne(answer, "9000");
        free(answer);
}

static void expect_new_card(Desk *desk, unsigned slot) {
        story_wait_reader(desk, slot, "ready");
        story_expect_card(desk, slot, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
}

/* A mill that works. */
static void let_mill(Machine *machine) {
        machine_accept(machine, true, false, false);
        machine_expect_start(machine, true);
        machine_expect_start(machine, false);
        machine_say_done(machine);
        machine_expect_end(machine);
}

/* --- tests --- */

START_TEST(the_old_card_is_ended_and_milled_when_the_new_one_is_made)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        char *job, *how;

        issue_old(desk);
        job = begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        story_expect_property(desk, job, "State", "discarding");
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued"));
        expect_new_card(desk, 1); /* made and recorded before */
        expect_ended(desk, 0);
        expect_list(desk, 0, 1, "");
        machine_say_done(&machine);
        story_wait_done(desk, job);
        machine_expect_end(&machine);
        expect_list(desk, 1, 0, "mill");
        ck_assert_str_eq(list(desk).serial, OLD_SERIAL);
        how = story_describe(desk, job, "discarded");
        ck_assert_str_eq(how, "mill");
        expect_new_card(desk, 1);
        free(how);
        free(job);
        close_mill(desk, &machine);
}
END_TEST

START_TEST(a_mill_that_fails_leaves_the_card_in_the_list_and_retry_touches_no_chip)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        unsigned long apdus;
        char *job;

        issue_old(desk);
        job = begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_say_jammed(&machine);
        machine_expect_end(&machine);
        story_wait_error(desk, job, "DiscardFailed");
        story_expect_property(desk, job, "State", "discarding");
        ck_assert(advises(desk, job, "job retry"));
        expect_list(desk, 0, 1, "");
        story_wait_reader(desk, 0, "unknown");
        apdus = desk_apdu_count(desk, 0);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        let_mill(&machine);
        story_wait_done(desk, job);
        ck_assert_uint_eq(desk_apdu_count(desk, 0), apdus);
        expect_list(desk, 1, 0, "mill");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

START_TEST(a_mill_that_is_not_there_is_told_and_cancelled_the_card_stays_in_the_list)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        char *job;

        machine_close(&machine);
        issue_old(desk);
        job = begin_reissue(desk);
        story_wait_error(desk, job, "DiscardFailed");
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        expect_list(desk, 0, 1, "");
        expect_new_card(desk, 1);
        desk_kill_daemon(desk);
        story_start(desk, 2);
        expect_list(desk, 0, 1, "");
        free(desk_call_refused(desk, desk_bus(desk), "NoCard", "ConfirmDiscarded", "t", (uint64_t) 99));
        desk_call(desk, desk_bus(desk), NULL, "ConfirmDiscarded", "t",
                  (uint64_t) strtoull(strrchr(job, '/') + 1, NULL, 10));
        expect_list(desk, 1, 0, "hand");
        free(desk_call_refused(desk, desk_bus(desk), "JobFinished", "ConfirmDiscarded", "t",
                               (uint64_t) strtoull(strrchr(job, '/') + 1, NULL, 10)));
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_cancel_stops_the_mill)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        char *job;

        issue_old(desk);
        job = begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        machine_expect_end(&machine);
        expect_list(desk, 0, 1, "");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

/* The old card is taken out before its turn; others are put into the mill's reader. */
START_TEST(neither_the_new_card_nor_anybody_elses_is_destroyed)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        const char *old, *new, *others;
        unsigned long apdus;
        char *job;

        others = story_issue(desk, 0, STORY_V1, DESK_T1, OTHER_ID, OTHER_SERIAL);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        old = story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);
        story_request(desk, STORY_V1, STORY_ID);
        job = begin_reissue(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        new = story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL);
        desk_insert(desk, 1, new);
        story_wait_state(desk, job, "discarding");
        wait_advice(desk, job, "Put the old card into");

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        desk_insert(desk, 0, new);
        story_wait_error(desk, job, "CardTypeMismatch");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        expect_new_card(desk, 0);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");

        desk_insert(desk, 0, others);
        story_wait_error(desk, job, "CardTypeMismatch");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        story_expect_card(desk, 0, STORY_V1, OTHER_ID);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");

        desk_insert(desk, 1, old); /* which is not the mill's reader */
        story_wait_reader(desk, 1, "ready");
        apdus = desk_apdu_count(desk, 1);
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        ck_assert_uint_eq(desk_apdu_count(desk, 1), apdus);
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");

        desk_insert(desk, 0, old);
        let_mill(&machine);
        story_wait_done(desk, job);
        expect_list(desk, 1, 0, "mill");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

/* The shipped staff-v1 without its `serial:`, for cards that nothing tells apart. */
static void write_profile_without_serial(Desk *desk) {
        char path[4096], *text = NULL, *from, *to;
        size_t size = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/cards/staff-v1.yaml", getenv("ICREISSUE_SOURCE"));
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_gt(getdelim(&text, &size, '\0', file), 0);
        fclose(file);
        from = strstr(text, "\nserial:");
        to = strstr(text, "\nblank:");
        ck_assert(from && to && from < to);
        memmove(from, to, strlen(to) + 1);
        desk_directory(desk, "config/cards");
        desk_write(desk, "config/cards/staff-v1.yaml", text);
        free(text);
}

static Desk *open_without_serials(Machine *machine) {
        Desk *desk = open_mill(machine);

        desk_stop_daemon(desk);
        write_profile_without_serial(desk);
        story_start(desk, 2);
        return desk;
}

START_TEST(a_card_without_a_serial_that_never_left_its_reader_is_destroyed)
{
        Machine machine;
        Desk *desk = open_without_serials(&machine);
        char *job;

        issue_old(desk);
        job = begin_reissue(desk);
        let_mill(&machine);
        story_wait_done(desk, job);
        expect_ended(desk, 0);
        expect_new_card(desk, 1);
        expect_list(desk, 1, 0, "mill");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

START_TEST(of_two_twins_without_a_serial_none_is_destroyed_and_the_operator_confirms)
{
        Machine machine;
        Desk *desk = open_without_serials(&machine);
        const char *old = issue_old(desk), *new;
        char *job;

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        job = begin_reissue(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        new = story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL);
        desk_insert(desk, 1, new);
        story_wait_state(desk, job, "discarding");
        wait_advice(desk, job, "discarded confirm");

        desk_insert(desk, 0, old); /* it is the right one, and nothing says so */
        story_wait_reader(desk, 0, "ready");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        story_expect_card(desk, 0, STORY_V1, STORY_ID);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        desk_insert(desk, 0, new);
        story_wait_reader(desk, 0, "ready");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        expect_new_card(desk, 0);

        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        expect_list(desk, 1, 0, "hand");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

START_TEST(without_a_mill_the_card_is_ended_and_somebody_destroys_it)
{
        Desk *desk = story_open(2);
        char *job;

        issue_old(desk);
        job = begin_reissue(desk);
        wait_advice(desk, job, "Destroy the old card by hand");
        expect_ended(desk, 0);
        expect_list(desk, 0, 1, "");
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        expect_list(desk, 1, 0, "hand");
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(discard_refuses_the_current_card_and_takes_the_old_one)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        char *job;

        issue_old(desk);
        free(desk_call_refused(desk, desk_bus(desk), "DiscardFailed", "Discard", "sa{sv}",
                               desk_reader_name(desk, 0), 0));
        job = story_reissue(desk, 0, 1);
        story_wait_done(desk, job);
        free(job);
        free(desk_call_refused(desk, desk_bus(desk), "DiscardFailed", "Discard", "sa{sv}",
                               desk_reader_name(desk, 1), 0));
        expect_new_card(desk, 1);
        job = begin_discard(desk, 0);
        let_mill(&machine);
        story_wait_done(desk, job);
        expect_ended(desk, 0);
        expect_list(desk, 1, 0, "mill");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

START_TEST(who_may_only_reissue_may_not_discard)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        sd_bus *bus;

        desk_polkit_rule(desk, "10-desk.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.reissue') return polkit.Result.YES;\n"
                         "});\n");
        issue_old(desk);
        bus = desk_bus_as(desk, DESK_NOBODY);
        free(desk_call_refused(desk, bus, "AccessDenied", "Discard", "sa{sv}", desk_reader_name(desk, 0), 0));
        free(desk_call_refused(desk, bus, "AccessDenied", "Reissue", "ssa{sv}", desk_reader_name(desk, 0), "",
                               1, "discard", "b", 1));
        free(desk_call_refused(desk, bus, "AccessDenied", "ConfirmDiscarded", "t", (uint64_t) 1));
        sd_bus_flush_close_unref(bus);
        close_mill(desk, &machine);
}
END_TEST

/* --- kill -9 --- */

START_TEST(killed_while_it_waits_for_the_old_card)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        const char *old = issue_old(desk);
        char *job;

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        job = begin_reissue(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_state(desk, job, "discarding");
        desk_kill_daemon(desk);
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        expect_list(desk, 0, 1, "");
        desk_insert(desk, 0, old);
        let_mill(&machine);
        story_wait_done(desk, job);
        expect_ended(desk, 0);
        expect_list(desk, 1, 0, "mill");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

/* At each command that is sent to the old card: it is ended after the restart, or somebody says that it is destroyed. The
 * new card is never touched. */
static void kill_at(unsigned number, DeskMoment moment) {
        Machine machine;
        Desk *desk = open_mill(&machine);
        const char *old = issue_old(desk);
        char *job;

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        job = begin_reissue(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_state(desk, job, "discarding");
        story_wait_reader(desk, 1, "ready");
        desk_hold_at(desk, 0, number, moment);
        desk_insert(desk, 0, old);
        desk_wait_held(desk, 0);
        desk_kill_daemon(desk);
        desk_release_card(desk, 0);
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        if (machine_is_left_alone(&machine, 3 * NOTHING_HAPPENS)) {
                expect_ended(desk, 0); /* which is why nothing proves any more that it is the old one */
                wait_advice(desk, job, "discarded confirm");
                expect_list(desk, 0, 1, "");
                desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        } else
                let_mill(&machine);
        story_wait_done(desk, job);
        expect_ended(desk, 0);
        expect_new_card(desk, 1);
        ck_assert_uint_eq(list(desk).destroyed, 1);
        free(job);
        close_mill(desk, &machine);
}

/* Reading the card takes 7 commands, reading it once more before it is ended as many. */
static const unsigned kill_points[] = { 8, 11, 14, 15, 16 };

START_TEST(killed_while_the_old_card_is_ended)
{ kill_at(kill_points[_i / 2], _i % 2 ? DESK_AFTER : DESK_BEFORE); }
END_TEST

START_TEST(killed_while_the_mill_works)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        char *job;

        issue_old(desk);
        job = begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        desk_kill_daemon(desk);
        machine_expect_end(&machine); /* it is not left running */
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        wait_advice(desk, job, "discarded confirm");
        ck_assert(machine_is_left_alone(&machine, NOTHING_HAPPENS));
        expect_list(desk, 0, 1, "");
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        expect_list(desk, 1, 0, "hand");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

START_TEST(stopped_while_the_mill_works)
{
        Machine machine;
        Desk *desk = open_mill(&machine);
        char *job;

        issue_old(desk);
        job = begin_reissue(desk);
        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        desk_stop_daemon(desk);
        machine_expect_end(&machine);
        story_start(desk, 2);
        story_wait_state(desk, job, "discarding");
        expect_list(desk, 0, 1, "");
        free(job);
        close_mill(desk, &machine);
}
END_TEST

/* --- each family's `discard:` --- */

static const struct {
        const char *type;
        DeskManner manner;
        const char *application; /* what must not be selected any more; NULL: the MF */
} families[] = {
        { "staff-v1", DESK_T0, NULL },
        { "staff-v2", DESK_T1, NULL },
        { "usim", DESK_T0, NULL },
        { "openpgp", DESK_T1, "00A4040006D27600012401" },
        { "globalplatform", DESK_T1, "00A4040007F049435203010100" },
        { "desfire", DESK_T1, "905A000003F4812000" },
};

START_TEST(what_a_profile_ends_is_refused_afterwards)
{
        const char *type = families[_i].type, *const select[] = { families[_i].application
                                                                          ? families[_i].application
                                                                          : "00A4000C023F00" };
        Desk *desk = story_open(2);
        char *job, *answer;

        story_issue(desk, 0, type, families[_i].manner, fixture_id(type), OLD_SERIAL);
        answer = desk_transmit(desk, 0, select, 1);
        ck_assert_ptr_nonnull(strstr(answer + strlen(answer) - 4, *type == 'd' ? "9100" : "9000"));
        free(answer);
        story_request(desk, type, fixture_id(type));
        desk_insert(desk, 1, story_blank(desk, type, families[_i].manner, NEW_SERIAL));
        job = begin_reissue(desk);
        wait_advice(desk, job, "Destroy the old card by hand");
        answer = desk_transmit(desk, 0, select, 1);
        ck_assert_ptr_null(strstr(answer + strlen(answer) - 4, *type == 'd' ? "9100" : "9000"));
        free(answer);
        story_wait_reader(desk, 1, "ready");
        story_expect_card(desk, 1, type, fixture_id(type));
        story_expect_record(desk, type, fixture_id(type), "issued", 2);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "ConfirmDiscarded", "");
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_old_card_is_ended_and_milled_when_the_new_one_is_made,
                a_mill_that_fails_leaves_the_card_in_the_list_and_retry_touches_no_chip,
                a_mill_that_is_not_there_is_told_and_cancelled_the_card_stays_in_the_list,
                a_cancel_stops_the_mill,
                neither_the_new_card_nor_anybody_elses_is_destroyed,
                a_card_without_a_serial_that_never_left_its_reader_is_destroyed,
                of_two_twins_without_a_serial_none_is_destroyed_and_the_operator_confirms,
                without_a_mill_the_card_is_ended_and_somebody_destroys_it,
                discard_refuses_the_current_card_and_takes_the_old_one,
                who_may_only_reissue_may_not_discard,
                killed_while_it_waits_for_the_old_card,
                killed_while_the_mill_works,
                stopped_while_the_mill_works,
        };
        int points = (int) (sizeof(kill_points) / sizeof(kill_points[0])) * 2;
        int r = story_run("discard", tests, sizeof(tests) / sizeof(tests[0]), 120);

        r |= story_run_loop("discard-kill", killed_while_the_old_card_is_ended, points, 120);
        r |= story_run_loop("discard-family", what_a_profile_ends_is_refused_afterwards,
                            (int) (sizeof(families) / sizeof(families[0])), 120);
        return r;
}
