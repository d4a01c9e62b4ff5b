/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands between the test and the kernel: libpower.a defines libc's file calls in the executable, where the dynamic
 * linker finds them first, for libgdbm too. While one directory is watched, each call on it and on its files is
 * counted, may be recorded in order with its data, and may be made to fail. Every other call goes straight on.
 *
 * Nothing is synced for real while a directory is watched: that a sync was asked for is what counts.
 * Not seen are writes through stdio; disk_image_differs() finds out whether there were any. */
#ifndef ICREISSUE_TESTS_POWER_H
#define ICREISSUE_TESTS_POWER_H

#include <sys/types.h>

#include "base/util.h"

typedef enum PowerCall {
        POWER_OPEN,           /* of what is there */
        POWER_READ,           /* counted, not recorded */
        POWER_CREATE,         /* name; "" for a file that has none yet */
        POWER_WRITE,          /* offset, data */
        POWER_RESIZE,         /* size: truncated, extended or allocated */
        POWER_SYNC,           /* fsync, fdatasync; size 0, or 1 where it was made to fail */
        POWER_SYNC_DIRECTORY, /* likewise */
        POWER_RENAME,         /* file, name, to */
        POWER_LINK,           /* file, name */
        POWER_REMOVE,         /* file, name */
        POWER_MARK,           /* the test's own: offset is what it has begun, size what was acknowledged */
} PowerCall;

#define POWER_KIND(call) (1U << (call))
enum {
        /* What a disk that is full, that breaks, or that is mounted read-only refuses. */
        POWER_KINDS_SPACE = POWER_KIND(POWER_CREATE) | POWER_KIND(POWER_WRITE) | POWER_KIND(POWER_RESIZE) |
                            POWER_KIND(POWER_LINK),
        POWER_KINDS_SYNC = POWER_KIND(POWER_SYNC) | POWER_KIND(POWER_SYNC_DIRECTORY),
        POWER_KINDS_CHANGE =
                POWER_KINDS_SPACE | POWER_KINDS_SYNC | POWER_KIND(POWER_RENAME) | POWER_KIND(POWER_REMOVE),
        POWER_KINDS_READ = POWER_KIND(POWER_OPEN) | POWER_KIND(POWER_READ),
};

typedef struct PowerEvent {
        PowerCall call;
        unsigned file; /* one number for each file that ever was, names or not */
        char *name;
        char *to;
        uint64_t offset;
        uint64_t size; /* of data; or the new size */
        uint8_t *data;
} PowerEvent;

typedef struct PowerRecord {
        PowerEvent *events;
        size_t count;
        size_t initial; /* so many of them only say what was there, and on the disk, when it began */
        size_t allocated;
} PowerRecord;

/* Which calls are made to fail, and how. Counted from power_fault() on, the first is 1. */
typedef struct PowerFault {
        unsigned kinds; /* the others neither count nor fail */
        uint64_t first; /* the first call to fail */
        uint64_t count; /* so many fail from there on; UINT64_MAX: until the fault is taken away */
        int error; /* an errno value. 0: no error, but a write or read of more than one byte does only half */
        bool kill; /* instead: SIGKILL to the process, after half of the bytes of a write */
} PowerFault;

/* Watches a directory (of no subdirectories) until power_end(). `record` may be NULL. False: it cannot be read. */
bool power_watch(const char *directory, PowerRecord *record);
void power_end(void);

/* While nothing is watched: syncs of whatever file do nothing. For speed, where nobody looks at them. */
void power_skip_syncs(bool skip);
bool power_skips_syncs(void);

/* NULL: none. Returns how often the one before has struck. */
uint64_t power_fault(const PowerFault *fault);

/* The calls of the fault's kinds so far. */
uint64_t power_calls(void);

void power_mark(uint64_t begun, uint64_t acknowledged);

void power_record_done(PowerRecord *record);

/* One line on one event, for messages. */
void power_event_print(const PowerEvent *event);

/* The seed of this run: ICREISSUE_SEED, else a new one; printed, with how to repeat. */
uint64_t power_seed(void);

/* Numbers from a seed (splitmix64): the same everywhere. */
uint64_t power_random(uint64_t *state);

/* ICREISSUE_NIGHTLY=1: `nightly`, else `daily`. */
unsigned power_often(unsigned daily, unsigned nightly);

/* What stands between the calls themselves (calls.c) and the rest (power.c). Each call is: enter, strike, the system
 * call, note, leave. */
typedef struct PowerScope {
        bool ours;        /* holds the lock until power_leave() */
        bool directory;   /* the watched directory itself */
        unsigned file;    /* where it is a file of it */
        const char *name; /* the last part of a path in it */
} PowerScope;

bool power_enter(PowerScope *scope, int descriptor);
bool power_enter_path(PowerScope *scope, int at, const char *path);
void power_enter_always(PowerScope *scope);
void power_leave(PowerScope *scope);
void power_adopt(int descriptor, bool is_new, unsigned *ret);
bool power_find(int at, const char *path, int flags, unsigned *ret);

/* 0: do it, with *size made smaller perhaps. A negative errno: fail. 1 (writes only): do so much, then power_die(). */
int power_strike(PowerCall call, size_t *size);
__attribute__((noreturn)) void power_die(void);
void power_note(const PowerEvent *event); /* NULL: only what was written through mappings */
void power_note_mapped(void (*note)(const PowerEvent *event));
void power_note_sync_all(void);

#endif
