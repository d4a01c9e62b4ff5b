/* SPDX-License-Identifier: GPL-3.0-or-later */
/* card-sim: one reader slot and the simulated card in it, driven by vpcd or QEMU on one side and by a test on the other;
 * or, with --new, a fresh blank in a file. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "family.h"
#include "hex.h"
#include "plug.h"
#include "slot.h"
#include "state.h"

typedef struct Options {
        const char *port, *qemu, *control, *plug, *reader; /* a slot */
        const char *kind, *file, *serial, *manner;         /* a new card */
} Options;

static int usage(void) {
        fputs("card-sim --port PORT --control SOCKET [--plug DIRECTORY --reader NUMBER]\n"
              "card-sim --qemu SOCKET --control SOCKET\n"
              "card-sim --new KIND FILE [--serial HEX] [--manner t0|t1|air]\n",
              stderr);
        return EXIT_FAILURE;
}

static int fail(const char *what, int error) {
        fprintf(stderr, "card-sim: %s: %s\n", what, strerror(error));
        return EXIT_FAILURE;
}

static int new_card(const Options *options) {
        uint8_t serial[CARD_SERIAL_LENGTH];
        int manner = options->manner ? manner_of(options->manner) : MANNER_T1;
        Card *card;
        int r;

        if (manner < 0)
                return usage();
        if (options->serial) {
                if (hex_read(options->serial, serial, sizeof(serial)) != (ssize_t) sizeof(serial))
                        return fail(options->serial, EINVAL);
        } else if (getrandom(serial, sizeof(serial), 0) != (ssize_t) sizeof(serial))
                return fail("a serial number", errno);

        r = family_blank(options->kind, (Manner) manner, serial, &card);
        if (r < 0)
                return fail(options->kind, -r);
        card->path = strdup(options->file);
        r = card->path ? state_save(card) : -ENOMEM;
        card_free(card);
        return r < 0 ? fail(options->file, -r) : EXIT_SUCCESS;
}

/* Forgets the datagrams: each says only that the reader has got power. */
static void drain(int listener) {
        char text[16];

        while (recv(listener, text, sizeof(text), 0) >= 0)
                continue;
}

static int run(Slot *slot, Control *control, int power) {
        struct pollfd watched[2 + 1 + CONTROL_CLIENTS_MAX];

        while (!control->quit) {
                watched[0] = (struct pollfd){ .fd = slot->held ? -1 : slot->line, .events = POLLIN };
                watched[1] = (struct pollfd){ .fd = power, .events = POLLIN };
                control_watch(control, watched + 2);
                if (poll(watched, sizeof(watched) / sizeof(watched[0]), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return fail("poll", errno);
                }
                if (watched[0].fd >= 0 && watched[0].revents != 0)
                        slot_serve(slot);
                if (watched[1].revents != 0) {
                        drain(power);
                        slot_power(slot);
                }
                control_serve(control, watched + 2, slot);
                control_tell(control, slot);
        }
        slot_remove(slot);
        return EXIT_SUCCESS;
}

static bool number_read(const char *text, unsigned long most, unsigned long *ret) {
        char *end;

        errno = 0;
        *ret = strtoul(text, &end, 0);
        return *text != '\0' && *end == '\0' && errno == 0 && *ret <= most;
}

static int serve(const Options *options) {
        Slot slot = { .line = -1, .plug = options->plug, .qemu = options->qemu };
        unsigned long port = 0, reader = 0;
        Control control;
        int r, power = -1;

        if ((options->port && !number_read(options->port, 65535, &port)) ||
            (options->reader && !number_read(options->reader, PLUG_READERS_MAX - 1, &reader)))
                return usage();
        slot.port = (uint16_t) port;
        slot.reader = (unsigned) reader;
        if (slot.plug) {
                power = plug_listen(slot.plug, "card", slot.reader);
                if (power < 0)
                        return fail(slot.plug, -power);
        }
        r = control_listen(&control, options->control);
        if (r < 0)
                return fail(options->control, -r);
        signal(SIGPIPE, SIG_IGN);
        puts("ready");
        fflush(stdout);
        return run(&slot, &control, power);
}

int main(int argc, char **argv) {
        static const struct option known[] = {
                { "port", required_argument, NULL, 'p' },
                { "qemu", required_argument, NULL, 'q' },
                { "control", required_argument, NULL, 'c' },
                { "plug", required_argument, NULL, 'd' },
                { "reader", required_argument, NULL, 'r' },
                { "new", required_argument, NULL, 'n' },
                { "serial", required_argument, NULL, 's' },
                { "manner", required_argument, NULL, 'm' },
                {},
        };
        Options options = {};
        int option;

        while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
                switch (option) {
                case 'p':
                        options.port = optarg;
                        break;
                case 'q':
                        options.qemu = optarg;
                        break;
                case 'c':
                        options.control = optarg;
                        break;
                case 'd':
                        options.plug = optarg;
                        break;
                case 'r':
                        options.reader = optarg;
                        break;
                case 'n':
                        options.kind = optarg;
                        break;
                case 's':
                        options.serial = optarg;
                        break;
                case 'm':
                        options.manner = optarg;
                        break;
                default:
                        return usage();
                }

        if (options.kind) {
                options.file = argv[optind];
                return options.file && optind + 1 == argc ? new_card(&options) : usage();
        }
        return !options.port != !options.qemu && options.control && optind == argc ? serve(&options)
                                                                                   : usage();
}
