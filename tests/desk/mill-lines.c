/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gpio helper's lines (mill/lines.h) without a GPIO chip: the "chip" is a socket on which a test plays the machine
 * (tests/desk/machine.h). One connection for each line: its letter goes first, and of an input its level comes back; then a
 * byte for each change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mill/lines.h"

struct Lines {
        int sockets[_LINE_MAX]; /* -1: there is no such line */
        char levels[_LINE_MAX];
};

static int open_line(const char *path, LineName name, char *ret_level) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        if (descriptor < 0 || connect(descriptor, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            write(descriptor, &"sdj"[name], 1) != 1 ||
            (name != LINE_START && read(descriptor, ret_level, 1) != 1)) {
                if (descriptor >= 0)
                        close(descriptor);
                return -ENODEV;
        }

        return descriptor;
}

int lines_open(const LinesRequest *request, Lines **ret) {
        Lines *lines = calloc(1, sizeof(*lines));

        for (LineName name = 0; name < _LINE_MAX; name++)
                lines->sockets[name] = -1;
        for (LineName name = 0; name < _LINE_MAX; name++) {
                if (request->numbers[name] < 0)
                        continue;

                lines->sockets[name] = open_line(request->chip, name, &lines->levels[name]);
                if (lines->sockets[name] < 0) {
                        lines_close(lines);
                        return -ENODEV;
                }
        }

        *ret = lines;
        return 0;
}

void lines_close(Lines *lines) {
        if (!lines)
                return;

        if (lines->sockets[LINE_START] >= 0)
                (void) lines_start(lines, false);
        for (LineName name = 0; name < _LINE_MAX; name++)
                if (lines->sockets[name] >= 0)
                        close(lines->sockets[name]);
        free(lines);
}

int lines_start(Lines *lines, bool active) {
        return write(lines->sockets[LINE_START], active ? "1" : "0", 1) == 1 ? 0 : -EIO;
}

int lines_level(Lines *lines, LineName line) {
        return lines->levels[line] == '1';
}

int lines_descriptor(const Lines *lines, LineName line) {
        return lines->sockets[line];
}

int lines_change(Lines *lines, LineName line) {
        if (read(lines->sockets[line], &lines->levels[line], 1) != 1)
                return -EIO;

        return lines_level(lines, line);
}
