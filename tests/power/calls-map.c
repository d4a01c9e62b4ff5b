/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes through a mapping, which no call tells of: whenever something else is noted, and before the mapping goes, what
 * has changed in it since is noted as writes. */
#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "power/power.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum { SECTOR = 512 };

typedef struct Mapping Mapping;
struct Mapping {
        const uint8_t *address;
        size_t size; /* of what the file has of it */
        uint64_t offset;
        unsigned file;
        uint8_t *shadow; /* as it was noted last */
        Mapping *next;
};

static Mapping *mappings; /* under power.c's lock, as the state there */
static atomic_uint mapping_count;

static size_t sector_at(const Mapping *mapping, size_t at) {
        return MIN_OF(mapping->size - at, (size_t) SECTOR);
}

static bool sector_differs(const Mapping *mapping, size_t at) {
        return at < mapping->size &&
               memcmp(mapping->address + at, mapping->shadow + at, sector_at(mapping, at)) != 0;
}

static void note_changes(Mapping *mapping, void (*note)(const PowerEvent *event)) {
        for (size_t at = 0, from; at < mapping->size; at += SECTOR) {
                if (!sector_differs(mapping, at))
                        continue;

                for (from = at; sector_differs(mapping, at);) {
                        memcpy(mapping->shadow + at, mapping->address + at, sector_at(mapping, at));
                        at += sector_at(mapping, at);
                }
                note(&(PowerEvent){ .call = POWER_WRITE,
                                    .file = mapping->file,
                                    .offset = mapping->offset + from,
                                    .size = at - from,
                                    .data = mapping->shadow + from });
        }
}

void power_note_mapped(void (*note)(const PowerEvent *event)) {
        for (Mapping *mapping = mappings; mapping; mapping = mapping->next)
                note_changes(mapping, note);
}

static void watch_mapping(const PowerScope *scope, const void *address, size_t size, int descriptor,
                          off_t offset) {
        struct stat status = {};
        Mapping *mapping = new0(Mapping, 1);

        assert(mapping && fstat(descriptor, &status) == 0);
        *mapping = (Mapping){ .address = address,
                              .size = MIN_OF(size, (size_t) MAX_OF(status.st_size - offset, 0)),
                              .offset = (uint64_t) offset,
                              .file = scope->file,
                              .next = mappings };
        mapping->shadow = malloc(mapping->size + 1);
        assert(mapping->shadow);
        memcpy(mapping->shadow, address, mapping->size);
        mappings = mapping;
        mapping_count++;
}

static void forget_mapping(const void *address) {
        for (Mapping **at = &mappings; *at; at = &(*at)->next) {
                Mapping *mapping = *at;

                if (mapping->address != address)
                        continue;

                *at = mapping->next;
                mapping_count--;
                free(mapping->shadow);
                free(mapping);
                return;
        }
}

void *mmap(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
        bool is_written = (flags & MAP_SHARED) && (protection & PROT_WRITE) && descriptor >= 0;
        PowerScope scope;
        void *address;

        address = (void *) syscall(SYS_mmap, at, size, protection, flags, descriptor, offset);
        if (address != MAP_FAILED && is_written && power_enter(&scope, descriptor)) {
                watch_mapping(&scope, address, size, descriptor, offset);
                power_leave(&scope);
        }

        return address;
}
void *mmap64(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
        return mmap(at, size, protection, flags, descriptor, offset);
}

int munmap(void *address, size_t size) {
        PowerScope scope;

        if (mapping_count > 0) {
                power_enter_always(&scope);
                power_note(NULL);
                forget_mapping(address);
                power_leave(&scope);
        }

        return (int) syscall(SYS_munmap, address, size);
}
