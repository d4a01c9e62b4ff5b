/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands around the readers, on a booted system: a card mill on a GPIO chip, whose kernel driver, device and
 * udev rule are as they are with the real one (cp2112.c plays its USB side); somebody's desktop, with the user's own
 * systemd and bus; and a terminal on which polkit asks for a password. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/vm/system.h"

#define MILL \
        "mill:\n  helper: gpio\n  reader: left\n  time-out: 60\n" \
        "  options: {chip: cp2112_gpio, start: 2, done: 3, jam: 4}\n"

/* As icreissue.yaml(5) tells the administrator of a station that has one. */
static void install_mill(Vm *vm) {
        vm_run(vm,
               "cd /usr/share/icreissue &&"
               " install -D -m 644 -t /etc/systemd/system/icreissue.service.d gpio-mill.conf &&"
               " install -D -m 644 -t /etc/udev/rules.d 72-icreissue-gpio.rules &&"
               " udevadm control --reload && udevadm trigger --subsystem-match=gpio && systemctl daemon-reload");
        system_configure(vm, MILL);
}

static void plug_mill(Vm *vm, const char *manner) {
        vm_run(vm,
               "systemctl stop mill 2>/dev/null; modprobe uhid &&"
               " systemd-run --quiet --collect --unit=mill /vm/build/cp2112 %s && until_is 60 chip_is_the_services",
               manner);
}

static void take_mill_away(Vm *vm) {
        vm_run(vm,
               "systemctl stop mill; rm /etc/systemd/system/icreissue.service.d/gpio-mill.conf"
               " /etc/udev/rules.d/72-icreissue-gpio.rules; systemctl daemon-reload; udevadm control --reload");
}

/* A card in "left" that is to be reissued, and a blank in "right". */
static void lay_cards(Vm *vm, const char *id, const char *serial, const char *blank) {
        vm_plug(vm, "left");
        system_issue(vm, "left", id, serial);
        vm_insert(vm, "right", vm_blank(vm, "staff-v1", blank));
        vm_plug(vm, "right");
        vm_run(vm, "until_is 60 reader_is right blank");
        vm_run(vm, "icreissuectl request staff-v1 %s --reason worn", id);
}

START_TEST(the_old_card_is_destroyed_by_a_mill_on_a_gpio_chip)
{
        Vm *vm = system_vm();

        install_mill(vm);
        plug_mill(vm, "done");
        lay_cards(vm, "00430001", "1111111111111111", "2222222222222222");
        vm_run(vm, "icreissuectl reissue left right --discard");
        vm_run(vm, "mill_says milling && mill_says destroyed");
        vm_run(vm, "discarded_is 1111111111111111 'by mill' && record_says staff-v1 00430001 issued 2");
        vm_expect(vm, "icreissuectl read right", "staff-v1 00430001");

        /* What it took to reach the chip has opened nothing else. */
        vm_run(vm, "systemd-analyze security --no-pager --threshold=10 icreissue.service");
        vm_run(vm, "grep -q 'CapEff:.*0000000000000000' /proc/$(systemctl show -P MainPID icreissue)/status");
        take_mill_away(vm);
}
END_TEST

START_TEST(a_card_that_is_stuck_in_the_mill_is_left_to_be_destroyed_by_hand)
{
        Vm *vm = system_vm();
        int job;

        install_mill(vm);
        plug_mill(vm, "jam");
        lay_cards(vm, "00430002", "3333333333333333", "4444444444444444");
        job = atoi(vm_run(vm, "icreissuectl reissue left right --discard --no-wait"));
        vm_run(vm, "until_is 80 job_waits_with %d DiscardFailed && job_is %d discarding", job, job);
        vm_run(vm, "mill_says stuck && discarded_is 3333333333333333 'TO BE DESTROYED BY HAND'");
        vm_run(vm, "record_says staff-v1 00430002 issued 2");

        /* And who is asked once more when it is unplugged, says so. */
        vm_run(vm, "systemctl stop mill && icreissuectl job retry %d", job);
        vm_run(vm, "until_is 60 job_says %d 'cannot be reached' && job_waits_with %d DiscardFailed", job,
               job);
        vm_run(vm, "icreissuectl discarded confirm %d && until_is 30 job_is %d done", job, job);
        vm_run(vm, "discarded_is 3333333333333333 'by hand'");
        take_mill_away(vm);
}
END_TEST

static void know_clerk(Vm *vm) {
        vm_run(vm, "id clerk >/dev/null 2>&1 || useradd --create-home --shell /bin/bash clerk");
}

static void let_clerk_reissue(Vm *vm) {
        vm_write(vm, "/etc/polkit-1/rules.d/10-desk.rules",
                 "polkit.addRule(function(action, subject) {\n"
                 "    if (action.id == 'org.example.ICReissue.reissue' && subject.user == 'clerk')\n"
                 "        return polkit.Result.YES;\n"
                 "});\n");
        vm_run(vm, "chmod 644 /etc/polkit-1/rules.d/10-desk.rules && systemctl restart polkit");
}

/* The session is one without a screen; what its desktop would start, its systemd does. */
START_TEST(a_users_own_systemd_starts_the_notices_and_a_reissue_is_shown)
{
        Vm *vm = system_vm();

        know_clerk(vm);
        let_clerk_reissue(vm);
        vm_run(vm, "loginctl enable-linger clerk && until_is 60 test -S /run/user/$(id -u clerk)/bus");
        vm_run(vm,
               "as_clerk systemd-run --user --quiet --collect --unit=notices /vm/build/notices &&"
               " until_is 60 as_clerk busctl --user --quiet status org.freedesktop.Notifications >/dev/null");
        vm_run(vm, "as_clerk systemctl --user start 'app-icreissue\\x2dnotify@autostart.service' &&"
                   " until_is 60 as_clerk systemctl --user is-active icreissue-notify");
        lay_cards(vm, "00430003", "5555555555555555", "6666666666666666");
        vm_run(vm, "as_clerk icreissuectl reissue left right");
        vm_run(vm, "until_is 60 clerk_is_shown 'Card 00430003 reissued, issue no. 2 | Type staff-v1 | '");
        vm_run(vm,
               "loginctl disable-linger clerk; rm /etc/polkit-1/rules.d/10-desk.rules; systemctl restart polkit");
}
END_TEST

#define PASSWORD "hay-stack-42"

/* A terminal without a session, whose user may do nothing unless an administrator, as which he counts, gives his
 * password. */
static void open_terminal(Vm *vm) {
        know_clerk(vm);
        vm_run(vm, "usermod --append --groups sudo clerk && echo 'clerk:" PASSWORD "' | chpasswd");
        vm_run(vm, "terminal new-session -d -x 80 -y 24");
}

static void close_terminal(Vm *vm) {
        vm_run(vm, "terminal kill-server; gpasswd --delete clerk sudo >/dev/null");
}

START_TEST(a_password_that_polkit_wants_is_asked_for_on_the_terminal)
{
        Vm *vm = system_vm();

        vm_run(vm, "systemctl start icreissue");
        system_enrol(vm, "00430004");
        vm_plug(vm, "left");
        vm_run(vm, "until_is 60 reader_is left empty");
        open_terminal(vm);
        vm_run(vm,
               "types 'icreissuectl issue staff-v1 00430004 left --no-wait' && comes_to asks_for_password");
        vm_run(vm, "types wrong && comes_to screen_shows 'icreissuectl: '");
        vm_run(vm,
               "types 'clear; icreissuectl issue staff-v1 00430004 left --no-wait >~/job && echo ended: $?' &&"
               " comes_to asks_for_password");
        vm_run(vm, "types " PASSWORD " && comes_to screen_shows 'ended: 0' && ! screen_shows " PASSWORD);
        close_terminal(vm);
        vm_run(vm,
               "until_is 30 job_is $(cat ~clerk/job) waiting-for-blank && icreissuectl job cancel $(cat ~clerk/job)");
}
END_TEST

START_TEST(the_station_display_makes_way_for_a_password_and_comes_back)
{
        Vm *vm = system_vm();
        int job;

        vm_run(vm, "systemctl start icreissue");
        system_enrol(vm, "00430005");
        vm_plug(vm, "left");
        vm_run(vm, "until_is 60 reader_is left empty");
        job = atoi(vm_run(vm, "icreissuectl issue staff-v1 00430005 left --no-wait"));
        open_terminal(vm);
        vm_run(vm, "types 'icreissuectl station' && comes_to screen_shows 'Job %d: issue'", job);
        vm_run(vm, "terminal send-keys c && comes_to screen_shows 'Cancel job %d?'", job);
        vm_run(vm, "terminal send-keys y && comes_to asks_for_password");
        vm_run(vm, "job_is %d waiting-for-blank && types " PASSWORD " && until_is 60 job_is %d cancelled",
               job, job);
        vm_run(vm, "comes_to screen_shows '0 open jobs' && ! screen_shows Password:");
        close_terminal(vm);
}
END_TEST

int main(void) {
        const SystemTest tests[] = {
                { the_old_card_is_destroyed_by_a_mill_on_a_gpio_chip, 1 },
                { a_card_that_is_stuck_in_the_mill_is_left_to_be_destroyed_by_hand, 1 },
                { a_users_own_systemd_starts_the_notices_and_a_reissue_is_shown, 1 },
                { a_password_that_polkit_wants_is_asked_for_on_the_terminal, 1 },
                { the_station_display_makes_way_for_a_password_and_comes_back, 1 },
        };

        return system_run("room", tests, sizeof(tests) / sizeof(tests[0]));
}
