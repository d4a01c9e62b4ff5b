/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch that was broken into, and accounts that are no branch: what they send is refused by name, told in the log, and
 * does nothing to the centre. */
#include "tests/bus/line.h"
#include "tests/desk/footprint.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BRANCHES       LINE_BRANCH_ENTRY LINE_OTHER_ENTRY
#define AUTHENTICATION "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
#define CONNECTIONS    1500
#ifdef __SANITIZE_ADDRESS__ /* it keeps what was freed */
#define MEMORY_FACTOR 16
#else
#define MEMORY_FACTOR 1
#endif

/* Another branch is served as if nothing were. */
static void expect_unharmed(Desk *desk) {
        sd_bus *peer = peer_open(desk, LINE_OTHER_USER);

        peer_call(desk, peer, NULL, "Look", "ss", STORY_V1, STORY_ID);
        peer_close(peer);
}

static void expect_log(Desk *desk, const char *text) {
        char *log = desk_daemon_log(desk);

        if (!strstr(log, text))
                desk_fail(desk, "The log does not say \"%s\".", text);

        free(log);
}

static long daemon_memory(Desk *desk) {
        return (long) footprint_resident(desk_daemon_pid(desk));
}

static unsigned daemon_descriptors(Desk *desk) {
        return footprint_descriptors(desk_daemon_pid(desk));
}

static int raw(Desk *desk, uid_t user) {
        int handle;

        free(desk_wait_property(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Role", "centre"));
        handle = line_connect_as(desk_path(desk, "runtime/centre.sock"), user);
        if (handle < 0)
                desk_fail(desk, "connecting to the centre: %m");

        return handle;
}

/* Sends until the other end has had enough, and waits until it has closed. */
static void send_until_closed(Desk *desk, int handle, const void *bytes, size_t size, size_t at_most) {
        char answer[4096];

        for (size_t sent = 0; sent < at_most; sent += size)
                if (send(handle, bytes, size, MSG_NOSIGNAL) < 0)
                        break;

        for (;;) {
                struct pollfd watched = { .fd = handle, .events = POLLIN };

                if (poll(&watched, 1, desk_time_left(desk)) <= 0)
                        desk_fail(desk, "The centre does not close the connection.");
                if (recv(handle, answer, sizeof(answer), 0) <= 0)
                        break;
        }

        close(handle);
}

/* The header of a message: little-endian, a method call, with those lengths of body and header fields. */
static void write_header(uint8_t header[static 16], uint32_t body, uint32_t fields) {
        const uint32_t numbers[] = { body, 1, fields };

        memcpy(header, "l\1\0\1", 4);
        memcpy(header + 4, numbers, sizeof(numbers));
}

START_TEST(bytes_that_are_no_message_end_the_connection)
{
        Desk *desk = centre_open(BRANCHES);
        int handle = raw(desk, LINE_ACCOUNT);
        uint8_t noise[512];

        for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (uint8_t) (i * 37 + 11);
        ck_assert_int_gt(send(handle, AUTHENTICATION, sizeof(AUTHENTICATION) - 1, MSG_NOSIGNAL), 0);
        send_until_closed(desk, handle, noise, sizeof(noise), 65536);
        expect_log(desk, "Branch " LINE_BRANCH " was refused: it sent what is no D-Bus message");
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

START_TEST(an_authentication_without_end_ends_the_connection)
{
        Desk *desk = centre_open(BRANCHES);

        send_until_closed(desk, raw(desk, LINE_ACCOUNT), "AUTH EXTERNAL FOR EVER\r\n", 24, 1 << 20);
        /* By the gate, for its length, or by sd-bus, for what it is: whichever comes to see it first. */
        expect_log(desk, "Branch " LINE_BRANCH " was refused: it");
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

START_TEST(an_authentication_that_is_none_ends_the_connection)
{
        Desk *desk = centre_open(BRANCHES);

        send_until_closed(desk, raw(desk, LINE_ACCOUNT), "AUTH", 4, 4);
        expect_log(desk,
                   "Branch " LINE_BRANCH " was refused: it does not introduce itself as D-Bus wants it");
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

START_TEST(a_giant_message_is_refused_as_soon_as_it_is_announced)
{
        static const uint32_t sizes[][2] = {
                { 100 << 20, 8 }, { 16, 100 << 20 }, { UINT32_MAX, UINT32_MAX }, { 16384, 8 }
        };
        static uint8_t body[65536];
        Desk *desk = centre_open(BRANCHES);
        long before;

        expect_unharmed(desk);
        before = daemon_memory(desk);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                int handle = raw(desk, LINE_ACCOUNT);
                uint8_t header[16];

                write_header(header, sizes[i][0], sizes[i][1]);
                ck_assert_int_gt(send(handle, AUTHENTICATION, sizeof(AUTHENTICATION) - 1, MSG_NOSIGNAL), 0);
                ck_assert_int_gt(send(handle, header, sizeof(header), MSG_NOSIGNAL), 0);
                send_until_closed(desk, handle, body, sizeof(body), 4 << 20);
        }

        expect_log(desk, "it announced a message of");
        ck_assert_int_lt(daemon_memory(desk) - before, 4096 * MEMORY_FACTOR);
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

START_TEST(arguments_that_are_none_are_refused_by_name)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);
        char long_text[2000];

        memset(long_text, 'x', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        free(peer_refused(desk, peer, "InvalidArgs", "Extract", "u", 1));
        free(peer_refused(desk, peer, "UnknownMethod", "Everything", ""));
        free(peer_refused(desk, peer, "InvalidArgs", "Extract", "ssssa{sv}", "../v1", STORY_ID, LINE_UUID,
                          STORY_V1, 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Extract", "ssssa{sv}", STORY_V1, long_text, LINE_UUID,
                          STORY_V1, 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Extract", "ssssa{sv}", STORY_V1, STORY_ID, "job/1",
                          STORY_V1, 0));
        free(peer_refused(desk, peer, "UnknownCardType", "Extract", "ssssa{sv}", STORY_V1, STORY_ID,
                          LINE_UUID, "no-such-card", 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID,
                          1, "no serial", 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Abandon", "sbsa{sv}", LINE_UUID, 0, long_text, 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Request", "sssa{sv}", STORY_V1, STORY_ID, long_text,
                          0));
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        peer_close(peer);
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

START_TEST(another_branchs_jobs_are_not_to_be_touched)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT), *other = peer_open(desk, LINE_OTHER_USER);

        ck_assert_uint_eq(peer_extract(desk, other, STORY_V1, STORY_ID, LINE_OTHER_UUID), 1);
        free(peer_refused(desk, peer, "AccessDenied", "Extract", "ssssa{sv}", STORY_V1, STORY_ID,
                          LINE_OTHER_UUID, STORY_V1, 0));
        free(peer_refused(desk, peer, "AccessDenied", "Confirm", "sssusa{sv}", LINE_OTHER_UUID, STORY_V1,
                          STORY_ID, 1, "", 0));
        free(peer_refused(desk, peer, "AccessDenied", "Abandon", "sbsa{sv}", LINE_OTHER_UUID, 0, "mine", 0));
        expect_log(desk, "Branch " LINE_BRANCH " was refused: it named a job of branch " LINE_OTHER);
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        peer_call(desk, other, NULL, "Confirm", "sssusa{sv}", LINE_OTHER_UUID, STORY_V1, STORY_ID, 1, "", 0);
        /* Ended, it is still not the other one's. */
        free(peer_refused(desk, peer, "AccessDenied", "Confirm", "sssusa{sv}", LINE_OTHER_UUID, STORY_V1,
                          STORY_ID, 1, "", 0));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        ck_assert_uint_eq(story_history(desk, STORY_V1, STORY_ID, "issued"), 1);
        peer_close(other);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

START_TEST(a_confirmation_of_another_number_is_refused)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);

        ck_assert_uint_eq(peer_extract(desk, peer, STORY_V1, STORY_ID, LINE_UUID), 1);
        free(peer_refused(desk, peer, "InvalidArgs", "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, STORY_ID,
                          1000000, "", 0));
        free(peer_refused(desk, peer, "InvalidArgs", "Confirm", "sssusa{sv}", LINE_UUID, STORY_V1, "00000000",
                          1, "", 0));
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        peer_close(peer);
        desk_close(desk);
}
END_TEST

static void expect_nothing_else(Desk *desk, sd_bus *peer, const char *path, const char *interface,
                                const char *member) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_call_method(peer, NULL, path, interface, member, &error, NULL, NULL);

        if (r >= 0 || !error.name || strcmp(error.name, SD_BUS_ERROR_ACCESS_DENIED) != 0)
                desk_fail(desk, "%s.%s of %s was answered with %s.", interface, member, path,
                          error.name ? error.name : "success");

        sd_bus_error_free(&error);
}

START_TEST(the_line_has_one_interface_and_nothing_else)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);

        expect_nothing_else(desk, peer, DESK_ROOT_PATH, DESK_INTERFACE, "ListCardTypes");
        expect_nothing_else(desk, peer, DESK_ROOT_PATH, DESK_INTERFACE, "Reload");
        expect_nothing_else(desk, peer, "/", "org.freedesktop.DBus.Peer", "GetMachineId");
        expect_nothing_else(desk, peer, "/", "org.freedesktop.DBus.Introspectable", "Introspect");
        expect_nothing_else(desk, peer, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                            "GetManagedObjects");
        expect_nothing_else(desk, peer, "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames");
        expect_log(desk, "it asked for something other than org.example.ICReissue.Centre");
        peer_close(peer);
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

START_TEST(an_account_that_is_not_listed_is_told_so_and_logged)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_connect(desk, LINE_STRANGER);
        char *text;

        text = peer_refused(desk, peer, "AccessDenied", "Extract", "ssssa{sv}", STORY_V1, STORY_ID, LINE_UUID,
                            STORY_V1, 0);
        ck_assert_ptr_nonnull(strstr(text, "no branch of this centre"));
        free(text);
        expect_log(desk, "The account of user 61003 was refused on the line");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 0);
        peer_close(peer);
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

/* Opened and held; another branch is served in between. */
static void connect_often(Desk *desk, uid_t user) {
        static int handles[CONNECTIONS];
        unsigned before = daemon_descriptors(desk);

        for (unsigned i = 0; i < CONNECTIONS; i++) {
                handles[i] = line_connect_as(desk_path(desk, "runtime/centre.sock"), user);
                if (handles[i] < 0)
                        desk_fail(desk, "connection %u: %m", i);
                if (i % 500 == 250)
                        expect_unharmed(desk);
        }

        expect_unharmed(desk);
        ck_assert_uint_lt(daemon_descriptors(desk), before + 100);
        for (unsigned i = 0; i < CONNECTIONS; i++)
                close(handles[i]);
}

START_TEST(thousands_of_connections_keep_nobody_else_out)
{
        const struct rlimit many = { .rlim_cur = 4096, .rlim_max = 4096 };
        Desk *desk = centre_open(BRANCHES);

        if (setrlimit(RLIMIT_NOFILE, &many) < 0)
                desk_fail(desk, "setrlimit: %m");
        expect_unharmed(desk);
        connect_often(desk, LINE_STRANGER);
        connect_often(desk, LINE_ACCOUNT);
        desk_close(desk);
}
END_TEST

START_TEST(file_descriptors_do_not_come_through)
{
        Desk *desk = centre_open(BRANCHES);
        int handle = raw(desk, LINE_ACCOUNT), passed = STDERR_FILENO;
        char control[CMSG_SPACE(sizeof(int))] = {};
        struct iovec part = { .iov_base = (char[]){ "\0" }, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        unsigned before;

        expect_unharmed(desk);
        before = daemon_descriptors(desk);
        *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                    .cmsg_type = SCM_RIGHTS,
                                    .cmsg_len = CMSG_LEN(sizeof(int)) };
        memcpy(CMSG_DATA(header), &passed, sizeof(int));
        for (int i = 0; i < 100; i++)
                ck_assert_int_eq(sendmsg(handle, &message, MSG_NOSIGNAL), 1);
        expect_unharmed(desk);
        ck_assert_uint_le(daemon_descriptors(desk), before + 4);
        close(handle);
        desk_close(desk);
}
END_TEST

/* Questions without end, and no answer is read. */
START_TEST(who_reads_no_answers_is_given_none)
{
        Desk *desk = centre_open(BRANCHES);
        sd_bus *peer = peer_open(desk, LINE_ACCOUNT);
        sd_bus_message *message = NULL;
        long before = daemon_memory(desk);

        for (unsigned i = 0; i < 20000; i++) {
                int r;

                r = sd_bus_message_new_method_call(peer, &message, NULL, "/org/example/ICReissue/centre",
                                                   "org.example.ICReissue.Centre", "Look");
                if (r >= 0)
                        r = sd_bus_message_append(message, "ss", STORY_V1, STORY_ID);
                if (r >= 0)
                        r = sd_bus_message_set_expect_reply(message, 1);
                if (r >= 0)
                        r = sd_bus_send(peer, message, NULL);
                sd_bus_message_unref(message);
                if (r < 0)
                        break;
        }

        expect_unharmed(desk);
        ck_assert_int_lt(daemon_memory(desk) - before, 16384 * MEMORY_FACTOR);
        peer_close(peer);
        expect_unharmed(desk);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                bytes_that_are_no_message_end_the_connection,
                an_authentication_without_end_ends_the_connection,
                an_authentication_that_is_none_ends_the_connection,
                a_giant_message_is_refused_as_soon_as_it_is_announced,
                arguments_that_are_none_are_refused_by_name,
                another_branchs_jobs_are_not_to_be_touched,
                a_confirmation_of_another_number_is_refused,
                the_line_has_one_interface_and_nothing_else,
                an_account_that_is_not_listed_is_told_so_and_logged,
                thousands_of_connections_keep_nobody_else_out,
                file_descriptors_do_not_come_through,
                who_reads_no_answers_is_given_none,
        };

        return story_run("line-hostile", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
