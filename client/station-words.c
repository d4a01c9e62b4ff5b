/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words, mostly from tables. */
#include "client/station-words.h"

#include <stdio.h>

#include "client/job-view.h"
#include "client/station-page.h"

typedef struct StateWords {
        const char *state;
        StationHeadline headline;
        const char *step; /* NULL: no step of its own */
} StateWords;

/* In the order in which a card job goes through them. */
static const StateWords states[] = {
        { "waiting-for-card", { "OLD CARD", STYLE_BOLD }, "Old card" },
        { "reading", { "LEAVE CARD IN", STYLE_BOLD }, "Read" },
        { "extracting", { "WAIT", STYLE_BOLD }, "Look up" },
        { "waiting-for-blank", { "BLANK CARD", STYLE_BOLD }, "Blank card" },
        { "writing", { "LEAVE CARD IN", STYLE_BOLD }, "Write" },
        { "verifying", { "LEAVE CARD IN", STYLE_BOLD }, "Compare" },
        { "recording", { "WAIT", STYLE_BOLD }, "Record" },
        { "printing", { "PRINTING", STYLE_BOLD }, "Print" },
        { "discarding", { "OLD CARD", STYLE_BOLD }, "Destroy" },
        { "running", { "WORKING", STYLE_BOLD }, NULL },
        { "paused", { "PAUSED", STYLE_BOLD }, NULL },
        { "done", { "DONE", STYLE_BOLD | STYLE_GOOD }, NULL },
        { "failed", { "FAILED", STYLE_BOLD | STYLE_BAD }, NULL },
        { "cancelled", { "CANCELLED", STYLE_BOLD }, NULL },
};

static const StateWords *find_state(const char *state) {
        for (size_t i = 0; i < ELEMENTS(states); i++)
                if (streq(states[i].state, state))
                        return &states[i];

        return NULL;
}

static bool is_card_job(const json_t *properties) {
        return streq(job_text(properties, "Kind"), "reissue") || streq(job_text(properties, "Kind"), "issue");
}

/* Errors of a waiting job: a card that is not the one it waits for, or a printer that is in trouble. */
static StationHeadline job_headline(const json_t *properties) {
        static const StationHeadline wrong_card = { "WRONG CARD", STYLE_BOLD | STYLE_BAD };
        static const StationHeadline printer = { "PRINTER", STYLE_BOLD | STYLE_BAD };
        const char *state = job_text(properties, "State"), *error = job_text(properties, "ErrorName");
        const StateWords *words = find_state(state);

        if (strstr(error, ".NotBlank") || strstr(error, ".CardTypeMismatch"))
                if (streq(state, "waiting-for-blank"))
                        return wrong_card;
        if (*error && streq(state, "printing"))
                return printer;
        if (streq(state, "running") && streq(job_text(properties, "Kind"), "batch") &&
            *job_text(properties, "Advice"))
                return (StationHeadline){ "BLANK CARD", STYLE_BOLD };

        return words ? words->headline : (StationHeadline){ "WORKING", STYLE_BOLD };
}

StationHeadline station_headline(const StationModel *model) {
        static const StationHeadline services[] = {
                [STATION_ASKING] = { "WAIT", STYLE_BOLD },
                [STATION_STOPPED] = { "NO SERVICE", STYLE_BOLD | STYLE_BAD },
        };
        const json_t *reader;
        StationJob job;

        if (station_model_service(model) != STATION_RUNNING)
                return services[station_model_service(model)];
        if (station_model_current(model, &job))
                return job_headline(job.properties);
        if (station_model_readers(model, &reader, 1) == 0)
                return (StationHeadline){ "NO READER", STYLE_BOLD | STYLE_BAD };
        if (*station_model_notice(model))
                return (StationHeadline){ "LOOK", STYLE_BOLD | STYLE_BAD };

        return (StationHeadline){ "READY", STYLE_BOLD | STYLE_GOOD };
}

static char *job_sentence(const StationJob *job) {
        const char *advice = job_text(job->properties, "Advice");
        _cleanup_free_ char *result = NULL;
        char *both;

        if (!job_state_is_final(job_text(job->properties, "State")))
                return strdup(advice);

        result = job_result_text(job->path, job->properties, NULL);
        if (!result || !*advice)
                return TAKE_PTR(result);

        return asprintf(&both, "%s %s", result, advice) < 0 ? NULL : both;
}

char *station_sentence(const StationModel *model) {
        const json_t *reader;
        StationJob job;

        switch (station_model_service(model)) {
        case STATION_ASKING:
                return strdup("The service is being asked.");
        case STATION_STOPPED:
                return strdup(
                        "The service does not run. Its jobs are kept. It starts when a reader is plugged in, "
                        "or with: systemctl start icreissue");
        case STATION_RUNNING:
                break;
        }

        if (station_model_current(model, &job))
                return job_sentence(&job);
        if (station_model_readers(model, &reader, 1) == 0)
                return strdup("Plug in a card reader. Where one is plugged in, see that pcscd runs.");
        if (json_is_true(station_model_root(model, "Automatic")))
                return strdup("Put in a card that is to be reissued.");

        return strdup("Nothing to do. A job is begun with: icreissuectl reissue");
}

const char *station_problem(const StationModel *model) {
        StationJob job;

        if (*station_model_notice(model))
                return station_model_notice(model);
        if (!station_model_current(model, &job) || job_state_is_final(job_text(job.properties, "State")))
                return ""; /* how it ended is the sentence */

        return job_text(job.properties, "ErrorMessage");
}

/* What of the state machine is no step of this job: nothing is read for an issue from the record, nothing printed
 * without a design; and only who is there knows that an old card is to be destroyed. */
static bool is_step_of(const StateWords *words, const json_t *properties) {
        const char *state = job_text(properties, "State");

        if (!words->step)
                return false;
        if (streq(words->state, state))
                return true;
        if (streq(words->state, "waiting-for-card") || streq(words->state, "reading"))
                return streq(job_text(properties, "Kind"), "reissue");
        if (streq(words->state, "printing"))
                return *job_text(properties, "Design") != '\0';

        return !streq(words->state, "discarding");
}

size_t station_steps(const json_t *properties, StationStep steps[static STATION_STEPS_MAX]) {
        const StateWords *current = find_state(job_text(properties, "State"));
        bool done = current && streq(current->state, "done");
        size_t count = 0;

        if (!is_card_job(properties) || !current || (!current->step && !done))
                return 0;

        for (const StateWords *words = states; words < states + ELEMENTS(states); words++) {
                if (!is_step_of(words, properties))
                        continue;

                steps[count].name = words->step;
                steps[count++].state = done || words < current ? STEP_DONE
                                       : words == current      ? STEP_CURRENT
                                                               : STEP_TO_COME;
        }

        return count;
}

/* ", issue no. 2"; "" while there is no number. */
static const char *count_text(const json_t *properties, const char *before, char text[static 32]) {
        long long count = (long long) json_integer_value(json_object_get(properties, "Count"));

        text[0] = '\0';
        if (count > 0)
                snprintf(text, 32, "%s%lld", before, count);

        return text;
}

static const char *tally_text(const json_t *properties, char text[static 64]) {
        text[0] = '\0';
        if (streq(job_text(properties, "Kind"), "batch"))
                snprintf(text, 64, ", %lld of %lld done, %lld failed",
                         (long long) json_integer_value(json_object_get(properties, "Done")),
                         (long long) json_integer_value(json_object_get(properties, "Total")),
                         (long long) json_integer_value(json_object_get(properties, "Failed")));

        return text;
}

char *station_job_text(const StationJob *job) {
        const json_t *p = job->properties;
        const char *type = job_text(p, "CardType"), *source = job_text(p, "Source"),
                   *target = job_text(p, "Target");
        char count[32], tally[64], *text;

        if (asprintf(&text, "Job %lld: %s%s%s%s%s%s%s%s%s", (long long) job_number_from_path(job->path),
                     job_text(p, "Kind"), *type ? ", " : "", type, count_text(p, ", issue no. ", count),
                     tally_text(p, tally), *source ? ", from " : "", source, *target ? ", to " : "",
                     target) < 0)
                return NULL;

        return text;
}

char *station_job_line(const StationJob *job) {
        const json_t *p = job->properties;
        const char *type = job_text(p, "CardType"), *kind = job_text(p, "Kind");
        bool card = is_card_job(p) && *type;
        char count[32], *text;

        if (asprintf(&text, "%3lld %s%s%s%s: %s", (long long) job_number_from_path(job->path),
                     card ? "" : kind, *type && !card ? " " : "", type, count_text(p, " no. ", count),
                     job_text(p, "State")) < 0)
                return NULL;

        return text;
}

char *station_reader_line(const json_t *reader) {
        static const struct {
                const char *state, *words, *after;
        } rows[] = {
                { "empty", "empty", NULL },
                { "reading", "is being looked at", NULL },
                { "ready", "", " card" },
                { "blank", "blank ", " card" },
                { "unknown", "a card that nobody knows", NULL },
                { "mute", "the card does not answer", NULL },
                { "busy", "used by another program", NULL },
        };
        const char *state = job_text(reader, "State"), *words = state, *after = NULL;
        char *text;

        for (size_t i = 0; i < ELEMENTS(rows); i++)
                if (streq(rows[i].state, state)) {
                        words = rows[i].words;
                        after = rows[i].after;
                }

        if (asprintf(&text, "%s: %s%s%s", job_text(reader, "Name"), words,
                     after ? job_text(reader, "CardType") : "", after ?: "") < 0)
                return NULL;

        return text;
}

char *station_service_text(const StationModel *model) {
        const char *role = json_string_value(station_model_root(model, "Role")) ?: "";
        const char *line = json_string_value(station_model_root(model, "LineState")) ?: "";
        const json_t *automatic = station_model_root(model, "Automatic");
        char *text;

        if (station_model_service(model) != STATION_RUNNING || !automatic)
                return strdup("");
        if (asprintf(&text, "%s%s%s, automatic mode %s", role, *line ? ", line " : "", line,
                     json_is_true(automatic) ? "on" : "off") < 0)
                return NULL;

        return text;
}
