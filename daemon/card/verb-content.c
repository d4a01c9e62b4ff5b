/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Card content (GlobalPlatform Card Specification 2.3.1, 9.3): LOAD, INSTALL, DELETE. */
#include "base/tlv.h"
#include "card/profile.h"
#include "card/verb-globalplatform.h"

enum {
        CLASS_GP = 0x80,
        INS_DELETE = 0xE4,
        INS_INSTALL = 0xE6,
        INS_LOAD = 0xE8,
        FOR_LOAD = 0x02, /* P1 of INSTALL, 11.5.2.1 */
        FOR_INSTALL_AND_SELECTABLE = 0x0C,
        FOR_PERSONALIZATION = 0x20,
        LAST_BLOCK = 0x80,   /* P1 of LOAD */
        WITH_RELATED = 0x80, /* P2 of DELETE */
        TAG_LOAD_FILE = 0xC4,
        TAG_PARAMETERS = 0xC9,
        TAG_AID = 0x4F,
};

static Span hex_of(const Call *call, int argument) {
        return bytes_span(&call->step->arguments[argument].bytes);
}

/* One byte of length, then the bytes. */
static int append_counted(Bytes *data, Span bytes) {
        int r;

        r = bytes_append_byte(data, (uint8_t) bytes.size);
        return r < 0 ? r : bytes_append(data, bytes);
}

static int send_install(Session *session, const Call *call, uint8_t p1, const Bytes *data, StepResult *ret,
                        Failure *failure) {
        Command command = {
                .cla = CLASS_GP, .ins = INS_INSTALL, .p1 = p1, .data = bytes_span(data), .le = 0
        };

        return session_send(session, call->step, command, ret, failure);
}

/* 11.5.2.3.1: the load file's AID, its security domain's, no hash, no parameters, no token */
static int install_for_load(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes data = {};
        int r;

        r = append_counted(&data, hex_of(call, LOAD_PACKAGE));
        if (r >= 0)
                r = append_counted(&data, hex_of(call, LOAD_DOMAIN));
        if (r >= 0)
                r = bytes_append_fill(&data, 0x00, 3);

        return r < 0 ? failure_no_memory(failure)
                     : send_install(session, call, FOR_LOAD, &data, ret, failure);
}

/* A card that is pulled in the middle has nothing: it begins again. */
int verb_load(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes file = {};
        size_t done = 0;
        int r;

        r = tlv_append_header(&file, TAG_LOAD_FILE, call->values[LOAD_FILE].data.size);
        if (r >= 0)
                r = bytes_append(&file, bytes_span(&call->values[LOAD_FILE].data));
        if (r < 0)
                return failure_no_memory(failure);

        r = install_for_load(session, call, ret, failure);
        for (unsigned block = 0; r >= 0 && ret->held && done < file.size; block++) {
                Command command = { .cla = CLASS_GP, .ins = INS_LOAD, .p2 = (uint8_t) block, .le = 0 };

                command.data = span_part(bytes_span(&file), done, session_longest(session));
                done += command.data.size;
                command.p1 = done == file.size ? LAST_BLOCK : 0x00;
                bytes_clear(&ret->data);
                r = session_send(session, call->step, command, ret, failure);
        }

        return r;
}

static int has_object(Session *session, int of, Span aid, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = gp_find_status(session, NULL, of, aid, &result, failure);
        if (r >= 0)
                *ret = result.held;

        return r;
}

int done_load(Session *session, const Call *call, bool *ret, Failure *failure) {
        return has_object(session, OF_PACKAGE, hex_of(call, LOAD_PACKAGE), ret, failure);
}

/* 11.5.2.3.2: load file, module, application, privileges, parameters (in C9), no token */
int verb_install(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        static const uint8_t no_privileges[] = { 0x00 };
        Span privileges = call->step->arguments[INSTALL_PRIVILEGES].given ? hex_of(call, INSTALL_PRIVILEGES)
                                                                          : SPAN_OF_ARRAY(no_privileges);
        Span given = bytes_span(&call->values[INSTALL_PARAMETERS].data);
        _cleanup_bytes_ Bytes data = {}, parameters = {};
        int r;

        r = tlv_append_header(&parameters, TAG_PARAMETERS, given.size);
        if (r >= 0)
                r = bytes_append(&parameters, given);
        for (int i = INSTALL_PACKAGE; r >= 0 && i <= INSTALL_APPLICATION; i++)
                r = append_counted(&data, hex_of(call, i));
        if (r >= 0)
                r = append_counted(&data, privileges);
        if (r >= 0)
                r = append_counted(&data, bytes_span(&parameters));
        if (r >= 0)
                r = bytes_append_byte(&data, 0x00);

        return r < 0 ? failure_no_memory(failure)
                     : send_install(session, call, FOR_INSTALL_AND_SELECTABLE, &data, ret, failure);
}

int done_install(Session *session, const Call *call, bool *ret, Failure *failure) {
        return has_object(session, OF_APPLICATION, hex_of(call, INSTALL_APPLICATION), ret, failure);
}

/* 11.5.2.3.6: what the security domain is sent by STORE DATA from now on goes to the application. */
int verb_install_for_personalization(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes data = {};
        int r;

        r = bytes_append_fill(&data, 0x00, 2);
        if (r >= 0)
                r = append_counted(&data, hex_of(call, PERSONALIZE_APPLICATION));
        if (r >= 0)
                r = bytes_append_fill(&data, 0x00, 3);

        return r < 0 ? failure_no_memory(failure)
                     : send_install(session, call, FOR_PERSONALIZATION, &data, ret, failure);
}

/* 11.2 */
int verb_delete(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .cla = CLASS_GP, .ins = INS_DELETE, .le = 0 };
        Span aid = hex_of(call, DELETE_AID);
        _cleanup_bytes_ Bytes data = {};
        int r;

        r = tlv_append_header(&data, TAG_AID, aid.size);
        if (r >= 0)
                r = bytes_append(&data, aid);
        if (r < 0)
                return failure_no_memory(failure);

        command.p2 = call->numbers[DELETE_RELATED] ? WITH_RELATED : 0x00;
        command.data = bytes_span(&data);
        return session_send(session, call->step, command, ret, failure);
}

int done_delete(Session *session, const Call *call, bool *ret, Failure *failure) {
        bool application = false, package = false;
        int r;

        r = has_object(session, OF_APPLICATION, hex_of(call, DELETE_AID), &application, failure);
        if (r >= 0)
                r = has_object(session, OF_PACKAGE, hex_of(call, DELETE_AID), &package, failure);
        if (r >= 0)
                *ret = !application && !package;

        return r;
}
