/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole machine: QEMU with a small Debian in it (make-image), systemd as its first process, and USB CCID readers that are
 * plugged in and out while it runs. What a test does in the machine it does by shell commands, as root, through a port
 * that an agent in the machine reads; guest.sh is sourced before each.
 *
 * What does not work fails the test (Check runs it without a process of its own): the end of the machine's journal and of
 * its console is printed then. From the environment: ICREISSUE_BUILD (card-sim; its tests/vm is /vm/build in the machine), ICREISSUE_SOURCE, ICREISSUE_VM_IMAGE (what
 * make-image has made), ICREISSUE_VM_PRODUCT (what `make install DESTDIR=` has made); and ICREISSUE_VM_TRACE=1 to see each command as it is run. */
#ifndef TESTS_VM_VM_H
#define TESTS_VM_VM_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

enum {
        VM_BOOT_SECONDS = 240,   /* without KVM, on a machine that has other things to do */
        VM_COMMAND_SECONDS = 90, /* what a command may take */
};

typedef struct Vm Vm;

/* Boots a machine with a disk of its own, which begins as the image. vm_close() takes all of it away. */
Vm *vm_open(void);
void vm_close(Vm *vm);

/* The power goes: QEMU is killed. Then: the machine is switched on again, with the disk as it was left. Readers are
 * unplugged, cards are out. */
void vm_cut_power(Vm *vm);
void vm_boot(Vm *vm);

/* ---- in the machine ---- */

/* Runs a shell command to its end, and expects exit status 0. Returns what it has printed, on either stream, without the
 * last newlines. The text belongs to the machine until the next call. */
const char *vm_run(Vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, expecting that exit status. */
const char *vm_fails(Vm *vm, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Starts a command beside the others; vm_finish() waits for its end, and returns its exit status, and its output in
 * *output, which may be NULL. */
unsigned vm_start(Vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vm_finish(Vm *vm, unsigned command, const char **output);

/* Runs a command that prints nothing else, and expects that text. */
void vm_expect(Vm *vm, const char *command, const char *text);

/* Writes a file in the machine, onto its disk. */
void vm_write(Vm *vm, const char *path, const char *text);

/* ---- readers and cards ---- */

/* Plugs a USB reader of that name in, or out; a card stays in it meanwhile. Its USB serial number is the name. The machine
 * hears of it in its own time. */
void vm_plug(Vm *vm, const char *reader);
void vm_unplug(Vm *vm, const char *reader);

/* A new blank (T=0: QEMU's reader knows no other); `kind` and `serial` (16 hexadecimal digits) as of tests/card-sim.
 * Returns its file, which belongs to the machine's directory. */
const char *vm_blank(Vm *vm, const char *kind, const char *serial);

void vm_insert(Vm *vm, const char *reader, const char *card);
void vm_remove(Vm *vm, const char *reader);

/* A line for the card's control socket (tests/card-sim/control.h), before the reader is ever plugged in too. Returns what
 * follows "ok", until the next call. */
const char *vm_card(Vm *vm, const char *reader, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Fails the test with what the machine has to say. */
void vm_fail(Vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
