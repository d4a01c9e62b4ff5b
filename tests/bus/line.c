/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line between the pair of desks: a process that passes bytes on, counts them, and does what the test says
 * (line.h). It is told through a socket, answers each word when it is done, and counts in shared memory. */
#include "tests/bus/line.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define KEPT_MAX        (1 << 20)

typedef enum Word {
        WORD_CUT_AFTER,
        WORD_CUT,
        WORD_REFUSE,
        WORD_SWALLOW,
        WORD_DELAY,
        WORD_WAIT_OPEN,
        WORD_BRANCH_VERSION,
        WORD_CENTRE_VERSION,
} Word;

typedef struct Order {
        Word word;
        unsigned long number;
} Order;

typedef struct Counts {
        volatile unsigned long bytes;
        volatile unsigned connections, open;
        volatile size_t kept; /* the first bytes that passed, both ways, as they came */
        char keeping[KEPT_MAX];
} Counts;

struct Line {
        Desk *desk;
        pid_t pid;
        int control;
        Counts *counts;
};

/* --- the process in between --- */

typedef struct Passage {
        int ends[2];    /* the branch's, the centre's */
        bool spoken[2]; /* their first message has passed */
} Passage;

typedef struct Between {
        int listener, control;
        const char *upstream;
        uid_t account;
        Counts *counts;
        Passage passages[CONNECTIONS_MAX];
        size_t count;
        unsigned long cut_after; /* 0: never */
        bool refuse, swallow;
        unsigned delay;
        bool waiting; /* for as many to be open */
        unsigned wanted;
        uint32_t versions[2][2]; /* that the branch, the centre is made to speak: major, minor; 0: its own */
} Between;

/* The kernel keeps who we are at this moment (SO_PEERCRED). The socket's group, here root's, may connect. */
int line_connect_as(const char *path, uid_t user) {
        static const gid_t group = 0;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (setgroups(1, &group) < 0 || setegid(user) < 0 || seteuid(user) < 0)
                return -1;
        r = connect(handle, (struct sockaddr *) &address, sizeof(address));
        if (seteuid(0) < 0 || setegid(0) < 0)
                return -1;
        if (r == 0)
                return handle;

        close(handle);
        return -1;
}

static void answer(const Between *between) {
        if (write(between->control, "", 1) != 1)
                _exit(EXIT_FAILURE);
}

static void check_open(Between *between) {
        between->counts->open = (unsigned) between->count;
        if (!between->waiting || between->count != between->wanted)
                return;

        between->waiting = false;
        answer(between);
}

static void close_passage(Between *between, size_t n) {
        close(between->passages[n].ends[0]);
        close(between->passages[n].ends[1]);
        between->passages[n] = between->passages[--between->count];
        check_open(between);
}

static void close_all(Between *between) {
        while (between->count > 0)
                close_passage(between, 0);
}

static void accept_one(Between *between) {
        int client = accept4(between->listener, NULL, NULL, SOCK_CLOEXEC), upstream;

        if (client < 0)
                return;

        between->counts->connections++;
        upstream = between->refuse || between->count == CONNECTIONS_MAX
                           ? -1
                           : line_connect_as(between->upstream, between->account);
        if (upstream < 0) {
                close(client);
                return;
        }

        between->passages[between->count++] = (Passage){ .ends = { client, upstream } };
        check_open(between);
}

static void keep(Counts *counts, const char *bytes, size_t size) {
        size_t part = size < KEPT_MAX - counts->kept ? size : KEPT_MAX - counts->kept;

        memcpy(counts->keeping + counts->kept, bytes, part);
        counts->kept += part;
}

/* The Hello of a branch and the centre's answer begin with the version: it is replaced. Both are the first message of their
 * side (D-Bus specification, "Message Format"), and come in one piece. */
static void speak(const Between *between, Passage *passage, int side, char *bytes, size_t size) {
        const char begin[] = { 'l', side == 0 ? 1 : 2 };
        char *message = passage->spoken[side] ? NULL : memmem(bytes, size, begin, sizeof(begin));
        uint32_t fields;
        size_t body;

        if (!message)
                return;

        passage->spoken[side] = true;
        memcpy(&fields, message + 12, sizeof(fields));
        body = 16 + (((size_t) fields + 7) & ~(size_t) 7);
        if (between->versions[side][0] > 0 && message + body + 8 <= bytes + size)
                memcpy(message + body, between->versions[side], 8);
}

/* Passes on what one end has sent. False when the passage has ended. */
static bool pass(Between *between, Passage *passage, int side) {
        size_t allowed = 4096;
        char bytes[4096];
        ssize_t n;

        if (between->cut_after > 0 && between->cut_after - between->counts->bytes < allowed)
                allowed = between->cut_after - between->counts->bytes;
        n = recv(passage->ends[side], bytes, allowed, 0);
        if (n <= 0)
                return false;

        speak(between, passage, side, bytes, (size_t) n);
        if (between->delay > 0)
                poll(NULL, 0, (int) between->delay);
        if (send(passage->ends[1 - side], bytes, (size_t) n, MSG_NOSIGNAL) != n)
                return false;

        keep(between->counts, bytes, (size_t) n);
        between->counts->bytes += (unsigned long) n;
        return true;
}

static void obey(Between *between) {
        Order order;

        if (recv(between->control, &order, sizeof(order), 0) != sizeof(order))
                _exit(EXIT_SUCCESS);

        switch (order.word) {
        case WORD_CUT_AFTER:
                between->counts->bytes = 0;
                between->cut_after = order.number;
                break;
        case WORD_CUT:
                close_all(between);
                break;
        case WORD_REFUSE:
                between->refuse = order.number != 0;
                break;
        case WORD_SWALLOW:
                between->swallow = order.number != 0;
                break;
        case WORD_DELAY:
                between->delay = (unsigned) order.number;
                break;
        case WORD_BRANCH_VERSION:
        case WORD_CENTRE_VERSION:
                between->versions[order.word - WORD_BRANCH_VERSION][0] = (uint32_t) (order.number >> 16);
                between->versions[order.word - WORD_BRANCH_VERSION][1] = (uint32_t) (order.number & 0xFFFF);
                break;
        case WORD_WAIT_OPEN:
                between->wanted = (unsigned) order.number;
                between->waiting = true;
                check_open(between);
                return;
        }

        answer(between);
}

static void pass_all(Between *between, const struct pollfd *watched) {
        for (size_t i = between->count; i-- > 0;)
                for (int side = 0; side < 2; side++) {
                        if (watched[2 + 2 * i + (size_t) side].revents == 0)
                                continue;

                        if (!pass(between, &between->passages[i], side)) {
                                close_passage(between, i);
                                break;
                        }

                        if (between->cut_after > 0 && between->counts->bytes >= between->cut_after) {
                                between->cut_after = 0;
                                close_all(between);
                                return;
                        }
                }
}

static void run(Between *between) {
        for (;;) {
                struct pollfd watched[2 + 2 * CONNECTIONS_MAX] = {
                        { .fd = between->control, .events = POLLIN },
                        { .fd = between->listener, .events = POLLIN },
                };

                for (size_t i = 0; i < 2 * between->count; i++)
                        watched[2 + i] = (struct pollfd){
                                .fd = between->swallow ? -1 : between->passages[i / 2].ends[i % 2],
                                .events = POLLIN
                        };
                if (poll(watched, 2 + 2 * between->count, -1) < 0 && errno != EINTR)
                        _exit(EXIT_FAILURE);
                pass_all(between, watched);
                if (watched[1].revents)
                        accept_one(between);
                if (watched[0].revents)
                        obey(between);
        }
}

/* --- the test's side --- */

static int listen_at(Desk *desk, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        unlink(path);
        if (bind(listener, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(listener, 64) < 0)
                desk_fail(desk, "%s: %m", path);

        return listener;
}

Line *line_open(Desk *branch, const char *centre_socket, uid_t account) {
        Between between = { .upstream = centre_socket, .account = account };
        Line *line = calloc(1, sizeof(Line));
        int control[2];
        pid_t parent = getpid();

        line->desk = branch;
        line->counts = mmap(NULL, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (line->counts == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
                desk_fail(branch, "the line: %m");

        between.counts = line->counts;
        between.listener = listen_at(branch, desk_path(branch, "runtime/line.sock"));
        between.control = control[1];
        fflush(NULL);
        line->pid = fork();
        if (line->pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent)
                        _exit(EXIT_FAILURE);
                close(control[0]);
                run(&between);
        }

        close(between.listener);
        close(control[1]);
        line->control = control[0];
        return line;
}

void line_close(Line *line) {
        if (!line)
                return;

        close(line->control);
        kill(line->pid, SIGKILL);
        waitpid(line->pid, NULL, 0);
        munmap(line->counts, sizeof(Counts));
        free(line);
}

static void tell(Line *line, Word word, unsigned long number) {
        const Order order = { .word = word, .number = number };
        struct pollfd watched = { .fd = line->control, .events = POLLIN };
        char done;

        if (send(line->control, &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order))
                desk_fail(line->desk, "the line has gone");
        while (poll(&watched, 1, desk_time_left(line->desk)) <= 0)
                if (desk_time_left(line->desk) == 0)
                        desk_fail(line->desk, "waited in vain for the line (word %d, %lu); %u are open", word,
                                  number, line->counts->open);
        if (recv(line->control, &done, 1, 0) != 1)
                desk_fail(line->desk, "the line has gone");
}

void line_cut_after(Line *line, unsigned long bytes) {
        tell(line, WORD_CUT_AFTER, bytes);
}

void line_cut(Line *line) {
        tell(line, WORD_CUT, 0);
}

void line_refuse(Line *line, bool refuse) {
        tell(line, WORD_REFUSE, refuse);
}

void line_swallow(Line *line, bool swallow) {
        tell(line, WORD_SWALLOW, swallow);
}

void line_delay(Line *line, unsigned milliseconds) {
        tell(line, WORD_DELAY, milliseconds);
}

void line_branch_speaks(Line *line, unsigned major, unsigned minor) {
        tell(line, WORD_BRANCH_VERSION, (unsigned long) major << 16 | minor);
}

void line_centre_speaks(Line *line, unsigned major, unsigned minor) {
        tell(line, WORD_CENTRE_VERSION, (unsigned long) major << 16 | minor);
}

void line_wait_open(Line *line, unsigned count) {
        tell(line, WORD_WAIT_OPEN, count);
}

unsigned long line_bytes(Line *line) {
        return line->counts->bytes;
}

bool line_carried(Line *line, const char *text) {
        if (line->counts->kept == KEPT_MAX)
                desk_fail(line->desk, "more has passed than is kept");

        return memmem(line->counts->keeping, line->counts->kept, text, strlen(text)) != NULL;
}

unsigned line_connections(Line *line) {
        return line->counts->connections;
}

unsigned line_open_connections(Line *line) {
        return line->counts->open;
}

/* --- a branch of the test's own --- */

sd_bus *peer_connect(Desk *centre, uid_t user) {
        sd_bus *peer = NULL;
        int handle, r;

        /* When it answers on its bus, its socket is there. */
        free(desk_wait_property(centre, DESK_ROOT_PATH, DESK_INTERFACE, "Role", "centre"));
        handle = line_connect_as(desk_path(centre, "runtime/centre.sock"), user);
        if (handle < 0)
                desk_fail(centre, "connecting to the centre: %m");

        r = sd_bus_new(&peer);
        if (r >= 0)
                r = sd_bus_set_fd(peer, handle, handle);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(peer, (uint64_t) desk_time_left(centre) * 1000);
        if (r >= 0)
                r = sd_bus_start(peer);
        if (r < 0)
                desk_fail(centre, "connecting to the centre: %s", strerror(-r));

        return peer;
}

sd_bus *peer_open(Desk *centre, uid_t user) {
        static uint64_t number = UINT64_C(1) << 60;
        sd_bus *peer = peer_connect(centre, user);

        peer_call(centre, peer, NULL, "Hello", "uuts", 1, 0, number++, "test");
        return peer;
}

void peer_close(sd_bus *peer) {
        sd_bus_close_unref(peer);
}

static int peer_send(sd_bus *peer, sd_bus_error *error, sd_bus_message **reply, const char *member,
                     const char *types, va_list arguments) {
        sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(peer, &message, NULL, "/org/example/ICReissue/centre",
                                           "org.example.ICReissue.Centre", member);
        if (r >= 0 && types)
                r = sd_bus_message_appendv(message, types, arguments);
        if (r >= 0)
                r = sd_bus_call(peer, message, 0, error, reply);
        sd_bus_message_unref(message);
        return r;
}

void peer_call(Desk *centre, sd_bus *peer, sd_bus_message **reply, const char *member, const char *types,
               ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = peer_send(peer, &error, reply, member, types, arguments);
        va_end(arguments);
        if (r < 0)
                desk_fail(centre, "%s: %s: %s", member, error.name, error.message);
}

char *peer_refused(Desk *centre, sd_bus *peer, const char *error_name, const char *member, const char *types,
                   ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        char *text;
        int r;

        va_start(arguments, types);
        r = peer_send(peer, &error, NULL, member, types, arguments);
        va_end(arguments);
        if (r >= 0)
                desk_fail(centre, "%s was not refused", member);
        if (!error.name || strlen(error.name) < strlen(error_name) ||
            strcmp(error.name + strlen(error.name) - strlen(error_name), error_name) != 0)
                desk_fail(centre, "%s was refused with %s instead of %s: %s", member, error.name, error_name,
                          error.message);

        text = strdup(error.message ? error.message : "");
        sd_bus_error_free(&error);
        return text;
}

uint32_t peer_extract(Desk *centre, sd_bus *peer, const char *type, const char *id, const char *uuid) {
        sd_bus_message *reply = NULL;
        const char *data;
        uint32_t count;

        peer_call(centre, peer, &reply, "Extract", "ssssa{sv}", type, id, uuid, type, 0);
        if (sd_bus_message_read(reply, "su", &data, &count) < 0)
                desk_fail(centre, "Extract's answer is none.");

        sd_bus_message_unref(reply);
        return count;
}
