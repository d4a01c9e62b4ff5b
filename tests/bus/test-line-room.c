/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A centre that has no file descriptors left for another connection: who is connected is served, who comes waits and is told
 * of in the log once, whoever has connected and not said Hello makes room, and it goes on when there is room again. */
#include "tests/bus/line.h"
#include "tests/desk/footprint.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BRANCHES LINE_BRANCH_ENTRY LINE_OTHER_ENTRY
#define GREETING "\0AUTH EXTERNAL\r\n"
#define TOLD     "Branches must wait before they can connect"
#define KEPT     64 /* descriptors that no connection gets */
#define SILENT   8
#define WATCH_MS 1500
#define PLENTY   100000

static void allow(Desk *desk, unsigned descriptors) {
        struct rlimit limit;

        if (prlimit(desk_daemon_pid(desk), RLIMIT_NOFILE, NULL, &limit) < 0)
                desk_fail(desk, "prlimit: %m");
        limit.rlim_cur = descriptors < limit.rlim_max ? descriptors : limit.rlim_max;
        if (prlimit(desk_daemon_pid(desk), RLIMIT_NOFILE, &limit, NULL) < 0)
                desk_fail(desk, "prlimit: %m");
}

static unsigned count_told(Desk *desk) {
        char *log = desk_daemon_log(desk);
        unsigned count = 0;

        for (const char *at = log; (at = strstr(at, TOLD)); at++)
                count++;
        free(log);
        return count;
}

/* Connects, and asks for an answer of whoever accepts. */
static int knock(Desk *desk, uid_t user) {
        int handle = line_connect_as(desk_path(desk, "runtime/centre.sock"), user);

        if (handle < 0 || send(handle, GREETING, sizeof(GREETING) - 1, MSG_NOSIGNAL) < 0)
                desk_fail(desk, "connecting to the centre: %m");

        return handle;
}

static bool is_answered(int handle, int milliseconds) {
        struct pollfd watched = { .fd = handle, .events = POLLIN };

        return poll(&watched, 1, milliseconds) > 0;
}

static void expect_answered(Desk *desk, int handle) {
        char answer[64];

        if (!is_answered(handle, desk_time_left(desk)))
                desk_fail(desk, "Who has connected waits for ever.");
        if (recv(handle, answer, sizeof(answer), 0) <= 0)
                desk_fail(desk, "Who has waited was refused.");
}

static double processor_seconds(Desk *desk) {
        unsigned long user = 0, system = 0;
        char path[64];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", desk_daemon_pid(desk));
        file = fopen(path, "re");
        if (!file ||
            fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
                desk_fail(desk, "%s cannot be read", path);
        fclose(file);
        return (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
}

/* Who is connected has its questions answered until the centre says that others must wait. */
static void serve_until_told(Desk *desk, sd_bus *peer, unsigned times) {
        while (count_told(desk) < times && desk_time_left(desk) > 0)
                peer_call(desk, peer, NULL, "Look", "ss", STORY_V1, STORY_ID);
        ck_assert_uint_eq(count_told(desk), times);
}

/* It waits, and the centre neither looks at it again and again nor tells of it again. */
static void expect_rest(Desk *desk, int waiting) {
        double before = processor_seconds(desk);

        ck_assert(!is_answered(waiting, WATCH_MS));
        ck_assert(processor_seconds(desk) - before < 0.3 * WATCH_MS / 1000);
        ck_assert_uint_eq(count_told(desk), 1);
}

/* left: descriptors that the daemon has for whatever it does, beside connections. */
static void wait_for_room(unsigned left) {
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);
        int waiting;

        for (unsigned times = 1; times <= 2; times++) {
                allow(desk, footprint_next_descriptor(desk_daemon_pid(desk)) + left);
                waiting = knock(desk, LINE_OTHER_USER);
                serve_until_told(desk, peer, times);
                if (times == 1)
                        expect_rest(desk, waiting);
                peer_call(desk, peer, NULL, "Look", "ss", STORY_V1, STORY_ID);
                allow(desk, PLENTY);
                expect_answered(desk, waiting);
                close(waiting);
        }

        peer_close(peer);
        desk_close(desk);
}

START_TEST(without_descriptors_for_a_connection_it_waits_and_the_centre_keeps_its_own)
{ wait_for_room(KEPT / 2); }
END_TEST

START_TEST(without_any_descriptor_left_it_waits_too)
{ wait_for_room(0); }
END_TEST

START_TEST(whoever_has_not_said_hello_makes_room)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT), *other;
        int silent[SILENT];
        char rest[64];

        for (unsigned i = 0; i < SILENT; i++) {
                silent[i] = knock(desk, LINE_STRANGER);
                expect_answered(desk, silent[i]);
        }
        allow(desk, footprint_next_descriptor(desk_daemon_pid(desk)) + KEPT - SILENT);
        other = peer_open(desk, LINE_OTHER_USER);
        peer_call(desk, other, NULL, "Look", "ss", STORY_V1, STORY_ID);
        peer_call(desk, peer, NULL, "Look", "ss", STORY_V1, STORY_ID);
        ck_assert(is_answered(silent[0], desk_time_left(desk)));
        ck_assert_int_le(recv(silent[0], rest, sizeof(rest), 0), 0);
        ck_assert_uint_eq(count_told(desk), 0);
        for (unsigned i = 0; i < SILENT; i++)
                close(silent[i]);
        peer_close(other);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                without_descriptors_for_a_connection_it_waits_and_the_centre_keeps_its_own,
                without_any_descriptor_left_it_waits_too,
                whoever_has_not_said_hello_makes_room,
        };

        return story_run("line-room", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
