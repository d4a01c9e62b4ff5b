/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sorted runs in temporary files: written once from front to back, read through one small buffer each, and merged
 * with a heap of the runs' next items. */
#include "file/sorter-run.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
        WRITE_SIZE = 256 * 1024,
        READ_SIZE = 16 * 1024,
        HEADER_SIZE = 16,
};

/* What stands before an item's key and payload. It never leaves this process. */
typedef struct Header {
        uint64_t rank;
        uint32_t key_size, payload_size;
} Header;

int sorter_key_compare(Span a, Span b) {
        size_t common = MIN_OF(a.size, b.size);
        int r = common > 0 ? memcmp(a.data, b.data, common) : 0;

        return r != 0 ? r : (a.size > b.size) - (a.size < b.size);
}

int sorter_item_compare(const SorterItem *a, const SorterItem *b) {
        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;

        return sorter_key_compare(a->key, b->key);
}

int sorter_item_append(Bytes *bytes, const SorterItem *item) {
        Header header = { item->rank, (uint32_t) item->key.size, (uint32_t) item->payload.size };
        int r;

        _Static_assert(sizeof(Header) == HEADER_SIZE, "a header has no padding");
        r = bytes_append(bytes, SPAN(&header, sizeof(header)));
        if (r >= 0)
                r = bytes_append(bytes, item->key);
        if (r >= 0)
                r = bytes_append(bytes, item->payload);

        return r;
}

size_t sorter_item_read(Span bytes, SorterItem *ret, size_t *ret_needed) {
        Header header;
        size_t size = sizeof(header);

        if (bytes.size >= size) {
                memcpy(&header, bytes.data, sizeof(header));
                size += (size_t) header.key_size + header.payload_size;
        }

        *ret_needed = size;
        if (bytes.size < size)
                return 0;

        *ret = (SorterItem){
                .rank = header.rank,
                .key = SPAN(bytes.data + sizeof(header), header.key_size),
                .payload = SPAN(bytes.data + sizeof(header) + header.key_size, header.payload_size),
        };
        return size;
}

Span sorter_item_key(const uint8_t *bytes) {
        uint32_t size;

        memcpy(&size, bytes + offsetof(Header, key_size), sizeof(size));
        return SPAN(bytes + sizeof(Header), size);
}

static int open_nameless(const char *directory, Failure *failure) {
        _cleanup_free_ char *path = NULL;
        int descriptor;

        descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (descriptor >= 0)
                return descriptor;

        /* Not every file system has nameless files. */
        if (asprintf(&path, "%s/.sort-XXXXXX", directory) < 0) {
                path = NULL;
                return failure_no_memory(failure);
        }

        descriptor = mkostemp(path, O_CLOEXEC);
        if (descriptor < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "No temporary file could be made in %s", directory);

        (void) unlink(path);
        return descriptor;
}

static int run_file_flush(RunFile *file, Failure *failure) {
        for (Span rest = bytes_span(&file->text); rest.size > 0;) {
                ssize_t n = pwrite(file->descriptor, rest.data, rest.size, (off_t) file->end);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return failure_set_errno(
                                failure, FAILURE_STORE_FAILED, n < 0 ? errno : EIO,
                                "A temporary file could not be written; make room on the disk");

                file->end += (uint64_t) n;
                rest = span_part(rest, (size_t) n, rest.size);
        }

        bytes_clear(&file->text);
        return 0;
}

int run_file_append(RunFile *file, const char *directory, const SorterItem *item, Failure *failure) {
        if (file->descriptor < 0) {
                int descriptor = open_nameless(directory, failure);

                if (descriptor < 0)
                        return descriptor;

                file->descriptor = descriptor;
        }

        if (sorter_item_append(&file->text, item) < 0)
                return failure_no_memory(failure);

        return file->text.size < WRITE_SIZE ? 0 : run_file_flush(file, failure);
}

int run_file_end_run(RunFile *file, Failure *failure) {
        uint64_t offset = file->run_count > 0 ? file->runs[file->run_count - 1].end : 0;
        int r;

        r = run_file_flush(file, failure);
        if (r < 0)
                return r;

        file->runs[file->run_count++] = (Run){ .offset = offset, .end = file->end };
        return 0;
}

int run_file_empty(RunFile *file, Failure *failure) {
        if (ftruncate(file->descriptor, 0) < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "A temporary file could not be emptied");

        file->run_count = 0;
        file->end = 0;
        return 0;
}

void run_file_done(RunFile *file) {
        bytes_done(&file->text);
        cleanup_close(&file->descriptor);
        file->descriptor = -1;
}

/* Where a merge is in one run. */
typedef struct Reader {
        int descriptor;
        uint64_t offset, end; /* what is not yet in the buffer */
        uint8_t *buffer;
        size_t allocated, from, until; /* what of the buffer is not yet given */
        SorterItem item;
} Reader;

struct RunMerge {
        Reader *readers;
        size_t reader_count;
        size_t *heap; /* indexes of readers; the first has the next item */
        size_t heap_size;
        bool given; /* the first of the heap has given its item */
};

int run_merge_new(size_t count, RunMerge **ret, Failure *failure) {
        _cleanup_(run_merge_freep) RunMerge *merge = new0(RunMerge, 1);

        if (!merge)
                return failure_no_memory(failure);

        merge->readers = new0(Reader, count + 1);
        merge->heap = new0(size_t, count + 1);
        if (!merge->readers || !merge->heap)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(merge);
        return 0;
}

RunMerge *run_merge_free(RunMerge *merge) {
        if (!merge)
                return NULL;

        for (size_t i = 0; i < merge->reader_count; i++) {
                Reader *reader = &merge->readers[i];

                if (reader->buffer)
                        explicit_bzero(reader->buffer, reader->allocated);
                free(reader->buffer);
        }

        free(merge->readers);
        free(merge->heap);
        free(merge);
        return NULL;
}

/* Room for `needed` bytes, what is left of the buffer at its beginning. */
static int reader_reserve(Reader *reader, size_t needed, Failure *failure) {
        size_t size = MAX_OF(needed, (size_t) READ_SIZE), left = reader->until - reader->from;

        if (size <= reader->allocated) {
                memmove(reader->buffer, reader->buffer + reader->from, left);
        } else {
                uint8_t *buffer = malloc(size);

                if (!buffer)
                        return failure_no_memory(failure);

                if (left > 0)
                        memcpy(buffer, reader->buffer + reader->from, left);
                if (reader->buffer)
                        explicit_bzero(reader->buffer, reader->allocated);
                free(reader->buffer);
                reader->buffer = buffer;
                reader->allocated = size;
        }

        reader->from = 0;
        reader->until = left;
        return 0;
}

static int reader_fill(Reader *reader, Failure *failure) {
        while (reader->until < reader->allocated && reader->offset < reader->end) {
                size_t size =
                        (size_t) MIN_OF(reader->end - reader->offset, reader->allocated - reader->until);
                ssize_t n;

                n = pread(reader->descriptor, reader->buffer + reader->until, size, (off_t) reader->offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return failure_set_errno(failure, FAILURE_STORE_FAILED, n < 0 ? errno : EIO,
                                                 "A temporary file could not be read");

                reader->until += (size_t) n;
                reader->offset += (uint64_t) n;
        }

        return 0;
}

static int reader_next(Reader *reader, Failure *failure) {
        for (bool filled = false;; filled = true) {
                Span left = SPAN(reader->buffer + reader->from, reader->until - reader->from);
                size_t needed, size = sorter_item_read(left, &reader->item, &needed);
                int r;

                reader->from += size;
                if (size > 0)
                        return 1;

                if (reader->offset == reader->end && left.size == 0)
                        return 0;
                if (needed > HEADER_SIZE + (size_t) SORTER_KEY_MAX + SORTER_PAYLOAD_MAX ||
                    (filled && reader->offset == reader->end))
                        return failure_set(failure, FAILURE_STORE_FAILED,
                                           "A temporary file does not hold what was written to it.");

                r = reader_reserve(reader, needed, failure);
                if (r >= 0)
                        r = reader_fill(reader, failure);
                if (r < 0)
                        return r;
        }
}

/* Earlier runs first where items are equal. */
static bool heap_before(const RunMerge *merge, size_t a, size_t b) {
        int order = sorter_item_compare(&merge->readers[a].item, &merge->readers[b].item);

        return order < 0 || (order == 0 && a < b);
}

static void heap_swap(RunMerge *merge, size_t a, size_t b) {
        size_t reader = merge->heap[a];

        merge->heap[a] = merge->heap[b];
        merge->heap[b] = reader;
}

static void heap_sink(RunMerge *merge) {
        for (size_t at = 0, child; (child = 2 * at + 1) < merge->heap_size; at = child) {
                if (child + 1 < merge->heap_size &&
                    heap_before(merge, merge->heap[child + 1], merge->heap[child]))
                        child++;

                if (!heap_before(merge, merge->heap[child], merge->heap[at]))
                        return;

                heap_swap(merge, at, child);
        }
}

static void heap_rise(RunMerge *merge, size_t at) {
        for (size_t parent; at > 0; at = parent) {
                parent = (at - 1) / 2;
                if (!heap_before(merge, merge->heap[at], merge->heap[parent]))
                        return;

                heap_swap(merge, at, parent);
        }
}

int run_merge_add(RunMerge *merge, const RunFile *file, const Run *run, Failure *failure) {
        Reader *reader = &merge->readers[merge->reader_count];
        int r;

        *reader = (Reader){ .descriptor = file->descriptor, .offset = run->offset, .end = run->end };
        merge->reader_count++;
        r = reader_next(reader, failure);
        if (r <= 0)
                return r;

        merge->heap[merge->heap_size] = merge->reader_count - 1;
        heap_rise(merge, merge->heap_size++);
        return 0;
}

int run_merge_next(RunMerge *merge, SorterItem *ret, Failure *failure) {
        if (merge->given) {
                int r = reader_next(&merge->readers[merge->heap[0]], failure);

                if (r < 0)
                        return r;
                if (r == 0)
                        merge->heap[0] = merge->heap[--merge->heap_size];

                heap_sink(merge);
        }

        merge->given = merge->heap_size > 0;
        if (!merge->given)
                return 0;

        *ret = merge->readers[merge->heap[0]].item;
        return 1;
}
