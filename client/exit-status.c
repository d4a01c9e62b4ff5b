/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table from D-Bus error names to exit statuses. */
#include "client/exit-status.h"

#include "base/util.h"

#define OURS     "org.example.ICReissue.Error."
#define STANDARD "org.freedesktop.DBus.Error."

static const struct {
        const char *name;
        ExitStatus status;
} statuses[] = {
        { OURS "NoReader", STATUS_NOT_FOUND },
        { OURS "NoCard", STATUS_NOT_FOUND },
        { OURS "NoRecord", STATUS_NOT_FOUND },
        { OURS "DesignUnknown", STATUS_NOT_FOUND },
        { OURS "NotRequested", STATUS_REFUSED },
        { OURS "AlreadyRequested", STATUS_REFUSED },
        { OURS "RecordInUse", STATUS_REFUSED },
        { OURS "NotBlank", STATUS_REFUSED },
        { OURS "CardTypeMismatch", STATUS_REFUSED },
        { OURS "JobFinished", STATUS_REFUSED },
        { OURS "TooManyJobs", STATUS_REFUSED },
        { OURS "UnknownCardType", STATUS_CARD },
        { OURS "WriteFailed", STATUS_CARD },
        { OURS "VerifyFailed", STATUS_CARD },
        { OURS "CardGone", STATUS_CARD },
        { OURS "ReaderGone", STATUS_CARD },
        { OURS "ReaderBusy", STATUS_CARD },
        { OURS "PrintFailed", STATUS_CARD },
        { OURS "DiscardFailed", STATUS_CARD },
        { OURS "StoreFailed", STATUS_SERVICE },
        { OURS "LineDown", STATUS_SERVICE },
        { OURS "ProfileInvalid", STATUS_SERVICE },
        { OURS "Cancelled", STATUS_FAILED },
        { STANDARD "InvalidArgs", STATUS_USAGE },
        { STANDARD "AccessDenied", STATUS_DENIED },
        { STANDARD "InteractiveAuthorizationRequired", STATUS_DENIED },
        { STANDARD "AuthFailed", STATUS_DENIED },
        { STANDARD "UnknownObject", STATUS_NOT_FOUND },
        { STANDARD "ServiceUnknown", STATUS_UNREACHABLE },
        { STANDARD "NameHasNoOwner", STATUS_UNREACHABLE },
        { STANDARD "NoServer", STATUS_UNREACHABLE },
        { STANDARD "NoReply", STATUS_UNREACHABLE },
        { STANDARD "Disconnected", STATUS_UNREACHABLE },
        { STANDARD "TimedOut", STATUS_UNREACHABLE },
        { STANDARD "Spawn.ExecFailed", STATUS_UNREACHABLE },
        { STANDARD "Spawn.ChildExited", STATUS_UNREACHABLE },
        { STANDARD "Spawn.ChildSignaled", STATUS_UNREACHABLE },
        { STANDARD "Spawn.ServiceNotFound", STATUS_UNREACHABLE },
        { STANDARD "Spawn.Failed", STATUS_UNREACHABLE },
        /* What systemd says when it was asked to start the service and that failed. */
        { "org.freedesktop.systemd1.NoSuchUnit", STATUS_UNREACHABLE },
        { "org.freedesktop.systemd1.UnitMasked", STATUS_UNREACHABLE },
        { "org.freedesktop.systemd1.JobFailed", STATUS_UNREACHABLE },
};

ExitStatus exit_status_from_error(const char *name) {
        if (!name)
                return STATUS_FAILED;

        for (size_t i = 0; i < ELEMENTS(statuses); i++)
                if (streq(statuses[i].name, name))
                        return statuses[i].status;

        return STATUS_FAILED;
}
