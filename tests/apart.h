/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child of a test that runs beside it, and may be killed. Check keeps a test's messages, one with each ck_assert(),
 * in a file that a child has open too, at the same offset. A child that is killed while it writes one leaves half of
 * it, and the runner ends with "Bad message type". */
#ifndef ICREISSUE_TESTS_APART_H
#define ICREISSUE_TESTS_APART_H

#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Check's file has no name any more. */
static inline bool apart_is_check_file(int descriptor) {
        struct stat status;

        return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0;
}

/* fork(), for a test: never negative. What the child asserts is told to nobody; where it fails, it ends with
 * status 1. */
static inline pid_t fork_apart(void) {
        pid_t child = fork();

        if (child == 0) {
                int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

                for (int descriptor = 3; descriptor < 64; descriptor++)
                        if (apart_is_check_file(descriptor))
                                dup2(nowhere, descriptor);
                return 0;
        }

        ck_assert_int_gt(child, 0);
        return child;
}

#endif
