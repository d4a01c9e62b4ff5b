/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines of an import: read, parsed, checked, sealed, and into the sorter. Where they come faster than they are parsed,
 * a second thread parses every other batch of them. */
#include <stdio.h>

#include "file/import-helper.h"
#include "file/import.h"

enum {
        READ_SIZE = 65536,
        BATCH_SIZE = 256 * 1024,
        HEADER_SIZE = 12, /* of an item's payload */
};

/* Whole lines, and what they have become. */
typedef struct Batch {
        Bytes text;
        uint64_t first_line;
        uint64_t records;
        Bytes items; /* hash, key size, payload size (4 bytes each), key, payload */
        Failure failure;
} Batch;

static void batch_done(Batch *batch) {
        bytes_done(&batch->text);
        bytes_done(&batch->items);
        failure_done(&batch->failure);
}

static int append_entry(Span entry, void *userdata, Failure *failure) {
        const uint8_t size[] = { (uint8_t) (entry.size >> 8), (uint8_t) entry.size };
        Bytes *bytes = userdata;

        if (bytes_append(bytes, SPAN_OF_ARRAY(size)) < 0 || bytes_append(bytes, entry) < 0)
                return failure_no_memory(failure);

        return 0;
}

/* Appends a record as an item: ImportItem's line, size of the entries, entries, text. */
static int batch_add(const Import *import, Batch *batch, const Record *record, uint64_t line,
                     Failure *failure) {
        _cleanup_string_erase_ char *key = record_key(record->type, record->id), *text = NULL;
        _cleanup_bytes_ Bytes entries = {};
        uint32_t sizes[3], entries_size;
        int r;

        if (!key)
                return failure_no_memory(failure);

        r = issuance_format_stored(&import->context, record, RECORD_HEADROOM, &text, failure);
        if (r >= 0)
                r = issuance_index_entries(&import->context, record, append_entry, &entries, failure);
        if (r < 0)
                return r;

        entries_size = (uint32_t) entries.size;
        sizes[0] = store_bulk_hash(key);
        sizes[1] = (uint32_t) strlen(key);
        sizes[2] = (uint32_t) (HEADER_SIZE + entries.size + strlen(text));
        r = bytes_append(&batch->items, SPAN_OF_ARRAY(sizes));
        if (r >= 0)
                r = bytes_append(&batch->items, span_of_string(key));
        if (r >= 0)
                r = bytes_append(&batch->items, SPAN(&line, sizeof(line)));
        if (r >= 0)
                r = bytes_append(&batch->items, SPAN(&entries_size, sizeof(entries_size)));
        if (r >= 0)
                r = bytes_append(&batch->items, bytes_span(&entries));
        if (r >= 0)
                r = bytes_append(&batch->items, span_of_string(text));

        return r < 0 ? failure_no_memory(failure) : 0;
}

int import_add_current(Import *import, const char *key, Span text, Failure *failure) {
        _cleanup_bytes_ Bytes payload = {};
        SorterItem item = { .rank = store_bulk_hash(key), .key = span_of_string(key) };

        if (bytes_append_fill(&payload, 0, HEADER_SIZE) < 0 || bytes_append(&payload, text) < 0)
                return failure_no_memory(failure);

        item.payload = bytes_span(&payload);
        return sorter_add(import->lines, &item, failure);
}

int import_item_read(Span payload, ImportItem *ret, Failure *failure) {
        uint32_t entries_size;

        if (payload.size < HEADER_SIZE)
                return failure_set(failure, FAILURE_STORE_FAILED, "A temporary file is damaged.");

        memcpy(&ret->line, payload.data, sizeof(ret->line));
        memcpy(&entries_size, payload.data + sizeof(ret->line), sizeof(entries_size));
        ret->entries = span_part(payload, HEADER_SIZE, entries_size);
        ret->text = span_part(payload, HEADER_SIZE + (size_t) entries_size, SIZE_MAX);
        return 0;
}

int import_item_each_entry(const ImportItem *item, ImportEntry each, void *userdata, Failure *failure) {
        Span rest = item->entries;

        while (rest.size > 2) {
                Span entry = span_part(rest, 2, (size_t) rest.data[0] << 8 | rest.data[1]);
                int r;

                r = each(entry, userdata, failure);
                if (r < 0)
                        return r;

                rest = span_part(rest, 2 + entry.size, SIZE_MAX);
        }

        return 0;
}

static bool line_is_blank(Span line) {
        for (size_t i = 0; i < line.size; i++)
                if (!memchr(" \t\r", line.data[i], 3))
                        return false;

        return true;
}

static int batch_line(const Import *import, Batch *batch, Span line, uint64_t number, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        if (line_is_blank(line))
                return 0;

        r = issuance_parse_line(&import->context, line, &record, failure);
        if (r < 0)
                return r;

        if (record->extraction)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record cannot be imported with an extraction. Leave that member out.");

        if (import->check) {
                r = import->check(record, import->check_userdata, failure);
                if (r < 0)
                        return r;
        }

        if (record_add_history(record, "enrolled", import->details) < 0)
                return failure_no_memory(failure);

        batch->records++;
        return batch_add(import, batch, record, number, failure);
}

/* On either thread. Ends with the first line that is wrong. */
static void batch_parse(const Import *import, Batch *batch) {
        Span rest = bytes_span(&batch->text);

        for (uint64_t number = batch->first_line; rest.size > 0; number++) {
                const uint8_t *newline = memchr(rest.data, '\n', rest.size);
                size_t length = newline ? (size_t) (newline - rest.data) : rest.size;

                if (batch_line(import, batch, span_part(rest, 0, length), number, &batch->failure) < 0) {
                        if (!failure_is_set(&batch->failure))
                                failure_no_memory(&batch->failure);

                        failure_prefix(&batch->failure, "line %llu", (unsigned long long) number);
                        return;
                }

                rest = span_part(rest, length + 1, SIZE_MAX);
        }
}

typedef struct Reading {
        Transfer *transfer;
        Bytes rest; /* the beginning of a line whose end was not read yet */
        Bytes buffer;
        uint64_t lines; /* how many have begun before `rest` */
        uint64_t read;
        bool ended;
        ImportHelper *helper; /* NULL: none is needed yet, or there is none */
        Batch given;          /* to the helper */
        bool is_given;
        Batch parsed[2]; /* in the order of their lines, not yet sorted */
} Reading;

static void reading_done(Reading *reading) {
        import_helper_free(reading->helper);
        batch_done(&reading->given);
        batch_done(&reading->parsed[0]);
        batch_done(&reading->parsed[1]);
        bytes_done(&reading->rest);
        bytes_done(&reading->buffer);
}

/* Into the sorter; the batch is empty then. */
static int reading_sort_batch(Reading *reading, Batch *batch, Failure *failure) {
        Transfer *transfer = reading->transfer;
        Span rest = bytes_span(&batch->items);
        uint32_t sizes[3];

        while (rest.size > 0) {
                SorterItem item = {};
                int r;

                memcpy(sizes, rest.data, sizeof(sizes));
                item.rank = sizes[0];
                item.key = span_part(rest, sizeof(sizes), sizes[1]);
                item.payload = span_part(rest, sizeof(sizes) + sizes[1], sizes[2]);
                r = sorter_add(transfer->import->lines, &item, failure);
                if (r < 0)
                        return r;

                rest = span_part(rest, sizeof(sizes) + sizes[1] + sizes[2], SIZE_MAX);
        }

        transfer->records += batch->records;
        transfer->import->size += batch->text.size;
        if (failure_is_set(&batch->failure)) {
                int r = failure_errno(batch->failure.kind);

                failure_move(failure, &batch->failure);
                return r;
        }

        batch_done(batch);
        *batch = (Batch){};
        return 0;
}

static int reading_sort(Reading *reading, Failure *failure) {
        for (size_t i = 0; i < ELEMENTS(reading->parsed); i++) {
                int r = reading_sort_batch(reading, &reading->parsed[i], failure);

                if (r < 0)
                        return r;
        }

        return 0;
}

/* What the helper has parsed, and then `own`, which came after it, are the next to be sorted. */
static int reading_collect(Reading *reading, Batch *own, Failure *failure) {
        int r;

        r = reading_sort(reading, failure);
        if (r < 0)
                return r;

        if (reading->is_given)
                import_helper_wait(reading->helper);

        reading->is_given = false;
        reading->parsed[0] = reading->given;
        reading->given = (Batch){};
        if (own) {
                reading->parsed[1] = *own;
                *own = (Batch){};
        }

        return 0;
}

static uint64_t count_lines(Span text) {
        uint64_t count = 0;

        for (size_t i = 0; i < text.size; i++)
                count += text.data[i] == '\n';

        return count;
}

/* What was read, as far as its lines are whole; at the end the last line may lack its newline. */
static int reading_take_lines(Reading *reading, Span chunk, Batch *batch, Failure *failure) {
        const uint8_t *newline = chunk.size > 0 ? memrchr(chunk.data, '\n', chunk.size) : NULL;
        size_t whole = newline ? (size_t) (newline - chunk.data) + 1 : 0;
        const uint8_t *first = chunk.size > 0 ? memchr(chunk.data, '\n', chunk.size) : NULL;
        size_t begun = first ? (size_t) (first - chunk.data) : chunk.size;

        if (reading->rest.size + begun > RECORD_SIZE_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "line %llu: A record may have at most %d bytes.",
                                   (unsigned long long) reading->lines + 1, RECORD_SIZE_MAX);

        if (whole > 0 || reading->ended) {
                if (bytes_append(&batch->text, bytes_span(&reading->rest)) < 0 ||
                    bytes_append(&batch->text, span_part(chunk, 0, whole)) < 0)
                        return failure_no_memory(failure);

                bytes_clear(&reading->rest);
                reading->lines += count_lines(span_part(chunk, 0, whole));
        }

        return bytes_append(&reading->rest, span_part(chunk, whole, SIZE_MAX)) < 0
                       ? failure_no_memory(failure)
                       : 0;
}

static double read_progress(const Reading *reading) {
        uint64_t size = reading->transfer->size;

        return size == 0 ? 0 : IMPORT_SHARE_READ * (double) MIN_OF(reading->read, size) / (double) size;
}

/* Reads until the batch is full, or nothing more comes for the moment. */
static int reading_fill(Reading *reading, Batch *batch, Failure *failure) {
        Transfer *transfer = reading->transfer;

        batch->first_line = reading->lines + 1;
        while (batch->text.size < BATCH_SIZE && !reading->ended) {
                ssize_t n;
                int r;

                if (!transfer_is_ready(transfer)) {
                        if (batch->text.size > 0)
                                return 0;

                        /* Before what may be a long wait a line that is wrong is told of. */
                        r = reading_collect(reading, NULL, failure);
                        if (r >= 0)
                                r = reading_sort(reading, failure);
                        if (r < 0)
                                return r;
                }

                n = transfer_read(transfer, reading->buffer.data, READ_SIZE, failure);
                if (n < 0)
                        return (int) n;

                reading->ended = n == 0;
                reading->read += (uint64_t) n;
                r = reading_take_lines(reading, SPAN(reading->buffer.data, (size_t) n), batch, failure);
                if (r < 0)
                        return r;

                transfer_tell(transfer, read_progress(reading));
        }

        return 0;
}

static void parse_given(void *userdata) {
        Reading *reading = userdata;

        batch_parse(reading->transfer->import, &reading->given);
}

/* Every other full batch goes to the helper; while that parses it, what was parsed before is sorted, and the next batch
 * is parsed here. */
static int reading_batch(Reading *reading, Batch *batch, Failure *failure) {
        if (batch->text.size >= BATCH_SIZE && !reading->is_given) {
                if (!reading->helper && import_helper_new(&reading->helper) < 0)
                        reading->helper = NULL;

                if (reading->helper) {
                        reading->given = *batch;
                        *batch = (Batch){};
                        reading->is_given = true;
                        import_helper_give(reading->helper, parse_given, reading);
                        return reading_sort(reading, failure);
                }
        }

        batch_parse(reading->transfer->import, batch);
        return reading_collect(reading, batch, failure);
}

int import_read(Transfer *transfer, Failure *failure) {
        _cleanup_(reading_done) Reading reading = { .transfer = transfer };
        int r;

        r = sorter_new(store_directory(transfer->file->store), SORTER_MEMORY, &transfer->import->lines,
                       failure);
        if (r < 0)
                return r;

        if (bytes_append_fill(&reading.buffer, 0, READ_SIZE) < 0)
                return failure_no_memory(failure);

        while (!reading.ended) {
                _cleanup_(batch_done) Batch batch = {};

                r = reading_fill(&reading, &batch, failure);
                if (r >= 0)
                        r = reading_batch(&reading, &batch, failure);
                if (r < 0)
                        return r;
        }

        r = reading_collect(&reading, NULL, failure);
        return r < 0 ? r : reading_sort(&reading, failure);
}
