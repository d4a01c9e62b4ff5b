/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NAME.current: which GDBM file is which, and how far each has come (FORMAT.md). */
#ifndef ICREISSUE_FILE_STORE_CURRENT_H
#define ICREISSUE_FILE_STORE_CURRENT_H

#include "base/failure.h"

typedef struct Current {
        char letter;           /* 'a' or 'b': the current file */
        uint64_t applied;      /* its last change set */
        bool idle_clean;       /* the other file is whole */
        uint64_t idle_applied; /* its last change set, where it is clean */
        uint32_t segment;      /* the first log segment that is needed */
        uint32_t
                newest; /* the last one that was in use when this was written: it must be there; 0: not known */
        uint64_t
                durable; /* the last change set that was durable when this was written: it must be there, too */
} Current;

/* The letter of the other file. */
static inline char current_idle(const Current *current) {
        return current->letter == 'a' ? 'b' : 'a';
}

/* -ENOENT, with no failure set, where there is none; -EBADMSG, with no failure set, where it is damaged. */
int current_read(int directory, const char *store, Current *ret, Failure *failure);

/* Replaces it; durable when it returns 0. Otherwise nobody knows which of the two is there. `path` is the directory's, for
 * messages. */
int current_write(int directory, const char *path, const char *store, const Current *current,
                  Failure *failure);

#endif
