/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk may hold after a power cut, built from a record of calls (power.h).
 *
 * What is sure: a file's data and size as of its last fsync or fdatasync that succeeded; the directory's names as
 * of its last fsync. Of what came after, up to the cut, a state has any part that these rules allow:
 *
 *   names   Each creation, renaming, link and removal has happened or has not, each for itself, in the order of the
 *           calls; one that stands on another that has not happened, has not happened either. Syncing a file does
 *           not make its name sure.
 *   size    The file's size at any moment since the sync. A size may be there without its data: zeros.
 *   data    Every sector of 512 bytes, for itself, as it was at any moment since the sync: so writes are lost, torn
 *           and reordered. What a truncation took away is gone with the size that shows it, and never comes back.
 *   failed  What was unsynced when an fsync failed, stays unsure: no later fsync promises anything about it. Only
 *           writing it again, and an fsync that succeeds then, does (Linux marks the pages clean).
 *
 * A state is chosen by a Chooser. Where few states are possible all of them can be gone through; else there are
 * corners (each of names, sizes and data wholly lost or wholly kept, in every combination) and random ones. */
#ifndef ICREISSUE_TESTS_DISK_H
#define ICREISSUE_TESTS_DISK_H

#include "power/power.h"

enum {
        DISK_SECTOR = 512,
        CHOOSER_DEPTH = 64,
        CHOOSER_CORNERS = 8,
};

typedef enum ChoiceKind { CHOICE_NAME, CHOICE_SIZE, CHOICE_DATA, _CHOICE_MAX } ChoiceKind;

typedef enum ChoiceMode {
        CHOICE_LOST, /* as little as may be of what is unsure */
        CHOICE_KEPT, /* all of it */
        CHOICE_MOSTLY_LOST,
        CHOICE_MOSTLY_KEPT,
        CHOICE_RANDOM,
        CHOICE_NEXT, /* the next of all */
        _CHOICE_MODE_MAX,
} ChoiceMode;

typedef struct Chooser {
        ChoiceMode modes[_CHOICE_MAX];
        uint64_t random;
        /* CHOICE_NEXT: the choices made, and of how many; a counter whose last digit moves first. */
        unsigned digits[CHOOSER_DEPTH], of[CHOOSER_DEPTH];
        size_t depth, used;
        uint64_t product; /* of what there was to choose from; UINT64_MAX: very many */
} Chooser;

Chooser chooser_corner(unsigned corner); /* 0: all lost; CHOOSER_CORNERS - 1: all kept */
Chooser chooser_random(uint64_t seed);
Chooser chooser_first(void);         /* of all */
bool chooser_next(Chooser *chooser); /* false: that was the last */
unsigned chooser_choose(Chooser *chooser, ChoiceKind kind, unsigned of);

typedef struct Disk Disk;

/* Borrows the record. Begins with what was there when the record began. */
Disk *disk_new(const PowerRecord *record);
Disk *disk_free(Disk *disk);
DEFINE_CLEANUP(Disk *, disk_free)

/* One call further; false at the end. */
bool disk_step(Disk *disk);

/* How many calls the disk has seen; and what the last mark before said. */
size_t disk_position(const Disk *disk);
const PowerRecord *disk_record(const Disk *disk);
uint64_t disk_begun(const Disk *disk);
uint64_t disk_acknowledged(const Disk *disk);

/* How many states are possible here, some of them the same; counts to `limit` only. */
uint64_t disk_states(const Disk *disk, uint64_t limit);

typedef struct DiskEntry {
        char *name;
        unsigned file;
        uint8_t *data;
        size_t size;
} DiskEntry;

typedef struct DiskImage {
        DiskEntry *entries;
        size_t count;
} DiskImage;

void disk_image(const Disk *disk, Chooser *chooser, DiskImage *ret);
void disk_image_done(DiskImage *image);
uint64_t disk_image_hash(const DiskImage *image);

/* Makes the directory hold exactly the image. */
void disk_image_write(const DiskImage *image, const char *directory);

/* The first name that differs from what the directory holds: static, NULL when there is none. */
const char *disk_image_differs(const DiskImage *image, const char *directory);

/* Removes the directory's files. */
void disk_clear(const char *directory);

#endif
