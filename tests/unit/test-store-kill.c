/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kill -9 of a process that works on a store: at random moments, and at every call of its work in turn. What it has
 * told as acknowledged is there, what it had only begun is there in order and whole, or not at all. */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "power/site.h"
#include "tests/apart.h"

/* What the child tells its parent: before each change set, and after each commit. */
typedef struct Mark {
        uint64_t begun, acknowledged;
} Mark;

enum { ACTIONS = 60, FEW_ACTIONS = 24 };

static void tell(uint64_t begun, uint64_t acknowledged, void *userdata) {
        Mark mark = { begun, acknowledged };

        if (write(*(int *) userdata, &mark, sizeof(mark)) != sizeof(mark))
                _exit(3);
}

/* The child: works until it is killed, or is done with its actions. */
static void work(const Site *site, Load *load, unsigned actions, const PowerFault *fault, int pipe) {
        Store *store = NULL;

        load->mark = tell;
        load->userdata = &pipe;
        if (fault && !power_watch(site->directory, NULL))
                _exit(4);
        power_skip_syncs(true);
        power_fault(fault);
        if (store_open(site->directory, SITE_STORE, SITE_SEGMENT, &store, NULL) < 0)
                _exit(5);
        for (unsigned i = 0; i < actions; i++)
                if (load_act(load, store, NULL) < 0)
                        _exit(6);
        store_close(store);
        _exit(0);
}

typedef struct Worker {
        pid_t pid;
        int pipe;
        Mark mark; /* the last that it has told */
} Worker;

static Worker worker_start(const Site *site, Load *load, unsigned actions, const PowerFault *fault) {
        Worker worker = { .mark = { load->committed, load->committed } };
        int ends[2];

        ck_assert_int_eq(pipe(ends), 0);
        worker.pid = fork_apart();
        if (worker.pid == 0) {
                close(ends[0]);
                work(site, load, actions, fault, ends[1]);
        }

        close(ends[1]);
        worker.pipe = ends[0];
        return worker;
}

/* False at the end of the worker. */
static bool worker_listen(Worker *worker) {
        Mark mark;
        ssize_t n = read(worker->pipe, &mark, sizeof(mark));

        if (n != sizeof(mark))
                return false;

        worker->mark = mark;
        return true;
}

/* What it has told before its end is heard. Returns whether it was killed. */
static bool worker_end(const Site *site, Worker *worker) {
        int how;

        while (worker_listen(worker))
                ;
        close(worker->pipe);
        ck_assert_int_eq(waitpid(worker->pid, &how, 0), worker->pid);
        if (WIFEXITED(how) && WEXITSTATUS(how) != 0)
                site_fail(site, "the worker fails at step %d", WEXITSTATUS(how));
        return WIFSIGNALED(how);
}

/* The versions that the worker's load has come to. */
static void plan_up_to(Load *load, uint64_t version) {
        while (load->count <= version)
                ck_assert_int_eq(load_act(load, NULL, NULL), 0);
}

/* Checks the store, and goes on from what it holds. */
static void check_and_go_on(const Site *site, Load *load, const Worker *worker, uint64_t seed) {
        size_t version;
        Store *store;
        Load next;

        plan_up_to(load, worker->mark.begun);
        power_skip_syncs(true);
        store = site_open(site);
        site_check_open(site, load, store, worker->mark.acknowledged, worker->mark.begun, &version);
        next = load_from(load, version, seed);
        load_done(load);
        *load = next;
        site_go_on(site, load, store);
        store_close(store);
        power_skip_syncs(false);
}

/* After so many marks and microseconds. */
static void kill_after(Worker *worker, unsigned marks, unsigned microseconds) {
        for (unsigned i = 0; i < marks; i++)
                if (!worker_listen(worker))
                        return;

        usleep(microseconds);
        kill(worker->pid, SIGKILL);
}

/* Fewer where everything takes ten times as long: under ThreadSanitizer and valgrind. */
static unsigned rounds_of(unsigned daily, unsigned nightly) {
        const char *slow = getenv("CK_TIMEOUT_MULTIPLIER");

        return slow && atoi(slow) >= 10 ? daily / 10 : power_often(daily, nightly);
}

START_TEST(a_kill_at_any_moment_loses_nothing_that_was_acknowledged)
{
        uint64_t seed = power_seed(), random = seed;
        _cleanup_(site_done) Site site = site_new(seed);
        _cleanup_(load_done) Load load = load_new(seed);
        unsigned rounds = rounds_of(200, 5000), killed = 0;

        for (unsigned i = 0; i < rounds; i++) {
                Worker worker = worker_start(&site, &load, ACTIONS, NULL);

                snprintf(site.where, sizeof(site.where), "round %u", i);
                kill_after(&worker, (unsigned) (power_random(&random) % ACTIONS),
                           (unsigned) (power_random(&random) % 2000));
                killed += worker_end(&site, &worker);
                check_and_go_on(&site, &load, &worker, power_random(&random));
        }
        printf("%u of %u workers were killed\n", killed, rounds);
        ck_assert_uint_gt(killed, rounds / 3);
}
END_TEST

/* A new store each time; the worker kills itself. Returns whether it came so far. */
static bool kill_at_call(Site *site, uint64_t call) {
        _cleanup_(load_done) Load load = load_new(site->seed);
        PowerFault fault = { .kinds = POWER_KINDS_CHANGE, .first = call, .count = 1, .kill = true };
        Worker worker;
        bool killed;

        snprintf(site->where, sizeof(site->where), "killed at call %llu", (unsigned long long) call);
        load.bulk = 12;
        worker = worker_start(site, &load, FEW_ACTIONS, &fault);
        killed = worker_end(site, &worker);
        check_and_go_on(site, &load, &worker, site->seed);
        disk_clear(site->directory);
        return killed;
}

START_TEST(a_kill_at_each_call_loses_nothing_that_was_acknowledged)
{
        _cleanup_(site_done) Site site = site_new(power_seed());
        uint64_t random = site.seed, call = 1;
        unsigned runs = 0;

        /* Nightly at every call, by day at one in a few. */
        while (kill_at_call(&site, call)) {
                runs++;
                call += 1 + power_random(&random) % (800 / rounds_of(100, 800));
        }
        printf("%u runs, up to call %llu\n", runs, (unsigned long long) call);
        ck_assert_uint_gt(runs, 2);
}
END_TEST

/* Killed in the middle of its work, and then three times in the middle of its start. */
START_TEST(a_kill_while_it_starts_after_a_kill_loses_nothing)
{
        uint64_t seed = power_seed(), random = seed;
        unsigned rounds = rounds_of(40, 2000);

        for (unsigned i = 0; i < rounds; i++) {
                _cleanup_(site_done) Site site = site_new(seed + i);
                _cleanup_(load_done) Load load = load_new(seed + i);
                PowerFault fault = { .kinds = POWER_KINDS_CHANGE, .count = 1, .kill = true };
                Worker worker;
                Mark mark;

                fault.first = 1 + power_random(&random) % 300;
                snprintf(site.where, sizeof(site.where), "killed at call %llu, then while it started",
                         (unsigned long long) fault.first);
                worker = worker_start(&site, &load, ACTIONS, &fault);
                worker_end(&site, &worker);
                mark = worker.mark;
                plan_up_to(&load, mark.begun);
                for (unsigned again = 0; again < 3; again++) {
                        fault.first = 1 + power_random(&random) % 12;
                        worker = worker_start(&site, &load, 0, &fault);
                        worker_end(&site, &worker);
                }
                worker.mark = mark;
                check_and_go_on(&site, &load, &worker, seed);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("store-kill");
        TCase *kills = tcase_create("kill");
        SRunner *runner;
        int failed;

        tcase_set_timeout(kills, power_often(100, 3000));
        tcase_add_test(kills, a_kill_at_any_moment_loses_nothing_that_was_acknowledged);
        tcase_add_test(kills, a_kill_at_each_call_loses_nothing_that_was_acknowledged);
        tcase_add_test(kills, a_kill_while_it_starts_after_a_kill_loses_nothing);
        suite_add_tcase(suite, kills);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
