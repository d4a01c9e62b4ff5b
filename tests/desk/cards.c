/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cards on the desk: one card-sim for each slot, spoken to through its control socket, and vicc. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

static DeskSlot *slot_of(Desk *desk, unsigned slot) {
        if (slot >= desk->slot_count)
                desk_fail(desk, "the desk has no slot %u", slot);
        return &desk->slots[slot];
}

void cards_start(Desk *desk, int *pipes) {
        for (unsigned slot = 0; slot < desk->slot_count; slot++) {
                char port[16], number[16], control[32], log[32];
                char *arguments[] = { (char *) room_build_file(desk, "card-sim"),
                                      "--port",
                                      port,
                                      "--control",
                                      NULL,
                                      "--plug",
                                      (char *) desk_path(desk, "plug"),
                                      "--reader",
                                      number,
                                      NULL };

                snprintf(port, sizeof(port), "%u", PLUG_PORT + slot);
                snprintf(number, sizeof(number), "%u", slot);
                snprintf(control, sizeof(control), "slot-%u", slot);
                snprintf(log, sizeof(log), "slot-%u", slot);
                arguments[4] = (char *) desk_path(desk, control);
                process_start(desk, &desk->slots[slot].simulator, log, &pipes[slot], NULL, arguments);
        }
}

static void control_connect(Desk *desk, unsigned slot) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/slot-%u", desk->directory, slot);
        desk->slots[slot].control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(desk->slots[slot].control, (struct sockaddr *) &address, sizeof(address)) < 0)
                desk_fail(desk, "%s: %m", address.sun_path);
}

void cards_wait(Desk *desk, const int *pipes) {
        for (unsigned slot = 0; slot < desk->slot_count; slot++) {
                free(process_line(desk, "card-sim", pipes[slot]));
                control_connect(desk, slot);
                free(desk_slot_command(desk, slot, "trace %s/log/slot-%u.trace", desk->directory, slot));
        }
}

void cards_stop(Desk *desk) {
        for (unsigned slot = 0; slot < desk->slot_count; slot++) {
                process_kill(&desk->slots[slot].vicc);
                process_kill(&desk->slots[slot].simulator);
                if (desk->slots[slot].control >= 0)
                        close(desk->slots[slot].control);
        }
}

/* One line; answers come one at a time, so what has come up to the newline is the answer. */
static char *receive_line(Desk *desk, int control, const char *command) {
        struct pollfd watched = { .fd = control, .events = POLLIN };
        size_t length = 0;
        char line[4096];

        do {
                ssize_t n;

                if (poll(&watched, 1, desk_time_left(desk)) <= 0 && desk_time_left(desk) == 0)
                        desk_fail(desk, "card-sim does not answer: %s", command);
                n = recv(control, line + length, sizeof(line) - length - 1, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        desk_fail(desk, "card-sim has ended: %s", command);
                length += (size_t) n;
        } while (line[length - 1] != '\n' && length < sizeof(line) - 1);
        line[length - 1] = '\0';
        return strdup(line);
}

char *desk_slot_command(Desk *desk, unsigned slot, const char *format, ...) {
        int control = slot_of(desk, slot)->control, length;
        va_list arguments;
        char command[4096], *answer, *text;

        va_start(arguments, format);
        length = vsnprintf(command, sizeof(command) - 1, format, arguments);
        va_end(arguments);
        if (length < 0 || (size_t) length >= sizeof(command) - 1)
                desk_fail(desk, "a command for card-sim is too long");
        command[length] = '\n';
        if (send(control, command, (size_t) length + 1, MSG_NOSIGNAL) != length + 1)
                desk_fail(desk, "card-sim: %m");
        command[length] = '\0';

        answer = receive_line(desk, control, command);
        if (strncmp(answer, "ok", 2) != 0)
                desk_fail(desk, "slot %u: %s: %s", slot, command, answer);
        text = strdup(answer[2] == ' ' ? answer + 3 : "");
        free(answer);
        return text;
}

const char *desk_card_new(Desk *desk, const char *kind, DeskManner manner, const char *serial) {
        static const char *const manners[] = { [DESK_T0] = "t0", [DESK_T1] = "t1", [DESK_AIR] = "air" };
        char name[64], *path;
        char *arguments[] = { (char *) room_build_file(desk, "card-sim"),
                              "--new",
                              (char *) kind,
                              NULL,
                              "--manner",
                              (char *) manners[manner],
                              serial ? "--serial" : NULL,
                              (char *) serial,
                              NULL };
        Process maker;

        snprintf(name, sizeof(name), "cards/%s-%u.json", kind, ++desk->cards);
        path = (char *) desk_path(desk, name);
        arguments[3] = path;
        process_start(desk, &maker, "card-new", NULL, NULL, arguments);
        if (process_end(desk, &maker, 0) != 0)
                desk_fail(desk, "card-sim does not make a %s", kind);
        return path;
}

void desk_insert(Desk *desk, unsigned slot, const char *card) {
        free(desk_slot_command(desk, slot, "insert %s", card));
}

void desk_remove(Desk *desk, unsigned slot) {
        free(desk_slot_command(desk, slot, "remove"));
}

void desk_wait_removed(Desk *desk, unsigned slot) {
        free(desk_slot_command(desk, slot, "wait-removed"));
}

bool desk_has_card(Desk *desk, unsigned slot) {
        char *state = desk_slot_command(desk, slot, "state");
        bool inserted = strncmp(state, "inserted", 8) == 0;

        free(state);
        return inserted;
}

unsigned long desk_apdu_count(Desk *desk, unsigned slot) {
        char *text = desk_slot_command(desk, slot, "apdu-count");
        unsigned long count = strtoul(text, NULL, 10);

        free(text);
        return count;
}

static const char *moment_word(DeskMoment moment) {
        return moment == DESK_BEFORE ? "before" : "after";
}

void desk_remove_at(Desk *desk, unsigned slot, unsigned long number, DeskMoment moment) {
        free(desk_slot_command(desk, slot, "remove-at %lu %s", number, moment_word(moment)));
}

void desk_unplug_at(Desk *desk, unsigned slot, unsigned long number, DeskMoment moment) {
        free(desk_slot_command(desk, slot, "unplug-at %lu %s", number, moment_word(moment)));
}

void desk_hold_at(Desk *desk, unsigned slot, unsigned long number, DeskMoment moment) {
        free(desk_slot_command(desk, slot, "hold-at %lu %s", number, moment_word(moment)));
}

void desk_wait_held(Desk *desk, unsigned slot) {
        free(desk_slot_command(desk, slot, "wait-held"));
}

void desk_release_card(Desk *desk, unsigned slot) {
        free(desk_slot_command(desk, slot, "release"));
}

void desk_fail_at(Desk *desk, unsigned slot, unsigned long number, uint16_t status) {
        free(desk_slot_command(desk, slot, "fail-at %lu %04X", number, status));
}

void desk_fail_from(Desk *desk, unsigned slot, unsigned long number, uint16_t status) {
        free(desk_slot_command(desk, slot, "fail-at %lu %04X ever", number, status));
}

void desk_flip(Desk *desk, unsigned slot, uint16_t id, unsigned offset) {
        free(desk_slot_command(desk, slot, "flip %04X %u", id, offset));
}

/* Python runs a module of this name first. vicc tells nobody when it has connected: this tells the reader's driver. And
 * it acknowledges at once what it receives, or each APDU takes 40 ms (tests/card-sim/vpcd.c). */
static const char vicc_helper[] = "import os, socket\n"
                                  "connect, recv = socket.socket.connect, socket.socket.recv\n"
                                  "def acknowledge(self):\n"
                                  "    if self.family == socket.AF_INET:\n"
                                  "        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)\n"
                                  "def connect_and_tell(self, address):\n"
                                  "    connect(self, address)\n"
                                  "    acknowledge(self)\n"
                                  "    if self.family == socket.AF_INET:\n"
                                  "        driver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                                  "        driver.sendto(b'!', os.environ['DESK_READER'])\n"
                                  "        driver.close()\n"
                                  "def recv_and_acknowledge(self, *arguments):\n"
                                  "    data = recv(self, *arguments)\n"
                                  "    acknowledge(self)\n"
                                  "    return data\n"
                                  "socket.socket.connect = connect_and_tell\n"
                                  "socket.socket.recv = recv_and_acknowledge\n";

/* vicc wants pycryptodome by a name that Debian does not give it. */
static void prepare_vicc(Desk *desk) {
        static const char packages[] = "/usr/lib/python3/dist-packages/Cryptodome";
        const char *alias = desk_path(desk, "python/Crypto");

        desk_directory(desk, "python");
        desk_write(desk, "python/sitecustomize.py", vicc_helper);
        if (symlink(packages, alias) < 0 && errno != EEXIST)
                desk_fail(desk, "%s: %m", alias);
}

void desk_insert_vicc(Desk *desk, unsigned slot) {
        DeskSlot *where = slot_of(desk, slot);
        char path[4096], reader[PLUG_PATH_MAX + 16], port[16], log[32];
        char *environment[] = { path, reader, "PYTHONDONTWRITEBYTECODE=1", NULL };
        char *arguments[] = { "/usr/bin/python3", "/usr/bin/vicc", "--type", "iso7816", "--hostname",
                              "127.0.0.1",        "--port",        port,     NULL };

        if (desk_has_card(desk, slot) || where->vicc.pid != 0)
                desk_fail(desk, "slot %u is not empty", slot);
        prepare_vicc(desk);
        snprintf(path, sizeof(path), "PYTHONPATH=%s:/usr/lib/python3/site-packages/virtualsmartcard",
                 desk_path(desk, "python"));
        memcpy(reader, "DESK_READER=", 12);
        if (plug_path(desk_path(desk, "plug"), "reader", slot, reader + 12) < 0)
                desk_fail(desk, "the directory's name is too long");
        snprintf(port, sizeof(port), "%u", PLUG_PORT + slot);
        snprintf(log, sizeof(log), "vicc-%u", slot);
        process_start(desk, &where->vicc, log, NULL, environment, arguments);
        desk_wait_card(desk, slot, true);
}

void desk_remove_vicc(Desk *desk, unsigned slot) {
        process_kill(&slot_of(desk, slot)->vicc);
        plug_send(desk_path(desk, "plug"), "reader", slot, "!");
        desk_wait_card(desk, slot, false);
}
