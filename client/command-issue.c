/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The main jobs: reissue, issue, and batches of issues. */
#include "client/commands.h"
#include "client/issue-list.h"
#include "client/job-start.h"

static int append_text(sd_bus_message *call, const char *name, const char *text) {
        return text ? sd_bus_message_append(call, "{sv}", name, "s", text) : 0;
}

/* --request with its --reason, --design, --card-type, --no-print and --discard, as options of the call. */
static int append_options(sd_bus_message *call, const Arguments *arguments) {
        int r;

        r = sd_bus_message_open_container(call, 'a', "{sv}");
        if (r >= 0 && arguments_given(arguments, OPTION_REQUEST))
                r = sd_bus_message_append(call, "{sv}", "request", "b", true);
        if (r >= 0)
                r = append_text(call, "reason", arguments->reason);
        if (r >= 0)
                r = append_text(call, "design", arguments->design);
        if (r >= 0 && arguments_given(arguments, OPTION_NO_PRINT))
                r = sd_bus_message_append(call, "{sv}", "print", "b", false);
        if (r >= 0)
                r = append_text(call, "card-type", arguments->card_type);
        if (r >= 0 && arguments_given(arguments, OPTION_DISCARD))
                r = sd_bus_message_append(call, "{sv}", "discard", "b", true);

        return r < 0 ? r : sd_bus_message_close_container(call);
}

/* --request and --reason belong together. */
static int check_request(const Client *client, const Arguments *arguments) {
        if (arguments_given(arguments, OPTION_REQUEST) != arguments_given(arguments, OPTION_REASON))
                return client_fail(
                        client, STATUS_USAGE,
                        "--request and --reason belong together: --request --reason \"worn out\".");

        return STATUS_DONE;
}

int command_reissue(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int status, r;

        status = check_request(client, arguments);
        if (status == STATUS_DONE)
                status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "Reissue", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_append(call, "ss", arguments_word(arguments, 0, ""),
                                  arguments_word(arguments, 1, ""));
        if (r >= 0)
                r = append_options(call, arguments);

        return job_start(client, call, r, stdout, NULL);
}

static int issue_one(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int status, r;

        if (arguments->word_count < 2)
                return client_fail(
                        client, STATUS_USAGE,
                        "Which record? Give its card type and ID, or --list FILE, or --requested.");

        status = check_request(client, arguments);
        if (status == STATUS_DONE)
                status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "Issue", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_append(call, "sss", arguments->words[0], arguments->words[1],
                                  arguments_word(arguments, 2, ""));
        if (r >= 0)
                r = append_options(call, arguments);

        return job_start(client, call, r, stdout, NULL);
}

/* Reads the list of a batch, from a file or "-". */
static int read_list(const Client *client, const char *name, json_t **ret) {
        bool input = streq(name, "-");
        FILE *file = input ? stdin : fopen(name, "re");
        size_t bad_line = 0;
        int r;

        if (!file)
                return client_fail_errno(client, errno, name);

        r = issue_list_read(file, ret, &bad_line);
        if (!input)
                fclose(file);

        if (bad_line > 0)
                return client_fail(client, STATUS_USAGE, "%s:%zu: A line is a card type, a space and an ID.",
                                   name, bad_line);
        if (r < 0)
                return client_fail_errno(client, r, name);
        if (json_array_size(*ret) == 0)
                return client_fail(client, STATUS_USAGE, "%s: No record is listed here.", name);

        return STATUS_DONE;
}

static int append_records(sd_bus_message *call, const json_t *records) {
        size_t i;
        json_t *record;
        int r;

        r = sd_bus_message_open_container(call, 'a', "(ss)");
        if (r < 0)
                return r;

        json_array_foreach(records, i, record) {
                r = sd_bus_message_append(call, "(ss)", json_string_value(json_array_get(record, 0)),
                                          json_string_value(json_array_get(record, 1)));
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(call);
}

static int issue_batch(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_json_ json_t *records = NULL;
        bool requested = arguments_given(arguments, OPTION_REQUESTED);
        int status, r;

        if (arguments->word_count > 1 || (requested && arguments->list) || arguments->reason ||
            arguments->design || arguments->card_type || arguments_given(arguments, OPTION_NO_PRINT) ||
            arguments_given(arguments, OPTION_REQUEST))
                return client_fail(
                        client, STATUS_USAGE,
                        "A batch is \"issue --list FILE [TARGET]\" or \"issue --requested [TARGET]\".");

        status = requested ? STATUS_DONE : read_list(client, arguments->list, &records);
        if (status == STATUS_DONE)
                status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "StartBatch", &call);
        if (status != STATUS_DONE)
                return status;

        r = append_records(call, records);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", arguments_word(arguments, 0, ""));
        if (r >= 0)
                r = requested ? sd_bus_message_append(call, "a{sv}", 1, "requested", "b", true)
                              : sd_bus_message_append(call, "a{sv}", 0);

        return job_start(client, call, r, stdout, NULL);
}

int command_issue(Client *client, const Arguments *arguments) {
        if (arguments_given(arguments, OPTION_LIST) || arguments_given(arguments, OPTION_REQUESTED))
                return issue_batch(client, arguments);

        return issue_one(client, arguments);
}
