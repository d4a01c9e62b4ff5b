/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static int set_descriptors(const Helper *helper, posix_spawn_file_actions_t *actions) {
        int first = STDERR_FILENO + 1, r;

        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        for (int i = 0; i < helper->count && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(actions, helper->descriptors[i], first + i);

        return r == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, first + helper->count) : r;
}

int helper_spawn(const Helper *helper, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, pipe;
        int r;

        sigemptyset(&none);
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &pipe);
        r = set_descriptors(helper, &actions);
        if (r == 0)
                r = posix_spawn(ret, helper->path, &actions, &attributes, helper->arguments,
                                (char *const *) helper->environment);

        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}
