/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs programs without a shell, and writes files whole or not at all. */
#include "client/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

int program_run(const char *const *argv) {
        posix_spawn_file_actions_t actions;
        int r, status;
        pid_t pid;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;

        r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -r;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int write_and_close(int descriptor, mode_t mode, uid_t user, gid_t group, const char *text) {
        _cleanup_close_ int file = descriptor;
        size_t size = strlen(text);
        ssize_t n;

        for (size_t done = 0; done < size; done += (size_t) n) {
                n = write(file, text + done, size - done);
                if (n < 0)
                        return -errno;
        }

        if (fchown(file, user, group) < 0 || fchmod(file, mode) < 0 || fsync(file) < 0)
                return -errno;

        return 0;
}

int program_write_file(const char *path, mode_t mode, uid_t user, gid_t group, const char *text) {
        _cleanup_free_ char *temporary = NULL;
        int file, r;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }

        file = mkostemp(temporary, O_CLOEXEC);
        if (file < 0)
                return -errno;

        r = write_and_close(file, mode, user, group, text);
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);

        return r;
}

int program_make_directory(const char *path, mode_t mode, uid_t user, gid_t group) {
        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return -errno;

        if (chown(path, user, group) < 0 || chmod(path, mode) < 0)
                return -errno;

        return 0;
}

int program_read_line(const char *path, char **ret) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t length;
        FILE *file;

        file = fopen(path, "re");
        if (!file)
                return -errno;

        length = getline(&line, &size, file);
        fclose(file);
        if (length <= 0)
                return -ENODATA;

        line[strcspn(line, "\n")] = '\0';
        *ret = TAKE_PTR(line);
        return 0;
}
