/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segments and frames (FORMAT.md). Numbers are little-endian. */
#include "file/store-log.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAGIC "icreissue log 2\n"

enum {
        HEADER_SIZE = 64,
        HEADER_NUMBER = 16,
        HEADER_SALT = 24,
        HEADER_FIRST = 40,
        HEADER_LENGTH = 32, /* of the file */
        HEADER_CHECK = 56,
        FRAME_SEQUENCE = 8,
        FRAME_DURABLE = 16,
        FRAME_SIZE = 24,
        FRAME_HEADER_SIZE = 28,
        CHANGE_HEADER_SIZE = 6,
        ZEROS_SIZE = 65536,
};

struct Segment {
        int descriptor;
        char *path; /* for messages */
        uint32_t number;
        uint64_t salt;
        uint64_t first;
        uint64_t end;  /* where the next frame goes */
        uint64_t size; /* of the file */
        bool broken;
        uint8_t *content; /* of one that is read, from the first time on: `size` bytes, mapped */
        size_t used;      /* from there on these are zeros, or not in the file */
};

static void put_u32(uint8_t *at, uint32_t value) {
        value = htole32(value);
        memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value) {
        value = htole64(value);
        memcpy(at, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *at) {
        uint32_t value;

        memcpy(&value, at, sizeof(value));
        return le32toh(value);
}

static uint64_t get_u64(const uint8_t *at) {
        uint64_t value;

        memcpy(&value, at, sizeof(value));
        return le64toh(value);
}

static int segment_failure(const Segment *segment, int errno_value, const char *doing, Failure *failure) {
        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s could not be %s (%s). Check the disk, its free space and the file's owner.",
                           segment->path, doing, strerrordesc_np(abs(errno_value)));
}

static int write_at(int descriptor, Span span, uint64_t offset) {
        while (span.size > 0) {
                ssize_t n = pwrite(descriptor, span.data, span.size, (off_t) offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;

                span = span_part(span, (size_t) n, span.size);
                offset += (uint64_t) n;
        }

        return 0;
}

/* Returns the number of bytes read: fewer than size at the end of the file only. */
static ssize_t read_at(int descriptor, void *buffer, size_t size, uint64_t offset) {
        size_t have = 0;

        while (have < size) {
                ssize_t n =
                        pread(descriptor, (uint8_t *) buffer + have, size - have, (off_t) (offset + have));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;

                have += (size_t) n;
        }

        return (ssize_t) have;
}

char *segment_name(const char *store, uint32_t number) {
        char *name;

        return asprintf(&name, "%s.%08" PRIx32 ".log", store, number) < 0 ? NULL : name;
}

static Segment *segment_new(const char *path, const char *store, uint32_t number, Failure *failure) {
        _cleanup_free_ char *name = segment_name(store, number);
        Segment *segment;

        segment = new0(Segment, 1);
        if (segment) {
                *segment = (Segment){ .descriptor = -1, .number = number };
                if (!name || asprintf(&segment->path, "%s/%s", path, name) < 0)
                        segment->path = NULL;
        }
        if (!segment || !segment->path) {
                segment_close(segment);
                failure_no_memory(failure);
                return NULL;
        }

        return segment;
}

static void segment_unload(Segment *segment) {
        if (!segment->content)
                return;

        explicit_bzero(segment->content, segment->used);
        munmap(segment->content, segment->size);
        segment->content = NULL;
}

Segment *segment_close(Segment *segment) {
        if (!segment)
                return NULL;

        cleanup_close(&segment->descriptor);
        segment_unload(segment);
        free(segment->path);
        free(segment);
        return NULL;
}

uint32_t segment_number(const Segment *segment) {
        return segment->number;
}

uint64_t segment_first(const Segment *segment) {
        return segment->first;
}

bool segment_is_broken(const Segment *segment) {
        return segment->broken;
}

uint64_t segment_room(const Segment *segment) {
        return segment->broken || segment->end > segment->size ? 0 : segment->size - segment->end;
}

bool segment_is_filling(const Segment *segment) {
        return segment_room(segment) < segment->size / 2;
}

static void header_format(const Segment *segment, uint8_t header[static HEADER_SIZE]) {
        memset(header, 0, HEADER_SIZE);
        memcpy(header, MAGIC, strlen(MAGIC));
        put_u32(header + HEADER_NUMBER, segment->number);
        put_u64(header + HEADER_SALT, segment->salt);
        put_u64(header + HEADER_FIRST, segment->first);
        put_u64(header + HEADER_LENGTH, segment->size);
        put_u64(header + HEADER_CHECK, XXH3_64bits(header, HEADER_CHECK));
}

/* Real zeros, not only room for them: a block that is written for the first time costs the sync of a commit the file
 * system's own bookkeeping. */
static int segment_fill(Segment *segment) {
        uint8_t zeros[ZEROS_SIZE] = {};
        int r;

        header_format(segment, zeros);
        for (uint64_t offset = 0; offset < segment->size; offset += ZEROS_SIZE) {
                r = write_at(segment->descriptor,
                             SPAN(zeros, MIN_OF(segment->size - offset, (uint64_t) ZEROS_SIZE)), offset);
                if (r < 0)
                        return r;

                if (offset == 0)
                        memset(zeros, 0, HEADER_SIZE);
        }

        return fsync(segment->descriptor) < 0 ? -errno : 0;
}

int segment_create(int directory, const char *path, const char *store, uint32_t number, uint64_t size,
                   uint64_t first, Segment **ret, Failure *failure) {
        _cleanup_(segment_closep) Segment *segment = segment_new(path, store, number, failure);
        _cleanup_free_ char *name = segment_name(store, number);
        int r = 0;

        if (!segment || !name)
                return failure_no_memory(failure);

        segment->first = first;
        segment->size = HEADER_SIZE + size;
        segment->end = HEADER_SIZE;
        if (getrandom(&segment->salt, sizeof(segment->salt), 0) != (ssize_t) sizeof(segment->salt))
                return segment_failure(segment, EIO, "given a random number", failure);

        segment->descriptor = openat(directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                     S_IRUSR | S_IWUSR);
        if (segment->descriptor < 0)
                return segment_failure(segment, errno, "made", failure);

        r = segment_fill(segment);
        if (r >= 0 && fsync(directory) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(directory, name, 0);
                return segment_failure(segment, r, "made", failure);
        }

        *ret = TAKE_PTR(segment);
        return 0;
}

/* A segment whose header or end is missing was not finished when the power went, and then there is nothing in it; or
 * somebody has damaged it. -EBADMSG for the former. */
static int segment_blame(const Segment *segment, Failure *failure) {
        uint8_t piece[ZEROS_SIZE];
        ssize_t n;

        for (uint64_t offset = HEADER_SIZE;
             (n = read_at(segment->descriptor, piece, sizeof(piece), offset)) > 0; offset += (uint64_t) n)
                for (ssize_t i = 0; i < n; i++)
                        if (piece[i] != 0)
                                return failure_set(failure, FAILURE_STORE_FAILED,
                                                   "%s is damaged at its beginning, or was cut. Restore all "
                                                   "files of the last backup.",
                                                   segment->path);

        return n < 0 ? segment_failure(segment, (int) n, "read", failure) : -EBADMSG;
}

int segment_open(int directory, const char *path, const char *store, uint32_t number, Segment **ret,
                 Failure *failure) {
        _cleanup_(segment_closep) Segment *segment = segment_new(path, store, number, failure);
        _cleanup_free_ char *name = segment_name(store, number);
        uint8_t header[HEADER_SIZE], expected[HEADER_SIZE];
        struct stat status;
        ssize_t n;

        if (!segment || !name)
                return failure_no_memory(failure);

        /* Opened for writing: fdatasync() of what a killed process has left behind needs no more than this. */
        segment->descriptor = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (segment->descriptor < 0 || fstat(segment->descriptor, &status) < 0 ||
            fdatasync(segment->descriptor) < 0)
                return segment_failure(segment, errno, "read", failure);

        n = read_at(segment->descriptor, header, HEADER_SIZE, 0);
        if (n < 0)
                return segment_failure(segment, (int) n, "read", failure);

        segment->salt = get_u64(header + HEADER_SALT);
        segment->first = get_u64(header + HEADER_FIRST);
        segment->size = get_u64(header + HEADER_LENGTH);
        header_format(segment, expected);
        if (n < HEADER_SIZE || memcmp(header, expected, HEADER_SIZE) != 0 ||
            (uint64_t) status.st_size != segment->size)
                return segment_blame(segment, failure);

        *ret = TAKE_PTR(segment);
        return 0;
}

static int change_append(Bytes *frames, const StoreChange *change) {
        uint8_t header[CHANGE_HEADER_SIZE];
        size_t key_size = strlen(change->key);
        int r;

        put_u32(header, change->value ? (uint32_t) change->value->size + 1 : 0);
        header[4] = (uint8_t) key_size;
        header[5] = (uint8_t) (key_size >> 8);
        r = bytes_append(frames, SPAN_OF_ARRAY(header));
        if (r >= 0)
                r = bytes_append(frames, SPAN(change->key, key_size));
        if (r >= 0 && change->value)
                r = bytes_append(frames, *change->value);

        return r;
}

int frame_append(Bytes *frames, uint64_t sequence, const StoreChange *changes, size_t count) {
        size_t before = frames->size;
        int r;

        r = bytes_append_fill(frames, 0, FRAME_HEADER_SIZE);
        for (size_t i = 0; r >= 0 && i < count; i++)
                r = change_append(frames, &changes[i]);
        if (r < 0) {
                if (frames->size > before) {
                        explicit_bzero(frames->data + before, frames->size - before);
                        frames->size = before;
                }

                return r;
        }

        put_u64(frames->data + before + FRAME_SEQUENCE, sequence);
        put_u32(frames->data + before + FRAME_SIZE, (uint32_t) (frames->size - before - FRAME_HEADER_SIZE));
        return 0;
}

static uint64_t frame_check(const Segment *segment, const uint8_t *frame, uint32_t size) {
        return XXH3_64bits_withSeed(frame + FRAME_SEQUENCE, FRAME_HEADER_SIZE - FRAME_SEQUENCE + size,
                                    segment->salt);
}

void segment_finish_frames(const Segment *segment, Bytes *frames, uint64_t durable) {
        uint8_t *frame = frames->data, *end = frames->data + frames->size;

        while (frame < end) {
                uint32_t size = get_u32(frame + FRAME_SIZE);

                put_u64(frame + FRAME_DURABLE, durable);
                put_u64(frame, frame_check(segment, frame, size));
                frame += FRAME_HEADER_SIZE + size;
        }
}

int segment_append(Segment *segment, Span frames, Failure *failure) {
        int r;

        r = write_at(segment->descriptor, frames, segment->end);
        if (r >= 0 && fdatasync(segment->descriptor) < 0)
                r = -errno;
        if (r < 0) {
                /* A failed sync is never repeated as if nothing had happened: the kernel has dropped the pages. */
                segment->broken = true;
                return segment_failure(segment, r, "written", failure);
        }

        segment->end += frames.size;
        return 0;
}

/* Reads the change at *at; false where what stands there is none. */
static bool change_parse(const uint8_t **at, const uint8_t *end, Span *ret_key, Span *ret_value,
                         bool *ret_removed) {
        uint32_t value_size;
        size_t key_size;

        if (end - *at < CHANGE_HEADER_SIZE)
                return false;

        value_size = get_u32(*at);
        key_size = (size_t) (*at)[4] | (size_t) (*at)[5] << 8;
        *at += CHANGE_HEADER_SIZE;
        *ret_removed = value_size == 0;
        if (value_size > 0)
                value_size--;

        if (key_size == 0 || key_size > STORE_KEY_MAX || value_size > STORE_VALUE_MAX ||
            (size_t) (end - *at) < key_size + value_size)
                return false;

        *ret_key = SPAN(*at, key_size);
        *ret_value = SPAN(*at + key_size, value_size);
        *at += key_size + value_size;
        return true;
}

static int frame_deliver(const Segment *segment, const FrameInfo *info, Span payload, SegmentChange change,
                         void *userdata, Failure *failure) {
        const uint8_t *at = payload.data, *end = payload.data + payload.size;

        while (at < end) {
                _cleanup_string_erase_ char *key = NULL;
                Span key_span, value;
                bool removed;
                int r;

                if (!change_parse(&at, end, &key_span, &value, &removed))
                        return failure_set(
                                failure, FAILURE_STORE_FAILED,
                                "%s holds a change that is none. Restore the files of the last backup.",
                                segment->path);

                key = span_to_string(key_span);
                if (!key)
                        return failure_no_memory(failure);

                r = change(info, key, removed ? NULL : &value, userdata, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* The frame at `offset` of the segment's content: its size, or 0 where there is none that has this number. */
static size_t frame_at(const Segment *segment, Span content, uint64_t offset, uint64_t expected,
                       FrameInfo *ret) {
        const uint8_t *frame;
        uint32_t size;

        if (offset > content.size || content.size - offset < FRAME_HEADER_SIZE)
                return 0;

        frame = content.data + offset;
        size = get_u32(frame + FRAME_SIZE);
        if (size > content.size - offset - FRAME_HEADER_SIZE ||
            get_u64(frame) != frame_check(segment, frame, size))
                return 0;

        *ret = (FrameInfo){ .sequence = get_u64(frame + FRAME_SEQUENCE),
                            .durable = get_u64(frame + FRAME_DURABLE) };
        return expected == 0 || ret->sequence == expected ? FRAME_HEADER_SIZE + size : 0;
}

/* How many zeros there are from `at` on. */
static size_t count_zeros(Span content, size_t at) {
        size_t begin = at;
        uint64_t word;

        for (; at + sizeof(word) <= content.size; at += sizeof(word)) {
                memcpy(&word, content.data + at, sizeof(word));
                if (word != 0)
                        break;
        }

        while (at < content.size && content.data[at] == 0)
                at++;

        return at - begin;
}

/* Most of a segment is zeros: of the memory for it only those pages are touched that have something to hold. */
static int read_pieces(Segment *segment) {
        uint8_t piece[ZEROS_SIZE];
        ssize_t n = 1;

        for (uint64_t offset = 0; n > 0 && offset < segment->size; offset += (uint64_t) n) {
                n = read_at(segment->descriptor, piece,
                            MIN_OF(segment->size - offset, (uint64_t) sizeof(piece)), offset);
                if (n <= 0 || count_zeros(SPAN(piece, (size_t) n), 0) == (size_t) n)
                        continue;

                memcpy(segment->content + offset, piece, (size_t) n);
                segment->used = offset + (size_t) n;
        }

        explicit_bzero(piece, sizeof(piece));
        return n < 0 ? (int) n : 0;
}

static int segment_load(Segment *segment) {
        uint8_t *content =
                mmap(NULL, segment->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int r;

        if (content == MAP_FAILED)
                return -ENOMEM;

        segment->content = content;
        r = read_pieces(segment);
        if (r < 0)
                segment_unload(segment);

        return r;
}

/* All of it, read once. */
static int segment_content(Segment *segment, Span *ret, Failure *failure) {
        int r;

        if (!segment->content) {
                r = segment_load(segment);
                if (r == -ENOMEM)
                        return failure_no_memory(failure);
                if (r < 0)
                        return segment_failure(segment, r, "read", failure);
        }

        *ret = SPAN(segment->content, segment->size);
        return 0;
}

int segment_promise(Segment *segment, uint64_t *ret, Failure *failure) {
        uint64_t offset = HEADER_SIZE;
        Span content, used;
        int r;

        *ret = 0;
        r = segment_content(segment, &content, failure);
        if (r < 0)
                return r;

        used = span_part(content, 0, segment->used);
        while (offset < used.size && offset + FRAME_HEADER_SIZE <= content.size) {
                size_t at = offset + FRAME_SEQUENCE, zeros = count_zeros(used, at), size;
                FrameInfo info;

                /* No frame has the number 0: all that would are passed over at once. Most of a segment is zeros. */
                if (zeros >= sizeof(uint64_t)) {
                        offset += zeros - sizeof(uint64_t) + 1;
                        continue;
                }

                size = frame_at(segment, content, offset, 0, &info);
                if (size > 0)
                        *ret = MAX_OF(*ret, info.durable);

                offset += MAX_OF(size, (size_t) 1);
        }

        return 0;
}

int segment_read(Segment *segment, SegmentFrame frame, SegmentChange change, void *userdata,
                 Failure *failure) {
        uint64_t offset = HEADER_SIZE, expected = 0;
        Span content;
        FrameInfo info;
        size_t size;
        int r;

        r = segment_content(segment, &content, failure);
        if (r < 0)
                return r;

        for (; (size = frame_at(segment, content, offset, expected, &info)) > 0; offset += size) {
                r = frame(&info, userdata, failure);
                if (r == -ECANCELED)
                        return 0;
                if (r > 0)
                        r = frame_deliver(
                                segment, &info,
                                span_part(content, offset + FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE),
                                change, userdata, failure);
                if (r < 0)
                        return r;

                expected = info.sequence + 1;
        }

        return 0;
}
