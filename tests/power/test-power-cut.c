/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Power cuts: a store works, every write, sync and renaming is recorded, and at each point of the record the states
 * are built that a disk may hold there (disk.h). From each the store starts by itself, and holds everything that was
 * acknowledged, and of what was only begun a part in order, change sets whole.
 *
 * At each cut all states are gone through where there are few, else the corners and a few random ones; each state
 * once. Nightly many more. */
#include <check.h>
#include <stdio.h>

#include "power/site.h"

typedef struct Cuts {
        Site site;  /* where the states are started from */
        Load *load; /* what was done while it was recorded */
        uint64_t random;
        unsigned all_below;     /* go through all states where there are so many or fewer */
        unsigned random_states; /* else so many random ones beside the corners */
        unsigned again;         /* cut the power once more while it starts, in so many of the states */
        uint64_t *seen;         /* hashes: a table with open addresses */
        size_t seen_size, seen_count;
        uint64_t states, cuts;
} Cuts;

static void mark_power(uint64_t begun, uint64_t acknowledged, void *userdata _unused_) {
        power_mark(begun, acknowledged);
}

static Cuts cuts_new(uint64_t seed, Load *load) {
        return (Cuts){
                .site = site_new(seed),
                .load = load,
                .random = seed,
                .all_below = power_often(8, 64),
                .random_states = power_often(2, 8),
                .again = power_often(2, 60),
        };
}

static void cuts_done(Cuts *cuts) {
        printf("%llu states at %llu cuts\n", (unsigned long long) cuts->states,
               (unsigned long long) cuts->cuts);
        site_done(&cuts->site);
        free(cuts->seen);
}

/* --- each state once --- */

static bool seen_add(uint64_t *table, size_t size, uint64_t hash) {
        size_t i = hash % size;

        for (; table[i] != 0; i = (i + 1) % size)
                if (table[i] == hash)
                        return false;
        table[i] = hash;
        return true;
}

static void seen_grow(Cuts *cuts) {
        size_t size = cuts->seen_size * 2 + 1024;
        uint64_t *table = new0(uint64_t, size);

        ck_assert_ptr_nonnull(table);
        for (size_t i = 0; i < cuts->seen_size; i++)
                if (cuts->seen[i] != 0)
                        seen_add(table, size, cuts->seen[i]);
        free(cuts->seen);
        cuts->seen = table;
        cuts->seen_size = size;
}

/* Whether the same state was started from already, with the same expectation. */
static bool is_new(Cuts *cuts, const Disk *disk, const DiskImage *image) {
        uint64_t hash = disk_image_hash(image) ^ (disk_begun(disk) << 32) ^ (disk_acknowledged(disk) << 48);

        if (cuts->seen_count * 2 >= cuts->seen_size)
                seen_grow(cuts);
        if (!seen_add(cuts->seen, cuts->seen_size, hash | 1))
                return false;

        cuts->seen_count++;
        return true;
}

/* --- one state --- */

static void check_states(Cuts *cuts, const Disk *disk);

/* All the cuts of a second record, of a store that starts from a crash. */
static void check_second(Cuts *cuts, const PowerRecord *record, size_t from_event) {
        _cleanup_(disk_freep) Disk *disk = disk_new(record);
        unsigned again = cuts->again;
        Site site = cuts->site;

        cuts->again = 0;
        do {
                if (disk_position(disk) < from_event)
                        continue;

                snprintf(cuts->site.where, sizeof(cuts->site.where),
                         "%.60s, and while it started before call %zu", site.where, disk_position(disk));
                check_states(cuts, disk);
        } while (disk_step(disk));
        cuts->again = again;
        cuts->site = site;
}

/* The store starts in the site's directory; what it serves then must stay, whatever happens. */
static void record_start(Cuts *cuts, const Disk *disk, PowerRecord *ret) {
        size_t version;
        Store *store;

        ck_assert(power_watch(cuts->site.directory, ret));
        power_mark(disk_begun(disk), disk_acknowledged(disk));
        store = site_open(&cuts->site);
        site_check_open(&cuts->site, cuts->load, store, disk_acknowledged(disk), disk_begun(disk), &version);
        power_mark(version, version);
        store_close(store);
        power_end();
}

static void check_power_cut_while_starting(Cuts *cuts, const Disk *disk, const DiskImage *image) {
        PowerRecord record = {};

        disk_image_write(image, cuts->site.directory);
        record_start(cuts, disk, &record);
        check_second(cuts, &record, record.initial + 1);
        power_record_done(&record);
}

static void check_state(Cuts *cuts, const Disk *disk, Chooser *chooser) {
        DiskImage image;

        disk_image(disk, chooser, &image);
        if (is_new(cuts, disk, &image)) {
                cuts->states++;
                disk_image_write(&image, cuts->site.directory);
                site_check(&cuts->site, cuts->load, disk_acknowledged(disk), disk_begun(disk),
                           cuts->states % power_often(4, 1) == 0);
                if (cuts->again > 0 && power_random(&cuts->random) % 50 == 0) {
                        cuts->again--;
                        check_power_cut_while_starting(cuts, disk, &image);
                }
        }
        disk_image_done(&image);
}

static void check_states(Cuts *cuts, const Disk *disk) {
        Chooser chooser = chooser_first();

        cuts->cuts++;
        cuts->site.record = disk_record(disk);
        cuts->site.position = disk_position(disk);
        if (disk_states(disk, cuts->all_below + 1) <= cuts->all_below) {
                unsigned count = 0;

                do
                        check_state(cuts, disk, &chooser);
                while (++count < 2 * cuts->all_below && chooser_next(&chooser));
                return;
        }

        for (unsigned corner = 0; corner < CHOOSER_CORNERS; corner++) {
                chooser = chooser_corner(corner);
                check_state(cuts, disk, &chooser);
        }
        for (unsigned i = 0; i < cuts->random_states; i++) {
                chooser = chooser_random(power_random(&cuts->random));
                check_state(cuts, disk, &chooser);
        }
}

/* --- a process that is killed, and then the power --- */

/* The second record begins with the files as the first shows them when all its calls so far are kept; the numbers of
 * its files become those of the first. Borrows the events of both. */
static void splice(const PowerRecord *first, size_t count, const DiskImage *image, const PowerRecord *second,
                   PowerRecord *ret) {
        unsigned numbers[1000], next = 0;

        *ret = (PowerRecord){ .initial = first->initial };
        ret->events = new0(PowerEvent, count + second->count + 1);
        ck_assert_ptr_nonnull(ret->events);
        for (; ret->count < count; ret->count++) {
                ret->events[ret->count] = first->events[ret->count];
                next = MAX_OF(next, first->events[ret->count].file + 1);
        }

        for (size_t i = 0; i < ELEMENTS(numbers); i++)
                numbers[i] = next + (unsigned) i;
        for (size_t i = 0; i < second->count; i++) {
                PowerEvent *event = &ret->events[ret->count];

                *event = second->events[i];
                ck_assert_uint_lt(event->file, ELEMENTS(numbers));
                for (size_t k = 0; i < second->initial && event->name && k < image->count; k++)
                        if (streq(image->entries[k].name, event->name))
                                numbers[event->file] = image->entries[k].file;
                event->file = numbers[event->file];
                ret->count += i >= second->initial;
        }
}

/* The process is killed after so many calls, so that all of them are done, but none of them is on the disk for that.
 * The store starts again, and then the power is cut: what it has served must be there. */
static void check_killed(Cuts *cuts, const PowerRecord *record, const Disk *disk) {
        Chooser chooser = chooser_corner(CHOOSER_CORNERS - 1);
        PowerRecord second = {}, whole;
        DiskImage image;

        disk_image(disk, &chooser, &image);
        disk_image_write(&image, cuts->site.directory);
        record_start(cuts, disk, &second);
        splice(record, disk_position(disk), &image, &second, &whole);
        check_second(cuts, &whole, disk_position(disk) + 1);
        free(whole.events);
        power_record_done(&second);
        disk_image_done(&image);
}

/* --- all states of a record --- */

static void expect_all_was_seen(const Disk *disk, const Site *site) {
        Chooser chooser = chooser_corner(CHOOSER_CORNERS - 1);
        const char *differs;
        DiskImage image;

        disk_image(disk, &chooser, &image);
        differs = disk_image_differs(&image, site->directory);
        if (differs)
                site_fail(site, "%s was changed by calls that are not recorded", differs);
        disk_image_done(&image);
}

static void check_record(Cuts *cuts, const PowerRecord *record, const Site *origin) {
        _cleanup_(disk_freep) Disk *disk = disk_new(record);
        size_t one_in = record->count / power_often(150, 1000000) + 1;

        do {
                if (power_random(&cuts->random) % one_in > 0)
                        continue;

                snprintf(cuts->site.where, sizeof(cuts->site.where), "cut before call %zu of %zu",
                         disk_position(disk), record->count);
                check_states(cuts, disk);
        } while (disk_step(disk));

        expect_all_was_seen(disk, origin);
}

/* However late the checkpoints' thread comes to its turn: some are waited for. */
static int act_number(Load *load, Store *store, unsigned number, Failure *failure) {
        int r;

        if (number % 15 != 14)
                return load_act(load, store, failure);

        r = load_set(load, store, failure);
        return r < 0 ? r : load_checkpoint(load, store, failure);
}

/* Fails only where calls were made to fail. */
static void act(const Site *site, Load *load, Store *store, unsigned number, bool may_fail) {
        _cleanup_failure_ Failure failure = {};

        if (act_number(load, store, number, &failure) < 0 && !may_fail)
                site_fail(site, "action %u fails: %s", number, failure_message(&failure));
}

/* A store from its beginning to its end, with `actions` between. `faults`: one in so many syncs fails; 0: none. */
static void record_load(const Site *site, Load *load, unsigned actions, unsigned faults, PowerRecord *ret) {
        Store *store;

        load->mark = mark_power;
        ck_assert(power_watch(site->directory, ret));
        store = site_open(site);
        for (unsigned i = 0; i < actions; i++) {
                if (faults > 0)
                        power_fault(&(PowerFault){ .kinds = POWER_KINDS_SYNC,
                                                   .first = 1 + power_random(&load->random) % faults,
                                                   .count = 1,
                                                   .error = EIO });
                act(site, load, store, i, faults > 0);
        }
        power_fault(NULL);
        load_close(load, store);
        power_end();
}

/* A test that goes through no checkpoint shows nothing. */
static void expect_checkpoints(const PowerRecord *record, unsigned at_least) {
        unsigned count = 0;

        for (size_t i = 0; i < record->count; i++)
                count += record->events[i].call == POWER_RENAME &&
                         streq(record->events[i].to, SITE_STORE ".current");
        ck_assert_uint_ge(count, at_least);
}

START_TEST(acknowledged_changes_survive_a_power_cut_at_any_point)
{
        uint64_t seed = power_seed();
        _cleanup_(site_done) Site origin = site_new(seed);
        _cleanup_(load_done) Load load = load_new(seed);
        _cleanup_(cuts_done) Cuts cuts = cuts_new(seed, &load);
        PowerRecord record = {};

        record_load(&origin, &load, power_often(100, 300), 0, &record);
        expect_checkpoints(&record, 8);
        check_record(&cuts, &record, &origin);
        power_record_done(&record);
}
END_TEST

START_TEST(what_failed_to_be_synced_is_not_there_once_something_later_is)
{
        uint64_t seed = power_seed();
        _cleanup_(site_done) Site origin = site_new(seed);
        _cleanup_(load_done) Load load = load_new(seed);
        _cleanup_(cuts_done) Cuts cuts = cuts_new(seed, &load);
        PowerRecord record = {};

        record_load(&origin, &load, power_often(60, 300), 6, &record);
        check_record(&cuts, &record, &origin);
        power_record_done(&record);
}
END_TEST

START_TEST(what_is_served_after_a_kill_survives_a_power_cut)
{
        uint64_t seed = power_seed();
        _cleanup_(site_done) Site origin = site_new(seed);
        _cleanup_(load_done) Load load = load_new(seed);
        _cleanup_(cuts_done) Cuts cuts = cuts_new(seed, &load);
        _cleanup_(disk_freep) Disk *disk = NULL;
        PowerRecord record = {};

        record_load(&origin, &load, power_often(60, 300), 0, &record);
        disk = disk_new(&record);
        while (disk_step(disk))
                if (power_random(&cuts.random) % (record.count / power_often(4, 60) + 1) == 0) {
                        snprintf(cuts.site.where, sizeof(cuts.site.where), "killed before call %zu of %zu",
                                 disk_position(disk), record.count);
                        check_killed(&cuts, &record, disk);
                }
        power_record_done(&record);
}
END_TEST

/* --- a segment that could not be made --- */

static int put(Store *store, const char *key, size_t size, Failure *failure) {
        static const uint8_t zeros[2 * SITE_SEGMENT];
        Span value = SPAN(zeros, size);
        int r;

        r = store_apply(store, &(StoreChange){ .key = key, .value = &value }, 1, failure);
        return r < 0 ? r : store_commit(store, failure);
}

/* A commit needs a segment, whose name is not synced: it fails, and the next one goes where there is room still. */
static void record_unmade_segment(const Site *site, PowerRecord *ret) {
        Store *store;

        ck_assert(power_watch(site->directory, ret));
        store = site_open(site);
        ck_assert_int_eq(put(store, "before", 100, NULL), 0);
        ck_assert_int_eq(store_checkpoint(store, NULL), 0);
        power_fault(&(PowerFault){
                .kinds = POWER_KIND(POWER_SYNC_DIRECTORY), .first = 1, .count = 1, .error = EIO });
        ck_assert_int_lt(put(store, "too large", SITE_SEGMENT + 1000, NULL), 0);
        ck_assert_uint_eq(power_fault(NULL), 1);
        ck_assert_int_eq(put(store, "after", 100, NULL), 0);
        power_end();
        power_skip_syncs(true);
        store_close(store);
}

static void expect_key(const Site *site, const char *key) {
        _cleanup_bytes_ Bytes value = {};
        Store *store = site_open(site);

        if (store_fetch(store, key, &value, NULL) != 0)
                site_fail(site, "the key \"%s\" is gone", key);
        store_close(store);
}

START_TEST(a_segment_that_could_not_be_made_takes_nothing_away)
{
        _cleanup_(site_done) Site site = site_new(power_seed());
        _cleanup_(disk_freep) Disk *disk = NULL;
        PowerRecord record = {};

        record_unmade_segment(&site, &record);
        disk = disk_new(&record);
        while (disk_step(disk))
                ;
        for (unsigned i = 0; i < CHOOSER_CORNERS + 100; i++) {
                Chooser chooser = i < CHOOSER_CORNERS ? chooser_corner(i) : chooser_random(site.seed + i);
                DiskImage image;

                disk_image(disk, &chooser, &image);
                disk_image_write(&image, site.directory);
                expect_key(&site, "after");
                disk_image_done(&image);
        }
        power_record_done(&record);
}
END_TEST

/* --- and the current file is lost --- */

/* The current GDBM file is taken out of the image, where NAME.current says that the other one is clean. */
static bool lose_current_file(DiskImage *image) {
        char letter = 0, idle[8] = "", name[64];

        for (size_t i = 0; i < image->count; i++)
                if (streq(image->entries[i].name, SITE_STORE ".current"))
                        sscanf((const char *) image->entries[i].data,
                               "icreissue store 3 current %c applied %*u idle %7s", &letter, idle);
        if (!streq(idle, "clean"))
                return false;

        snprintf(name, sizeof(name), SITE_STORE ".%c.gdbm", letter);
        for (size_t i = 0; i < image->count; i++)
                if (streq(image->entries[i].name, name)) {
                        free(image->entries[i].name);
                        free(image->entries[i].data);
                        image->entries[i] = image->entries[--image->count];
                        return true;
                }

        return false;
}

static void check_without_current_file(Cuts *cuts, const Disk *disk) {
        Chooser chooser = chooser_corner((unsigned) power_random(&cuts->random) % CHOOSER_CORNERS);
        DiskImage image;

        disk_image(disk, &chooser, &image);
        if (lose_current_file(&image)) {
                cuts->states++;
                disk_image_write(&image, cuts->site.directory);
                site_check(&cuts->site, cuts->load, disk_acknowledged(disk), disk_begun(disk), false);
        }
        disk_image_done(&image);
}

START_TEST(the_other_file_and_the_log_hold_what_the_current_file_held)
{
        uint64_t seed = power_seed();
        _cleanup_(site_done) Site origin = site_new(seed);
        _cleanup_(load_done) Load load = load_new(seed);
        _cleanup_(cuts_done) Cuts cuts = cuts_new(seed, &load);
        _cleanup_(disk_freep) Disk *disk = NULL;
        PowerRecord record = {};

        record_load(&origin, &load, power_often(100, 300), 0, &record);
        disk = disk_new(&record);
        do {
                snprintf(cuts.site.where, sizeof(cuts.site.where),
                         "without the current file, cut before call %zu", disk_position(disk));
                if (power_random(&cuts.random) % (record.count / power_often(100, 1000000) + 1) == 0)
                        check_without_current_file(&cuts, disk);
        } while (disk_step(disk));
        ck_assert_uint_gt(cuts.states, 5);
        power_record_done(&record);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("power-cut");
        TCase *cut = tcase_create("cut");
        SRunner *runner;
        int failed;

        tcase_set_timeout(cut, power_often(120, 3000));
        tcase_add_test(cut, acknowledged_changes_survive_a_power_cut_at_any_point);
        tcase_add_test(cut, what_failed_to_be_synced_is_not_there_once_something_later_is);
        tcase_add_test(cut, a_segment_that_could_not_be_made_takes_nothing_away);
        tcase_add_test(cut, what_is_served_after_a_kill_survives_a_power_cut);
        tcase_add_test(cut, the_other_file_and_the_log_hold_what_the_current_file_held);
        suite_add_tcase(suite, cut);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
