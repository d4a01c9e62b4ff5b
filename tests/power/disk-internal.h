/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The insides of a disk: what follows the record (disk.c), and what makes states of it (disk-image.c). */
#ifndef ICREISSUE_TESTS_DISK_INTERNAL_H
#define ICREISSUE_TESTS_DISK_INTERNAL_H

#include "power/disk.h"

typedef struct DiskPending {
        const PowerEvent *event;
        bool unsure; /* a sync failed after it: it may never get to the disk */
        bool sure;   /* synced, but pending still because what came before is unsure */
} DiskPending;

typedef struct DiskFile {
        uint8_t *data; /* what is sure */
        size_t size;
        DiskPending *pending; /* what came after, in order: writes and changes of size */
        size_t pending_count;
} DiskFile;

typedef struct DiskName {
        char *name;
        unsigned file;
} DiskName;

typedef struct DiskNames {
        DiskName *entries;
        size_t count;
} DiskNames;

struct Disk {
        const PowerRecord *record;
        size_t position;
        uint64_t begun, acknowledged;
        DiskFile *files;
        size_t file_count;
        DiskNames names;
        DiskPending *pending; /* changes of names */
        size_t pending_count;
};

void names_apply(DiskNames *names, const PowerEvent *event, bool sure);
DiskNames names_copy(const DiskNames *names);
void names_release(DiskNames *names);

void file_resize(uint8_t **data, size_t *size, size_t new_size);

#endif
