/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that fails or is full, at every call of a store's work in turn: an action that is struck fails by name, and
 * nothing of it is there; reading goes on; when the fault has ended the store goes on by itself, and what was
 * acknowledged is there, also after a restart. */
#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "power/site.h"

enum { ACTIONS = 24 };

/* GDBM 1.23 does not release a block of memory where making a new file fails; asked by AddressSanitizer. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:gdbm_fd_open\n";
}

/* By its name, with a sentence. */
static void expect_failure(const Site *site, const Failure *failure) {
        if (failure->kind != FAILURE_STORE_FAILED)
                site_fail(site, "the failure is %s: %s", failure_name(failure->kind),
                          failure_message(failure));
        if (!failure->message || strlen(failure->message) < 30)
                site_fail(site, "the failure says only: %s", failure_message(failure));
}

static void expect_current(const Site *site, Load *load, Store *store, const char *when) {
        size_t version;

        if (!load_check(load, store, load->current, load->current, &version))
                site_fail(site, "%s: %s", when, load->wrong);
}

static void act(const Site *site, Load *load, Store *store) {
        _cleanup_failure_ Failure failure = {};

        if (load_act(load, store, &failure) >= 0)
                return;

        expect_failure(site, &failure);
        expect_current(site, load, store, "after a failure");
}

/* Opens under a fault; where that fails, once more without it. */
static Store *open_somehow(const Site *site, bool *struck) {
        _cleanup_failure_ Failure failure = {};
        Store *store = NULL;

        if (store_open(site->directory, SITE_STORE, SITE_SEGMENT, &store, &failure) >= 0)
                return store;

        expect_failure(site, &failure);
        *struck = power_fault(NULL) > 0;
        return site_open(site);
}

static void expect_after_restart(const Site *site, Load *load, Store *store) {
        size_t version;

        store_close(store);
        store = site_open(site);
        if (!load_check(load, store, load->committed, load->committed, &version))
                site_fail(site, "after a restart: %s", load->wrong);
        store_close(store);
}

/* The whole work under one fault, which lasts for some actions where it strikes for ever. Returns whether it has
 * struck at all. */
static bool work_under_fault(const Site *site, const PowerFault *fault, unsigned lasts) {
        _cleanup_(load_done) Load load = load_new(site->seed);
        bool struck = false;
        Store *store;

        load.bulk = 12;
        ck_assert(power_watch(site->directory, NULL));
        power_fault(fault);
        store = open_somehow(site, &struck);
        for (unsigned i = 0; i < ACTIONS; i++) {
                if (power_calls() >= fault->first && lasts-- == 0)
                        break;
                act(site, &load, store);
        }

        struck |= power_fault(NULL) > 0;
        site_go_on(site, &load, store);
        expect_current(site, &load, store, "after the fault");
        expect_after_restart(site, &load, store);
        power_end();
        disk_clear(site->directory);
        return struck;
}

/* The fault at the first call, then at later ones, until it is later than the work has calls. */
static void work_under_each_fault(PowerFault fault, unsigned lasts, unsigned steps) {
        _cleanup_(site_done) Site site = site_new(power_seed());
        uint64_t random = site.seed;
        unsigned runs = 0;

        for (fault.first = 1;; fault.first += 1 + power_random(&random) % steps) {
                snprintf(site.where, sizeof(site.where), "error %d from call %llu on, %llu times",
                         fault.error, (unsigned long long) fault.first, (unsigned long long) fault.count);
                if (!work_under_fault(&site, &fault, lasts))
                        break;
                runs++;
        }

        printf("%u runs, up to call %llu\n", runs, (unsigned long long) fault.first);
        ck_assert_uint_gt(runs, 10);
}

START_TEST(an_input_output_error_at_any_call_undoes_only_what_it_strikes)
{
        work_under_each_fault((PowerFault){ .kinds = POWER_KINDS_CHANGE, .count = 1, .error = EIO }, ACTIONS,
                              power_often(9, 1));
}
END_TEST

START_TEST(a_sync_that_fails_is_not_trusted_again)
{
        work_under_each_fault((PowerFault){ .kinds = POWER_KINDS_SYNC, .count = 1, .error = EIO }, ACTIONS,
                              power_often(2, 1));
}
END_TEST

START_TEST(a_full_disk_refuses_changes_until_there_is_room)
{
        work_under_each_fault(
                (PowerFault){ .kinds = POWER_KINDS_SPACE, .count = UINT64_MAX, .error = ENOSPC }, 6,
                power_often(9, 1));
}
END_TEST

START_TEST(a_disk_that_is_full_for_a_moment_harms_nothing)
{
        work_under_each_fault((PowerFault){ .kinds = POWER_KINDS_SPACE, .count = 1, .error = ENOSPC },
                              ACTIONS, power_often(9, 1));
}
END_TEST

START_TEST(a_disk_that_breaks_refuses_changes_until_it_is_mended)
{
        work_under_each_fault((PowerFault){ .kinds = POWER_KINDS_CHANGE, .count = UINT64_MAX, .error = EIO },
                              6, power_often(9, 1));
}
END_TEST

START_TEST(a_write_that_does_only_a_part_harms_nothing)
{
        work_under_each_fault((PowerFault){ .kinds = POWER_KIND(POWER_WRITE), .count = 1 }, ACTIONS,
                              power_often(7, 1));
}
END_TEST

/* A commit fails, or what was struck was not a commit's, and the store is closed with nothing done after it. */
static void restart_after_failed_commit(const Site *site, const PowerFault *fault) {
        _cleanup_(load_done) Load load = load_new(site->seed);
        Store *store;
        int r = 0;

        load.bulk = 0;
        ck_assert(power_watch(site->directory, NULL));
        store = site_open(site);
        site_go_on(site, &load, store);
        power_fault(fault);
        for (unsigned i = 0; r >= 0 && i < 30; i++) {
                _cleanup_failure_ Failure failure = {};

                r = load_set(&load, store, &failure);
                ck_assert_int_ge(r, 0);
                r = load_commit(&load, store, &failure);
        }
        power_fault(NULL);
        expect_after_restart(site, &load, store);
        power_end();
        disk_clear(site->directory);
}

START_TEST(a_commit_that_failed_stays_undone_after_a_restart)
{
        _cleanup_(site_done) Site site = site_new(power_seed());
        PowerFault fault = { .kinds = POWER_KIND(POWER_SYNC), .count = 1, .error = EIO };

        for (fault.first = 1; fault.first < 20; fault.first++) {
                snprintf(site.where, sizeof(site.where), "sync %llu fails", (unsigned long long) fault.first);
                restart_after_failed_commit(&site, &fault);
        }
}
END_TEST

/* --- a store that is there already --- */

typedef struct Shelf {
        Site site;
        Load load;
        PowerRecord record;
        DiskImage image; /* the files, as a kill has left them: not checkpointed */
} Shelf;

static void shelf_image(Shelf *shelf) {
        _cleanup_(disk_freep) Disk *disk = disk_new(&shelf->record);
        Chooser chooser = chooser_corner(CHOOSER_CORNERS - 1);

        while (disk_step(disk))
                ;
        disk_image(disk, &chooser, &shelf->image);
}

static Shelf shelf_new(void) {
        Shelf shelf = { .site = site_new(power_seed()) };
        Store *store;

        shelf.load = load_new(shelf.site.seed);
        shelf.load.bulk = 0;
        ck_assert(power_watch(shelf.site.directory, &shelf.record));
        store = site_open(&shelf.site);
        for (unsigned i = 0; i < 60; i++)
                act(&shelf.site, &shelf.load, store);
        site_go_on(&shelf.site, &shelf.load, store);
        power_end();
        shelf_image(&shelf);
        power_skip_syncs(true);
        store_close(store);
        return shelf;
}

static void shelf_done(Shelf *shelf) {
        power_end();
        disk_image_done(&shelf->image);
        power_record_done(&shelf->record);
        load_done(&shelf->load);
        site_done(&shelf->site);
}

static void shelf_lay_out(Shelf *shelf) {
        disk_image_write(&shelf->image, shelf->site.directory);
        ck_assert(power_watch(shelf->site.directory, NULL));
}

/* Opens, reads, closes under the fault; and once more without it. Returns whether it has struck. */
static bool start_under_fault(Shelf *shelf, const PowerFault *fault) {
        _cleanup_failure_ Failure failure = {};
        size_t version;
        Store *store;
        bool struck;

        shelf_lay_out(shelf);
        power_fault(fault);
        store = NULL;
        if (store_open(shelf->site.directory, SITE_STORE, SITE_SEGMENT, &store, &failure) < 0)
                expect_failure(&shelf->site, &failure);
        struck = power_fault(NULL) > 0;
        if (!store)
                store = site_open(&shelf->site);
        site_check_open(&shelf->site, &shelf->load, store, shelf->load.committed, shelf->load.committed,
                        &version);
        store_close(store);

        store = site_open(&shelf->site);
        site_check_open(&shelf->site, &shelf->load, store, shelf->load.committed, shelf->load.committed,
                        &version);
        store_close(store);
        power_end();
        return struck;
}

static void start_under_each_fault(PowerFault fault, unsigned steps) {
        _cleanup_(shelf_done) Shelf shelf = shelf_new();
        uint64_t random = shelf.site.seed;
        unsigned runs = 0;

        for (fault.first = 1;; fault.first += 1 + power_random(&random) % steps) {
                snprintf(shelf.site.where, sizeof(shelf.site.where), "error %d at call %llu of the start",
                         fault.error, (unsigned long long) fault.first);
                if (!start_under_fault(&shelf, &fault))
                        break;
                runs++;
        }

        printf("%u runs, up to call %llu\n", runs, (unsigned long long) fault.first);
        ck_assert_uint_gt(runs, 5);
}

START_TEST(a_read_that_fails_while_it_starts_loses_nothing)
{
        start_under_each_fault((PowerFault){ .kinds = POWER_KINDS_READ, .count = 1, .error = EIO },
                               power_often(2, 1));
}
END_TEST

START_TEST(a_read_that_does_only_a_part_while_it_starts_loses_nothing)
{ start_under_each_fault((PowerFault){ .kinds = POWER_KIND(POWER_READ), .count = 1 }, power_often(2, 1)); }
END_TEST

START_TEST(a_write_or_sync_that_fails_while_it_starts_loses_nothing)
{
        start_under_each_fault((PowerFault){ .kinds = POWER_KINDS_CHANGE, .count = 1, .error = EIO },
                               power_often(2, 1));
        start_under_each_fault((PowerFault){ .kinds = POWER_KINDS_CHANGE, .count = UINT64_MAX, .error = EIO },
                               power_often(2, 1));
}
END_TEST

START_TEST(on_a_full_disk_a_store_starts_and_can_be_read)
{
        _cleanup_(shelf_done) Shelf shelf = shelf_new();
        _cleanup_failure_ Failure failure = {};
        size_t version;
        Store *store;
        int r;

        snprintf(shelf.site.where, sizeof(shelf.site.where), "on a full disk");
        shelf_lay_out(&shelf);
        power_fault(&(PowerFault){
                .kinds = POWER_KINDS_SPACE, .first = 1, .count = UINT64_MAX, .error = ENOSPC });
        store = site_open(&shelf.site);
        site_check_open(&shelf.site, &shelf.load, store, shelf.load.committed, shelf.load.committed,
                        &version);
        r = load_set(&shelf.load, store, &failure);
        if (r >= 0)
                r = load_commit(&shelf.load, store, &failure);
        ck_assert_int_lt(r, 0);
        expect_failure(&shelf.site, &failure);
        site_check_open(&shelf.site, &shelf.load, store, shelf.load.committed, shelf.load.committed,
                        &version);

        power_fault(NULL);
        site_go_on(&shelf.site, &shelf.load, store);
        expect_after_restart(&shelf.site, &shelf.load, store);
        power_end();
}
END_TEST

/* A file system that is mounted read-only: nothing can be changed, root or not. */
START_TEST(on_a_read_only_disk_nothing_is_changed)
{
        _cleanup_(shelf_done) Shelf shelf = shelf_new();
        _cleanup_failure_ Failure failure = {};
        size_t version;
        Store *store = NULL;

        snprintf(shelf.site.where, sizeof(shelf.site.where), "on a read-only disk");
        shelf_lay_out(&shelf);
        power_fault(&(PowerFault){ .kinds = POWER_KINDS_CHANGE & ~POWER_KINDS_SYNC,
                                   .first = 1,
                                   .count = UINT64_MAX,
                                   .error = EROFS });
        if (store_open(shelf.site.directory, SITE_STORE, SITE_SEGMENT, &store, &failure) < 0)
                expect_failure(&shelf.site, &failure);
        else {
                site_check_open(&shelf.site, &shelf.load, store, shelf.load.committed, shelf.load.committed,
                                &version);
                store_close(store);
        }

        ck_assert_pstr_eq(disk_image_differs(&shelf.image, shelf.site.directory), NULL);
        power_fault(NULL);
        store = site_open(&shelf.site);
        site_check_open(&shelf.site, &shelf.load, store, shelf.load.committed, shelf.load.committed,
                        &version);
        store_close(store);
        power_end();
}
END_TEST

/* In a process that is not root. */
static int start_in_a_foreign_directory(const Shelf *shelf) {
        Failure failure = {};
        Store *store = NULL;

        if (getuid() == 0 && setuid(65534) < 0)
                return 1;
        if (store_open(shelf->site.directory, SITE_STORE, SITE_SEGMENT, &store, &failure) >= 0)
                return 2;
        if (failure.kind != FAILURE_STORE_FAILED || !strstr(failure_message(&failure), shelf->site.directory))
                return 3;

        failure_done(&failure);
        return 0;
}

START_TEST(a_directory_that_is_not_ours_is_named)
{
        _cleanup_(shelf_done) Shelf shelf = shelf_new();
        pid_t child;
        int how;

        disk_image_write(&shelf.image, shelf.site.directory);
        ck_assert_int_eq(chmod(shelf.site.directory, 0555), 0);
        child = fork();
        if (child == 0)
                _exit(start_in_a_foreign_directory(&shelf));
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert_int_eq(chmod(shelf.site.directory, 0700), 0);
        ck_assert(WIFEXITED(how));
        ck_assert_int_eq(WEXITSTATUS(how), 0);
        ck_assert_pstr_eq(disk_image_differs(&shelf.image, shelf.site.directory), NULL);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("io-errors");
        TCase *work = tcase_create("work"), *start = tcase_create("start");
        SRunner *runner;
        int failed;

        tcase_set_timeout(work, power_often(60, 900));
        tcase_set_timeout(start, power_often(60, 900));
        tcase_add_test(work, an_input_output_error_at_any_call_undoes_only_what_it_strikes);
        tcase_add_test(work, a_sync_that_fails_is_not_trusted_again);
        tcase_add_test(work, a_full_disk_refuses_changes_until_there_is_room);
        tcase_add_test(work, a_disk_that_is_full_for_a_moment_harms_nothing);
        tcase_add_test(work, a_disk_that_breaks_refuses_changes_until_it_is_mended);
        tcase_add_test(work, a_write_that_does_only_a_part_harms_nothing);
        tcase_add_test(work, a_commit_that_failed_stays_undone_after_a_restart);
        tcase_add_test(start, a_read_that_fails_while_it_starts_loses_nothing);
        tcase_add_test(start, a_read_that_does_only_a_part_while_it_starts_loses_nothing);
        tcase_add_test(start, a_write_or_sync_that_fails_while_it_starts_loses_nothing);
        tcase_add_test(start, on_a_full_disk_a_store_starts_and_can_be_read);
        tcase_add_test(start, on_a_read_only_disk_nothing_is_changed);
        tcase_add_test(start, a_directory_that_is_not_ours_is_named);
        suite_add_tcase(suite, work);
        suite_add_tcase(suite, start);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
