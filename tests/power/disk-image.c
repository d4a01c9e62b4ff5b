/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One state of a disk after a cut: which names, and of each file which size and which version of each sector. */
#include <assert.h>

#include "power/disk-internal.h"

/* A pending change of a file, as far as this state shows it. */
typedef struct Change {
        const PowerEvent *event;
        bool sure;
        uint64_t size; /* the file's after it */
        bool resized;
        uint64_t shown; /* its bytes from here on are not in the state */
} Change;

typedef struct Sector {
        unsigned writes; /* that touch it */
        unsigned sure;   /* so many of them have happened */
        unsigned chosen;
} Sector;

typedef struct Builder {
        const DiskFile *file;
        Chooser *chooser;
        Change *changes;
        size_t count;
        Sector *sectors;
        size_t sector_count;
        uint64_t size; /* the file's, in this state */
        uint64_t kept; /* of what was sure the bytes up to here */
} Builder;

static void builder_done(Builder *builder) {
        free(builder->changes);
        free(builder->sectors);
}

/* The changes with the sizes they lead to. Returns how many of them change the size; *ret_sure: of these, how many
 * are sure to have happened. */
static unsigned builder_changes(Builder *builder, unsigned *ret_sure) {
        uint64_t size = builder->file->size;
        unsigned resizes = 0;

        *ret_sure = 0;
        builder->count = builder->file->pending_count;
        builder->changes = new0(Change, builder->count + 1);
        assert(builder->changes);
        for (size_t i = 0; i < builder->count; i++) {
                Change *change = &builder->changes[i];

                change->event = builder->file->pending[i].event;
                change->sure = builder->file->pending[i].sure;
                change->size = change->event->call == POWER_RESIZE
                                       ? change->event->size
                                       : MAX_OF(size, change->event->offset + change->event->size);
                change->resized = change->size != size;
                size = change->size;
                resizes += change->resized;
                if (change->sure)
                        *ret_sure = resizes;
        }

        return resizes;
}

/* Chooses the size: so many of the changes of size have happened. Those that make the file smaller take away what
 * was before them; those that have not happened hide what was written behind them. */
static void builder_choose_size(Builder *builder) {
        unsigned sure, resizes = builder_changes(builder, &sure), happened, seen = 0;
        uint64_t size = builder->file->size;

        happened = sure + chooser_choose(builder->chooser, CHOICE_SIZE, resizes - sure + 1);
        builder->size = size;
        for (size_t i = 0; i < builder->count; i++)
                if (builder->changes[i].resized && seen++ < happened)
                        builder->size = builder->changes[i].size;
        builder->kept = MIN_OF(builder->size, builder->file->size);
        for (size_t i = 0; i < builder->count; i++)
                builder->changes[i].shown = builder->size;

        seen = 0;
        for (size_t i = 0; i < builder->count; i++) {
                Change *change = &builder->changes[i];
                bool shrinks = change->size < size, here = seen < happened;

                size = change->size;
                seen += change->resized;
                if (!shrinks)
                        continue;

                if (here)
                        builder->kept = MIN_OF(builder->kept, size);
                for (size_t k = here ? 0 : i + 1; k < (here ? i : builder->count); k++)
                        builder->changes[k].shown = MIN_OF(builder->changes[k].shown, size);
        }
}

typedef void (*EachSector)(Builder *builder, const Change *change, size_t sector, uint64_t from, uint64_t to,
                           uint8_t *data);

static void each_sector(Builder *builder, EachSector each, uint8_t *data) {
        for (size_t i = 0; i < builder->count; i++) {
                const PowerEvent *event = builder->changes[i].event;
                uint64_t end = MIN_OF(event->offset + event->size, builder->changes[i].shown);

                if (event->call != POWER_WRITE)
                        continue;

                for (uint64_t at = event->offset; at < end;) {
                        uint64_t to = MIN_OF((at / DISK_SECTOR + 1) * DISK_SECTOR, end);

                        each(builder, &builder->changes[i], at / DISK_SECTOR, at, to, data);
                        at = to;
                }
        }
}

static void count_write(Builder *builder, const Change *change, size_t sector, uint64_t from _unused_,
                        uint64_t to _unused_, uint8_t *data _unused_) {
        builder->sectors[sector].writes++;
        if (change->sure)
                builder->sectors[sector].sure = builder->sectors[sector].writes;
}

static void apply_write(Builder *builder, const Change *change, size_t sector, uint64_t from, uint64_t to,
                        uint8_t *data) {
        if (builder->sectors[sector].writes++ < builder->sectors[sector].chosen)
                memcpy(data + from, change->event->data + (from - change->event->offset), to - from);
}

static void builder_choose_sectors(Builder *builder) {
        builder->sector_count = builder->size / DISK_SECTOR + 1;
        builder->sectors = new0(Sector, builder->sector_count);
        assert(builder->sectors);
        each_sector(builder, count_write, NULL);
        for (size_t i = 0; i < builder->sector_count; i++) {
                Sector *sector = &builder->sectors[i];

                sector->chosen = sector->sure + chooser_choose(builder->chooser, CHOICE_DATA,
                                                               sector->writes - sector->sure + 1);
                sector->writes = 0;
        }
}

static void build_file(const DiskFile *file, Chooser *chooser, DiskEntry *ret) {
        _cleanup_(builder_done) Builder builder = { .file = file, .chooser = chooser };

        builder_choose_size(&builder);
        builder_choose_sectors(&builder);
        ret->size = builder.size;
        ret->data = calloc(builder.size + 1, 1);
        assert(ret->data);
        if (builder.kept > 0)
                memcpy(ret->data, file->data, builder.kept);
        each_sector(&builder, apply_write, ret->data);
}

static DiskNames build_names(const Disk *disk, Chooser *chooser) {
        DiskNames names = names_copy(&disk->names);

        for (size_t i = 0; i < disk->pending_count; i++)
                if (disk->pending[i].sure || chooser_choose(chooser, CHOICE_NAME, 2) == 1)
                        names_apply(&names, disk->pending[i].event, disk->pending[i].sure);
        return names;
}

static const DiskEntry *image_find_file(const DiskImage *image, unsigned file) {
        for (size_t i = 0; i < image->count; i++)
                if (image->entries[i].file == file)
                        return &image->entries[i];

        return NULL;
}

static void copy_entry(const DiskEntry *from, DiskEntry *ret) {
        ret->size = from->size;
        ret->data = malloc(from->size + 1);
        assert(ret->data);
        memcpy(ret->data, from->data, from->size);
}

void disk_image(const Disk *disk, Chooser *chooser, DiskImage *ret) {
        DiskNames names;

        chooser->used = 0;
        names = build_names(disk, chooser);
        *ret = (DiskImage){ .entries = new0(DiskEntry, names.count + 1) };
        assert(ret->entries);
        for (size_t i = 0; i < names.count; i++) {
                const DiskEntry *same = image_find_file(ret, names.entries[i].file);
                DiskEntry *entry = &ret->entries[ret->count];

                entry->name = TAKE_PTR(names.entries[i].name);
                entry->file = names.entries[i].file;
                if (same)
                        copy_entry(same, entry);
                else
                        build_file(&disk->files[entry->file], chooser, entry);
                ret->count++;
        }
        names_release(&names);
}

void disk_image_done(DiskImage *image) {
        for (size_t i = 0; i < image->count; i++) {
                free(image->entries[i].name);
                free(image->entries[i].data);
        }

        free(image->entries);
        *image = (DiskImage){};
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
        const uint8_t *bytes = data;
        uint64_t word;

        for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
                memcpy(&word, bytes, sizeof(word));
                hash = (hash ^ word) * 0x9E3779B97F4A7C15;
                hash ^= hash >> 29;
        }

        for (; size > 0; size--)
                hash = (hash ^ *bytes++) * 0x100000001B3;
        return hash;
}

uint64_t disk_image_hash(const DiskImage *image) {
        uint64_t sum = image->count;

        for (size_t i = 0; i < image->count; i++) {
                const DiskEntry *entry = &image->entries[i];
                uint64_t hash = hash_bytes(entry->size + 1, entry->name, strlen(entry->name));

                sum += hash_bytes(hash, entry->data, entry->size);
        }

        return sum;
}

uint64_t disk_states(const Disk *disk, uint64_t limit) {
        Chooser chooser = chooser_corner(CHOOSER_CORNERS - 1);
        DiskImage image;

        disk_image(disk, &chooser, &image);
        disk_image_done(&image);
        return MIN_OF(chooser.product, limit);
}
