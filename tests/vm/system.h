/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of tests/vm have in common: the service installed as README.md tells its user, people who are enrolled,
 * cards that are issued to them. A machine is booted once for a whole program of tests, which run in their order. */
#ifndef TESTS_VM_SYSTEM_H
#define TESTS_VM_SYSTEM_H

#include "tests/vm/vm.h"

/* Installs `make install`'s files and what README.md says comes after, with the transport code of the staff cards, and
 * readers "left" and "right". */
void system_install(Vm *vm);

/* Writes the configuration: those readers, and these further lines. The service is not told. */
void system_configure(Vm *vm, const char *lines);

/* Enrols somebody with a staff badge (staff-v1) of that ID, whose record's flag says "unissued" then. */
void system_enrol(Vm *vm, const char *id);

/* Enrols, and issues the badge onto a new blank with that serial in that reader, which is plugged in. It stays there.
 * Returns its file. */
const char *system_issue(Vm *vm, const char *reader, const char *id, const char *serial);

typedef struct SystemTest {
        const TTest *test;
        int count; /* of its _i, from 0 */
} SystemTest;

/* Runs the tests with one machine, in their order; one that fails ends with the readers unplugged and the service
 * stopped, as each begins. Returns the exit status. */
int system_run(const char *name, const SystemTest *tests, size_t count);

/* The machine of the running program. */
Vm *system_vm(void);

#endif
