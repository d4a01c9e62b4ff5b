/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ISO/IEC 15693-3: blocks of a tag are closed for good. Only the tag that is addressed by its UID does it: another one in
 * the field stays as it is. */
#include "card/profile.h"
#include "card/tag-exchange.h"
#include "card/verb-tag.h"

enum {
        UID_SIZE = 8,
        FLAGS = 0x22, /* high data rate, addressed */
        COMMAND_LOCK = 0x22,
        COMMAND_STATUS = 0x2C, /* Get multiple block security status */
        ANSWER_ERROR = 0x01,
        UID_FIRST = 0xE0,
        STATUS_LOCKED = 0x01,
};

/* A reader tells a UID with its E0 first, some with it last; on the air it goes last (ISO/IEC 15693-3, 4.1). */
static int append_uid(Span uid, Bytes *ret) {
        bool turn = uid.data[0] == UID_FIRST;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < uid.size; i++)
                r = bytes_append_byte(ret, uid.data[turn ? uid.size - 1 - i : i]);

        return r;
}

static int send_command(Session *session, const Call *call, uint8_t command, Span parameters, StepResult *ret,
                        Failure *failure) {
        _cleanup_bytes_ Bytes frame = {};
        int r;

        r = bytes_append_byte(&frame, FLAGS);
        if (r >= 0)
                r = bytes_append_byte(&frame, command);
        if (r >= 0)
                r = append_uid(bytes_span(&call->values[LABEL_UID].data), &frame);
        if (r >= 0)
                r = bytes_append(&frame, parameters);
        if (r < 0)
                return failure_no_memory(failure);

        r = tag_exchange(session, (TagPath) call->numbers[LABEL_THROUGH], bytes_span(&frame), ret, failure);
        if (r >= 0 && ret->held)
                ret->held = ret->data.size > 0 && !(ret->data.data[0] & ANSWER_ERROR);

        return r;
}

/* One byte for each block follows the flags. */
static int ask_locks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const uint8_t range[] = { (uint8_t) call->numbers[LABEL_BLOCK],
                                  (uint8_t) (call->numbers[LABEL_COUNT] - 1) };
        int r;

        r = send_command(session, call, COMMAND_STATUS, SPAN_OF_ARRAY(range), ret, failure);
        if (r >= 0 && ret->held)
                ret->held = ret->data.size == 1 + (size_t) call->numbers[LABEL_COUNT];

        return r;
}

/* A block that is closed cannot be closed again: those are left alone. In the end all of them must be. */
static int lock_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_step_result_ StepResult before = {};
        int r;

        r = ask_locks(session, call, &before, failure);
        if (r < 0)
                return r;

        for (int64_t i = 0; before.held && i < call->numbers[LABEL_COUNT]; i++) {
                uint8_t block = (uint8_t) (call->numbers[LABEL_BLOCK] + i);
                _cleanup_step_result_ StepResult locked = {};

                if (before.data.data[1 + i] & STATUS_LOCKED)
                        continue;

                r = send_command(session, call, COMMAND_LOCK, SPAN(&block, 1), &locked, failure);
                if (r < 0)
                        return r;
        }

        r = ask_locks(session, call, ret, failure);
        for (int64_t i = 0; r >= 0 && ret->held && i < call->numbers[LABEL_COUNT]; i++)
                ret->held = ret->data.data[1 + i] & STATUS_LOCKED;

        return r;
}

int verb_lock_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        TagPath path = (TagPath) call->numbers[LABEL_THROUGH];
        int r;

        r = tag_hold(session, path, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        r = lock_blocks(session, call, ret, failure);
        return tag_release(session, path, r);
}
