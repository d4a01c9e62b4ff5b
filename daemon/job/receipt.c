/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The holder's receipt, with the issuance count: drawn from what the card shows of its record, once the card is made, and
 * printed where there is a queue for it. Whatever becomes of it, the job has done its work. */
#include "job/job-private.h"

#define RECEIPT_DESIGN "receipt"

enum {
        LOOK_SECONDS = 1,
        VALUE_MAX = 1024, /* bytes: a longer value is a picture, and no receipt's */
};

static const char *const state_names[_RECEIPT_STATE_MAX] = {
        [RECEIPT_NONE] = "",           [RECEIPT_KEPT] = "kept",     [RECEIPT_PRINTING] = "printing",
        [RECEIPT_PRINTED] = "printed", [RECEIPT_FAILED] = "failed",
};

const char *job_receipt(const Job *job) {
        return state_names[job->receipt.state];
}

void receipt_clear(Receipt *receipt) {
        json_decref(receipt->values);
        free(receipt->queue);
        sd_event_source_disable_unref(receipt->timer);
        *receipt = (Receipt){};
}

bool receipt_is_busy(const Job *job) {
        return job->receipt.asking || job->receipt.state == RECEIPT_PRINTING;
}

/* --- what it says --- */

int receipt_keep(Job *job, const json_t *values) {
        const char *name;
        json_t *value;

        receipt_clear(&job->receipt);
        if (!job->engine->parts.config->receipt)
                return 0;

        job->receipt.values = json_object();
        json_object_foreach((json_t *) values, name, value)
                if ((!json_is_string(value) || json_string_length(value) <= VALUE_MAX) &&
                    json_object_set(job->receipt.values, name, value) < 0)
                        return -ENOMEM;

        return job->receipt.values ? 0 : -ENOMEM;
}

void receipt_due(Job *job, bool made) {
        const Config *config = job->engine->parts.config;
        char date[sizeof("20260701")] = "";
        time_t now = time(NULL);
        struct tm local;

        if (!job->receipt.values)
                return;

        if (!made) {
                receipt_clear(&job->receipt);
                return;
        }

        if (localtime_r(&now, &local))
                strftime(date, sizeof(date), "%Y%m%d", &local);
        json_object_set_new(job->receipt.values, "issued", json_string(date));
        if (config->station)
                json_object_set_new(job->receipt.values, "station", json_string(config->station));

        job->receipt.queue = config->receipt_printer ? strdup(config->receipt_printer) : NULL;
        job->receipt.state = job->receipt.queue ? RECEIPT_PRINTING : RECEIPT_KEPT;
}

int job_draw_receipt(Job *job, DesignDone done, void *userdata, Failure *failure) {
        const DesignRequest request = {
                .design = RECEIPT_DESIGN, .type = "", .task = DESIGN_PDF, .values = job->receipt.values
        };

        if (job->receipt.state == RECEIPT_NONE)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Job %" PRIu64
                                   " has no receipt. One that has made a card has, where the configuration "
                                   "says \"receipt: true\".",
                                   job->number);

        return designs_draw(job->engine->parts.designs, &request, done, userdata, failure);
}

/* --- its way to the printer --- */

static void settle(Job *job, ReceiptState state) {
        job->receipt.state = state;
        job->receipt.timer = sd_event_source_disable_unref(job->receipt.timer);
        job_journal(job, job_expire); /* after a restart it is not printed again */
}

static void fail(Job *job, const Failure *failure) {
        job_set_advice(job, "The receipt is not printed: %s It can be had: icreissuectl receipt %" PRIu64 ".",
                       failure_message(failure), job->number);
        log_event(LOG_RECEIPT_FAILED, &(LogSubject){ .job = job->uuid, .failure = failure },
                  "Job %" PRIu64 " is done, its receipt is not printed: %s", job->number,
                  failure_message(failure));
        settle(job, RECEIPT_FAILED);
}

static void fail_for_memory(Job *job) {
        _cleanup_failure_ Failure failure = {};

        failure_no_memory(&failure);
        fail(job, &failure);
}

static void look(Job *job);

static int on_look_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Job *job = userdata;

        job->receipt.timer = sd_event_source_disable_unref(job->receipt.timer);
        if (!job->engine->parking)
                look(job);
        return 0;
}

static void look_later(Job *job) {
        if (sd_event_add_time_relative(job->engine->parts.event, &job->receipt.timer, CLOCK_BOOTTIME,
                                       LOOK_SECONDS * 1000000ULL, 0, on_look_again, job) < 0)
                fail_for_memory(job);
}

static void on_looked(PrintEnd end, const char *trouble, void *userdata) {
        Job *job = userdata;
        _cleanup_failure_ Failure failure = {};

        job->receipt.asking = false;
        if (job->engine->parking)
                return;

        if (end == PRINT_OUT) {
                job_advise_end(job);
                settle(job, RECEIPT_PRINTED);
        } else if (end == PRINT_ENDED) {
                failure_set(&failure, FAILURE_PRINT_FAILED,
                            "Its print job %d of %s was cancelled or given up.", job->receipt.id,
                            job->receipt.queue);
                fail(job, &failure);
        } else {
                if (trouble)
                        job_set_advice(job, "The receipt waits: %s", trouble);
                else
                        job_advise_end(job);
                look_later(job);
        }
}

static void look(Job *job) {
        if (printer_look(job->engine->parts.printer, PRINT_RECEIPT, job->receipt.queue, job->receipt.id,
                         on_looked, job) >= 0)
                job->receipt.asking = true;
        else
                fail_for_memory(job);
}

static void on_ordered(int id, const Failure *failure, void *userdata) {
        Job *job = userdata;

        job->receipt.asking = false;
        job->receipt.id = id;
        if (job->engine->parking)
                return;

        if (failure_is_set(failure))
                fail(job, failure);
        else
                look(job);
}

/* The print job's name is the job's own: what was ordered before a restart is found again by it. */
static void on_drawn(int picture, const Failure *failure, void *userdata) {
        char name[sizeof("icreissue receipt 01234567-89ab-cdef-0123-456789abcdef")];
        Job *job = userdata;

        job->receipt.asking = false;
        if (job->engine->parking)
                return;

        if (failure_is_set(failure)) {
                fail(job, failure);
                return;
        }

        snprintf(name, sizeof(name), "icreissue receipt %.36s", job->uuid);
        if (printer_order(job->engine->parts.printer, PRINT_RECEIPT, job->receipt.queue, name, picture,
                          on_ordered, job) >= 0)
                job->receipt.asking = true;
        else
                fail_for_memory(job);
}

void receipt_print(Job *job) {
        _cleanup_failure_ Failure failure = {};

        if (job->receipt.state != RECEIPT_PRINTING || job->receipt.asking || job->receipt.timer)
                return;

        if (job_draw_receipt(job, on_drawn, job, &failure) >= 0)
                job->receipt.asking = true;
        else
                fail(job, &failure);
}

/* --- in the reissuing file --- */

void receipt_to_json(const Job *job, json_t *object) {
        const Receipt *receipt = &job->receipt;

        if (receipt->values)
                json_object_set_new(object, "receipt",
                                    json_pack("{s:O, s:s, s:s*}", "values", receipt->values, "state",
                                              state_names[receipt->state], "queue", receipt->queue));
}

int receipt_from_json(Job *job, const json_t *object) {
        const json_t *receipt = json_object_get(object, "receipt");
        const char *state = json_string_value(json_object_get(receipt, "state"));
        const char *queue = json_string_value(json_object_get(receipt, "queue"));
        json_t *values = json_object_get(receipt, "values");
        ReceiptState i = 0;

        if (!receipt)
                return 0;

        while (i < _RECEIPT_STATE_MAX && state && !streq(state_names[i], state))
                i++;
        if (!state || i == _RECEIPT_STATE_MAX || !json_is_object(values) || (i == RECEIPT_PRINTING && !queue))
                return -EINVAL;

        job->receipt.values = json_incref(values);
        job->receipt.state = i;
        job->receipt.queue = queue ? strdup(queue) : NULL;
        return queue && !job->receipt.queue ? -ENOMEM : 0;
}
