/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot as the files of a store in another directory: the GDBM file as it is, what lies over it as a log segment, and
 * last NAME.current, which makes a store of them. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "file/store-snapshot.h"

enum { NAME_SIZE = 256 };

typedef struct Backup {
        StoreSnapshot *snapshot;
        int directory;
        Bytes frames;
        uint64_t sequence;
} Backup;

static void backup_done(Backup *backup) {
        bytes_done(&backup->frames);
}

static int backup_failure(int errno_value, Failure *failure) {
        return failure_set_errno(
                failure, FAILURE_STORE_FAILED, errno_value,
                "The backup cannot be written; check the directory, its disk and its free space");
}

static int check_absent(const Backup *backup, const char *name, Failure *failure) {
        if (faccessat(backup->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "There is a file %s in that directory already. Give an empty one.", name);

        return errno == ENOENT ? 0 : backup_failure(errno, failure);
}

static void mark_name(const StoreSnapshot *snapshot, char ret[static NAME_SIZE]) {
        snprintf(ret, NAME_SIZE, "%s." STORE_UNFINISHED, snapshot->place->name);
}

int store_backup_begin(const StoreSnapshot *snapshot, int directory, Failure *failure) {
        static const char text[] =
                "This backup was not finished, and is worth nothing: remove this directory.\n";
        _cleanup_close_ int descriptor = -1;
        char name[NAME_SIZE];

        mark_name(snapshot, name);
        descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (descriptor < 0)
                return backup_failure(errno, failure);

        /* The name is all that counts. */
        if (write(descriptor, text, sizeof(text) - 1) != (ssize_t) sizeof(text) - 1)
                return backup_failure(ENOSPC, failure);

        return fsync(descriptor) < 0 || fsync(directory) < 0 ? backup_failure(errno, failure) : 0;
}

int store_backup_end(const StoreSnapshot *snapshot, int directory, Failure *failure) {
        char name[NAME_SIZE];

        /* What has been written is under its names before the mark goes. */
        mark_name(snapshot, name);
        return fsync(directory) < 0 || unlinkat(directory, name, 0) < 0 || fsync(directory) < 0
                       ? backup_failure(errno, failure)
                       : 0;
}

static int copy_table(Backup *backup, const char *name, const CopyProgress *progress, Failure *failure) {
        _cleanup_free_ char *from = store_place_table_path(backup->snapshot->place, backup->snapshot->letter);
        _cleanup_close_ int target = -1;

        if (!from)
                return failure_no_memory(failure);

        target = openat(backup->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (target < 0)
                return backup_failure(errno, failure);

        return store_copy_file(backup->snapshot->descriptor, from, target, progress, failure);
}

static int add_frame(const LayerEntry *entry, void *userdata, Failure *failure) {
        Span value = SPAN(entry->value, entry->size);
        Backup *backup = userdata;

        backup->sequence++;
        return frame_append(&backup->frames, backup->sequence,
                            &(StoreChange){ .key = entry->key, .value = entry->removed ? NULL : &value },
                            1) < 0
                       ? failure_no_memory(failure)
                       : 0;
}

static int write_log(Backup *backup, Failure *failure) {
        StoreSnapshot *snapshot = backup->snapshot;
        _cleanup_(segment_closep) Segment *segment = NULL;
        int r;

        backup->sequence = snapshot->applied;
        r = store_snapshot_each_change(snapshot, add_frame, backup, failure);
        if (r >= 0)
                r = segment_create(backup->directory, "the backup's directory", snapshot->place->name, 1,
                                   MAX_OF(backup->frames.size, (size_t) 1), snapshot->applied + 1, &segment,
                                   failure);
        if (r < 0)
                return r;

        segment_finish_frames(segment, &backup->frames, snapshot->applied);
        return segment_append(segment, bytes_span(&backup->frames), failure);
}

static int write_files(Backup *backup, const char *table_name, const CopyProgress *progress,
                       Failure *failure) {
        Current current = {
                .letter = 'a',
                .applied = backup->snapshot->applied,
                .segment = 1,
                .newest = 1,
        };
        int r;

        r = copy_table(backup, table_name, progress, failure);
        if (r >= 0)
                r = write_log(backup, failure);
        if (r < 0)
                return r;

        current.durable = backup->sequence;
        return current_write(backup->directory, "the backup's directory", backup->snapshot->place->name,
                             &current, failure);
}

int store_snapshot_backup(StoreSnapshot *snapshot, int directory, StoreProgress progress, void *userdata,
                          Failure *failure) {
        static const char *const endings[] = { "current", "a.gdbm", "b.gdbm", "00000001.log", "current.new" };
        _cleanup_(backup_done) Backup backup = { .snapshot = snapshot, .directory = directory };
        const CopyProgress copying = { .call = progress, .userdata = userdata };
        char names[ELEMENTS(endings)][NAME_SIZE];
        int r;

        for (size_t i = 0; i < ELEMENTS(endings); i++) {
                snprintf(names[i], sizeof(names[i]), "%s.%s", snapshot->place->name, endings[i]);
                r = check_absent(&backup, names[i], failure);
                if (r < 0)
                        return r;
        }

        r = write_files(&backup, names[1], &copying, failure);
        for (size_t i = 0; r < 0 && i < ELEMENTS(endings); i++)
                (void) unlinkat(directory, names[i], 0);

        return r;
}
