/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, marks and datagrams in a desk's plug directory. */
#include "plug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int plug_path(const char *directory, const char *what, unsigned reader, char path[static PLUG_PATH_MAX]) {
        int length;

        if (strcmp(what, "hub") == 0)
                length = snprintf(path, PLUG_PATH_MAX, "%s/hub", directory);
        else
                length = snprintf(path, PLUG_PATH_MAX, "%s/%s-%02u", directory, what, reader);
        return length < 0 || (size_t) length >= PLUG_PATH_MAX ? -ENAMETOOLONG : 0;
}

bool plug_has(const char *directory, const char *what, unsigned reader) {
        char path[PLUG_PATH_MAX];

        return plug_path(directory, what, reader, path) == 0 && access(path, F_OK) == 0;
}

int plug_mark(const char *directory, const char *what, unsigned reader, bool there) {
        char path[PLUG_PATH_MAX];
        int r, file;

        r = plug_path(directory, what, reader, path);
        if (r < 0)
                return r;
        if (!there)
                return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
        file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (file < 0)
                return -errno;
        close(file);
        return 0;
}

int plug_listen(const char *directory, const char *what, unsigned reader) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int r, listener;

        r = plug_path(directory, what, reader, address.sun_path);
        if (r < 0)
                return r;
        listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener < 0)
                return -errno;
        unlink(address.sun_path);
        if (bind(listener, (struct sockaddr *) &address, sizeof(address)) < 0) {
                r = -errno;
                close(listener);
                return r;
        }
        return listener;
}

void plug_send(const char *directory, const char *what, unsigned reader, const char *text) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int sender;

        if (plug_path(directory, what, reader, address.sun_path) < 0)
                return;
        sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (sender < 0)
                return;
        /* A queue that is full already says what we say; the hub's is never full. */
        (void) sendto(sender, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *) &address,
                      sizeof(address));
        close(sender);
}

void plug_in(const char *directory, unsigned reader) {
        char text[8];

        plug_mark(directory, "there", reader, true);
        snprintf(text, sizeof(text), "+%u", reader);
        plug_send(directory, "hub", reader, text);
}

void plug_out(const char *directory, unsigned reader) {
        char text[8];

        plug_mark(directory, "there", reader, false);
        plug_send(directory, "reader", reader, "-");
        snprintf(text, sizeof(text), "-%u", reader);
        plug_send(directory, "hub", reader, text);
}
