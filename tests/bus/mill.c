/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bus/mill.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

Desk *mill_open(Machine *machine) {
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

void mill_close(Desk *desk, Machine *machine) {
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

char *mill_begin_reissue(Desk *desk) {
        sd_bus_message *reply;

        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, 0),
                  desk_reader_name(desk, 1), 1, "discard", "b", 1);
        return job_path(reply);
}

char *mill_reissue_and_take_the_old_out(Desk *desk, const char **ret_new) {
        char *job;

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        job = mill_begin_reissue(desk);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        *ret_new = story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL);
        desk_insert(desk, 1, *ret_new);
        story_wait_state(desk, job, "discarding");
        return job;
}

char *mill_begin_discard(Desk *desk, unsigned slot) {
        sd_bus_message *reply;

        desk_call(desk, desk_bus(desk), &reply, "Discard", "sa{sv}", desk_reader_name(desk, slot), 0);
        return job_path(reply);
}

const char *mill_issue_old(Desk *desk) {
        const char *card = story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, OLD_SERIAL);

        story_request(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        return card;
}

bool mill_advises(Desk *desk, const char *job, const char *text) {
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

        return mill_advises(desk, advice->job, advice->text);
}

void mill_wait_advice(Desk *desk, const char *job, const char *text) {
        desk_wait(desk, text, has_advice, &(Advice){ .job = job, .text = text });
}

/* --- the list --- */

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

Listed mill_list(Desk *desk) {
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

void mill_expect_list(Desk *desk, unsigned destroyed, unsigned waiting, const char *how) {
        Listed listed = mill_list(desk);

        ck_assert_uint_eq(listed.destroyed, destroyed);
        ck_assert_uint_eq(listed.waiting, waiting);
        ck_assert_str_eq(listed.how, how);
}

/* Through PC/SC, as any other program would see it: it lets nothing be selected any more. */
void mill_expect_ended(Desk *desk, unsigned slot) {
        const char *const select[] = { "00A4000C023F00" };
        char *answer = desk_transmit(desk, slot, select, 1);

        ck_assert_str_ne(answer, "9000");
        free(answer);
}

void mill_expect_new_card(Desk *desk, unsigned slot) {
        story_wait_reader(desk, slot, "ready");
        story_expect_card(desk, slot, STORY_V1, STORY_ID);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 2);
}

/* A mill that works. */
void mill_work(Machine *machine) {
        machine_accept(machine, true, false, false);
        machine_expect_start(machine, true);
        machine_expect_start(machine, false);
        machine_say_done(machine);
        machine_expect_end(machine);
}
