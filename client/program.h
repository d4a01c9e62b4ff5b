/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other programs that a command needs (ssh-keygen, useradd), and the small files that it writes beside them. */
#ifndef ICREISSUE_CLIENT_PROGRAM_H
#define ICREISSUE_CLIENT_PROGRAM_H

#include <sys/types.h>

#include "base/util.h"

/* Runs a program, found in $PATH, with our standard error and its output there too; argv ends with NULL. Returns 0 when it
 * has ended well, -ECHILD when it has not, or a negative errno. */
int program_run(const char *const *argv);

/* Writes a whole file: a new one beside it, renamed over it. Returns 0 or a negative errno. */
int program_write_file(const char *path, mode_t mode, uid_t user, gid_t group, const char *text);

/* Makes a directory, or sets mode and owner of the one that is there. */
int program_make_directory(const char *path, mode_t mode, uid_t user, gid_t group);

/* Reads a small text file's first line, without its end. The caller owns *ret. */
int program_read_line(const char *path, char **ret);

#endif
