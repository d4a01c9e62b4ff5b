/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of a store's calls: what FORMAT.md says holds between its files is held at each call against what was
 * written, synced and named until then. The power cuts show that this suffices; this names the rule that is broken. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "power/site.h"

enum { FILES = 4000, NAMES = 64, TEXT = 256 };

typedef struct File {
        bool unsynced;   /* its data */
        bool unnamed;    /* its name: given, and the directory not synced since */
        bool has_frames; /* a log segment that was used */
        char text[TEXT]; /* its beginning */
} File;

/* NAME.current, as it was read out of its text. */
typedef struct Said {
        bool there;
        char letter;
        unsigned long long applied;
        bool idle_clean;
        unsigned segment, newest;
} Said;

typedef struct Order {
        const PowerRecord *record;
        size_t position;
        File files[FILES];
        struct {
                char name[64];
                unsigned file;
        } names[NAMES];
        size_t name_count;
        Said said, sure; /* what NAME.current says; what it says on the disk */
        unsigned old;    /* files below this were there before the second start */
        uint64_t acknowledged;
} Order;

_printf_(3, 4) static void must(const Order *order, bool holds, const char *format, ...) {
        char rule[256];
        va_list list;

        if (holds)
                return;

        va_start(list, format);
        vsnprintf(rule, sizeof(rule), format, list);
        va_end(list);
        for (size_t i = order->position > 30 ? order->position - 30 : 0; i <= order->position; i++)
                power_event_print(&order->record->events[i]);
        ck_abort_msg("call %zu: %s", order->position, rule);
}

/* --- names --- */

static int find_name(const Order *order, const char *name) {
        for (size_t i = 0; i < order->name_count; i++)
                if (streq(order->names[i].name, name))
                        return (int) i;

        return -1;
}

static const char *name_of(const Order *order, unsigned file) {
        for (size_t i = 0; i < order->name_count; i++)
                if (order->names[i].file == file)
                        return order->names[i].name;

        return "";
}

static void set_name(Order *order, const char *name, unsigned file) {
        int i = find_name(order, name);

        if (i < 0) {
                ck_assert_uint_lt(order->name_count, NAMES);
                i = (int) order->name_count++;
                snprintf(order->names[i].name, sizeof(order->names[i].name), "%s", name);
        }
        order->names[i].file = file;
        order->files[file].unnamed = true;
}

static void remove_name(Order *order, const char *name) {
        int i = find_name(order, name);

        ck_assert_int_ge(i, 0);
        order->names[i] = order->names[--order->name_count];
}

/* 'a' or 'b' for the GDBM files, else 0. */
static char letter_of(const char *name) {
        return streq(name, SITE_STORE ".a.gdbm") ? 'a' : streq(name, SITE_STORE ".b.gdbm") ? 'b' : 0;
}

/* The number of a log segment, else 0. */
static unsigned segment_of(const char *name) {
        unsigned number = 0;
        char end;

        return sscanf(name, SITE_STORE ".%8x.lo%c", &number, &end) == 2 ? number : 0;
}

/* --- what each call must find --- */

static Said read_current(const Order *order, unsigned file) {
        char idle[8] = "";
        const char *log = strstr(order->files[file].text, "\nsegment ");
        Said said = { .there = true };

        must(order,
             sscanf(order->files[file].text, "icreissue store 3 current %c applied %llu idle %7s",
                    &said.letter, &said.applied, idle) == 3 &&
                     log && sscanf(log, "\nsegment %u newest %u", &said.segment, &said.newest) == 2,
             "this is no NAME.current");
        said.idle_clean = streq(idle, "clean");
        return said;
}

/* 1 and 2: the current file is not written, nor the other one while it is said to be clean. */
static void check_gdbm_change(const Order *order, const char *name) {
        const Said *both[] = { &order->said, &order->sure };
        char letter = letter_of(name);

        for (size_t i = 0; letter && i < ELEMENTS(both); i++) {
                must(order, !both[i]->there || both[i]->letter != letter, "1: %s is current, and changed",
                     name);
                must(order, !both[i]->there || !both[i]->idle_clean, "2: %s is said to be clean, and changed",
                     name);
        }
}

/* 1 and 2: what NAME.current says of a file is on the disk before it is said. */
static void check_named_file(const Order *order, char letter) {
        char name[64];
        int i;

        snprintf(name, sizeof(name), SITE_STORE ".%c.gdbm", letter);
        i = find_name(order, name);
        must(order, i >= 0, "1: NAME.current names %s, which is not there", name);
        must(order,
             !order->files[order->names[i].file].unsynced && !order->files[order->names[i].file].unnamed,
             "1, 2: NAME.current speaks of %s, which is not on the disk", name);
}

static void check_rename(Order *order, const PowerEvent *event) {
        check_gdbm_change(order, event->to);
        if (!streq(event->to, SITE_STORE ".current"))
                return;

        must(order, !order->files[event->file].unsynced, "NAME.current is not synced when it gets its name");
        order->said = read_current(order, event->file);
        check_named_file(order, order->said.letter);
        if (order->said.idle_clean)
                check_named_file(order, order->said.letter == 'a' ? 'b' : 'a');
}

/* 5: a segment that was used goes when NAME.current has said that nobody needs it. */
static void check_remove(const Order *order, const PowerEvent *event) {
        unsigned number = segment_of(event->name);

        check_gdbm_change(order, event->name);
        if (number > 0 && order->files[event->file].has_frames)
                must(order, number < order->sure.segment && number < order->said.segment,
                     "5: segment %u goes, and %u is needed", number, order->sure.segment);
}

static void check_write(Order *order, const PowerEvent *event) {
        const char *name = name_of(order, event->file);
        File *file = &order->files[event->file];

        check_gdbm_change(order, name);
        if (segment_of(name) > 0) {
                must(order, event->file >= order->old,
                     "7: %s was there when the process began, and is written", name);
                file->has_frames = file->has_frames || event->offset >= 64;
        }
        if (event->call == POWER_WRITE && event->offset == 0)
                snprintf(file->text, TEXT, "%.*s", (int) event->size, (const char *) event->data);
        file->unsynced = true;
}

/* 3 and 10: what is answered is on the disk, and the segment in use is known there. */
static void check_acknowledged(Order *order, const PowerEvent *event) {
        bool newest = order->sure.newest == 0;

        if (event->size == order->acknowledged)
                return;

        order->acknowledged = event->size;
        for (size_t i = 0; i < order->name_count; i++) {
                const File *file = &order->files[order->names[i].file];
                unsigned number = segment_of(order->names[i].name);

                newest = newest || number == order->sure.newest;
                must(order, number == 0 || !file->has_frames || (!file->unsynced && !file->unnamed),
                     "3: %s is not on the disk, and answered", order->names[i].name);
        }
        must(order, newest, "10: NAME.current says that segment %u is in use, which is not there",
             order->sure.newest);
}

static void sync_names(Order *order) {
        for (size_t i = 0; i < order->name_count; i++)
                order->files[order->names[i].file].unnamed = false;
        order->sure = order->said;
}

static void follow(Order *order, const PowerEvent *event) {
        ck_assert_uint_lt(event->file, FILES);
        switch (event->call) {
        case POWER_CREATE:
        case POWER_LINK:
                set_name(order, event->name, event->file);
                return;
        case POWER_WRITE:
        case POWER_RESIZE:
                check_write(order, event);
                return;
        case POWER_SYNC:
                order->files[event->file].unsynced = false;
                return;
        case POWER_SYNC_DIRECTORY:
                sync_names(order);
                return;
        case POWER_RENAME:
                check_rename(order, event);
                remove_name(order, event->name);
                set_name(order, event->to, event->file);
                return;
        case POWER_REMOVE:
                check_remove(order, event);
                remove_name(order, event->name);
                return;
        case POWER_MARK:
                check_acknowledged(order, event);
                return;
        case POWER_OPEN:
        case POWER_READ:
                return;
        }
}

/* --- the work --- */

static void mark_power(uint64_t begun, uint64_t acknowledged, void *userdata _unused_) {
        power_mark(begun, acknowledged);
}

static void work(const Site *site, Load *load, unsigned actions) {
        Store *store = site_open(site);

        for (unsigned i = 0; i < actions; i++) {
                _cleanup_failure_ Failure failure = {};

                if (load_act(load, store, &failure) < 0)
                        site_fail(site, "an action fails: %s", failure_message(&failure));
        }
        load_close(load, store);
}

static unsigned files_in(const PowerRecord *record) {
        unsigned files = 0;

        for (size_t i = 0; i < record->count; i++)
                files = MAX_OF(files, record->events[i].file + 1);
        return files;
}

START_TEST(each_call_finds_what_must_hold_before_it)
{
        _cleanup_(site_done) Site site = site_new(power_seed());
        _cleanup_(load_done) Load load = load_new(site.seed);
        _cleanup_free_ Order *order = new0(Order, 1);
        PowerRecord record = {};
        size_t second;
        unsigned old;

        load.mark = mark_power;
        ck_assert(power_watch(site.directory, &record));
        work(&site, &load, power_often(200, 2000));
        second = record.count;
        old = files_in(&record);
        work(&site, &load, power_often(200, 2000));
        power_end();

        order->record = &record;
        for (; order->position < record.count; order->position++) {
                if (order->position == second)
                        order->old = old;
                follow(order, &record.events[order->position]);
        }
        printf("%zu calls\n", record.count);
        power_record_done(&record);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("store-order");
        TCase *order = tcase_create("order");
        SRunner *runner;
        int failed;

        tcase_set_timeout(order, 60);
        tcase_add_test(order, each_call_finds_what_must_hold_before_it);
        suite_add_tcase(suite, order);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
