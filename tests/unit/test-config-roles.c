/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissue.yaml as it is read: roles, what belongs to which, and the branches of a centre. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/config.h"

static char directory[] = "/tmp/test-config-XXXXXX";
static char path[64];

static void set_up(void) {
        strcpy(directory, "/tmp/test-config-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/icreissue.yaml", directory);
}

static void tear_down(void) {
        unlink(path);
        rmdir(directory);
}

static void write_file(const char *text) {
        FILE *file = fopen(path, "we");

        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

static Config *load(const char *text) {
        _cleanup_failure_ Failure failure = {};
        Config *config = NULL;

        write_file(text);
        ck_assert_msg(config_load(directory, &config, &failure) >= 0, "%s", failure_message(&failure));
        return config;
}

static void expect_mistake(const char *text, const char *part) {
        _cleanup_failure_ Failure failure = {};
        Config *config = NULL;

        write_file(text);
        ck_assert_int_lt(config_load(directory, &config, &failure), 0);
        ck_assert_ptr_null(config);
        ck_assert_msg(strstr(failure_message(&failure), part), "\"%s\" does not say \"%s\"",
                      failure_message(&failure), part);
}

START_TEST(without_a_role_a_station_stands_alone)
{
        _cleanup_(config_freep) Config *config = load("station: desk-1\n");

        ck_assert_int_eq(config->role, ROLE_STANDALONE);
        ck_assert_str_eq(role_name(config->role), "standalone");
        ck_assert_uint_eq(config->branch_count, 0);
        ck_assert_str_eq(config->station, "desk-1");
}
END_TEST

START_TEST(a_centre_lists_its_branches)
{
        _cleanup_(config_freep) Config *config = load("role: centre\n"
                                                      "branches:\n"
                                                      "  - {name: harbour, account: icreissue-harbour, "
                                                      "types: [staff-v1, staff-v2], cards-per-day: 50}\n"
                                                      "  - {name: airport, account: \"1001\"}\n");

        ck_assert_int_eq(config->role, ROLE_CENTRE);
        ck_assert_uint_eq(config->branch_count, 2);
        ck_assert_str_eq(config->branches[0].name, "harbour");
        ck_assert_str_eq(config->branches[0].account, "icreissue-harbour");
        ck_assert_str_eq(config->branches[0].types[1], "staff-v2");
        ck_assert_ptr_null(config->branches[0].types[2]);
        ck_assert_uint_eq(config->branches[0].cards_per_day, 50);
        ck_assert_ptr_null(config->branches[1].types);
        ck_assert_uint_eq(config->branches[1].cards_per_day, 0);
}
END_TEST

START_TEST(a_branch_knows_its_centre_by_name)
{
        _cleanup_(config_freep) Config *config =
                load("role: branch\ncentre: the head office\nline-timeout: 5\nline-idle: 10\n");

        ck_assert_int_eq(config->role, ROLE_BRANCH);
        ck_assert_str_eq(config->centre, "the head office");
        ck_assert_uint_eq(config->line_timeout, 5);
        ck_assert_uint_eq(config->line_idle, 10);
}
END_TEST

START_TEST(mistakes_are_told_with_their_place)
{
        expect_mistake("role: center\n", ":1:7: ");
        expect_mistake("branches: []\n", "belongs to role: centre");
        expect_mistake("role: centre\ncentre: x\n", "belongs to role: branch");
        expect_mistake("role: branch\nline-timeout: 0\n", ":2:15: ");
        expect_mistake("role: centre\nbranches: {}\n", "a list of branches");
        expect_mistake("role: centre\nbranches:\n  - {name: a}\n", "account:");
        expect_mistake("role: centre\nbranches:\n  - {name: a, account: x, key: y}\n", "key");
        expect_mistake("role: centre\nbranches:\n  - {name: a, account: x}\n  - {name: a, account: y}\n",
                       ":4:12: ");
        expect_mistake("role: centre\nbranches:\n  - {name: a, account: x}\n  - {name: b, account: x}\n",
                       "an account that no other branch has");
        expect_mistake("role: centre\nbranches:\n  - {name: a, account: x, cards-per-day: 0}\n",
                       "cards-per-day");
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("config-roles");
        Suite *suite = suite_create("config-roles");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, without_a_role_a_station_stands_alone);
        tcase_add_test(tcase, a_centre_lists_its_branches);
        tcase_add_test(tcase, a_branch_knows_its_centre_by_name);
        tcase_add_test(tcase, mistakes_are_told_with_their_place);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
