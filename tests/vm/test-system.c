/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service on a booted system: systemd, udev, polkit and the journal as they are, and USB readers. */
#include "tests/vm/system.h"

#include <string.h>

START_TEST(the_installed_service_runs_with_a_key_of_its_own)
{
        Vm *vm = system_vm();

        vm_expect(vm, "systemctl is-active icreissue", "active");
        vm_expect(vm, "systemctl is-enabled icreissue", "enabled");
        vm_run(vm,
               "test -s /etc/credstore.encrypted/icreissue.issuance-key -o -s /etc/credstore/icreissue.issuance-key");
        vm_run(vm, "icreissuectl status");
}
END_TEST

START_TEST(the_service_is_locked_in)
{
        Vm *vm = system_vm();

        vm_run(vm, "systemctl start icreissue");
        vm_run(vm, "systemd-analyze security --no-pager --threshold=10 icreissue.service");
        vm_run(vm, "grep -q 'Seccomp:.*2' /proc/$(systemctl show -P MainPID icreissue)/status");
        vm_run(vm, "grep -q 'CapEff:.*0000000000000000' /proc/$(systemctl show -P MainPID icreissue)/status");
        vm_expect(vm, "stat -c %U /proc/$(systemctl show -P MainPID icreissue)", "root"); /* not dumpable */
        vm_expect(vm, "ps -o user= -p $(systemctl show -P MainPID icreissue)", "icreissue");
}
END_TEST

START_TEST(a_reader_that_is_plugged_in_starts_the_service)
{
        Vm *vm = system_vm();

        vm_run(vm, "systemctl start pcscd.socket; systemctl stop icreissue; until_is 30 has_no_name");
        vm_insert(vm, "left", vm_blank(vm, "staff-v1", NULL));
        vm_plug(vm, "left");
        vm_run(vm, "until_is 60 has_name");
        vm_expect(vm, "systemctl is-active icreissue", "active");
        vm_run(vm, "icreissuectl readers");
        vm_run(vm, "until_is 30 reader_is left blank");
        vm_unplug(vm, "left");
        vm_run(vm, "until_is 30 reader_is_gone left");
}
END_TEST

START_TEST(a_card_is_issued_and_read)
{
        Vm *vm = system_vm();

        vm_plug(vm, "left");
        system_issue(vm, "left", "00420001", "0101010101010101");
        vm_expect(vm, "icreissuectl read left", "staff-v1 00420001");
        vm_run(vm, "record_says staff-v1 00420001 issued 1");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                the_installed_service_runs_with_a_key_of_its_own,
                the_service_is_locked_in,
                a_reader_that_is_plugged_in_starts_the_service,
                a_card_is_issued_and_read,
        };

        return system_run("system", tests, sizeof(tests) / sizeof(tests[0]));
}
