/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Imports: the lines are read and checked on the transfer's own thread and kept in a nameless GDBM file,
 * so that memory stays bounded and a key that comes twice is noticed; then the store thread puts them all
 * in one step. */
#include "file/transfer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
        READ_SIZE = 65536,
        CANCEL_INTERVAL = 64, /* records */
};

/* What stands before the record's text in the staging file. */
typedef struct Staged {
        uint64_t line;
        bool has_flag, has_count;
} Staged;

static int staging_open(Transfer *transfer, Failure *failure) {
        const char *directory = store_directory(transfer->file->store);
        int descriptor;

        descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (descriptor < 0) {
                _cleanup_free_ char *path = NULL;

                /* Not every file system has nameless files. */
                if (asprintf(&path, "%s/.import-XXXXXX", directory) < 0) {
                        path = NULL;
                        return failure_no_memory(failure);
                }

                descriptor = mkostemp(path, O_CLOEXEC);
                if (descriptor < 0)
                        return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                                 "No temporary file could be made in %s", directory);

                (void) unlink(path);
        }

        return table_open_descriptor(descriptor, "The import's temporary file", TABLE_CREATE,
                                     &transfer->staging, failure);
}

static int stage_record(Transfer *transfer, const Record *record, const Staged *staged, Failure *failure) {
        _cleanup_string_erase_ char *key = NULL, *text = NULL;
        _cleanup_bytes_ Bytes value = {};
        int r;

        key = record_key(record->type, record->id);
        if (!key)
                return failure_no_memory(failure);

        if (table_contains(transfer->staging, key))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The same type and ID stand in an earlier line. Leave one of them out.");

        r = issuance_format(record, RECORD_HEADROOM, &text, failure);
        if (r < 0)
                return r;

        r = bytes_append(&value, SPAN(staged, sizeof(*staged)));
        if (r >= 0)
                r = bytes_append(&value, span_of_string(text));
        if (r < 0)
                return failure_no_memory(failure);

        return table_put(transfer->staging, key, bytes_span(&value), failure);
}

static bool line_is_blank(Span line) {
        for (size_t i = 0; i < line.size; i++)
                if (!memchr(" \t\r", line.data[i], 3))
                        return false;

        return true;
}

static int import_line(Transfer *transfer, Span line, uint64_t number, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        Staged staged;
        int r;

        if (line_is_blank(line))
                return 0;

        explicit_bzero(&staged, sizeof(staged)); /* its padding goes into the file */
        staged.line = number;
        r = record_parse_given(line, &record, &staged.has_flag, &staged.has_count, failure);
        if (r < 0)
                return r;

        if (record->extraction)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record cannot be imported with an extraction. Leave that member out.");

        if (transfer->check) {
                r = transfer->check(record, transfer->release_userdata, failure);
                if (r < 0)
                        return r;
        }

        r = stage_record(transfer, record, &staged, failure);
        if (r < 0)
                return r;

        transfer->records++;
        return 0;
}

typedef struct Lines {
        Bytes rest; /* the beginning of a line whose end was not read yet */
        uint64_t number;
        uint64_t read;
} Lines;

static void lines_done(Lines *lines) {
        bytes_done(&lines->rest);
}

static int take_line(Transfer *transfer, Lines *lines, Span piece, Failure *failure) {
        Span line = piece;
        int r;

        lines->number++;
        if (lines->rest.size > 0) {
                if (bytes_append(&lines->rest, piece) < 0)
                        return failure_no_memory(failure);
                line = bytes_span(&lines->rest);
        }

        r = import_line(transfer, line, lines->number, failure);
        bytes_clear(&lines->rest);
        if (r < 0)
                failure_prefix(failure, "line %llu", (unsigned long long) lines->number);

        return r;
}

static int take_chunk(Transfer *transfer, Lines *lines, Span chunk, Failure *failure) {
        int r;

        while (chunk.size > 0) {
                const uint8_t *newline = memchr(chunk.data, '\n', chunk.size);
                size_t length = newline ? (size_t) (newline - chunk.data) : chunk.size;

                if (lines->rest.size + length > RECORD_SIZE_MAX)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "line %llu: A record may have at most %d bytes.",
                                           (unsigned long long) lines->number + 1, RECORD_SIZE_MAX);

                if (!newline)
                        return bytes_append(&lines->rest, chunk) < 0 ? failure_no_memory(failure) : 0;

                r = take_line(transfer, lines, SPAN(chunk.data, length), failure);
                if (r < 0)
                        return r;

                chunk = span_part(chunk, length + 1, chunk.size);
        }

        return 0;
}

/* Reading counts as the first half of the progress, putting as the second. */
static double read_progress(const Transfer *transfer, const Lines *lines) {
        if (transfer->size == 0)
                return 0;

        return 0.5 * (double) MIN_OF(lines->read, transfer->size) / (double) transfer->size;
}

static int import_read(Transfer *transfer, Failure *failure) {
        _cleanup_(lines_done) Lines lines = {};
        _cleanup_bytes_ Bytes buffer = {};
        ssize_t n;
        int r;

        r = staging_open(transfer, failure);
        if (r < 0)
                return r;

        if (bytes_append_fill(&buffer, 0, READ_SIZE) < 0)
                return failure_no_memory(failure);

        while ((n = transfer_read(transfer, buffer.data, READ_SIZE, failure)) > 0) {
                r = take_chunk(transfer, &lines, SPAN(buffer.data, (size_t) n), failure);
                if (r < 0)
                        return r;

                lines.read += (uint64_t) n;
                transfer_tell(transfer, read_progress(transfer, &lines));
        }

        if (n < 0)
                return (int) n;

        /* The last line may lack its newline. */
        return lines.rest.size > 0 ? take_line(transfer, &lines, (Span){}, failure) : 0;
}

typedef struct Putting {
        Transfer *transfer;
        json_t *details;
        uint64_t done;
        Failure first; /* the failure of the earliest line: the staging file is not in the order of lines */
        uint64_t first_line;
} Putting;

static void putting_done(Putting *putting) {
        json_decref(putting->details);
        failure_done(&putting->first);
}

static int put_record(Putting *putting, const char *key, const Staged *staged, Span text, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL, *current = NULL;
        _cleanup_string_erase_ char *merged = NULL;
        Store *store = putting->transfer->file->store;
        int r;

        r = issuance_fetch(store, key, &current, failure);
        if (r < 0 && r != -ENOENT)
                return r;

        if (current && !putting->transfer->replace) {
                r = issuance_check_free(current, failure);
                if (r < 0)
                        return r;

                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record of this type and ID is there already. Leave the line out, or "
                                   "import with replace.");
        }

        r = issuance_parse(key, text, &record, failure);
        if (r < 0)
                return r;

        r = issuance_merge(record, current, staged->has_flag, staged->has_count, putting->details, failure);
        if (r < 0)
                return r;

        r = issuance_format(record, 0, &merged, failure);
        if (r < 0 || failure_is_set(&putting->first))
                return r; /* what follows a failure is only checked */

        return store_bulk_put(store, key, span_of_string(merged), failure);
}

static int put_staged(const char *key, void *userdata, Failure *failure) {
        Putting *putting = userdata;
        Transfer *transfer = putting->transfer;
        _cleanup_failure_ Failure mistake = {};
        _cleanup_bytes_ Bytes value = {};
        Staged staged;
        int r;

        if (putting->done++ % CANCEL_INTERVAL == 0) {
                r = transfer_check_cancelled(transfer, failure);
                if (r < 0)
                        return r;

                transfer_tell(transfer, transfer->size == 0
                                                ? 0
                                                : 0.5 + 0.5 * (double) putting->done /
                                                                  (double) (transfer->records + 1));
        }

        r = table_fetch(transfer->staging, key, &value, failure);
        if (r < 0)
                return r;

        memcpy(&staged, value.data, sizeof(staged));
        r = put_record(putting, key, &staged, span_part(bytes_span(&value), sizeof(staged), value.size),
                       &mistake);
        if (r < 0 && (!failure_is_set(&putting->first) || staged.line < putting->first_line)) {
                failure_prefix(&mistake, "line %llu", (unsigned long long) staged.line);
                failure_move(&putting->first, &mistake);
                putting->first_line = staged.line;
        }

        return 0;
}

static int import_put(Transfer *transfer, Failure *failure) {
        _cleanup_(putting_done) Putting putting = { .transfer = transfer };
        Store *store = transfer->file->store;
        int r;

        putting.details = actor_details(transfer->uid, transfer->station);
        if (!putting.details)
                return failure_no_memory(failure);

        r = store_bulk_begin(store, failure);
        if (r < 0)
                return r;

        r = table_each(transfer->staging, put_staged, &putting, failure);
        if (r >= 0 && failure_is_set(&putting.first)) {
                r = failure_errno(putting.first.kind);
                failure_move(failure, &putting.first);
        }

        if (r < 0)
                store_bulk_abandon(store);
        else
                r = store_bulk_commit(store, failure);

        transfer->total = store_count(store) + 1;
        return r;
}

static const TransferStep step_put = { .on_store = true, .run = import_put };
static const TransferStep step_read = { .run = import_read, .next = &step_put };

int issuance_file_import(IssuanceFile *file, int descriptor, bool replace, const Actor *actor,
                         RecordCheck check, void *check_userdata, void (*check_done)(void *),
                         TransferCallback callback, void *userdata, Transfer **ret, Failure *failure) {
        _cleanup_(transfer_freep) Transfer *transfer = NULL;
        int r;

        r = transfer_new(file, descriptor, true, callback, userdata, &transfer, failure);
        if (r < 0)
                return r;

        transfer->replace = replace;
        transfer->check = check;
        transfer->uid = actor ? actor->uid : (uid_t) -1;
        transfer->station = strdup(actor && actor->station ? actor->station : "");
        transfer->release = check_done;
        transfer->release_userdata = check_userdata;
        if (!transfer->station || transfer_begin(transfer, &step_read) < 0)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(transfer);
        return 0;
}
