/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a GDBM file is whole: each key can be found, each value fits its check, none is missing. */
#include "file/table-private.h"

#include <sys/stat.h>

enum { PROGRESS_INTERVAL = 4096 };

typedef struct Verifying {
        Table *table;
        Table *again;
        TableState found;
        TableProgress progress;
        void *userdata;
} Verifying;

static int verify_key(const char *key, void *userdata, Failure *failure) {
        Verifying *verifying = userdata;
        _cleanup_bytes_ Bytes value = {};
        int r;

        r = table_fetch(verifying->again, key, &value, failure);
        if (r < 0)
                return r == -ENOENT ? table_damaged(verifying->table, "a key cannot be found", failure) : r;

        verifying->found.digest += table_check(key, bytes_span(&value));
        if (verifying->found.keys++ % PROGRESS_INTERVAL != 0 || !verifying->progress)
                return 0;

        return verifying->progress(
                MIN_OF((double) verifying->found.keys / (double) (verifying->table->state.keys + 1), 1.0),
                verifying->userdata, failure);
}

/* The same file with nothing remembered of it. */
static int table_open_again(const Table *table, Table **ret, Failure *failure) {
        _cleanup_(table_closep) Table *again = NULL;
        char path[TABLE_PATH_AGAIN];
        int r;

        table_path_again(table, path);
        r = table_open(path, TABLE_READ, false, &again, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return table_damaged(table, "it cannot be opened again", failure);

        free(again->path);
        again->path = strdup(table->path);
        if (!again->path)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(again);
        return 0;
}

/* GDBM's directory has, for each value of the first bits of a hash, where the bucket is: the same for as many in a row as
 * the bucket spans, a power of two, beginning at a multiple of it. No key may go by an entry that is wrong, but the
 * lookup of one that is not there does. */
static bool directory_fits(const int64_t *entries, size_t count, off_t size) {
        for (size_t i = 0, run; i < count; i += run) {
                for (run = 1; i + run < count && entries[i + run] == entries[i];)
                        run++;

                if ((run & (run - 1)) != 0 || i % run != 0 || entries[i] <= 0 || entries[i] >= size)
                        return false;
        }

        return true;
}

static int verify_directory(const Table *table, Failure *failure) {
        int descriptor = gdbm_fdesc(table->gdbm);
        _cleanup_free_ int64_t *entries = NULL;
        struct stat status;
        TableHeader header;
        size_t size;

        if (fstat(descriptor, &status) < 0 ||
            pread(descriptor, &header, sizeof(header), 0) != (ssize_t) sizeof(header))
                return table_damaged(table, "its header cannot be read", failure);

        if (!table_header_is_known(&header))
                return 0;

        size = (size_t) MAX_OF(header.directory_size, 0);
        entries = malloc(MAX_OF(size, (size_t) 1));
        if (!entries)
                return failure_no_memory(failure);

        if (pread(descriptor, entries, size, header.directory) != (ssize_t) size ||
            !directory_fits(entries, size / sizeof(*entries), status.st_size))
                return table_damaged(table, "its directory", failure);

        return 0;
}

/* Each key is looked up where nothing has just been read: GDBM would find the one that it has come by last without
 * looking, and so one that nobody else can find. */
int table_verify(Table *table, TableProgress progress, void *userdata, Failure *failure) {
        _cleanup_(table_closep) Table *again = NULL;
        Verifying verifying = { .table = table, .progress = progress, .userdata = userdata };
        int r;

        r = verify_directory(table, failure);
        if (r >= 0)
                r = table_open_again(table, &again, failure);
        if (r < 0)
                return r;

        verifying.again = again;
        r = table_each(table, verify_key, &verifying, failure);
        if (r < 0)
                return r;

        if (verifying.found.keys != table->state.keys || verifying.found.digest != table->state.digest)
                return table_damaged(table, "keys are missing in it", failure);

        return 0;
}
