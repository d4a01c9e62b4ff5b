/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One blank on its way to becoming a card: which card is taken, which task of the reader's thread comes
 * next, what the caller is told. The commands are the plan's; session and transaction live from the first
 * task to the last. */
#include "card/card-issue.h"

#include <jansson.h>

#include "card/plan.h"
#include "card/reader-private.h"
#include "card/readout.h"

#define RESETS_MAX    3    /* in one task, by other programs or bad contacts */
#define PROGRESS_STEP 0.01 /* what a bar can show */

typedef enum IssueTask {
        TASK_OPEN,   /* take the card and encode everything, to the first halt */
        TASK_WRITE,  /* to the next halt */
        TASK_VERIFY, /* reset, read back; where the last stage is still to be written, on to the next halt */
        TASK_CLOSE,  /* with the failure that is set */
} IssueTask;

/* While a task runs, everything below `running` is the worker's, but for what is marked; else the main
 * thread's. */
struct CardIssue {
        Reader *reader;
        CardIssueCallback callback;
        void *callback_userdata;
        atomic_bool cancel; /* both threads' */
        bool halted;        /* the caller was told to journal */
        bool running;

        char *type;
        char *id;
        json_t *fields;
        bool resume;
        bool discard, ended;
        Bytes resume_serial;
        Catalogue *catalogue;
        KeyRing *keys;
        Refused *refused;
        uint64_t sequence; /* the card that the reader had at the start */

        IssueTask task;
        CardSession *session;
        Transport *transport;
        Bytes atr;
        CardFacts facts; /* of the very card; does not change once it was taken */
        Plan *plan;
        PlanContext context;
        IssuePosition position;
        PlanHalt halt;
        bool began;   /* something was sent that may have opened the card: it is reset at the end */
        bool reopen;  /* the card has lost its session */
        bool resumed; /* the write at `position` may have happened */
        bool finished;
        const char *stage;
        double progress;
        json_t *report;
        Failure failure;
};

/* A progress on its way to the main thread. It comes before its task's end, so the issue is still there. */
typedef struct IssueProgress {
        CardIssue *issue;
        CardIssueNews news;
} IssueProgress;

static void issue_free(CardIssue *issue) {
        plan_free(issue->plan);
        transport_free(issue->transport);
        card_facts_done(&issue->facts);
        bytes_done(&issue->atr);
        bytes_done(&issue->resume_serial);
        failure_done(&issue->failure);
        catalogue_unref(issue->catalogue);
        key_ring_unref(issue->keys);
        json_decref(issue->report);
        json_decref(issue->fields);
        string_erase(issue->id);
        free(issue->type);
        free(issue);
}
DEFINE_CLEANUP(CardIssue *, issue_free)

static CardIssueNews issue_news(const CardIssue *issue, CardIssueEvent event) {
        return (CardIssueNews){
                .event = event,
                .position = issue->position,
                .progress = issue->progress,
                .stage = issue->stage,
                .serial = bytes_span(&issue->facts.serial),
                .touched = issue->context.touched,
                .failure = &issue->failure,
                .tries_left = issue->context.tries_left,
        };
}

/* The worker's part */

static void progress_deliver(void *argument) {
        IssueProgress *progress = argument;
        CardIssue *issue = progress->issue;

        if (!issue->reader->readers->stopping)
                issue->callback(issue, &progress->news, issue->callback_userdata);
        free(progress);
}

static void progress_post(CardIssue *issue) {
        IssueProgress *progress;

        progress = new0(IssueProgress, 1);
        if (!progress)
                return;

        *progress = (IssueProgress){ .issue = issue, .news = issue_news(issue, CARD_ISSUE_PROGRESS) };
        progress->news.failure = NULL;
        progress->news.tries_left = -1;
        if (worker_post(issue->reader->worker, progress_deliver, progress) < 0)
                free(progress);
}

static int issue_step(double progress, const char *stage, void *userdata, Failure *failure) {
        CardIssue *issue = userdata;
        bool visible = progress >= issue->progress + PROGRESS_STEP || !streq_null(stage, issue->stage);

        if (atomic_load(&issue->cancel))
                return failure_set(failure, FAILURE_CANCELLED,
                                   "The job was cancelled while its card was written.");

        if (!visible)
                return 0;

        issue->progress = progress;
        issue->stage = stage;
        progress_post(issue);
        return 0;
}

/* A card of unknown type, or one that does not answer, is the wrong card to whoever waits for a blank of
 * one type. */
static int issue_wrong_type(CardIssue *issue) {
        _cleanup_failure_ Failure unknown = {};

        failure_move(&unknown, &issue->failure);
        return failure_set(&issue->failure, FAILURE_CARD_TYPE_MISMATCH, "A blank of type %s is needed. %s",
                           issue->type, failure_message(&unknown));
}

/* The very card that is to be ended. Without a serial the insertion tells, as it was compared before. */
static int issue_check_old(CardIssue *issue) {
        const CardFacts *facts = &issue->facts;

        if (streq_null(facts->type, issue->type) && streq_null(facts->id, issue->id) &&
            span_equal(bytes_span(&issue->resume_serial), bytes_span(&facts->serial)))
                return 0;

        return failure_set(
                &issue->failure, FAILURE_CARD_TYPE_MISMATCH,
                "The card in the reader \"%s\" is not the one that is to be discarded; nothing was done "
                "to it.",
                issue->reader->name);
}

/* Which cards are taken: blank ones of the type; for a job that goes on, the very one it began. */
static int issue_check_card(CardIssue *issue) {
        const CardFacts *facts = &issue->facts;

        if (issue->discard)
                return issue_check_old(issue);

        if (!streq_null(facts->type, issue->type))
                return failure_set(
                        &issue->failure, FAILURE_CARD_TYPE_MISMATCH,
                        "A blank of type %s is needed, and the card in the reader \"%s\" is of type %s; put "
                        "in another.",
                        issue->type, issue->reader->name, facts->type ? facts->type : "none that is known");

        if (issue->resume && issue->resume_serial.size > 0 &&
            !span_equal(bytes_span(&issue->resume_serial), bytes_span(&facts->serial)))
                return failure_set(
                        &issue->failure, FAILURE_NOT_BLANK,
                        "The card in the reader \"%s\" is not the one that this job began to write; put that "
                        "one in.",
                        issue->reader->name);

        if (!issue->resume && !facts->blank)
                return failure_set(&issue->failure, FAILURE_NOT_BLANK,
                                   "The card in the reader \"%s\" is not blank; put in a blank of type %s.",
                                   issue->reader->name, issue->type);

        return 0;
}

static int issue_read_card(CardIssue *issue, CardFacts *ret) {
        return reader_read_card(issue->session, issue->catalogue, issue->keys, issue->transport,
                                bytes_span(&issue->atr), ret, &issue->failure);
}

static int issue_open_session(CardIssue *issue) {
        CardSessionRequest request = { .gate = issue->reader->gate,
                                       .reader = issue->reader->pcsc_name,
                                       .name = issue->reader->name,
                                       .cancel = &issue->cancel };
        _cleanup_bytes_ Bytes atr = {};
        int r;

        r = card_session_open(&request, &issue->session, &issue->failure);
        if (r < 0)
                return r;

        if (card_session_atr(issue->session, &atr) < 0 ||
            transport_new(card_session_transmit, issue->session, &issue->transport) < 0)
                return failure_no_memory(&issue->failure);

        if (atr.size > 0)
                bytes_move(&issue->atr, &atr);

        return 0;
}

static int issue_open(CardIssue *issue) {
        int r;

        if (atomic_load(&issue->reader->sequence) != issue->sequence)
                return failure_set(
                        &issue->failure, FAILURE_CARD_GONE,
                        "The card was taken out of the reader \"%s\" before it was written; put it back.",
                        issue->reader->name);

        r = issue_open_session(issue);
        if (r >= 0)
                r = catalogue_check_interface(issue->catalogue, issue->type, bytes_span(&issue->atr),
                                              issue->reader->name, &issue->failure);
        if (r >= 0)
                r = issue_read_card(issue, &issue->facts);
        if (issue->failure.kind == FAILURE_UNKNOWN_CARD_TYPE)
                return issue_wrong_type(issue);
        if (r < 0)
                return r;

        r = issue_check_card(issue);
        if (r < 0)
                return r;

        issue->context = (PlanContext){ .transport = issue->transport,
                                        .refused = issue->refused,
                                        .serial = bytes_span(&issue->facts.serial),
                                        .insertion = issue->sequence,
                                        .step = issue_step,
                                        .userdata = issue,
                                        .tries_left = -1 };
        issue->reopen = true;
        issue->resumed = issue->resume;
        if (issue->discard)
                return plan_new_discard(catalogue_profile(issue->catalogue, issue->type), issue->keys,
                                        issue->id, issue->fields, &issue->facts, issue->ended, &issue->plan,
                                        &issue->failure);

        return plan_new(catalogue_profile(issue->catalogue, issue->type), issue->keys, issue->id,
                        issue->fields, &issue->facts, &issue->plan, &issue->failure);
}

/* The card was reset. pcscd asks a reader for its card only now and then, so a card that was swapped fast
 * looks like one that was reset: it must prove to be the same before anything more is written to it. */
static int issue_take_again(CardIssue *issue) {
        _cleanup_card_facts_ CardFacts facts = {};
        _cleanup_bytes_ Bytes atr = {};
        bool same;
        int r;

        r = card_session_reconnect(issue->session, &issue->failure);
        if (r >= 0 && card_session_atr(issue->session, &atr) < 0)
                r = failure_no_memory(&issue->failure);
        if (r >= 0)
                r = issue_read_card(issue, &facts);
        if (r < 0 && issue->failure.kind != FAILURE_UNKNOWN_CARD_TYPE)
                return r;

        failure_done(&issue->failure);
        same = streq_null(facts.type, issue->type) &&
               span_equal(bytes_span(&facts.serial), bytes_span(&issue->facts.serial)) &&
               (atr.size == 0 || span_equal(bytes_span(&atr), bytes_span(&issue->atr)));
        /* A card is ended only where nothing speaks for another one: a twin without a serial would look the same. */
        if (issue->discard)
                same = same && facts.serial.size > 0 && streq_null(facts.id, issue->id);
        if (!same)
                return failure_set(
                        &issue->failure, FAILURE_CARD_GONE,
                        "Another card is in the reader \"%s\" now; put back the one that was being written.",
                        issue->reader->name);

        issue->reopen = true;
        issue->resumed = true;
        return 0;
}

static int issue_reset_too_often(CardIssue *issue) {
        return failure_set(
                &issue->failure, FAILURE_WRITE_FAILED,
                "The card in the reader \"%s\" loses its contact again and again; clean it, or take another "
                "blank.",
                issue->reader->name);
}

static int issue_write(CardIssue *issue) {
        for (unsigned i = 0; i <= RESETS_MAX; i++) {
                int r;

                issue->began = issue->task != TASK_OPEN; /* the plan's first halt comes before any command */
                r = plan_write(issue->plan, &issue->context, &issue->position, issue->reopen, issue->resumed,
                               &issue->halt, &issue->failure);
                if (r != -ECONNRESET) {
                        issue->reopen = issue->resumed = false;
                        return r;
                }

                r = issue_take_again(issue);
                if (r < 0)
                        return r;
        }

        return issue_reset_too_often(issue);
}

/* Takes the card, encodes everything, and stops before the first command. */
static int issue_begin(CardIssue *issue) {
        int r = issue_open(issue);

        return r < 0 ? r : issue_write(issue);
}

static int issue_verify(CardIssue *issue) {
        int r;

        r = card_session_reset(issue->session, &issue->failure);
        for (unsigned i = 0; r >= 0; i++) {
                transport_set_t0(issue->transport, card_session_is_t0(issue->session));
                r = plan_verify(issue->plan, &issue->context, &issue->report, &issue->failure);
                if (r != -ECONNRESET)
                        break;

                r = i < RESETS_MAX ? issue_take_again(issue) : issue_reset_too_often(issue);
        }
        if (r < 0)
                return r;

        if (plan_at_end(issue->plan, &issue->position)) {
                issue->finished = true;
                return 0;
        }

        /* What cannot be undone comes last, on a card that has proven to be right. */
        json_decref(TAKE_PTR(issue->report));
        issue->reopen = true;
        issue->resumed = false;
        return issue_write(issue);
}

static void issue_close(CardIssue *issue) {
        issue->session = card_session_close(issue->session, issue->began);
}

static void issue_run(void *userdata) {
        static int (*const tasks[])(CardIssue * issue) = {
                [TASK_OPEN] = issue_begin,
                [TASK_WRITE] = issue_write,
                [TASK_VERIFY] = issue_verify,
        };
        CardIssue *issue = userdata;
        int r = -ECANCELED;

        if (issue->task != TASK_CLOSE)
                r = tasks[issue->task](issue);
        if (r < 0 && !failure_is_set(&issue->failure))
                failure_set(&issue->failure, FAILURE_WRITE_FAILED, "The card could not be written.");

        issue->finished = issue->finished || r < 0 || (issue->discard && issue->halt == PLAN_WRITTEN);
        if (issue->finished)
                issue_close(issue);
}

/* The main thread's part */

/* The last news; then the reader is looked at again, unless the callback has begun something else with it. */
static void issue_end(CardIssue *issue) {
        Reader *reader = issue->reader;
        bool failed = failure_is_set(&issue->failure), busy = issue->failure.kind == FAILURE_READER_BUSY;
        CardIssueNews news = issue_news(issue, failed ? CARD_ISSUE_FAILED : CARD_ISSUE_VERIFIED);

        if (failed) {
                news.report = NULL;
        } else {
                news.report = issue->report;
                news.failure = NULL;
                news.progress = 1;
                news.stage = NULL;
        }

        reader->issue = NULL;
        issue->callback(issue, &news, issue->callback_userdata);
        issue_free(issue);

        if (!reader->issue && !reader->gone && !reader->readers->stopping && reader->present) {
                if (busy)
                        reader_set_busy(reader);
                else
                        reader_look(reader);
        }

        readers_task_ended(reader);
}

static void issue_submit(CardIssue *issue, IssueTask task);

/* It ends without another word to the card. */
static void issue_abort(CardIssue *issue, FailureKind kind, const char *sentence) {
        issue->halted = false;
        failure_set(&issue->failure, kind, "%s", sentence);
        issue_submit(issue, TASK_CLOSE);
}

static void issue_cancelled(CardIssue *issue) {
        issue_abort(issue, FAILURE_CANCELLED, "The job was cancelled while its card was in the reader.");
}

static void issue_reader_gone(CardIssue *issue) {
        issue_abort(issue, FAILURE_READER_GONE, "The reader was unplugged; plug it in again.");
}

static void issue_done(void *userdata) {
        CardIssue *issue = userdata;
        CardIssueNews news;

        issue->running = false;
        readers_tell_refused(issue->reader->readers);
        if (!issue->finished && issue->reader->readers->stopping) {
                /* No task runs any more, so that this one close is done here. */
                failure_set(&issue->failure, FAILURE_CANCELLED, "The service is stopping.");
                issue_close(issue);
                issue->finished = true;
        }

        if (issue->finished) {
                issue_end(issue);
                return;
        }

        if (issue->reader->gone) {
                issue_reader_gone(issue);
                return;
        }

        if (atomic_load(&issue->cancel)) {
                issue_cancelled(issue);
                return;
        }

        issue->halted = true;
        news = issue_news(issue, issue->halt == PLAN_WRITTEN ? CARD_ISSUE_WRITTEN : CARD_ISSUE_JOURNAL);
        news.failure = NULL;
        issue->callback(issue, &news, issue->callback_userdata);
}

/* Without memory to go on, it ends here and now. */
static void issue_submit(CardIssue *issue, IssueTask task) {
        issue->task = task;
        issue->running = true;
        if (worker_submit(issue->reader->worker, issue_run, issue_done, issue) >= 0)
                return;

        issue->running = false;
        failure_no_memory(&issue->failure);
        issue_close(issue);
        issue_end(issue);
}

void card_issue_continue(CardIssue *issue) {
        if (!issue->halted)
                return;

        issue->halted = false;
        issue_submit(issue, issue->halt == PLAN_WRITTEN ? TASK_VERIFY : TASK_WRITE);
}

void card_issue_cancel(CardIssue *issue) {
        atomic_store(&issue->cancel, true);
        card_gate_wake(issue->reader->gate);
        if (issue->halted)
                issue_cancelled(issue);
}

void card_issue_reader_gone(CardIssue *issue) {
        if (issue->halted)
                issue_reader_gone(issue);
}

static int issue_copy_request(CardIssue *issue, const CardIssueRequest *request) {
        issue->type = strdup(request->type);
        issue->id = strdup(request->id);
        issue->fields = request->fields ? json_deep_copy(request->fields) : json_object();
        issue->resume = request->resume;
        issue->discard = request->discard;
        issue->ended = request->ended;
        issue->position = request->from;
        if (!issue->type || !issue->id || !issue->fields)
                return -ENOMEM;

        return bytes_assign(&issue->resume_serial, request->serial);
}

int card_issue_start(Reader *reader, const CardIssueRequest *request, CardIssueCallback callback,
                     void *userdata, CardIssue **ret, Failure *failure) {
        _cleanup_(issue_freep) CardIssue *issue = NULL;
        Readers *readers = reader->readers;
        int r;

        r = reader_check(reader, failure);
        if (r < 0)
                return r;

        if (!catalogue_profile(readers->catalogue, request->type))
                return failure_set(failure, FAILURE_PROFILE_INVALID, "The card type %s has no profile.",
                                   request->type);

        issue = new0(CardIssue, 1);
        if (!issue)
                return failure_no_memory(failure);

        issue->reader = reader;
        issue->callback = callback;
        issue->callback_userdata = userdata;
        issue->catalogue = catalogue_ref(readers->catalogue);
        issue->keys = key_ring_ref(readers->keys);
        issue->refused = readers->refused;
        issue->sequence = reader_sequence(reader);
        issue->context.tries_left = -1;
        issue->running = true;
        r = issue_copy_request(issue, request);
        if (r >= 0)
                r = bytes_assign(&issue->atr, bytes_span(&reader->atr));
        if (r >= 0)
                r = worker_submit(reader->worker, issue_run, issue_done, issue);
        if (r < 0)
                return failure_no_memory(failure);

        reader->issue = issue;
        *ret = TAKE_PTR(issue);
        return 0;
}
