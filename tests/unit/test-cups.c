/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CUPS's library has everything that is asked of it, and is not in the process before. What is printed with it:
 * tests/bus/test-print. */
#include <check.h>
#include <stdio.h>

#include "station/cups.h"

static bool is_loaded(void) {
        FILE *maps = fopen("/proc/self/maps", "re");
        bool loaded = false;
        char line[4096];

        ck_assert_ptr_nonnull(maps);
        while (fgets(line, sizeof(line), maps))
                loaded = loaded || strstr(line, "/libcups.so");

        fclose(maps);
        return loaded;
}

START_TEST(the_library_is_loaded_when_it_is_asked_for_and_has_everything)
{
        _cleanup_failure_ Failure failure = {};
        Cups cups, again;

        ck_assert(!is_loaded());
        if (cups_load(&cups, &failure) < 0)
                ck_abort_msg("%s", failure_message(&failure));

        ck_assert(is_loaded());
        ck_assert_ptr_nonnull(cups.cupsServer());
        ck_assert_int_eq(cups_load(&again, &failure), 0);
        ck_assert_mem_eq(&again, &cups, sizeof(cups));
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("cups");
        Suite *suite = suite_create("cups");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, the_library_is_loaded_when_it_is_asked_for_and_has_everything);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
