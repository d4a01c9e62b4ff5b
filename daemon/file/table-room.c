/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room ahead in a GDBM file that is being filled. Through a mapping that reaches beyond its end a put costs no system call,
 * which is four times as fast; left to itself GDBM maps the file anew for each block that it grows by. The room is
 * allocated on the disk, so that a disk that is full is an error, and no SIGBUS. */
#include "file/table-private.h"

#include <fcntl.h>
#include <sys/stat.h>

enum {
        ROOM_LEAST = 1024 * 1024,
        ROOM_SHARE = 8,       /* of what is there: so much is allocated ahead */
        PUT_EXTRA = 4 * 4096, /* beside key and value: buckets that are split */
        DIRECTORY_COPIES = 2, /* GDBM's directory is written anew, and twice as large, where it doubles */
};

static int set_mapped(const Table *table, int mapped) {
        return gdbm_setopt(table->gdbm, GDBM_SETMMAP, &mapped, sizeof(mapped));
}

/* Where the file ends for GDBM, and what more of it GDBM may need at once besides what is put. */
static bool read_end(const Table *table, int64_t *ret_end, int64_t *ret_reserve) {
        TableHeader header;

        if (pread(gdbm_fdesc(table->gdbm), &header, sizeof(header), 0) != (ssize_t) sizeof(header) ||
            !table_header_is_known(&header))
                return false;

        *ret_end = header.end;
        *ret_reserve = (int64_t) DIRECTORY_COPIES * header.directory_size;
        return true;
}

/* False: nothing is mapped, and the file may end anywhere behind its end. */
static bool make_room(Table *table, int64_t wanted) {
        int64_t end, reserve, size;
        struct stat status;

        if (!read_end(table, &end, &reserve) || fstat(gdbm_fdesc(table->gdbm), &status) < 0)
                return false;

        size = end + reserve + wanted;
        if (size > status.st_size || !table->filling) {
                size += MAX_OF(end / ROOM_SHARE, (int64_t) ROOM_LEAST);
                if (set_mapped(table, false) < 0 || fallocate(gdbm_fdesc(table->gdbm), 0, 0, size) < 0 ||
                    set_mapped(table, true) < 0)
                        return false;
        } else
                size = status.st_size;

        table->room = size - end - reserve;
        return true;
}

int table_room_end(Table *table, Failure *failure) {
        int64_t end, reserve;

        if (!table->filling)
                return 0;

        table->filling = false;
        if (set_mapped(table, false) == 0 && read_end(table, &end, &reserve) &&
            ftruncate(gdbm_fdesc(table->gdbm), end) == 0)
                return 0;

        return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                 "%s could not be written; check the disk and its free space", table->path);
}

int table_room_take(Table *table, size_t size, Failure *failure) {
        int64_t wanted = (int64_t) size + PUT_EXTRA;

        if (!table->filling)
                return 0;

        table->room -= wanted;
        if (table->room >= 0 || make_room(table, wanted))
                return 0;

        return table_room_end(table, failure);
}

void table_room_begin(Table *table) {
        table->filling = make_room(table, 0);
        if (!table->filling)
                (void) set_mapped(table, false);
}
