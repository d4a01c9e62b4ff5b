/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every family of cards must stand, told once: a family's test program is its row and nothing else. */
#ifndef TESTS_BUS_FAMILY_H
#define TESTS_BUS_FAMILY_H

#include "tests/bus/story.h"

#define FAMILY_PULLS_MAX 8

typedef struct FamilyStory {
        const char *type;
        DeskManner manner;
        unsigned pulls[FAMILY_PULLS_MAX]; /* at which APDUs of a reissue the card is taken out; 0 ends them */
        const char *
                wrong_keys; /* a key ring's file in which the family's key is wrong; NULL: none is shown to a blank */
        uint16_t flip; /* a bit stored wrong: which file, and the byte */
        unsigned flip_offset;
} FamilyStory;

/* Runs the tests for each row; returns the exit status. Records and IDs are card-fixture's. */
int family_run(const char *name, const FamilyStory *stories, size_t count);

#endif
