/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job in words. */
#include "client/job-view.h"

#include <stdio.h>

int job_path_from_argument(const char *argument, char **ret) {
        const char *number = argument;

        if (strncmp(argument, JOB_PREFIX, strlen(JOB_PREFIX)) == 0)
                number += strlen(JOB_PREFIX);

        /* 20 digits are the longest that a 64-bit number has. */
        if (*number == 0 || strlen(number) > 20 || strspn(number, "0123456789") != strlen(number))
                return -EINVAL;

        return asprintf(ret, "%s%s", JOB_PREFIX, number) < 0 ? -ENOMEM : 0;
}

json_int_t job_number_from_path(const char *path) {
        if (strncmp(path, JOB_PREFIX, strlen(JOB_PREFIX)) != 0)
                return 0;

        return strtoll(path + strlen(JOB_PREFIX), NULL, 10);
}

bool job_state_is_final(const char *state) {
        return state && (streq(state, "done") || streq(state, "failed") || streq(state, "cancelled"));
}

const char *job_text(const json_t *properties, const char *name) {
        return json_string_value(json_object_get(properties, name)) ?: "";
}

json_t *job_row(const char *path, const json_t *properties) {
        _cleanup_json_ json_t *row = json_pack("{s:I}", "job", job_number_from_path(path)),
                              *keys = output_keys(properties);
        json_t *owner = json_object_get(keys, "owner");

        if (!row || !keys || json_object_update(row, keys) < 0)
                return NULL;

        /* (uid_t) -1: nobody has started it. */
        if (json_integer_value(owner) == UINT32_MAX && json_object_set_new(row, "owner", json_null()) < 0)
                return NULL;

        return TAKE_PTR(row);
}

static json_int_t number(const json_t *properties, const char *name) {
        return json_integer_value(json_object_get(properties, name));
}

int job_exit_status(const json_t *properties) {
        if (streq(job_text(properties, "State"), "done"))
                return number(properties, "Failed") > 0 ? STATUS_FAILED : STATUS_DONE;

        return exit_status_from_error(job_text(properties, "ErrorName"));
}

/* "staff-v1 00420017", or what is known of it. */
static char *subject(const json_t *properties, const json_t *description) {
        const char *type = job_text(description, "type"), *id = job_text(description, "id");
        char *text;

        if (asprintf(&text, "%s%s%s", *type ? type : job_text(properties, "CardType"), *id ? " " : "", id) <
            0)
                return NULL;

        return text;
}

/* Of a job that needs nobody: what was done with how many. */
static char *tally_text(const char *path, const char *kind, const json_t *description) {
        static const struct {
                const char *kind, *member, *what;
        } rows[] = {
                { "import", "transferred", "imported" },
                { "export", "transferred", "exported" },
                { "backup", "transferred", "copied" },
                { "check", "checked", "checked, all whole" },
                { "rotate-key", "resealed", "or jobs sealed anew" },
        };
        long long job = (long long) job_number_from_path(path), count = 0;
        const char *what = NULL;
        char *text;
        int r;

        for (size_t i = 0; i < ELEMENTS(rows) && !what; i++)
                if (streq(rows[i].kind, kind)) {
                        count = (long long) number(description, rows[i].member);
                        what = rows[i].what;
                }
        if (!what || !description)
                r = asprintf(&text, "Job %lld is done: %s.", job, kind);
        else
                r = asprintf(&text, "Job %lld is done: %lld record%s %s.", job, count, count == 1 ? "" : "s",
                             what);

        return r < 0 ? NULL : text;
}

static bool is_card_kind(const char *kind) {
        return streq(kind, "reissue") || streq(kind, "issue");
}

static char *done_text(const char *path, const json_t *properties, const json_t *description) {
        _cleanup_free_ char *name = subject(properties, description);
        const char *kind = job_text(properties, "Kind"), *target = job_text(properties, "Target");
        long long job = (long long) job_number_from_path(path);
        char *text;
        int r;

        if (!name)
                return NULL;

        if (streq(kind, "batch"))
                r = asprintf(
                        &text, "Job %lld has ended: %lld of %lld cards done, %lld failed, %lld spoiled.", job,
                        (long long) number(properties, "Done"), (long long) number(properties, "Total"),
                        (long long) number(properties, "Failed"), (long long) number(properties, "Spoiled"));
        else if (!is_card_kind(kind))
                return tally_text(path, kind, description);
        else
                r = asprintf(&text, "Job %lld is done: %s, issuance count %lld%s%s.", job, name,
                             (long long) number(properties, "Count"), *target ? ", in reader " : "", target);

        return r < 0 ? NULL : text;
}

char *job_result_text(const char *path, const json_t *properties, const json_t *description) {
        const char *state = job_text(properties, "State"), *message = job_text(properties, "ErrorMessage");
        _cleanup_free_ char *name = NULL;
        char *text;

        if (streq(state, "done"))
                return done_text(path, properties, description);

        name = subject(properties, description);
        if (!name)
                return NULL;

        if (asprintf(&text, "Job %lld %s%s%s%s%s%s", (long long) job_number_from_path(path),
                     streq(state, "cancelled") ? "was cancelled" : "has failed", *name ? " (" : "", name,
                     *name ? ")" : "", *message ? ": " : ".", message) < 0)
                return NULL;

        return text;
}
