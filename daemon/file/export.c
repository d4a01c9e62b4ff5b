/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exports: the store thread gives the file as it is at one moment, and the transfer's own thread writes
 * its records to the caller's descriptor, however slow that is. */
#include "file/transfer.h"

#include <sys/stat.h>

enum {
        WRITE_SIZE = 65536,
};

typedef struct Writing {
        Transfer *transfer;
        Bytes text;
        uint64_t visited;
} Writing;

static void writing_done(Writing *writing) {
        bytes_done(&writing->text);
}

static int writing_flush(Writing *writing, Failure *failure) {
        int r;

        r = transfer_write(writing->transfer, bytes_span(&writing->text), failure);
        bytes_clear(&writing->text);
        return r;
}

/* What leaves the file: no reservation, which is of this file's time and place, and no field that is
 * withheld. */
static void record_withhold(Transfer *transfer, Record *record) {
        const char *name;
        json_t *value;
        void *next;

        json_decref(record->extraction);
        record->extraction = NULL;
        if (!transfer->withheld)
                return;

        json_object_foreach_safe(
                record->fields, next, name,
                value) if (transfer->withheld(record->type, name, transfer->release_userdata))
                json_object_del(record->fields, name);
}

static bool type_fits(const char *type, const char *key) {
        size_t length = strlen(type);

        return length == 0 || (strncmp(key, type, length) == 0 && key[length] == '/');
}

static int write_record(const char *key, void *userdata, Failure *failure) {
        Writing *writing = userdata;
        Transfer *transfer = writing->transfer;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_string_erase_ char *text = NULL;
        _cleanup_bytes_ Bytes value = {};
        int r;

        writing->visited++;
        if (!record_key_id(key) || !type_fits(transfer->type, key))
                return 0;

        r = table_fetch(transfer->snapshot, key, &value, failure);
        if (r >= 0)
                r = issuance_parse(key, bytes_span(&value), &record, failure);
        if (r < 0)
                return r;

        record_withhold(transfer, record);
        text = record_format(record);
        if (!text || bytes_append(&writing->text, span_of_string(text)) < 0 ||
            bytes_append_byte(&writing->text, '\n') < 0)
                return failure_no_memory(failure);

        transfer->records++;
        if (writing->text.size < WRITE_SIZE)
                return 0;

        r = writing_flush(writing, failure);
        if (r >= 0)
                transfer_tell(transfer,
                              (double) writing->visited / (double) MAX_OF(transfer->total, writing->visited));

        return r;
}

static int export_snapshot(Transfer *transfer, Failure *failure) {
        Store *store = transfer->file->store;
        int r;

        r = store_snapshot(store, &transfer->snapshot, failure);
        transfer->total = store_count(store) + 1;
        return r;
}

static int export_write(Transfer *transfer, Failure *failure) {
        _cleanup_(writing_done) Writing writing = { .transfer = transfer };
        int r;

        r = table_each(transfer->snapshot, write_record, &writing, failure);
        if (r < 0)
                return r;

        r = writing_flush(&writing, failure);
        if (r < 0)
                return r;

        /* A full disk may be noticed only here. */
        if (transfer->is_regular && fdatasync(transfer->descriptor) < 0)
                return failure_set_errno(failure, FAILURE_INVALID_ARGS, errno,
                                         "The file to export to cannot be written, and is not complete");

        return 0;
}

static const TransferStep step_write = { .run = export_write };
static const TransferStep step_snapshot = { .on_store = true, .run = export_snapshot, .next = &step_write };

int issuance_file_export(IssuanceFile *file, int descriptor, const char *type, FieldWithheld withheld,
                         void *withheld_userdata, void (*withheld_done)(void *), TransferCallback callback,
                         void *userdata, Transfer **ret, Failure *failure) {
        _cleanup_(transfer_freep) Transfer *transfer = NULL;
        int r;

        r = transfer_new(file, descriptor, false, callback, userdata, &transfer, failure);
        if (r < 0)
                return r;

        transfer->withheld = withheld;
        transfer->release = withheld_done;
        transfer->release_userdata = withheld_userdata;
        transfer->type = strdup(type);
        if (!transfer->type || transfer_begin(transfer, &step_snapshot) < 0)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(transfer);
        return 0;
}
