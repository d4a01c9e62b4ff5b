/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libc's file calls, defined anew. They call the kernel directly, not the next definition, so that they work before
 * a sanitizer has set itself up and while it does. */
#undef _FORTIFY_SOURCE /* its inline functions have the names that are defined here */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "power/power.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wnonnull-compare"
#endif

static int answer(long r) {
        if (r >= 0)
                return (int) r;

        errno = (int) -r;
        return -1;
}

static long system_result(long r) {
        return r < 0 ? -errno : r;
}

/* --- opening --- */

static int make_open(PowerScope *scope, int at, const char *path, int flags, mode_t mode) {
        bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
        bool is_new = nameless || ((flags & O_CREAT) && syscall(SYS_faccessat, at, path, F_OK) < 0);
        PowerEvent event = { .call = is_new ? POWER_CREATE : POWER_OPEN,
                             .name = (char *) (nameless ? "" : scope->name) };
        int descriptor, r;

        r = power_strike(event.call, NULL);
        if (r < 0)
                return r;

        descriptor = (int) syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
        if (descriptor < 0)
                return -errno;

        if (scope->directory && !nameless)
                return descriptor;

        power_adopt(descriptor, is_new, &event.file);
        if (is_new)
                power_note(&event);
        else if (flags & O_TRUNC)
                power_note(&(PowerEvent){ .call = POWER_RESIZE, .file = event.file });
        return descriptor;
}

static int do_open(int at, const char *path, int flags, mode_t mode) {
        PowerScope scope;
        int r;

        if (!power_enter_path(&scope, at, path))
                return (int) syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);

        r = make_open(&scope, at, path, flags, mode);
        power_leave(&scope);
        return answer(r);
}

#define OPEN_MODE(flags) \
        ({ \
                mode_t _mode = 0; \
                va_list _list; \
                va_start(_list, flags); \
                if ((flags) & (O_CREAT | O_TMPFILE)) \
                        _mode = va_arg(_list, mode_t); \
                va_end(_list); \
                _mode; \
        })

int open(const char *path, int flags, ...) {
        return do_open(AT_FDCWD, path, flags, OPEN_MODE(flags));
}
int open64(const char *path, int flags, ...) {
        return do_open(AT_FDCWD, path, flags, OPEN_MODE(flags));
}
int openat(int at, const char *path, int flags, ...) {
        return do_open(at, path, flags, OPEN_MODE(flags));
}
int openat64(int at, const char *path, int flags, ...) {
        return do_open(at, path, flags, OPEN_MODE(flags));
}
int creat(const char *path, mode_t mode) {
        return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int __open_2(const char *path, int flags) {
        return do_open(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags) {
        return do_open(AT_FDCWD, path, flags, 0);
}
int __openat_2(int at, const char *path, int flags) {
        return do_open(at, path, flags, 0);
}
int __openat64_2(int at, const char *path, int flags) {
        return do_open(at, path, flags, 0);
}

static int do_mkostemp(char *template, int flags) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        size_t length = strlen(template);

        if (length < 6 || !streq(template + length - 6, "XXXXXX"))
                return answer(-EINVAL);

        for (unsigned attempt = 0; attempt < 100; attempt++) {
                uint8_t random[6] = {};
                int descriptor;

                if (getrandom(random, sizeof(random), 0) < 0)
                        return -1;
                for (size_t i = 0; i < 6; i++)
                        template[length - 6 + i] = letters[random[i] % (sizeof(letters) - 1)];
                descriptor =
                        do_open(AT_FDCWD, template, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
                if (descriptor >= 0 || errno != EEXIST)
                        return descriptor;
        }

        return answer(-EEXIST);
}

int mkostemp(char *template, int flags) {
        return do_mkostemp(template, flags);
}
int mkostemp64(char *template, int flags) {
        return do_mkostemp(template, flags);
}
int mkstemp(char *template) {
        return do_mkostemp(template, 0);
}
int mkstemp64(char *template) {
        return do_mkostemp(template, 0);
}

/* --- reading --- */

static ssize_t do_read(int descriptor, void *data, size_t size, off_t offset) {
        PowerScope scope;
        int r = 0;

        if (power_enter(&scope, descriptor)) {
                r = power_strike(POWER_READ, &size);
                power_leave(&scope);
        }
        if (r < 0)
                return answer(r);

        return offset < 0 ? syscall(SYS_read, descriptor, data, size)
                          : syscall(SYS_pread64, descriptor, data, size, offset);
}

ssize_t read(int descriptor, void *data, size_t size) {
        return do_read(descriptor, data, size, -1);
}
ssize_t __read_chk(int descriptor, void *data, size_t size, size_t room _unused_) {
        return do_read(descriptor, data, size, -1);
}
ssize_t pread(int descriptor, void *data, size_t size, off_t offset) {
        return do_read(descriptor, data, size, offset);
}
ssize_t pread64(int descriptor, void *data, size_t size, off_t offset) {
        return do_read(descriptor, data, size, offset);
}
ssize_t __pread_chk(int descriptor, void *data, size_t size, off_t offset, size_t room _unused_) {
        return do_read(descriptor, data, size, offset);
}
ssize_t __pread64_chk(int descriptor, void *data, size_t size, off_t offset, size_t room _unused_) {
        return do_read(descriptor, data, size, offset);
}

/* --- writing --- */

static off_t write_position(int descriptor, off_t offset) {
        struct stat status;

        if ((syscall(SYS_fcntl, descriptor, F_GETFL) & O_APPEND) && fstat(descriptor, &status) == 0)
                return status.st_size;

        return offset >= 0 ? offset : (off_t) syscall(SYS_lseek, descriptor, 0, SEEK_CUR);
}

static long system_write(int descriptor, const void *data, size_t size, off_t offset) {
        return system_result(offset < 0 ? syscall(SYS_write, descriptor, data, size)
                                        : syscall(SYS_pwrite64, descriptor, data, size, offset));
}

static long watched_write(const PowerScope *scope, int descriptor, const void *data, size_t size,
                          off_t offset) {
        off_t position = write_position(descriptor, offset);
        long n;
        int r;

        r = power_strike(POWER_WRITE, &size);
        if (r < 0)
                return r;

        n = system_write(descriptor, data, size, offset);
        if (r > 0)
                power_die();
        if (n > 0)
                power_note(&(PowerEvent){ .call = POWER_WRITE,
                                          .file = scope->file,
                                          .offset = (uint64_t) position,
                                          .size = (uint64_t) n,
                                          .data = (uint8_t *) data });
        return n;
}

static ssize_t do_write(int descriptor, const void *data, size_t size, off_t offset) {
        PowerScope scope;
        long n;

        if (!power_enter(&scope, descriptor))
                n = system_write(descriptor, data, size, offset);
        else {
                n = watched_write(&scope, descriptor, data, size, offset);
                power_leave(&scope);
        }
        if (n >= 0)
                return n;

        errno = (int) -n;
        return -1;
}

ssize_t write(int descriptor, const void *data, size_t size) {
        return do_write(descriptor, data, size, -1);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
        return do_write(descriptor, data, size, offset);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t offset) {
        return do_write(descriptor, data, size, offset);
}

static ssize_t do_writev(int descriptor, const struct iovec *parts, int count, off_t offset) {
        _cleanup_free_ uint8_t *whole = NULL;
        size_t size = 0, used = 0;

        for (int i = 0; i < count; i++)
                size += parts[i].iov_len;
        whole = malloc(size + 1);
        if (!whole)
                return answer(-ENOMEM);

        for (int i = 0; i < count; i++) {
                memcpy(whole + used, parts[i].iov_base, parts[i].iov_len);
                used += parts[i].iov_len;
        }
        return do_write(descriptor, whole, size, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
        return do_writev(descriptor, parts, count, -1);
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
        return do_writev(descriptor, parts, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off_t offset) {
        return do_writev(descriptor, parts, count, offset);
}

/* The kernel's copies are done by hand: what was copied has to be known. */
static ssize_t do_copy(int from, off_t *from_offset, int to, off_t *to_offset, size_t size) {
        uint8_t part[16384];
        ssize_t n;

        n = do_read(from, part, MIN_OF(size, sizeof(part)), from_offset ? *from_offset : -1);
        if (n <= 0)
                return n;

        n = do_write(to, part, (size_t) n, to_offset ? *to_offset : -1);
        if (n > 0 && from_offset)
                *from_offset += n;
        if (n > 0 && to_offset)
                *to_offset += n;
        return n;
}

ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t size,
                        unsigned flags _unused_) {
        return do_copy(from, from_offset, to, to_offset, size);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
        return do_copy(from, offset, to, NULL, size);
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t size) {
        return do_copy(from, offset, to, NULL, size);
}

/* --- size and syncs --- */

/* What a call does to a file whose descriptor it has, once nothing strikes. */
typedef long (*Work)(const PowerScope *scope, int descriptor, const off_t arguments[3]);

static int do_work(PowerCall call, Work work, int descriptor, off_t a, off_t b, off_t c) {
        const off_t arguments[3] = { a, b, c };
        PowerScope scope;
        long r;

        if (!power_enter(&scope, descriptor)) {
                scope = (PowerScope){};
                return answer(work(&scope, descriptor, arguments));
        }

        if (scope.directory && call == POWER_SYNC)
                call = POWER_SYNC_DIRECTORY;
        r = power_strike(call, NULL);
        if (r == 0)
                r = work(&scope, descriptor, arguments);
        else if (call == POWER_SYNC || call == POWER_SYNC_DIRECTORY)
                power_note(&(PowerEvent){ .call = call, .file = scope.file, .size = 1 });
        power_leave(&scope);
        return answer(r);
}

static long work_truncate(const PowerScope *scope, int descriptor, const off_t arguments[3]) {
        long r = system_result(syscall(SYS_ftruncate, descriptor, arguments[0]));

        if (r == 0 && scope->ours)
                power_note(&(PowerEvent){
                        .call = POWER_RESIZE, .file = scope->file, .size = (uint64_t) arguments[0] });
        return r;
}

int ftruncate(int descriptor, off_t size) {
        return do_work(POWER_RESIZE, work_truncate, descriptor, size, 0, 0);
}
int ftruncate64(int descriptor, off_t size) {
        return do_work(POWER_RESIZE, work_truncate, descriptor, size, 0, 0);
}

static void note_zeros(const PowerScope *scope, off_t offset, off_t end) {
        _cleanup_free_ uint8_t *zeros = NULL;

        if (end <= offset)
                return;

        zeros = calloc((size_t) (end - offset), 1);
        power_note(&(PowerEvent){ .call = POWER_WRITE,
                                  .file = scope->file,
                                  .offset = (uint64_t) offset,
                                  .size = (uint64_t) (end - offset),
                                  .data = zeros });
}

static long work_allocate(const PowerScope *scope, int descriptor, const off_t arguments[3]) {
        int mode = (int) arguments[0];
        off_t offset = arguments[1], end = offset + arguments[2];
        struct stat before = {};
        long r;

        if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
                return -EOPNOTSUPP;

        fstat(descriptor, &before);
        r = system_result(syscall(SYS_fallocate, descriptor, mode, offset, arguments[2]));
        if (r < 0 || !scope->ours)
                return r;

        if (mode & ~FALLOC_FL_KEEP_SIZE)
                note_zeros(scope, offset, MIN_OF(end, before.st_size));
        if (!(mode & FALLOC_FL_KEEP_SIZE) && end > before.st_size)
                power_note(
                        &(PowerEvent){ .call = POWER_RESIZE, .file = scope->file, .size = (uint64_t) end });
        return 0;
}

int fallocate(int descriptor, int mode, off_t offset, off_t size) {
        return do_work(POWER_RESIZE, work_allocate, descriptor, mode, offset, size);
}
int fallocate64(int descriptor, int mode, off_t offset, off_t size) {
        return do_work(POWER_RESIZE, work_allocate, descriptor, mode, offset, size);
}
int posix_fallocate(int descriptor, off_t offset, off_t size) {
        return do_work(POWER_RESIZE, work_allocate, descriptor, 0, offset, size) < 0 ? errno : 0;
}
int posix_fallocate64(int descriptor, off_t offset, off_t size) {
        return do_work(POWER_RESIZE, work_allocate, descriptor, 0, offset, size) < 0 ? errno : 0;
}

static long work_sync(const PowerScope *scope, int descriptor, const off_t arguments[3]) {
        if (!scope->ours && power_skips_syncs())
                return 0;
        if (!scope->ours)
                return system_result(syscall(arguments[0] ? SYS_fdatasync : SYS_fsync, descriptor));

        power_note(&(PowerEvent){ .call = scope->directory ? POWER_SYNC_DIRECTORY : POWER_SYNC,
                                  .file = scope->file });
        return 0;
}

int fsync(int descriptor) {
        return do_work(POWER_SYNC, work_sync, descriptor, 0, 0, 0);
}
int fdatasync(int descriptor) {
        return do_work(POWER_SYNC, work_sync, descriptor, 1, 0, 0);
}

/* Starts writing, and promises nothing about the disk: no event. */
int sync_file_range(int descriptor _unused_, off_t offset _unused_, off_t size _unused_,
                    unsigned flags _unused_) {
        return 0;
}

static long work_sync_all(const PowerScope *scope, int descriptor, const off_t arguments[3] _unused_) {
        if (!scope->ours)
                return system_result(syscall(SYS_syncfs, descriptor));

        power_note_sync_all();
        return 0;
}

int syncfs(int descriptor) {
        return do_work(POWER_SYNC, work_sync_all, descriptor, 0, 0, 0);
}
