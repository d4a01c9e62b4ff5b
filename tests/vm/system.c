/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Installing, enrolling, issuing. */
#include "tests/vm/system.h"

#include <stdio.h>
#include <string.h>

#include "tests/vm/inside.h"

static Vm *machine; /* booted before the first test of the program, for all of them */

Vm *system_vm(void) {
        return machine;
}

void system_configure(Vm *vm, const char *lines) {
        char text[4096];

        /* libccid's reader names end with the USB port. */
        snprintf(text, sizeof(text),
                 "readers:\n"
                 "  - {name: left, match: \"*(left)*\"}\n"
                 "  - {name: right, match: \"*(right)*\"}\n"
                 "%s",
                 lines);
        vm_write(vm, "/etc/icreissue/icreissue.yaml", text);
}

void system_install(Vm *vm) {
        /* `make install`, by tar: /lib is a link here. */
        vm_run(vm, "tar -C /vm/product -c . | tar -C / -x --keep-directory-symlink");
        /* A library that make-image does not install is named at once. */
        vm_run(vm,
               "! ldd /usr/bin/icreissuectl /usr/libexec/icreissue-[nr]* /usr/libexec/icreissued /usr/libexec/icreissue/mill/* | grep 'not found'");
        vm_run(vm, "systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload &&"
                   " udevadm control --reload");
        vm_run(vm, "journalctl --update-catalog");
        vm_run(vm, "install -d -m 700 /etc/credstore && echo 'staff-transport: \"3132333435363738\"' |"
                   " install -m 600 /dev/stdin /etc/credstore/icreissue.key-ring");
        system_configure(vm, "");
        vm_run(vm, "systemctl reload dbus && systemctl enable --now icreissue && sync");
}

void system_enrol(Vm *vm, const char *id) {
        vm_run(vm,
               "icreissuectl record put - <<<'{\"type\": \"staff-v1\", \"id\": \"%s\", \"fields\": {\"holder\": "
               "\"Ada\", \"number\": \"S0000042\", \"expiry\": \"291231\", \"zone\": \"B2-LAB\", \"access-key\": "
               "\"00112233445566778899AABBCCDDEEFF\", \"pin\": \"87654321\"}}'",
               id);
}

const char *system_issue(Vm *vm, const char *reader, const char *id, const char *serial) {
        const char *card = vm_blank(vm, "staff-v1", serial);

        system_enrol(vm, id);
        vm_insert(vm, reader, card);
        vm_run(vm, "until_is 30 reader_is %s blank && icreissuectl issue staff-v1 %s %s", reader, id, reader);
        return card;
}

/* From a test to the next one nothing is left but the files. */
static void settle(void) {
        Vm *vm = machine;

        for (unsigned i = 0; i < vm->reader_count; i++) {
                VmReader *reader = vm->readers + i;

                if (reader->plugged)
                        vm_unplug(vm, reader->name);
                if (strncmp(vm_card(vm, reader->name, "state"), "empty", 5) != 0)
                        vm_remove(vm, reader->name);
        }
        vm_run(vm,
               "systemctl stop icreissue; systemctl reset-failed icreissue 2>/dev/null; until_is 30 is_in_state "
               "icreissue inactive");
        system_configure(vm, "");
}

static void open_machine(void) {
        machine = vm_open();
        system_install(machine);
}

static void close_machine(void) {
        vm_close(machine);
        machine = NULL;
}

int system_run(const char *name, const SystemTest *tests, size_t count) {
        Suite *suite = suite_create(name);
        TCase *group = tcase_create(name);
        SRunner *runner;
        int failed;

        tcase_set_timeout(group, 0);
        tcase_add_unchecked_fixture(group, open_machine, close_machine);
        tcase_add_checked_fixture(group, settle, NULL); /* before: a test that fails goes nowhere else */
        for (size_t i = 0; i < count; i++)
                tcase_add_loop_test(group, tests[i].test, 0, tests[i].count);
        suite_add_tcase(suite, group);
        runner = srunner_create(suite);
        /* The machine is one for all of them, and what is known of it. */
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        close_machine();
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
