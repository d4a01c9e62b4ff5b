/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inotify on the folder of pcscd's socket. What is tried then, and when it is given up, is
 * reader-watch.c's. */
#include "card/pcscd-socket.h"

#include <poll.h>
#include <sys/inotify.h>

#define SOCKET_PATH "/run/pcscd/pcscd.comm"

enum {
        /* The socket of a pcscd that crashed stays behind; a new one binds it before it listens. */
        RETRY_SOCKET_MS = 2000,
        /* A polkit rule may be installed meanwhile; polkitd tells nobody. pcscd logs each refusal, so this
         * is slow. */
        RETRY_REFUSED_MS = 60000,
};

/* pcsc-lite lets PCSCLITE_CSOCK_NAME choose another socket (getSocketName() in winscard_msg.c). */
static const char *socket_path(void) {
        const char *path = secure_getenv("PCSCLITE_CSOCK_NAME");

        return path ? path : SOCKET_PATH;
}

int pcscd_socket_watch(void) {
        _cleanup_free_ char *folder = strdup(socket_path());
        _cleanup_close_ int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (!folder)
                return -ENOMEM;

        if (descriptor < 0)
                return -errno;

        for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
                /* pcscd's chmod() comes after listen() (InitializeSocket() in winscard_msg_srv.c):
                 * IN_ATTRIB. */
                slash[slash == folder ? 1 : 0] = '\0';
                if (inotify_add_watch(descriptor, folder,
                                      IN_CREATE | IN_ATTRIB | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF) >=
                    0)
                        return TAKE_FD(descriptor);

                if (slash == folder)
                        break;
        }

        return -ENOENT;
}

void pcscd_socket_wait(int watch, int stop, bool refused) {
        struct pollfd events[] = { { .fd = watch, .events = POLLIN }, { .fd = stop, .events = POLLIN } };
        int timeout = -1;

        if (refused)
                timeout = RETRY_REFUSED_MS;
        else if (watch < 0 || access(socket_path(), F_OK) >= 0)
                timeout = RETRY_SOCKET_MS;

        poll(events, ELEMENTS(events), timeout);
}
