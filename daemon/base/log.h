/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: one structured entry per event that an administrator would want, each with a MESSAGE_ID that the
 * message catalog (systemd/icreissue.catalog) explains. Where standard error is no journal stream, the sentence
 * goes there. No card data, ID, serial, key or PIN is ever logged: an entry names the job, the reader, the card
 * type. */
#ifndef ICREISSUE_BASE_LOG_H
#define ICREISSUE_BASE_LOG_H

#include "base/failure.h"

typedef enum LogEvent {
        LOG_STARTED,
        LOG_STOPPING,
        LOG_RELOADED,
        LOG_RELOAD_FAILED,
        LOG_READER_ADDED,
        LOG_READER_REMOVED,
        LOG_READER_BUSY,
        LOG_PCSC_UNAVAILABLE,
        LOG_PCSC_REFUSED,
        LOG_JOB_STARTED,
        LOG_JOB_WAITING,
        LOG_JOB_FINISHED,
        LOG_JOB_FAILED,
        LOG_JOB_CANCELLED,
        LOG_JOB_RESUMED,
        LOG_CARD_REFUSED,
        LOG_AUTOMATIC_REFUSED,
        LOG_CARD_SPOILED,
        LOG_PRINT_FAILED,
        LOG_RECEIPT_FAILED,
        LOG_CARD_DISCARDED,
        LOG_DISCARD_FAILED,
        LOG_RECORD_CHANGED,
        LOG_RECORD_REQUESTED,
        LOG_TRANSFER,
        LOG_CARE,
        LOG_ACCESS_DENIED,
        LOG_LINE_UP,
        LOG_LINE_DOWN,
        LOG_BRANCH_REFUSED,
        LOG_LATE_CONFIRMATION,
        LOG_STORE_FAILED,
        LOG_INTERNAL,
        _LOG_EVENT_MAX,
} LogEvent;

/* What an entry is about; NULL where it does not apply. They become ICREISSUE_JOB=, ICREISSUE_READER=,
 * ICREISSUE_CARD_TYPE=, and ICREISSUE_ERROR= of `failure`. `user` is the caller's uid, or (uid_t) -1. */
typedef struct LogSubject {
        const char *job;
        const char *reader;
        const char *card_type;
        const Failure *failure;
} LogSubject;

/* Writes the entry; its priority is the event's own. subject may be NULL. errno is kept. */
_printf_(3, 4) void log_event(LogEvent event, const LogSubject *subject, const char *format, ...);

/* What only a developer wants: printed where the environment has ICREISSUE_DEBUG=1. Same rule about card data. */
_printf_(1, 2) void log_debug(const char *format, ...);

#endif
