/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The printed side of a card that is written, verified and recorded: it is ordered from the printer once, followed until it
 * is out, and ordered anew when somebody says so. The chip is not touched any more. */
#include "job/job-private.h"

/* CUPS tells an IPP client nothing by itself: it is asked, while a card is in the printer and only then. */
enum { LOOK_SECONDS = 1 };

void print_clear(Job *job) {
        json_decref(job->face);
        job->face = NULL;
        job->print_id = 0;
        free(job->print_queue);
        job->print_queue = NULL;
}

int print_begin(Job *job) {
        const char *queue = job->engine->parts.config->printer;

        if (!job->face || !queue)
                return 0;

        job->print_queue = strdup(queue);
        return job->print_queue ? 1 : -ENOMEM;
}

/* It stays where it is until somebody has mended what is wrong, and says so. */
static void hold(Job *job, const Failure *failure) {
        job_set_error(job, failure);
        job_set_advice(
                job,
                "The card is made; it is not printed yet. See what went wrong, then print it again (icreissuectl job "
                "retry %" PRIu64 "), or leave it as it is (icreissuectl job cancel %" PRIu64 ").",
                job->number, job->number);
        log_event(LOG_PRINT_FAILED,
                  &(LogSubject){ .job = job->uuid, .card_type = job->type, .failure = failure },
                  "Job %" PRIu64 ": %s", job->number, failure_message(failure));
}

/* What was perhaps ordered, and not heard of, is looked for under its name again; what was ordered is another attempt. */
static void begin_again(Job *job) {
        if (job->print_id > 0) {
                printer_cancel(job->engine->parts.printer, job->print_queue, job->print_id);
                job->print_attempt++;
        }
        job->print_id = 0;
        job->print_again = false;
        job->timer = sd_event_source_disable_unref(job->timer);
        job_set_error(job, NULL);
        job_journal(job, card_job_print);
}

/* Whether a callback has nothing left to do: the job ends here, or the service does, or it is printed anew. */
static bool is_over(Job *job) {
        job->printing = false;
        if (job->engine->parking)
                return true;

        if (job->cancel_wanted)
                print_stop(job);
        else if (job->print_again)
                begin_again(job);
        else
                return false;

        return true;
}

/* --- following it --- */

static void look(Job *job);

static int on_look_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Job *job = userdata;

        job->timer = sd_event_source_disable_unref(job->timer);
        if (!job->engine->parking && !job_is_busy(job))
                look(job);
        return 0;
}

static void show_trouble(Job *job, const char *trouble) {
        _cleanup_failure_ Failure failure = {};

        if (!trouble) {
                job_set_error(job, NULL);
                job_set_advice(job, "The card is being printed (%s).", job->print_queue);
                return;
        }

        failure_set(&failure, FAILURE_PRINT_FAILED, "%s", trouble);
        job_set_error(job, &failure);
        job_set_advice(job, "%s The job goes on by itself then.", trouble);
}

static void on_looked(PrintEnd end, const char *trouble, void *userdata) {
        Job *job = userdata;
        _cleanup_failure_ Failure failure = {};

        if (is_over(job))
                return;

        if (end == PRINT_OUT) {
                job_set_error(job, NULL);
                job_dispatch(job, job->discarding.wanted ? EVENT_TO_DISCARD : EVENT_PRINTED);
        } else if (end == PRINT_ENDED) {
                failure_set(&failure, FAILURE_PRINT_FAILED,
                            "The print job %d of %s was cancelled or given up.", job->print_id,
                            job->print_queue);
                hold(job, &failure);
        } else {
                show_trouble(job, trouble);
                if (job_set_timer(job, LOOK_SECONDS, on_look_again, job) < 0)
                        log_event(LOG_INTERNAL, NULL, "Job %" PRIu64 " stands still for lack of memory.",
                                  job->number);
        }
}

static void look(Job *job) {
        _cleanup_failure_ Failure failure = {};

        if (printer_look(job->engine->parts.printer, PRINT_CARD, job->print_queue, job->print_id, on_looked,
                         job) >= 0) {
                job->printing = true;
                return;
        }

        failure_no_memory(&failure);
        hold(job, &failure);
}

/* --- ordering it --- */

static void on_ordered(int id, const Failure *failure, void *userdata) {
        Job *job = userdata;

        job->print_id = id;
        if (is_over(job))
                return;

        if (failure_is_set(failure))
                hold(job, failure);
        else
                job_journal(job, look);
}

/* The print job's name says which card it is, and the how-manieth attempt: one that was ordered just before the service
 * died is found again by it. */
static void on_drawn(int picture, const Failure *failure, void *userdata) {
        char name[sizeof("icreissue 01234567-89ab-cdef-0123-456789abcdef 4294967295")];
        _cleanup_failure_ Failure reason = {};
        Job *job = userdata;

        if (is_over(job))
                return;

        if (failure_is_set(failure)) {
                hold(job, failure);
                return;
        }

        snprintf(name, sizeof(name), "icreissue %.36s %u", job->uuid, job->print_attempt);
        if (printer_order(job->engine->parts.printer, PRINT_CARD, job->print_queue, name, picture, on_ordered,
                          job) >= 0) {
                job->printing = true;
                return;
        }

        failure_no_memory(&reason);
        hold(job, &reason);
}

static void order(Job *job) {
        const DesignRequest request = {
                .design = job->design, .type = job_made_type(job), .task = DESIGN_PDF, .values = job->face
        };
        _cleanup_failure_ Failure failure = {};

        job_set_advice(job, "The card is about to be printed (%s).", job->print_queue);
        if (designs_draw(job->engine->parts.designs, &request, on_drawn, job, &failure) >= 0)
                job->printing = true;
        else
                hold(job, &failure);
}

void card_job_print(Job *job) {
        if (job->print_id > 0)
                look(job);
        else
                order(job);
}

void card_job_recorded(Job *job) {
        job->engine->observer->job_reissued(job, job_made_type(job), job->count,
                                            job->engine->observer_userdata);
        card_job_print(job);
}

/* --- what people say --- */

void print_stop(Job *job) {
        if (job->print_id > 0)
                printer_cancel(job->engine->parts.printer, job->print_queue, job->print_id);
        job->timer = sd_event_source_disable_unref(job->timer);
        job_dispatch(job, EVENT_CANCEL);
}

int print_again(Job *job, Failure *failure) {
        if (job->error.kind != FAILURE_PRINT_FAILED || job->journaling)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Job %" PRIu64 " is being printed; there is nothing to print again.",
                                   job->number);

        job->print_again = true;
        if (!job->printing)
                begin_again(job);
        return 0;
}
