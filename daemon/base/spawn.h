/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts a helper: a program of its own, to which nothing of this process goes but what is listed, and the log. */
#ifndef ICREISSUE_BASE_SPAWN_H
#define ICREISSUE_BASE_SPAWN_H

#include <sys/types.h>

#include "base/util.h"

typedef struct Helper {
        const char *path;
        char *const *arguments;         /* the first is its name; ends with NULL */
        const char *const *environment; /* the whole of it; ends with NULL */
        const int *descriptors;         /* its descriptors 3, 4 ... (those here have higher numbers) */
        int count;
} Helper;

/* Its standard input and output are /dev/null, its standard error is this process's; no signal is blocked, and SIGPIPE is
 * not ignored. Returns 0 and its process, which the caller waits for, or a negative errno. */
int helper_spawn(const Helper *helper, pid_t *ret);

#endif
