/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A terminal on the desk, as a person has it: a pane of a tmux of its own, with a shell in it. Keys are typed into it, and
 * what is on the screen is waited for. tmux is spoken to in control mode, tmux(1): it says when a pane has printed
 * something, and then the screen is looked at again. What does not come before the desk's deadline fails the test, which
 * prints the screen. */
#ifndef TESTS_BUS_TERMINAL_H
#define TESTS_BUS_TERMINAL_H

#include "tests/bus/story.h"

typedef struct Terminal Terminal;

/* A shell; `icreissuectl` there is the one of the build. */
Terminal *terminal_open(Desk *desk, unsigned columns, unsigned rows);

/* Ends the shell and whatever runs in it. */
void terminal_close(Terminal *terminal);

/* Types text, or one key by its name in tmux: "Enter", "Down", "C-c". */
void terminal_type(Terminal *terminal, const char *text);
void terminal_key(Terminal *terminal, const char *key);

/* A line for the shell. */
void terminal_run(Terminal *terminal, const char *command);

void terminal_resize(Terminal *terminal, unsigned columns, unsigned rows);

/* Waits until the screen shows that text, or shows it no more. */
void terminal_wait(Terminal *terminal, const char *text);
void terminal_wait_gone(Terminal *terminal, const char *text);

/* The screen as text, a line for each row. It belongs to the terminal, until the next call. */
const char *terminal_screen(Terminal *terminal);

/* What tmux knows of the pane, e.g. "#{alternate_on}"; the same. */
const char *terminal_ask(Terminal *terminal, const char *format);

#endif
