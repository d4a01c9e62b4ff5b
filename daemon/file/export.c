/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exports: the store thread gives the file as it is at one moment, and the transfer's own thread writes
 * its records to the caller's descriptor, however slow that is. */
#include "file/transfer.h"

#include <sys/stat.h>

enum {
        WRITE_SIZE = 65536,
};

struct Export {
        char *type;
        bool sealed;
        FieldWithheld withheld;
        void *userdata;
        IssuanceContext context;
        StoreSnapshot *snapshot;
        Bytes text; /* still to be written */
        uint64_t visited;
};

Export *export_free(Export *export) {
        if (!export)
                return NULL;

        store_snapshot_free(export->snapshot);
        issuance_context_done(&export->context);
        bytes_done(&export->text);
        free(export->type);
        free(export);
        return NULL;
}

static int export_flush(Transfer *transfer, Failure *failure) {
        Export *export = transfer->export;
        int r;

        r = transfer_write(transfer, bytes_span(&export->text), failure);
        bytes_clear(&export->text);
        return r;
}

/* A secret field that stands in the file in the clear, as it was written before its profile said so: it is sealed
 * now, or withheld. */
static int export_secrets(const Export *export, const char *key, Span text, Record *record, json_t **sealed,
                          Failure *failure) {
        _cleanup_string_erase_ char *again = NULL;
        _cleanup_(record_freep) Record *whole = NULL, *without = NULL;
        const char *name;
        json_t *value;
        bool found = false;
        void *next;
        int r;

        json_object_foreach_safe(record->fields, next, name, value) {
                if (!export->withheld || !export->withheld(record->type, name, export->userdata))
                        continue;

                json_object_del(record->fields, name);
                found = true;
        }

        if (!export->sealed || !found)
                return 0;

        r = issuance_parse_stored(&export->context, key, text, &whole, failure);
        if (r >= 0)
                r = issuance_format_stored(&export->context, whole, 0, &again, failure);
        if (r < 0)
                return r;

        json_decref(*sealed);
        *sealed = NULL;
        return issuance_parse_public(key, span_of_string(again), &without, sealed) < 0
                       ? failure_no_memory(failure)
                       : 0;
}

/* What leaves the file: no reservation, which is of this file's time and place, and no secret but under its seal. */
static int export_format(const Export *export, const char *key, Span text, char **ret, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        json_auto_t *sealed = NULL, *object = NULL;
        int r;

        r = issuance_parse_public(key, text, &record, &sealed);
        if (r == -EBADMSG)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "A record of type %.*s is damaged. Remove and enrol it again, or restore the issuance "
                        "file from a backup.",
                        (int) strcspn(key, "/"), key);
        if (r < 0)
                return failure_no_memory(failure);

        json_decref(record->extraction);
        record->extraction = NULL;
        r = export_secrets(export, key, text, record, &sealed, failure);
        if (r < 0)
                return r;

        object = record_to_json(record);
        if (!object ||
            (export->sealed && json_object_size(sealed) > 0 && json_object_set(object, "sealed", sealed) < 0))
                return failure_no_memory(failure);

        *ret = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
        return *ret ? 0 : failure_no_memory(failure);
}

static bool type_fits(const char *type, const char *key) {
        size_t length = strlen(type);

        return length == 0 || (strncmp(key, type, length) == 0 && key[length] == '/');
}

static int write_record(const char *key, void *userdata, Failure *failure) {
        Transfer *transfer = userdata;
        Export *export = transfer->export;
        _cleanup_string_erase_ char *text = NULL;
        _cleanup_bytes_ Bytes value = {};
        int r;

        export->visited++;
        if (!record_key_id(key) || !type_fits(export->type, key))
                return 0;

        r = store_snapshot_fetch(export->snapshot, key, &value, failure);
        if (r >= 0)
                r = export_format(export, key, bytes_span(&value), &text, failure);
        if (r < 0)
                return r;

        if (bytes_append(&export->text, span_of_string(text)) < 0 ||
            bytes_append_byte(&export->text, '\n') < 0)
                return failure_no_memory(failure);

        transfer->records++;
        if (export->text.size < WRITE_SIZE)
                return 0;

        r = export_flush(transfer, failure);
        if (r >= 0)
                transfer_tell(transfer, (double) export->visited /
                                                (double) MAX_OF(store_snapshot_count(export->snapshot),
                                                                export->visited));

        return r;
}

static int export_snapshot(Transfer *transfer, Failure *failure) {
        return store_snapshot(transfer->file->store, &transfer->export->snapshot, failure);
}

static int export_write(Transfer *transfer, Failure *failure) {
        int r;

        r = store_snapshot_each(transfer->export->snapshot, write_record, transfer, failure);
        if (r >= 0)
                r = export_flush(transfer, failure);
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

int issuance_file_export(IssuanceFile *file, int descriptor, const char *type, bool sealed,
                         FieldWithheld withheld, void *withheld_userdata, void (*withheld_done)(void *),
                         TransferCallback callback, void *userdata, Transfer **ret, Failure *failure) {
        _cleanup_(transfer_freep) Transfer *transfer = NULL;
        int r;

        r = transfer_new(file, descriptor, false, callback, userdata, &transfer, failure);
        if (r < 0)
                return r;

        transfer->export = new0(Export, 1);
        if (!transfer->export)
                return failure_no_memory(failure);

        *transfer->export = (Export){ .type = strdup(type),
                                      .sealed = sealed,
                                      .withheld = withheld,
                                      .userdata = withheld_userdata,
                                      .context = issuance_context_copy(&file->context) };
        if (!transfer->export->type || transfer_begin(transfer, &step_snapshot) < 0)
                return failure_no_memory(failure);

        transfer->release = withheld_done;
        transfer->release_userdata = withheld_userdata;
        *ret = TAKE_PTR(transfer);
        return 0;
}
