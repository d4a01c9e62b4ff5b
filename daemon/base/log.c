/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of events, and where an entry goes. The journal's protocol is libsystemd's. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

enum {
        FIELDS_MAX = 8,
};

/* Each row's explanation, under the same MESSAGE_ID, is in systemd/icreissue.catalog. */
static const struct {
        const char *message_id;
        int priority;
} events[_LOG_EVENT_MAX] = {
        [LOG_STARTED] = { "7ba5ac65845c47d8a692e03c8f352d26", LOG_INFO },
        [LOG_STOPPING] = { "b8551c2fccf149ca91fefc82905597d7", LOG_INFO },
        [LOG_RELOADED] = { "16b5835e824246da95de354fe1d2110a", LOG_INFO },
        [LOG_RELOAD_FAILED] = { "18676fd8d4184beba8b2e3997d6a9b6a", LOG_WARNING },
        [LOG_READER_ADDED] = { "c800b05b65504d2f82e674357b381812", LOG_INFO },
        [LOG_READER_REMOVED] = { "626b34ce742545b38209574483d13b21", LOG_NOTICE },
        [LOG_READER_BUSY] = { "9ffd857bae5a4f58bdc395c414dd519f", LOG_WARNING },
        [LOG_PCSC_UNAVAILABLE] = { "3a20b304bc1e40c9ae85e705ca7c2999", LOG_WARNING },
        [LOG_PCSC_REFUSED] = { "791cd66b3f614792afc71d676026ebe7", LOG_ERR },
        [LOG_JOB_STARTED] = { "068a277cbb214f7a814dc0ab254951d2", LOG_INFO },
        [LOG_JOB_WAITING] = { "b0ab6a12fcb547858f531a95d95a6f82", LOG_INFO },
        [LOG_JOB_FINISHED] = { "3c05660e03b34dfd9032fb7985d76811", LOG_INFO },
        [LOG_JOB_FAILED] = { "f9aff2ee17294e2bbec0d5f62da5dbbe", LOG_ERR },
        [LOG_JOB_CANCELLED] = { "73b6ac8972fc460680c6724a51129682", LOG_NOTICE },
        [LOG_JOB_RESUMED] = { "7226055f0aeb4804b603266bde7ee5bf", LOG_NOTICE },
        [LOG_CARD_REFUSED] = { "e27c2459e69343bfbd51179b892a7ac4", LOG_WARNING },
        [LOG_AUTOMATIC_REFUSED] = { "e96d03d21a144bea900fcd106b469948", LOG_NOTICE },
        [LOG_CARD_SPOILED] = { "945bcf06ea5344b98b5f705fea2cdfa9", LOG_WARNING },
        [LOG_PRINT_FAILED] = { "22cbe1ca72814a3aa6f5c9493f5cd528", LOG_WARNING },
        [LOG_RECEIPT_FAILED] = { "6f1c2d8e94b7405f8d3aa2c7e95b1046", LOG_WARNING },
        [LOG_CARD_DISCARDED] = { "46fd4ce6aa6b4be8a5fa1ab7e07c9ee1", LOG_NOTICE },
        [LOG_DISCARD_FAILED] = { "d0ab23b7f0614a14b1b9b8a65a1dd8a3", LOG_WARNING },
        [LOG_RECORD_CHANGED] = { "0a72c428ec2d4ff0bd94aa80ce26fde1", LOG_NOTICE },
        [LOG_RECORD_REQUESTED] = { "abf2bae0ce7d4cc98be08f5757260478", LOG_NOTICE },
        [LOG_TRANSFER] = { "a6cac6032e0e411e89dd3929442734bc", LOG_NOTICE },
        [LOG_CARE] = { "b2158a305a5d40dfb8df5503d362e45c", LOG_NOTICE },
        [LOG_ACCESS_DENIED] = { "e0d403af033840878cd3c0c1c626d653", LOG_WARNING },
        [LOG_LINE_UP] = { "7abdce4340e94c6586ce18b7c84c1843", LOG_NOTICE },
        [LOG_LINE_DOWN] = { "25fc7a544e224d539ddfdbea73f8e796", LOG_WARNING },
        [LOG_BRANCH_REFUSED] = { "fcfa45fbd5c8403fac4b12e418a7815a", LOG_WARNING },
        [LOG_LATE_CONFIRMATION] = { "5e1ef3217d0f43a9b17bfac96867b582", LOG_WARNING },
        [LOG_STORE_FAILED] = { "c2ccdd753f25444b8dbde150b84fd22f", LOG_ERR },
        [LOG_INTERNAL] = { "350ae60e88b04121aa0324e80507ff01", LOG_ERR },
};

/* systemd names in $JOURNAL_STREAM the device and inode of the stream it gave us; standard error may have
 * been redirected since. */
static bool stderr_is_journal(void) {
        unsigned long long device, inode;
        const char *stream;
        struct stat status;

        stream = getenv("JOURNAL_STREAM");
        if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
                return false;

        return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

typedef struct Fields {
        struct iovec entries[FIELDS_MAX];
        size_t count;
} Fields;

static void fields_done(Fields *fields) {
        for (size_t i = 0; i < fields->count; i++)
                free(fields->entries[i].iov_base);
}

/* A field without a value, or without memory for it, is left out: the rest of the entry is still worth
 * having. */
static void fields_add(Fields *fields, const char *name, const char *value) {
        char *text;
        int length;

        if (!value || !value[0] || fields->count == FIELDS_MAX)
                return;

        length = asprintf(&text, "%s=%s", name, value);
        if (length < 0)
                return;

        fields->entries[fields->count++] = (struct iovec){ .iov_base = text, .iov_len = (size_t) length };
}

static int journal_send(LogEvent event, const LogSubject *subject, const char *sentence) {
        const Failure *failure = subject ? subject->failure : NULL;
        _cleanup_(fields_done) Fields fields = {};
        char priority[2] = { (char) ('0' + events[event].priority), '\0' };

        fields_add(&fields, "MESSAGE", sentence);
        fields_add(&fields, "MESSAGE_ID", events[event].message_id);
        fields_add(&fields, "PRIORITY", priority);
        if (subject) {
                fields_add(&fields, "ICREISSUE_JOB", subject->job);
                fields_add(&fields, "ICREISSUE_READER", subject->reader);
                fields_add(&fields, "ICREISSUE_CARD_TYPE", subject->card_type);
        }
        if (failure && failure_is_set(failure))
                fields_add(&fields, "ICREISSUE_ERROR", failure_name(failure->kind));

        return sd_journal_sendv(fields.entries, (int) fields.count);
}

void log_event(LogEvent event, const LogSubject *subject, const char *format, ...) {
        _cleanup_free_ char *sentence = NULL;
        int saved = errno;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                sentence = NULL;
        va_end(arguments);

        if (sentence && (!stderr_is_journal() || journal_send(event, subject, sentence) < 0))
                fprintf(stderr, "%s\n", sentence);

        errno = saved;
}

void log_debug(const char *format, ...) {
        const char *wanted = getenv("ICREISSUE_DEBUG");
        _cleanup_free_ char *text = NULL;
        int saved = errno;
        va_list arguments;

        if (!wanted || !streq(wanted, "1"))
                return;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        if (text)
                fprintf(stderr, "debug: %s\n", text);

        errno = saved;
}
