/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps of tests about the care of the store: its jobs, the desk's key, many records, files. */
#ifndef TESTS_BUS_KEEP_H
#define TESTS_BUS_KEEP_H

#include "tests/bus/story.h"

#define KEEP_VERSION_ONE \
        "1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n" /* the desk's own */
#define KEEP_VERSION_TWO "2:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"
#define KEEP_ANOTHER_ONE "1:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"

/* The job that a method has answered with; releases the reply. The caller frees the text. */
char *keep_job_of(sd_bus_message *reply);

/* Calls a method without arguments that starts a job: CheckStore, RotateKey; and BackupStore. */
char *keep_start(Desk *desk, const char *member);
char *keep_start_backup(Desk *desk, const char *directory);

/* Describe's member of type u. */
uint32_t keep_described(Desk *desk, const char *job, const char *member);

/* A property of a job, or the daemon's log, must hold these words. */
void keep_expect_words(Desk *desk, const char *job, const char *property, const char *words);
void keep_expect_log(Desk *desk, const char *words);

/* CheckStore must find everything whole, and so many records. */
void keep_check_clean(Desk *desk, uint32_t records);

/* The key for the daemon's next start or Reload. */
void keep_write_key(Desk *desk, const char *text);

/* Records of STORY_V1 with the IDs from that number on: one by one, or from 0 in one import. */
void keep_enrol(Desk *desk, unsigned from, unsigned count);
void keep_import(Desk *desk, unsigned count);

/* Calls `each` (or NULL) with every file of a directory of the desk's; returns how many there are. */
unsigned keep_each_file(Desk *desk, const char *name, void (*each)(Desk *desk, const char *path));

#endif
