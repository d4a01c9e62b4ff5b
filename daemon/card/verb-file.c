/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verbs that select, make and end files: SELECT (ISO/IEC 7816-4:2020, 11.2.2) and the commands of ISO/IEC
 * 7816-9:2017, clause 7. */
#include "base/tlv.h"
#include "card/profile.h"

enum { SELECT_AID, SELECT_FILE, SELECT_FCI };
enum { CREATE_DATA };
enum { DELETE_FILE };

/* ISO/IEC 7816-4:2020, table 62 */
enum {
        P1_BY_ID = 0x00,
        P1_BY_NAME = 0x04,
        P1_PATH_FROM_MASTER = 0x08,
        P1_PATH_FROM_CURRENT = 0x09,
};

enum { CLASS_SIM = 0xA0 };

static const uint8_t master_file[] = { 0x3F, 0x00 };

int check_select(const Step *step, Failure *failure) {
        if (step->arguments[SELECT_AID].given == step->arguments[SELECT_FILE].given)
                return place_complain(step->place, failure, "expected either `aid` or `file`");

        return 0;
}

/* A path of several files goes in one command, and does not name the MF that it begins in (table 62). */
static Command select_command(const Step *step) {
        /* Table 63: no data, FCI template, FCP template; the first or only occurrence. */
        static const uint8_t answers[] = { 0x0C, 0x00, 0x04 };
        const Argument *fci = &step->arguments[SELECT_FCI];
        Command command = { .ins = 0xA4, .p2 = answers[fci->number], .le = fci->number == 0 ? LE_ABSENT : 0 };
        Span path = bytes_span(&step->arguments[SELECT_FILE].bytes);

        if (step->arguments[SELECT_AID].given) {
                command.p1 = P1_BY_NAME;
                command.data = bytes_span(&step->arguments[SELECT_AID].bytes);
        } else if (path.size == 2) {
                command.p1 = P1_BY_ID;
                command.data = path;
        } else if (span_equal(span_part(path, 0, 2), SPAN_OF_ARRAY(master_file))) {
                command.p1 = P1_PATH_FROM_MASTER;
                command.data = span_part(path, 2, path.size);
        } else {
                command.p1 = P1_PATH_FROM_CURRENT;
                command.data = path;
        }

        return command;
}

/* Whether it selects the same file whatever was selected before, and nobody looks at what it tells. */
static bool is_absolute(const Step *step, const Command *command) {
        bool looks =
                step->expect || step->to != KEEP_NOTHING || step->take.tag_count > 0 || step->take.length > 0;

        return !looks && (command->p1 == P1_BY_NAME || command->p1 == P1_PATH_FROM_MASTER ||
                          (command->p1 == P1_BY_ID && span_equal(command->data, SPAN_OF_ARRAY(master_file))));
}

/* What was selected last, as one string: P1 and the name or path. */
static int selection_of(const Command *command, Bytes *ret) {
        int r;

        r = bytes_append_byte(ret, command->p1);
        return r < 0 ? r : bytes_append(ret, command->data);
}

/* A SIM selects file by file, and tells of each what it has (3GPP TS 51.011, 9.2.1). */
static int select_gsm(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span path = bytes_span(&call->step->arguments[SELECT_FILE].bytes);

        for (size_t i = 0; i < path.size; i += 2) {
                Command command = { .ins = 0xA4, .data = span_part(path, i, 2), .le = LE_ABSENT };
                int r;

                r = session_send(session, call->step, command, ret, failure);
                if (r < 0 || !ret->held)
                        return r;
        }

        return 0;
}

int verb_select(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = select_command(call->step);
        _cleanup_bytes_ Bytes selection = {};
        int r;

        if (command.p1 == P1_BY_NAME && session->secure && session->secure->ends_at_select)
                session_secure(session, NULL);

        if (session->class_byte == CLASS_SIM && !call->step->arguments[SELECT_AID].given)
                return select_gsm(session, call, ret, failure);

        if (!session->reuse_selection || !is_absolute(call->step, &command)) {
                bytes_clear(&session->selection);
                return session_send(session, call->step, command, ret, failure);
        }

        if (selection_of(&command, &selection) < 0)
                return failure_no_memory(failure);

        if (span_equal(bytes_span(&selection), bytes_span(&session->selection))) {
                ret->sw = session->selection_sw;
                ret->held = session_accepts(session, call->step, ret->sw);
                return 0;
        }

        bytes_clear(&session->selection);
        r = session_send(session, call->step, command, ret, failure);
        if (r < 0)
                return r;

        bytes_move(&session->selection, &selection);
        session->selection_sw = ret->sw;
        return 0;
}

int verb_create_file(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = 0xE0,
                            .data = bytes_span(&call->values[CREATE_DATA].data),
                            .le = LE_ABSENT };

        return session_send(session, call->step, command, ret, failure);
}

/* The template is 62, or 6F; the file identifier in it 83 (ISO/IEC 7816-4:2020, table 10). */
int created_file(const Call *call, Span *ret) {
        Span data = bytes_span(&call->values[CREATE_DATA].data), template;
        int r;

        r = tlv_find(data, 0x62, &template);
        if (r < 0)
                r = tlv_find(data, 0x6F, &template);
        if (r >= 0)
                r = tlv_find(template, 0x83, ret);
        if (r < 0)
                return r;

        return ret->size == 2 ? 0 : -EBADMSG;
}

/* The file was made if it can be selected; it is the current one then, as after its making. */
int done_create_file(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        Command command = { .ins = 0xA4, .p1 = P1_BY_ID, .p2 = 0x0C, .le = LE_ABSENT };
        int r;

        r = created_file(call, &command.data);
        if (r < 0)
                return place_complain(
                        call->step->place, failure,
                        "expected a file identifier (tag 83, two bytes) in the file's parameters, or "
                        "`done-if`");

        r = session_send(session, NULL, command, &result, failure);
        if (r < 0)
                return r;

        *ret = result.held;
        return 0;
}

int verb_delete_file(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = 0xE4, .le = LE_ABSENT };

        command.data = bytes_span(&call->step->arguments[DELETE_FILE].bytes);
        return session_send(session, call->step, command, ret, failure);
}

static int send_bare(Session *session, const Call *call, uint8_t instruction, StepResult *ret,
                     Failure *failure) {
        return session_send(session, call->step, (Command){ .ins = instruction, .le = LE_ABSENT }, ret,
                            failure);
}

int verb_activate_file(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_bare(session, call, 0x44, ret, failure);
}

int verb_deactivate_file(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_bare(session, call, 0x04, ret, failure);
}

int verb_terminate_df(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_bare(session, call, 0xE6, ret, failure);
}

int verb_terminate_ef(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_bare(session, call, 0xE8, ret, failure);
}

int verb_terminate_card_usage(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_bare(session, call, 0xFE, ret, failure);
}
