/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences. The service's own advice says what to do; the line above it says in a few words what it is about. */
#include "notify/wording.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/job-view.h"

_printf_(3, 4) static int set(Notice *notice, NoticeKind kind, const char *format, ...) {
        va_list arguments;
        int r;

        notice->kind = kind;
        va_start(arguments, format);
        r = vasprintf(&notice->summary, format, arguments);
        va_end(arguments);
        if (r < 0)
                notice->summary = NULL;
        return r < 0 ? -ENOMEM : 0;
}

/* What happened, then what to do. */
static int set_body(Notice *notice, const char *message, const char *advice) {
        const char *between = *message && *advice && !strstr(advice, message) ? "\n" : "";

        if (strstr(advice, message))
                message = "";
        if (asprintf(&notice->body, "%s%s%s", message, between, advice) < 0) {
                notice->body = NULL;
                return -ENOMEM;
        }

        return 0;
}

/* The states in which a job waits for hands. */
static const struct {
        const char *state;
        const char *summary;
} waiting[] = {
        { "waiting-for-card", "Insert the old card" },
        { "waiting-for-blank", "Insert a blank card" },
        { "discarding", "Discard the old card" },
};

static const char *waiting_summary(const char *state) {
        for (size_t i = 0; i < ELEMENTS(waiting); i++)
                if (streq(state, waiting[i].state))
                        return waiting[i].summary;

        return NULL;
}

/* A batch asks for blanks while it runs. */
static const char *prompt_summary(const json_t *job) {
        const char *summary = waiting_summary(job_text(job, "State"));
        bool batch = streq(job_text(job, "Kind"), "batch");

        if (!*job_text(job, "Advice"))
                return NULL;

        if (summary)
                return summary;

        return batch && !job_state_is_final(job_text(job, "State")) ? "Insert a blank card" : NULL;
}

int wording_job(const char *path, const json_t *job, Notice *ret) {
        const char *state = job_text(job, "State"), *summary = prompt_summary(job);
        const char *message = job_text(job, "ErrorMessage"), *advice = job_text(job, "Advice");
        int r;

        if (streq(state, "failed"))
                r = set(ret, NOTICE_FAILURE, "Job %lld (%s) has failed",
                        (long long) job_number_from_path(path), job_text(job, "Kind"));
        else if (streq(job_text(job, "Receipt"), "failed"))
                r = set(ret, NOTICE_REFUSAL, "The receipt is not printed");
        else if (job_state_is_final(state))
                return 0;
        else if (streq(state, "printing") && *message)
                r = set(ret, NOTICE_PROMPT, "The new card is not printed yet");
        else if (summary)
                r = set(ret, NOTICE_PROMPT, "%s", summary);
        else
                return 0;

        if (r >= 0)
                r = set_body(ret, message, advice);
        return r < 0 ? r : 1;
}

int wording_reissued(const char *type, const char *id, uint32_t count, Notice *ret) {
        const char *done = count > 1 ? "reissued" : "issued";
        int r = id ? set(ret, NOTICE_SUCCESS, "Card %s %s, issue no. %" PRIu32, id, done, count)
                   : set(ret, NOTICE_SUCCESS, "Card %s, issue no. %" PRIu32, done, count);

        if (r >= 0 && asprintf(&ret->body, "Type %s", type) < 0) {
                ret->body = NULL;
                r = -ENOMEM;
        }

        return r < 0 ? r : 0;
}

int wording_refused(const char *message, Notice *ret) {
        int r = set(ret, NOTICE_REFUSAL, "Card not reissued");

        return r < 0 ? r : set_body(ret, message, "");
}
