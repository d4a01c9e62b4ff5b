/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stores' thread, over stores that only count: which tasks share a commit, in what order they are answered, and whom a
 * failed commit fails. */
#include "file-fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "file/store.h"

struct Store {
        unsigned changes;    /* since the last commit */
        atomic_uint commits; /* read while the thread goes on with the next group */
        bool fails;
};

int store_commit(Store *store, Failure *failure) {
        store->changes = 0;
        store->commits++;
        return store->fails ? failure_set(failure, FAILURE_STORE_FAILED, "The disk is gone.") : 0;
}

bool store_is_uncommitted(const Store *store) {
        return store->changes > 0;
}

/* What is told, in order. */
typedef struct Told {
        char text[2000];
        bool all;
} Told;

static void tell(Told *told, const char *text) {
        size_t length = strlen(told->text);

        snprintf(told->text + length, sizeof(told->text) - length, "%s ", text);
}

/* Holds the thread until as many tasks as are wanted wait. */
typedef struct Gate {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool entered, open;
} Gate;

typedef struct Task {
        const char *name;
        Told *told;
        Gate *gate; /* `run` waits for it */
        Store *store;
        StoreThread *posts; /* `run` posts there */
        StoreThread *again; /* `done` submits there once more */
        bool changes, alone, fails;
        bool last;
        Failure failure;
} Task;

static void on_post(void *userdata) {
        tell(((Task *) userdata)->told, "post");
}

static void run_task(void *userdata) {
        Task *task = userdata;

        if (task->gate) {
                pthread_mutex_lock(&task->gate->mutex);
                task->gate->entered = true;
                pthread_cond_broadcast(&task->gate->changed);
                while (!task->gate->open)
                        pthread_cond_wait(&task->gate->changed, &task->gate->mutex);
                pthread_mutex_unlock(&task->gate->mutex);
        }

        if (task->changes)
                task->store->changes++;
        if (task->fails)
                failure_set(&task->failure, FAILURE_NO_RECORD, "There is none.");
        if (task->posts)
                ck_assert_int_eq(store_thread_post(task->posts, on_post, task), 0);
}

static void task_done(void *userdata);

static void submit(StoreThread *thread, Task *task) {
        ck_assert_int_eq(store_thread_submit(thread, &(StoreTask){ .run = run_task,
                                                                   .done = task_done,
                                                                   .failure = &task->failure,
                                                                   .store = task->store,
                                                                   .userdata = task,
                                                                   .alone = task->alone }),
                         0);
}

static void task_done(void *userdata) {
        char text[100];
        Task *task = userdata;

        snprintf(text, sizeof(text), "%s:%s%u", task->name,
                 task->failure.kind == FAILURE_STORE_FAILED ? "lost"
                 : task->failure.kind != FAILURE_NONE       ? "failed"
                                                            : "ok",
                 task->store ? task->store->commits : 0);
        tell(task->told, text);
        task->told->all = task->last;
        failure_done(&task->failure);
        if (task->again)
                submit(TAKE_PTR(task->again), task);
}

/* The thread has taken its group, so what is submitted from here on is in the next. */
static void wait_until_entered(Gate *gate) {
        pthread_mutex_lock(&gate->mutex);
        while (!gate->entered)
                pthread_cond_wait(&gate->changed, &gate->mutex);
        pthread_mutex_unlock(&gate->mutex);
}

static void open_gate(Gate *gate) {
        pthread_mutex_lock(&gate->mutex);
        gate->open = true;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->mutex);
}

/* Runs tasks that all wait by the time that the first one is done, and gives what was told. */
static void run_together(Place *place, Told *told, Task *tasks, size_t count) {
        Gate gate = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
        Task first = { .name = "first", .told = told, .gate = &gate };

        submit(place->thread, &first);
        wait_until_entered(&gate);
        for (size_t i = 0; i < count; i++) {
                tasks[i].told = told;
                tasks[i].last = i == count - 1;
                submit(place->thread, &tasks[i]);
        }

        open_gate(&gate);
        run_until(place->event, &told->all);
}

START_TEST(all_tasks_that_wait_share_one_commit_and_are_answered_in_order)
{
        _cleanup_(place_done) Place place = place_new();
        Store store = {}, other = {};
        Told told = {};
        Task tasks[] = {
                { .name = "a", .store = &store, .changes = true },
                { .name = "b", .store = &store },
                { .name = "c", .store = &other, .changes = true },
                { .name = "d", .store = &store, .changes = true },
                { .name = "e" },
        };

        run_together(&place, &told, tasks, ELEMENTS(tasks));
        ck_assert_str_eq(told.text, "first:ok0 a:ok1 b:ok1 c:ok1 d:ok1 e:ok0 ");
}
END_TEST

START_TEST(without_a_change_there_is_no_commit)
{
        _cleanup_(place_done) Place place = place_new();
        Store store = {};
        Told told = {};
        Task tasks[] = { { .name = "a", .store = &store }, { .name = "b", .store = &store, .fails = true } };

        run_together(&place, &told, tasks, ELEMENTS(tasks));
        ck_assert_str_eq(told.text, "first:ok0 a:ok0 b:failed0 ");
}
END_TEST

START_TEST(a_failed_commit_fails_all_of_the_group_that_touched_the_store_and_no_others)
{
        _cleanup_(place_done) Place place = place_new();
        Store store = { .fails = true }, other = {};
        Told told = {};
        Task tasks[] = {
                { .name = "a", .store = &store, .changes = true },
                { .name = "b", .store = &store },
                { .name = "c", .store = &other, .changes = true },
                { .name = "d", .store = &store, .fails = true },
                { .name = "e" },
        };

        run_together(&place, &told, tasks, ELEMENTS(tasks));
        ck_assert_str_eq(told.text, "first:ok0 a:lost1 b:lost1 c:ok1 d:failed1 e:ok0 ");
}
END_TEST

START_TEST(a_task_that_is_to_be_alone_is_a_group_of_its_own)
{
        _cleanup_(place_done) Place place = place_new();
        Store stores[5] = { { .fails = true } };
        Told told = {};
        Task tasks[] = {
                { .name = "a", .store = &stores[0], .changes = true },
                { .name = "b", .store = &stores[0], .changes = true },
                { .name = "c", .store = &stores[1], .changes = true, .alone = true },
                { .name = "d", .store = &stores[1], .changes = true, .alone = true },
                { .name = "e", .store = &stores[2], .changes = true },
                { .name = "f", .store = &stores[2], .changes = true },
        };

        run_together(&place, &told, tasks, ELEMENTS(tasks));
        ck_assert_uint_eq(stores[0].commits, 1);
        ck_assert_uint_eq(stores[1].commits, 2);
        ck_assert_uint_eq(stores[2].commits, 1);
        ck_assert_ptr_nonnull(strstr(told.text, "a:lost1 b:lost1 c:ok"));
}
END_TEST

START_TEST(a_group_is_bounded)
{
        _cleanup_(place_done) Place place = place_new();
        static Task tasks[1000];
        Store store = {};
        Told told = {};

        for (size_t i = 0; i < ELEMENTS(tasks); i++)
                tasks[i] = (Task){ .name = "x", .store = &store, .changes = true };
        run_together(&place, &told, tasks, ELEMENTS(tasks));
        ck_assert_uint_ge(store.commits, 4);
        ck_assert_uint_le(store.commits, 5);
}
END_TEST

START_TEST(posts_come_before_the_answer)
{
        _cleanup_(place_done) Place place = place_new();
        Told told = {};
        Task tasks[] = { { .name = "a", .posts = place.thread }, { .name = "b", .posts = place.thread } };

        run_together(&place, &told, tasks, ELEMENTS(tasks));
        ck_assert_ptr_nonnull(strstr(told.text, "post post "));
        ck_assert_ptr_nonnull(strstr(strstr(told.text, "post post "), "a:ok0 b:ok0 "));
}
END_TEST

START_TEST(at_the_end_everything_is_done_also_what_answers_submit)
{
        Place place = place_new();
        Store store = {};
        Told told = {};
        Task task = { .name = "a", .told = &told, .store = &store, .changes = true, .again = place.thread },
             other = { .name = "b", .told = &told };

        submit(place.thread, &task);
        submit(place.thread, &other);
        ck_assert_str_eq(told.text, "");
        place_done(&place);
        ck_assert_ptr_nonnull(strstr(told.text, "a:ok1 b:ok0 "));
        ck_assert_ptr_nonnull(strstr(told.text, "b:ok0 a:ok2 "));
}
END_TEST

START_TEST(a_thread_without_a_task_ends)
{
        Place place = place_new();

        place_done(&place);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("store-thread");
        TCase *tests = tcase_create("store-thread");

        tcase_set_timeout(tests, 30);
        tcase_add_test(tests, all_tasks_that_wait_share_one_commit_and_are_answered_in_order);
        tcase_add_test(tests, without_a_change_there_is_no_commit);
        tcase_add_test(tests, a_failed_commit_fails_all_of_the_group_that_touched_the_store_and_no_others);
        tcase_add_test(tests, a_task_that_is_to_be_alone_is_a_group_of_its_own);
        tcase_add_test(tests, a_group_is_bounded);
        tcase_add_test(tests, posts_come_before_the_answer);
        tcase_add_test(tests, at_the_end_everything_is_done_also_what_answers_submit);
        tcase_add_test(tests, a_thread_without_a_task_ends);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
