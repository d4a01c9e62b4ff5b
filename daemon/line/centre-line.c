/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line's life: connecting, greeting, asking, letting go, losing. What is asked is in line-questions.c. Each
 * question is put once: when the line is lost its asker is told LINE_DOWN and asks again, which the centre's answers by
 * job UUID allow. */
#include "line/centre-line.h"

#include <inttypes.h>
#include <time.h>

#include "base/log.h"
#include "line/line-private.h"
#include "line/protocol.h"

enum {
        RETRY_AT_ONCE_MS = 200, /* a line that was up is most often up again */
        RETRY_FIRST_MS = 1000,
        RETRY_MAX_MS = 60000,
};

static void line_connect(CentreLine *line);

static int set_timer(CentreLine *line, sd_event_source **timer, unsigned milliseconds,
                     sd_event_time_handler_t function) {
        *timer = sd_event_source_disable_unref(*timer);
        return sd_event_add_time_relative(line->event, timer, CLOCK_BOOTTIME, (uint64_t) milliseconds * 1000,
                                          0, function, line);
}

static unsigned retry_delay(unsigned tries) {
        unsigned delay = tries == 0 ? RETRY_AT_ONCE_MS : (unsigned) RETRY_FIRST_MS << MIN_OF(tries - 1, 6U);

        return MIN_OF(delay, (unsigned) RETRY_MAX_MS);
}

static void set_state(CentreLine *line, LineState state) {
        if (line->state == state)
                return;

        if (state == LINE_UP)
                log_event(LOG_LINE_UP, NULL, "%s answers.", line->name);
        else if (state == LINE_DOWN && !line->down_logged)
                log_event(LOG_LINE_DOWN, &(LogSubject){ .failure = &line->trouble }, "%s",
                          failure_message(&line->trouble));
        if (state != LINE_CONNECTING)
                line->down_logged = state == LINE_DOWN; /* a line that stays down is told of once */

        line->state = state;
        if (line->changed)
                line->changed(line->observer);
}

/* --- questions under way --- */

static void question_unlink(CentreLine *line, Question *question) {
        Question **link = &line->questions;

        while (*link != question)
                link = &(*link)->next;

        *link = question->next;
        line->question_count--;
}

static void question_append(CentreLine *line, Question *question) {
        Question **link = &line->questions;

        while (*link)
                link = &(*link)->next;

        *link = question;
        line->question_count++;
}

static Question *question_free(Question *question) {
        sd_bus_slot_unref(question->slot);
        string_erase(question->id);
        free(question->type);
        free(question);
        return NULL;
}
DEFINE_CLEANUP(Question *, question_free)

void question_end(Question *question, const Record *record, const Failure *failure) {
        CentreLine *line = question->line;

        question_unlink(line, question);
        line_rest(line);
        if (question->check_done)
                question->check_done(line_now() - question->asked, failure, question->userdata);
        else
                question->done(record, failure, question->userdata);

        question_free(question);
}

uint64_t line_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* --- losing and letting go --- */

static void line_close(CentreLine *line) {
        line->greeting = sd_bus_slot_unref(line->greeting);
        line->greeted = false;
        line->idle_timer = sd_event_source_disable_unref(line->idle_timer);
        if (line->bus) {
                sd_bus_detach_event(line->bus);
                sd_bus_close(line->bus);
        }

        line->bus = sd_bus_unref(line->bus);
}

static int on_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        CentreLine *line = userdata;

        line->retry_timer = sd_event_source_disable_unref(line->retry_timer);
        line_connect(line);
        return 0;
}

static void fail_questions(CentreLine *line) {
        _cleanup_failure_ Failure failure = {};
        size_t count = line->question_count;

        /* An asker that is told may put another question at once: that one is not yet failed. */
        failure_set(&failure, FAILURE_LINE_DOWN, "%s", failure_message(&line->trouble));
        while (count-- > 0 && line->questions)
                question_end(line->questions, NULL, &failure);
}

void line_lost(CentreLine *line, const char *why) {
        unsigned delay = retry_delay(line->tries++);

        line_close(line);
        failure_done(&line->trouble);
        failure_set(&line->trouble, FAILURE_LINE_DOWN,
                    "The line to %s is down (%s); it is tried again by itself. See icreissuectl line status.",
                    line->name, why);
        if (set_timer(line, &line->retry_timer, delay, on_retry) < 0)
                log_event(LOG_INTERNAL, NULL, "There was no memory for a timer.");

        set_state(line, LINE_DOWN);
        fail_questions(line);
}

/* Not from inside a handler of the connection that is lost. */
static int on_lost(sd_event_source *source _unused_, void *userdata) {
        CentreLine *line = userdata;
        _cleanup_free_ char *why = TAKE_PTR(line->loss);

        line->loss_source = sd_event_source_disable_unref(line->loss_source);
        line_lost(line, why ? why : "no memory");
        return 0;
}

void line_lose(CentreLine *line, const char *why) {
        if (line->loss_source)
                return;

        free(line->loss);
        line->loss = strdup(why);
        if (sd_event_add_defer(line->event, &line->loss_source, on_lost, line) < 0)
                log_event(LOG_INTERNAL, NULL, "There was no memory to close the line.");
}

static int on_disconnected(sd_bus_message *signal _unused_, void *userdata, sd_bus_error *error _unused_) {
        line_lose(userdata, "the connection was closed");
        return 0;
}

static int on_idle(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        CentreLine *line = userdata;

        if (line->question_count == 0 && line->greeted)
                line_close(line);

        return 0;
}

void line_rest(CentreLine *line) {
        if (line->question_count > 0 || !line->greeted)
                return;

        if (set_timer(line, &line->idle_timer, line->idle * 1000, on_idle) < 0)
                log_event(LOG_INTERNAL, NULL, "There was no memory for a timer.");
}

/* --- connecting and greeting --- */

static int on_greeted(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        CentreLine *line = userdata;
        _cleanup_free_ char *why = NULL;
        uint32_t major, minor;

        line->greeting = sd_bus_slot_unref(line->greeting);
        if (refusal) {
                if (asprintf(&why, "%s", refusal->message ? refusal->message : refusal->name) < 0)
                        why = NULL;
                line_lose(line, why ? why : "refused");
                return 0;
        }

        if (sd_bus_message_read(reply, "uu", &major, &minor) < 0) {
                line_lose(line, "its answer cannot be understood");
                return 0;
        }

        if (major != LINE_MAJOR) {
                if (asprintf(&why,
                             "it speaks version %" PRIu32
                             " of the line, this branch version %d; install the same "
                             "major version of icreissue on both",
                             major, LINE_MAJOR) < 0)
                        why = NULL;
                line_lose(line, why ? why : "it speaks another version of the line");
                return 0;
        }

        line->greeted = true;
        line->tries = 0;
        set_state(line, LINE_UP);
        line_rest(line);
        return 0;
}

/* Each connection has a higher number than the one before, so that the centre knows which of two is the newer. */
static uint64_t next_connection(CentreLine *line) {
        struct timespec now;
        uint64_t number;

        clock_gettime(CLOCK_REALTIME, &now);
        number = (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
        line->connection = MAX_OF(number, line->connection + 1);
        return line->connection;
}

static int greet(CentreLine *line) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(line->bus, &message, NULL, CENTRE_PATH, CENTRE_INTERFACE, "Hello");
        if (r >= 0)
                r = sd_bus_message_append(message, "uuts", LINE_MAJOR, LINE_MINOR, next_connection(line),
                                          PACKAGE_VERSION);
        if (r < 0)
                return r;

        return sd_bus_call_async(line->bus, &line->greeting, message, on_greeted, line,
                                 (uint64_t) line->timeout * 1000000);
}

static int line_open(CentreLine *line) {
        int r;

        r = sd_bus_new(&line->bus);
        if (r >= 0)
                r = sd_bus_set_description(line->bus, "line");
        if (r >= 0)
                r = sd_bus_set_address(line->bus, line->address);
        if (r >= 0)
                r = sd_bus_start(line->bus);
        if (r >= 0)
                r = sd_bus_match_signal(line->bus, NULL, "org.freedesktop.DBus.Local",
                                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, line);
        if (r >= 0)
                r = sd_bus_attach_event(line->bus, line->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = greet(line);

        return r;
}

static void line_connect(CentreLine *line) {
        int r;

        if (line->state != LINE_UP)
                set_state(line, LINE_CONNECTING);

        r = line_open(line);
        if (r < 0)
                line_lose(line, strerrordesc_np(-r));
}

/* --- asking --- */

/* The line as it is, or a new connection. False: it is down, and tried again in a while. */
static bool line_ready(CentreLine *line) {
        if (!line->bus && !line->loss_source && !line->retry_timer)
                line_connect(line);

        return line->bus && !line->loss_source;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Question *question = userdata;

        question_answer(question, reply);
        return 0;
}

/* Told after the function that asked has returned. */
static int on_unasked(sd_event_source *source _unused_, void *userdata) {
        CentreLine *line = userdata;
        Question *question = line->questions, *next;
        _cleanup_failure_ Failure failure = {};

        line->unasked_source = sd_event_source_disable_unref(line->unasked_source);
        failure_set(&failure, FAILURE_LINE_DOWN, "%s", failure_message(&line->trouble));
        for (; question; question = next) {
                next = question->next;
                if (!question->slot)
                        question_end(question, NULL, &failure);
        }

        return 0;
}

static int tell_unasked(CentreLine *line) {
        if (line->unasked_source || line->loss_source)
                return 0; /* it is told with the others */

        return sd_event_add_defer(line->event, &line->unasked_source, on_unasked, line);
}

static int question_send(CentreLine *line, Question *question, QuestionWrite write, const void *arguments) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(
                line->bus, &message, NULL, CENTRE_PATH,
                question->check_done ? "org.freedesktop.DBus.Peer" : CENTRE_INTERFACE, question->member);
        if (r >= 0)
                r = sd_bus_message_sensitive(message);
        if (r >= 0 && write)
                r = write(message, arguments);
        if (r < 0)
                return r;

        return sd_bus_call_async(line->bus, &question->slot, message, on_answer, question,
                                 (uint64_t) line->timeout * 1000000);
}

int line_ask(CentreLine *line, const Question *what, QuestionWrite write, const void *arguments) {
        _cleanup_(question_freep) Question *question = new0(Question, 1);
        int r;

        if (!question)
                return -ENOMEM;

        *question = (Question){
                .line = line,
                .member = what->member,
                .kind = what->kind,
                .type = what->type ? strdup(what->type) : NULL,
                .id = what->id ? strdup(what->id) : NULL,
                .done = what->done,
                .check_done = what->check_done,
                .userdata = what->userdata,
                .asked = line_now(),
        };
        if ((what->type && !question->type) || (what->id && !question->id))
                return -ENOMEM;

        r = line_ready(line) ? question_send(line, question, write, arguments) : tell_unasked(line);
        if (r < 0)
                return -ENOMEM;

        question_append(line, TAKE_PTR(question));
        return 0;
}

/* --- the centre --- */

static int on_start(sd_event_source *source _unused_, void *userdata) {
        CentreLine *line = userdata;

        line->start_source = sd_event_source_disable_unref(line->start_source);
        if (!line->bus && !line->retry_timer)
                line_connect(line);

        return 0;
}

int centre_new_line(const LineOptions *options, Centre **ret) {
        CentreLine *line = new0(CentreLine, 1);
        int r;

        if (!line)
                return -ENOMEM;

        line->centre.methods = line_methods();
        line->event = sd_event_ref(options->event);
        line->timeout = options->timeout;
        line->idle = options->idle;
        line->state = LINE_CONNECTING;
        line->name = strdup(options->centre);
        r = asprintf(&line->address, "unix:path=%s", options->socket);
        if (r < 0)
                line->address = NULL;
        if (r >= 0)
                r = line->name ? sd_event_add_defer(line->event, &line->start_source, on_start, line)
                               : -ENOMEM;
        if (r < 0) {
                line_free(&line->centre);
                return -ENOMEM;
        }

        *ret = &line->centre;
        return 0;
}

Centre *line_free(Centre *centre) {
        CentreLine *line = (CentreLine *) centre;

        while (line->questions) {
                Question *question = line->questions;

                question_unlink(line, question);
                question_free(question); /* who asked is gone already */
        }

        line_close(line);
        sd_event_source_disable_unref(line->retry_timer);
        sd_event_source_disable_unref(line->loss_source);
        sd_event_source_disable_unref(line->unasked_source);
        sd_event_source_disable_unref(line->start_source);
        failure_done(&line->trouble);
        free(line->loss);
        free(line->address);
        free(line->name);
        sd_event_unref(line->event);
        free(line);
        return NULL;
}
