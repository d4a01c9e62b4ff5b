/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tests of a family (family.h). */
#include "tests/bus/family.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/card-fixture.h"

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static const FamilyStory *stories; /* family_run()'s, for the tests, which Check calls with a number */

static void swap(Desk *desk, unsigned slot, const char *card) {
        desk_remove(desk, slot);
        desk_wait_card(desk, slot, false);
        desk_insert(desk, slot, card);
}

static const char *blank(Desk *desk, const FamilyStory *story, const char *serial) {
        return story_blank(desk, story->type, story->manner, serial);
}

/* An issued card in slot 0 whose reissue is requested. */
static Desk *open_with_request(const FamilyStory *story) {
        Desk *desk = story_open(2);

        story_issue(desk, 0, story->type, story->manner, fixture_id(story->type), OLD_SERIAL);
        story_request(desk, story->type, fixture_id(story->type));
        return desk;
}

static void expect_reissued(Desk *desk, const FamilyStory *story, const char *job, uint32_t count) {
        story_wait_done(desk, job);
        story_wait_reader(desk, 1, "ready");
        story_expect_card(desk, 1, story->type, fixture_id(story->type));
        story_expect_record(desk, story->type, fixture_id(story->type), "issued", count);
}

START_TEST(a_card_is_reissued)
{
        const FamilyStory *story = &stories[_i];
        Desk *desk = open_with_request(story);
        char *job;

        story_expect_card(desk, 0, story->type, fixture_id(story->type));
        desk_insert(desk, 1, blank(desk, story, NEW_SERIAL));
        job = story_reissue(desk, 0, 1);
        expect_reissued(desk, story, job, 2);
        ck_assert_uint_ge(story_describe_count(desk, job, "report"), 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_is_not_blank_is_refused_by_name)
{
        const FamilyStory *story = &stories[_i];
        Desk *desk = open_with_request(story);
        const char *issued = blank(desk, story, "D4D4D4D4D4D4D4D4");
        char *job;

        desk_insert(desk, 1, issued);
        job = story_reissue(desk, 0, 1);
        expect_reissued(desk, story, job, 2);
        free(job);

        desk_remove(desk, 1);
        story_wait_reader(desk, 1, "empty");
        story_request(desk, story->type, fixture_id(story->type));
        job = story_reissue(desk, 0, 1);
        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, issued);
        story_wait_error(desk, job, "NotBlank");
        swap(desk, 1, blank(desk, story, NEW_SERIAL));
        expect_reissued(desk, story, job, 3);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_blank_of_another_type_is_refused_by_name)
{
        const FamilyStory *story = &stories[_i];
        Desk *desk = open_with_request(story);
        char *job = story_reissue(desk, 0, 1);

        story_wait_state(desk, job, "waiting-for-blank");
        desk_insert(desk, 1, story_blank(desk, STORY_V1, DESK_T1, "D4D4D4D4D4D4D4D4"));
        story_wait_error(desk, job, "CardTypeMismatch");
        swap(desk, 1, blank(desk, story, NEW_SERIAL));
        expect_reissued(desk, story, job, 2);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_is_pulled_is_finished_when_it_comes_back)
{
        const FamilyStory *story = &stories[_i];
        Desk *desk = story_open(2);
        uint32_t count = 1;

        story_issue(desk, 0, story->type, story->manner, fixture_id(story->type), OLD_SERIAL);
        for (size_t i = 0; i < FAMILY_PULLS_MAX && story->pulls[i] > 0; i++) {
                const char *card;
                char serial[17], *job;

                snprintf(serial, sizeof(serial), "%016X", story->pulls[i]);
                card = blank(desk, story, serial);
                story_request(desk, story->type, fixture_id(story->type));
                desk_insert(desk, 1, card);
                story_wait_reader(desk, 1, "blank");
                desk_remove_at(desk, 1, story->pulls[i], i % 2 ? DESK_BEFORE : DESK_AFTER);
                job = story_reissue(desk, 0, 1);
                desk_wait_removed(desk, 1);
                story_wait_error(desk, job, "CardGone");
                desk_wait_card(desk, 1, false);
                desk_insert(desk, 1, card);
                expect_reissued(desk, story, job, ++count);
                ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
                desk_remove(desk, 1);
                story_wait_reader(desk, 1, "empty");
                desk_extend(desk, 60);
                free(job);
        }

        ck_assert_uint_gt(count, 1);
        desk_close(desk);
}
END_TEST

START_TEST(a_wrong_key_ends_the_job_and_spoils_no_card)
{
        const FamilyStory *story = &stories[_i];
        Desk *desk;
        char *job;

        if (!story->wrong_keys) /* a blank of this family is shown no key of the ring */
                return;

        desk = story_open_closed(1);
        desk_write(desk, "config/key-ring.yaml", story->wrong_keys);
        ck_assert_int_eq(chmod(desk_path(desk, "config/key-ring.yaml"), 0600), 0);
        story_start(desk, 1);
        story_enrol(desk, story->type, fixture_id(story->type));
        desk_insert(desk, 0, blank(desk, story, NEW_SERIAL));
        job = story_start_issue(desk, story->type, fixture_id(story->type), 0);
        story_expect_state(desk, job, "failed|done|cancelled", "failed");
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 0);
        story_expect_record(desk, story->type, fixture_id(story->type), "unissued", 0);
        story_wait_reader(desk, 0, "blank");

        /* with the right key the same blank is good */
        free(job);
        story_write_transport_code(desk, "3132333435363738");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_insert(desk, 0, blank(desk, story, OLD_SERIAL));
        job = story_start_issue(desk, story->type, fixture_id(story->type), 0);
        story_wait_done(desk, job);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_bit_that_is_stored_wrong_is_found_and_the_flag_stays)
{
        const FamilyStory *story = &stories[_i];
        Desk *desk = open_with_request(story);
        char *job;

        desk_insert(desk, 1, blank(desk, story, NEW_SERIAL));
        story_wait_reader(desk, 1, "blank");
        desk_flip(desk, 1, story->flip, story->flip_offset);
        job = story_reissue(desk, 0, 1);
        story_wait_error(desk, job, "VerifyFailed");
        story_wait_state(desk, job, "waiting-for-blank");
        ck_assert_uint_eq(story_describe_count(desk, job, "spoiled"), 1);
        free(desk_slot_command(desk, 1, "flip off"));
        swap(desk, 1, blank(desk, story, "C3C3C3C3C3C3C3C3"));
        expect_reissued(desk, story, job, 2);
        free(job);
        desk_close(desk);
}
END_TEST

int family_run(const char *name, const FamilyStory *rows, size_t count) {
        const TTest *const tests[] = {
                a_card_is_reissued,
                a_card_that_is_not_blank_is_refused_by_name,
                a_blank_of_another_type_is_refused_by_name,
                a_card_that_is_pulled_is_finished_when_it_comes_back,
                a_wrong_key_ends_the_job_and_spoils_no_card,
                a_bit_that_is_stored_wrong_is_found_and_the_flag_stays,
        };
        Suite *suite = suite_create(name);
        TCase *tcase = tcase_create(name);
        SRunner *runner = srunner_create(suite);
        int failed;

        stories = rows;
        tcase_set_timeout(tcase, 300);
        for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
                tcase_add_loop_test(tcase, tests[i], 0, (int) count);

        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
