/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VERIFY and CHANGE REFERENCE DATA (ISO/IEC 7816-4:2020, 11.6.6 and 11.6.7), and the care for their tries:
 * how many are left is asked first, the last one is never used, and a value that a card has refused is never
 * sent to it again. */
#include "card/profile.h"

enum {
        TRIES_UNKNOWN = -1,
        TRIES_NOT_NEEDED = -2, /* the card says that nothing need be presented */
        TRIES_KEPT = 1,        /* so many are left for a person with the right value */
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

/* VERIFY without data asks (11.6.6). It is sent only to cards that are known to take it as a question: some
 * count it as a wrong value. */
static int ask_tries(Session *session, const Call *call, int *ret, Failure *failure) {
        Command command = { .ins = 0x20, .p2 = reference_of(call), .le = LE_ABSENT };
        _cleanup_step_result_ StepResult result = {};
        int r;

        *ret = TRIES_UNKNOWN;
        if (!call->numbers[PIN_TELLS_TRIES])
                return 0;

        r = session_send(session, NULL, command, &result, failure);
        if (r < 0)
                return r;

        *ret = result.held ? TRIES_NOT_NEEDED : tries_of(result.sw);
        return 0;
}

static int refuse_to_present(Session *session, const Call *call, Span value, int tries, Failure *failure) {
        if (tries >= 0 && tries <= TRIES_KEPT) {
                session->tries_left = tries;
                return failure_set(
                        failure, session->kind,
                        "The card has %d %s left for reference %02X, so nothing was presented to it", tries,
                        try_word(tries), reference_of(call));
        }

        if (session->refused && refused_contains(session->refused, session->serial, session->insertion,
                                                 reference_of(call), value)) {
                session->tries_left = tries >= 0 ? tries : TRIES_NOT_TOLD;
                return failure_set(
                        failure, session->kind,
                        "This card has refused the value for reference %02X before, so it was not presented "
                        "again; correct the key ring or the record",
                        reference_of(call));
        }

        return 0;
}

static uint64_t pin_which(const Call *call, int argument _unused_) {
        return reference_of(call);
}

/* References with bit 8 belong to the selected directory and are closed with it (ISO/IEC 7816-4:2020, 9.2): the others
 * stay open until the reset. */
static bool pin_lasts(const Call *call) {
        return !(reference_of(call) & 0x80);
}

bool pin_tells_tries(const Step *step) {
        return step->arguments[PIN_TELLS_TRIES].number;
}

/* Whether a status word judges the value rather than the command: 6700, 6A8x, 6B00, 6Dxx, 6Exx do not. 9804 and 9840
 * are a SIM's (3GPP TS 51.011, 9.4.5). */
static bool judges_value(uint16_t sw) {
        return (sw & 0xFF00) == 0x6300 || sw == 0x6982 || sw == 0x6983 || sw == 0x6984 || sw == 0x9804 ||
               sw == 0x9840;
}

static int complain_refused(Session *session, const Call *call, Span value, uint16_t sw, Failure *failure) {
        char buffer[8];
        int tries = tries_of(sw);

        if (!judges_value(sw))
                return failure_set(failure, session->kind, "%s of reference %02X is answered %s",
                                   call->step->verb->name, reference_of(call), status_word_text(sw, buffer));

        session->tries_left = tries >= 0 ? tries : TRIES_NOT_TOLD;
        if (session->refused && refused_add(session->refused, session->serial, session->insertion,
                                            reference_of(call), value) == -ENOMEM)
                return failure_no_memory(failure);

        if (tries >= 0)
                return failure_set(failure, session->kind,
                                   "The card refuses the value for reference %02X; %d %s left",
                                   reference_of(call), tries, try_word(tries));

        return failure_set(failure, session->kind, "The card refuses the value for reference %02X (%s)",
                           reference_of(call), status_word_text(sw, buffer));
}

static int pin_present(Session *session, const Call *call, int argument _unused_, Span value, bool always,
                       StepResult *ret, Failure *failure) {
        Command command = { .ins = 0x20, .p2 = reference_of(call), .data = value, .le = LE_ABSENT };
        int tries, r;

        r = ask_tries(session, call, &tries, failure);
        if (r < 0)
                return r;

        if (tries == TRIES_NOT_NEEDED && !always) {
                ret->held = true;
                ret->sw = 0x9000;
                return 0;
        }

        r = refuse_to_present(session, call, value, tries, failure);
        if (r >= 0)
                r = session_send(session, call->step, command, ret, failure);
        if (r < 0)
                return r;

        return ret->held ? 0 : complain_refused(session, call, value, ret->sw, failure);
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
                        r = refuse_to_present(session, call, old, tries, failure);
                if (r < 0)
                        return r;
        }

        r = session_send(session, call->step, command, ret, failure);
        if (r < 0 || ret->held || old.size == 0)
                return r;

        return complain_refused(session, call, old, ret->sw, failure);
}

int pin_try_new(Session *session, const Call *change, bool *ret, Failure *failure) {
        Command command = { .ins = 0x20, .p2 = reference_of(change), .le = LE_ABSENT };
        _cleanup_step_result_ StepResult result = {};
        int tries, r;

        *ret = false;
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

        command.data = bytes_span(&change->values[PIN_NEW].data);
        r = session_send(session, NULL, command, &result, failure);
        if (r >= 0)
                *ret = result.held;

        return r;
}
