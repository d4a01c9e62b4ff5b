/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of failures: each kind with its D-Bus name, its errno and the sentence that is said when nobody
 * had a better one. */
#include "base/failure.h"

#include <stdarg.h>
#include <stdio.h>

#define OURS     "org.example.ICReissue.Error."
#define STANDARD "org.freedesktop.DBus.Error."

static const struct {
        const char *name;
        int errno_value;
        const char *sentence;
} failures[_FAILURE_MAX] = {
        [FAILURE_NONE] = { "", 0, "No failure." },
        [FAILURE_INVALID_ARGS] = { STANDARD "InvalidArgs", EINVAL, "An argument is not valid." },
        [FAILURE_ACCESS_DENIED] = { STANDARD "AccessDenied", EACCES, "You are not allowed to do this." },
        [FAILURE_INTERACTIVE_AUTHORIZATION_REQUIRED] = { STANDARD "InteractiveAuthorizationRequired", EACCES,
                                                         "Authorize at the prompt and call again." },
        [FAILURE_NO_READER] = { OURS "NoReader", ENODEV, "There is no such reader." },
        [FAILURE_NO_CARD] = { OURS "NoCard", ENOMEDIUM, "There is no card in the reader." },
        [FAILURE_UNKNOWN_CARD_TYPE] = { OURS "UnknownCardType", EMEDIUMTYPE,
                                        "The card's type is not known." },
        [FAILURE_NO_RECORD] = { OURS "NoRecord", ENOENT, "There is no such record." },
        [FAILURE_NOT_REQUESTED] = { OURS "NotRequested", EPERM, "No reissue is requested for this record." },
        [FAILURE_ALREADY_REQUESTED] = { OURS "AlreadyRequested", EALREADY,
                                        "A reissue is requested already." },
        [FAILURE_RECORD_IN_USE] = { OURS "RecordInUse", EBUSY, "Another job holds this record." },
        [FAILURE_NOT_BLANK] = { OURS "NotBlank", EEXIST, "The card is not blank." },
        [FAILURE_CARD_TYPE_MISMATCH] = { OURS "CardTypeMismatch", EMEDIUMTYPE,
                                         "The card is of another type." },
        [FAILURE_WRITE_FAILED] = { OURS "WriteFailed", EIO, "The card could not be written." },
        [FAILURE_VERIFY_FAILED] = { OURS "VerifyFailed", EBADMSG,
                                    "The card does not hold what was written." },
        [FAILURE_CARD_GONE] = { OURS "CardGone", ENOMEDIUM, "The card was taken out." },
        [FAILURE_READER_GONE] = { OURS "ReaderGone", ENODEV, "The reader was unplugged." },
        [FAILURE_READER_BUSY] = { OURS "ReaderBusy", EBUSY, "Another program holds the reader." },
        [FAILURE_LINE_DOWN] = { OURS "LineDown", EHOSTUNREACH, "The centre does not answer." },
        [FAILURE_STORE_FAILED] = { OURS "StoreFailed", EIO,
                                   "The issuance file could not be read or written." },
        [FAILURE_PROFILE_INVALID] = { OURS "ProfileInvalid", EINVAL, "A card profile is not valid." },
        [FAILURE_DESIGN_UNKNOWN] = { OURS "DesignUnknown", ENOENT, "There is no such design." },
        [FAILURE_PRINT_FAILED] = { OURS "PrintFailed", EIO, "The card could not be printed." },
        [FAILURE_DISCARD_FAILED] = { OURS "DiscardFailed", EIO, "The old card could not be discarded." },
        [FAILURE_TOO_MANY_JOBS] = { OURS "TooManyJobs", EAGAIN, "Too many jobs are open." },
        [FAILURE_JOB_FINISHED] = { OURS "JobFinished", ESTALE, "The job is finished." },
        [FAILURE_CANCELLED] = { OURS "Cancelled", ECANCELED, "The job was cancelled." },
        [FAILURE_NO_MEMORY] = { STANDARD "NoMemory", ENOMEM, "There is not enough memory; try again." },
};

int failure_errno(FailureKind kind) {
        return -failures[kind].errno_value;
}

const char *failure_name(FailureKind kind) {
        return failures[kind].name;
}

FailureKind failure_from_name(const char *name) {
        for (FailureKind kind = FAILURE_NONE; kind < _FAILURE_MAX; kind++)
                if (streq(failures[kind].name, name))
                        return kind;

        return FAILURE_NONE;
}

const char *failure_message(const Failure *failure) {
        return failure->message ? failure->message : failures[failure->kind].sentence;
}

int failure_set(Failure *failure, FailureKind kind, const char *format, ...) {
        va_list arguments;

        if (!failure || failure_is_set(failure))
                return failure_errno(kind);

        failure->kind = kind;
        va_start(arguments, format);
        if (vasprintf(&failure->message, format, arguments) < 0)
                failure->message = NULL;
        va_end(arguments);
        return failure_errno(kind);
}

int failure_set_errno(Failure *failure, FailureKind kind, int errno_value, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                message = NULL;
                return failure_set(failure, kind, "%s", strerrordesc_np(abs(errno_value)));
        }

        return failure_set(failure, kind, "%s: %s", message, strerrordesc_np(abs(errno_value)));
}

int failure_no_memory(Failure *failure) {
        if (failure && !failure_is_set(failure))
                failure->kind = FAILURE_NO_MEMORY;

        return -ENOMEM;
}

void failure_prefix(Failure *failure, const char *format, ...) {
        _cleanup_free_ char *prefix = NULL, *message = NULL;
        va_list arguments;
        int r;

        if (!failure || !failure_is_set(failure))
                return;

        va_start(arguments, format);
        r = vasprintf(&prefix, format, arguments);
        va_end(arguments);
        if (r < 0) {
                prefix = NULL;
                return;
        }

        if (asprintf(&message, "%s: %s", prefix, failure_message(failure)) < 0) {
                message = NULL;
                return;
        }

        free(failure->message);
        failure->message = TAKE_PTR(message);
}

void failure_done(Failure *failure) {
        free(failure->message);
        *failure = (Failure){ .mistakes = failure->mistakes };
}

void failure_move(Failure *to, Failure *from) {
        failure_done(to);
        to->kind = from->kind;
        to->message = TAKE_PTR(from->message);
        failure_done(from);
}
