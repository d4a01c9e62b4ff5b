/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The room a desk stands in: namespaces for mounts and network, a directory in memory, and the few system paths over
 * which the desk's own are shown, so that unchanged programs find them there. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

static void loopback_up(Desk *desk) {
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
        int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (handle < 0 || ioctl(handle, SIOCSIFFLAGS, &request) < 0)
                desk_fail(desk, "the loopback interface: %m");
        close(handle);
}

static void mount_memory(Desk *desk, const char *path) {
        if (mount("desk", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
                desk_fail(desk, "a file system in memory at %s: %m", path);
}

void room_enter(Desk *desk) {
        const char *place = getenv("TMPDIR");
        char *directory;

        if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
                desk_fail(desk, "a desk needs root: %m");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                desk_fail(desk, "private mounts: %m");
        loopback_up(desk);
        desk->namespaces[0] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        desk->namespaces[1] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (desk->namespaces[0] < 0 || desk->namespaces[1] < 0)
                desk_fail(desk, "the room's namespaces: %m");

        if (asprintf(&directory, "%s/desk-XXXXXX", place ? place : "/tmp") < 0 || !mkdtemp(directory))
                desk_fail(desk, "a temporary directory: %m");
        desk->directory = directory;
        mount_memory(desk, directory);
        /* pcscd's socket has a fixed place in it, and nothing of the machine's own services shall be found there. */
        mount_memory(desk, "/run");
}

/* A process with threads, as under ThreadSanitizer, cannot change its mount namespace; one desk alone never needs to. */
static bool is_inside(int namespace, const char *path) {
        struct stat own, other;

        return stat(path, &own) == 0 && fstat(namespace, &other) == 0 && own.st_ino == other.st_ino &&
               own.st_dev == other.st_dev;
}

void desk_join_network(const Desk *desk) {
        if (!is_inside(desk->namespaces[1], "/proc/thread-self/ns/net") &&
            setns(desk->namespaces[1], CLONE_NEWNET) < 0)
                fprintf(stderr, "desk: going back into the network: %m\n");
}

void desk_join_room(const Desk *desk) {
        desk_join_network(desk);
        if (!is_inside(desk->namespaces[0], "/proc/thread-self/ns/mnt") &&
            setns(desk->namespaces[0], CLONE_NEWNS) < 0)
                fprintf(stderr, "desk: going back into the room: %m\n");
}

void room_leave(Desk *desk) {
        for (size_t i = 0; i < sizeof(desk->namespaces) / sizeof(desk->namespaces[0]); i++)
                close(desk->namespaces[i]);
        while (desk->bound_count > 0)
                umount2(desk->bound[--desk->bound_count], MNT_DETACH);
        umount2("/run", MNT_DETACH);
        umount2(desk->directory, MNT_DETACH);
        rmdir(desk->directory);
}

static char *first_there(const char *tree, const char *const *places, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++) {
                char *path;

                if (asprintf(&path, "%s%s/%s", tree, places[i], name) < 0)
                        return NULL;
                if (access(path, F_OK) == 0)
                        return path;
                free(path);
        }
        return NULL;
}

const char *room_build_file(Desk *desk, const char *name) {
        static const char *const places[] = { "", "/.libs", "/tests", "/tests/.libs" };
        const char *tree = getenv("ICREISSUE_BUILD");
        char *path = tree ? first_there(tree, places, 4, name) : NULL;

        if (!tree)
                desk_fail(desk, "ICREISSUE_BUILD does not name the build tree");
        if (!path)
                desk_fail(desk, "%s has no %s", tree, name);
        return desk_keep(desk, path);
}

const char *room_source_file(Desk *desk, const char *name) {
        const char *tree = getenv("ICREISSUE_SOURCE");
        char *path;

        if (!tree)
                desk_fail(desk, "ICREISSUE_SOURCE does not name the source tree");
        if (asprintf(&path, "%s/%s", tree, name) < 0)
                path = NULL;
        return desk_keep(desk, path);
}

void room_copy(Desk *desk, const char *from, const char *to) {
        int source = open(from, O_RDONLY | O_CLOEXEC);
        int target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ssize_t n = -1;

        if (source >= 0 && target >= 0)
                do
                        n = sendfile(target, source, NULL, 1 << 20);
                while (n > 0);
        if (n < 0)
                desk_fail(desk, "copying %s to %s: %m", from, to);
        close(source);
        close(target);
}

void room_bind(Desk *desk, const char *name, const char *path) {
        if (mount(desk_path(desk, name), path, NULL, MS_BIND, NULL) < 0)
                desk_fail(desk, "showing %s at %s: %m", name, path);
        if (desk->bound_count < sizeof(desk->bound) / sizeof(desk->bound[0]))
                desk->bound[desk->bound_count++] = path;
}
