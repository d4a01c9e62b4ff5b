/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTAG213, 215 and 216 (NXP NTAG213/215/216): a password of four bytes, which the tag answers with two of its own, and lock
 * bytes for the pages past 15. Pages are read and written by the reader's own commands; only the password needs a frame. */
#include "card/profile.h"
#include "card/tag-exchange.h"
#include "card/verb-memory.h"
#include "card/verb-tag.h"

enum {
        PAGE = 4,
        PASSWORD_SIZE = 4,
        PACK_SIZE = 2,
        COMMAND_AUTHENTICATE = 0x1B, /* PWD_AUTH */
        AUTH0 = 3,                   /* byte of the first configuration page: the first protected page */
        ACCESS = 0,                  /* byte of the second: who may read, how many wrong passwords */
        ACCESS_READING = 0x80,
        ACCESS_TRIES = 0x07,
        DYNAMIC_BITS = 3, /* bytes of the dynamic lock page; the fourth is reserved */
        REFERENCE = 0xFE, /* which no PIN has: for the values that a card has refused */
};

const char *const ntag_types[] = { "213", "215", "216", NULL };

/* The page of the dynamic lock bytes; after it come CFG0, CFG1, PWD and PACK. */
static size_t lock_page(int64_t type) {
        static const size_t pages[] = { 0x28, 0x82, 0xE2 };

        return pages[type];
}

static int read_page(Session *session, size_t page, StepResult *ret, Failure *failure) {
        return memory_read(session, NULL, page, PAGE, PAGE, ret, failure);
}

static int write_page(Session *session, const Step *step, size_t page, Span data, StepResult *ret,
                      Failure *failure) {
        return memory_write(session, step, page, PAGE, data, ret, failure);
}

/* A tag has one password. The first number keeps it apart from other families' secrets. */
static uint64_t ntag_which(const Call *call _unused_, int argument _unused_) {
        return UINT64_C(3) << 32;
}

/* Whether the tag takes the password, and answers as it should. A tag that refuses it answers nothing. */
static int authenticate(Session *session, const Call *call, Span password, StepResult *ret,
                        Failure *failure) {
        Span pack = bytes_span(&call->values[NTAG_PACK].data);
        uint8_t frame[1 + PASSWORD_SIZE] = { COMMAND_AUTHENTICATE };
        int r;

        memcpy(frame + 1, password.data, PASSWORD_SIZE);
        r = tag_exchange(session, (TagPath) call->numbers[NTAG_THROUGH], SPAN_OF_ARRAY(frame), ret, failure);
        explicit_bzero(frame, sizeof(frame));
        if (r >= 0 && ret->held && !span_equal_secret(bytes_span(&ret->data), pack))
                ret->held = false;

        return r;
}

/* Whether what protects the tag is as ntag-protect wrote it. */
static int check_settings(Session *session, const Call *call, bool *ret, Failure *failure) {
        size_t page = lock_page(call->numbers[NTAG_TYPE]) + 1;
        _cleanup_step_result_ StepResult first = {}, second = {};
        uint8_t access;
        int r;

        *ret = false;
        r = read_page(session, page, &first, failure);
        if (r >= 0 && first.held)
                r = read_page(session, page + 1, &second, failure);
        if (r < 0 || !first.held || !second.held)
                return r;

        access = second.data.data[ACCESS];
        *ret = first.data.data[AUTH0] == call->numbers[NTAG_FROM] &&
               !!(access & ACCESS_READING) == call->numbers[NTAG_READING] &&
               (access & ACCESS_TRIES) == call->numbers[NTAG_TRIES];
        return 0;
}

static int complain(Session *session, Span password, Failure *failure) {
        session->tries_left = TRIES_NOT_TOLD;
        if (session->refused && refused_add(session->refused, session->serial, session->insertion, REFERENCE,
                                            password) == -ENOMEM)
                return failure_no_memory(failure);

        return failure_set(
                failure, session->kind,
                "The tag refuses the value for its password, or the reader does not pass it on; correct "
                "the key ring, or `through:` in the profile");
}

/* A tag may count wrong passwords and does not tell how many: one that was refused is never sent again. */
static int ntag_present(Session *session, const Call *call, int argument _unused_, Span value,
                        bool always _unused_, StepResult *ret, Failure *failure) {
        bool right = true;
        int r;

        if (session->refused &&
            refused_contains(session->refused, session->serial, session->insertion, REFERENCE, value)) {
                session->tries_left = TRIES_NOT_TOLD;
                return failure_set(
                        failure, session->kind,
                        "This tag has refused the value for its password before, so it was not sent "
                        "again; correct the key ring or the record");
        }

        r = authenticate(session, call, value, ret, failure);
        if (r < 0)
                return r;
        if (!ret->held)
                return complain(session, value, failure);

        if (call->step->verb->run == verb_ntag_protect)
                r = check_settings(session, call, &right, failure);
        if (r >= 0 && !right)
                return failure_set(failure, session->kind,
                                   "The tag is not protected as ntag-protect has written it");

        return r;
}

const VerbSecret ntag_secret = { .which = ntag_which, .present = ntag_present };

int verb_ntag_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        session->opened = true;
        return ntag_present(session, call, NTAG_PASSWORD, bytes_span(&call->values[NTAG_PASSWORD].data),
                            false, ret, failure);
}

/* The page as it is, with one byte changed where the mask is set. */
static int change_byte(Session *session, const Step *step, size_t page, size_t byte, uint8_t mask,
                       uint8_t value, StepResult *ret, Failure *failure) {
        _cleanup_step_result_ StepResult found = {};
        int r;

        r = read_page(session, page, &found, failure);
        if (r < 0)
                return r;
        if (!found.held) {
                ret->held = false;
                ret->sw = found.sw;
                return 0;
        }

        found.data.data[byte] = (uint8_t) ((found.data.data[byte] & ~mask) | value);
        return write_page(session, step, page, bytes_span(&found.data), ret, failure);
}

/* What the password opens is protected last: until then, everything can be written again. */
int verb_ntag_protect(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        size_t page = lock_page(call->numbers[NTAG_TYPE]) + 1;
        uint8_t access =
                (uint8_t) ((call->numbers[NTAG_READING] ? ACCESS_READING : 0) | call->numbers[NTAG_TRIES]);
        uint8_t pack[PAGE] = {};
        int r;

        memcpy(pack, call->values[NTAG_PACK].data.data, PACK_SIZE);
        r = write_page(session, call->step, page + 2, bytes_span(&call->values[NTAG_PASSWORD].data), ret,
                       failure);
        if (r >= 0 && ret->held)
                r = write_page(session, call->step, page + 3, SPAN_OF_ARRAY(pack), ret, failure);
        if (r >= 0 && ret->held)
                r = change_byte(session, call->step, page + 1, ACCESS, ACCESS_READING | ACCESS_TRIES, access,
                                ret, failure);
        if (r >= 0 && ret->held)
                r = change_byte(session, call->step, page, AUTH0, 0xFF, (uint8_t) call->numbers[NTAG_FROM],
                                ret, failure);

        explicit_bzero(pack, sizeof(pack));
        return r;
}

/* A tag that cannot be protected where the profile wants it is refused before there is one. */
int check_ntag_protect(const Call *call, Failure *failure) {
        size_t last = lock_page(call->numbers[NTAG_TYPE]) + 4;

        if ((size_t) call->numbers[NTAG_FROM] > last)
                return place_refuse(
                        call->step->place, failure,
                        "`from` of ntag-protect must be %zu at most on an NTAG%s: pages after it are "
                        "none",
                        last, ntag_types[call->numbers[NTAG_TYPE]]);

        return 0;
}

/* The first protected page is written last: if it stands there, so does everything else. A tag that does not let it be
 * read is protected already, and the password must open it. */
int done_ntag_protect(Session *session, const Call *call, bool *ret, Failure *failure) {
        size_t page = lock_page(call->numbers[NTAG_TYPE]) + 1;
        _cleanup_step_result_ StepResult found = {}, opened = {};
        int r;

        *ret = false;
        r = read_page(session, page, &found, failure);
        if (r < 0)
                return r;
        if (found.held) {
                *ret = found.data.data[AUTH0] == call->numbers[NTAG_FROM];
                return 0;
        }

        r = authenticate(session, call, bytes_span(&call->values[NTAG_PASSWORD].data), &opened, failure);
        *ret = r >= 0 && opened.held;
        return r;
}

/* What is 1 stays 1. */
int verb_ntag_lock(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        uint8_t page[PAGE] = {};

        memcpy(page, call->values[NTAG_LOCK_BITS].data.data, DYNAMIC_BITS);
        return write_page(session, call->step, lock_page(call->numbers[NTAG_LOCK_TYPE]), SPAN_OF_ARRAY(page),
                          ret, failure);
}

int back_ntag_lock(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        int r;

        r = read_page(session, lock_page(call->numbers[NTAG_LOCK_TYPE]), ret, failure);
        ret->data.size = MIN_OF(ret->data.size, (size_t) DYNAMIC_BITS);
        return r;
}
