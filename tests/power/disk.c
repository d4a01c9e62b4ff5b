/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that follows a record of calls: of each file what is sure, and what came after. */
#include "power/disk-internal.h"

#include <assert.h>

Disk *disk_new(const PowerRecord *record) {
        Disk *disk = new0(Disk, 1);

        assert(disk);
        disk->record = record;
        while (disk->position < record->initial)
                disk_step(disk);
        return disk;
}

static void names_done(DiskNames *names) {
        for (size_t i = 0; i < names->count; i++)
                free(names->entries[i].name);
        free(names->entries);
        *names = (DiskNames){};
}

Disk *disk_free(Disk *disk) {
        for (size_t i = 0; i < disk->file_count; i++) {
                free(disk->files[i].data);
                free(disk->files[i].pending);
        }
        free(disk->files);
        names_done(&disk->names);
        free(disk->pending);
        free(disk);
        return NULL;
}

/* --- names --- */

static DiskName *names_find(const DiskNames *names, const char *name) {
        for (size_t i = 0; i < names->count; i++)
                if (streq(names->entries[i].name, name))
                        return &names->entries[i];

        return NULL;
}

static void names_remove(DiskNames *names, const char *name) {
        DiskName *found = names_find(names, name);

        if (!found)
                return;

        free(found->name);
        *found = names->entries[--names->count];
}

static void names_set(DiskNames *names, const char *name, unsigned file) {
        DiskName *found = names_find(names, name);

        if (!found) {
                names->entries = reallocarray(names->entries, names->count + 1, sizeof(*names->entries));
                assert(names->entries);
                found = &names->entries[names->count++];
                found->name = strdup(name);
        }
        found->file = file;
}

void names_apply(DiskNames *names, const PowerEvent *event, bool sure) {
        const DiskName *from = names_find(names, event->name);
        bool is_there = from && from->file == event->file;

        switch (event->call) {
        case POWER_CREATE:
        case POWER_LINK:
                names_set(names, event->name, event->file);
                return;
        case POWER_REMOVE:
                if (is_there)
                        names_remove(names, event->name);
                return;
        case POWER_RENAME:
                if (is_there)
                        names_remove(names, event->name);
                /* One that is sure is there without the other name ever having been. */
                if (is_there || sure)
                        names_set(names, event->to, event->file);
                return;
        default:
                return;
        }
}

DiskNames names_copy(const DiskNames *names) {
        DiskNames copy = {};

        for (size_t i = 0; i < names->count; i++)
                names_set(&copy, names->entries[i].name, names->entries[i].file);
        return copy;
}

void names_release(DiskNames *names) {
        names_done(names);
}

static void pending_name(Disk *disk, const PowerEvent *event) {
        if (streq(event->name, ""))
                return;

        disk->pending = reallocarray(disk->pending, disk->pending_count + 1, sizeof(*disk->pending));
        assert(disk->pending);
        disk->pending[disk->pending_count++] = (DiskPending){ .event = event };
}

/* How many of the pending ones a failed sync has left unsure for good. */
static size_t unsure_count(const DiskPending *pending, size_t count) {
        while (count > 0 && !pending[count - 1].unsure)
                count--;
        return count;
}

static void sync_names(Disk *disk, const PowerEvent *event) {
        size_t unsure;

        if (event->size > 0) {
                for (size_t i = 0; i < disk->pending_count; i++)
                        disk->pending[i].unsure = !disk->pending[i].sure;
                return;
        }

        unsure = unsure_count(disk->pending, disk->pending_count);
        for (size_t i = 0; i < disk->pending_count; i++)
                if (unsure == 0)
                        names_apply(&disk->names, disk->pending[i].event, true);
                else
                        disk->pending[i].sure = !disk->pending[i].unsure;
        disk->pending_count = unsure == 0 ? 0 : disk->pending_count;
}

/* --- files --- */

static DiskFile *disk_file(Disk *disk, unsigned file) {
        while (disk->file_count <= file) {
                disk->files = reallocarray(disk->files, disk->file_count + 1, sizeof(*disk->files));
                assert(disk->files);
                disk->files[disk->file_count++] = (DiskFile){};
        }

        return &disk->files[file];
}

static void pending_change(DiskFile *file, const PowerEvent *event) {
        file->pending = reallocarray(file->pending, file->pending_count + 1, sizeof(*file->pending));
        assert(file->pending);
        file->pending[file->pending_count++] = (DiskPending){ .event = event };
}

void file_resize(uint8_t **data, size_t *size, size_t new_size) {
        if (new_size > *size) {
                *data = realloc(*data, new_size);
                assert(*data);
                memset(*data + *size, 0, new_size - *size);
        }
        *size = new_size;
}

static void file_apply(DiskFile *file, const PowerEvent *event) {
        if (event->call == POWER_RESIZE) {
                file_resize(&file->data, &file->size, event->size);
                return;
        }

        if (event->offset + event->size > file->size)
                file_resize(&file->data, &file->size, event->offset + event->size);
        if (event->size > 0)
                memcpy(file->data + event->offset, event->data, event->size);
}

static void sync_file(DiskFile *file, const PowerEvent *event) {
        size_t unsure;

        if (event->size > 0) {
                for (size_t i = 0; i < file->pending_count; i++)
                        file->pending[i].unsure = !file->pending[i].sure;
                return;
        }

        unsure = unsure_count(file->pending, file->pending_count);
        for (size_t i = 0; i < file->pending_count; i++)
                if (unsure == 0)
                        file_apply(file, file->pending[i].event);
                else
                        file->pending[i].sure = !file->pending[i].unsure;
        file->pending_count = unsure == 0 ? 0 : file->pending_count;
}

/* --- the record --- */

static void disk_take(Disk *disk, const PowerEvent *event) {
        switch (event->call) {
        case POWER_CREATE:
                disk_file(disk, event->file);
                pending_name(disk, event);
                return;
        case POWER_RENAME:
        case POWER_LINK:
        case POWER_REMOVE:
                pending_name(disk, event);
                return;
        case POWER_WRITE:
        case POWER_RESIZE:
                pending_change(disk_file(disk, event->file), event);
                return;
        case POWER_SYNC:
                sync_file(disk_file(disk, event->file), event);
                return;
        case POWER_SYNC_DIRECTORY:
                sync_names(disk, event);
                return;
        case POWER_MARK:
                disk->begun = event->offset;
                disk->acknowledged = event->size;
                return;
        case POWER_OPEN:
        case POWER_READ:
                return;
        }
}

bool disk_step(Disk *disk) {
        if (disk->position == disk->record->count)
                return false;

        disk_take(disk, &disk->record->events[disk->position++]);
        return true;
}

size_t disk_position(const Disk *disk) {
        return disk->position;
}

const PowerRecord *disk_record(const Disk *disk) {
        return disk->record;
}

uint64_t disk_begun(const Disk *disk) {
        return disk->begun;
}

uint64_t disk_acknowledged(const Disk *disk) {
        return disk->acknowledged;
}
