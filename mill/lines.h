/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The three lines of a mill, as the gpio helper works with them: levels are logical, what is active is the implementation's
 * (lines.c: libgpiod). All functions return 0 or a negative errno. */
#ifndef ICREISSUE_MILL_LINES_H
#define ICREISSUE_MILL_LINES_H

#include <stdbool.h>

typedef struct Lines Lines;

typedef enum LineName {
        LINE_START, /* out: starts the mill */
        LINE_DONE,  /* in: the card is destroyed */
        LINE_JAM,   /* in: it is stuck */
        _LINE_MAX,
} LineName;

typedef enum LineBias {
        BIAS_AS_IS,
        BIAS_PULL_UP,
        BIAS_PULL_DOWN,
        BIAS_DISABLED,
} LineBias;

typedef struct LinesRequest {
        const char *chip;       /* its name, label, number or path in /dev */
        int numbers[_LINE_MAX]; /* on the chip; -1: there is no such line (LINE_JAM alone) */
        bool active_low;
        LineBias bias; /* of the inputs */
} LinesRequest;

/* Takes the lines, start inactive. */
int lines_open(const LinesRequest *request, Lines **ret);
/* Leaves start inactive. NULL is allowed. */
void lines_close(Lines *lines);

int lines_start(Lines *lines, bool active);
/* 1: active now, 0: not. */
int lines_level(Lines *lines, LineName line);
/* A descriptor that is readable when an input has changed; the line's own. -1 for one that is not there. */
int lines_descriptor(const Lines *lines, LineName line);
/* Takes one change from it: 1 when the line has become active, 0 when it has become inactive. */
int lines_change(Lines *lines, LineName line);

#endif
