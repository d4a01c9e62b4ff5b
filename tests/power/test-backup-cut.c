/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A power cut while a backup is made: what is in its directory then is whole, or says that it is not, or is nothing. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>

#include "power/site.h"

enum { STORES = 2, KEYS = 30 };

static const char *const names[STORES] = { "issuance", "reissuing" };

/* Two stores, each in a place of its own, and where their backup goes. */
typedef struct Backup {
        Site sites[STORES], target, restored;
        Store *stores[STORES];
        StoreSnapshot *snapshots[STORES];
        unsigned whole, refused, nothing;
} Backup;

static void expect(int r, const Failure *failure) {
        ck_assert_msg(r >= 0, "%s", failure_message(failure));
}

/* A part of it is in the GDBM file, a part in the log only; each store has a content of its own. */
static void fill(Store *store, const char *name) {
        _cleanup_failure_ Failure failure = {};

        for (unsigned i = 0; i < KEYS; i++) {
                const Span value = span_of_string(name);
                char key[16];

                snprintf(key, sizeof(key), "key/%u", i);
                expect(store_apply(store, &(StoreChange){ key, &value }, 1, &failure), &failure);
                expect(store_commit(store, &failure), &failure);
                if (i == KEYS / 2)
                        expect(store_checkpoint(store, &failure), &failure);
        }
}

static Backup backup_new(uint64_t seed) {
        Backup backup = { .target = site_new(seed), .restored = site_new(seed) };
        _cleanup_failure_ Failure failure = {};

        for (unsigned i = 0; i < STORES; i++) {
                backup.sites[i] = site_new(seed);
                expect(store_open(backup.sites[i].directory, names[i], 0, &backup.stores[i], &failure),
                       &failure);
                fill(backup.stores[i], names[i]);
                expect(store_snapshot(backup.stores[i], &backup.snapshots[i], &failure), &failure);
        }

        return backup;
}

static void backup_done(Backup *backup) {
        for (unsigned i = 0; i < STORES; i++) {
                store_snapshot_free(backup->snapshots[i]);
                store_close(backup->stores[i]);
                site_done(&backup->sites[i]);
        }

        site_done(&backup->target);
        site_done(&backup->restored);
}

static void record_backup(Backup *backup, PowerRecord *ret) {
        _cleanup_close_ int directory = open(backup->target.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_failure_ Failure failure = {};

        ck_assert(power_watch(backup->target.directory, ret));
        for (unsigned i = 0; i < STORES; i++)
                expect(store_backup_begin(backup->snapshots[i], directory, &failure), &failure);
        for (unsigned i = 0; i < STORES; i++)
                expect(store_snapshot_backup(backup->snapshots[i], directory, NULL, NULL, &failure),
                       &failure);
        for (unsigned i = STORES; i-- > 0;)
                expect(store_backup_end(backup->snapshots[i], directory, &failure), &failure);
        power_mark(1, 1);
        power_end();
}

static bool is_there(const DiskImage *image, const char *name) {
        for (size_t i = 0; i < image->count; i++)
                if (streq(image->entries[i].name, name))
                        return true;

        return false;
}

static bool is_marked(const DiskImage *image) {
        return is_there(image, "issuance.unfinished") || is_there(image, "reissuing.unfinished");
}

/* What starts the service: both stores, or a refusal that names the mark. */
static bool opens(Backup *backup, unsigned i) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_(store_closep) Store *store = NULL;
        _cleanup_bytes_ Bytes value = {};

        if (store_open(backup->restored.directory, names[i], 0, &store, &failure) < 0) {
                if (failure.kind != FAILURE_STORE_FAILED)
                        site_fail(&backup->restored, "%s", failure_message(&failure));
                return false;
        }

        if (store_count(store) == KEYS && store_fetch(store, "key/29", &value, &failure) == 0 &&
            span_equal(bytes_span(&value), span_of_string(names[i])))
                return true;

        if (store_count(store) != 0)
                site_fail(&backup->restored, "%s has %u keys", names[i], (unsigned) store_count(store));

        return false;
}

static void check_image(Backup *backup, const DiskImage *image, bool finished) {
        bool first, second;

        disk_image_write(image, backup->restored.directory);
        if (is_marked(image)) {
                if (finished)
                        site_fail(&backup->restored, "a finished backup has a mark");
                first = is_there(image, "issuance.unfinished") && opens(backup, 0);
                second = is_there(image, "reissuing.unfinished") && opens(backup, 1);
                if (first || second)
                        site_fail(&backup->restored, "it opens, marked");
                backup->refused++;
                return;
        }

        if (image->count == 0 && !finished) {
                backup->nothing++;
                return;
        }

        first = opens(backup, 0);
        second = opens(backup, 1);
        if (!first || !second)
                site_fail(&backup->restored, "without a mark %s is not whole", names[first]);
        backup->whole++;
}

static void check_cut(Backup *backup, const Disk *disk) {
        unsigned count = CHOOSER_CORNERS + power_often(8, 200);

        snprintf(backup->restored.where, sizeof(backup->restored.where), "cut before call %zu",
                 disk_position(disk));
        for (unsigned i = 0; i < count; i++) {
                Chooser chooser =
                        i < CHOOSER_CORNERS ? chooser_corner(i) : chooser_random(backup->restored.seed + i);
                DiskImage image;

                disk_image(disk, &chooser, &image);
                check_image(backup, &image, disk_acknowledged(disk) > 0);
                disk_image_done(&image);
        }
}

START_TEST(a_backup_that_is_cut_off_is_whole_or_says_that_it_is_not)
{
        _cleanup_(backup_done) Backup backup = backup_new(power_seed());
        _cleanup_(disk_freep) Disk *disk = NULL;
        PowerRecord record = {};

        record_backup(&backup, &record);
        disk = disk_new(&record);
        do {
                check_cut(&backup, disk);
        } while (disk_step(disk));
        check_cut(&backup, disk);
        printf("%u whole, %u refused, %u nothing\n", backup.whole, backup.refused, backup.nothing);
        ck_assert(backup.whole > 0 && backup.refused > 0 && backup.nothing > 0);
        power_record_done(&record);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("backup-cut");
        TCase *cut = tcase_create("cut");
        SRunner *runner;
        int failed;

        tcase_set_timeout(cut, power_often(120, 3000));
        tcase_add_test(cut, a_backup_that_is_cut_off_is_whole_or_says_that_it_is_not);
        suite_add_tcase(suite, cut);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
