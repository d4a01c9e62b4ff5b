/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissuectl as a person or a script runs it: the real program on the desk's bus, its output and its exit status. A
 * command that does not do what it is waited for fails the test (tests/desk/desk.h), with what it has printed. */
#ifndef TESTS_BUS_COMMAND_H
#define TESTS_BUS_COMMAND_H

#include <jansson.h>

#include "tests/bus/story.h"

/* A command line without the program's name, for the functions below. */
#define COMMAND(...) ((const char *const[]){ __VA_ARGS__, NULL })

typedef struct Command Command;

/* icreissuectl(1), EXIT STATUS. */
enum {
        DONE = 0,
        FAILED = 1,
        USAGE = 2,
        NOT_FOUND = 3,
        DENIED = 4,
        REFUSED = 5,
        CARD = 6,
        SERVICE = 7,
        UNREACHABLE = 8,
        INTERRUPTED = 130,
};

/* How a command is run; all zero: as root, without input, on the desk's bus. */
typedef struct CommandManner {
        const char *input; /* its standard input, at most some kilobytes; NULL: nothing */
        const char *bus;   /* DBUS_SYSTEM_BUS_ADDRESS; NULL: the desk's */
        uid_t user;
} CommandManner;

/* Starts it and goes on. manner may be NULL. */
Command *command_start(Desk *desk, const CommandManner *manner, const char *const *words);

/* Waits until it has printed that text, on either stream. */
void command_wait_text(Command *command, const char *text);

void command_signal(Command *command, int signal);

/* Waits for its end, by itself, and expects that exit status. */
void command_end(Command *command, int status);

/* Starts it and waits for its end, and for that exit status. */
Command *command_run(Desk *desk, int status, const CommandManner *manner, const char *const *words);

/* The same where nothing is asked about the output. */
void command_expect(Desk *desk, int status, const char *const *words);

/* What it has printed so far on standard output, and on standard error. The texts belong to the command. */
const char *command_output(Command *command);
const char *command_complaint(Command *command);

/* Expects a text, or its absence, in the output, or on standard error. */
void command_expect_output(Command *command, const char *text);
void command_expect_no(Command *command, const char *text);
void command_expect_complaint(Command *command, const char *text);

/* Expects that it has said nothing secret of the story's records and cards. */
void command_expect_no_secret(Command *command);

/* Standard output as one JSON document; the caller decrefs it. */
json_t *command_json(Command *command);

/* Standard output as JSON Lines, in an array. */
json_t *command_json_lines(Command *command);

/* A member's text; "(none)" where there is no such. Borrowed. */
const char *command_text(const json_t *object, const char *key);

/* Frees what has ended; NULL is allowed. */
void command_free(Command *command);

static inline void command_freep(Command **command) {
        command_free(*command);
}
#define _command_ __attribute__((cleanup(command_freep))) Command *

static inline void json_freep(json_t **json) {
        json_decref(*json);
}
#define _json_ __attribute__((cleanup(json_freep))) json_t *

#endif
