/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PIV card's data objects: GET DATA and PUT DATA (NIST SP 800-73-4, part 2, 3.1.2 and 3.3.1), whose objects are named
 * by a tag list and stand in a data object 53. */
#include "card/verb-piv.h"
#include "base/tlv.h"
#include "card/profile.h"

enum { OBJECT_TAG, OBJECT_DATA };

enum {
        INS_GET_DATA = 0xCB,
        INS_PUT_DATA = 0xDB,
        TAG_LIST = 0x5C,
        TAG_CONTENT = 0x53,
};

static Command object_command(uint8_t instruction) {
        return (Command){ .ins = instruction, .p1 = 0x3F, .p2 = 0xFF, .le = LE_ABSENT };
}

static int append_name(const Call *call, Bytes *ret) {
        Span tag = bytes_span(&call->step->arguments[OBJECT_TAG].bytes);
        int r;

        r = tlv_append_header(ret, TAG_LIST, tag.size);
        return r < 0 ? r : bytes_append(ret, tag);
}

static int get_data(Session *session, const Step *step, const Call *call, StepResult *ret, Failure *failure) {
        Command command = object_command(INS_GET_DATA);
        _cleanup_bytes_ Bytes name = {};

        if (append_name(call, &name) < 0)
                return failure_no_memory(failure);

        command.data = bytes_span(&name);
        command.le = 0;
        return session_send(session, step, command, ret, failure);
}

int verb_piv_get_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return get_data(session, call->step, call, ret, failure);
}

int verb_piv_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span content = bytes_span(&call->values[OBJECT_DATA].data);
        Command command = object_command(INS_PUT_DATA);
        _cleanup_bytes_ Bytes data = {};
        int r;

        r = append_name(call, &data);
        if (r >= 0)
                r = tlv_append_header(&data, TAG_CONTENT, content.size);
        if (r >= 0)
                r = bytes_append(&data, content);
        if (r < 0)
                return failure_no_memory(failure);

        command.data = bytes_span(&data);
        return session_send(session, call->step, command, ret, failure);
}

/* An answer that is no data object 53 is compared as it is, and differs. */
int back_piv_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes content = {};
        TlvObject object;
        int r;

        r = get_data(session, NULL, call, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        if (tlv_read(bytes_span(&ret->data), &object) < 0 || object.tag != TAG_CONTENT ||
            object.size != ret->data.size)
                return 0;

        if (bytes_append(&content, object.value) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &content);
        return 0;
}

bool sees_piv_data(const Call *read, const Call *write) {
        return write->step->verb->run == verb_piv_put_data &&
               span_equal(bytes_span(&read->step->arguments[OBJECT_TAG].bytes),
                          bytes_span(&write->step->arguments[OBJECT_TAG].bytes));
}
