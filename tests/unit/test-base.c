/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The helpers that everything uses: byte strings, failures, workers, the log. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/worker.h"

START_TEST(bytes_grow_and_keep_what_they_hold)
{
        _cleanup_bytes_ Bytes bytes = {}, other = {};

        for (unsigned i = 0; i < 1000; i++)
                ck_assert_int_eq(bytes_append_byte(&bytes, (uint8_t) i), 0);
        ck_assert_int_eq(bytes_append_fill(&bytes, 0xFF, 24), 0);
        ck_assert_uint_eq(bytes.size, 1024);
        for (unsigned i = 0; i < 1000; i++)
                ck_assert_uint_eq(bytes.data[i], (uint8_t) i);

        ck_assert_int_eq(bytes_assign(&other, SPAN("abc", 3)), 0);
        bytes_move(&bytes, &other);
        ck_assert_uint_eq(other.size, 0);
        ck_assert(span_equal(bytes_span(&bytes), span_of_string("abc")));
}
END_TEST

START_TEST(bytes_that_are_cleared_are_erased)
{
        _cleanup_bytes_ Bytes bytes = {};

        ck_assert_int_eq(bytes_append(&bytes, span_of_string("secret")), 0);
        bytes_clear(&bytes);
        ck_assert_uint_eq(bytes.size, 0);
        for (size_t i = 0; i < 6; i++)
                ck_assert_uint_eq(bytes.data[i], 0);
}
END_TEST

START_TEST(bytes_too_large_for_memory_are_refused_and_unchanged)
{
        _cleanup_bytes_ Bytes bytes = {};

        ck_assert_int_eq(bytes_append_byte(&bytes, 1), 0);
        ck_assert_int_eq(bytes_append_fill(&bytes, 0, SIZE_MAX), -ENOMEM);
        ck_assert_uint_eq(bytes.size, 1);
}
END_TEST

START_TEST(a_part_of_a_span_never_leaves_it)
{
        Span span = span_of_string("abcdef");

        ck_assert(span_equal(span_part(span, 2, 3), span_of_string("cde")));
        ck_assert(span_equal(span_part(span, 4, SIZE_MAX), span_of_string("ef")));
        ck_assert_uint_eq(span_part(span, 6, 1).size, 0);
        ck_assert_uint_eq(span_part(span, SIZE_MAX, SIZE_MAX).size, 0);
        ck_assert(span_equal_secret(span, span_of_string("abcdef")));
        ck_assert(!span_equal_secret(span, span_of_string("abcdeF")));
        ck_assert(!span_equal_secret(span, span_of_string("abcde")));
}
END_TEST

START_TEST(hexadecimal_goes_both_ways)
{
        _cleanup_free_ char *text = hex_encode(SPAN("\x00\xAB\xff", 3));
        _cleanup_bytes_ Bytes bytes = {};

        ck_assert_str_eq(text, "00ABFF");
        ck_assert_int_eq(hex_decode("00 ab fF", &bytes), 0);
        ck_assert(span_equal(bytes_span(&bytes), SPAN("\x00\xAB\xff", 3)));
        ck_assert_int_eq(hex_decode("0", &bytes), -EINVAL);
        ck_assert_int_eq(hex_decode("0 0", &bytes), -EINVAL);
        ck_assert_int_eq(hex_decode("0x", &bytes), -EINVAL);
        ck_assert_uint_eq(bytes.size, 3);
}
END_TEST

START_TEST(the_first_failure_stays)
{
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_eq(failure_set(&failure, FAILURE_NO_CARD, "Put a card into %s.", "desk"), -ENOMEDIUM);
        ck_assert_int_eq(failure_set(&failure, FAILURE_STORE_FAILED, "Later."), -EIO);
        ck_assert_int_eq(failure.kind, FAILURE_NO_CARD);
        failure_prefix(&failure, "line %d", 7);
        ck_assert_str_eq(failure_message(&failure), "line 7: Put a card into desk.");
        ck_assert_int_eq(failure_set(NULL, FAILURE_NO_CARD, "Nobody asks."), -ENOMEDIUM);
}
END_TEST

START_TEST(a_failure_with_an_errno_says_its_text)
{
        _cleanup_failure_ Failure failure = {}, moved = {};

        failure_set_errno(&failure, FAILURE_STORE_FAILED, -ENOSPC, "It could not be written");
        failure_move(&moved, &failure);
        ck_assert(!failure_is_set(&failure));
        ck_assert_str_eq(failure_message(&moved), "It could not be written: No space left on device");
}
END_TEST

START_TEST(every_failure_has_a_name_of_its_own_an_errno_and_a_sentence)
{
        for (FailureKind kind = FAILURE_NONE + 1; kind < _FAILURE_MAX; kind++) {
                Failure failure = { .kind = kind };

                ck_assert_int_eq(failure_from_name(failure_name(kind)), kind);
                ck_assert_int_lt(failure_errno(kind), 0);
                ck_assert_uint_gt(strlen(failure_message(&failure)), 0);
        }

        ck_assert_int_eq(failure_from_name("org.example.Unknown"), FAILURE_NONE);
}
END_TEST

typedef struct Task {
        Worker *worker;
        pthread_t main_thread;
        char *trace; /* what was called on the main thread, in order */
        char letter;
        bool ran;
} Task;

static void trace_add(Task *task, char letter) {
        size_t length = strlen(task->trace);

        task->trace[length] = letter;
        task->trace[length + 1] = '\0';
}

static void on_post(void *userdata) {
        Task *task = userdata;

        ck_assert(pthread_equal(pthread_self(), task->main_thread));
        trace_add(task, 'p');
}

static void task_run(void *userdata) {
        Task *task = userdata;

        ck_assert(!pthread_equal(pthread_self(), task->main_thread));
        task->ran = true;
        worker_post(task->worker, on_post, task);
}

static void task_done(void *userdata) {
        Task *task = userdata;

        ck_assert(pthread_equal(pthread_self(), task->main_thread));
        ck_assert(task->ran);
        trace_add(task, task->letter);
}

START_TEST(a_worker_runs_tasks_in_order_and_answers_from_the_event_loop)
{
        _cleanup_(worker_freep) Worker *worker = NULL;
        char trace[16] = "";
        sd_event *event;
        Task tasks[3];

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(worker_new(event, "test", &worker), 0);
        for (unsigned i = 0; i < 3; i++) {
                tasks[i] = (Task){ .worker = worker,
                                   .main_thread = pthread_self(),
                                   .trace = trace,
                                   .letter = (char) ('a' + i) };
                ck_assert_int_eq(worker_submit(worker, task_run, task_done, &tasks[i]), 0);
        }

        ck_assert_str_eq(trace, "");
        while (worker_pending(worker) > 0)
                ck_assert_int_gt(sd_event_run(event, 60 * 1000000ULL), 0);
        ck_assert_str_eq(trace, "papbpc");
        sd_event_unref(event);
}
END_TEST

START_TEST(a_worker_that_is_released_ends_its_tasks_and_answers_them)
{
        char trace[16] = "";
        Worker *worker;
        sd_event *event;
        Task tasks[3];

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(worker_new(event, "test", &worker), 0);
        for (unsigned i = 0; i < 3; i++) {
                tasks[i] = (Task){ .worker = worker,
                                   .main_thread = pthread_self(),
                                   .trace = trace,
                                   .letter = (char) ('a' + i) };
                ck_assert_int_eq(worker_submit(worker, task_run, task_done, &tasks[i]), 0);
        }

        worker_free(worker);
        ck_assert_str_eq(trace, "papbpc");
        sd_event_unref(event);
}
END_TEST

/* Calls log_event() with standard error in a pipe; ret is what came out. */
static void log_captured(const char *journal_stream, char *ret, size_t size) {
        int ends[2], before = dup(STDERR_FILENO);
        ssize_t n;

        ck_assert_int_eq(pipe(ends), 0);
        dup2(ends[1], STDERR_FILENO);
        if (journal_stream)
                setenv("JOURNAL_STREAM", journal_stream, true);
        else
                unsetenv("JOURNAL_STREAM");
        errno = EBADF;
        log_event(LOG_STARTED, &(LogSubject){ .job = "u" }, "Hello, %s.", "desk");
        log_debug("not wanted");
        setenv("ICREISSUE_DEBUG", "1", true);
        log_debug("wanted");
        unsetenv("ICREISSUE_DEBUG");
        ck_assert_int_eq(errno, EBADF);
        fflush(stderr);
        dup2(before, STDERR_FILENO);
        close(ends[1]);
        n = read(ends[0], ret, size - 1);
        ck_assert_int_ge(n, 0);
        ret[n] = '\0';
        close(ends[0]);
        close(before);
}

START_TEST(an_event_is_a_plain_sentence_where_standard_error_is_no_journal_stream)
{
        char text[256];

        log_captured(NULL, text, sizeof(text));
        ck_assert_str_eq(text, "Hello, desk.\ndebug: wanted\n");
        log_captured("1:1", text, sizeof(text));
        ck_assert_str_eq(text, "Hello, desk.\ndebug: wanted\n");
        log_captured("nonsense", text, sizeof(text));
        ck_assert_str_eq(text, "Hello, desk.\ndebug: wanted\n");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("base");
        TCase *tests = tcase_create("base");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, bytes_grow_and_keep_what_they_hold);
        tcase_add_test(tests, bytes_that_are_cleared_are_erased);
        tcase_add_test(tests, bytes_too_large_for_memory_are_refused_and_unchanged);
        tcase_add_test(tests, a_part_of_a_span_never_leaves_it);
        tcase_add_test(tests, hexadecimal_goes_both_ways);
        tcase_add_test(tests, the_first_failure_stays);
        tcase_add_test(tests, a_failure_with_an_errno_says_its_text);
        tcase_add_test(tests, every_failure_has_a_name_of_its_own_an_errno_and_a_sentence);
        tcase_add_test(tests, a_worker_runs_tasks_in_order_and_answers_from_the_event_loop);
        tcase_add_test(tests, a_worker_that_is_released_ends_its_tasks_and_answers_them);
        tcase_add_test(tests, an_event_is_a_plain_sentence_where_standard_error_is_no_journal_stream);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
