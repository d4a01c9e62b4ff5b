/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of tests/vm share about a machine. */
#ifndef TESTS_VM_INSIDE_H
#define TESTS_VM_INSIDE_H

#include <jansson.h>
#include <stdint.h>

#include "tests/vm/vm.h"

#define VM_READERS_MAX  4
#define VM_CARDS_MAX    64
#define VM_COMMANDS_MAX 64
#define VM_PATH_MAX     100 /* of a socket in the machine's directory */

/* A stream of lines from the machine, or from a card. */
typedef struct Stream {
        int socket; /* -1: none */
        char *buffer;
        size_t length, allocated;
} Stream;

typedef struct VmReader {
        char name[16];
        pid_t simulator;
        Stream control;
        bool plugged;
} VmReader;

typedef struct VmCommand {
        bool ended;
        int status;
        char *output;
} VmCommand;

struct Vm {
        char directory[64];
        pid_t janitor;
        int janitor_pipe; /* closed when the machine is */
        pid_t qemu;
        bool running;
        int64_t begun; /* on the clock of now_ms() */
        Stream agent, qmp;
        char deleted[32];                    /* the device that QEMU has said last to be gone */
        VmCommand commands[VM_COMMANDS_MAX]; /* of this boot, by their number's remainder */
        unsigned command_count;
        VmReader readers[VM_READERS_MAX];
        unsigned reader_count, slots;
        char *cards[VM_CARDS_MAX]; /* their files */
        unsigned card_count;
        char *text; /* the last answer */
};

/* A name in the machine's directory, in a buffer of VM_PATH_MAX bytes. */
void vm_path(const Vm *vm, const char *name, char path[static VM_PATH_MAX]);

/* The next line without its newline, owned by the caller. NULL when the other end has hung up or the time, in
 * milliseconds of the monotonic clock, has come. */
char *stream_line(Stream *stream, int64_t until);
bool stream_write(Stream *stream, const char *bytes, size_t length);
void stream_close(Stream *stream);
int64_t now_ms(void);

/* In so many seconds; times CK_TIMEOUT_MULTIPLIER of the environment, for a machine that is busy with other things. */
int64_t vm_deadline(unsigned seconds);

/* Starts a program that ends with the test; its output is appended to that file of the machine's directory, or, where
 * `output` is given, its standard output comes there. */
pid_t vm_start_program(Vm *vm, const char *log, int *output, char *const *arguments);

/* A stream socket listening at that name, and the one connection to it. */
int vm_listen(Vm *vm, const char *name);
int vm_accept(Vm *vm, int listener, const char *who);

/* Executes a command of QEMU's machine protocol and waits for its answer; the reference to the arguments is taken. */
void qmp_execute(Vm *vm, const char *command, json_t *arguments);
void qmp_greet(Vm *vm);

/* Waits until that device is gone, which QEMU tells after the answer to device_del, or before it. */
void qmp_wait_deleted(Vm *vm, const char *device);

void readers_close(Vm *vm);

#endif
