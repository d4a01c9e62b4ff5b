/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the benchmarks of stores measure with: the clock, medians, the records, memory and disk. */
#ifndef ICREISSUE_BENCH_MEASURE_H
#define ICREISSUE_BENCH_MEASURE_H

#include "base/util.h"

enum {
        RECORD_SIZE = 512, /* bytes of a value */
        RECORD_KEY_SIZE = 24,
        ROUNDS_MAX = 15,
};

/* Says what went wrong, and ends the program. */
_printf_(1, 2) _Noreturn void die(const char *format, ...);

/* ms of the monotonic clock. */
double now(void);

/* --- random numbers --- */

typedef struct Random {
        uint64_t state;
} Random;

uint64_t random_next(Random *random);
static inline uint64_t random_below(Random *random, uint64_t limit) {
        return random_next(random) % limit;
}

/* --- records --- */

/* "staff/NNNNNNNNNN": in the order of their numbers. */
const char *bench_key(uint64_t number, char ret[static RECORD_KEY_SIZE]);

/* Not compressible; tells number and version. */
void bench_value(uint64_t number, uint64_t version, uint8_t ret[static RECORD_SIZE]);

/* Whether it is a value of that number, of whatever version. */
bool bench_is_value(uint64_t number, const uint8_t *value);

/* Writes a file of JSON Lines: records of RECORD_SIZE bytes each, in random order. */
void bench_write_lines(const char *path, uint64_t count);

/* --- series --- */

typedef struct Series {
        double values[ROUNDS_MAX];
        unsigned count;
} Series;

void series_add(Series *series, double value);
double series_median(const Series *series);
double series_max(const Series *series);

/* One line of output: the medians, and their ratio. */
void print_line(const char *name, const char *unit, const Series *ours, const char *reference,
                const Series *theirs);

/* --- the system --- */

/* KiB of this process, of a line of /proc/self/status: "VmHWM", "RssAnon". */
double memory_of(const char *line);

/* The highest RssAnon until memory_watch_end(), looked at every few ms. */
typedef struct MemoryWatch MemoryWatch;
MemoryWatch *memory_watch_begin(void);
double memory_watch_end(MemoryWatch *watch);

/* A new folder in directory. The caller owns the path. */
char *folder_make(const char *directory, const char *name);
void folder_remove(const char *path);

/* Bytes on the disk of all files in it. */
double folder_size(const char *path);

/* Waits until the file system has nothing to write any more, so that nobody pays for what another has written. */
void folder_sync(const char *path);

/* Reads all of its files, so that they are in the page cache. */
void folder_warm(const char *path);

#endif
