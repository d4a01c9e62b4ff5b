/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine loses its power while records are imported and a card is written. What was acknowledged is there when it
 * is on again, and what was under way goes on. */
#include "tests/vm/system.h"

#include <stdio.h>

static unsigned record_count(Vm *vm) {
        unsigned count = 0;

        ck_assert_int_eq(
                sscanf(vm_run(vm, "busctl get-property $service $root $service RecordCount"), "t %u", &count),
                1);
        return count;
}

enum { MANY = 10000 }; /* badges, so that importing them takes its time */

typedef struct Cut {
        const char *state, *reader;
        unsigned at;    /* the APDU in the midst of which the power goes, of those from then on */
        unsigned count; /* of the record by then */
} Cut;

/* APDUs as of this profile. */
static const Cut cuts[] = {
        { "reading", "left", 2, 1 },
        { "waiting-for-blank", "right", 3, 2 },
        { "writing", "right", 21, 2 },
        { "verifying", "right", 31, 2 },
};

typedef struct Reissue {
        char id[16];
        const char *old, *blank;
} Reissue;

/* Begins the reissue of a card that is in "left" onto a blank that is in "right", up to that APDU. */
static void reissue_up_to(Vm *vm, const Cut *cut, const Reissue *reissue) {
        int job = atoi(vm_run(vm, "icreissuectl reissue left right --no-wait"));

        vm_card(vm, cut->reader, "hold-at %u", cut->at);
        vm_insert(vm, "left", reissue->old);
        if (cut->reader[0] == 'r') {
                vm_run(vm, "until_is 60 job_is %d waiting-for-blank", job);
                vm_insert(vm, "right", reissue->blank);
        }
        vm_card(vm, cut->reader, "wait-held");
        vm_run(vm, "until_is 60 job_is %d %s", job, cut->state);
}

/* Both cards are put in again, and that is all. */
static void expect_to_go_on(Vm *vm, const Reissue *reissue) {
        vm_plug(vm, "left");
        vm_plug(vm, "right");
        vm_insert(vm, "left", reissue->old);
        vm_insert(vm, "right", reissue->blank);
        vm_run(vm, "until_is 80 record_says staff-v1 %s issued 2", reissue->id);
        vm_run(vm, "[ \"$(icreissuectl read right)\" = 'staff-v1 %s' ]", reissue->id);
        vm_run(vm, "icreissuectl store check");
}

START_TEST(what_was_acknowledged_outlives_the_power)
{
        const Cut *cut = cuts + _i;
        Vm *vm = system_vm();
        Reissue reissue;
        char serial[32];
        unsigned before;

        snprintf(reissue.id, sizeof(reissue.id), "004200%02d", _i);
        snprintf(serial, sizeof(serial), "01010101010101%02d", _i);
        vm_plug(vm, "left");
        vm_plug(vm, "right");
        reissue.old = system_issue(vm, "left", reissue.id, serial);
        snprintf(serial, sizeof(serial), "02020202020202%02d", _i);
        reissue.blank = vm_blank(vm, "staff-v1", serial);
        vm_remove(vm, "left");
        vm_run(vm, "until_is 30 reader_is left empty && icreissuectl request staff-v1 %s --reason worn",
               reissue.id);
        before = record_count(vm);
        vm_run(vm, "badges 7%d000000 300 | icreissuectl record import -", _i);
        /* A card is half-way through, */
        reissue_up_to(vm, cut, &reissue);
        /* an import is under way, whose file never ends, */
        vm_start(vm, "{ badges 8%d000000 300; exec sleep 600; } | icreissuectl record import - --no-wait",
                 _i);
        vm_run(vm, "until_is 60 job_runs import");
        /* and this record is the last one that is acknowledged. */
        snprintf(serial, sizeof(serial), "004209%02d", _i);
        system_enrol(vm, serial);
        vm_cut_power(vm);

        vm_boot(vm);
        vm_run(vm, "systemctl start icreissue && record_says staff-v1 %s unissued 0", serial);
        ck_assert_uint_eq(record_count(vm), before + 301);
        vm_run(vm, "record_says staff-v1 %s unissued %u", reissue.id, cut->count);
        expect_to_go_on(vm, &reissue);
}
END_TEST

START_TEST(an_import_is_there_whole_or_not_at_all)
{
        Vm *vm = system_vm();
        unsigned before, after;

        vm_run(vm, "systemctl start icreissue");
        before = record_count(vm);
        vm_run(vm, "badges 90000000 %d >/var/tmp/badges && sync", MANY);
        vm_run(vm, "icreissuectl record import /var/tmp/badges --no-wait && until_is 30 job_runs import");
        vm_cut_power(vm);

        vm_boot(vm);
        vm_run(vm, "systemctl start icreissue");
        after = record_count(vm);
        ck_assert(after == before || after == before + MANY);
        if (after == before)
                vm_run(vm, "icreissuectl record import /var/tmp/badges");
        /* Acknowledged, and the power goes at once. */
        vm_cut_power(vm);

        vm_boot(vm);
        vm_run(vm, "systemctl start icreissue");
        ck_assert_uint_eq(record_count(vm), before + MANY);
        vm_run(vm, "icreissuectl store check");
}
END_TEST

int main(void) {
        const SystemTest tests[] = {
                { what_was_acknowledged_outlives_the_power, sizeof(cuts) / sizeof(cuts[0]) },
                { an_import_is_there_whole_or_not_at_all, 1 },
        };

        return system_run("power-cut", tests, sizeof(tests) / sizeof(tests[0]));
}
