/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FeliCa without encryption (JIS X 6319-4; Sony, FeliCa Lite-S User's Manual): blocks of 16 bytes of a service, read and
 * written by whoever may; and the blocks of a Lite-S that are closed for good. */
#include "card/profile.h"
#include "card/tag-exchange.h"
#include "card/verb-tag.h"

enum {
        BLOCK = 16,
        IDM_SIZE = 8,
        READ_BLOCKS = 4, /* as many as a Lite-S reads by one command; it writes one */
        COMMAND_READ = 0x06,
        COMMAND_WRITE = 0x08,
        ANSWER_STATUS = 10, /* length, code, IDm; then two status flags */
        ANSWER_DATA = 13,   /* and the number of blocks */
        BLOCK_MC = 0x88,    /* memory configuration */
        SERVICE_WRITE = 0x0009,
        LITE_BLOCKS = 14, /* scratch pad */
};

/* Length, code, IDm, one service, blocks of it: two bytes for each, of which the first says so. */
static int make_frame(const Call *call, uint8_t command, uint16_t service, size_t block, size_t count,
                      Span data, Bytes *ret) {
        const uint8_t list[] = { 1, (uint8_t) service, (uint8_t) (service >> 8), (uint8_t) count };
        int r;

        r = bytes_append_byte(ret, (uint8_t) (2 + IDM_SIZE + sizeof(list) + 2 * count + data.size));
        if (r >= 0)
                r = bytes_append_byte(ret, command);
        if (r >= 0)
                r = bytes_append(ret, bytes_span(&call->values[FELICA_IDM].data));
        if (r >= 0)
                r = bytes_append(ret, SPAN_OF_ARRAY(list));
        for (size_t i = 0; r >= 0 && i < count; i++) {
                r = bytes_append_byte(ret, 0x80);
                if (r >= 0)
                        r = bytes_append_byte(ret, (uint8_t) (block + i));
        }

        return r < 0 ? r : bytes_append(ret, data);
}

/* Sends the command; what is left in ret are the blocks that are read. */
static int send_command(Session *session, const Call *call, uint8_t command, uint16_t service, size_t block,
                        size_t count, Span data, StepResult *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        size_t size = command == COMMAND_READ ? count * BLOCK : 0;
        _cleanup_bytes_ Bytes frame = {};
        Span answer;
        int r;

        if (make_frame(call, command, service, block, count, data, &frame) < 0)
                return failure_no_memory(failure);

        r = tag_exchange(session, (TagPath) call->numbers[FELICA_THROUGH], bytes_span(&frame), &result,
                         failure);
        if (r < 0)
                return r;

        answer = bytes_span(&result.data);
        ret->sw = result.sw;
        ret->held =
                result.held && answer.size >= ANSWER_STATUS + 2 && answer.data[0] == answer.size &&
                answer.data[1] == command + 1 &&
                span_equal(span_part(answer, 2, IDM_SIZE), bytes_span(&call->values[FELICA_IDM].data)) &&
                answer.data[ANSWER_STATUS] == 0 && answer.data[ANSWER_STATUS + 1] == 0 &&
                (size == 0 || (answer.size == ANSWER_DATA + size && answer.data[ANSWER_DATA - 1] == count));
        if (!ret->held || size == 0)
                return 0;

        return bytes_append(&ret->data, span_part(answer, ANSWER_DATA, size)) < 0 ? failure_no_memory(failure)
                                                                                  : 0;
}

static int read_blocks(Session *session, const Call *call, uint16_t service, size_t block, size_t length,
                       StepResult *ret, Failure *failure) {
        TagPath path = (TagPath) call->numbers[FELICA_THROUGH];
        size_t blocks = (length + BLOCK - 1) / BLOCK;
        int r;

        r = tag_hold(session, path, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        for (size_t done = 0; r >= 0 && ret->held && done < blocks; done += READ_BLOCKS) {
                size_t count = MIN_OF(blocks - done, (size_t) READ_BLOCKS);

                r = send_command(session, call, COMMAND_READ, service, block + done, count, (Span){}, ret,
                                 failure);
        }

        ret->data.size = MIN_OF(ret->data.size, length);
        return tag_release(session, path, r);
}

int verb_felica_read(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return read_blocks(session, call, (uint16_t) call->numbers[FELICA_SERVICE],
                           (size_t) call->numbers[FELICA_BLOCK], (size_t) call->numbers[FELICA_LENGTH], ret,
                           failure);
}

int verb_felica_write(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span data = bytes_span(&call->values[FELICA_DATA].data);
        TagPath path = (TagPath) call->numbers[FELICA_THROUGH];
        int r;

        r = tag_hold(session, path, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        for (size_t done = 0; r >= 0 && ret->held && done < data.size; done += BLOCK)
                r = send_command(session, call, COMMAND_WRITE, (uint16_t) call->numbers[FELICA_SERVICE],
                                 (size_t) call->numbers[FELICA_BLOCK] + done / BLOCK, 1,
                                 span_part(data, done, BLOCK), ret, failure);

        return tag_release(session, path, r);
}

int check_felica_write(const Call *call, Failure *failure) {
        if (call->values[FELICA_DATA].data.size % BLOCK != 0)
                return place_refuse(call->step->place, failure,
                                    "`data` of felica-write is %zu bytes long and must be whole blocks of %d",
                                    call->values[FELICA_DATA].data.size, BLOCK);

        return 0;
}

/* The service for reading and writing has a number whose twin, two higher, is for reading only; whoever may write may
 * read by the same (JIS X 6319-4: attributes 001001 and 001011). */
int back_felica_write(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return read_blocks(session, call, (uint16_t) call->numbers[FELICA_SERVICE],
                           (size_t) call->numbers[FELICA_BLOCK], call->values[FELICA_DATA].data.size, ret,
                           failure);
}

bool sees_felica(const Call *read, const Call *write) {
        int64_t from = read->numbers[FELICA_BLOCK] * BLOCK, start = write->numbers[FELICA_BLOCK] * BLOCK;

        return write->step->verb->run == verb_felica_write && start < from + read->numbers[FELICA_LENGTH] &&
               from < start + (int64_t) write->values[FELICA_DATA].data.size;
}

/* Bit n of the first two bytes of MC: block n may be written. They are given in the order of the card. */
static int lock_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span locked = bytes_span(&call->values[FELICA_BLOCKS].data);
        _cleanup_step_result_ StepResult found = {};
        int r;

        r = read_blocks(session, call, SERVICE_WRITE, BLOCK_MC, BLOCK, &found, failure);
        if (r < 0)
                return r;

        ret->sw = found.sw;
        ret->held = found.held;
        if (!found.held)
                return 0;

        for (size_t i = 0; i < locked.size; i++)
                found.data.data[i] &= (uint8_t) ~locked.data[i];

        return send_command(session, call, COMMAND_WRITE, SERVICE_WRITE, BLOCK_MC, 1, bytes_span(&found.data),
                            ret, failure);
}

int verb_felica_lock(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        TagPath path = (TagPath) call->numbers[FELICA_THROUGH];
        int r;

        r = tag_hold(session, path, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        r = lock_blocks(session, call, ret, failure);
        return tag_release(session, path, r);
}

/* Bit 7 of the second byte belongs to a system block, bit 6 to a counter. */
int check_felica_lock(const Step *step, Failure *failure) {
        const Value *value = step->arguments[FELICA_BLOCKS].value;

        if (value->kind != VALUE_BYTES || value->bytes.size != 2 || value->bytes.data[1] >> (LITE_BLOCKS - 8))
                return place_complain(
                        value->place, failure,
                        "expected two bytes as they are, a bit for each block from 0 (01 00) to 13 "
                        "(00 20)");

        return 0;
}

/* Which of these blocks are closed. */
int back_felica_lock(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span locked = bytes_span(&call->values[FELICA_BLOCKS].data);
        int r;

        r = read_blocks(session, call, SERVICE_WRITE, BLOCK_MC, BLOCK, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        for (size_t i = 0; i < locked.size; i++)
                ret->data.data[i] = (uint8_t) (~ret->data.data[i] & locked.data[i]);
        ret->data.size = locked.size;
        return 0;
}
