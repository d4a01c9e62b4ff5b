/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A state of a disk as files in a directory, and back. */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "power/disk.h"

/* Calls `each` with every file of a directory; returns how many there are. */
static size_t each_file(const char *path, void (*each)(int directory, const char *name)) {
        DIR *directory = opendir(path);
        size_t count = 0;

        assert(directory);
        for (struct dirent *entry; (entry = readdir(directory));)
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..")) {
                        count++;
                        if (each)
                                each(dirfd(directory), entry->d_name);
                }

        closedir(directory);
        return count;
}

static void remove_file(int directory, const char *name) {
        unlinkat(directory, name, 0);
}

void disk_clear(const char *directory) {
        each_file(directory, remove_file);
}

static const char *entry_link_of(const DiskImage *image, size_t index) {
        for (size_t i = 0; i < index; i++)
                if (image->entries[i].file == image->entries[index].file)
                        return image->entries[i].name;

        return NULL;
}

static void write_entry(int directory, const DiskEntry *entry) {
        _cleanup_close_ int descriptor = -1;

        descriptor = openat(directory, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert(descriptor >= 0);
        for (size_t done = 0; done < entry->size;) {
                ssize_t n = write(descriptor, entry->data + done, entry->size - done);

                assert(n > 0);
                done += (size_t) n;
        }
}

void disk_image_write(const DiskImage *image, const char *directory) {
        _cleanup_close_ int descriptor = -1;

        disk_clear(directory);
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert(descriptor >= 0);
        for (size_t i = 0; i < image->count; i++) {
                const char *other = entry_link_of(image, i);

                if (!other)
                        write_entry(descriptor, &image->entries[i]);
                else if (linkat(descriptor, other, descriptor, image->entries[i].name, 0) < 0)
                        assert(false);
        }
}

static bool entry_is(int directory, const DiskEntry *entry) {
        _cleanup_close_ int descriptor = -1;
        _cleanup_free_ uint8_t *data = NULL;
        struct stat status;

        descriptor = openat(directory, entry->name, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0 || fstat(descriptor, &status) < 0 || (size_t) status.st_size != entry->size)
                return false;

        data = malloc(entry->size + 1);
        return data && pread(descriptor, data, entry->size, 0) == (ssize_t) entry->size &&
               memcmp(data, entry->data, entry->size) == 0;
}

const char *disk_image_differs(const DiskImage *image, const char *directory) {
        _cleanup_close_ int descriptor = -1;

        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < image->count; i++)
                if (!entry_is(descriptor, &image->entries[i]))
                        return image->entries[i].name;

        return each_file(directory, NULL) == image->count ? NULL : "a file that no call has made";
}
