/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines of a GPIO chip of the kernel, through libgpiod. */
#include "mill/lines.h"

#include <errno.h>
#include <gpiod.h>
#include <stdlib.h>

#define CONSUMER "icreissue-mill"

struct Lines {
        struct gpiod_chip *chip;
        struct gpiod_line *lines[_LINE_MAX]; /* requested; the chip's own */
};

static int flags_of(const LinesRequest *request, bool input) {
        static const int biases[] = {
                [BIAS_AS_IS] = 0,
                [BIAS_PULL_UP] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP,
                [BIAS_PULL_DOWN] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN,
                [BIAS_DISABLED] = GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE,
        };

        return (request->active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0) |
               (input ? biases[request->bias] : 0);
}

static int take(Lines *lines, const LinesRequest *request, LineName name) {
        struct gpiod_line *line;
        int r;

        if (request->numbers[name] < 0)
                return 0;

        line = gpiod_chip_get_line(lines->chip, (unsigned) request->numbers[name]);
        if (!line)
                return -errno;

        if (name == LINE_START)
                r = gpiod_line_request_output_flags(line, CONSUMER, flags_of(request, false), 0);
        else
                r = gpiod_line_request_both_edges_events_flags(line, CONSUMER, flags_of(request, true));
        if (r < 0)
                return -errno;

        lines->lines[name] = line;
        return 0;
}

int lines_open(const LinesRequest *request, Lines **ret) {
        Lines *lines = calloc(1, sizeof(*lines));
        int r;

        if (!lines)
                return -ENOMEM;

        lines->chip = gpiod_chip_open_lookup(request->chip);
        r = lines->chip ? 0 : -errno;
        for (LineName name = 0; name < _LINE_MAX && r >= 0; name++)
                r = take(lines, request, name);
        if (r < 0) {
                lines_close(lines);
                return r;
        }

        *ret = lines;
        return 0;
}

void lines_close(Lines *lines) {
        if (!lines)
                return;

        if (lines->lines[LINE_START]) /* what a released output does is the chip's own business */
                (void) gpiod_line_set_value(lines->lines[LINE_START], 0);
        if (lines->chip)
                gpiod_chip_close(lines->chip);
        free(lines);
}

int lines_start(Lines *lines, bool active) {
        return gpiod_line_set_value(lines->lines[LINE_START], active) < 0 ? -errno : 0;
}

int lines_level(Lines *lines, LineName line) {
        int level;

        if (!lines->lines[line])
                return 0;

        level = gpiod_line_get_value(lines->lines[line]);
        return level < 0 ? -errno : level;
}

int lines_descriptor(const Lines *lines, LineName line) {
        return lines->lines[line] ? gpiod_line_event_get_fd(lines->lines[line]) : -1;
}

int lines_change(Lines *lines, LineName line) {
        struct gpiod_line_event event;

        if (gpiod_line_event_read(lines->lines[line], &event) < 0)
                return -errno;

        return event.event_type == GPIOD_LINE_EVENT_RISING_EDGE;
}
