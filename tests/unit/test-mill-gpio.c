/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gpio helper of a card mill, as the program that it is: its lines alone are a test's (tests/desk/mill-lines.c). And the
 * installed one, where it meets no GPIO chip. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mill/protocol.h"
#include "tests/desk/machine.h"

static char folder[] = "/tmp/icreissue-mill-XXXXXX";
static char chip[sizeof(folder) + sizeof("--chip=/machine")];
static Machine machine;

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(chip, sizeof(chip), "--chip=%s/machine", folder);
        machine_open(&machine, chip + sizeof("--chip=") - 1);
}

static void teardown(void) {
        machine_close(&machine);
        unlink(chip + sizeof("--chip=") - 1);
        rmdir(folder);
}

static pid_t begin(const char *program, const char *const *arguments) {
        const char *build = getenv("ICREISSUE_BUILD");
        const char *all[16] = { program };
        char path[4096];
        pid_t process;

        ck_assert_ptr_nonnull(build);
        snprintf(path, sizeof(path), "%s/%s", build, program);
        for (size_t i = 0; arguments[i]; i++)
                all[i + 1] = arguments[i];
        process = fork();
        if (process == 0) {
                execv(path, (char *const *) all);
                _exit(127);
        }

        return process;
}

static int end(pid_t process) {
        int status;

        ck_assert_int_eq(waitpid(process, &status, 0), process);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static pid_t begin_mill(const char *timeout) {
        const char *const arguments[] = { chip,          "--start=1",    "--done=2", "--jam=3",
                                          "--pulse=100", "--active=low", timeout,    NULL };

        return begin("mill-desk", arguments);
}

static double seconds(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

START_TEST(a_pulse_starts_the_mill_and_its_word_ends_it)
{
        double started = seconds();
        pid_t process = begin_mill("--time-out=20");

        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        machine_expect_start(&machine, false);
        ck_assert_double_ge(seconds() - started, 0.1);
        machine_say_done(&machine);
        ck_assert_int_eq(end(process), MILL_DESTROYED);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(a_mill_that_is_done_within_the_pulse_gets_the_whole_of_it)
{
        double started = seconds();
        pid_t process = begin_mill("--time-out=20");

        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        machine_say_done(&machine);
        ck_assert_int_eq(end(process), MILL_DESTROYED);
        ck_assert_double_ge(seconds() - started, 0.1);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(what_the_mill_said_before_it_was_started_does_not_count)
{
        pid_t process = begin_mill("--time-out=1");

        machine_accept_bouncing(&machine);
        machine_expect_start(&machine, true);
        ck_assert_int_eq(end(process), MILL_SILENT);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(a_jam_is_told)
{
        pid_t process = begin_mill("--time-out=20");

        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        machine_say_jammed(&machine);
        ck_assert_int_eq(end(process), MILL_JAMMED);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(a_jam_after_its_word_counts_more)
{
        const char *const arguments[] = { chip,           "--start=1",    "--done=2",      "--jam=3",
                                          "--pulse=9000", "--active=low", "--time-out=20", NULL };
        pid_t process = begin("mill-desk", arguments);

        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        machine_say_done(&machine);
        machine_say_jammed(&machine);
        ck_assert_int_eq(end(process), MILL_JAMMED);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(a_mill_that_says_nothing_has_not_destroyed_the_card)
{
        pid_t process = begin_mill("--time-out=1");

        machine_accept(&machine, true, false, false);
        ck_assert_int_eq(end(process), MILL_SILENT);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(a_mill_that_is_done_or_jammed_before_is_not_started)
{
        pid_t process = begin_mill("--time-out=20");

        machine_accept(&machine, true, true, false);
        ck_assert_int_eq(end(process), MILL_NOT_READY);
        machine_expect_end(&machine);
        process = begin_mill("--time-out=20");
        machine_accept(&machine, true, false, true);
        ck_assert_int_eq(end(process), MILL_JAMMED);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(told_to_stop_it_stops_the_mill)
{
        pid_t process = begin_mill("--time-out=20");

        machine_accept(&machine, true, false, false);
        machine_expect_start(&machine, true);
        kill(process, SIGTERM);
        ck_assert_int_eq(end(process), MILL_FAILED);
        machine_expect_end(&machine);
}
END_TEST

START_TEST(a_jam_line_is_not_needed)
{
        const char *const arguments[] = { chip, "--start=1", "--done=2", "--pulse=1", "--time-out=20", NULL };
        pid_t process = begin("mill-desk", arguments);

        machine_accept(&machine, false, false, false);
        machine_expect_start(&machine, true);
        machine_say_done(&machine);
        ck_assert_int_eq(end(process), MILL_DESTROYED);
}
END_TEST

START_TEST(options_that_cannot_be_begin_nothing)
{
        const char *const wrong[][7] = {
                { "--chip=x", "--start=1", "--done=2" },                                 /* no time-out */
                { "--chip=x", "--start=1", "--time-out=5" },                             /* no done */
                { "--start=1", "--done=2", "--time-out=5" },                             /* no chip */
                { "--chip=x", "--start=1", "--done=1", "--time-out=5" },                 /* one line twice */
                { "--chip=x", "--start=1", "--done=2", "--jam=2", "--time-out=5" },      /* likewise */
                { "--chip=x", "--start=-1", "--done=2", "--time-out=5" },                /* no number */
                { "--chip=x", "--start=1", "--done=2", "--active=up", "--time-out=5" },  /* no level */
                { "--chip=x", "--start=1", "--done=2", "--bias=none", "--time-out=5" },  /* no bias */
                { "--chip=x", "--start=1", "--done=2", "--pulse=1000", "--time-out=1" }, /* longer than all */
                { "--chip=x", "--start=1", "--done=2", "--speed=9", "--time-out=5" },    /* unknown */
                { "--chip=x", "--start=1", "--done=2", "--time-out=5", "more" },         /* a word */
                { "--chip=", "--start=1", "--done=2", "--time-out=5" },                  /* an empty chip */
        };

        ck_assert_int_eq(end(begin("icreissue/mill/gpio", wrong[_i])), MILL_OPTIONS);
}
END_TEST

START_TEST(what_is_no_gpio_chip_is_told)
{
        const char *const arguments[] = { "--chip=/dev/null", "--start=1", "--done=2", "--time-out=5", NULL };

        ck_assert_int_eq(end(begin("icreissue/mill/gpio", arguments)), MILL_UNREACHABLE);
}
END_TEST

START_TEST(by_hand_is_what_the_manual_mill_says)
{
        ck_assert_int_eq(end(begin("icreissue/mill/manual", (const char *const[]){ "--time-out=60", NULL })),
                         MILL_BY_HAND);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("mill-gpio");
        TCase *tcase = tcase_create("mill-gpio");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, a_pulse_starts_the_mill_and_its_word_ends_it);
        tcase_add_test(tcase, a_mill_that_is_done_within_the_pulse_gets_the_whole_of_it);
        tcase_add_test(tcase, what_the_mill_said_before_it_was_started_does_not_count);
        tcase_add_test(tcase, a_jam_is_told);
        tcase_add_test(tcase, a_jam_after_its_word_counts_more);
        tcase_add_test(tcase, a_mill_that_says_nothing_has_not_destroyed_the_card);
        tcase_add_test(tcase, a_mill_that_is_done_or_jammed_before_is_not_started);
        tcase_add_test(tcase, told_to_stop_it_stops_the_mill);
        tcase_add_test(tcase, a_jam_line_is_not_needed);
        tcase_add_loop_test(tcase, options_that_cannot_be_begin_nothing, 0, 12);
        tcase_add_test(tcase, what_is_no_gpio_chip_is_told);
        tcase_add_test(tcase, by_hand_is_what_the_manual_mill_says);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
