/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the arguments of the methods that start jobs and of those that name a record. */
#include "bus/arguments.h"

#include <fcntl.h>

#include "bus/context.h"
#include "bus/options.h"

/* What a person says in a sentence or two. It is kept in the record's history forever. */
enum { REASON_MAX = 256 };

const char *reader_argument(const char *name) {
        const size_t prefix = strlen(READER_PATH "/");

        return strncmp(name, READER_PATH "/", prefix) == 0 ? name + prefix : name;
}

static int check_reason(const char *reason, Failure *failure) {
        if (strlen(reason) > REASON_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The reason is longer than %d bytes. Say it in a sentence.", REASON_MAX);

        for (const char *c = reason; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "The reason holds a control character. Say it in one line.");

        return 0;
}

int reissue_arguments_read(sd_bus_message *message, ReissueRequest *ret, Failure *failure) {
        ReissueRequest request = { .reason = "", .design = "" };
        bool print = true;
        const Option options[] = {
                { "request", 'b', &request.request },     { "reason", 's', &request.reason },
                { "design", 's', &request.design },       { "print", 'b', &print },
                { "card-type", 's', &request.card_type }, { "discard", 'b', &request.discard },
        };
        int r;

        r = sd_bus_message_read(message, "ss", &request.source, &request.target);
        if (r < 0)
                return r;

        r = options_read(message, options, ELEMENTS(options), failure);
        if (r < 0)
                return r;

        r = check_reason(request.reason, failure);
        if (r < 0)
                return r;

        request.source = reader_argument(request.source);
        request.target = reader_argument(request.target);
        request.no_print = !print;
        *ret = request;
        return 0;
}

int issue_arguments_read(sd_bus_message *message, IssueRequest *ret, Failure *failure) {
        IssueRequest request = { .reason = "", .design = "" };
        bool print = true;
        const Option options[] = {
                { "request", 'b', &request.request },     { "reason", 's', &request.reason },
                { "design", 's', &request.design },       { "print", 'b', &print },
                { "card-type", 's', &request.card_type },
        };
        int r;

        r = sd_bus_message_read(message, "sss", &request.type, &request.id, &request.target);
        if (r < 0)
                return r;

        r = options_read(message, options, ELEMENTS(options), failure);
        if (r < 0)
                return r;

        r = record_check_key(request.type, request.id, failure);
        if (r < 0)
                return r;

        r = check_reason(request.reason, failure);
        if (r < 0)
                return r;

        request.target = reader_argument(request.target);
        request.no_print = !print;
        *ret = request;
        return 0;
}

int discard_arguments_read(sd_bus_message *message, const char **ret_reader, Failure *failure) {
        const char *reader;
        int r;

        r = sd_bus_message_read(message, "s", &reader);
        if (r >= 0)
                r = options_read(message, NULL, 0, failure);
        if (r < 0)
                return r;

        *ret_reader = reader_argument(reader);
        return 0;
}

void batch_arguments_done(BatchRequest *request) {
        json_decref((json_t *) request->records);
        *request = (BatchRequest){};
}

static int batch_records_read(sd_bus_message *message, json_t *records, Failure *failure) {
        const char *type, *id;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(ss)");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_read(message, "(ss)", &type, &id)) > 0) {
                r = record_check_key(type, id, failure);
                if (r < 0) {
                        failure_prefix(failure, "Record %zu of the list", json_array_size(records) + 1);
                        return r;
                }

                if (json_array_append_new(records, json_pack("[ss]", type, id)) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

int batch_arguments_read(sd_bus_message *message, BatchRequest *ret, Failure *failure) {
        _cleanup_(batch_arguments_done) BatchRequest request = {};
        const Option options[] = { { "requested", 'b', &request.requested } };
        json_t *records;
        int r;

        records = json_array();
        if (!records)
                return -ENOMEM;

        request.records = records;
        r = batch_records_read(message, records, failure);
        if (r < 0)
                return r;

        r = sd_bus_message_read(message, "s", &request.target);
        if (r < 0)
                return r;

        r = options_read(message, options, ELEMENTS(options), failure);
        if (r < 0)
                return r;

        if (request.requested == (json_array_size(records) > 0))
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "Give either a list of records, or an empty list with option \"requested\".");

        request.target = reader_argument(request.target);
        *ret = request;
        request.records = NULL;
        return 0;
}

int key_arguments_read(sd_bus_message *message, const char **ret_type, const char **ret_id,
                       Failure *failure) {
        int r;

        r = sd_bus_message_read(message, "ss", ret_type, ret_id);
        if (r < 0)
                return r;

        return record_check_key(*ret_type, *ret_id, failure);
}

int request_arguments_read(sd_bus_message *message, const char **ret_type, const char **ret_id,
                           const char **ret_reason, Failure *failure) {
        int r;

        r = key_arguments_read(message, ret_type, ret_id, failure);
        if (r < 0)
                return r;

        r = sd_bus_message_read(message, "s", ret_reason);
        if (r < 0)
                return r;

        return check_reason(*ret_reason, failure);
}

static int import_mode(const char *name, ImportMode *ret, Failure *failure) {
        static const char *const names[] = {
                [IMPORT_ADD] = "add",
                [IMPORT_MERGE] = "merge",
                [IMPORT_REPLACE] = "replace",
        };

        for (size_t i = 0; i < ELEMENTS(names); i++)
                if (streq(names[i], name)) {
                        *ret = (ImportMode) i;
                        return 0;
                }

        return failure_set(failure, FAILURE_INVALID_ARGS, "mode must be \"add\", \"merge\" or \"replace\".");
}

int import_arguments_read(sd_bus_message *message, ImportArguments *ret, Failure *failure) {
        _cleanup_close_ int descriptor = -1;
        const char *mode = "add";
        const Option options[] = { { "mode", 's', &mode } };
        int r;

        r = descriptor_read(message, O_RDONLY, &descriptor, failure);
        if (r >= 0)
                r = options_read(message, options, ELEMENTS(options), failure);
        if (r >= 0)
                r = import_mode(mode, &ret->mode, failure);
        if (r < 0)
                return r;

        ret->descriptor = TAKE_FD(descriptor);
        return 0;
}

int export_arguments_read(sd_bus_message *message, ExportArguments *ret, Failure *failure) {
        _cleanup_close_ int descriptor = -1;
        ExportArguments arguments = { .descriptor = -1, .type = "" };
        const Option options[] = {
                { "type", 's', &arguments.type },
                { "sealed", 'b', &arguments.sealed },
        };
        int r;

        r = descriptor_read(message, O_WRONLY, &descriptor, failure);
        if (r < 0)
                return r;

        r = options_read(message, options, ELEMENTS(options), failure);
        if (r < 0)
                return r;

        arguments.descriptor = TAKE_FD(descriptor);
        *ret = arguments;
        return 0;
}
