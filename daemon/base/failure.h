/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A failure as the caller will see it: which kind, and a sentence that says what happened and what to do.
 * It is made once, where it is understood, and travels up unchanged; bus/ turns the kind into a D-Bus error
 * name and the log into structured fields. No card data, key or PIN ever enters a message. */
#ifndef ICREISSUE_BASE_FAILURE_H
#define ICREISSUE_BASE_FAILURE_H

#include "base/util.h"

typedef enum FailureKind {
        FAILURE_NONE,
        FAILURE_INVALID_ARGS,
        FAILURE_ACCESS_DENIED,
        FAILURE_INTERACTIVE_AUTHORIZATION_REQUIRED,
        FAILURE_NO_READER,
        FAILURE_NO_CARD,
        FAILURE_UNKNOWN_CARD_TYPE,
        FAILURE_NO_RECORD,
        FAILURE_NOT_REQUESTED,
        FAILURE_ALREADY_REQUESTED,
        FAILURE_RECORD_IN_USE,
        FAILURE_NOT_BLANK,
        FAILURE_CARD_TYPE_MISMATCH,
        FAILURE_WRITE_FAILED,
        FAILURE_VERIFY_FAILED,
        FAILURE_CARD_GONE,
        FAILURE_READER_GONE,
        FAILURE_READER_BUSY,
        FAILURE_LINE_DOWN,
        FAILURE_STORE_FAILED,
        FAILURE_PROFILE_INVALID,
        FAILURE_DESIGN_UNKNOWN,
        FAILURE_PRINT_FAILED,
        FAILURE_DISCARD_FAILED,
        FAILURE_TOO_MANY_JOBS,
        FAILURE_JOB_FINISHED,
        FAILURE_CANCELLED,
        FAILURE_NO_MEMORY,
        _FAILURE_MAX,
} FailureKind;

typedef struct Failure {
        FailureKind kind;
        char *message;             /* owned; NULL only with FAILURE_NONE or when there was no memory for it */
        struct Mistakes *mistakes; /* where failure_note() collects (mistakes.h); borrowed, NULL: nowhere */
} Failure;

/* Fills failure (which may be NULL) unless it already holds one: the first failure, made closest to the cause,
 * stays. Returns the kind's negative errno, so that it can be returned in one statement. */
_printf_(3, 4) int failure_set(Failure *failure, FailureKind kind, const char *format, ...);

/* Like failure_set(), with ": " and the text of errno_value (positive or negative) after the message. */
_printf_(4, 5) int failure_set_errno(Failure *failure, FailureKind kind, int errno_value, const char *format,
                                     ...);

/* There was no memory. Returns -ENOMEM. */
int failure_no_memory(Failure *failure);

/* Puts "PREFIX: " in front of the message of a failure that is set. */
_printf_(2, 3) void failure_prefix(Failure *failure, const char *format, ...);

/* Releases what it holds; it is FAILURE_NONE afterwards, and collects where it did. */
void failure_done(Failure *failure);

/* Moves a failure: *from is FAILURE_NONE afterwards, what *to held is released. */
void failure_move(Failure *to, Failure *from);

static inline bool failure_is_set(const Failure *failure) {
        return failure->kind != FAILURE_NONE;
}

/* The kind's full D-Bus error name, "org.example.ICReissue.Error.NoCard" or a standard freedesktop one. Static. */
const char *failure_name(FailureKind kind);

/* The kind whose D-Bus error name this is; FAILURE_NONE for "" and for a name that is none of ours. */
FailureKind failure_from_name(const char *name);

/* The kind's negative errno: what functions return beside a Failure. */
int failure_errno(FailureKind kind);

/* The message, or a general sentence of the kind where there is none. Never NULL; owned by the failure. */
const char *failure_message(const Failure *failure);

#define _cleanup_failure_ _cleanup_(failure_done)

#endif
