/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine loses its power while records are imported and a card is written. What was acknowledged is there when it
 * is on again, and what was under way goes on. */
#include "tests/vm/system.h"

#include <stdio.h>

/* Lines as an export writes them, of so many badges that nobody has. */
#define LINES \
        "awk 'BEGIN { for (i = 0; i < 300; i++) printf \"{\\\"type\\\": \\\"staff-v1\\\", \\\"id\\\": \\\"77%06d\\\", " \
        "\\\"fields\\\": {\\\"holder\\\": \\\"Ada\\\", \\\"number\\\": \\\"S0000042\\\", \\\"expiry\\\": \\\"291231\\\", " \
        "\\\"access-key\\\": \\\"00112233445566778899AABBCCDDEEFF\\\", \\\"pin\\\": \\\"87654321\\\"}}\\n\", i }'"

static unsigned record_count(Vm *vm) {
        unsigned count = 0;

        ck_assert_int_eq(
                sscanf(vm_run(vm, "busctl get-property $service $root $service RecordCount"), "t %u", &count),
                1);
        return count;
}

START_TEST(what_was_acknowledged_outlives_the_power)
{
        Vm *vm = system_vm();
        const char *card;
        unsigned before;

        vm_plug(vm, "right");
        system_issue(vm, "right", "00420001", "0101010101010101");
        vm_remove(vm, "right");
        vm_run(vm, "until_is 30 reader_is right empty && %s | icreissuectl record import -", LINES);
        card = vm_blank(vm, "staff-v1", "0202020202020202");
        vm_insert(vm, "right", card);
        vm_run(vm,
               "until_is 30 reader_is right blank && icreissuectl request staff-v1 00420001 --reason worn");
        before = record_count(vm);
        ck_assert_uint_eq(before, 301);

        /* A card is half-written, */
        vm_card(vm, "right", "hold-at 14");
        vm_start(vm, "icreissuectl issue staff-v1 00420001 right");
        vm_card(vm, "right", "wait-held");
        /* an import is under way, whose file never ends, */
        vm_start(vm, "{ %s | sed s/77/88/; exec sleep 600; } | icreissuectl record import - --no-wait",
                 LINES);
        vm_run(vm, "until_is 60 job_runs import");
        /* and this record is the last one that is acknowledged. */
        system_enrol(vm, "00420009");
        vm_cut_power(vm);

        vm_boot(vm);
        vm_run(vm, "systemctl start icreissue && record_says staff-v1 00420009 unissued 0");
        ck_assert_uint_eq(record_count(vm), before + 1);
        vm_run(vm, "record_says staff-v1 00420001 unissued 2"); /* the card's number is given */
        vm_plug(vm, "right");
        vm_insert(vm, "right", card);
        vm_run(vm, "until_is 80 record_says staff-v1 00420001 issued 2");
        vm_expect(vm, "icreissuectl read right", "staff-v1 00420001");
        vm_run(vm, "icreissuectl store check");
}
END_TEST

int main(void) {
        const SystemTest tests[] = { { what_was_acknowledged_outlives_the_power, 1 } };

        return system_run("power-cut", tests, 1);
}
