/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state machine of a card job, as one table. Nothing else moves such a job's state. */
#include <inttypes.h>

#include "job/job-private.h"

typedef struct Transition {
        JobState state;
        JobEvent event;
        JobState next;
        bool durable; /* the new state is on disk before `action` begins and before anybody sees it */
        void (*action)(Job *job);
} Transition;

static const Transition transitions[] = {
        /* clang-format off */
        { JOB_WAITING_FOR_CARD,  EVENT_BEGIN,            JOB_WAITING_FOR_CARD,  false, card_job_wait_for_card },
        { JOB_WAITING_FOR_CARD,  EVENT_CARD_READ,        JOB_EXTRACTING,        true,  card_job_extract },
        { JOB_WAITING_FOR_CARD,  EVENT_CARD_APPEARED,    JOB_READING,           false, card_job_read },
        { JOB_WAITING_FOR_CARD,  EVENT_FAIL,             JOB_FAILED,            true,  job_finish },
        { JOB_WAITING_FOR_CARD,  EVENT_CANCEL,           JOB_CANCELLED,         true,  job_finish },

        { JOB_READING,           EVENT_BEGIN,            JOB_WAITING_FOR_CARD,  false, card_job_wait_for_card },
        { JOB_READING,           EVENT_CARD_READ,        JOB_EXTRACTING,        true,  card_job_extract },
        { JOB_READING,           EVENT_CARD_LOST,        JOB_WAITING_FOR_CARD,  false, card_job_wait_for_card },
        { JOB_READING,           EVENT_FAIL,             JOB_FAILED,            true,  job_finish },
        { JOB_READING,           EVENT_CANCEL,           JOB_CANCELLED,         true,  job_finish },

        { JOB_EXTRACTING,        EVENT_BEGIN,            JOB_EXTRACTING,        false, card_job_extract },
        { JOB_EXTRACTING,        EVENT_EXTRACTED,        JOB_WAITING_FOR_BLANK, true,  card_job_wait_for_blank },
        { JOB_EXTRACTING,        EVENT_REFUSED,          JOB_FAILED,            true,  job_finish },
        { JOB_EXTRACTING,        EVENT_FAIL,             JOB_RECORDING,         true,  card_job_tell_centre },
        { JOB_EXTRACTING,        EVENT_CANCEL,           JOB_RECORDING,         true,  card_job_tell_centre },

        { JOB_WAITING_FOR_BLANK, EVENT_BEGIN,            JOB_WAITING_FOR_BLANK, false, card_job_wait_for_blank },
        { JOB_WAITING_FOR_BLANK, EVENT_BLANK_TO_COME,    JOB_EXTRACTING,        true,  card_job_extract },
        { JOB_WAITING_FOR_BLANK, EVENT_BLANK,            JOB_WRITING,           false, card_job_write },
        { JOB_WAITING_FOR_BLANK, EVENT_FAIL,             JOB_RECORDING,         true,  card_job_tell_centre },
        { JOB_WAITING_FOR_BLANK, EVENT_CANCEL,           JOB_RECORDING,         true,  card_job_tell_centre },

        /* After a restart, the card is waited for: it is known by its serial, and finished. */
        { JOB_WRITING,           EVENT_BEGIN,            JOB_WAITING_FOR_BLANK, false, card_job_wait_for_blank },
        { JOB_WRITING,           EVENT_WRITTEN,          JOB_VERIFYING,         true,  card_job_verify },
        { JOB_WRITING,           EVENT_CARD_LOST,        JOB_WAITING_FOR_BLANK, true,  card_job_wait_for_blank },
        { JOB_WRITING,           EVENT_FAIL,             JOB_RECORDING,         true,  card_job_tell_centre },
        { JOB_WRITING,           EVENT_CANCEL,           JOB_RECORDING,         true,  card_job_tell_centre },

        { JOB_VERIFYING,         EVENT_BEGIN,            JOB_WAITING_FOR_BLANK, false, card_job_wait_for_blank },
        /* A last stage that cannot be undone is written after the others were read back. */
        { JOB_VERIFYING,         EVENT_WRITTEN,          JOB_VERIFYING,         true,  card_job_verify },
        { JOB_VERIFYING,         EVENT_VERIFIED,         JOB_RECORDING,         true,  card_job_tell_centre },
        { JOB_VERIFYING,         EVENT_CARD_LOST,        JOB_WAITING_FOR_BLANK, true,  card_job_wait_for_blank },
        { JOB_VERIFYING,         EVENT_FAIL,             JOB_RECORDING,         true,  card_job_tell_centre },
        { JOB_VERIFYING,         EVENT_CANCEL,           JOB_RECORDING,         true,  card_job_tell_centre },

        { JOB_RECORDING,         EVENT_BEGIN,            JOB_RECORDING,         false, card_job_tell_centre },
        { JOB_RECORDING,         EVENT_CONFIRMED,        JOB_DONE,              true,  job_finish },
        { JOB_RECORDING,         EVENT_TO_PRINT,         JOB_PRINTING,          true,  card_job_recorded },
        { JOB_RECORDING,         EVENT_TO_DISCARD,       JOB_DISCARDING,        true,  card_job_begin_discard },
        { JOB_RECORDING,         EVENT_ABANDONED,        JOB_FAILED,            true,  job_finish },
        { JOB_RECORDING,         EVENT_ABANDONED_CANCEL, JOB_CANCELLED,         true,  job_finish },

        /* The card is made whatever becomes of its print: what goes wrong there waits for somebody to say print it again. */
        { JOB_PRINTING,          EVENT_BEGIN,            JOB_PRINTING,          false, card_job_print },
        { JOB_PRINTING,          EVENT_PRINTED,          JOB_DONE,              true,  job_finish },
        { JOB_PRINTING,          EVENT_TO_DISCARD,       JOB_DISCARDING,        true,  card_job_discard },
        { JOB_PRINTING,          EVENT_CANCEL,           JOB_CANCELLED,         true,  job_finish },

        /* The new card is good whatever becomes of the old one, which stays in the list of those to be destroyed. */
        { JOB_DISCARDING,        EVENT_BEGIN,            JOB_DISCARDING,        false, card_job_discard },
        { JOB_DISCARDING,        EVENT_DISCARDED,        JOB_DONE,              true,  job_finish },
        { JOB_DISCARDING,        EVENT_CANCEL,           JOB_CANCELLED,         true,  card_job_keep_old_card },

        /* Found after a restart: it leaves the bus when its ten minutes are over. */
        { JOB_DONE,              EVENT_BEGIN,            JOB_DONE,              false, job_expire },
        { JOB_FAILED,            EVENT_BEGIN,            JOB_FAILED,            false, job_expire },
        { JOB_CANCELLED,         EVENT_BEGIN,            JOB_CANCELLED,         false, job_expire },
        /* clang-format on */
};

static const Transition *transition_find(JobState state, JobEvent event) {
        for (size_t i = 0; i < ELEMENTS(transitions); i++)
                if (transitions[i].state == state && transitions[i].event == event)
                        return &transitions[i];

        return NULL;
}

/* The issuance data and the key to it leave memory and, with the next journal entry, the reissuing file. */
static void job_forget_secrets(Job *job) {
        json_decref(job->fields);
        job->fields = NULL;
}

void job_dispatch(Job *job, JobEvent event) {
        const Transition *transition = transition_find(job->state, event);

        if (!transition) {
                log_debug("job %" PRIu64 ": event %d in state %s ignored", job->number, (int) event,
                          job_state_name(job->state));
                return;
        }

        if (event == EVENT_FAIL)
                job->outcome = OUTCOME_FAILED;
        else if (event == EVENT_CANCEL)
                job->outcome = OUTCOME_CANCELLED;
        else if (event == EVENT_VERIFIED)
                job->outcome = OUTCOME_DONE;

        job->wait_told = job->wait_told && job->state == transition->next;
        job->state = transition->next;
        if (job->outcome != OUTCOME_NONE)
                job_forget_secrets(job);
        /* What ends the old card stays, sealed as everything in the journal, until it has. */
        if (job->outcome == OUTCOME_FAILED || job->outcome == OUTCOME_CANCELLED || job_is_finished(job))
                discard_forget_fields(job);

        if (job_is_finished(job) && !job->finished)
                job->finished = time_now_text();
        if (job_is_finished(job)) {
                json_decref(job->face);
                job->face = NULL;
                if (event != EVENT_BEGIN)
                        receipt_due(job, job->state == JOB_DONE || transition->state == JOB_PRINTING ||
                                                 transition->state == JOB_DISCARDING);
        }

        if (transition->durable) {
                job_journal(job, transition->action);
                return;
        }

        job->shown = job->state;
        job_notify(job);
        transition->action(job);
}

void job_fail(Job *job, const Failure *failure) {
        job_set_error(job, failure);
        job_dispatch(job, EVENT_FAIL);
}
