/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/desk/machine.h"

#include <check.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE = 30000 };

void machine_open(Machine *machine, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        *machine = (Machine){ .listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .start = -1,
                              .done = -1,
                              .jam = -1 };
        ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        ck_assert_int_eq(bind(machine->listening, (const struct sockaddr *) &address, sizeof(address)), 0);
        ck_assert_int_eq(listen(machine->listening, 8), 0);
}

static void let_go(int *descriptor) {
        if (*descriptor >= 0)
                close(*descriptor);
        *descriptor = -1;
}

void machine_close(Machine *machine) {
        let_go(&machine->start);
        let_go(&machine->done);
        let_go(&machine->jam);
        let_go(&machine->listening);
}

static bool is_readable(int descriptor, int milliseconds) {
        return poll(&(struct pollfd){ .fd = descriptor, .events = POLLIN }, 1, milliseconds) == 1;
}

/* The texts: the line's level, and what it changes to at once. */
static void accept_line(Machine *machine, const char *done, const char *jam) {
        const char *levels;
        int descriptor;
        char name;

        ck_assert_msg(is_readable(machine->listening, PATIENCE), "no helper takes the mill's lines");
        descriptor = accept(machine->listening, NULL, NULL);
        ck_assert_int_ge(descriptor, 0);
        ck_assert_int_eq(read(descriptor, &name, 1), 1);
        if (name == 's') {
                machine->start = descriptor;
                return;
        }

        levels = name == 'd' ? done : jam;
        ck_assert_int_eq(write(descriptor, levels, strlen(levels)), (ssize_t) strlen(levels));
        *(name == 'd' ? &machine->done : &machine->jam) = descriptor;
}

static void accept_lines(Machine *machine, int count, const char *done, const char *jam) {
        let_go(&machine->start);
        let_go(&machine->done);
        let_go(&machine->jam);
        for (int i = 0; i < count; i++)
                accept_line(machine, done, jam);
        ck_assert(machine->start >= 0 && machine->done >= 0);
}

void machine_accept(Machine *machine, bool with_jam, bool done, bool jam) {
        accept_lines(machine, with_jam ? 3 : 2, done ? "1" : "0", jam ? "1" : "0");
}

void machine_accept_bouncing(Machine *machine) {
        accept_lines(machine, 3, "010", "0");
}

bool machine_is_left_alone(const Machine *machine, int milliseconds) {
        return !is_readable(machine->listening, milliseconds);
}

void machine_expect_start(Machine *machine, bool active) {
        char level = '\0';

        ck_assert_msg(is_readable(machine->start, PATIENCE), "the start line stays as it is");
        ck_assert_int_eq(read(machine->start, &level, 1), 1);
        ck_assert_int_eq(level, active ? '1' : '0');
}

void machine_expect_end(Machine *machine) {
        char level, last = '0';

        do
                ck_assert_msg(is_readable(machine->start, PATIENCE), "the helper keeps the lines");
        while (read(machine->start, &level, 1) == 1 && (last = level));
        ck_assert_int_eq(last, '0');
}

/* unix(7): SIOCOUTQ is what the other end has not read. */
static void say(int line) {
        int unheard = 1;

        ck_assert_int_eq(write(line, "1", 1), 1);
        for (int patience = PATIENCE; patience > 0 && unheard > 0; patience--) {
                ck_assert_int_eq(ioctl(line, SIOCOUTQ, &unheard), 0);
                if (unheard > 0 && poll(&(struct pollfd){ .fd = line }, 1, 1) != 0)
                        return;
        }

        ck_assert_msg(unheard == 0, "the helper does not hear the mill");
}

void machine_say_done(Machine *machine) {
        say(machine->done);
}

void machine_say_jammed(Machine *machine) {
        say(machine->jam);
}
