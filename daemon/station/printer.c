/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said to CUPS, and what its answers mean for the person at the printer. */
#include "station/printer.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/worker.h"
#include "station/cups.h"

enum { ANSWER_SECONDS = 10 };

struct Printer {
        Worker *worker;
};

/* One question to CUPS. */
typedef struct Question {
        PrintMedium medium;
        char *queue;
        char *name;
        int pdf; /* -1 */
        int id;
        PrinterOrdered ordered;
        PrinterLooked looked;
        void *userdata;
        PrintEnd end;
        char *trouble;
        Failure failure;
} Question;

static Question *question_free(Question *question) {
        if (!question)
                return NULL;

        cleanup_close(&question->pdf);
        failure_done(&question->failure);
        free(question->queue);
        free(question->name);
        free(question->trouble);
        free(question);
        return NULL;
}
DEFINE_CLEANUP(Question *, question_free)

static Question *question_new(PrintMedium medium, const char *queue, int id, void *userdata) {
        _cleanup_(question_freep) Question *question = new0(Question, 1);

        if (!question)
                return NULL;

        question->medium = medium;
        question->pdf = -1;
        question->id = id;
        question->userdata = userdata;
        question->queue = strdup(queue);
        return question->queue ? TAKE_PTR(question) : NULL;
}

int printer_new(sd_event *event, Printer **ret) {
        Printer *printer = new0(Printer, 1);
        int r;

        if (!printer)
                return -ENOMEM;

        r = worker_new(event, "printer", &printer->worker);
        if (r < 0) {
                free(printer);
                return r;
        }

        *ret = printer;
        return 0;
}

Printer *printer_free(Printer *printer) {
        if (!printer)
                return NULL;

        worker_free(printer->worker);
        free(printer);
        return NULL;
}

/* Of the printer's thread, for one question. */
typedef struct Connection {
        Cups cups;
        http_t *http; /* NULL: CUPS does not answer */
} Connection;

static void connection_done(Connection *connection) {
        if (connection->http)
                connection->cups.httpClose(connection->http);
}

static int connection_open(Connection *connection, Failure *failure) {
        const Cups *cups = &connection->cups;
        int r;

        r = cups_load(&connection->cups, failure);
        if (r < 0)
                return r;

        connection->http = cups->httpConnect2(cups->cupsServer(), cups->ippPort(), NULL, AF_UNSPEC,
                                              cups->cupsEncryption(), 1, ANSWER_SECONDS * 1000, NULL);
        if (!connection->http)
                return failure_set(failure, FAILURE_PRINT_FAILED,
                                   "CUPS does not answer: %s. Start it (systemctl start cups).",
                                   cups->cupsLastErrorString());

        cups->httpSetTimeout(connection->http, ANSWER_SECONDS, NULL, NULL);
        return 0;
}

/* --- an order --- */

/* Finds the number of a job of ours with that name; 0 where there is none. Returns whether CUPS tells. */
static bool find_job(const Connection *connection, Question *question) {
        const Cups *cups = &connection->cups;
        cups_job_t *jobs = NULL;
        int count = cups->cupsGetJobs2(connection->http, &jobs, question->queue, 1, CUPS_WHICHJOBS_ALL);

        for (int i = 0; i < count && question->id == 0; i++)
                if (streq(jobs[i].title, question->name))
                        question->id = jobs[i].id;

        cups->cupsFreeJobs(count, jobs);
        return count >= 0;
}

static bool send_document(const Connection *connection, const Question *question) {
        const Cups *cups = &connection->cups;
        char buffer[65536];
        ssize_t n;

        if (cups->cupsStartDocument(connection->http, question->queue, question->id, question->name,
                                    CUPS_FORMAT_PDF, 1) != HTTP_STATUS_CONTINUE)
                return false;

        for (off_t offset = 0; (n = pread(question->pdf, buffer, sizeof(buffer), offset)) > 0; offset += n)
                if (cups->cupsWriteRequestData(connection->http, buffer, (size_t) n) != HTTP_STATUS_CONTINUE)
                        return false;

        return n == 0 && cups->cupsFinishDocument(connection->http, question->queue) == IPP_STATUS_OK;
}

/* The card's size by its self-describing name (PWG 5101.1); nothing is scaled to fit. */
static int card_options(const Cups *cups, cups_option_t **ret) {
        int count = 0;

        count = cups->cupsAddOption("media", "custom_cr80_85.6x53.98mm", count, ret);
        count = cups->cupsAddOption("sides", "two-sided-long-edge", count, ret);
        count = cups->cupsAddOption("print-scaling", "none", count, ret);
        return cups->cupsAddOption("printer-resolution", "300dpi", count, ret);
}

/* Rolls differ: only what is wider than the paper is made smaller (PWG 5100.13, print-scaling). */
static int receipt_options(const Cups *cups, cups_option_t **ret) {
        return cups->cupsAddOption("print-scaling", "auto-fit", 0, ret);
}

static void refuse(const Cups *cups, Question *question) {
        failure_set(&question->failure, FAILURE_PRINT_FAILED,
                    "CUPS does not take the %s for the printer %s: %s. See lpstat -p %s.",
                    question->medium == PRINT_CARD ? "card" : "receipt", question->queue,
                    cups->cupsLastErrorString(), question->queue);
}

static void run_order(void *task) {
        _cleanup_(connection_done) Connection connection = {};
        const Cups *cups = &connection.cups;
        Question *question = task;
        cups_option_t *options = NULL;
        int count;

        if (connection_open(&connection, &question->failure) < 0)
                return;

        if (!find_job(&connection, question)) {
                refuse(cups, question); /* it may be there: ordered once more, it would be printed twice */
                return;
        }
        if (question->id > 0)
                return;

        count = question->medium == PRINT_CARD ? card_options(cups, &options)
                                               : receipt_options(cups, &options);
        question->id = cups->cupsCreateJob(connection.http, question->queue, question->name, count, options);
        cups->cupsFreeOptions(count, options);
        if (question->id == 0)
                refuse(cups, question);
        else if (!send_document(&connection, question)) {
                refuse(cups, question);
                cups->cupsCancelJob2(connection.http, question->queue, question->id, 0);
        }
}

static void order_done(void *task) {
        _cleanup_(question_freep) Question *question = task;

        question->ordered(question->id, &question->failure, question->userdata);
}

int printer_order(Printer *printer, PrintMedium medium, const char *queue, const char *name, int pdf,
                  PrinterOrdered done, void *userdata) {
        _cleanup_(question_freep) Question *question = question_new(medium, queue, 0, userdata);

        if (!question || !(question->name = strdup(name)))
                return -ENOMEM;

        question->ordered = done;
        question->pdf = fcntl(pdf, F_DUPFD_CLOEXEC, 3);
        if (question->pdf < 0)
                return -errno;

        if (worker_submit(printer->worker, run_order, order_done, question) < 0)
                return -ENOMEM;

        TAKE_PTR(question);
        return 0;
}

/* --- how it is --- */

/* What printers report, by the beginning of the keyword (RFC 8011, 5.4.12; "-error" and the like follow it). */
static const char *const silent_sentence[_PRINT_MEDIUM_MAX] = {
        [PRINT_CARD] = "The printer does not answer. Switch it on, and check its cable.",
        [PRINT_RECEIPT] = "The receipt printer does not answer. Switch it on, and check its cable.",
};

static const struct {
        const char *reason;
        const char *sentences[_PRINT_MEDIUM_MAX]; /* NULL: it does not answer */
} reasons[] = {
        { "media-jam",
          { [PRINT_CARD] = "A card is jammed in the printer. Open it, take the card out, and close it.",
            [PRINT_RECEIPT] =
                    "Paper is jammed in the receipt printer. Open it, take the paper out, and close it." } },
        { "media-empty",
          { [PRINT_CARD] = "The printer has no card. Put the finished card into its feeder.",
            [PRINT_RECEIPT] = "The receipt printer has no paper. Put some in." } },
        { "media-needed",
          { [PRINT_CARD] = "The printer has no card. Put the finished card into its feeder.",
            [PRINT_RECEIPT] = "The receipt printer has no paper. Put some in." } },
        { "marker-supply-empty",
          { [PRINT_CARD] = "The printer's ribbon is used up. Put in a new one.",
            [PRINT_RECEIPT] = "The receipt printer's ink or toner is used up. Put in a new one." } },
        { "toner-empty",
          { [PRINT_CARD] = "The printer's ribbon is used up. Put in a new one.",
            [PRINT_RECEIPT] = "The receipt printer's ink or toner is used up. Put in a new one." } },
        { "cover-open",
          { [PRINT_CARD] = "The printer's cover is open. Close it.",
            [PRINT_RECEIPT] = "The receipt printer's cover is open. Close it." } },
        { "door-open",
          { [PRINT_CARD] = "The printer's cover is open. Close it.",
            [PRINT_RECEIPT] = "The receipt printer's cover is open. Close it." } },
        { "interlock-open",
          { [PRINT_CARD] = "The printer's cover is open. Close it.",
            [PRINT_RECEIPT] = "The receipt printer's cover is open. Close it." } },
        { "offline", {} },
        { "timed-out", {} },
        { "shutdown", {} },
        { "paused",
          { [PRINT_CARD] = "The printer's queue is stopped. Start it (cupsenable).",
            [PRINT_RECEIPT] = "The receipt printer's queue is stopped. Start it (cupsenable)." } },
};

/* What CUPS's backends say, in the language that they were asked in, while they try to reach a printer. */
static const char *const silent[] = { "not responding", "unavailable", "become available",
                                      "Unable to locate" };

static const char *reason_sentence(const Cups *cups, PrintMedium medium, ipp_attribute_t *attribute) {
        for (int i = 0; attribute && i < cups->ippGetCount(attribute); i++) {
                const char *reason = cups->ippGetString(attribute, i, NULL);

                for (size_t k = 0; reason && k < ELEMENTS(reasons); k++)
                        if (strncmp(reason, reasons[k].reason, strlen(reasons[k].reason)) == 0)
                                return reasons[k].sentences[medium] ?: silent_sentence[medium];
        }

        return NULL;
}

static const char *message_sentence(const Cups *cups, PrintMedium medium, ipp_attribute_t *attribute) {
        const char *message = attribute ? cups->ippGetString(attribute, 0, NULL) : NULL;

        for (size_t i = 0; message && i < ELEMENTS(silent); i++)
                if (strstr(message, silent[i]))
                        return silent_sentence[medium];

        return NULL;
}

static ipp_t *ask(const Connection *connection, ipp_op_t operation, const Question *question) {
        static const char *const wanted[] = { "job-state", "job-printer-state-message",
                                              "printer-state-reasons" };
        const Cups *cups = &connection->cups;
        char uri[1024];
        ipp_t *request = cups->ippNewRequest(operation);

        cups->httpAssembleURIf(HTTP_URI_CODING_ALL, uri, sizeof(uri), "ipp", NULL, "localhost", 0,
                               "/printers/%s", question->queue);
        cups->ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", NULL, uri);
        if (operation == IPP_OP_GET_JOB_ATTRIBUTES)
                cups->ippAddInteger(request, IPP_TAG_OPERATION, IPP_TAG_INTEGER, "job-id", question->id);
        cups->ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes",
                            ELEMENTS(wanted), NULL, wanted);
        return cups->cupsDoRequest(connection->http, request, "/");
}

static PrintEnd judge_state(const Cups *cups, ipp_t *job) {
        ipp_attribute_t *state = cups->ippFindAttribute(job, "job-state", IPP_TAG_ENUM);

        if (!state)
                return cups->ippGetStatusCode(job) == IPP_STATUS_ERROR_NOT_FOUND ? PRINT_ENDED : PRINT_UNSEEN;

        switch (cups->ippGetInteger(state, 0)) {
        case IPP_JSTATE_COMPLETED:
                return PRINT_OUT;
        case IPP_JSTATE_CANCELED:
        case IPP_JSTATE_ABORTED:
                return PRINT_ENDED;
        default:
                return PRINT_OPEN;
        }
}

/* What to tell the person at the printer, about a job that has not come out; NULL: nothing. */
static const char *find_trouble(const Cups *cups, const Question *question, ipp_t *job, ipp_t *printer) {
        const char *trouble = NULL;

        if (printer)
                trouble = reason_sentence(
                        cups, question->medium,
                        cups->ippFindAttribute(printer, "printer-state-reasons", IPP_TAG_KEYWORD));
        if (!trouble)
                trouble = message_sentence(
                        cups, question->medium,
                        cups->ippFindAttribute(job, "job-printer-state-message", IPP_TAG_TEXT));

        return trouble;
}

static void run_look(void *task) {
        _cleanup_(connection_done) Connection connection = {};
        const Cups *cups = &connection.cups;
        Question *question = task;
        const char *trouble = NULL;
        ipp_t *job, *printer;

        question->end = PRINT_UNSEEN;
        if (connection_open(&connection, &question->failure) < 0) {
                question->trouble = strdup(failure_message(&question->failure));
                return;
        }

        job = ask(&connection, IPP_OP_GET_JOB_ATTRIBUTES, question);
        printer = ask(&connection, IPP_OP_GET_PRINTER_ATTRIBUTES, question);
        if (job)
                question->end = judge_state(cups, job);
        if (question->end == PRINT_UNSEEN)
                trouble = "CUPS does not answer. Start it (systemctl start cups).";
        else if (question->end == PRINT_OPEN)
                trouble = find_trouble(cups, question, job, printer);

        question->trouble = trouble ? strdup(trouble) : NULL;
        cups->ippDelete(job);
        cups->ippDelete(printer);
}

static void look_done(void *task) {
        _cleanup_(question_freep) Question *question = task;

        question->looked(question->end, question->trouble, question->userdata);
}

int printer_look(Printer *printer, PrintMedium medium, const char *queue, int id, PrinterLooked done,
                 void *userdata) {
        _cleanup_(question_freep) Question *question = question_new(medium, queue, id, userdata);

        if (!question)
                return -ENOMEM;

        question->looked = done;
        if (worker_submit(printer->worker, run_look, look_done, question) < 0)
                return -ENOMEM;

        TAKE_PTR(question);
        return 0;
}

static void run_cancel(void *task) {
        _cleanup_(connection_done) Connection connection = {};
        const Question *question = task;

        if (connection_open(&connection, NULL) >= 0)
                connection.cups.cupsCancelJob2(connection.http, question->queue, question->id, 0);
}

static void cancel_done(void *task) {
        question_free(task);
}

int printer_cancel(Printer *printer, const char *queue, int id) {
        _cleanup_(question_freep) Question *question = question_new(PRINT_CARD, queue, id, NULL);

        if (!question || worker_submit(printer->worker, run_cancel, cancel_done, question) < 0)
                return -ENOMEM;

        TAKE_PTR(question);
        return 0;
}
