/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The main object's vtable, its properties and signals, and the methods about the service itself. */
#include "bus/root-object.h"

#include "bus/context.h"
#include "bus/job-object.h"
#include "bus/methods.h"
#include "bus/reply.h"

/* Goes up with each addition to the interfaces; nothing is ever changed or removed. */
enum { API_VERSION = 7 };

void root_object_card_inserted(Api *api, const char *reader_path, const char *type) {
        sd_bus_emit_signal(api->parts->bus, API_PATH, API_NAME, "CardInserted", "os", reader_path, type);
}

void root_object_card_removed(Api *api, const char *reader_path) {
        sd_bus_emit_signal(api->parts->bus, API_PATH, API_NAME, "CardRemoved", "o", reader_path);
}

void root_object_automatic_refused(Api *api, const char *reader_path, const Failure *failure) {
        sd_bus_emit_signal(api->parts->bus, API_PATH, API_NAME, "AutomaticRefused", "oss", reader_path,
                           failure_name(failure->kind), failure_message(failure));
}

void root_object_reissued(Api *api, const Job *job, const char *type, uint32_t count) {
        char path[JOB_PATH_MAX];

        job_object_path(job, path);
        publisher_say(api->jobs, path);
        sd_bus_emit_signal(api->parts->bus, API_PATH, API_NAME, "Reissued", "osu", path, type, count);
}

static PropertyValue read_version(const void *object _unused_) {
        return PROPERTY_TEXT(PACKAGE_VERSION);
}

static PropertyValue read_role(const void *object) {
        const Api *api = object;

        return PROPERTY_TEXT(role_name(api->parts->role));
}

static PropertyValue read_line_state(const void *object) {
        const Api *api = object;

        return PROPERTY_TEXT(line_state_name(centre_line_state(api->parts->centre)));
}

static PropertyValue read_automatic(const void *object) {
        const Api *api = object;

        return PROPERTY_BOOLEAN(job_engine_automatic(api->parts->engine));
}

static PropertyValue read_record_count(const void *object) {
        const Api *api = object;

        return PROPERTY_NUMBER64(issuance_file_count(api->parts->issuance));
}

static PropertyValue read_api_version(const void *object _unused_) {
        return PROPERTY_NUMBER(API_VERSION);
}

static const PropertyRow root_properties[] = {
        { "Version", read_version },          { "Role", read_role },
        { "LineState", read_line_state },     { "Automatic", read_automatic },
        { "RecordCount", read_record_count }, { "ApiVersion", read_api_version },
};

static int set_automatic(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                         const char *property _unused_, sd_bus_message *value, void *userdata,
                         sd_bus_error *error _unused_) {
        const Published *published = userdata;
        int automatic, r;

        r = sd_bus_message_read(value, "b", &automatic);
        if (r < 0)
                return r;

        job_engine_set_automatic(published->api->parts->engine, automatic);
        publisher_say(published->api->root, published->path);
        return 0;
}

static int append_card_types(sd_bus_message *message, const Catalogue *catalogue) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "(ssas)");
        if (r < 0)
                return r;

        for (size_t i = 0; i < catalogue_type_count(catalogue); i++) {
                const char *type = catalogue_type(catalogue, i);
                const Profile *profile = catalogue_profile(catalogue, type);

                r = sd_bus_message_open_container(message, 'r', "ssas");
                if (r >= 0)
                        r = sd_bus_message_append(message, "ss", type, profile_description(profile));
                if (r >= 0)
                        r = sd_bus_message_append_strv(message, (char **) profile_abilities(profile));
                if (r >= 0)
                        r = sd_bus_message_close_container(message);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int method_list_card_types(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        const Published *published = userdata;
        int r;

        r = sd_bus_message_new_method_return(message, &answer);
        if (r < 0)
                return r;

        r = append_card_types(answer, published->api->parts->catalogue);
        if (r < 0)
                return r;

        return sd_bus_message_send(answer);
}

static void on_reloaded(const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        publisher_say(reply->api->root, API_PATH);
        reply_end(reply, failure_is_set(failure) ? reply_failure(reply, failure)
                                                 : sd_bus_reply_method_return(reply->message, NULL));
}

static int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        const Published *published = userdata;
        const ApiParts *parts = published->api->parts;
        Reply *reply;
        int r;

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        parts->reload(on_reloaded, reply, parts->userdata);
        return 1;
}

static const sd_bus_vtable root_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("ReadCard", SD_BUS_ARGS("s", reader), SD_BUS_RESULT("s", type, "s", id),
                                method_read_card, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_METHOD_WITH_ARGS("GetRecord", SD_BUS_ARGS("s", type, "s", id), SD_BUS_RESULT("a{sv}", record),
                                method_get_record, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListRecords", SD_BUS_ARGS("s", type, "s", cursor, "u", limit),
                                SD_BUS_RESULT("a(ssub)", records, "s", next_cursor), method_list_records,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("FindRecords", SD_BUS_ARGS("s", field, "s", value),
                                SD_BUS_RESULT("a(ssub)", records), method_find_records,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PutRecord", SD_BUS_ARGS("a{sv}", record), SD_BUS_NO_RESULT,
                                method_put_record, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveRecord", SD_BUS_ARGS("s", type, "s", id), SD_BUS_NO_RESULT,
                                method_remove_record, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ImportRecords", SD_BUS_ARGS("h", file, "a{sv}", options),
                                SD_BUS_RESULT("o", job), method_import_records, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ExportRecords", SD_BUS_ARGS("h", file, "a{sv}", options),
                                SD_BUS_RESULT("o", job), method_export_records, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RequestReissue", SD_BUS_ARGS("s", type, "s", id, "s", reason),
                                SD_BUS_NO_RESULT, method_request_reissue, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("WithdrawRequest", SD_BUS_ARGS("s", type, "s", id), SD_BUS_NO_RESULT,
                                method_withdraw_request, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_METHOD_WITH_ARGS("Reissue", SD_BUS_ARGS("s", source, "s", target, "a{sv}", options),
                                SD_BUS_RESULT("o", job), method_reissue, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Issue", SD_BUS_ARGS("s", type, "s", id, "s", target, "a{sv}", options),
                                SD_BUS_RESULT("o", job), method_issue, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartBatch", SD_BUS_ARGS("a(ss)", records, "s", target, "a{sv}", options),
                                SD_BUS_RESULT("o", job), method_start_batch, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_METHOD_WITH_ARGS("Discard", SD_BUS_ARGS("s", reader, "a{sv}", options),
                                SD_BUS_RESULT("o", job), method_discard, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDiscarded", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", cards),
                                method_list_discarded, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmDiscarded", SD_BUS_ARGS("t", job), SD_BUS_NO_RESULT,
                                method_confirm_discarded, SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_METHOD_WITH_ARGS("ListCardTypes", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssas)", types),
                                method_list_card_types, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDesigns", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ss)", designs),
                                method_list_designs, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetDesign", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a{sv}", design),
                                method_get_design, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RenderDesign", SD_BUS_ARGS("s", design, "s", type, "s", id, "u", dpi),
                                SD_BUS_RESULT("h", png), method_render_design, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CheckLine", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", centre, "t", microseconds),
                                method_check_line, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListBranches", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", branches),
                                method_list_branches, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
                                SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_METHOD_WITH_ARGS("CheckStore", SD_BUS_NO_ARGS, SD_BUS_RESULT("o", job), method_check_store,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("BackupStore", SD_BUS_ARGS("h", directory), SD_BUS_RESULT("o", job),
                                method_backup_store, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RotateKey", SD_BUS_NO_ARGS, SD_BUS_RESULT("o", job), method_rotate_key,
                                SD_BUS_VTABLE_UNPRIVILEGED),

        SD_BUS_SIGNAL_WITH_ARGS("CardInserted", SD_BUS_ARGS("o", reader, "s", type), 0),
        SD_BUS_SIGNAL_WITH_ARGS("CardRemoved", SD_BUS_ARGS("o", reader), 0),
        SD_BUS_SIGNAL_WITH_ARGS("AutomaticRefused", SD_BUS_ARGS("o", reader, "s", error, "s", message), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Reissued", SD_BUS_ARGS("o", job, "s", type, "u", count), 0),

        SD_BUS_PROPERTY("Version", "s", publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Role", "s", publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("LineState", "s", publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_WRITABLE_PROPERTY("Automatic", "b", publisher_property_get, set_automatic, 0,
                                 SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("RecordCount", "t", publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ApiVersion", "u", publisher_property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

const PublisherKind root_object_kind = {
        .prefix = API_PATH,
        .single = true,
        .interface = API_NAME,
        .vtable = root_vtable,
        .properties = root_properties,
        .property_count = ELEMENTS(root_properties),
};
