/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup: both files as of one moment into a directory where none of their names is taken, whole or not at all. */
#include <dirent.h>
#include <fcntl.h>

#include "file/care-internal.h"

/* Whether a directory's entry is a file of either store, or of one half made: "issuance." and what follows. */
static bool is_store_file(const char *name) {
        static const char *const prefixes[] = { "issuance.", "reissuing." };

        for (size_t i = 0; i < ELEMENTS(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;

        return false;
}

static inline void directory_closep(DIR **directory) {
        if (*directory)
                closedir(*directory);
}

/* Calls `each` for every such file; stops at what is not 0. */
static int each_store_file(int descriptor, int (*each)(int descriptor, const char *name), Failure *failure) {
        _cleanup_(directory_closep) DIR *directory = NULL;
        const struct dirent *entry;
        int own, r;

        own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (own >= 0)
                directory = fdopendir(own);
        if (!directory) {
                r = -errno;
                cleanup_close(&own);
                return failure_set_errno(failure, FAILURE_INVALID_ARGS, r, "The directory cannot be read");
        }

        while ((entry = readdir(directory))) {
                r = is_store_file(entry->d_name) ? each(descriptor, entry->d_name) : 0;
                if (r != 0)
                        return r;
        }

        return 0;
}

static int is_there(int descriptor _unused_, const char *name _unused_) {
        return 1;
}

static int check_empty(Care *care, Failure *failure) {
        int r = each_store_file(care->directory, is_there, failure);

        if (r <= 0)
                return r;

        return failure_set(failure, FAILURE_INVALID_ARGS,
                           "Files of a backup, or of the service itself, are in the directory already; give "
                           "another one, or remove them.");
}

/* Told before anything is begun: the service's user is not the caller's. */
static int check_writable(Care *care, Failure *failure) {
        if (faccessat(care->directory, ".", W_OK | X_OK, AT_EACCESS) >= 0)
                return 0;

        if (errno == EROFS)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The directory is on a file system that cannot be written.");

        return failure_set(failure, FAILURE_INVALID_ARGS,
                           "The service may not write into the directory: give it to the service's user "
                           "(chown icreissue DIR), or let icreissuectl make one that is not there yet.");
}

static int remove_any(int descriptor, const char *name) {
        (void) unlinkat(descriptor, name, 0);
        return 0;
}

static int remove_content(int descriptor, const char *name) {
        return strstr(name, "." STORE_UNFINISHED) ? 0 : remove_any(descriptor, name);
}

/* The marks that say what is there last. */
static void remove_backup(Care *care) {
        (void) each_store_file(care->directory, remove_content, NULL);
        (void) fsync(care->directory);
        (void) each_store_file(care->directory, remove_any, NULL);
}

/* One that copies damage is none, and would be noticed on the day when it is needed. */
static int verify_both(Care *care, Failure *failure) {
        CarePart first = { .care = care, .to = 0.5 };
        CarePart second = { .care = care, .from = 0.5, .to = 0.6 };
        int r;

        r = store_snapshot_verify(care->records, care_part_progress, &first, failure);
        return r < 0 ? r : store_snapshot_verify(care->jobs, care_part_progress, &second, failure);
}

static int copy_both(Care *care, Failure *failure) {
        CarePart first = { .care = care, .from = 0.6, .to = 0.95 };
        CarePart second = { .care = care, .from = 0.95, .to = 1 };
        int r;

        r = store_backup_begin(care->records, care->directory, failure);
        if (r >= 0)
                r = store_backup_begin(care->jobs, care->directory, failure);
        if (r >= 0)
                r = store_snapshot_backup(care->records, care->directory, care_part_progress, &first,
                                          failure);
        if (r >= 0)
                r = store_snapshot_backup(care->jobs, care->directory, care_part_progress, &second, failure);
        if (r >= 0)
                r = care_check_cancelled(care, failure);
        if (r >= 0)
                r = store_backup_end(care->jobs, care->directory, failure);

        return r < 0 ? r : store_backup_end(care->records, care->directory, failure);
}

int care_do_backup(Care *care, Failure *failure) {
        int r;

        r = check_empty(care, failure);
        if (r >= 0)
                r = check_writable(care, failure);
        if (r >= 0)
                r = verify_both(care, failure);
        if (r < 0)
                return r;

        r = copy_both(care, failure);
        if (r < 0) {
                remove_backup(care);
                return r;
        }

        care->count = care->record_count;
        return 0;
}
