/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card mill, played by a test: what the gpio helper with tests/desk/mill-lines.c is connected to. What does not
 * come within half a minute fails the test. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>

typedef struct Machine {
        int listening;
        int start, done, jam; /* of the helper that runs; -1 */
} Machine;

/* At that path; nothing else may be there. */
void machine_open(Machine *machine, const char *path);
void machine_close(Machine *machine);

/* A helper has taken the lines, which have these levels. */
void machine_accept(Machine *machine, bool with_jam, bool done, bool jam);
/* The same, and none is active; but while they are taken, the contact of the done line bounces. */
void machine_accept_bouncing(Machine *machine);
/* Whether none comes for that many milliseconds. */
bool machine_is_left_alone(const Machine *machine, int milliseconds);

/* Waits until the start line has that level; at a helper's end it is inactive, last. */
void machine_expect_start(Machine *machine, bool active);
/* The helper has let the lines go. */
void machine_expect_end(Machine *machine);

/* What was said has been heard when this returns; a helper that has ended need not. */
void machine_say_done(Machine *machine);
void machine_say_jammed(Machine *machine);

#endif
