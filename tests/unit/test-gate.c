/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate before a hostile connection: which bytes come through, before and after the authentication, how large a message
 * may be, and how many. What is behind it is played by the test, which reads what has come. */
#include "line/gate.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define GREETING      "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
#define GREETING_SIZE (sizeof(GREETING) - 1)

typedef struct Scene {
        sd_event *event;
        Gate *gate;
        int outside; /* the peer's end */
        int peer;    /* the centre's */
        int inside;  /* what has come through */
        size_t passed;
        uint8_t last; /* byte of it */
        bool closed;
        Failure failure;
} Scene;

static void on_closed(const Failure *failure, void *userdata) {
        Scene *scene = userdata;

        ck_assert(!scene->closed);
        scene->closed = true;
        if (failure_is_set(failure))
                failure_set(&scene->failure, failure->kind, "%s", failure_message(failure));
}

static void read_inside(Scene *scene) {
        uint8_t bytes[4096];
        ssize_t n;

        while ((n = recv(scene->inside, bytes, sizeof(bytes), 0)) > 0) {
                scene->passed += (size_t) n;
                scene->last = bytes[n - 1];
        }
}

static void on_passed(void *userdata) {
        Scene *scene = userdata;

        ck_assert(!scene->closed);
        read_inside(scene);
}

static Scene *scene_open(void) {
        Scene *scene = new0(Scene, 1);
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        scene->outside = pair[0];
        scene->peer = pair[1];
        ck_assert_int_ge(sd_event_new(&scene->event), 0);
        ck_assert_int_ge(gate_new(scene->event, scene->peer, on_passed, on_closed, scene, &scene->inside,
                                  &scene->gate),
                         0);
        return scene;
}

static void scene_close(Scene *scene) {
        gate_free(scene->gate);
        close(scene->outside);
        close(scene->peer);
        close(scene->inside);
        failure_done(&scene->failure);
        sd_event_unref(scene->event);
        free(scene);
}

/* Until nothing happens any more without time. */
static void settle(Scene *scene) {
        int r;

        do {
                r = sd_event_run(scene->event, 0);
                ck_assert_int_ge(r, 0);
        } while (r > 0);
}

static void wait_passed(Scene *scene, size_t passed) {
        while (scene->passed < passed && !scene->closed)
                ck_assert_int_ge(sd_event_run(scene->event, UINT64_MAX), 0);
}

static void put(Scene *scene, const void *bytes, size_t size) {
        for (size_t sent = 0; sent < size;) {
                ssize_t n = send(scene->outside, (const uint8_t *) bytes + sent, size - sent, MSG_NOSIGNAL);

                if (n > 0)
                        sent += (size_t) n;
                settle(scene);
                if (scene->closed)
                        return;
        }
}

/* A message of that size in whole, of which only the lengths are those of one. */
static void put_message(Scene *scene, bool big, uint32_t size) {
        const uint32_t fields = 8, body = size - 24;
        const uint32_t numbers[] = { big ? htobe32(body) : htole32(body), big ? htobe32(1) : htole32(1),
                                     big ? htobe32(fields) : htole32(fields) };
        uint8_t *message = new0(uint8_t, size);

        memcpy(message, big ? "B\1\0\1" : "l\1\0\1", 4);
        memcpy(message + 4, numbers, sizeof(numbers));
        message[size - 1] = 0x5A;
        put(scene, message, size);
        free(message);
}

static void put_header(Scene *scene, uint32_t body, uint32_t fields) {
        const uint32_t numbers[] = { htole32(body), htole32(1), htole32(fields) };
        uint8_t header[16] = { 'l', 1, 0, 1 };

        memcpy(header + 4, numbers, sizeof(numbers));
        put(scene, header, sizeof(header));
}

static void expect_refused(Scene *scene, const char *text) {
        ck_assert(scene->closed);
        ck_assert_int_eq(scene->failure.kind, FAILURE_INVALID_ARGS);
        ck_assert_ptr_nonnull(strstr(failure_message(&scene->failure), text));
}

START_TEST(the_largest_message_comes_through_in_either_byte_order_and_the_next_one_too)
{
        Scene *scene = scene_open();

        put(scene, GREETING, GREETING_SIZE);
        put_message(scene, false, GATE_MESSAGE_MAX);
        put_message(scene, true, GATE_MESSAGE_MAX);
        put_message(scene, false, 64);
        ck_assert(!scene->closed);
        ck_assert_uint_eq(scene->passed, GREETING_SIZE + 2 * GATE_MESSAGE_MAX + 64);
        ck_assert_uint_eq(scene->last, 0x5A);
        scene_close(scene);
}
END_TEST

START_TEST(a_byte_more_and_nothing_of_it_comes_through)
{
        static const uint32_t sizes[][2] = {
                { GATE_MESSAGE_MAX - 24 + 1, 8 },
                { 0, GATE_MESSAGE_MAX - 16 + 1 },
                { UINT32_MAX, 0 },
                { 0, UINT32_MAX },
                { UINT32_MAX, UINT32_MAX },
        };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                Scene *scene = scene_open();

                put(scene, GREETING, GREETING_SIZE);
                put_header(scene, sizes[i][0], sizes[i][1]);
                expect_refused(scene, "it announced a message of");
                ck_assert_uint_eq(scene->passed, GREETING_SIZE);
                scene_close(scene);
        }
}
END_TEST

START_TEST(cut_into_single_bytes_a_message_is_the_same)
{
        Scene *scene = scene_open();

        for (size_t i = 0; i < GREETING_SIZE; i++)
                put(scene, &GREETING[i], 1);
        for (unsigned i = 0; i < 24; i++)
                put(scene, &"l\1\0\1\0\0\0\0\1\0\0\0\10\0\0\0........"[i], 1);
        ck_assert(!scene->closed);
        ck_assert_uint_eq(scene->passed, GREETING_SIZE + 24);
        put(scene, "no message......", 16);
        expect_refused(scene, "no D-Bus message");
        scene_close(scene);
}
END_TEST

START_TEST(before_the_authentication_is_over_there_are_as_many_bytes_and_no_more)
{
        Scene *scene = scene_open();
        char line[64];

        memset(line, 'x', sizeof(line));
        while (!scene->closed && scene->passed < 2 * GATE_GREETING_MAX)
                put(scene, line, sizeof(line));
        expect_refused(scene, "its authentication has no end");
        ck_assert_uint_eq(scene->passed, GATE_GREETING_MAX);
        scene_close(scene);
}
END_TEST

START_TEST(what_looks_like_a_message_within_the_authentication_is_none)
{
        Scene *scene = scene_open();

        put(scene, "\0", 1);
        put_header(scene, UINT32_MAX, UINT32_MAX);
        ck_assert(!scene->closed);
        put(scene, "\r\nBEGIN\r\n", 9);
        put_header(scene, UINT32_MAX, UINT32_MAX);
        expect_refused(scene, "it announced a message of");
        scene_close(scene);
}
END_TEST

START_TEST(a_message_that_never_ends_is_no_more_than_was_announced)
{
        Scene *scene = scene_open();
        uint8_t noise[4096];

        memset(noise, 0xEE, sizeof(noise));
        put(scene, GREETING, GREETING_SIZE);
        put_header(scene, 8192 - 24, 8);
        while (!scene->closed && scene->passed < 1 << 20)
                put(scene, noise, sizeof(noise));
        expect_refused(scene, "no D-Bus message");
        ck_assert_uint_le(scene->passed, GREETING_SIZE + 8192 + sizeof(noise));
        scene_close(scene);
}
END_TEST

/* As many at once as a burst has, and the others as fast as the rate lets them, but for what one reading brings. */
START_TEST(too_many_messages_wait_and_come_through_later)
{
        enum { MESSAGE = 64, COUNT = GATE_BURST + 300, AT_ONCE = 8192 / MESSAGE };
        Scene *scene = scene_open();
        uint64_t begin, end;

        put(scene, GREETING, GREETING_SIZE);
        ck_assert_int_ge(setsockopt(scene->outside, SOL_SOCKET, SO_SNDBUF, &(int){ 1 << 20 }, sizeof(int)),
                         0);
        sd_event_now(scene->event, CLOCK_MONOTONIC, &begin);
        for (unsigned i = 0; i < COUNT; i++)
                put_message(scene, false, MESSAGE);
        wait_passed(scene, GREETING_SIZE + (size_t) COUNT * MESSAGE);
        sd_event_now(scene->event, CLOCK_MONOTONIC, &end);
        ck_assert(!scene->closed);
        ck_assert_uint_ge(end - begin, (COUNT - GATE_BURST - AT_ONCE) * UINT64_C(1000000) / GATE_RATE);
        scene_close(scene);
}
END_TEST

START_TEST(held_it_reads_nothing_and_afterwards_everything)
{
        Scene *scene = scene_open();

        put(scene, GREETING, GREETING_SIZE);
        gate_hold(scene->gate, true);
        put_message(scene, false, 64);
        ck_assert_uint_eq(scene->passed, GREETING_SIZE);
        gate_hold(scene->gate, false);
        settle(scene);
        ck_assert_uint_eq(scene->passed, GREETING_SIZE + 64);
        scene_close(scene);
}
END_TEST

START_TEST(the_other_ends_closing_is_no_failure_and_told_once)
{
        Scene *scene = scene_open();

        put(scene, GREETING, GREETING_SIZE);
        ck_assert_int_eq(shutdown(scene->outside, SHUT_RDWR), 0);
        settle(scene);
        ck_assert(scene->closed);
        ck_assert(!failure_is_set(&scene->failure));
        scene_close(scene);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_largest_message_comes_through_in_either_byte_order_and_the_next_one_too,
                a_byte_more_and_nothing_of_it_comes_through,
                cut_into_single_bytes_a_message_is_the_same,
                before_the_authentication_is_over_there_are_as_many_bytes_and_no_more,
                what_looks_like_a_message_within_the_authentication_is_none,
                a_message_that_never_ends_is_no_more_than_was_announced,
                too_many_messages_wait_and_come_through_later,
                held_it_reads_nothing_and_afterwards_everything,
                the_other_ends_closing_is_no_failure_and_told_once,
        };
        Suite *suite = suite_create("gate");
        TCase *tcase = tcase_create("gate");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(tcase, 30);
        for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
                tcase_add_test(tcase, tests[i]);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
