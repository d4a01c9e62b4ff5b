/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service as a whole: status, types, reload, automatic. */
#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-view.h"

/* Counts readers by state and open jobs, from all objects, into the status. */
static int count_objects(const json_t *objects, json_t *status) {
        json_t *readers = json_object();
        json_int_t jobs = 0;
        const char *path;
        json_t *interfaces;

        if (!readers || json_object_set_new(status, "readers", readers) < 0)
                return -ENOMEM;

        json_object_foreach((json_t *) objects, path, interfaces) {
                const json_t *reader = json_object_get(interfaces, READER_INTERFACE);
                const json_t *job = json_object_get(interfaces, JOB_INTERFACE);
                const char *state = job_text(reader, "State");
                json_int_t count = json_integer_value(json_object_get(readers, state));

                if (reader && json_object_set_new(readers, state, json_integer(count + 1)) < 0)
                        return -ENOMEM;
                if (job && !job_state_is_final(job_text(job, "State")))
                        jobs++;
        }

        return json_object_set_new(status, "open-jobs", json_integer(jobs)) < 0 ? -ENOMEM : 0;
}

/* "2 ready, 1 empty": the readers by state, for people. */
static char *readers_text(const json_t *readers) {
        _cleanup_free_ char *text = strdup("");
        const char *state;
        json_t *count;

        if (json_object_size(readers) == 0)
                return strdup("none");

        json_object_foreach((json_t *) readers, state, count) {
                char *longer;

                if (!text || asprintf(&longer, "%s%s%lld %s", text, *text ? ", " : "",
                                      (long long) json_integer_value(count), state) < 0)
                        return NULL;

                free(text);
                text = longer;
        }

        return TAKE_PTR(text);
}

static int print_status(const json_t *status) {
        static const Column facts[] = {
                { "Version", "version", false, false },     { "Role", "role", false, false },
                { "Line", "line-state", false, false },     { "Automatic mode", "automatic", false, false },
                { "Records", "record-count", true, false }, { "Readers", "readers", false, false },
                { "Open jobs", "open-jobs", true, false },
        };
        _cleanup_json_ json_t *shown = json_copy((json_t *) status);
        _cleanup_free_ char *readers = readers_text(json_object_get(status, "readers"));

        if (!shown || !readers || json_object_set_new(shown, "readers", json_string(readers)) < 0)
                return -ENOMEM;
        if (*job_text(status, "line-state") == 0)
                json_object_del(shown, "line-state");

        return output_facts(stdout, facts, ELEMENTS(facts), shown);
}

int command_status(Client *client, const Arguments *arguments) {
        _cleanup_json_ json_t *properties = NULL, *objects = NULL, *result = NULL;
        int status, r;

        status = client_properties(client, SERVICE_PATH, SERVICE_INTERFACE, &properties);
        if (status == STATUS_DONE)
                status = client_objects(client, &objects);
        if (status != STATUS_DONE)
                return status;

        result = output_keys(properties);
        r = result ? count_objects(objects, result) : -ENOMEM;
        if (r >= 0)
                r = arguments->json ? output_json(stdout, result) : print_status(result);

        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}

int command_types(Client *client, _unused_ const Arguments *arguments) {
        static const Column columns[] = {
                { "TYPE", "type", false, false },
                { "DESCRIPTION", "description", false, true },
                { "CAN", "abilities", false, true },
        };
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *types = NULL, *rows = json_array();
        size_t i;
        json_t *type;
        int status, r;

        status = client_call(client, &reply, "ListCardTypes", "");
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &types);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");

        json_array_foreach(types, i, type) {
                json_t *row = json_pack("{s:O, s:O, s:O}", "type", json_array_get(type, 0), "description",
                                        json_array_get(type, 1), "abilities", json_array_get(type, 2));

                if (json_array_append_new(rows, row) < 0)
                        return client_fail_errno(client, -ENOMEM, "The card types");
        }

        return client_print_rows(client, columns, ELEMENTS(columns), rows,
                                 "No card types are known: see correlation.yaml.");
}

int command_reload(Client *client, _unused_ const Arguments *arguments) {
        return client_call(client, NULL, "Reload", "");
}

int command_automatic(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        const char *word = arguments->words[0];
        int status, r;

        if (!streq(word, "on") && !streq(word, "off"))
                return client_fail(client, STATUS_USAGE, "Automatic mode is \"on\" or \"off\".");

        status = client_new_call(client, SERVICE_PATH, "org.freedesktop.DBus.Properties", "Set", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_append(call, "ssv", SERVICE_INTERFACE, "Automatic", "b", streq(word, "on"));
        return client_send(client, call, r, NULL);
}
