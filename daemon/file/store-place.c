/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of a store's files: their names, its sync, copies. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "file/store-private.h"

enum { COPY_CHUNK = 8 * 1024 * 1024 };

int store_place_new(const char *directory, const char *name, uint64_t segment_size, StorePlace **ret,
                    Failure *failure) {
        _cleanup_(store_place_unrefp) StorePlace *place = new0(StorePlace, 1);

        if (!place)
                return failure_no_memory(failure);

        atomic_init(&place->references, 1);
        place->segment_size = segment_size;
        place->directory = strdup(directory);
        place->name = strdup(name);
        place->descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (place->descriptor < 0)
                return failure_set_errno(
                        failure, FAILURE_STORE_FAILED, errno,
                        "The directory %s cannot be opened; make it, owned by the service's user", directory);
        if (!place->directory || !place->name)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(place);
        return 0;
}

StorePlace *store_place_ref(StorePlace *place) {
        atomic_fetch_add(&place->references, 1);
        return place;
}

StorePlace *store_place_unref(StorePlace *place) {
        if (!place || atomic_fetch_sub(&place->references, 1) > 1)
                return NULL;

        cleanup_close(&place->descriptor);
        free(place->directory);
        free(place->name);
        free(place);
        return NULL;
}

char *store_place_path(const StorePlace *place, const char *middle) {
        char *path;

        return asprintf(&path, "%s/%s.%s", place->directory, place->name, middle) < 0 ? NULL : path;
}

char *store_place_table_path(const StorePlace *place, char letter) {
        return store_place_path(place, letter == 'a' ? "a.gdbm" : "b.gdbm");
}

int store_place_sync(const StorePlace *place, Failure *failure) {
        return fsync(place->descriptor) < 0
                       ? failure_set_errno(
                                 failure, FAILURE_STORE_FAILED, errno,
                                 "The directory %s could not be written to the disk; check the disk",
                                 place->directory)
                       : 0;
}

int store_place_write_current(const StorePlace *place, Current *current, Failure *failure) {
        current->newest = atomic_load(&place->newest);
        return current_write(place->descriptor, place->directory, place->name, current, failure);
}

static int copy_failure(const char *from, int errno_value, Failure *failure) {
        return failure_set_errno(failure, FAILURE_STORE_FAILED, errno_value,
                                 "%s could not be copied; check the disk and its free space", from);
}

/* One piece, by whatever way the file systems offer. 0 at the end. */
static ssize_t copy_piece(int source, int target, uint8_t *buffer) {
        ssize_t n = copy_file_range(source, NULL, target, NULL, COPY_CHUNK, 0);

        if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP))
                return n < 0 ? -errno : n;

        n = read(source, buffer, COPY_CHUNK);
        for (ssize_t done = 0; done < n;) {
                ssize_t m = write(target, buffer + done, (size_t) (n - done));

                if (m <= 0)
                        return m < 0 ? -errno : -EIO;

                done += m;
        }

        return n < 0 ? -errno : n;
}

static int copy_pieces(const char *from, int source, int target, const CopyProgress *progress,
                       Failure *failure) {
        _cleanup_free_ uint8_t *buffer = malloc(COPY_CHUNK);
        struct stat status;
        double done = 0;
        ssize_t n;

        if (!buffer)
                return failure_no_memory(failure);

        if (fstat(source, &status) < 0)
                return copy_failure(from, errno, failure);

        while ((n = copy_piece(source, target, buffer)) > 0) {
                int r = 0;

                done += (double) n;
                if (progress && progress->call)
                        r = progress->call(MIN_OF(done / (double) (status.st_size + 1), 1.0),
                                           progress->userdata, failure);
                if (r < 0)
                        return r;
        }

        return n < 0 ? copy_failure(from, (int) n, failure) : 0;
}

int store_copy_file(int source, const char *from, int target, const CopyProgress *progress,
                    Failure *failure) {
        int r;

        if (lseek(source, 0, SEEK_SET) < 0)
                return copy_failure(from, errno, failure);

        /* A file system that shares blocks (XFS, Btrfs) copies nothing at all. */
        if (ioctl(target, FICLONE, source) != 0) {
                r = copy_pieces(from, source, target, progress, failure);
                if (r < 0)
                        return r;
        }

        return fsync(target) < 0 ? copy_failure(from, errno, failure) : 0;
}
