/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verbs that read and write what files and the card hold: binary, records, data objects (ISO/IEC 7816-4:2020,
 * 11.3 to 11.5), and the raw APDU. */
#include "base/tlv.h"
#include "card/profile.h"

enum { BINARY_OFFSET, BINARY_OTHER }; /* read-binary's length, update-binary's data */
enum { RECORD_NUMBER, RECORD_DATA };
enum { OBJECT_TAG, OBJECT_DATA, OBJECT_ODD };
enum { APDU_HEADER, APDU_DATA, APDU_READ };

enum {
        READ_MAX = 255,   /* bytes of one READ BINARY: 256 would be Le 00, "all there is", to some cards */
        BY_NUMBER = 0x04, /* P2 of the record commands: P1 is the record's number */
};

static Command binary_command(uint8_t instruction, size_t offset) {
        return (Command){
                .ins = instruction, .p1 = (uint8_t) (offset >> 8), .p2 = (uint8_t) offset, .le = LE_ABSENT
        };
}

/* Offsets are 15 bits: bit 8 of P1 would make it a short file identifier (11.3.1). */
static int check_reach(const Session *session, size_t offset, size_t size, Failure *failure) {
        if (offset + size > 0x8000)
                return failure_set(failure, session->kind,
                                   "An offset of 15 bits does not reach all of the data");

        return 0;
}

static int read_binary(Session *session, const Step *step, size_t offset, size_t size, StepResult *ret,
                       Failure *failure) {
        int r;

        r = check_reach(session, offset, size, failure);
        if (r < 0)
                return r;

        while (ret->data.size < size) {
                Command command = binary_command(0xB0, offset + ret->data.size);
                size_t before = ret->data.size;

                command.le = (int32_t) MIN_OF(size - before, (size_t) READ_MAX);
                r = session_send(session, step, command, ret, failure);
                if (r < 0)
                        return r;
                if (!ret->held)
                        return 0;

                if (ret->data.size == before || ret->data.size > size) {
                        ret->held = false; /* the file ends here, or the card does not keep to Le */
                        return 0;
                }
        }

        return 0;
}

int verb_read_binary(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return read_binary(session, call->step, (size_t) call->numbers[BINARY_OFFSET],
                           (size_t) call->numbers[BINARY_OTHER], ret, failure);
}

int verb_update_binary(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        size_t offset = (size_t) call->numbers[BINARY_OFFSET];
        Span data = bytes_span(&call->values[BINARY_OTHER].data);
        int r;

        r = check_reach(session, offset, data.size, failure);
        if (r < 0)
                return r;

        for (size_t done = 0; done < data.size; done += session_longest(session)) {
                Command command = binary_command(0xD6, offset + done);

                command.data = span_part(data, done, session_longest(session));
                r = session_send(session, call->step, command, ret, failure);
                if (r < 0 || !ret->held)
                        return r;
        }

        return 0;
}

int back_update_binary(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return read_binary(session, NULL, (size_t) call->numbers[BINARY_OFFSET],
                           call->values[BINARY_OTHER].data.size, ret, failure);
}

static Command record_command(uint8_t instruction, const Call *call) {
        return (Command){
                .ins = instruction,
                .p1 = (uint8_t) call->numbers[RECORD_NUMBER],
                .p2 = BY_NUMBER,
                .le = LE_ABSENT,
        };
}

int verb_read_record(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = record_command(0xB2, call);

        command.le = 0;
        return session_send(session, call->step, command, ret, failure);
}

int verb_update_record(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = record_command(0xDC, call);

        command.data = bytes_span(&call->values[RECORD_DATA].data);
        return session_send(session, call->step, command, ret, failure);
}

int verb_append_record(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = 0xE2, .le = LE_ABSENT };

        command.data = bytes_span(&call->values[RECORD_DATA].data);
        return session_send(session, call->step, command, ret, failure);
}

int back_record(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = record_command(0xB2, call);

        command.le = 0;
        return session_send(session, NULL, command, ret, failure);
}

int done_append_record(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = back_record(session, call, &result, failure);
        if (r < 0)
                return r;

        *ret = result.held &&
               span_equal_secret(bytes_span(&result.data), bytes_span(&call->values[RECORD_DATA].data));
        return 0;
}

static Command object_command(uint8_t instruction, const Call *call) {
        uint16_t tag = (uint16_t) call->numbers[OBJECT_TAG];

        return (Command){
                .ins = instruction, .p1 = (uint8_t) (tag >> 8), .p2 = (uint8_t) tag, .le = LE_ABSENT
        };
}

int verb_get_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = object_command(0xCA, call);

        command.le = 0;
        return session_send(session, call->step, command, ret, failure);
}

int verb_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = object_command(call->numbers[OBJECT_ODD] ? 0xDB : 0xDA, call);

        command.data = bytes_span(&call->values[OBJECT_DATA].data);
        return session_send(session, call->step, command, ret, failure);
}

/* Cards answer with the bare value or with the whole data object (11.5.3): the value is what is compared. */
int back_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = object_command(0xCA, call);
        _cleanup_bytes_ Bytes value = {};
        TlvObject object;
        int r;

        command.le = 0;
        r = session_send(session, NULL, command, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        if (ret->data.size == call->values[OBJECT_DATA].data.size ||
            tlv_read(bytes_span(&ret->data), &object) < 0 || object.size != ret->data.size ||
            object.tag != (uint32_t) call->numbers[OBJECT_TAG])
                return 0;

        if (bytes_append(&value, object.value) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &value);
        return 0;
}

/* Commands that take a try from a secret go through the verbs that look after the tries: VERIFY, CHANGE
 * REFERENCE DATA, RESET RETRY COUNTER, EXTERNAL AUTHENTICATE, each with its odd instruction. */
int check_apdu(const Step *step, Failure *failure) {
        uint8_t instruction = step->arguments[APDU_HEADER].bytes.data[1] & 0xFE;

        if (instruction == 0x20 || instruction == 0x24 || instruction == 0x2C || instruction == 0x82)
                return place_complain(step->place, failure,
                                      "expected a verb that looks after the tries (verify-pin, "
                                      "change-reference-data), not a raw command that presents a secret");

        if ((instruction & 0xF0) == 0x60 || (instruction & 0xF0) == 0x90)
                return place_complain(
                        step->place, failure,
                        "expected an instruction other than 6X and 9X (ISO/IEC 7816-4:2020, 5.4.2)");

        return 0;
}

int verb_apdu(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const uint8_t *header = call->step->arguments[APDU_HEADER].bytes.data;
        Command command = {
                .cla = header[0], .ins = header[1], .p1 = header[2], .p2 = header[3], .le = LE_ABSENT
        };

        bytes_clear(&session->selection); /* nobody knows what it does to the selection */
        command.data = bytes_span(&call->values[APDU_DATA].data);
        return session_send(session, call->step, command, ret, failure);
}
