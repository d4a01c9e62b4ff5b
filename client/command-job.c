/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs: jobs, job show, follow, cancel, retry, pause, resume; receipt. */
#include "client/bus-json.h"
#include "client/commands.h"
#include "client/follow.h"
#include "client/job-view.h"
#include "client/picture.h"

static int compare_jobs(const void *a, const void *b) {
        const json_t *const *first = a, *const *second = b;
        json_int_t one = json_integer_value(json_object_get(*first, "job"));
        json_int_t other = json_integer_value(json_object_get(*second, "job"));

        return one < other ? -1 : one > other;
}

/* Rows in the order of their numbers, which is the order in which the jobs began. */
static json_t *sorted_rows(json_t *const *rows, size_t count) {
        _cleanup_json_ json_t *sorted = json_array();
        _cleanup_free_ json_t **order = new0(json_t *, count + 1);

        if (!order)
                return NULL;

        memcpy(order, rows, count * sizeof(*order));
        qsort(order, count, sizeof(*order), compare_jobs);
        for (size_t i = 0; i < count; i++)
                if (json_array_append(sorted, order[i]) < 0)
                        return NULL;

        return TAKE_PTR(sorted);
}

static json_t *job_rows(const json_t *objects) {
        _cleanup_free_ json_t **rows = new0(json_t *, json_object_size(objects) + 1);
        json_t *interfaces, *sorted;
        const char *path;
        size_t count = 0;

        json_object_foreach((json_t *) objects, path, interfaces) {
                const json_t *job = json_object_get(interfaces, JOB_INTERFACE);

                if (job && rows && (rows[count] = job_row(path, job)))
                        count++;
        }

        sorted = rows ? sorted_rows(rows, count) : NULL;
        while (count > 0)
                json_decref(rows[--count]);

        return sorted;
}

int command_jobs(Client *client, _unused_ const Arguments *arguments) {
        static const Column columns[] = {
                { "JOB", "job", true, false },        { "KIND", "kind", false, false },
                { "STATE", "state", false, false },   { "CARD TYPE", "card-type", false, false },
                { "SOURCE", "source", false, false }, { "TARGET", "target", false, false },
                { "ADVICE", "advice", false, true },
        };
        _cleanup_json_ json_t *objects = NULL, *rows = NULL;
        int status;

        status = client_objects(client, &objects);
        if (status != STATUS_DONE)
                return status;

        rows = job_rows(objects);
        if (!rows)
                return client_fail_errno(client, -ENOMEM, "The jobs");

        return client_print_rows(client, columns, ELEMENTS(columns), rows, "No jobs.");
}

/* The path of the job that the first word names. */
static int job_argument(const Client *client, const Arguments *arguments, char **path) {
        int r = job_path_from_argument(arguments->words[0], path);

        if (r == -EINVAL)
                return client_fail(client, STATUS_USAGE,
                                   "A job is named by its number; \"icreissuectl jobs\" lists them.");

        return r < 0 ? client_fail_errno(client, r, "The job") : STATUS_DONE;
}

/* Calls a method of a job without arguments. */
static int call_job(const Client *client, const char *path, const char *member, sd_bus_message **reply) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int status;

        status = client_new_call(client, path, JOB_INTERFACE, member, &call);
        return status == STATUS_DONE ? client_send(client, call, 0, reply) : status;
}

static int simple_method(const Client *client, const Arguments *arguments, const char *member) {
        _cleanup_free_ char *path = NULL;
        int status;

        status = job_argument(client, arguments, &path);
        return status == STATUS_DONE ? call_job(client, path, member, NULL) : status;
}

int command_job_cancel(Client *client, const Arguments *arguments) {
        return simple_method(client, arguments, "Cancel");
}

int command_job_retry(Client *client, const Arguments *arguments) {
        return simple_method(client, arguments, "Retry");
}

int command_job_pause(Client *client, const Arguments *arguments) {
        return simple_method(client, arguments, "Pause");
}

int command_job_resume(Client *client, const Arguments *arguments) {
        return simple_method(client, arguments, "Resume");
}

int command_receipt(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int status, pdf, r;

        status = job_argument(client, arguments, &path);
        if (status == STATUS_DONE)
                status = call_job(client, path, "GetReceipt", &reply);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_read(reply, "h", &pdf);
        return r < 0 ? client_fail_errno(client, r, "The service's answer")
                     : picture_give(client, pdf, "pdf", arguments->output);
}

int command_job_follow(Client *client, const Arguments *arguments) {
        _cleanup_(follow_freep) Follow *follow = NULL;
        _cleanup_free_ char *path = NULL;
        int status;

        status = job_argument(client, arguments, &path);
        if (status == STATUS_DONE)
                status = follow_new(client, stdout, &follow);

        return status == STATUS_DONE ? follow_run(follow, path) : status;
}

/* A table with an empty line before it; nothing where there are no rows. */
static int print_part(const Column *columns, size_t count, const json_t *rows) {
        if (json_array_size(rows) == 0)
                return 0;

        putchar('\n');
        return output_table(stdout, columns, count, rows, NULL);
}

static int print_tables(const json_t *description) {
        static const Column report[] = {
                { "STAGE", "stage", false, false },
                { "FIELD", "field", false, false },
                { "RESULT", "result", false, false },
        };
        static const Column spoiled[] = {
                { "SPOILED CARD", "serial", false, false },
                { "READER", "reader", false, false },
                { "ERROR", "error", false, true },
        };
        static const Column records[] = {
                { "TYPE", "type", false, false },
                { "ID", "id", false, false },
                { "RESULT", "result", false, false },
        };
        int r;

        r = print_part(report, ELEMENTS(report), json_object_get(description, "report"));
        if (r >= 0)
                r = print_part(spoiled, ELEMENTS(spoiled), json_object_get(description, "spoiled"));
        if (r >= 0)
                r = print_part(records, ELEMENTS(records), json_object_get(description, "records"));

        return r;
}

/* What Describe and the properties say together, without what says nothing. */
static int merge_job(const json_t *row, const json_t *description, json_t *shown) {
        json_t *spoiled = json_object_get(row, "spoiled"), *value;
        const char *name;
        void *next;

        if (json_object_update(shown, (json_t *) description) < 0 ||
            json_object_update(shown, (json_t *) row) < 0)
                return -ENOMEM;
        /* Describe's list of spoiled cards and a batch's number of them have the same name. */
        if (spoiled && json_object_set(shown, "spoiled-count", spoiled) < 0)
                return -ENOMEM;
        if (!streq(job_text(row, "kind"), "batch"))
                for (size_t i = 0; i < 4; i++)
                        json_object_del(shown, (const char *const[]){ "total", "done", "failed",
                                                                      "spoiled-count" }[i]);

        /* 0 is no card yet; a batch's cards have counts of their own. */
        if (json_integer_value(json_object_get(shown, "count")) == 0)
                json_object_del(shown, "count");

        json_object_foreach_safe(shown, next, name, value) {
                if (json_is_string(value) && json_string_length(value) == 0)
                        json_object_del(shown, name);
        }

        return 0;
}

static int print_job(const json_t *row, const json_t *description) {
        static const Column facts[] = {
                { "Job", "job", true, false },
                { "Kind", "kind", false, false },
                { "State", "state", false, false },
                { "Advice", "advice", false, false },
                { "Problem", "error-message", false, false },
                { "Card type", "type", false, false },
                { "ID", "id", false, false },
                { "Issuance count", "count", false, false },
                { "Receipt", "receipt", false, false },
                { "Source", "source", false, false },
                { "Target", "target", false, false },
                { "Old chip serial", "old-serial", false, false },
                { "New chip serial", "new-serial", false, false },
                { "Total", "total", false, false },
                { "Done", "done", false, false },
                { "Failed", "failed", false, false },
                { "Spoiled", "spoiled-count", false, false },
                { "Part of batch", "batch", false, false },
                { "Started", "started", false, false },
                { "Finished", "finished", false, false },
                { "Owner", "owner", false, false },
                { "UUID", "uuid", false, false },
        };
        _cleanup_json_ json_t *shown = json_object();
        int r;

        r = merge_job(row, description, shown);
        if (r < 0)
                return r;

        r = output_facts(stdout, facts, ELEMENTS(facts), shown);
        return r < 0 ? r : print_tables(description);
}

int command_job_show(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *properties = NULL, *description = NULL, *row = NULL;
        _cleanup_free_ char *path = NULL;
        int status, r;

        status = job_argument(client, arguments, &path);
        if (status == STATUS_DONE)
                status = client_properties(client, path, JOB_INTERFACE, &properties);
        if (status == STATUS_DONE)
                status = call_job(client, path, "Describe", &reply);
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &description);
        row = r < 0 ? NULL : job_row(path, properties);
        if (!row)
                return client_fail_errno(client, r < 0 ? r : -ENOMEM, "The service's answer");

        if (!arguments->json)
                r = print_job(row, description);
        else if (json_object_set(row, "description", description) < 0)
                r = -ENOMEM;
        else
                r = output_json(stdout, row);

        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}
