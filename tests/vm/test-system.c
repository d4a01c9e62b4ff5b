/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service on a booted system: systemd, udev, polkit and the journal as they are, and USB readers. */
#include "tests/vm/system.h"

#include <stdio.h>
#include <string.h>

START_TEST(the_installed_service_runs_with_a_key_of_its_own)
{
        Vm *vm = system_vm();

        vm_run(vm, "systemctl start icreissue");
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
        vm_run(vm,
               "grep -q \"^Uid:.*$(id -u icreissue)\" /proc/$(systemctl show -P MainPID icreissue)/status");
}
END_TEST

START_TEST(a_reader_that_is_plugged_in_starts_the_service)
{
        Vm *vm = system_vm();

        vm_run(vm, "systemctl start pcscd.socket; systemctl stop icreissue; until_is 30 has_no_name");
        vm_insert(vm, "left", vm_blank(vm, "staff-v1", "0000000000000001"));
        vm_plug(vm, "left");
        vm_run(vm, "until_is 60 is_in_state icreissue active && has_name"); /* and nobody has called it */
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

/* Reads "source", takes the blank from "target", by itself. */
START_TEST(plugging_the_readers_in_is_all_there_is_to_a_reissue)
{
        Vm *vm = system_vm();

        system_configure(vm, "automatic: yes\n");
        vm_plug(vm, "left");
        system_issue(vm, "left", "00420002", "0202020202020202");
        vm_run(vm, "icreissuectl request staff-v1 00420002 --reason worn");
        vm_unplug(vm, "left");
        vm_run(vm, "until_is 30 reader_is_gone left; systemctl stop icreissue; until_is 30 has_no_name");

        vm_insert(vm, "right", vm_blank(vm, "staff-v1", "0303030303030303"));
        vm_plug(vm, "left");
        vm_plug(vm, "right");
        vm_run(vm, "until_is 80 record_says staff-v1 00420002 issued 2");
        vm_expect(vm, "icreissuectl read right", "staff-v1 00420002");
}
END_TEST

/* APDUs on the blank from the first look at it to the last one of the comparison, as of this profile. */
START_TEST(a_reader_pulled_out_at_any_state_is_waited_for)
{
        static const unsigned moments[] = { 3, 9, 16, 24 };
        Vm *vm = system_vm();
        unsigned at = moments[_i], issue;
        char id[16], serial[32];

        snprintf(id, sizeof(id), "004201%02u", at);
        snprintf(serial, sizeof(serial), "04040404040404%02u", at);
        vm_run(vm, "systemctl start icreissue");
        system_enrol(vm, id);
        vm_plug(vm, "right");
        vm_insert(vm, "right", vm_blank(vm, "staff-v1", serial));
        vm_run(vm, "until_is 60 reader_is right blank");
        vm_card(vm, "right", "hold-at %u", at);
        issue = vm_start(vm, "icreissuectl issue staff-v1 %s right", id);
        vm_card(vm, "right", "wait-held");
        vm_unplug(vm, "right");
        vm_run(vm,
               "until_is 60 reader_is_gone right && icreissuectl jobs && record_says staff-v1 %s unissued 1",
               id);
        vm_plug(vm, "right");
        ck_assert_int_eq(vm_finish(vm, issue, NULL), 0);
        vm_run(vm, "record_says staff-v1 %s issued 1 && [ \"$(icreissuectl read right)\" = 'staff-v1 %s' ]",
               id, id);
}
END_TEST

START_TEST(who_is_needed_by_nobody_leaves_and_comes_back_when_called)
{
        Vm *vm = system_vm();

        system_configure(vm, "idle-exit: 2\n");
        vm_run(vm,
               "systemctl start icreissue && until_is 60 has_no_name && until_is 30 is_in_state icreissue inactive");
        vm_expect(vm, "systemctl show -P Result icreissue", "success");
        vm_expect(vm, "systemctl show -P NRestarts icreissue", "0");
        vm_run(vm, "busctl get-property $service $root $service Version && systemctl is-active icreissue");

        /* Who stays on the bus is a client. */
        vm_run(vm,
               "coproc LISTENER { exec icreissuectl monitor; }; read -r line <&\"${LISTENER[0]}\" &&"
               " id=$(systemctl show -P InvocationID icreissue) && read -r -t 6 line <&\"${LISTENER[0]}\";"
               " kill \"$LISTENER_PID\"; [ \"$id\" = \"$(systemctl show -P InvocationID icreissue)\" ] && has_name");
}
END_TEST

/* A session at the screen, as login(1) makes one: active, on the seat's first terminal. */
#define AT_THE_SCREEN \
        "systemd-run --quiet --wait --pipe --collect --uid=clerk -p PAMName=login -p TTYPath=/dev/tty1 " \
        "-E XDG_SEAT=seat0 -E XDG_VTNR=1 -E XDG_SESSION_TYPE=tty -E XDG_SESSION_CLASS=user "

START_TEST(polkit_knows_who_sits_at_the_screen)
{
        Vm *vm = system_vm();

        vm_run(vm, "id clerk >/dev/null 2>&1 || useradd --create-home --shell /bin/bash clerk");
        vm_plug(vm, "left");
        system_issue(vm, "left", "00420003", "0505050505050505");
        vm_fails(vm, 4, "runuser -u clerk -- icreissuectl read left");
        vm_expect(vm, AT_THE_SCREEN "icreissuectl read left", "staff-v1 00420003");
        vm_fails(vm, 4, AT_THE_SCREEN "icreissuectl request staff-v1 00420003 --reason worn");

        vm_write(
                vm, "/etc/polkit-1/rules.d/10-desk.rules",
                "polkit.addRule(function(action, subject) {\n"
                "    if (action.id == 'org.example.ICReissue.request-reissue' && subject.user == 'clerk' &&\n"
                "        subject.active && action.lookup('type') == 'staff-v1')\n"
                "        return polkit.Result.YES;\n"
                "});\n");
        vm_run(vm, "chmod 644 /etc/polkit-1/rules.d/10-desk.rules && systemctl restart polkit");
        vm_fails(vm, 4, "runuser -u clerk -- icreissuectl request staff-v1 00420003 --reason worn");
        vm_run(vm, AT_THE_SCREEN "icreissuectl request staff-v1 00420003 --reason worn");
        vm_run(vm, "record_says staff-v1 00420003 unissued 1");
}
END_TEST

START_TEST(the_journal_explains_what_has_happened)
{
        Vm *vm = system_vm();

        vm_run(vm, "systemctl start icreissue && journalctl --sync");
        vm_run(vm, "journalctl --no-pager -x -u icreissue MESSAGE_ID=7ba5ac65845c47d8a692e03c8f352d26 |"
                   " grep -q 'icreissue is running and takes requests on the system bus'");
        vm_run(vm, "! journalctl --no-pager -u icreissue | grep -E 'S0000042|87654321|00112233'");
}
END_TEST

START_TEST(branches_find_the_centre_at_systemds_socket)
{
        Vm *vm = system_vm();

        vm_run(vm, "id harbour >/dev/null 2>&1 || useradd --groups icreissue-line harbour;"
                   " id stranger >/dev/null 2>&1 || useradd stranger");
        system_configure(vm,
                         "role: centre\nbranches:\n  - {name: harbour, account: harbour}\nidle-exit: 2\n");
        vm_run(vm, "systemctl start icreissue-centre.socket");
        vm_run(vm, "stat -c '%%a %%U %%G' /run/icreissue/centre.sock | grep -qx '660 root icreissue-line'");
        vm_run(vm,
               "! timeout 10 runuser -u stranger -- systemd-stdio-bridge -p unix:path=/run/icreissue/centre.sock");
        vm_run(vm, "has_no_name");
        vm_run(vm, "runuser -u harbour -- busctl --address=unix:path=/run/icreissue/centre.sock"
                   " --timeout=5 list >/dev/null 2>&1; until_is 60 has_name");
        /* And it may leave: systemd listens meanwhile. */
        vm_run(vm,
               "until_is 60 has_no_name && test -S /run/icreissue/centre.sock && systemctl stop icreissue-centre.socket");
}
END_TEST

START_TEST(a_branch_calls_its_centre_through_a_unit_of_its_own)
{
        Vm *vm = system_vm();

        vm_run(vm, "icreissuectl line setup harbour 127.0.0.1 >/dev/null");
        system_configure(vm, "role: branch\n");
        vm_run(vm, "systemctl start icreissue-line.socket icreissue && until_is 60 line_is_down");
        vm_run(vm,
               "journalctl --sync; journalctl --no-pager -u 'icreissue-line@*' | grep -q 'Connection refused'");
        vm_run(vm, "systemctl stop icreissue-line.socket; rm /etc/icreissue/line.conf");
}
END_TEST

int main(void) {
        const SystemTest tests[] = {
                { the_installed_service_runs_with_a_key_of_its_own, 1 },
                { the_service_is_locked_in, 1 },
                { a_reader_that_is_plugged_in_starts_the_service, 1 },
                { a_card_is_issued_and_read, 1 },
                { plugging_the_readers_in_is_all_there_is_to_a_reissue, 1 },
                { a_reader_pulled_out_at_any_state_is_waited_for, 4 },
                { who_is_needed_by_nobody_leaves_and_comes_back_when_called, 1 },
                { polkit_knows_who_sits_at_the_screen, 1 },
                { the_journal_explains_what_has_happened, 1 },
                { branches_find_the_centre_at_systemds_socket, 1 },
                { a_branch_calls_its_centre_through_a_unit_of_its_own, 1 },
        };

        return system_run("system", tests, sizeof(tests) / sizeof(tests[0]));
}
