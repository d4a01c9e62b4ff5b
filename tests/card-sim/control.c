/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket's clients, and the table of commands. */
#include "control.h"
#include "plug.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void reply(ControlClient *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void hang_up(ControlClient *client) {
        close(client->socket);
        *client = (ControlClient){ .socket = -1 };
}

static void reply(ControlClient *client, const char *format, ...) {
        char line[CONTROL_LINE_MAX];
        va_list arguments;
        int length;

        va_start(arguments, format);
        length = vsnprintf(line, sizeof(line) - 1, format, arguments);
        va_end(arguments);
        if (length < 0)
                length = 0;
        if ((size_t) length > sizeof(line) - 2)
                length = sizeof(line) - 2;
        line[length] = '\n';
        (void) send(client->socket, line, (size_t) length + 1, MSG_NOSIGNAL);
}

static bool number_read(const char *text, int base, unsigned long most, unsigned long *ret) {
        char *end;

        if (!text || *text == '\0' || *text == '-')
                return false;
        errno = 0;
        *ret = strtoul(text, &end, base);
        return errno == 0 && *end == '\0' && *ret <= most;
}

static void control_insert(Control *control, ControlClient *client, Slot *slot, char **words) {
        int r = words[1] ? slot_insert(slot, words[1]) : -EINVAL;

        (void) control;
        if (r < 0)
                reply(client, "error %s: %s", words[1] ? words[1] : "insert FILE", strerror(-r));
        else
                reply(client, "ok");
}

static void control_remove(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) words;
        if (!slot->card)
                return reply(client, "error no card");
        slot_remove(slot);
        reply(client, "ok");
}

static void control_power(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) words;
        slot_power(slot);
        reply(client, "ok");
}

static void control_state(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) words;
        if (slot->card)
                reply(client, "ok inserted %s", slot->card->path);
        else
                reply(client, "ok empty");
}

static void control_wait_removed(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) slot;
        (void) words;
        client->waits_for_removal = true; /* control_tell() answers, at once where there is no card */
}

static void control_apdu_count(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) words;
        reply(client, "ok %lu", slot->count);
}

static void order(ControlClient *client, Mishap *mishap, char **words) {
        unsigned long in;

        if (!number_read(words[1], 10, 1000000, &in) ||
            (words[2] && strcmp(words[2], "before") != 0 && strcmp(words[2], "after") != 0))
                return reply(client, "error %s N [before|after]", words[0]);
        *mishap = (Mishap){ .in = in, .after = words[2] && strcmp(words[2], "after") == 0 };
        reply(client, "ok");
}

static void control_remove_at(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        order(client, &slot->removal, words);
}

static void control_unplug_at(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        order(client, &slot->unplugging, words);
}

static void control_hold_at(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        order(client, &slot->hold, words);
}

static void control_wait_held(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) slot;
        (void) words;
        client->waits_for_hold = true; /* control_tell() answers, at once where there is one */
}

static void control_release(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        (void) words;
        slot_release(slot);
        reply(client, "ok");
}

static void control_fail_at(Control *control, ControlClient *client, Slot *slot, char **words) {
        unsigned long in, status;

        (void) control;
        if (!number_read(words[1], 10, 1000000, &in) || !words[2] ||
            !number_read(words[2], 16, 0xFFFF, &status))
                return reply(client, "error fail-at N SW [ever]");
        slot->failure = (Mishap){ .in = in,
                                  .ever = words[3] && strcmp(words[3], "ever") == 0,
                                  .status = (Status) status };
        reply(client, "ok");
}

static void control_flip(Control *control, ControlClient *client, Slot *slot, char **words) {
        unsigned long id = 0, offset = 0;
        bool off = words[1] && strcmp(words[1], "off") == 0;

        (void) control;
        if (!off && (!number_read(words[1], 16, 0xFFFF, &id) || !number_read(words[2], 10, 65535, &offset)))
                return reply(client, "error flip ID OFFSET | flip off");
        slot->flip = (Flip){ .armed = !off, .id = (uint16_t) id, .offset = offset };
        if (slot->card)
                slot->card->flip = slot->flip;
        reply(client, "ok");
}

static void control_delay(Control *control, ControlClient *client, Slot *slot, char **words) {
        unsigned long delay;

        (void) control;
        if (!number_read(words[1], 10, 10000, &delay))
                return reply(client, "error delay MS");
        slot->delay = (unsigned) delay;
        reply(client, "ok");
}

static void control_repeat(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        slot->repeats = !words[1] || strcmp(words[1], "off") != 0;
        if (slot->card)
                slot->card->repeats = slot->repeats;
        reply(client, "ok");
}

static void control_mute(Control *control, ControlClient *client, Slot *slot, char **words) {
        bool mute = !words[1] || strcmp(words[1], "off") != 0;

        (void) control;
        if (!slot->plug || plug_mark(slot->plug, "mute", slot->reader, mute) < 0)
                return reply(client, "error the reader's driver cannot be told");
        reply(client, "ok");
}

static void control_trace(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) control;
        if (!words[1])
                return reply(client, "error trace FILE | trace off");
        if (slot->trace)
                fclose(slot->trace);
        slot->trace = strcmp(words[1], "off") == 0 ? NULL : fopen(words[1], "ae");
        if (!slot->trace && strcmp(words[1], "off") != 0)
                return reply(client, "error %s: %s", words[1], strerror(errno));
        reply(client, "ok");
}

static void control_quit(Control *control, ControlClient *client, Slot *slot, char **words) {
        (void) slot;
        (void) words;
        control->quit = true;
        reply(client, "ok");
}

static const struct {
        const char *name;
        void (*run)(Control *control, ControlClient *client, Slot *slot, char **words);
} commands[] = {
        { "insert", control_insert },
        { "power", control_power },
        { "remove", control_remove },
        { "state", control_state },
        { "wait-removed", control_wait_removed },
        { "apdu-count", control_apdu_count },
        { "remove-at", control_remove_at },
        { "unplug-at", control_unplug_at },
        { "hold-at", control_hold_at },
        { "wait-held", control_wait_held },
        { "release", control_release },
        { "repeat", control_repeat },
        { "fail-at", control_fail_at },
        { "flip", control_flip },
        { "delay", control_delay },
        { "mute", control_mute },
        { "trace", control_trace },
        { "quit", control_quit },
};

static void run_line(Control *control, ControlClient *client, Slot *slot, char *line) {
        char *words[5] = { NULL }, *rest = line; /* the last stays NULL */

        for (size_t i = 0; i < 4 && rest; i++) {
                words[i] = strsep(&rest, " ");
                if (words[i][0] == '\0')
                        words[i] = NULL;
        }
        for (size_t i = 0; words[0] && i < sizeof(commands) / sizeof(commands[0]); i++)
                if (strcmp(commands[i].name, words[0]) == 0)
                        return commands[i].run(control, client, slot, words);
        reply(client, "error unknown command");
}

static void client_serve(Control *control, ControlClient *client, Slot *slot) {
        ssize_t n =
                recv(client->socket, client->line + client->length, sizeof(client->line) - client->length, 0);
        char *end;

        if (n <= 0)
                return hang_up(client);
        client->length += (size_t) n;
        while ((end = memchr(client->line, '\n', client->length))) {
                size_t used = (size_t) (end - client->line) + 1;

                *end = '\0';
                run_line(control, client, slot, client->line);
                client->length -= used;
                memmove(client->line, client->line + used, client->length);
        }
        if (client->length == sizeof(client->line))
                hang_up(client);
}

static void client_accept(Control *control) {
        int socket = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);

        if (socket < 0)
                return;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                if (control->clients[i].socket < 0) {
                        control->clients[i].socket = socket;
                        return;
                }
        close(socket);
}

int control_listen(Control *control, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        *control = (Control){ .listener = -1 };
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                control->clients[i].socket = -1;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (control->listener < 0)
                return -errno;
        unlink(path);
        if (bind(control->listener, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(control->listener, CONTROL_CLIENTS_MAX) < 0)
                return -errno;
        return 0;
}

void control_watch(const Control *control, struct pollfd *watched) {
        watched[0] = (struct pollfd){ .fd = control->listener, .events = POLLIN };
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                watched[i + 1] = (struct pollfd){ .fd = control->clients[i].socket, .events = POLLIN };
}

void control_serve(Control *control, const struct pollfd *watched, Slot *slot) {
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                if (watched[i + 1].fd >= 0 && watched[i + 1].revents != 0)
                        client_serve(control, &control->clients[i], slot);
        if (watched[0].revents != 0)
                client_accept(control);
}

void control_tell(Control *control, const Slot *slot) {
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                ControlClient *client = &control->clients[i];

                if (client->socket >= 0 &&
                    ((client->waits_for_removal && !slot->card) || (client->waits_for_hold && slot->held))) {
                        client->waits_for_removal = client->waits_for_hold = false;
                        reply(client, "ok");
                }
        }
}
