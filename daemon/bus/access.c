/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks up what a message needs, and reads the details out of its arguments. Arguments that are wrong give no details;
 * the method itself complains of them, once it is permitted. */
#include "bus/access.h"

#include "bus/arguments.h"
#include "bus/context.h"

/* Fills details (and actions, where the row has none); the message is at its first argument. */
typedef int (*AccessDetails)(Api *api, sd_bus_message *message, AuthorityNeed *need);

static int copy_text(const char *text, char **ret) {
        if (!text || text[0] == '\0')
                return 0;

        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* The reader's own name, by whatever name the caller knows it, so that a rule cannot be passed by under another one. */
static int reader_detail(Api *api, const char *name, AuthorityNeed *need) {
        Reader *reader;

        if (job_engine_reader(api->parts->engine, reader_argument(name), &reader, NULL) < 0)
                return 0;

        return copy_text(reader_name(reader), &need->reader);
}

/* The reader, and the type of the card in it. */
static int card_details(Api *api, const char *name, AuthorityNeed *need) {
        const CardFacts *facts;
        Reader *reader;
        int r;

        if (job_engine_reader(api->parts->engine, reader_argument(name), &reader, NULL) < 0)
                return 0;

        facts = reader_card(reader);
        r = copy_text(facts ? facts->type : NULL, &need->type);
        return r < 0 ? r : copy_text(reader_name(reader), &need->reader);
}

static int details_reader(Api *api, sd_bus_message *message, AuthorityNeed *need) {
        const char *name;

        if (sd_bus_message_read(message, "s", &name) < 0)
                return 0;

        return card_details(api, name, need);
}

static int details_type(Api *api _unused_, sd_bus_message *message, AuthorityNeed *need) {
        const char *type;

        if (sd_bus_message_read(message, "s", &type) < 0)
                return 0;

        return copy_text(type, &need->type);
}

/* RenderDesign: the type follows the design. */
static int details_render(Api *api _unused_, sd_bus_message *message, AuthorityNeed *need) {
        const char *type;

        if (sd_bus_message_skip(message, "s") < 0 || sd_bus_message_read(message, "s", &type) < 0)
                return 0;

        return copy_text(type, &need->type);
}

static int details_request(Api *api _unused_, sd_bus_message *message, AuthorityNeed *need) {
        const char *type, *id, *reason;
        int r;

        if (request_arguments_read(message, &type, &id, &reason, NULL) < 0)
                return 0;

        r = copy_text(type, &need->type);
        return r < 0 ? r : copy_text(reason, &need->reason);
}

static int details_reissue(Api *api, sd_bus_message *message, AuthorityNeed *need) {
        ReissueRequest request;
        int r;

        if (reissue_arguments_read(message, &request, NULL) < 0)
                return 0;

        /* Each that is asked for needs its own permission. */
        if (request.request)
                need->actions[1] = ACTION_REQUEST_REISSUE;
        if (request.discard)
                need->actions[request.request ? 2 : 1] = ACTION_DISCARD;

        r = copy_text(request.reason, &need->reason);
        return r < 0 ? r : card_details(api, request.source, need);
}

static int details_issue(Api *api, sd_bus_message *message, AuthorityNeed *need) {
        IssueRequest request;
        int r;

        if (issue_arguments_read(message, &request, NULL) < 0)
                return 0;

        if (request.request)
                need->actions[1] = ACTION_REQUEST_REISSUE;

        r = copy_text(request.type, &need->type);
        if (r >= 0)
                r = copy_text(request.reason, &need->reason);
        if (r < 0 || request.target[0] == '\0')
                return r;

        return reader_detail(api, request.target, need);
}

/* A batch has a type where all of its records are of that one. */
static int details_batch(Api *api, sd_bus_message *message, AuthorityNeed *need) {
        _cleanup_(batch_arguments_done) BatchRequest request = {};
        const char *type = NULL;
        json_t *record;
        size_t i;
        int r;

        if (batch_arguments_read(message, &request, NULL) < 0)
                return 0;

        json_array_foreach(request.records, i, record) {
                const char *its_type = json_string_value(json_array_get(record, 0));

                if (type && !streq(type, its_type)) {
                        type = NULL;
                        break;
                }

                type = its_type;
        }

        r = copy_text(type, &need->type);
        if (r < 0 || request.target[0] == '\0')
                return r;

        return reader_detail(api, request.target, need);
}

/* PutRecord: the member "type", wherever it stands. */
static int details_put(Api *api _unused_, sd_bus_message *message, AuthorityNeed *need) {
        const char *name, *type;

        if (sd_bus_message_enter_container(message, 'a', "{sv}") < 0)
                return 0;

        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
                if (sd_bus_message_read(message, "s", &name) < 0)
                        return 0;

                if (streq(name, "type"))
                        return sd_bus_message_read(message, "v", "s", &type) < 0
                                       ? 0
                                       : copy_text(type, &need->type);

                if (sd_bus_message_skip(message, "v") < 0 || sd_bus_message_exit_container(message) < 0)
                        return 0;
        }

        return 0;
}

static int details_export(Api *api _unused_, sd_bus_message *message, AuthorityNeed *need) {
        ExportArguments arguments = { .descriptor = -1 };

        if (export_arguments_read(message, &arguments, NULL) < 0)
                return 0;

        cleanup_close(&arguments.descriptor);
        return copy_text(arguments.type, &need->type);
}

/* A job's methods are its owner's, and those of whom polkit grants manage-service. A job that nobody owns, because
 * automatic mode began it, is everyone's who may reissue. */
static int details_job(Api *api, sd_bus_message *message, AuthorityNeed *need) {
        const Published *published = publisher_find(api->jobs, sd_bus_message_get_path(message));
        const Job *job;
        int r;

        need->actions[0] = ACTION_MANAGE_SERVICE;
        if (!published)
                return 0; /* UnknownObject, once it is permitted to know */

        job = published->object;
        need->exempt = job_owner(job);
        if (need->exempt == (uid_t) -1)
                need->actions[0] = ACTION_REISSUE;

        r = copy_text(job_card_type(job), &need->type);
        return r < 0 ? r : copy_text(job_source(job), &need->reader);
}

static const struct {
        const char *interface;
        const char *member;
        const char *action; /* NULL without details: everyone may */
        AccessDetails details;
} rows[] = {
        { API_NAME, "ReadCard", ACTION_READ_CARD, details_reader },
        { API_NAME, "GetRecord", ACTION_READ_RECORD, details_type },
        { API_NAME, "ListRecords", ACTION_READ_RECORD, details_type },
        { API_NAME, "FindRecords", ACTION_READ_RECORD, NULL },
        { API_NAME, "PutRecord", ACTION_MANAGE_RECORDS, details_put },
        { API_NAME, "RemoveRecord", ACTION_MANAGE_RECORDS, details_type },
        { API_NAME, "ImportRecords", ACTION_MANAGE_RECORDS, NULL },
        { API_NAME, "ExportRecords", ACTION_MANAGE_RECORDS, details_export },
        { API_NAME, "RequestReissue", ACTION_REQUEST_REISSUE, details_request },
        { API_NAME, "WithdrawRequest", ACTION_REQUEST_REISSUE, details_type },
        { API_NAME, "Reissue", ACTION_REISSUE, details_reissue },
        { API_NAME, "Issue", ACTION_REISSUE, details_issue },
        { API_NAME, "StartBatch", ACTION_REISSUE, details_batch },
        { API_NAME, "Discard", ACTION_DISCARD, details_reader },
        { API_NAME, "ListDiscarded", ACTION_READ_RECORD, NULL },
        { API_NAME, "ConfirmDiscarded", ACTION_DISCARD, NULL },
        { API_NAME, "ListCardTypes", NULL, NULL },
        { API_NAME, "ListDesigns", ACTION_READ_CARD, NULL },
        { API_NAME, "GetDesign", ACTION_READ_CARD, NULL },
        { API_NAME, "RenderDesign", ACTION_READ_RECORD, details_render },
        { API_NAME, "CheckLine", ACTION_READ_CARD, NULL },
        { API_NAME, "ListBranches", ACTION_MANAGE_SERVICE, NULL },
        { API_NAME, "Reload", ACTION_MANAGE_SERVICE, NULL },
        { API_NAME, "CheckStore", ACTION_MANAGE_SERVICE, NULL },
        { API_NAME, "BackupStore", ACTION_MANAGE_SERVICE, NULL },
        { API_NAME, "RotateKey", ACTION_MANAGE_SERVICE, NULL },
        { JOB_INTERFACE, "Describe", NULL, details_job },
        { JOB_INTERFACE, "GetReceipt", NULL, details_job },
        { JOB_INTERFACE, "Cancel", NULL, details_job },
        { JOB_INTERFACE, "Retry", NULL, details_job },
        { JOB_INTERFACE, "ConfirmDiscarded", NULL, details_job },
        { JOB_INTERFACE, "Pause", NULL, details_job },
        { JOB_INTERFACE, "Resume", NULL, details_job },
        { "org.freedesktop.DBus.Properties", "Set", ACTION_MANAGE_SERVICE, NULL },
};

/* Interfaces that only tell what everyone may know; sd-bus answers them. */
static bool is_open(const char *interface, const char *member) {
        if (streq(interface, "org.freedesktop.DBus.Properties"))
                return !streq(member, "Set");

        return streq(interface, "org.freedesktop.DBus.Peer") ||
               streq(interface, "org.freedesktop.DBus.Introspectable") ||
               streq(interface, "org.freedesktop.DBus.ObjectManager");
}

bool access_row(size_t n, const char **ret_interface, const char **ret_member, const char **ret_action) {
        if (n >= ELEMENTS(rows))
                return false;

        *ret_interface = rows[n].interface;
        *ret_member = rows[n].member;
        *ret_action = rows[n].action;
        return true;
}

int access_rule(sd_bus_message *message, AuthorityNeed *ret, void *userdata) {
        const char *interface = sd_bus_message_get_interface(message);
        const char *member = sd_bus_message_get_member(message);
        int r;

        /* The D-Bus specification lets a call leave its interface out; which permission it needs is unknown then. */
        if (!interface || !member)
                return -ENOENT;

        if (is_open(interface, member))
                return 0;

        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                if (!streq(rows[i].interface, interface) || !streq(rows[i].member, member))
                        continue;

                ret->actions[0] = rows[i].action;
                if (!rows[i].details)
                        return 1;

                r = rows[i].details(userdata, message, ret);
                return r < 0 ? r : 1;
        }

        return -ENOENT;
}
