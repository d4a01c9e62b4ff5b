/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pair of desks, and what the tests of the line do with it again and again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/bus/line.h"

void pair_wait_line(Pair *pair, const char *state) {
        free(desk_wait_property(pair->branch, DESK_ROOT_PATH, DESK_INTERFACE, "LineState", state));
}

static Desk *centre_start(const char *branches, const char *more) {
        Desk *desk = story_open_closed(0);
        char text[2048];

        snprintf(text, sizeof(text), "role: centre\nstation: head-office\nbranches:\n%s%s", branches, more);
        desk_write(desk, "config/icreissue.yaml", text);
        story_start(desk, 0);
        return desk;
}

Desk *centre_open(const char *branches) {
        Desk *desk = centre_start(branches, "");

        story_enrol(desk, STORY_V1, STORY_ID);
        return desk;
}

Pair *pair_open(unsigned readers, const char *centre_lines, const char *branch_lines) {
        Pair *pair = calloc(1, sizeof(Pair));
        char text[2048];

        pair->centre = centre_start(LINE_BRANCH_ENTRY, centre_lines ? centre_lines : "");
        pair->branch = story_open_closed(readers);
        snprintf(text, sizeof(text), "role: branch\nstation: desk-a\ncentre: " LINE_CENTRE_NAME "\n%s",
                 branch_lines ? branch_lines : "");
        desk_write(pair->branch, "config/icreissue.yaml", text);
        pair->line = line_open(pair->branch, desk_path(pair->centre, "runtime/centre.sock"), LINE_ACCOUNT);
        story_start(pair->branch, readers);
        pair_wait_line(pair, "up");
        return pair;
}

void pair_close(Pair *pair) {
        line_close(pair->line);
        desk_close(pair->branch);
        desk_close(pair->centre);
        free(pair);
}

void pair_restart_centre(Pair *pair) {
        desk_kill_daemon(pair->centre);
        story_start(pair->centre, 0);
}

void pair_restart_branch(Pair *pair) {
        desk_kill_daemon(pair->branch);
        story_start(pair->branch, 2);
}

const char *pair_issue(Pair *pair, unsigned slot, const char *type, const char *id, const char *serial) {
        const char *card = story_blank(pair->branch, type, DESK_T1, serial);
        char *job;

        story_enrol(pair->centre, type, id);
        desk_insert(pair->branch, slot, card);
        job = story_start_issue(pair->branch, type, id, (int) slot);
        story_wait_done(pair->branch, job);
        free(job);
        story_wait_reader(pair->branch, slot, "ready");
        return card;
}

/* The shipped correlation table without it. */
void line_forget_type(Desk *desk) {
        char path[512], line[256], text[4096] = "";
        FILE *file;

        snprintf(path, sizeof(path), "%s/cards/correlation.yaml", getenv("ICREISSUE_SOURCE"));
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        while (fgets(line, sizeof(line), file))
                if (strncmp(line, STORY_V1 ":", strlen(STORY_V1 ":")) != 0)
                        strncat(text, line, sizeof(text) - strlen(text) - 1);
        fclose(file);
        desk_write(desk, "config/correlation.yaml", text);
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
}

/* A branch with a worn card in slot 0, for which a reissue is requested. */
Pair *pair_open_with_request(const char *branch_lines) {
        Pair *pair = pair_open(2, NULL, branch_lines);

        pair->old_card = pair_issue(pair, 0, STORY_V1, STORY_ID, "A1A1A1A1A1A1A1A1");
        story_request(pair->branch, STORY_V1, STORY_ID);
        return pair;
}

void pair_insert_blank(Pair *pair, const char *serial) {
        desk_insert(pair->branch, 1, story_blank(pair->branch, STORY_V1, DESK_T1, serial));
}

/* The card in slot 1 is there, and the record agrees with it. */
void pair_expect_card(Pair *pair, uint32_t count) {
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "issued", count);
        ck_assert(!story_in_use(pair->centre, STORY_V1, STORY_ID));
        ck_assert_uint_eq(story_history(pair->centre, STORY_V1, STORY_ID, "issued"), count);
        story_wait_reader(pair->branch, 1, "ready");
        story_expect_card(pair->branch, 1, STORY_V1, STORY_ID);
}

void pair_expect_reissued(Pair *pair, const char *job, uint32_t count) {
        char text[16];

        story_wait_done(pair->branch, job);
        snprintf(text, sizeof(text), "%" PRIu32, count);
        story_expect_property(pair->branch, job, "Count", text);
        pair_expect_card(pair, count);
}
