/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of a simulated card (ISO/IEC 7816-4:2020, 7.2 to 7.4): a tree of dedicated files with transparent and
 * record files in it. It stores and finds; who may read or write what is for access.c to say. */
#ifndef CARD_SIM_FILESYSTEM_H
#define CARD_SIM_FILESYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_ID_MASTER   0x3F00
#define FILE_NAME_MAX    16
#define FILE_RECORD_MAX  255
#define FILE_RECORDS_MAX 254
/* What a file takes from the card's memory beside its content. */
#define FILE_OVERHEAD 16

/* The file descriptor byte (ISO/IEC 7816-4:2020, table 11). */
typedef enum FileKind {
        FILE_DIRECTORY = 0x38,
        FILE_TRANSPARENT = 0x01,
        FILE_LINEAR_FIXED = 0x02,
        FILE_LINEAR_VARIABLE = 0x04,
} FileKind;

/* The life cycle status byte (ISO/IEC 7816-4:2020, table 14). */
typedef enum LifeCycle {
        LIFE_CREATION = 0x01,
        LIFE_DEACTIVATED = 0x04,
        LIFE_ACTIVATED = 0x05,
        LIFE_TERMINATED = 0x0C,
} LifeCycle;

/* Who may: the two bytes of tag 86 in a file's control parameters, reading first, then updating. */
typedef enum Access {
        ACCESS_ALWAYS = 0x00,
        ACCESS_PIN = 0x01,
        ACCESS_NEVER = 0xFF,
} Access;

typedef struct Record {
        uint8_t data[FILE_RECORD_MAX];
        size_t length;
} Record;

typedef struct File File;
struct File {
        uint16_t id;
        FileKind kind;
        LifeCycle life_cycle;
        Access read, update;

        uint8_t *data; /* transparent */
        size_t size;

        Record *records; /* linear: room for record_limit, of which record_count exist */
        size_t record_size, record_limit, record_count;

        uint8_t name[FILE_NAME_MAX]; /* directory */
        size_t name_length;

        File *parent, *children, *next;
};

/* A file with its content: a transparent file is filled with FF; a linear fixed file has all its records, filled
 * with FF (as in ETSI TS 102 222, 6.3); a linear variable file has none yet. `size` counts bytes or records.
 * NULL when there is no memory, or when the sizes are out of range. The caller owns it until file_add(). */
File *file_new(FileKind kind, uint16_t id, size_t size, size_t record_size);

/* Frees the file and all that is in it. The caller has taken it out of its directory. */
void file_free(File *file);

/* Puts the file into a directory, which owns it from then on; takes it out again. */
void file_add(File *directory, File *file);
void file_take(File *file);

/* The file of that identifier directly in the directory, or NULL. */
File *file_child(const File *directory, uint16_t id);

/* The first directory, in the order of creation, whose name is `name`, or begins with it when `whole` is false. */
File *file_named(File *root, const uint8_t *name, size_t length, bool whole);

/* Bytes of the card's memory that the file and everything in it take. */
size_t file_memory(const File *file);

#endif
