/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The issuance file as a whole: opened, held by whoever works on it, closed when the last of them has ended. */
#include "file/index-state.h"
#include "file/issuance-internal.h"
#include "file/key-check.h"

/* Everything but the thread's part; what was opened is released with the file, also on failure. */
static int open_store(IssuanceFile *file, const char *directory, Failure *failure) {
        int r;

        r = store_open(directory, "issuance", 0, &file->store, failure);
        if (r >= 0)
                r = key_check_open(file->store, file->context.keys, "issuance file", failure);
        if (r >= 0)
                r = issuance_read_count(file->store, &file->count, failure);
        if (r >= 0)
                r = issuance_open_index(file, failure);

        return r;
}

int issuance_file_open(StoreThread *thread, const char *directory, SealKeys *keys, IssuanceFields *fields,
                       IssuanceFile **ret, Failure *failure) {
        const IssuanceContext context = { .keys = keys, .fields = fields };
        IssuanceFile *file;
        int r;

        file = new0(IssuanceFile, 1);
        if (!file)
                return failure_no_memory(failure);

        file->thread = thread;
        file->context = issuance_context_copy(&context);
        file->on_store = issuance_context_copy(&context);
        file->references = 1;
        r = open_store(file, directory, failure);
        if (r < 0) {
                issuance_file_unref(file);
                return r;
        }

        if (file->incomplete)
                issuance_complete_index(file);
        *ret = file;
        return 0;
}

IssuanceFile *issuance_file_ref(IssuanceFile *file) {
        file->references++;
        return file;
}

IssuanceFile *issuance_file_unref(IssuanceFile *file) {
        if (--file->references > 0)
                return NULL;

        /* No task is left, so nothing runs on the store thread for this store any more. */
        store_close(file->store);
        issuance_context_done(&file->context);
        issuance_context_done(&file->on_store);
        index_state_forget(file->index_state);
        free(file);
        return NULL;
}

IssuanceFile *issuance_file_close(IssuanceFile *file) {
        if (!file)
                return NULL;

        file->closing = true;
        transfers_end(file);
        return issuance_file_unref(file);
}

uint64_t issuance_file_count(const IssuanceFile *file) {
        return file->count;
}
