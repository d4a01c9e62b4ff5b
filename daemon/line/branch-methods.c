/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.example.ICReissue.Centre: what a branch may ask. Each method reads its arguments, sees whether this branch may,
 * puts the question, and answers when its callback has come; the answer of a connection that is closed meanwhile is
 * dropped, and the branch asks again. */
#include <inttypes.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "base/log.h"
#include "line/protocol.h"
#include "line/server-private.h"

enum {
        PENDING_MAX = 32,    /* questions of one branch that are being answered: the rest waits outside */
        TEXT_MAX = 512,      /* bytes of a reason */
        SERIAL_MAX = 64,     /* hexadecimal digits of a chip's serial number */
        NUMBER_SECONDS = 600 /* how long the numbers of connections are compared */
};

/* A question that is being answered. */
typedef struct Reply {
        Connection *connection;
        sd_bus_message *message;
        char *branch;         /* its name */
        const char *old_type; /* Extract: of the card that is to be ended too; NULL: of none. The message's */
        bool with_fields, with_record;
} Reply;

static Reply *reply_free(Reply *reply) {
        Connection *connection = reply->connection;

        connection->pending--;
        if (connection->gate)
                gate_hold(connection->gate, connection->pending >= PENDING_MAX);
        connection_flush(connection);
        connection_unref(connection);
        sd_bus_message_unref(reply->message);
        free(reply->branch);
        free(reply);
        return NULL;
}
DEFINE_CLEANUP(Reply *, reply_free)

static int reply_new(Connection *connection, sd_bus_message *message, Reply **ret) {
        Reply *reply = new0(Reply, 1);

        if (!reply)
                return -ENOMEM;

        *reply = (Reply){ .connection = connection_ref(connection),
                          .message = sd_bus_message_ref(message),
                          .branch = strdup(connection->branch->config->name) };
        connection->pending++;
        gate_hold(connection->gate, connection->pending >= PENDING_MAX);
        if (!reply->branch) {
                reply_free(reply);
                return -ENOMEM;
        }

        *ret = reply;
        return 0;
}

/* --- answers --- */

static int set_failure(sd_bus_error *error, const Failure *failure) {
        return sd_bus_error_set(error, failure_name(failure->kind), failure_message(failure));
}

/* The last request, for the two-person rule: by whom, and where unless it was at the branch itself. */
static json_t *last_request(const Record *record, const char *branch) {
        json_t *entry, *last = NULL, *history = json_array();
        const char *station;
        size_t i;

        json_array_foreach(record->history, i, entry) {
                if (streq_null(json_string_value(json_object_get(entry, "event")), "requested"))
                        last = entry;
        }

        if (!last || !history)
                return history;

        station = json_string_value(json_object_get(last, "station"));
        json_array_append_new(history,
                              json_pack("{s:O, s:O, s:O*, s:s*}", "at", json_object_get(last, "at"), "event",
                                        json_object_get(last, "event"), "by", json_object_get(last, "by"),
                                        "station", station && streq(station, branch) ? NULL : station));
        return history;
}

/* Whether the new card needs that field, or the end of the old one. */
static bool needs_field(const Record *record, const Reply *reply, const char *name) {
        const CentreServerOptions *server = &reply->connection->server->options;
        const char *other = json_string_value(json_object_get(record->extraction, "card-type"));

        return server->handlers->needs(other ? other : record->type, record->type, name, server->userdata) ||
               (reply->old_type && server->handlers->discards(reply->old_type, name, server->userdata));
}

/* The fields that are needed; the values are shared. */
static json_t *needed_fields(const Record *record, const Reply *reply) {
        json_t *fields = json_object(), *value;
        const char *name;

        json_object_foreach(record->fields, name, value) {
                if (needs_field(record, reply, name) && json_object_set(fields, name, value) < 0) {
                        json_decref(fields);
                        return NULL;
                }
        }

        return fields;
}

/* What this card needs, and nothing else: who issued the earlier ones, and where, stays here. */
static char *format_for_branch(const Record *record, const Reply *reply) {
        Record trimmed = {
                .type = record->type,
                .id = record->id,
                .issued = record->issued,
                .count = record->count,
                .fields = reply->with_fields ? needed_fields(record, reply) : json_object(),
                .history = reply->with_fields ? last_request(record, reply->branch) : json_array(),
                .extraction = reply->with_fields ? NULL : json_incref(record->extraction),
        };
        char *text = trimmed.fields && trimmed.history ? record_format(&trimmed) : NULL;

        json_decref(trimmed.fields);
        json_decref(trimmed.history);
        json_decref(trimmed.extraction);
        return text;
}

static int answer(Reply *reply, const Record *record) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_string_erase_ char *text = NULL;
        int r;

        r = sd_bus_message_new_method_return(reply->message, &message);
        if (r >= 0)
                r = sd_bus_message_sensitive(message);
        if (r < 0 || !reply->with_record)
                return r < 0 ? r : sd_bus_message_send(message);

        text = format_for_branch(record, reply);
        if (!text)
                return -ENOMEM;

        if (!connection_may_answer(reply->connection, strlen(text)))
                return 0;

        r = sd_bus_message_append(message, "s", text);
        if (r >= 0 && reply->with_fields)
                r = sd_bus_message_append(message, "u", record->count);

        return r < 0 ? r : sd_bus_message_send(message);
}

static int check_type(const Connection *connection, const char *type, Failure *failure) {
        char *const *allowed = connection->branch->config->types;

        if (!allowed)
                return 0;

        for (; *allowed; allowed++)
                if (streq(*allowed, type))
                        return 0;

        return failure_set(
                failure, FAILURE_ACCESS_DENIED,
                "Branch %s may not have cards of type %s; the centre's icreissue.yaml lists its types.",
                connection->branch->config->name, type);
}

static void on_answer(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;
        _cleanup_failure_ Failure denied = {};
        int r;

        if (!reply->connection->server)
                return;

        /* It may have moved to a type that this branch may not have. */
        if (record && !failure_is_set(failure) && check_type(reply->connection, record->type, &denied) < 0)
                failure = &denied;

        if (failure_is_set(failure))
                r = sd_bus_reply_method_errorf(reply->message, failure_name(failure->kind), "%s",
                                               failure_message(failure));
        else
                r = answer(reply, record);
        if (r < 0)
                sd_bus_reply_method_errno(reply->message, r, NULL);
}

/* --- arguments --- */

static int check_record(const Connection *connection, const char *type, const char *id, Failure *failure) {
        int r = record_check_key(type, id, failure);

        return r < 0 ? r : check_type(connection, type, failure);
}

static int check_uuid(const char *uuid, Failure *failure) {
        sd_id128_t id;

        if (strlen(uuid) != SD_ID128_UUID_STRING_MAX - 1 || sd_id128_from_string(uuid, &id) < 0)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The job's UUID is none.");

        return 0;
}

static int check_text(const char *text, Failure *failure) {
        if (strlen(text) > TEXT_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The reason may have %d bytes.", TEXT_MAX);

        return 0;
}

static int check_serial(const char *serial, Failure *failure) {
        size_t length = strlen(serial);

        if (length > SERIAL_MAX || length % 2 != 0 || strspn(serial, "0123456789ABCDEFabcdef") != length)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The chip's serial number is none.");

        return 0;
}

typedef struct Options {
        Actor actor;
        bool request, discard;
        const char *reason;
} Options;

static int read_flag(sd_bus_message *message, bool *ret) {
        int flag = false, r = sd_bus_message_read(message, "v", "b", &flag);

        *ret = r >= 0 && flag;
        return r;
}

/* An option of a newer branch is ignored. */
static int read_option(sd_bus_message *message, Options *options) {
        const char *name;
        uint32_t by;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;

        if (streq(name, "by")) {
                r = sd_bus_message_read(message, "v", "u", &by);
                options->actor.uid = (uid_t) by;
        } else if (streq(name, "request"))
                r = read_flag(message, &options->request);
        else if (streq(name, "discard"))
                r = read_flag(message, &options->discard);
        else if (streq(name, "reason"))
                r = sd_bus_message_read(message, "v", "s", &options->reason);
        else
                r = sd_bus_message_skip(message, "v");

        return r;
}

/* a{sv}. The station is the branch, whatever it says of itself. */
static int read_options(const Connection *connection, sd_bus_message *message, Options *ret) {
        int r;

        *ret = (Options){ .actor = { .uid = (uid_t) -1, .station = connection->branch->config->name },
                          .reason = "" };
        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_option(message, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }

        return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* The end of a method: r is what asking returned. */
static int expect_answer(Reply **reply, int r) {
        if (r < 0)
                return r;

        TAKE_PTR(*reply);
        return 1;
}

/* --- methods --- */

static uint64_t now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t) time.tv_sec * 1000000 + (uint64_t) time.tv_nsec / 1000;
}

/* One connection a branch. Whatever still lies in the older one is closed unread before the newer is served; one that
 * was made earlier and comes later (a slow ssh) is not let in. */
static int take_place(Connection *connection, uint64_t number, sd_bus_error *error) {
        Branch *branch = connection->branch;

        if (branch->number > number && now() - branch->number_at < NUMBER_SECONDS * UINT64_C(1000000)) {
                connection_close_later(connection);
                return sd_bus_error_set(error, failure_name(FAILURE_LINE_DOWN),
                                        "A newer connection of this branch was made meanwhile.");
        }

        if (branch->connection && branch->connection != connection)
                connection_close(branch->connection);

        if (branch->connection != connection)
                record_now(branch->since);
        branch->connection = connection;
        branch->number = number;
        branch->number_at = now();
        return 0;
}

static int method_hello(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        uint32_t major, minor;
        const char *release;
        uint64_t number;
        int r;

        r = sd_bus_message_read(message, "uuts", &major, &minor, &number, &release);
        if (r < 0)
                return r;

        if (major != LINE_MAJOR) {
                connection_complain(connection, "it speaks version %" PRIu32 " of the line, this centre %d",
                                    major, LINE_MAJOR);
                return sd_bus_error_setf(
                        error, failure_name(FAILURE_LINE_DOWN),
                        "The centre speaks version %d of the line, the branch version %" PRIu32
                        ". Install the same major version of icreissue on both.",
                        LINE_MAJOR, major);
        }

        r = take_place(connection, number, error);
        if (r < 0)
                return r;

        connection->greeted = true;
        connection->patience = sd_event_source_disable_unref(connection->patience);
        return sd_bus_reply_method_return(message, "uuss", LINE_MAJOR, LINE_MINOR,
                                          connection->server->options.config->station,
                                          connection->branch->config->name);
}

static int method_extract(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        const CentreServerOptions *server = &connection->server->options;
        const char *card_type;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        ExtractRequest request = {};
        Options options;
        int r;

        r = sd_bus_message_read(message, "ssss", &request.type, &request.id, &request.job_uuid, &card_type);
        if (r >= 0)
                r = read_options(connection, message, &options);
        if (r < 0)
                return r;

        if (check_record(connection, request.type, request.id, &failure) < 0 ||
            check_record(connection, card_type, request.id, &failure) < 0 ||
            check_uuid(request.job_uuid, &failure) < 0 || check_text(options.reason, &failure) < 0)
                return set_failure(error, &failure);

        r = reply_new(connection, message, &reply);
        if (r < 0)
                return r;

        reply->with_record = reply->with_fields = true;
        reply->old_type = options.discard ? request.type : NULL;
        request.card_type = streq(card_type, request.type) ? NULL : card_type;
        request.request = options.request;
        request.reason = options.reason;
        request.actor = options.actor;
        return expect_answer(&reply, server->handlers->extract(connection->branch->config, &request,
                                                               on_answer, reply, server->userdata));
}

static int method_confirm(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        const CentreServerOptions *server = &connection->server->options;
        const char *job_uuid, *type, *id, *serial;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        Options options;
        uint32_t count;
        int r;

        r = sd_bus_message_read(message, "sssus", &job_uuid, &type, &id, &count, &serial);
        if (r >= 0)
                r = read_options(connection, message, &options);
        if (r < 0)
                return r;

        /* The card is there: that its type is no longer one of the branch's does not undo it. */
        if (record_check_key(type, id, &failure) < 0 || check_uuid(job_uuid, &failure) < 0 ||
            check_serial(serial, &failure) < 0)
                return set_failure(error, &failure);

        r = reply_new(connection, message, &reply);
        if (r < 0)
                return r;

        return expect_answer(&reply, server->handlers->confirm(connection->branch->config, job_uuid, type, id,
                                                               count, serial, &options.actor, on_answer,
                                                               reply, server->userdata));
}

static int method_abandon(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        const CentreServerOptions *server = &connection->server->options;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *job_uuid, *reason;
        Options options;
        int card_written, r;

        r = sd_bus_message_read(message, "sbs", &job_uuid, &card_written, &reason);
        if (r >= 0)
                r = read_options(connection, message, &options);
        if (r < 0)
                return r;

        if (check_uuid(job_uuid, &failure) < 0 || check_text(reason, &failure) < 0)
                return set_failure(error, &failure);

        r = reply_new(connection, message, &reply);
        if (r < 0)
                return r;

        return expect_answer(&reply, server->handlers->abandon(connection->branch->config, job_uuid,
                                                               card_written, reason, &options.actor,
                                                               on_answer, reply, server->userdata));
}

static int method_look(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *type, *id;
        int r;

        r = sd_bus_message_read(message, "ss", &type, &id);
        if (r < 0)
                return r;

        if (check_record(connection, type, id, &failure) < 0)
                return set_failure(error, &failure);

        r = reply_new(connection, message, &reply);
        if (r < 0)
                return r;

        reply->with_record = true;
        return expect_answer(&reply,
                             centre_look(connection->server->options.centre, type, id, on_answer, reply));
}

static int method_request(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *type, *id, *reason;
        Options options;
        int r;

        r = sd_bus_message_read(message, "sss", &type, &id, &reason);
        if (r >= 0)
                r = read_options(connection, message, &options);
        if (r < 0)
                return r;

        if (check_record(connection, type, id, &failure) < 0 || check_text(reason, &failure) < 0)
                return set_failure(error, &failure);

        r = reply_new(connection, message, &reply);
        if (r < 0)
                return r;

        return expect_answer(&reply, centre_request(connection->server->options.centre, type, id, reason,
                                                    &options.actor, on_answer, reply));
}

static int method_withdraw(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Connection *connection = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *type, *id;
        Options options;
        int r;

        r = sd_bus_message_read(message, "ss", &type, &id);
        if (r >= 0)
                r = read_options(connection, message, &options);
        if (r < 0)
                return r;

        if (check_record(connection, type, id, &failure) < 0)
                return set_failure(error, &failure);

        r = reply_new(connection, message, &reply);
        if (r < 0)
                return r;

        return expect_answer(&reply, centre_withdraw(connection->server->options.centre, type, id,
                                                     &options.actor, on_answer, reply));
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Hello", SD_BUS_ARGS("u", major, "u", minor, "t", connection, "s", release),
                                SD_BUS_RESULT("u", major, "u", minor, "s", station, "s", branch),
                                method_hello, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Extract", SD_BUS_ARGS("s", type, "s", id, "s", job_uuid, "s", card_type, "a{sv}", options),
                SD_BUS_RESULT("s", issuance_data, "u", count), method_extract,
                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Confirm",
                                SD_BUS_ARGS("s", job_uuid, "s", type, "s", id, "u", count, "s", chip_serial,
                                            "a{sv}", options),
                                SD_BUS_NO_RESULT, method_confirm,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Abandon",
                                SD_BUS_ARGS("s", job_uuid, "b", card_written, "s", reason, "a{sv}", options),
                                SD_BUS_NO_RESULT, method_abandon, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Look", SD_BUS_ARGS("s", type, "s", id), SD_BUS_RESULT("s", record),
                                method_look, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Request", SD_BUS_ARGS("s", type, "s", id, "s", reason, "a{sv}", options),
                                SD_BUS_NO_RESULT, method_request,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Withdraw", SD_BUS_ARGS("s", type, "s", id, "a{sv}", options),
                                SD_BUS_NO_RESULT, method_withdraw,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_VTABLE_END,
};

const sd_bus_vtable *branch_vtable(void) {
        return vtable;
}
