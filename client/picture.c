/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/picture.h"

#include <fcntl.h>
#include <stdio.h>

#include "client/program.h"

static int copy_picture(int picture, int file) {
        char buffer[16384];
        ssize_t n;

        while ((n = read(picture, buffer, sizeof(buffer))) > 0)
                for (ssize_t done = 0, written; done < n; done += written) {
                        written = write(file, buffer + done, (size_t) (n - done));
                        if (written < 0)
                                return -errno;
                }

        return n < 0 ? -errno : 0;
}

/* Opened from a file of its own that stays until the next start of the machine. */
static int show_picture(const Client *client, int picture, const char *ending) {
        char path[] = "/tmp/icreissue-preview-XXXXXX.abc";
        const char *const open_it[] = { "xdg-open", path, NULL };
        _cleanup_close_ int file = -1;
        int r;

        memcpy(path + strlen(path) - 3, ending, 3);
        file = mkostemps(path, 4, O_CLOEXEC);
        r = file < 0 ? -errno : copy_picture(picture, file);
        if (r < 0)
                return client_fail_errno(client, r, path);

        if (program_run(open_it) < 0)
                return client_fail(client, STATUS_FAILED,
                                   "The picture is in %s; no program could be found to open it (xdg-open).",
                                   path);

        return STATUS_DONE;
}

static int write_picture(const Client *client, int picture, const char *path) {
        _cleanup_close_ int file = -1;
        int r;

        if (streq(path, "-")) {
                r = copy_picture(picture, STDOUT_FILENO);
                return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
        }

        file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        r = file < 0 ? -errno : copy_picture(picture, file);
        return r < 0 ? client_fail_errno(client, r, path) : STATUS_DONE;
}

int picture_give(const Client *client, int picture, const char *ending, const char *output) {
        if (lseek(picture, 0, SEEK_SET) < 0)
                return client_fail_errno(client, -errno, "The service's answer");

        return output ? write_picture(client, picture, output) : show_picture(client, picture, ending);
}
