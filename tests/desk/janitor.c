/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The janitor: a process that outlives the test by a moment. When the test's process is gone without having closed
 * its desk (an assertion that failed, a deadline, a crash, Check's time limit), it prints what a person needs to know
 * and clears the desk's directory away. It hears of it by the end of a pipe, so no way to die escapes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

static void watch(Desk *desk, int pipe) {
        ssize_t n;
        char word;

        do
                n = read(pipe, &word, 1);
        while (n < 0 && errno == EINTR);
        if (n == 1) /* closed as it should be */
                _exit(EXIT_SUCCESS);
        desk_report(desk);
        room_leave(desk);
        fflush(NULL);
        _exit(EXIT_SUCCESS);
}

void janitor_start(Desk *desk) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                desk_fail(desk, "a pipe: %m");
        fflush(NULL);
        desk->janitor = fork();
        if (desk->janitor < 0)
                desk_fail(desk, "the janitor: %m");
        if (desk->janitor == 0) {
                close(ends[1]);
                watch(desk, ends[0]);
        }
        setpgid(desk->janitor, 0); /* Check kills the whole process group of a test */
        close(ends[0]);
        desk->janitor_pipe = ends[1];
}

void janitor_dismiss(Desk *desk) {
        if (desk->janitor == 0)
                return;
        (void) !write(desk->janitor_pipe, "q", 1);
        close(desk->janitor_pipe);
        while (waitpid(desk->janitor, NULL, 0) < 0 && errno == EINTR)
                continue;
}
