/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that start a job: each answers with its path when the job is durable. ReadCard alone asks the reader
 * itself. */
#include <fcntl.h>

#include "bus/arguments.h"
#include "bus/context.h"
#include "bus/job-object.h"
#include "bus/methods.h"
#include "bus/options.h"
#include "bus/reply.h"

/* A job that an answer names is on the bus before. */
static int answer_job(Reply *reply, Job *job) {
        char path[JOB_PATH_MAX];
        int r;

        job_object_path(job, path);
        r = publisher_add(reply->api->jobs, path, job);
        if (r < 0)
                return r;

        publisher_say(reply->api->jobs, path);
        return sd_bus_reply_method_return(reply->message, "o", path);
}

static void on_job(Job *job, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, job ? answer_job(reply, job) : reply_failure(reply, failure));
}

/* A blank has no ID. */
static int answer_card(Reply *reply, const CardFacts *facts) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = reply_message_new(reply, &answer);
        if (r < 0)
                return r;

        r = sd_bus_message_append(answer, "ss", facts->type ? facts->type : "", facts->id ? facts->id : "");
        if (r < 0)
                return r;

        return sd_bus_message_send(answer);
}

static void on_card(const CardFacts *facts, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, facts ? answer_card(reply, facts) : reply_failure(reply, failure));
}

int method_read_card(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        Reader *reader;
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;

        r = job_engine_reader(published->api->parts->engine, reader_argument(name), &reader, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = reader_read(reader, on_card, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_reissue(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        ReissueRequest request;
        int r;

        r = reissue_arguments_read(message, &request, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        request.owner = authority_caller(api->authority, message);
        r = job_engine_reissue(api->parts->engine, &request, on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_issue(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        IssueRequest request;
        int r;

        r = issue_arguments_read(message, &request, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        request.owner = authority_caller(api->authority, message);
        r = job_engine_issue(api->parts->engine, &request, on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_start_batch(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(batch_arguments_done) BatchRequest request = {};
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = batch_arguments_read(message, &request, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        request.owner = authority_caller(api->authority, message);
        r = job_engine_batch(api->parts->engine, &request, on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_discard(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        const char *reader;
        int r;

        r = discard_arguments_read(message, &reader, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = job_engine_discard(api->parts->engine, reader, authority_caller(api->authority, message), on_job,
                               reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_import_records(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        ImportArguments arguments;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = import_arguments_read(message, &arguments, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0) {
                close(arguments.descriptor);
                return r;
        }

        r = job_engine_import(api->parts->engine, arguments.descriptor, arguments.mode,
                              authority_caller(api->authority, message), on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_export_records(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        ExportArguments arguments;
        int r;

        r = check_file(published, error);
        if (r < 0)
                return r;

        r = export_arguments_read(message, &arguments, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0) {
                close(arguments.descriptor);
                return r;
        }

        r = job_engine_export(api->parts->engine, arguments.descriptor, arguments.type, arguments.sealed,
                              authority_caller(api->authority, message), on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

typedef int (*CareCall)(JobEngine *engine, uid_t owner, JobAnswer done, void *userdata, Failure *failure);

static int call_care(sd_bus_message *message, const Published *published, CareCall call,
                     sd_bus_error *error) {
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = call(api->parts->engine, authority_caller(api->authority, message), on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_check_store(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return call_care(message, userdata, job_engine_check, error);
}

int method_rotate_key(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return call_care(message, userdata, job_engine_rotate_key, error);
}

int method_backup_store(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_close_ int directory = -1;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = directory_read(message, &directory, &failure);
        if (r < 0)
                return error_set_failure(error, r, &failure);

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = job_engine_backup(api->parts->engine, TAKE_FD(directory),
                              authority_caller(api->authority, message), on_job, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}
