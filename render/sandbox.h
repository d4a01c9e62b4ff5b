/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the helper gives up before it reads a byte of what it was given. A design is an SVG from anyone. */
#ifndef ICREISSUE_RENDER_SANDBOX_H
#define ICREISSUE_RENDER_SANDBOX_H

/* Gives up, for good: root's user and groups, other descriptors than the protocol's, new privileges, core dumps, more
 * memory, time and file size than the protocol allows. Returns 0 or a negative errno. */
int sandbox_limit(void);

/* After fonts were looked up, gives up everything but to read those directories (NULL-terminated; Landlock, where the
 * kernel has it), and every system call that a picture does not need: no socket, no other process, no file opened for
 * writing (seccomp). Returns 0 or a negative errno; -ENOSYS of a kernel without Landlock is no error. */
int sandbox_close(const char *const *readable);

#endif
