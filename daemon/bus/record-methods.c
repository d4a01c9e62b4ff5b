/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods on records: each asks the issuance file, or the job engine where the record must first be held against
 * its profile, and answers when the callback comes. */
#include "bus/arguments.h"
#include "bus/context.h"
#include "bus/methods.h"
#include "bus/record-message.h"
#include "bus/reply.h"

#include "base/log.h"

enum { LIST_LIMIT = 1000 };

int check_file(const Published *published, sd_bus_error *error) {
        const ApiParts *parts = published->api->parts;

        if (parts->role != ROLE_BRANCH)
                return 0;

        return sd_bus_error_setf(error, failure_name(FAILURE_ACCESS_DENIED),
                                 "This station is a branch: the records are kept at %s. Manage them there.",
                                 parts->centre_name);
}

static int answer_record(Reply *reply, const Record *record) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        const Catalogue *catalogue = reply->api->parts->catalogue;
        int r;

        r = reply_message_new(reply, &answer);
        if (r < 0)
                return r;

        r = record_message_append(answer, record, catalogue_profile(catalogue, record->type));
        if (r < 0)
                return r;

        return sd_bus_message_send(answer);
}

static void on_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, record ? answer_record(reply, record) : reply_failure(reply, failure));
}

/* The end of a change: the caller learns that it is durable, and everyone the number of records. */
static void on_changed(const Record *record _unused_, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        api_root_changed(reply->api);
        reply_end(reply, failure_is_set(failure) ? reply_failure(reply, failure)
                                                 : sd_bus_reply_method_return(reply->message, NULL));
}

/* As on_changed(), in the journal too. */
static void on_put(const Record *record, const Failure *failure, void *userdata) {
        if (!failure_is_set(failure))
                log_event(LOG_RECORD_CHANGED, &(LogSubject){ .card_type = record ? record->type : NULL },
                          "A record was enrolled or changed.");
        on_changed(record, failure, userdata);
}

static void on_removed(const Record *record, const Failure *failure, void *userdata) {
        if (!failure_is_set(failure))
                log_event(LOG_RECORD_CHANGED, NULL, "A record was removed.");
        on_changed(record, failure, userdata);
}

static void on_requested(const Record *record, const Failure *failure, void *userdata) {
        if (!failure_is_set(failure))
                log_event(LOG_RECORD_REQUESTED, &(LogSubject){ .card_type = record ? record->type : NULL },
                          "A reissue was requested.");
        on_changed(record, failure, userdata);
}

static void on_withdrawn(const Record *record, const Failure *failure, void *userdata) {
        if (!failure_is_set(failure))
                log_event(LOG_RECORD_CHANGED, &(LogSubject){ .card_type = record ? record->type : NULL },
                          "The request for a reissue was withdrawn.");
        on_changed(record, failure, userdata);
}

int method_get_record(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *type, *id;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = key_arguments_read(message, &type, &id, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = issuance_file_get(published->api->parts->issuance, type, id, on_record, reply);
        return reply_expect(&reply, r, &failure, error);
}

static int answer_rows(Reply *reply, const RecordRow *rows, size_t count, const char *next_cursor) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = reply_message_new(reply, &answer);
        if (r < 0)
                return r;

        r = record_rows_append(answer, rows, count, NULL, NULL);
        if (r < 0)
                return r;

        r = sd_bus_message_append(answer, "s", next_cursor);
        if (r < 0)
                return r;

        return sd_bus_message_send(answer);
}

static void on_rows(const RecordRow *rows, size_t count, const char *next_cursor, const Failure *failure,
                    void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, failure_is_set(failure) ? reply_failure(reply, failure)
                                                 : answer_rows(reply, rows, count, next_cursor));
}

int method_list_records(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *type, *cursor;
        uint32_t limit;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = sd_bus_message_read(message, "ssu", &type, &cursor, &limit);
        if (r < 0)
                return r;

        if (limit < 1 || limit > LIST_LIMIT)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The limit must be 1 to %d.",
                                         LIST_LIMIT);

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = issuance_file_list(published->api->parts->issuance, type, cursor, limit, on_rows, reply);
        return reply_expect(&reply, r, &failure, error);
}

/* What FindRecords waits with: which field was asked for. */
typedef struct FindReply {
        Reply *reply;
        char *field;
} FindReply;

static FindReply *find_reply_free(FindReply *find) {
        reply_free(find->reply);
        free(find->field);
        free(find);
        return NULL;
}
DEFINE_CLEANUP(FindReply *, find_reply_free)

static int find_reply_new(Api *api, sd_bus_message *message, const char *field, FindReply **ret) {
        _cleanup_(find_reply_freep) FindReply *find = new0(FindReply, 1);
        int r;

        if (!find)
                return -ENOMEM;

        find->field = strdup(field);
        if (!find->field)
                return -ENOMEM;

        r = reply_new(api, message, &find->reply);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(find);
        return 0;
}

/* A field that a type's profile does not index, or keeps secret, finds no record of that type: the method would tell
 * whether a guess at it is right. */
static bool field_is_searched(const Catalogue *catalogue, const char *type, const char *field) {
        const Profile *profile = catalogue_profile(catalogue, type);

        return profile && profile_field_is_indexed(profile, field) &&
               !profile_field_is_secret(profile, field);
}

static bool row_is_found(const RecordRow *row, const void *userdata) {
        const FindReply *find = userdata;

        return field_is_searched(find->reply->api->parts->catalogue, row->type, find->field);
}

static int answer_found(FindReply *find, const RecordRow *rows, size_t count) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = reply_message_new(find->reply, &answer);
        if (r < 0)
                return r;

        r = record_rows_append(answer, rows, count, row_is_found, find);
        if (r < 0)
                return r;

        return sd_bus_message_send(answer);
}

static void on_found(const RecordRow *rows, size_t count, const char *next_cursor _unused_,
                     const Failure *failure, void *userdata) {
        _cleanup_(find_reply_freep) FindReply *find = userdata;

        reply_end(find->reply, failure_is_set(failure) ? reply_failure(find->reply, failure)
                                                       : answer_found(find, rows, count));
}

static bool field_is_searched_anywhere(const Catalogue *catalogue, const char *field) {
        for (size_t i = 0; i < catalogue_type_count(catalogue); i++)
                if (field_is_searched(catalogue, catalogue_type(catalogue, i), field))
                        return true;

        return false;
}

int method_find_records(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        const ApiParts *parts = published->api->parts;
        _cleanup_(find_reply_freep) FindReply *find = NULL;
        const char *field, *value;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = sd_bus_message_read(message, "ss", &field, &value);
        if (r < 0)
                return r;

        if (!field_is_searched_anywhere(parts->catalogue, field))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "No card profile marks a field of that name with \"index: true\".");

        r = find_reply_new(published->api, message, field, &find);
        if (r < 0)
                return r;

        r = issuance_file_find(parts->issuance, field, value, on_found, find);
        if (r < 0)
                return r;

        TAKE_PTR(find);
        return 1;
}

int method_put_record(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const Actor actor = api_actor(api, message);
        json_t *record;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = record_message_read(message, &record, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r >= 0)
                r = job_engine_put_record(api->parts->engine, record, &actor, on_put, reply, &failure);
        json_decref(record);
        return reply_expect(&reply, r, &failure, error);
}

int method_remove_record(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *type, *id;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = key_arguments_read(message, &type, &id, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = issuance_file_remove(api->parts->issuance, type, id, on_removed, reply);
        return reply_expect(&reply, r, &failure, error);
}

int method_request_reissue(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const Actor actor = api_actor(api, message);
        const char *type, *id, *reason;
        int r;

        r = request_arguments_read(message, &type, &id, &reason, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = centre_request(api->parts->centre, type, id, reason, &actor, on_requested, reply);
        return reply_expect(&reply, r, &failure, error);
}

int method_withdraw_request(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const Actor actor = api_actor(api, message);
        const char *type, *id;
        int r;

        r = key_arguments_read(message, &type, &id, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = centre_withdraw(api->parts->centre, type, id, &actor, on_withdrawn, reply);
        return reply_expect(&reply, r, &failure, error);
}
