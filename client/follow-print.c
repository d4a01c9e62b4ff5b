/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said while a job is followed. */
#include "client/follow-print.h"

#include <sys/ioctl.h>

#include "client/job-view.h"

void follow_print_init(FollowPrint *print, const Arguments *arguments, FILE *results) {
        *print = (FollowPrint){
                .results = results,
                .talk = stderr,
                .json = arguments->json,
                .quiet = arguments->quiet,
                .terminal = isatty(STDERR_FILENO) > 0 && !streq(getenv("TERM") ?: "", "dumb"),
        };
}

static void bar_wipe(FollowPrint *print) {
        if (print->bar)
                fputs("\r\033[K", print->talk);
        print->bar = false;
}

void follow_print_done(FollowPrint *print) {
        bar_wipe(print);
        free(print->state);
        free(print->advice);
        free(print->refusal);
        json_decref(print->shown);
        *print = (FollowPrint){};
}

static void line(FollowPrint *print, FILE *file, const char *mark, const char *text) {
        bar_wipe(print);
        fputs(mark, file);
        output_safe(file, text);
        fputc('\n', file);
        fflush(file);
}

static void bar_draw(FollowPrint *print, const json_t *properties) {
        struct winsize size = {};
        _cleanup_free_ char *text = NULL;

        (void) ioctl(fileno(print->talk), TIOCGWINSZ, &size);
        text = output_progress(json_number_value(json_object_get(properties, "Progress")),
                               job_text(properties, "State"), size.ws_col > 0 ? size.ws_col : 80);
        if (!text)
                return;

        bar_wipe(print);
        output_safe(print->talk, text);
        fflush(print->talk);
        print->bar = true;
}

/* Whether text is another than the one kept; keeps it. */
static bool is_news(char **kept, const char *text) {
        if (*kept && streq(*kept, text))
                return false;

        free(*kept);
        *kept = strdup(text);
        return true;
}

/* One event of --json: the row, with what kind of event it is. */
static void event(FollowPrint *print, const char *name, json_t *row, const json_t *description) {
        if (!row || json_object_set_new(row, "event", json_string(name)) < 0)
                return;
        if (description && json_object_set(row, "description", (json_t *) description) < 0)
                return;

        (void) output_json_line(print->results, row);
}

static void print_json_change(FollowPrint *print, const char *path, const json_t *properties) {
        _cleanup_json_ json_t *row = job_row(path, properties);

        if (!row || (print->shown && json_equal(print->shown, row)))
                return;

        json_decref(print->shown);
        print->shown = json_copy(row);
        event(print, "changed", row, NULL);
}

void follow_print_job(FollowPrint *print, const char *path, const json_t *properties) {
        const char *state = job_text(properties, "State"), *advice = job_text(properties, "Advice");
        const char *refusal = job_text(properties, "ErrorMessage");

        if (print->json) {
                print_json_change(print, path, properties);
                return;
        }

        if (print->quiet || job_state_is_final(state))
                return; /* the result says it */

        if (!print->terminal && is_news(&print->state, state))
                line(print, print->talk, "", state);
        if (is_news(&print->refusal, refusal) && *refusal)
                line(print, print->talk, "! ", refusal);
        if (is_news(&print->advice, advice) && *advice)
                line(print, print->talk, "> ", advice);
        if (print->terminal)
                bar_draw(print, properties);
}

void follow_print_card(FollowPrint *print, const char *path, const json_t *properties,
                       const json_t *description, const json_t *batch) {
        _cleanup_free_ char *text = NULL;
        const char *advice = job_text(properties, "Advice");

        if (print->json) {
                _cleanup_json_ json_t *row = job_row(path, properties);

                event(print, "card", row, description);
                return;
        }

        text = job_result_text(path, properties, description);
        if (!text || (print->quiet && job_exit_status(properties) == STATUS_DONE))
                return;

        line(print, print->talk, "", text);
        if (print->quiet)
                return;

        /* What to do next is said for each card, also where it is the same again. */
        if (!*advice)
                advice = job_text(batch, "Advice");
        if (*advice && !job_state_is_final(job_text(batch, "State")))
                line(print, print->talk, "> ", advice);
        if (print->terminal)
                bar_draw(print, batch);
}

/* A reason that has just been said as a refusal is not said once more. The caller decrefs. */
static json_t *without_what_was_said(const FollowPrint *print, const json_t *properties) {
        json_t *rest = json_copy((json_t *) properties);

        if (rest && print->refusal && streq(print->refusal, job_text(properties, "ErrorMessage")))
                json_object_del(rest, "ErrorMessage");

        return rest;
}

void follow_print_result(FollowPrint *print, const char *path, const json_t *properties,
                         const json_t *description) {
        bool done = job_exit_status(properties) == STATUS_DONE;
        _cleanup_json_ json_t *news = without_what_was_said(print, properties);
        _cleanup_free_ char *text = NULL;
        const char *advice = job_text(properties, "Advice");

        if (print->json) {
                _cleanup_json_ json_t *row = job_row(path, properties);

                event(print, "finished", row, description);
                return;
        }

        text = job_result_text(path, news, description);
        if (text && done)
                line(print, print->results, "", text);
        else if (text)
                line(print, print->talk, "icreissuectl: ", text);
        if (!print->quiet && *advice && is_news(&print->advice, advice))
                line(print, print->talk, "> ", advice);
}

void follow_print_interrupted(FollowPrint *print, const char *path) {
        long long job = (long long) job_number_from_path(path);
        _cleanup_free_ char *text = NULL;

        if (print->json ||
            asprintf(&text,
                     "Job %lld goes on. To see it: icreissuectl job show %lld. To follow it again: "
                     "icreissuectl job follow %lld. To cancel it: icreissuectl job cancel %lld.",
                     job, job, job, job) < 0)
                return;

        line(print, print->talk, "", text);
}

void follow_print_note(FollowPrint *print, const char *text) {
        if (!print->json && !print->quiet)
                line(print, print->talk, "", text);
}
