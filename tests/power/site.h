/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the programs that crash a store share: a directory of a store, and what must hold of a store that is opened
 * in it. A check that fails ends the test, leaves the directory as the store found it, and says where it is. */
#ifndef ICREISSUE_TESTS_SITE_H
#define ICREISSUE_TESTS_SITE_H

#include "power/disk.h"
#include "power/load.h"

enum { SITE_SEGMENT = 4096 };

#define SITE_STORE "issuance"

typedef struct Site {
        char directory[64];
        uint64_t seed;
        char where[160];           /* said where something fails: which cut, which call */
        const PowerRecord *record; /* printed then, the calls before `position`; NULL: nothing */
        size_t position;
} Site;

Site site_new(uint64_t seed);
void site_done(Site *site);

/* Fails the test; `format` goes on after "seed N, WHERE: ". */
_printf_(2, 3) __attribute__((noreturn)) void site_fail(const Site *site, const char *format, ...);

Store *site_open(const Site *site);

/* Everything that must hold after a crash: the store opens by itself, holds a version of the load from `from` to
 * `to` wholly, and is verified; with go_on it also goes on, and holds what it went on with when it is opened
 * once more. Returns the version. The directory is changed. */
size_t site_check(const Site *site, Load *load, size_t from, size_t to, bool go_on);

/* Of an open store: it holds this version, and so does a snapshot of it, which is verified. */
void site_check_open(const Site *site, Load *load, Store *store, size_t from, size_t to, size_t *ret);

/* One change set more, and a commit. */
void site_go_on(const Site *site, Load *load, Store *store);

#endif
