/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals and threads: which thread gets them, and what becomes of a mapped file that cannot be read. */
#ifndef ICREISSUE_BASE_SIGNALS_H
#define ICREISSUE_BASE_SIGNALS_H

#include <signal.h>

#include "base/util.h"

/* Blocks every signal, for a thread that is about to be started: they are the main thread's, which reads them from the
 * event loop. Not those that a thread's own access to memory raises; blocked they would end the process. *ret_before
 * is for pthread_sigmask() when it was started. */
void signals_block(sigset_t *ret_before);

/* Between begin and end a page of a mapped file that cannot be read (a bad sector; somebody else has cut the file)
 * does not end the process with SIGBUS: it is replaced by zeros, and mapped_read_end() returns true. What was read is
 * worth nothing then, nor is the mapping. They do not nest. Any thread. */
void mapped_read_begin(void);
bool mapped_read_end(void);

/* Takes SIGBUS, for the whole process; needed once before the first mapped_read_begin(), may be called again. One that
 * comes at another time ends the process, as ever. */
void mapped_read_guard(void);

#endif
