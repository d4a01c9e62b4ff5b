/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libc's calls that change names, defined anew; see calls.c. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "power/power.h"

static int answer(long r) {
        if (r >= 0)
                return (int) r;

        errno = (int) -r;
        return -1;
}

static long system_result(long r) {
        return r < 0 ? -errno : r;
}

static long watched_rename(const char *name, int from_at, const char *from, int to_at, const char *to,
                           unsigned flags) {
        const char *slash = strrchr(to, '/');
        PowerEvent event = { .call = POWER_RENAME,
                             .name = (char *) name,
                             .to = (char *) (slash ? slash + 1 : to) };
        long r;

        r = power_strike(POWER_RENAME, NULL);
        if (r < 0)
                return r;

        power_find(from_at, from, 0, &event.file);
        r = system_result(syscall(SYS_renameat2, from_at, from, to_at, to, flags));
        if (r == 0)
                power_note(&event);
        return r;
}

/* Out of the watched directory, or into it, is not foreseen: disk_image_differs() would find it. */
static int do_rename(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
        PowerScope scope;
        long r;

        if (!power_enter_path(&scope, from_at, from))
                return answer(system_result(syscall(SYS_renameat2, from_at, from, to_at, to, flags)));

        r = watched_rename(scope.name, from_at, from, to_at, to, flags);
        power_leave(&scope);
        return answer(r);
}

int rename(const char *from, const char *to) {
        return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
        return do_rename(from_at, from, to_at, to, 0);
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
        return do_rename(from_at, from, to_at, to, flags);
}

static long watched_unlink(const char *name, int at, const char *path, int flags) {
        PowerEvent event = { .call = POWER_REMOVE, .name = (char *) name };
        long r;

        r = power_strike(POWER_REMOVE, NULL);
        if (r < 0)
                return r;

        power_find(at, path, 0, &event.file);
        r = system_result(syscall(SYS_unlinkat, at, path, flags));
        if (r == 0)
                power_note(&event);
        return r;
}

static int do_unlink(int at, const char *path, int flags) {
        PowerScope scope;
        long r;

        if (!power_enter_path(&scope, at, path))
                return answer(system_result(syscall(SYS_unlinkat, at, path, flags)));

        r = watched_unlink(scope.name, at, path, flags);
        power_leave(&scope);
        return answer(r);
}

int unlink(const char *path) {
        return do_unlink(AT_FDCWD, path, 0);
}
int unlinkat(int at, const char *path, int flags) {
        return do_unlink(at, path, flags);
}

static int do_link(int from_at, const char *from, int to_at, const char *to, int flags) {
        PowerEvent event = { .call = POWER_LINK };
        PowerScope scope;
        long r;

        if (!power_enter_path(&scope, to_at, to))
                return answer(system_result(syscall(SYS_linkat, from_at, from, to_at, to, flags)));

        event.name = (char *) scope.name;
        r = power_strike(POWER_LINK, NULL);
        if (r == 0 && !power_find(from_at, from, flags, &event.file))
                r = -EXDEV;
        if (r == 0)
                r = system_result(syscall(SYS_linkat, from_at, from, to_at, to, flags));
        if (r == 0)
                power_note(&event);
        power_leave(&scope);
        return answer(r);
}

int link(const char *from, const char *to) {
        return do_link(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
        return do_link(from_at, from, to_at, to, flags);
}
