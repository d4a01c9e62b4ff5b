/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory cards without keys, through the commands that a reader answers in their place (PC/SC part 3, 2.01.09,
 * 3.2.2.1.3, 3.2.2.1.8 and 3.2.2.1.9): blocks of MIFARE Ultralight, NTAG and ISO/IEC 15693 tags, the UID of any, and
 * the lock bytes. */
#include "card/verb-memory.h"

#include "card/profile.h"

enum { BLOCKS_FIRST, BLOCKS_OTHER, BLOCKS_SIZE }; /* read-blocks' length, write-blocks' data */
enum { LOCK_BITS };

enum {
        CLASS_READER = 0xFF,
        BLOCK_DEFAULT = 4,
        LOCK_PAGE =
                2, /* of MIFARE Ultralight and NTAG: its last two bytes are the lock bytes (MF0ICU2, 7.5.2) */
        PAGE_SIZE = 4,
};

/* P1-P2 is the block's number. */
Command memory_command(uint8_t instruction, size_t block) {
        return (Command){ .cla = CLASS_READER,
                          .ins = instruction,
                          .p1 = (uint8_t) (block >> 8),
                          .p2 = (uint8_t) block,
                          .le = LE_ABSENT };
}

int memory_read(Session *session, const Step *step, size_t block, size_t unit, size_t length, StepResult *ret,
                Failure *failure) {
        for (size_t done = 0; done < length; done += unit) {
                Command command = memory_command(0xB0, block + done / unit);
                int r;

                command.le = (int32_t) unit;
                r = session_send_plain(session, step, command, ret, failure);
                if (r < 0 || !ret->held)
                        return r;
                if (ret->data.size != done + unit) {
                        ret->held = false; /* the reader does not keep to Le */
                        return 0;
                }
        }

        ret->data.size = MIN_OF(ret->data.size, length);
        return 0;
}

int memory_write(Session *session, const Step *step, size_t block, size_t unit, Span data, StepResult *ret,
                 Failure *failure) {
        for (size_t done = 0; done < data.size; done += unit) {
                Command command = memory_command(0xD6, block + done / unit);
                int r;

                command.data = span_part(data, done, unit);
                r = session_send_plain(session, step, command, ret, failure);
                if (r < 0 || !ret->held)
                        return r;
        }

        return 0;
}

static size_t unit_of(const Call *call) {
        return call->step->arguments[BLOCKS_SIZE].given ? (size_t) call->numbers[BLOCKS_SIZE] : BLOCK_DEFAULT;
}

int verb_get_uid(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = memory_command(0xCA, 0);

        command.le = 0;
        return session_send_plain(session, call->step, command, ret, failure);
}

int verb_read_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return memory_read(session, call->step, (size_t) call->numbers[BLOCKS_FIRST], unit_of(call),
                           (size_t) call->numbers[BLOCKS_OTHER], ret, failure);
}

/* A block is written whole, so that the data must fill the last one. */
int check_write_blocks(const Call *call, Failure *failure) {
        size_t unit = unit_of(call);

        if (call->values[BLOCKS_OTHER].data.size % unit != 0)
                return place_refuse(
                        call->step->place, failure,
                        "`data` of write-blocks is %zu bytes long and must be whole blocks of %zu",
                        call->values[BLOCKS_OTHER].data.size, unit);

        return 0;
}

int verb_write_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return memory_write(session, call->step, (size_t) call->numbers[BLOCKS_FIRST], unit_of(call),
                            bytes_span(&call->values[BLOCKS_OTHER].data), ret, failure);
}

int back_write_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return memory_read(session, NULL, (size_t) call->numbers[BLOCKS_FIRST], unit_of(call),
                           call->values[BLOCKS_OTHER].data.size, ret, failure);
}

bool sees_blocks(const Call *read, const Call *write) {
        size_t from = (size_t) read->numbers[BLOCKS_FIRST] * unit_of(read);
        size_t start = (size_t) write->numbers[BLOCKS_FIRST] * unit_of(write);

        return write->step->verb->run == verb_write_blocks &&
               start < from + (size_t) read->numbers[BLOCKS_OTHER] &&
               from < start + write->values[BLOCKS_OTHER].data.size;
}

/* The page's first two bytes cannot be written; what is 1 in the others stays 1. */
int verb_lock_pages(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes page = {};

        if (bytes_append_fill(&page, 0, PAGE_SIZE - 2) < 0 ||
            bytes_append(&page, bytes_span(&call->values[LOCK_BITS].data)) < 0)
                return failure_no_memory(failure);

        return memory_write(session, call->step, LOCK_PAGE, PAGE_SIZE, bytes_span(&page), ret, failure);
}

int back_lock_pages(Session *session, const Call *call _unused_, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes bits = {};
        int r;

        r = memory_read(session, NULL, LOCK_PAGE, PAGE_SIZE, PAGE_SIZE, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        if (bytes_append(&bits, span_part(bytes_span(&ret->data), PAGE_SIZE - 2, 2)) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &bits);
        return 0;
}
