/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch reissues cards from the centre's issuance file, over a line that drops: R5 to R8 and R12, and what must hold
 * whenever the line, the branch or the centre goes away. */
#include "tests/bus/line.h"

#include <stdio.h>
#include <string.h>

#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static bool nightly(void) {
        return getenv("ICREISSUE_NIGHTLY") != NULL;
}

/* A branch with a worn card in slot 0, for which a reissue is requested. */
static Pair *open_with_request(void) {
        Pair *pair = pair_open(2, NULL, NULL);

        pair_issue(pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_request(pair->branch, STORY_V1, STORY_ID);
        return pair;
}

static void expect_reissued(Pair *pair, const char *job, uint32_t count) {
        story_wait_done(pair->branch, job);
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "issued", count);
        ck_assert(!story_in_use(pair->centre, STORY_V1, STORY_ID));
        ck_assert_uint_eq(story_history(pair->centre, STORY_V1, STORY_ID, "issued"), count);
        story_wait_reader(pair->branch, 1, "ready");
        story_expect_card(pair->branch, 1, STORY_V1, STORY_ID);
}

/* --- the requirements --- */

START_TEST(R5_R6_a_branch_transmits_the_id_and_writes_the_card_from_the_centres_data)
{
        Pair *pair = open_with_request();
        char *job;

        story_expect_card(pair->branch, 0, STORY_V1, STORY_ID);
        job = story_reissue(pair->branch, 0, 1);
        story_wait_state(pair->branch, job, "waiting-for-blank");
        /* R6: counted as the data was transmitted. */
        story_expect_record(pair->centre, STORY_V1, STORY_ID, "unissued", 2);
        ck_assert(story_in_use(pair->centre, STORY_V1, STORY_ID));
        desk_insert(pair->branch, 1, story_blank(pair->branch, STORY_V1, DESK_T1, NEW_SERIAL));
        expect_reissued(pair, job, 2);
        free(job);
        pair_close(pair);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                R5_R6_a_branch_transmits_the_id_and_writes_the_card_from_the_centres_data,
        };

        (void) nightly;
        return story_run("line", tests, sizeof(tests) / sizeof(tests[0]), 300);
}
