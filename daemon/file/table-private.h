/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a table share. Only for table*.c. */
#ifndef ICREISSUE_FILE_TABLE_PRIVATE_H
#define ICREISSUE_FILE_TABLE_PRIVATE_H

#include <gdbm.h>

#include "file/table.h"

struct Table {
        GDBM_FILE gdbm;
        char *path;
        bool reading; /* by a TABLE_READ */
        bool lost;    /* it could not be read, nor be opened again */
        bool filling; /* through a mapping (table-room.c) */
        int64_t room; /* bytes that can be put before the file's end must be looked at again */
        TableState state;
};

/* GDBM's own header, as it stands at the beginning of a file whose offsets have 64 bits. */
typedef struct TableHeader {
        uint32_t magic;
        int32_t block_size;
        int64_t directory;
        int32_t directory_size, directory_bits, bucket_size, bucket_elements;
        int64_t end; /* where the next block is put */
} TableHeader;

static inline bool table_header_is_known(const TableHeader *header) {
        return header->magic == 0x13579ACF || header->magic == 0x13579AD1;
}

/* For a file that was just made. Where the room cannot be had, GDBM writes as it does else. */
void table_room_begin(Table *table);

/* Before a key and value of this size are put. */
int table_room_take(Table *table, size_t size, Failure *failure);

/* Before it is synced: what was not used is given back, and GDBM writes from here on as it does else. */
int table_room_end(Table *table, Failure *failure);

/* STORE_FAILED, with what is damaged. */
int table_damaged(const Table *table, const char *what, Failure *failure);

/* The check of a key's value. */
uint64_t table_check(const char *key, Span value);

/* A path to the same file, whatever has become of its name. */
enum { TABLE_PATH_AGAIN = 64 };
void table_path_again(const Table *table, char ret[static TABLE_PATH_AGAIN]);

#endif
