/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said while a job is followed. On a terminal a progress bar stays in the last line of standard error and
 * everything else goes above it; elsewhere each new state is a line. With --json everything is one JSON object a line
 * on the results' stream. */
#ifndef ICREISSUE_CLIENT_FOLLOW_PRINT_H
#define ICREISSUE_CLIENT_FOLLOW_PRINT_H

#include "client/arguments.h"
#include "client/output.h"

typedef struct FollowPrint {
        FILE *results;
        FILE *talk; /* standard error */
        bool json, quiet, terminal;
        bool bar;                       /* the progress bar is on the screen */
        char *state, *advice, *refusal; /* said last; owned */
        json_t *shown;                  /* --json: the row that was printed last; owned */
} FollowPrint;

void follow_print_init(FollowPrint *print, const Arguments *arguments, FILE *results);
void follow_print_done(FollowPrint *print);

/* The job's properties, new or changed: says what is new about them. */
void follow_print_job(FollowPrint *print, const char *path, const json_t *properties);

/* A card of the batch has ended; says how, and what to do next. description may be NULL. */
void follow_print_card(FollowPrint *print, const char *path, const json_t *properties,
                       const json_t *description, const json_t *batch);

/* The job has ended. description may be NULL. */
void follow_print_result(FollowPrint *print, const char *path, const json_t *properties,
                         const json_t *description);

/* Ctrl-C: how to see and to cancel what goes on. */
void follow_print_interrupted(FollowPrint *print, const char *path);

/* A sentence for people. */
void follow_print_note(FollowPrint *print, const char *text);

#endif
