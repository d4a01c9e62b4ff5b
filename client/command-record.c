/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the issuance file, one at a time or listed, and the request for a reissue. */
#include <fcntl.h>

#include "base/bytes.h"
#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-view.h"

static const Column record_columns[] = {
        { "TYPE", "type", false, false },
        { "ID", "id", false, false },
        { "COUNT", "count", true, false },
        { "FLAG", "flag", false, false },
};

/* a(ssub) as it came, to objects with the keys that a record has. */
static json_t *record_rows(const json_t *listed) {
        _cleanup_json_ json_t *rows = json_array();
        size_t i;
        json_t *record;

        json_array_foreach(listed, i, record) {
                const char *flag = json_is_true(json_array_get(record, 3)) ? "issued" : "unissued";

                if (json_array_append_new(rows,
                                          json_pack("{s:O, s:O, s:O, s:s}", "type", json_array_get(record, 0),
                                                    "id", json_array_get(record, 1), "count",
                                                    json_array_get(record, 2), "flag", flag)) < 0)
                        return NULL;
        }

        return TAKE_PTR(rows);
}

/* One page: a part of the table, or its lines of JSON. */
static int print_page(const Arguments *arguments, const json_t *rows, Widths *widths) {
        size_t i;
        json_t *row;
        int r;

        if (!arguments->json)
                return output_table(stdout, record_columns, ELEMENTS(record_columns), rows, widths);

        json_array_foreach(rows, i, row) {
                r = output_json_line(stdout, row);
                if (r < 0)
                        return r;
        }

        return 0;
}

int command_record_list(Client *client, const Arguments *arguments) {
        enum { PAGE = 1000 };
        _cleanup_free_ char *cursor = strdup("");
        Widths widths = {};

        do {
                _cleanup_message_ sd_bus_message *reply = NULL;
                _cleanup_json_ json_t *listed = NULL, *rows = NULL, *next = NULL;
                int status, r;

                status = client_call(client, &reply, "ListRecords", "ssu", arguments->type ?: "", cursor,
                                     PAGE);
                if (status != STATUS_DONE)
                        return status;

                r = bus_json_read(reply, &listed);
                if (r >= 0)
                        r = bus_json_read(reply, &next);
                if (r < 0)
                        return client_fail_errno(client, r, "The service's answer");

                rows = record_rows(listed);
                r = rows ? print_page(arguments, rows, &widths) : -ENOMEM;
                if (r < 0)
                        return client_fail_errno(client, r, "Standard output");

                free(cursor);
                cursor = strdup(json_string_value(next) ?: "");
        } while (cursor && *cursor);

        return STATUS_DONE;
}

int command_record_find(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *listed = NULL, *rows = NULL;
        int status, r;

        status = client_call(client, &reply, "FindRecords", "ss", arguments->words[0], arguments->words[1]);
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &listed);
        rows = r < 0 ? NULL : record_rows(listed);
        if (!rows)
                return client_fail_errno(client, r < 0 ? r : -ENOMEM, "The service's answer");

        status = client_print_rows(client, record_columns, ELEMENTS(record_columns), rows, "No such record.");
        return status == STATUS_DONE && json_array_size(rows) == 0 ? STATUS_NOT_FOUND : status;
}

static int add_row(json_t *rows, const char *name, json_t *value) {
        return json_array_append_new(rows, json_pack("{s:s, s:o}", "name", name, "value", value)) < 0
                       ? -ENOMEM
                       : 0;
}

/* The fields in the order of their names; "(withheld)" for those whose value the service keeps. */
static int print_fields(const json_t *record) {
        static const Column columns[] = { { "FIELD", "name", false, false },
                                          { "VALUE", "value", false, true } };
        const json_t *fields = json_object_get(record, "fields"),
                     *withheld = json_object_get(record, "withheld");
        _cleanup_json_ json_t *rows = json_array();
        const char *name;
        size_t i;
        json_t *value;
        int r = 0;

        json_object_foreach((json_t *) fields, name, value) {
                r = add_row(rows, name, json_incref(value));
                if (r < 0)
                        return r;
        }

        json_array_foreach(withheld, i, value) {
                r = add_row(rows, json_string_value(value) ?: "", json_string("(withheld)"));
                if (r < 0)
                        return r;
        }

        if (json_array_size(rows) > 0)
                putchar('\n');
        return output_table(stdout, columns, ELEMENTS(columns), rows, NULL);
}

static int print_record(const json_t *record) {
        static const Column facts[] = {
                { "Type", "type", false, false },
                { "ID", "id", false, false },
                { "Flag", "flag", false, false },
                { "Issuance count", "count", false, false },
        };
        static const Column history[] = {
                { "AT", "at", false, false },        { "EVENT", "event", false, false },
                { "COUNT", "count", true, false },   { "STATION", "station", false, false },
                { "BY", "by", true, false },         { "SERIAL", "serial", false, false },
                { "REASON", "reason", false, true },
        };
        const json_t *events = json_object_get(record, "history");
        int r;

        r = output_facts(stdout, facts, ELEMENTS(facts), record);
        if (r >= 0)
                r = print_fields(record);
        if (r < 0 || json_array_size(events) == 0)
                return r;

        putchar('\n');
        return output_table(stdout, history, ELEMENTS(history), events, NULL);
}

int command_record_show(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *record = NULL;
        int status, r;

        status = client_call(client, &reply, "GetRecord", "ss", arguments->words[0], arguments->words[1]);
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &record);
        if (r >= 0)
                r = arguments->json ? output_json(stdout, record) : print_record(record);

        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}

/* The whole of a file, or of standard input for "-"; erased when it is released. */
static int read_text(const char *name, Bytes *ret) {
        _cleanup_close_ int opened = -1;
        uint8_t buffer[4096];
        ssize_t size;
        int r = 0;

        if (!streq(name, "-")) {
                opened = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (opened < 0)
                        return -errno;
        }

        while (r >= 0 && (size = read(opened < 0 ? STDIN_FILENO : opened, buffer, sizeof(buffer))) != 0)
                r = size < 0 ? -errno : bytes_append(ret, SPAN(buffer, size));

        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

int command_record_put(Client *client, const Arguments *arguments) {
        _cleanup_bytes_ Bytes text = {};
        _cleanup_json_ json_t *record = NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        const char *name = arguments_word(arguments, 0, "-"), *complaint = NULL;
        json_error_t mistake;
        int status, r;

        r = read_text(name, &text);
        if (r < 0)
                return client_fail_errno(client, r, name);

        record = json_loadb((const char *) text.data, text.size, JSON_REJECT_DUPLICATES, &mistake);
        if (!record)
                /* jansson's sentence may quote the text, which may be secret: only the place is told. */
                return client_fail(client, STATUS_USAGE, "%s:%d:%d: This is not one record in JSON.", name,
                                   mistake.line, mistake.column);

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "PutRecord", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_sensitive(call);
        if (r >= 0)
                r = bus_json_append_record(call, record, &complaint);
        if (r < 0 && complaint)
                return client_fail(client, STATUS_USAGE, "%s: %s", name, complaint);

        return client_send(client, call, r, NULL);
}

int command_record_remove(Client *client, const Arguments *arguments) {
        return client_call(client, NULL, "RemoveRecord", "ss", arguments->words[0], arguments->words[1]);
}

int command_request(Client *client, const Arguments *arguments) {
        if (!arguments->reason)
                return client_fail(
                        client, STATUS_USAGE,
                        "A request needs its reason, which stays in the record's history: --reason \"worn out\".");

        return client_call(client, NULL, "RequestReissue", "sss", arguments->words[0], arguments->words[1],
                           arguments->reason);
}

int command_withdraw(Client *client, const Arguments *arguments) {
        return client_call(client, NULL, "WithdrawRequest", "ss", arguments->words[0], arguments->words[1]);
}
