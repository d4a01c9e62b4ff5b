/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translates a job's state into properties, and its methods into calls of the job engine. Who may call them is
 * access.c's. */
#include "bus/job-object.h"

#include <inttypes.h>
#include <stdio.h>

#include "bus/context.h"
#include "bus/methods.h"
#include "bus/reply.h"
#include "bus/variant.h"

void job_object_path(const Job *job, char path[static JOB_PATH_MAX]) {
        snprintf(path, JOB_PATH_MAX, JOB_PATH "/%" PRIu64, job_number(job));
}

void job_object_finished(Api *api, const Job *job, bool success) {
        char path[JOB_PATH_MAX];

        job_object_path(job, path);
        publisher_say(api->jobs, path);
        sd_bus_emit_signal(api->parts->bus, path, JOB_INTERFACE, "Finished", "b", (int) success);
}

static PropertyValue read_number(const void *job) {
        return PROPERTY_NUMBER64(job_number(job));
}

static PropertyValue read_kind(const void *job) {
        return PROPERTY_TEXT(job_kind_name(job_kind(job)));
}

static PropertyValue read_state(const void *job) {
        return PROPERTY_TEXT(job_state_name(job_state(job)));
}

static PropertyValue read_advice(const void *job) {
        return PROPERTY_TEXT(job_advice(job));
}

static PropertyValue read_progress(const void *job) {
        return PROPERTY_FRACTION(job_progress(job));
}

static PropertyValue read_card_type(const void *job) {
        return PROPERTY_TEXT(job_card_type(job));
}

static PropertyValue read_count(const void *job) {
        return PROPERTY_NUMBER(job_count(job));
}

static PropertyValue read_design(const void *job) {
        return PROPERTY_TEXT(job_design(job));
}

static PropertyValue read_receipt(const void *job) {
        return PROPERTY_TEXT(job_receipt(job));
}

static PropertyValue read_source(const void *job) {
        return PROPERTY_TEXT(job_source(job));
}

static PropertyValue read_target(const void *job) {
        return PROPERTY_TEXT(job_target(job));
}

static PropertyValue read_error_name(const void *job) {
        return PROPERTY_TEXT(failure_name(job_error(job)));
}

static PropertyValue read_error_message(const void *job) {
        return PROPERTY_TEXT(job_error_message(job));
}

static PropertyValue read_uuid(const void *job) {
        return PROPERTY_TEXT(job_uuid(job));
}

static PropertyValue read_owner(const void *job) {
        return PROPERTY_NUMBER((uint32_t) job_owner(job));
}

static PropertyValue read_total(const void *job) {
        return PROPERTY_NUMBER(job_tally(job).total);
}

static PropertyValue read_done(const void *job) {
        return PROPERTY_NUMBER(job_tally(job).done);
}

static PropertyValue read_failed(const void *job) {
        return PROPERTY_NUMBER(job_tally(job).failed);
}

static PropertyValue read_spoiled(const void *job) {
        return PROPERTY_NUMBER(job_tally(job).spoiled);
}

static const PropertyRow job_properties[] = {
        { "Number", read_number },
        { "Kind", read_kind },
        { "State", read_state },
        { "Advice", read_advice },
        { "Progress", read_progress },
        { "CardType", read_card_type },
        { "Count", read_count },
        { "Design", read_design },
        { "Receipt", read_receipt },
        { "Source", read_source },
        { "Target", read_target },
        { "ErrorName", read_error_name },
        { "ErrorMessage", read_error_message },
        { "UUID", read_uuid },
        { "Owner", read_owner },
        { "Total", read_total },
        { "Done", read_done },
        { "Failed", read_failed },
        { "Spoiled", read_spoiled },
};

/* The children are jobs on the bus: their paths. */
static int append_children(sd_bus_message *message, const json_t *children) {
        int r;

        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", "children");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "ao");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "o");
        if (r < 0)
                return r;

        for (size_t i = 0; i < json_array_size(children); i++) {
                char path[JOB_PATH_MAX];

                snprintf(path, sizeof(path), JOB_PATH "/%" JSON_INTEGER_FORMAT,
                         json_integer_value(json_array_get(children, i)));
                r = sd_bus_message_append(message, "o", path);
                if (r < 0)
                        return r;
        }

        for (unsigned i = 0; i < 3; i++) {
                r = sd_bus_message_close_container(message);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int append_description(sd_bus_message *message, const json_t *description) {
        const char *name;
        json_t *value;
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        json_object_foreach((json_t *) description, name, value) {
                bool rows = streq(name, "report") || streq(name, "records");

                if (streq(name, "children"))
                        r = append_children(message, value);
                else
                        r = variant_append_member(message, name, value, rows ? "aa{sv}" : "as");
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int method_describe(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        const Published *published = userdata;
        Reply reply = { .api = published->api, .message = message };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        json_t *description;
        int r;

        description = job_describe(published->object);
        if (!description)
                return -ENOMEM;

        r = reply_message_new(&reply, &answer);
        if (r >= 0)
                r = append_description(answer, description);
        json_decref(description);
        if (r < 0)
                return r;

        return sd_bus_message_send(answer);
}

/* The job's new state is said before the answer. */
static void on_job_answer(Job *job, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;
        char path[JOB_PATH_MAX];

        if (!job) {
                reply_end(reply, reply_failure(reply, failure));
                return;
        }

        job_object_path(job, path);
        publisher_say(reply->api->jobs, path);
        reply_end(reply, sd_bus_reply_method_return(reply->message, NULL));
}

typedef int (*JobCall)(Job *job, JobAnswer done, void *userdata, Failure *failure);

static int call_job(sd_bus_message *message, const Published *published, JobCall call, sd_bus_error *error) {
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = call(published->object, on_job_answer, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return call_job(message, userdata, job_cancel, error);
}

static int method_retry(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return call_job(message, userdata, job_retry, error);
}

static int method_pause(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return call_job(message, userdata, job_pause, error);
}

static int method_resume(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return call_job(message, userdata, job_resume, error);
}

static void on_receipt(int pdf, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, failure_is_set(failure) ? reply_failure(reply, failure)
                                                 : sd_bus_reply_method_return(reply->message, "h", pdf));
}

static int method_get_receipt(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = job_draw_receipt(published->object, on_receipt, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

#define CONSTANT(name, type) \
        SD_BUS_PROPERTY(name, type, publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST)
#define CHANGING(name, type) \
        SD_BUS_PROPERTY(name, type, publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", description),
                                method_describe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetReceipt", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", pdf), method_get_receipt,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Retry", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_retry,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmDiscarded", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                                method_confirm_job_discarded, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Pause", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_pause,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Resume", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_resume,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Finished", SD_BUS_ARGS("b", success), 0),
        CONSTANT("Number", "t"),
        CONSTANT("Kind", "s"),
        CHANGING("State", "s"),
        CHANGING("Advice", "s"),
        CHANGING("Progress", "d"),
        CHANGING("CardType", "s"),
        CHANGING("Count", "u"),
        CHANGING("Design", "s"),
        CHANGING("Receipt", "s"),
        CHANGING("Source", "s"),
        CHANGING("Target", "s"),
        CHANGING("ErrorName", "s"),
        CHANGING("ErrorMessage", "s"),
        CHANGING("UUID", "s"),
        CONSTANT("Owner", "u"),
        CHANGING("Total", "u"),
        CHANGING("Done", "u"),
        CHANGING("Failed", "u"),
        CHANGING("Spoiled", "u"),
        SD_BUS_VTABLE_END,
};

const PublisherKind job_object_kind = {
        .prefix = JOB_PATH,
        .interface = JOB_INTERFACE,
        .vtable = job_vtable,
        .properties = job_properties,
        .property_count = ELEMENTS(job_properties),
};
