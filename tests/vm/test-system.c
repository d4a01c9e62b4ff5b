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
        vm_run(vm, "until_is 30 reader_is left blank && reader_knows_its_device left left");
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

typedef struct Pulled {
        const char *state, *reader;
        unsigned at;    /* the APDU that is held meanwhile, of those from then on; 0: none is sent */
        unsigned count; /* of the record by then */
} Pulled;

/* APDUs as of this profile. While a job is extracting and recording it needs no reader. */
static const Pulled pulled[] = {
        { "waiting-for-card", "left", 0, 1 },   { "reading", "left", 2, 1 },
        { "waiting-for-blank", "right", 0, 2 }, { "waiting-for-blank", "right", 3, 2 },
        { "writing", "right", 14, 2 },          { "writing", "right", 22, 2 },
        { "verifying", "right", 31, 2 },
};

/* Leaves the reissue of the card in "left" in that state, with the card of that reader held in the midst of an APDU. */
static void bring_to(Vm *vm, const Pulled *moment, const char *old, const char *blank, unsigned job) {
        if (moment->at > 0)
                vm_card(vm, moment->reader, "hold-at %u", moment->at);
        if (strcmp(moment->state, "waiting-for-card") != 0)
                vm_insert(vm, "left", old);
        if (strcmp(moment->reader, "right") == 0 && moment->at > 0) {
                vm_run(vm, "until_is 60 job_is %u waiting-for-blank", job);
                vm_insert(vm, "right", blank);
        }
        if (moment->at > 0)
                vm_card(vm, moment->reader, "wait-held");
        vm_run(vm, "until_is 60 job_is %u %s", job, moment->state);
}

START_TEST(a_reader_pulled_out_at_any_state_is_waited_for)
{
        const Pulled *moment = pulled + _i;
        Vm *vm = system_vm();
        char id[16], serial[32];
        const char *old, *blank;
        unsigned job;

        snprintf(id, sizeof(id), "004201%02d", _i);
        snprintf(serial, sizeof(serial), "04040404040404%02d", _i);
        vm_plug(vm, "left");
        old = system_issue(vm, "left", id, serial);
        snprintf(serial, sizeof(serial), "06060606060606%02d", _i);
        blank = vm_blank(vm, "staff-v1", serial);
        vm_remove(vm, "left");
        vm_plug(vm, "right");
        vm_run(vm, "until_is 60 reader_is left empty && until_is 60 reader_is right empty");
        vm_run(vm, "icreissuectl request staff-v1 %s --reason worn", id);
        job = (unsigned) atoi(vm_run(vm, "icreissuectl reissue left right --no-wait"));
        ck_assert_uint_gt(job, 0);

        bring_to(vm, moment, old, blank, job);
        vm_unplug(vm, moment->reader);
        vm_run(vm, "until_is 60 reader_is_gone %s && until_is 60 job_waits_with %u NoReader", moment->reader,
               job);
        vm_run(vm, "record_says staff-v1 %s unissued %u", id, moment->count);
        vm_plug(vm, moment->reader);
        if (strcmp(moment->state, "waiting-for-card") == 0)
                vm_insert(vm, "left", old);
        if (strcmp(moment->reader, "left") == 0 || moment->at == 0) {
                vm_run(vm, "until_is 60 job_is %u waiting-for-blank", job);
                vm_insert(vm, "right", blank);
        }
        vm_run(vm, "until_is 80 job_is %u done && record_says staff-v1 %s issued 2", job, id);
        vm_run(vm, "[ \"$(icreissuectl read right)\" = 'staff-v1 %s' ]", id);
        vm_run(vm, "icreissuectl --json job show %u | grep -q '\"spoiled\": \\[\\]'", job);
}
END_TEST

START_TEST(pcscd_killed_while_a_card_is_written_is_back_and_so_is_the_job)
{
        Vm *vm = system_vm();
        unsigned issue;

        vm_run(vm, "systemctl start icreissue");
        system_enrol(vm, "00420007");
        vm_plug(vm, "right");
        vm_insert(vm, "right", vm_blank(vm, "staff-v1", "0707070707070707"));
        vm_run(vm, "until_is 60 reader_is right blank");
        vm_card(vm, "right", "hold-at 12");
        issue = vm_start(vm, "icreissuectl issue staff-v1 00420007 right");
        vm_card(vm, "right", "wait-held");
        vm_run(vm, "systemctl kill --signal=KILL pcscd.service");
        vm_card(vm, "right", "release");
        ck_assert_int_eq(vm_finish(vm, issue, NULL), 0);
        vm_run(vm, "record_says staff-v1 00420007 issued 1");
        vm_expect(vm, "systemctl show -P NRestarts icreissue", "0");
        vm_expect(vm, "icreissuectl read right", "staff-v1 00420007");
}
END_TEST

START_TEST(who_is_needed_by_nobody_leaves_and_comes_back_when_called)
{
        Vm *vm = system_vm();

        system_configure(vm, "idle-exit: 3\n");
        vm_run(vm,
               "systemctl start icreissue && until_is 60 has_no_name && until_is 30 is_in_state icreissue inactive");
        vm_expect(vm, "systemctl show -P Result icreissue", "success");
        vm_expect(vm, "systemctl show -P NRestarts icreissue", "0");
        vm_run(vm, "busctl get-property $service $root $service Version && systemctl is-active icreissue");

        /* Who stays on the bus is a client: six seconds of silence, and it has not stopped. */
        vm_run(vm, "until_is 60 has_no_name && until_is 30 is_in_state icreissue inactive");
        vm_run(vm,
               "coproc LISTENER { exec icreissuectl monitor; }; said() { read -r -t $1 line <&\"${LISTENER[0]}\"; };"
               " said 30 && busctl get-property $service $root $service Version && said 30 &&"
               " id=$(systemctl show -P InvocationID icreissue) && while said 6; do echo \"$line\"; done;"
               " [ \"$id\" = \"$(systemctl show -P InvocationID icreissue)\" ] && has_name && kill \"$LISTENER_PID\" &&"
               " until_is 60 has_no_name");
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

        vm_run(vm, "systemctl start icreissue");
        vm_plug(vm, "left");
        system_issue(vm, "left", "00420008", "0808080808080808");
        vm_unplug(vm, "left");
        vm_run(vm, "until_is 30 reader_is_gone left && journalctl --sync");
        vm_run(vm,
               "journal_explains 7ba5ac65845c47d8a692e03c8f352d26 'icreissue is running and takes requests on"
               " the system bus'");
        vm_run(vm,
               "journal_explains c800b05b65504d2f82e674357b381812 'The reader left can be used now' ICREISSUE_READER=left");
        vm_run(vm,
               "journal_explains 626b34ce742545b38209574483d13b21 'The reader left is gone' ICREISSUE_READER=left");
        vm_run(vm,
               "journal_explains 3c05660e03b34dfd9032fb7985d76811 'has done all it had to do' ICREISSUE_CARD_TYPE=staff-v1");
        vm_run(vm,
               "ids=$(journalctl --no-pager -o cat --output-fields=MESSAGE_ID _COMM=icreissued | sort -u) &&"
               " [ -n \"$ids\" ] && for id in $ids; do journalctl --list-catalog $id | grep icreissue || exit 1; done");
        vm_run(vm,
               "! journalctl --no-pager -o verbose -u icreissue | grep -E 'S0000042|87654321|00112233|00420008'");
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
                { a_reader_pulled_out_at_any_state_is_waited_for, sizeof(pulled) / sizeof(pulled[0]) },
                { pcscd_killed_while_a_card_is_written_is_back_and_so_is_the_job, 1 },
                { who_is_needed_by_nobody_leaves_and_comes_back_when_called, 1 },
                { polkit_knows_who_sits_at_the_screen, 1 },
                { the_journal_explains_what_has_happened, 1 },
                { branches_find_the_centre_at_systemds_socket, 1 },
                { a_branch_calls_its_centre_through_a_unit_of_its_own, 1 },
        };

        return system_run("system", tests, sizeof(tests) / sizeof(tests[0]));
}
