/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the redefined calls share: which directory is watched, which inode is which file, the record, the fault. */
#include "power/power.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

/* An inode number is used again when its file is gone: the last entry counts. */
typedef struct Inode {
        ino_t number;
        unsigned file;
} Inode;

/* The one state that is not handed around: libc's calls have no argument for it. */
static struct {
        pthread_mutex_t lock;
        atomic_bool watching;
        atomic_bool skip_syncs;
        dev_t device;
        ino_t directory;
        PowerRecord *record;
        Inode *inodes;
        size_t inode_count;
        unsigned files;
        PowerFault fault;
        uint64_t calls;
        uint64_t struck;
} power = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool inode_find(ino_t number, unsigned *ret) {
        for (size_t i = power.inode_count; i-- > 0;)
                if (power.inodes[i].number == number) {
                        *ret = power.inodes[i].file;
                        return true;
                }

        return false;
}

static unsigned inode_add(ino_t number) {
        power.inodes = reallocarray(power.inodes, power.inode_count + 1, sizeof(*power.inodes));
        assert(power.inodes);
        power.inodes[power.inode_count++] = (Inode){ number, power.files };
        return power.files++;
}

/* --- what the calls ask --- */

bool power_enter(PowerScope *scope, int descriptor) {
        struct stat status;

        *scope = (PowerScope){};
        if (!atomic_load(&power.watching))
                return false;

        pthread_mutex_lock(&power.lock);
        if (atomic_load(&power.watching) && fstat(descriptor, &status) == 0 &&
            status.st_dev == power.device) {
                scope->directory = status.st_ino == power.directory;
                scope->ours = scope->directory ||
                              (S_ISREG(status.st_mode) && inode_find(status.st_ino, &scope->file));
        }
        if (!scope->ours)
                pthread_mutex_unlock(&power.lock);
        return scope->ours;
}

static bool is_directory(int at, const char *path) {
        struct stat status;

        return fstatat(at, path, &status, 0) == 0 && status.st_dev == power.device &&
               status.st_ino == power.directory;
}

static bool path_is_watched(PowerScope *scope, int at, const char *path) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;

        if (is_directory(at, path)) {
                scope->directory = true;
                scope->name = "";
                return true;
        }

        scope->name = slash ? slash + 1 : path;
        if (!slash)
                return is_directory(at, ".");

        parent = strndup(path, slash == path ? 1 : (size_t) (slash - path));
        return parent && is_directory(at, parent);
}

bool power_enter_path(PowerScope *scope, int at, const char *path) {
        *scope = (PowerScope){};
        if (!path || !atomic_load(&power.watching))
                return false;

        pthread_mutex_lock(&power.lock);
        scope->ours = atomic_load(&power.watching) && path_is_watched(scope, at, path);
        if (!scope->ours)
                pthread_mutex_unlock(&power.lock);
        return scope->ours;
}

void power_enter_always(PowerScope *scope) {
        *scope = (PowerScope){ .ours = true };
        pthread_mutex_lock(&power.lock);
}

void power_leave(PowerScope *scope) {
        int error = errno;

        if (scope->ours)
                pthread_mutex_unlock(&power.lock);
        scope->ours = false;
        errno = error;
}

void power_adopt(int descriptor, bool is_new, unsigned *ret) {
        struct stat status = {};

        fstat(descriptor, &status);
        if (is_new || !inode_find(status.st_ino, ret))
                *ret = inode_add(status.st_ino);
}

bool power_find(int at, const char *path, int flags, unsigned *ret) {
        struct stat status;

        if (fstatat(at, path, &status,
                    (flags & AT_EMPTY_PATH) | (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW)) < 0)
                return false;

        return status.st_dev == power.device && inode_find(status.st_ino, ret);
}

void power_die(void) {
        kill(getpid(), SIGKILL);
        for (;;)
                pause();
}

int power_strike(PowerCall call, size_t *size) {
        const PowerFault *fault = &power.fault;

        if (!(fault->kinds & POWER_KIND(call)))
                return 0;

        power.calls++;
        if (power.calls < fault->first || power.calls - fault->first >= fault->count)
                return 0;

        power.struck++;
        if (size && (fault->kill || fault->error == 0))
                *size = *size > 1 ? *size / 2 : *size;
        if (!fault->kill)
                return -fault->error;

        if (call != POWER_WRITE)
                power_die();
        return 1;
}

/* --- the record --- */

static void record_add(const PowerEvent *event) {
        PowerRecord *record = power.record;
        PowerEvent *copy;

        if (record->count == record->allocated) {
                record->allocated = record->allocated * 2 + 64;
                record->events = reallocarray(record->events, record->allocated, sizeof(*record->events));
                assert(record->events);
        }

        copy = &record->events[record->count++];
        *copy = *event;
        copy->name = event->name ? strdup(event->name) : NULL;
        copy->to = event->to ? strdup(event->to) : NULL;
        if (event->data) {
                copy->data = malloc(event->size + 1);
                assert(copy->data);
                memcpy(copy->data, event->data, event->size);
        }
}

void power_note(const PowerEvent *event) {
        if (!power.record)
                return;

        power_note_mapped(record_add);
        if (event)
                record_add(event);
}

void power_note_sync_all(void) {
        for (unsigned file = 0; file < power.files; file++)
                power_note(&(PowerEvent){ .call = POWER_SYNC, .file = file });
        power_note(&(PowerEvent){ .call = POWER_SYNC_DIRECTORY });
}

void power_mark(uint64_t begun, uint64_t acknowledged) {
        pthread_mutex_lock(&power.lock);
        power_note(&(PowerEvent){ .call = POWER_MARK, .offset = begun, .size = acknowledged });
        pthread_mutex_unlock(&power.lock);
}

void power_record_done(PowerRecord *record) {
        for (size_t i = 0; i < record->count; i++) {
                free(record->events[i].name);
                free(record->events[i].to);
                free(record->events[i].data);
        }

        free(record->events);
        *record = (PowerRecord){};
}

void power_event_print(const PowerEvent *event) {
        static const char *const names[] = { "open",           "read",   "create", "write",  "resize", "sync",
                                             "sync directory", "rename", "link",   "remove", "mark" };

        fprintf(stderr, "%s file %u %s%s%s offset %llu size %llu\n", names[event->call], event->file,
                event->name ?: "", event->to ? " to " : "", event->to ?: "",
                (unsigned long long) event->offset, (unsigned long long) event->size);
}

/* --- watching --- */

/* What is there already is on the disk. */
static bool watch_file(int directory, const char *name) {
        _cleanup_close_ int descriptor = -1;
        _cleanup_free_ uint8_t *data = NULL;
        struct stat status;
        unsigned file;

        descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (descriptor < 0 || fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode))
                return false;

        data = malloc((size_t) status.st_size + 1);
        if (!data || read(descriptor, data, (size_t) status.st_size) != status.st_size)
                return false;

        if (inode_find(status.st_ino, &file)) {
                power_note(&(PowerEvent){ .call = POWER_LINK, .file = file, .name = (char *) name });
                return true;
        }

        file = inode_add(status.st_ino);
        power_note(&(PowerEvent){ .call = POWER_CREATE, .file = file, .name = (char *) name });
        power_note(&(PowerEvent){
                .call = POWER_WRITE, .file = file, .size = (uint64_t) status.st_size, .data = data });
        power_note(&(PowerEvent){ .call = POWER_SYNC, .file = file });
        return true;
}

static bool watch_files(const char *path) {
        DIR *directory = opendir(path);
        bool whole = directory;

        if (!directory)
                return false;

        for (struct dirent *entry; (entry = readdir(directory));)
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
                    !watch_file(dirfd(directory), entry->d_name))
                        whole = false;
        closedir(directory);
        power_note(&(PowerEvent){ .call = POWER_SYNC_DIRECTORY });
        return whole;
}

bool power_watch(const char *directory, PowerRecord *record) {
        struct stat status;

        assert(!atomic_load(&power.watching));
        if (stat(directory, &status) < 0)
                return false;

        power.device = status.st_dev;
        power.directory = status.st_ino;
        power.record = record;
        if (!watch_files(directory))
                return false;

        if (record)
                record->initial = record->count;
        atomic_store(&power.watching, true);
        return true;
}

void power_end(void) {
        pthread_mutex_lock(&power.lock);
        atomic_store(&power.watching, false);
        free(power.inodes);
        power.inodes = NULL;
        power.inode_count = 0;
        power.files = 0;
        power.record = NULL;
        power.fault = (PowerFault){};
        pthread_mutex_unlock(&power.lock);
}

void power_skip_syncs(bool skip) {
        atomic_store(&power.skip_syncs, skip);
}

bool power_skips_syncs(void) {
        return atomic_load(&power.skip_syncs);
}

uint64_t power_fault(const PowerFault *fault) {
        uint64_t struck;

        pthread_mutex_lock(&power.lock);
        struck = power.struck;
        power.fault = fault ? *fault : (PowerFault){};
        power.calls = power.struck = 0;
        pthread_mutex_unlock(&power.lock);
        return struck;
}

uint64_t power_calls(void) {
        uint64_t calls;

        pthread_mutex_lock(&power.lock);
        calls = power.calls;
        pthread_mutex_unlock(&power.lock);
        return calls;
}

/* --- what random tests share --- */

uint64_t power_seed(void) {
        const char *text = getenv("ICREISSUE_SEED");
        uint64_t seed = 0;

        if (text)
                seed = strtoull(text, NULL, 0);
        else if (getrandom(&seed, 4, 0) < 0)
                seed = 1;
        printf("seed %llu (ICREISSUE_SEED=%llu repeats it)\n", (unsigned long long) seed,
               (unsigned long long) seed);
        fflush(stdout);
        return seed;
}

uint64_t power_random(uint64_t *state) {
        uint64_t z = *state += 0x9E3779B97F4A7C15;

        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
}

unsigned power_often(unsigned daily, unsigned nightly) {
        const char *text = getenv("ICREISSUE_NIGHTLY");

        return text && streq(text, "1") ? nightly : daily;
}
