/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls that change libpcsclite's lists and calls that look up in them do not meet, and none waits for ever. */
#include "card/pcsc-order.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum {
        THREADS = 4,
        ROUNDS = 2000,
};

static atomic_int using, changing;
static atomic_bool met;

static void *use_and_change(void *userdata) {
        unsigned seed = (unsigned) (uintptr_t) userdata;

        for (int i = 0; i < ROUNDS; i++) {
                bool change = rand_r(&seed) % 4 == 0;

                if (change) {
                        pcsc_change_begin();
                        if (atomic_fetch_add(&changing, 1) > 0 || atomic_load(&using) > 0)
                                atomic_store(&met, true);
                        atomic_fetch_sub(&changing, 1);
                        pcsc_change_end();
                } else {
                        pcsc_use_begin();
                        atomic_fetch_add(&using, 1);
                        if (atomic_load(&changing) > 0)
                                atomic_store(&met, true);
                        atomic_fetch_sub(&using, 1);
                        pcsc_use_end();
                }
        }

        return NULL;
}

START_TEST(a_change_meets_neither_a_use_nor_another_change)
{
        pthread_t threads[THREADS];

        for (uintptr_t i = 0; i < THREADS; i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, use_and_change, (void *) (i + 1)), 0);
        for (unsigned i = 0; i < THREADS; i++)
                ck_assert_int_eq(pthread_join(threads[i], NULL), 0);

        ck_assert(!atomic_load(&met));
}
END_TEST

static void *change_and_use(void *userdata) {
        pcsc_change_begin();
        pcsc_use_begin(); /* as another reader does while a connection stands */
        pcsc_use_end();
        pcsc_change_end();
        return userdata;
}

START_TEST(a_call_that_stands_holds_nobody_up_for_ever)
{
        pthread_t thread;

        pcsc_use_begin(); /* as while another program's transaction lasts */
        ck_assert_int_eq(pthread_create(&thread, NULL, change_and_use, NULL), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        pcsc_use_end();
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("pcsc-order");
        Suite *suite = suite_create("pcsc-order");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, a_change_meets_neither_a_use_nor_another_change);
        tcase_add_test(tcase, a_call_that_stands_holds_nobody_up_for_ever);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
