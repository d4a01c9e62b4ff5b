/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One segment of a store's log (FORMAT.md): writing frames into it, and reading them again. Which segments there
 * are, and which frames count, is the store's business. */
#ifndef ICREISSUE_FILE_STORE_LOG_H
#define ICREISSUE_FILE_STORE_LOG_H

#include "base/bytes.h"
#include "base/failure.h"
#include "file/store.h"

typedef struct Segment Segment;

/* Makes a segment, written to its full size and durable, and opened for writing. size: of all that can be put into
 * it. first: the first change set that it may get, so that none from there on counts that an earlier segment holds,
 * where none of those will ever get more; else 0. STORE_FAILED for a full disk, say: nothing is left of it then. */
int segment_create(int directory, const char *path, const char *store, uint32_t number, uint64_t size,
                   uint64_t first, Segment **ret, Failure *failure);

/* Opens one that is there, for reading, and makes what the kernel has of it durable. -EBADMSG, with no failure set,
 * where it was never finished, so never used; STORE_FAILED where it was, and its header or its end is missing. */
int segment_open(int directory, const char *path, const char *store, uint32_t number, Segment **ret,
                 Failure *failure);
Segment *segment_close(Segment *segment);
DEFINE_CLEANUP(Segment *, segment_close)

uint32_t segment_number(const Segment *segment);
uint64_t segment_first(const Segment *segment); /* as it was made with */

/* A write or sync has failed: it takes no more. */
bool segment_is_broken(const Segment *segment);

/* The bytes that can still be appended. */
uint64_t segment_room(const Segment *segment);

/* More than half of it is used, or nothing can be appended. */
bool segment_is_filling(const Segment *segment);

/* Encodes one change set. Returns 0 or -ENOMEM, with frames unchanged. The salt is the segment's, so frames that
 * turn out to go elsewhere are sealed again: frame_finish(). */
int frame_append(Bytes *frames, uint64_t sequence, const StoreChange *changes, size_t count);

/* Fills in `durable` and the checks of all frames for this segment. */
void segment_finish_frames(const Segment *segment, Bytes *frames, uint64_t durable);

/* Appends frames and makes them durable. After a failure the segment takes no more. */
int segment_append(Segment *segment, Span frames, Failure *failure);

/* Called with each change of a frame; value NULL: removed. */
typedef struct FrameInfo {
        uint64_t sequence;
        uint64_t durable;
} FrameInfo;
typedef int (*SegmentChange)(const FrameInfo *frame, const char *key, const Span *value, void *userdata,
                             Failure *failure);
/* Called before the changes of a frame: 1 to go on with them, 0 to pass over this frame, -ECANCELED to end. */
typedef int (*SegmentFrame)(const FrameInfo *frame, void *userdata, Failure *failure);

/* Goes through the frames from the first on to the last that is whole and has the next sequence number. */
int segment_read(Segment *segment, SegmentFrame frame, SegmentChange change, void *userdata,
                 Failure *failure);

/* The highest `durable` of any whole frame that stands in the segment, also after a place where none is: 0 where there
 * is none. What it promises must be there (FORMAT.md, 8). */
int segment_promise(Segment *segment, uint64_t *ret, Failure *failure);

/* NAME.NUMBER.log; the caller owns it. */
char *segment_name(const char *store, uint32_t number);

#endif
