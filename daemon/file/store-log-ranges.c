/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log as a whole: its segments in their order, and which of their frames count (FORMAT.md, 6 and 8). */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "file/store-private.h"

void segment_ranges_done(SegmentRanges *ranges) {
        free(ranges->items);
        *ranges = (SegmentRanges){};
}

int segment_ranges_add(SegmentRanges *ranges, uint32_t number) {
        SegmentRange *items = reallocarray(ranges->items, ranges->count + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;

        items[ranges->count] = (SegmentRange){ .number = number };
        ranges->items = items;
        ranges->count++;
        return 0;
}

int segment_ranges_copy(const SegmentRanges *ranges, SegmentRanges *ret) {
        SegmentRange *items = new0(SegmentRange, ranges->count + 1);

        if (!items)
                return -ENOMEM;

        if (ranges->count > 0)
                memcpy(items, ranges->items, ranges->count * sizeof(*items));
        *ret = (SegmentRanges){ .items = items, .count = ranges->count };
        return 0;
}

uint32_t segment_ranges_needed(const SegmentRanges *ranges, uint64_t applied, uint32_t otherwise) {
        for (size_t i = 0; i < ranges->count; i++)
                if (ranges->items[i].last > applied)
                        return ranges->items[i].number;

        return otherwise;
}

void segment_remove(const StorePlace *place, uint32_t number) {
        _cleanup_free_ char *name = segment_name(place->name, number);

        /* One that stays is in nobody's way: it is removed at the next start. */
        if (name)
                (void) unlinkat(place->descriptor, name, 0);
}

void segment_ranges_drop(const StorePlace *place, SegmentRanges *ranges, uint32_t first) {
        size_t kept = 0;

        for (size_t i = 0; i < ranges->count; i++)
                if (ranges->items[i].number < first)
                        segment_remove(place, ranges->items[i].number);
                else
                        ranges->items[kept++] = ranges->items[i];

        ranges->count = kept;
}

static int compare_ranges(const void *a, const void *b) {
        const SegmentRange *one = a, *other = b;

        return one->number < other->number ? -1 : one->number > other->number;
}

/* The number in NAME.NUMBER.log; 0 for every other name. */
static uint32_t number_of(const StorePlace *place, const char *file) {
        size_t length = strlen(place->name);
        _cleanup_free_ char *again = NULL;
        uint32_t number = 0;

        if (strncmp(file, place->name, length) != 0 ||
            sscanf(file + length, ".%8" SCNx32 ".log", &number) != 1)
                return 0;

        again = segment_name(place->name, number);
        return again && streq(again, file) ? number : 0;
}

static int list_segments(const StorePlace *place, SegmentRanges *ret, Failure *failure) {
        DIR *directory = opendir(place->directory);
        int r = 0;

        if (!directory)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "The directory %s cannot be read", place->directory);

        for (struct dirent *entry; r >= 0 && (entry = readdir(directory));) {
                uint32_t number = number_of(place, entry->d_name);

                if (number > 0)
                        r = segment_ranges_add(ret, number);
        }

        closedir(directory);
        if (r < 0)
                return failure_no_memory(failure);

        if (ret->count > 1)
                qsort(ret->items, ret->count, sizeof(*ret->items), compare_ranges);

        return 0;
}

static bool ranges_have(const SegmentRanges *ranges, uint32_t number) {
        for (size_t i = 0; i < ranges->count; i++)
                if (ranges->items[i].number == number)
                        return true;

        return false;
}

void segment_ranges_tidy(const StorePlace *place, const SegmentRanges *ranges) {
        _cleanup_(segment_ranges_done) SegmentRanges there = {};

        if (list_segments(place, &there, NULL) < 0)
                return;

        for (size_t i = 0; i < there.count; i++)
                if (!ranges_have(ranges, there.items[i].number))
                        segment_remove(place, there.items[i].number);
}

static int scan_frame(const FrameInfo *frame, void *userdata, Failure *failure _unused_) {
        SegmentRange *range = userdata;

        if (range->last == 0)
                range->first = frame->sequence;

        range->last = frame->sequence;
        return 0;
}

static int newest_is_missing(const StorePlace *place, uint32_t number, Failure *failure) {
        _cleanup_free_ char *name = segment_name(place->name, number);

        if (!name)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s/%s is missing, or is no log. Restore all files of the last backup.",
                           place->directory, name);
}

/* What each segment holds; of one without frames, before which number none of the earlier ones counts. One that was
 * not finished, so was never used, is passed over; but not the one that NAME.current says was in use. *ret_headless:
 * one that has frames, but not the first. */
static int scan_segments(const StorePlace *place, uint32_t newest, SegmentRanges *ranges,
                         uint64_t *ret_durable, uint32_t *ret_headless, Failure *failure) {
        bool has_newest = newest == 0;
        size_t kept = 0;

        for (size_t i = 0; i < ranges->count; i++) {
                _cleanup_(segment_closep) Segment *segment = NULL;
                SegmentRange range = ranges->items[i];
                uint64_t durable = 0;
                int r;

                r = segment_open(place->descriptor, place->directory, place->name, range.number, &segment,
                                 failure);
                if (r >= 0) {
                        range.first = segment_first(segment);
                        r = segment_read(segment, scan_frame, NULL, &range, failure);
                }
                if (r >= 0)
                        r = segment_promise(segment, &durable, failure);
                if (r < 0 && r != -EBADMSG)
                        return r;

                has_newest = has_newest || (r >= 0 && range.number == newest);
                *ret_durable = MAX_OF(*ret_durable, durable);
                if (range.last == 0 && durable > 0)
                        *ret_headless = range.number;
                if (range.first > 0)
                        ranges->items[kept++] = range;
        }

        ranges->count = kept;
        return has_newest ? 0 : newest_is_missing(place, newest, failure);
}

/* Invariant 6. */
static void cut_ranges(SegmentRanges *ranges) {
        uint64_t next = UINT64_MAX;
        size_t kept = ranges->count;

        for (size_t i = ranges->count; i-- > 0;) {
                SegmentRange *range = &ranges->items[i];

                range->last = MIN_OF(range->last, next - 1);
                next = MIN_OF(next, range->first);
                if (range->first > range->last)
                        continue; /* it holds nothing, or nothing of it counts */

                ranges->items[--kept] = *range;
        }

        memmove(ranges->items, ranges->items + kept, (ranges->count - kept) * sizeof(*ranges->items));
        ranges->count -= kept;
}

/* A change set is missing: the segment is named in which it should stand. */
static int gap_failure(const StorePlace *place, const SegmentRanges *ranges, uint32_t headless,
                       uint64_t sequence, Failure *failure) {
        _cleanup_free_ char *name = NULL;
        uint32_t number = headless;

        for (size_t i = 0; headless == 0 && i < ranges->count; i++)
                if (i == 0 || ranges->items[i].first <= sequence)
                        number = ranges->items[i].number;

        name = segment_name(place->name, MAX_OF(number, (uint32_t) 1));
        if (!name)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "%s/%s is damaged: change set %" PRIu64
                           " is missing in it. Restore all files of the last backup.",
                           place->directory, name, sequence);
}

int segment_ranges_find(const StorePlace *place, const Current *current, SegmentRanges *ret,
                        uint32_t *ret_last_number, Failure *failure) {
        _cleanup_(segment_ranges_done) SegmentRanges ranges = {};
        uint64_t durable = current->durable, last;
        uint32_t headless = 0;
        int r;

        r = list_segments(place, &ranges, failure);
        if (r < 0)
                return r;

        *ret_last_number = ranges.count > 0 ? ranges.items[ranges.count - 1].number : 0;
        segment_ranges_drop(place, &ranges, current->segment);
        r = scan_segments(place, current->newest, &ranges, &durable, &headless, failure);
        if (r < 0)
                return r;

        if (ranges.count > 0)
                cut_ranges(&ranges);

        last = ranges.count > 0 ? ranges.items[ranges.count - 1].last : 0;
        if (durable > MAX_OF(last, current->applied))
                return gap_failure(place, &ranges, headless, MAX_OF(last, current->applied) + 1, failure);

        *ret = ranges;
        ranges = (SegmentRanges){};
        return 0;
}

typedef struct Replay {
        const SegmentRange *range;
        uint64_t next, to;
        SegmentChange change;
        void *userdata;
} Replay;

static int replay_frame(const FrameInfo *frame, void *userdata, Failure *failure _unused_) {
        Replay *replay = userdata;

        if (frame->sequence > MIN_OF(replay->range->last, replay->to))
                return -ECANCELED;
        if (frame->sequence != replay->next)
                return 0;

        replay->next++;
        return 1;
}

static int replay_change(const FrameInfo *frame, const char *key, const Span *value, void *userdata,
                         Failure *failure) {
        Replay *replay = userdata;

        return replay->change(frame, key, value, replay->userdata, failure);
}

int segment_ranges_replay(const StorePlace *place, const SegmentRanges *ranges, uint64_t from, uint64_t to,
                          SegmentChange change, void *userdata, Failure *failure) {
        Replay replay = { .next = from + 1, .to = to, .change = change, .userdata = userdata };

        for (size_t i = 0; i < ranges->count; i++) {
                _cleanup_(segment_closep) Segment *segment = NULL;
                int r;

                replay.range = &ranges->items[i];
                if (replay.range->last < replay.next || replay.range->first > to)
                        continue;

                r = segment_open(place->descriptor, place->directory, place->name, replay.range->number,
                                 &segment, failure);
                if (r >= 0)
                        r = segment_read(segment, replay_frame, replay_change, &replay, failure);
                if (r < 0 && r != -EBADMSG)
                        return r;
        }

        return replay.next <= to ? gap_failure(place, ranges, 0, replay.next, failure) : 0;
}
