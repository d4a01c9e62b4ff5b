/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All the mistakes of a file, for whoever mends it; the service itself ends at the first. A search that goes on after a
 * mistake calls failure_note(), which changes nothing where nobody collects. */
#ifndef ICREISSUE_BASE_MISTAKES_H
#define ICREISSUE_BASE_MISTAKES_H

#include "base/failure.h"

enum { MISTAKES_MAX = 256 }; /* what comes after is only counted as `more` */

typedef struct Mistake {
        char *message;       /* "file:line:column: what was expected", or without a place */
        size_t file;         /* characters of the file's name; 0 without a place */
        size_t about;        /* where what was expected begins; 0 without a place */
        size_t line, column; /* 0 without a place */
} Mistake;

typedef struct Mistakes {
        Mistake *items;
        size_t count;
        bool more;
} Mistakes;

/* For a failure whose `mistakes` is set, and that holds PROFILE_INVALID or INVALID_ARGS: adds it there, unless the same
 * is there already, empties it and returns 0, so that the search goes on. Else returns r, which may be 0 or more. */
int failure_note(Failure *failure, int r);

/* How many have been noted so far; 0 where nobody collects. */
size_t failure_noted(const Failure *failure);

/* Appends text to those from number `from` on. Returns 0 or -ENOMEM. */
int mistakes_append(Mistakes *mistakes, size_t from, const char *text);

/* In the order of files and places. */
void mistakes_sort(Mistakes *mistakes);

void mistakes_done(Mistakes *mistakes);
#define _cleanup_mistakes_ _cleanup_(mistakes_done)

#endif
