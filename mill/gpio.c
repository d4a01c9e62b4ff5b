/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mill on three lines of a GPIO chip: a pulse on the first starts it, the second says that the card is destroyed,
 * the third (if there is one) that it is stuck. Options: icreissue.yaml(5); the end: mill/protocol.h. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "mill/lines.h"
#include "mill/protocol.h"

enum {
        LINE_NUMBER_MAX = 1023,
        PULSE_DEFAULT = 500,
        PULSE_MIN = 1,
        PULSE_MAX = 10000, /* milliseconds */
        TIMEOUT_MAX = 600, /* seconds */
};

typedef struct Options {
        LinesRequest lines;
        long pulse;   /* milliseconds */
        long timeout; /* seconds, from the start of the pulse */
} Options;

/* --- options --- */

static bool read_number(const char *text, long minimum, long maximum, long *ret) {
        char *end;
        long number;

        errno = 0;
        number = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end || number < minimum || number > maximum)
                return false;

        *ret = number;
        return true;
}

static bool read_line(const char *text, int *ret) {
        long number;

        if (!read_number(text, 0, LINE_NUMBER_MAX, &number))
                return false;

        *ret = (int) number;
        return true;
}

static bool read_choice(const char *text, const char *const *choices, size_t count, size_t *ret) {
        for (*ret = 0; *ret < count; (*ret)++)
                if (strcmp(text, choices[*ret]) == 0)
                        return true;

        return false;
}

static bool read_option(Options *options, int option, const char *text) {
        static const char *const levels[] = { "high", "low" };
        static const char *const biases[] = { "as-is", "pull-up", "pull-down", "disabled" };
        size_t choice = 0;
        bool good;

        switch (option) {
        case 'c':
                options->lines.chip = text;
                return *text;
        case 's':
                return read_line(text, &options->lines.numbers[LINE_START]);
        case 'd':
                return read_line(text, &options->lines.numbers[LINE_DONE]);
        case 'j':
                return read_line(text, &options->lines.numbers[LINE_JAM]);
        case 'a':
                good = read_choice(text, levels, 2, &choice);
                options->lines.active_low = choice == 1;
                return good;
        case 'b':
                good = read_choice(text, biases, 4, &choice);
                options->lines.bias = (LineBias) choice;
                return good;
        case 'p':
                return read_number(text, PULSE_MIN, PULSE_MAX, &options->pulse);
        case 't':
                return read_number(text, 1, TIMEOUT_MAX, &options->timeout);
        default:
                return false;
        }
}

static bool read_options(int argc, char **argv, Options *ret) {
        static const struct option known[] = {
                { "chip", required_argument, NULL, 'c' },
                { "start", required_argument, NULL, 's' },
                { "done", required_argument, NULL, 'd' },
                { "jam", required_argument, NULL, 'j' },
                { "active", required_argument, NULL, 'a' },
                { "bias", required_argument, NULL, 'b' },
                { "pulse", required_argument, NULL, 'p' },
                { "time-out", required_argument, NULL, 't' },
                { NULL, 0, NULL, 0 },
        };
        const int *numbers = ret->lines.numbers;
        int option;

        *ret = (Options){ .lines = { .numbers = { -1, -1, -1 } }, .pulse = PULSE_DEFAULT };
        while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
                if (!read_option(ret, option, option == '?' ? "" : optarg))
                        return false;

        return optind == argc && ret->lines.chip && numbers[LINE_START] >= 0 && numbers[LINE_DONE] >= 0 &&
               ret->timeout > 0 && numbers[LINE_START] != numbers[LINE_DONE] &&
               numbers[LINE_START] != numbers[LINE_JAM] && numbers[LINE_DONE] != numbers[LINE_JAM] &&
               ret->pulse < ret->timeout * 1000;
}

/* --- the work --- */

static int64_t milliseconds(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether an input has become active. */
static int look(Lines *lines, LineName line, const struct pollfd *poll) {
        return poll->revents ? lines_change(lines, line) : 0;
}

/* Waits until the mill says how it ended, we are told to stop, or that moment. A jam counts more than what it says
 * besides. */
static int wait_for_end(Lines *lines, int signals, int64_t until, MillStatus *ret) {
        for (;;) {
                struct pollfd polls[] = {
                        { .fd = lines_descriptor(lines, LINE_DONE), .events = POLLIN },
                        { .fd = lines_descriptor(lines, LINE_JAM), .events = POLLIN },
                        { .fd = signals, .events = POLLIN },
                };
                int64_t left = until - milliseconds();
                int done, jammed, r;

                r = poll(polls, 3, left > 0 ? (int) left : 0);
                if (r < 0)
                        return -errno;
                if (r == 0)
                        return 0;

                jammed = look(lines, LINE_JAM, &polls[1]);
                done = look(lines, LINE_DONE, &polls[0]);
                if (jammed < 0 || done < 0)
                        return jammed < 0 ? jammed : done;

                if (jammed || done || polls[2].revents) {
                        *ret = jammed ? MILL_JAMMED : done ? MILL_DESTROYED : MILL_FAILED;
                        return 1;
                }
        }
}

/* The whole of the pulse is given even to a mill that is done before, unless it is stuck then, or we are told to stop. */
static int finish_pulse(Lines *lines, int signals, int64_t end, MillStatus *ret) {
        struct pollfd others[] = {
                { .fd = lines_descriptor(lines, LINE_JAM), .events = POLLIN },
                { .fd = signals, .events = POLLIN },
        };
        int64_t left = end - milliseconds();
        int jammed;

        if (poll(others, 2, left > 0 ? (int) left : 0) < 0)
                return -errno;

        jammed = look(lines, LINE_JAM, &others[0]);
        if (jammed > 0)
                *ret = MILL_JAMMED;
        return jammed < 0 ? jammed : 1;
}

static int pulse(Lines *lines, int signals, const Options *options, int64_t begin, MillStatus *ret) {
        int64_t end = begin + options->pulse;
        int ended, r;

        r = lines_start(lines, true);
        if (r < 0)
                return r;

        ended = wait_for_end(lines, signals, end, ret);
        if (ended > 0 && *ret == MILL_DESTROYED)
                ended = finish_pulse(lines, signals, end, ret);

        r = lines_start(lines, false);
        return r < 0 ? r : ended;
}

/* What has changed before it is started says nothing of this card: a contact that bounces, a mill that was just
 * switched on. */
static int forget_changes(Lines *lines) {
        for (LineName line = LINE_DONE; line < _LINE_MAX; line++) {
                struct pollfd waiting = { .fd = lines_descriptor(lines, line), .events = POLLIN };
                int r;

                while ((r = poll(&waiting, 1, 0)) > 0) {
                        r = lines_change(lines, line);
                        if (r < 0)
                                return r;
                }
                if (r < 0)
                        return -errno;
        }

        return 0;
}

static MillStatus run(Lines *lines, int signals, const Options *options) {
        int forgotten = forget_changes(lines), done = lines_level(lines, LINE_DONE),
            jammed = lines_level(lines, LINE_JAM), r;
        MillStatus status = MILL_SILENT;
        int64_t begin = milliseconds();

        if (forgotten < 0 || done < 0 || jammed < 0)
                return MILL_UNREACHABLE;

        if (done || jammed)
                return jammed ? MILL_JAMMED : MILL_NOT_READY;

        r = pulse(lines, signals, options, begin, &status);
        if (r == 0)
                r = wait_for_end(lines, signals, begin + (int64_t) options->timeout * 1000, &status);

        return r < 0 ? MILL_FAILED : status;
}

int main(int argc, char **argv) {
        Options options;
        MillStatus status;
        Lines *lines = NULL;
        sigset_t stop;
        int signals, r;

        if (!read_options(argc, argv, &options))
                return MILL_OPTIONS;

        /* A mill is not left running by whoever dies: neither by this program nor by the service. */
        sigemptyset(&stop);
        sigaddset(&stop, SIGTERM);
        sigaddset(&stop, SIGINT);
        sigprocmask(SIG_BLOCK, &stop, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        signals = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals < 0)
                return MILL_FAILED;

        r = lines_open(&options.lines, &lines);
        if (r < 0) {
                fprintf(stderr, "The lines of %s cannot be used: %s\n", options.lines.chip, strerror(-r));
                return MILL_UNREACHABLE;
        }

        status = run(lines, signals, &options);
        lines_close(lines);
        return status;
}
