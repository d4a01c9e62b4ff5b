/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET STATUS and SET STATUS (GlobalPlatform Card Specification 2.3.1, 11.4 and 11.10): the life cycle of the card, of
 * its applications and load files. */
#include "base/tlv.h"
#include "card/profile.h"
#include "card/verb-globalplatform.h"

enum {
        CLASS_GP = 0x80,
        INS_SET_STATUS = 0xF0,
        INS_GET_STATUS = 0xF2,
        AS_TEMPLATES = 0x02, /* P2 of GET STATUS */
        NEXT = 0x01,
        MORE_DATA = 0x6310,
        ROUNDS_MAX = 64,
        TAG_TEMPLATE = 0xE3,
        TAG_AID = 0x4F,
        TAG_STATE = 0x9F70,
        APPLICATION_LOCKED = 0x80, /* the bit; the others are the application's own (5.3) */
};

const char *const gp_status_of[] = { "card", "application", "package", NULL };
static const uint8_t status_p1[] = { [OF_CARD] = 0x80, [OF_APPLICATION] = 0x40, [OF_PACKAGE] = 0x20 };

enum { STATE_INITIALIZED, STATE_SECURED, STATE_CARD_LOCKED, STATE_TERMINATED, STATE_LOCKED, STATE_UNLOCKED };
const char *const gp_states[] = { "initialized", "secured",  "card-locked", "terminated",
                                  "locked",      "unlocked", NULL };
/* Table 11-6 for the card; each has the bits of those before it. */
static const uint8_t state_bytes[] = { 0x07, 0x0F, 0x7F, 0xFF, APPLICATION_LOCKED, 0x00 };

/* An entry of the older format: a length, the AID, state, privileges. */
static int read_old_entry(Span data, Span *aid, uint8_t *state, size_t *size) {
        if (data.size == 0)
                return -ENOENT;
        if (data.data[0] > data.size - 1 || data.size - 1 - data.data[0] < 2)
                return -EBADMSG;

        *aid = SPAN(data.data + 1, data.data[0]);
        *state = data.data[1 + aid->size];
        *size = 1 + aid->size + 2;
        return 0;
}

static int read_template(Span data, Span *aid, uint8_t *state, size_t *size) {
        TlvObject object;
        Span value;
        int r;

        r = tlv_read(data, &object);
        if (r < 0)
                return r;
        if (object.tag != TAG_TEMPLATE || tlv_find(object.value, TAG_AID, aid) < 0 ||
            tlv_find(object.value, TAG_STATE, &value) < 0 || value.size == 0)
                return -EBADMSG;

        *state = value.data[0];
        *size = object.size;
        return 0;
}

int gp_parse_status(Span data, bool template, Span aid, uint8_t *ret) {
        for (;;) {
                uint8_t state = 0;
                size_t size = 0;
                Span found;
                int r;

                r = template ? read_template(data, &found, &state, &size)
                             : read_old_entry(data, &found, &state, &size);
                if (r < 0)
                        return r;

                if (aid.size == 0 || span_equal(aid, found)) {
                        *ret = state;
                        return 0;
                }
                data = span_part(data, size, data.size);
        }
}

/* All that the card has for the criterion, in one of the two formats. */
static int get_status(Session *session, int of, Span aid, bool template, StepResult *ret, Failure *failure) {
        Command command = { .cla = CLASS_GP,
                            .ins = INS_GET_STATUS,
                            .p1 = status_p1[of],
                            .p2 = template ? AS_TEMPLATES : 0x00,
                            .le = 0 };
        _cleanup_bytes_ Bytes criterion = {};
        int r;

        r = tlv_append_header(&criterion, TAG_AID, aid.size);
        if (r >= 0)
                r = bytes_append(&criterion, aid);
        if (r < 0)
                return failure_no_memory(failure);

        command.data = bytes_span(&criterion);
        for (unsigned round = 0; round < ROUNDS_MAX; round++) {
                r = session_send(session, NULL, command, ret, failure);
                if (r < 0 || ret->sw != MORE_DATA)
                        return r;
                command.p2 |= NEXT;
        }

        return failure_set(failure, session->kind,
                           "The card has more of its status to tell without end; it may be defective.");
}

int gp_find_status(Session *session, const Step *step, int of, Span aid, StepResult *ret, Failure *failure) {
        bool template = true;
        uint8_t state;
        int r;

        r = get_status(session, of, aid, template, ret, failure);
        if (r >= 0 && (ret->sw == 0x6A86 || ret->sw == 0x6A80)) { /* a card of before 2.2 */
                template = false;
                bytes_clear(&ret->data);
                r = get_status(session, of, aid, template, ret, failure);
        }
        if (r < 0)
                return r;

        if (!ret->held) {
                ret->held = step && session_accepts(session, step, ret->sw);
                bytes_clear(&ret->data);
                return 0;
        }

        ret->held = gp_parse_status(bytes_span(&ret->data), template, aid, &state) >= 0;
        bytes_clear(&ret->data);
        if (ret->held && bytes_append_byte(&ret->data, state) < 0)
                return failure_no_memory(failure);

        return 0;
}

static Span aid_of(const Call *call) {
        return bytes_span(&call->step->arguments[STATUS_AID].bytes);
}

int verb_get_status(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return gp_find_status(session, call->step, (int) call->numbers[STATUS_OF], aid_of(call), ret,
                              failure);
}

int check_status(const Step *step, Failure *failure) {
        if ((step->arguments[STATUS_OF].number == OF_CARD) == step->arguments[STATUS_AID].given)
                return place_complain(
                        step->place, failure,
                        "expected `aid` with an application or a package, and none with the card");

        return 0;
}

int check_set_status(const Step *step, Failure *failure) {
        bool card = step->arguments[STATUS_OF].number == OF_CARD;

        if (step->arguments[STATUS_OF].number == OF_PACKAGE)
                return place_complain(step->place, failure,
                                      "expected the card or an application: a package has no "
                                      "state that could be set");
        if (card != (step->arguments[STATUS_STATE].number <= STATE_TERMINATED))
                return place_complain(
                        step->place, failure,
                        card ? "expected a state of the card: initialized, secured, card-locked, "
                               "terminated"
                             : "expected a state of an application: locked, unlocked");

        return check_status(step, failure);
}

int verb_set_status(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .cla = CLASS_GP,
                            .ins = INS_SET_STATUS,
                            .p1 = status_p1[call->numbers[STATUS_OF]],
                            .p2 = state_bytes[call->numbers[STATUS_STATE]],
                            .data = aid_of(call),
                            .le = LE_ABSENT };

        return session_send(session, call->step, command, ret, failure);
}

/* A card's life cycle goes one way: it has been where it is beyond. */
int done_set_status(Session *session, const Call *call, bool *ret, Failure *failure) {
        uint8_t wanted = state_bytes[call->numbers[STATUS_STATE]];
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = gp_find_status(session, NULL, (int) call->numbers[STATUS_OF], aid_of(call), &result, failure);
        if (r < 0 || !result.held)
                return r;

        *ret = call->numbers[STATUS_STATE] == STATE_UNLOCKED ? !(result.data.data[0] & APPLICATION_LOCKED)
                                                             : (result.data.data[0] & wanted) == wanted;
        return 0;
}

bool sees_status(const Call *read, const Call *write) {
        const Verb *verb = write->step->verb;
        Span aid = aid_of(read);
        int argument = read->numbers[STATUS_OF] == OF_PACKAGE ? LOAD_PACKAGE : INSTALL_APPLICATION;

        if (verb->run == verb_set_status)
                return read->numbers[STATUS_OF] == write->numbers[STATUS_OF] &&
                       span_equal(aid, aid_of(write));
        if (verb->run != (read->numbers[STATUS_OF] == OF_PACKAGE ? verb_load : verb_install))
                return false;

        return span_equal(aid, bytes_span(&write->step->arguments[argument].bytes));
}
