/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER (ISO/IEC 7816-4:2020, 11.6.6, 11.6.7 and 11.6.10), and the care
 * for their tries: how many are left is asked first, the last one is never used, and a value that a card has refused
 * is never sent to it again. */
#include "card/profile.h"

enum {
        TRIES_UNKNOWN = -1,
        TRIES_NOT_NEEDED = -2, /* the card says that nothing need be presented */
        TRIES_KEPT = 1,        /* so many are left for a person with the right value */
        TRIED_ONCE = 0x40,     /* no reference has this bit (11.6.1): beside one, "was tried out" */
};

static const char *try_word(int tries) {
        return tries == 1 ? "try" : "tries";
}

/* What a status word says about tries: 63CX, X left; 6983, and a SIM's 9840, none. */
static int tries_of(uint16_t sw) {
        if ((sw & 0xFFF0) == 0x63C0)
                return sw & 0x000F;

        return sw == 0x6983 || sw == 0x9840 ? 0 : TRIES_UNKNOWN;
}

static uint8_t reference_of(const Call *call) {
        return (uint8_t) call->numbers[PIN_REFERENCE];
}

static bool is_proven_by_change(const Step *step) {
        return step->arguments[PIN_PROVEN_BY].number != 0;
}

/* Of what is presented: a reset's code has a reference of its own. */
static uint8_t presented_reference(const Call *call) {
        return call->step->arguments[PIN_CODE_REFERENCE].given ? (uint8_t) call->numbers[PIN_CODE_REFERENCE]
                                                               : reference_of(call);
}

/* VERIFY without data asks (11.6.6). It is sent only to cards that are known to take it as a question: some
 * count it as a wrong value. */
static int ask_tries(Session *session, const Call *call, int *ret, Failure *failure) {
        Command command = { .ins = 0x20, .p2 = reference_of(call), .le = LE_ABSENT };
        _cleanup_step_result_ StepResult result = {};
        int r;

        *ret = TRIES_UNKNOWN;
        if (!call->numbers[PIN_TELLS_TRIES] || is_proven_by_change(call->step))
                return 0;

        r = session_send(session, NULL, command, &result, failure);
        if (r < 0)
                return r;

        *ret = result.held ? TRIES_NOT_NEEDED : tries_of(result.sw);
        return 0;
}

static int refuse_to_present(Session *session, uint8_t reference, Span value, int tries, Failure *failure) {
        if (tries >= 0 && tries <= TRIES_KEPT) {
                session->tries_left = tries;
                return failure_set(
                        failure, session->kind,
                        "The card has %d %s left for reference %02X, so nothing was presented to it", tries,
                        try_word(tries), reference);
        }

        if (session->refused &&
            refused_contains(session->refused, session->serial, session->insertion, reference, value)) {
                session->tries_left = tries >= 0 ? tries : TRIES_NOT_TOLD;
                return failure_set(
                        failure, session->kind,
                        "This card has refused the value for reference %02X before, so it was not presented "
                        "again; correct the key ring or the record",
                        reference);
        }

        return 0;
}

static uint64_t pin_which(const Call *call, int argument) {
        return argument == PIN_PRESENTED ? presented_reference(call) : reference_of(call);
}

/* References with bit 8 belong to the selected directory and are closed with it (ISO/IEC 7816-4:2020, 9.2): the others
 * stay open until the reset. */
static bool pin_lasts(const Call *call) {
        return !(reference_of(call) & 0x80);
}

bool pin_can_tell(const Step *step) {
        return step->arguments[PIN_TELLS_TRIES].number || is_proven_by_change(step);
}

/* Whether a status word judges the value rather than the command: 6700, 6A8x, 6B00, 6Dxx, 6Exx do not. 9804 and 9840
 * are a SIM's (3GPP TS 51.011, 9.4.5). */
static bool judges_value(uint16_t sw) {
        return (sw & 0xFF00) == 0x6300 || sw == 0x6982 || sw == 0x6983 || sw == 0x6984 || sw == 0x9804 ||
               sw == 0x9840;
}

static int complain_refused(Session *session, const Call *call, uint8_t reference, Span value, uint16_t sw,
                            Failure *failure) {
        char buffer[8];
        int tries = tries_of(sw);

        if (!judges_value(sw))
                return failure_set(failure, session->kind, "%s of reference %02X is answered %s",
                                   call->step->verb->name, reference, status_word_text(sw, buffer));

        session->tries_left = tries >= 0 ? tries : TRIES_NOT_TOLD;
        if (session->refused &&
            refused_add(session->refused, session->serial, session->insertion, reference, value) == -ENOMEM)
                return failure_no_memory(failure);

        if (tries >= 0)
                return failure_set(failure, session->kind,
                                   "The card refuses the value for reference %02X; %d %s left", reference,
                                   tries, try_word(tries));

        return failure_set(failure, session->kind, "The card refuses the value for reference %02X (%s)",
                           reference, status_word_text(sw, buffer));
}

/* Shows the card a value: by VERIFY, or by a change of the value to itself. */
static int show(Session *session, const Call *call, const Step *step, Span value, StepResult *ret,
                Failure *failure) {
        bool change = is_proven_by_change(call->step);
        Command command = { .ins = change ? 0x24 : 0x20, .p2 = reference_of(call), .le = LE_ABSENT };
        _cleanup_bytes_ Bytes data = {};

        if (bytes_append(&data, value) < 0 || (change && bytes_append(&data, value) < 0))
                return failure_no_memory(failure);

        command.data = bytes_span(&data);
        return session_send(session, step, command, ret, failure);
}

static int pin_present(Session *session, const Call *call, int argument _unused_, Span value, bool always,
                       StepResult *ret, Failure *failure) {
        int tries, r;

        r = ask_tries(session, call, &tries, failure);
        if (r < 0)
                return r;

        if (tries == TRIES_NOT_NEEDED && !always) {
                ret->held = true;
                ret->sw = 0x9000;
                return 0;
        }

        r = refuse_to_present(session, reference_of(call), value, tries, failure);
        if (r >= 0)
                r = show(session, call, call->step, value, ret, failure);
        if (r < 0)
                return r;

        return ret->held ? 0 : complain_refused(session, call, reference_of(call), value, ret->sw, failure);
}

const VerbSecret pin_secret = { .which = pin_which, .present = pin_present, .lasts = pin_lasts };

int verb_verify_pin(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return pin_present(session, call, PIN_PRESENTED, bytes_span(&call->values[PIN_PRESENTED].data), false,
                           ret, failure);
}

/* P1 00: the data are the old value and the new one; 01: the new one alone, after VERIFY (11.6.7). */
int verb_change_reference_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = 0x24, .p2 = reference_of(call), .le = LE_ABSENT };
        Span old = bytes_span(&call->values[PIN_PRESENTED].data);
        _cleanup_bytes_ Bytes data = {};
        int tries, r;

        r = bytes_append(&data, old);
        if (r >= 0)
                r = bytes_append(&data, bytes_span(&call->values[PIN_NEW].data));
        if (r < 0)
                return failure_no_memory(failure);

        command.p1 = old.size > 0 ? 0x00 : 0x01;
        command.data = bytes_span(&data);
        if (old.size > 0) {
                r = ask_tries(session, call, &tries, failure);
                if (r >= 0)
                        r = refuse_to_present(session, reference_of(call), old, tries, failure);
                if (r < 0)
                        return r;
        }

        r = session_send(session, call->step, command, ret, failure);
        if (r < 0 || ret->held || old.size == 0)
                return r;

        return complain_refused(session, call, reference_of(call), old, ret->sw, failure);
}

int check_reset_retry_counter(const Step *step, Failure *failure) {
        if (step->arguments[PIN_PRESENTED].given == step->arguments[PIN_CODE_REFERENCE].given)
                return 0;

        return place_complain(step->place, failure,
                              "expected both `code` and `code-reference`, or neither of them");
}

/* P1 00: the data are the code and the new value; 02: the new one alone, by what was verified before (11.6.10). How many
 * tries a code has left, no command tells. */
int verb_reset_retry_counter(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = 0x2C, .p2 = reference_of(call), .le = LE_ABSENT };
        Span code = bytes_span(&call->values[PIN_PRESENTED].data);
        _cleanup_bytes_ Bytes data = {};
        int r = 0;

        if (bytes_append(&data, code) < 0 || bytes_append(&data, bytes_span(&call->values[PIN_NEW].data)) < 0)
                return failure_no_memory(failure);

        command.p1 = code.size > 0 ? 0x00 : 0x02;
        command.data = bytes_span(&data);
        if (code.size > 0)
                r = refuse_to_present(session, presented_reference(call), code, TRIES_UNKNOWN, failure);
        if (r >= 0)
                r = session_send(session, call->step, command, ret, failure);
        if (r < 0 || ret->held || code.size == 0)
                return r;

        return complain_refused(session, call, presented_reference(call), code, ret->sw, failure);
}

/* Without a number of tries to go by, one is spent at most: that the value was tried is remembered before. */
static int try_once(Session *session, const Call *change, bool *ret, Failure *failure) {
        uint8_t mark = reference_of(change) | TRIED_ONCE;
        Span value = bytes_span(&change->values[PIN_NEW].data);
        _cleanup_step_result_ StepResult result = {};
        int r;

        if (session->refused) {
                if (refused_contains(session->refused, session->serial, session->insertion, mark, value)) {
                        session->tries_left = TRIES_NOT_TOLD;
                        return failure_set(
                                failure, session->kind,
                                "It was tried out once already whether the value of reference %02X was "
                                "changed, and the card does not tell the tries left: use another blank",
                                reference_of(change));
                }
                if (refused_add(session->refused, session->serial, session->insertion, mark, value) ==
                    -ENOMEM)
                        return failure_no_memory(failure);
        }

        r = show(session, change, NULL, value, &result, failure);
        if (r >= 0)
                *ret = result.held;

        return r;
}

int pin_try_new(Session *session, const Call *change, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int tries, r;

        *ret = false;
        if (is_proven_by_change(change->step))
                return try_once(session, change, ret, failure);

        r = ask_tries(session, change, &tries, failure);
        if (r < 0)
                return r;

        if (tries == TRIES_UNKNOWN)
                return failure_set(
                        failure, session->kind,
                        "The card does not tell the tries left for reference %02X, so it was not tried out "
                        "whether its value was changed already",
                        reference_of(change));

        if (tries >= 0 && tries <= TRIES_KEPT + 1) {
                session->tries_left = tries;
                return failure_set(
                        failure, session->kind,
                        "The card has %d %s left for reference %02X: too few to find out whether its value "
                        "was changed already",
                        tries, try_word(tries), reference_of(change));
        }

        r = show(session, change, NULL, bytes_span(&change->values[PIN_NEW].data), &result, failure);
        if (r >= 0)
                *ret = result.held;

        return r;
}
