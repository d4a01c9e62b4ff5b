/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cards with contacts and an antenna, in a reader without contacts: what is written over contacts alone is read there, and
 * refused by name before anything is sent that would change it. */
#include <string.h>

#include "base/util.h"
#include "tests/bus/mill.h"
#include "tests/unit/card-fixture.h"

static const char *const types[] = { "piv", "openpgp" };

static void expect_contacts_wanted(Desk *desk, const char *job, const char *property) {
        char *text = desk_property(desk, job, DESK_JOB, property);

        ck_assert_msg(strstr(text, "over contacts alone") != NULL, "%s", text);
        free(text);
}

START_TEST(a_blank_in_a_contactless_reader_is_refused_by_name_and_untouched)
{
        const char *type = types[_i];
        Desk *desk = story_open(2);
        unsigned long before;
        char *job;

        story_enrol(desk, type, fixture_id(type));
        desk_insert(desk, 1, story_blank(desk, type, DESK_AIR, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank"); /* it can be read */
        before = desk_apdu_count(desk, 1);
        job = story_start_issue(desk, type, fixture_id(type), 1);
        story_wait_error(desk, job, "CardTypeMismatch");
        expect_contacts_wanted(desk, job, "ErrorMessage");
        ck_assert_uint_eq(desk_apdu_count(desk, 1), before);
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        desk_insert(desk, 1, story_blank(desk, type, DESK_T1, NEW_SERIAL));
        story_wait_done(desk, job);
        story_expect_record(desk, type, fixture_id(type), "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

/* The same card, as another reader shows it. */
static void show_over_the_air(Desk *desk, const char *card) {
        char text[131072], *manner;
        size_t size;
        FILE *file = fopen(card, "r+e");

        ck_assert_ptr_nonnull(file);
        size = fread(text, 1, sizeof(text) - 2, file);
        text[size] = '\0';
        manner = strstr(text, "\"t1\"");
        if (!manner)
                desk_fail(desk, "%s does not say its manner", card);
        memmove(manner + 1, manner, strlen(manner) + 1);
        memcpy(manner, "\"air\"", strlen("\"air\""));
        rewind(file);
        fwrite(text, 1, size + 1, file);
        fclose(file);
}

START_TEST(an_old_card_is_read_over_the_air_and_ended_over_contacts_alone)
{
        Desk *desk = story_open(2);
        const char *old = story_issue(desk, 0, "openpgp", DESK_T1, fixture_id("openpgp"), OLD_SERIAL);
        char *job;

        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        show_over_the_air(desk, old);
        desk_insert(desk, 0, old);
        story_wait_reader(desk, 0, "ready");
        story_expect_card(desk, 0, "openpgp", fixture_id("openpgp"));

        story_request(desk, "openpgp", fixture_id("openpgp"));
        desk_insert(desk, 1, story_blank(desk, "openpgp", DESK_T1, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        job = mill_begin_reissue(desk);
        story_wait_error(desk, job, "DiscardFailed");
        expect_contacts_wanted(desk, job, "ErrorMessage");
        story_expect_card(desk, 0, "openpgp", fixture_id("openpgp"));
        story_expect_card(desk, 1, "openpgp", fixture_id("openpgp"));
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_profile_that_does_not_say_so_is_stopped_by_the_card_before_anything_is_written)
{
        Desk *desk = story_open(1);
        char *job;

        story_change_profile(desk, "piv", ", contactless: false", NULL, "");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        story_enrol(desk, "piv", fixture_id("piv"));
        desk_insert(desk, 0, story_blank(desk, "piv", DESK_AIR, NEW_SERIAL));
        job = story_start_issue(desk, "piv", fixture_id("piv"), 0);
        story_wait_error(desk, job, "WriteFailed");
        story_expect_state(desk, job, "waiting-for-blank|done|failed|cancelled", "waiting-for-blank");
        story_expect_record(desk, "piv", fixture_id("piv"), "unissued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        int failed = story_run_loop("contactless",
                                    a_blank_in_a_contactless_reader_is_refused_by_name_and_untouched,
                                    ELEMENTS(types), 60);
        const TTest *const tests[] = {
                an_old_card_is_read_over_the_air_and_ended_over_contacts_alone,
                a_profile_that_does_not_say_so_is_stopped_by_the_card_before_anything_is_written,
        };

        return story_run("contactless-more", tests, ELEMENTS(tests), 60) != 0 || failed != 0;
}
