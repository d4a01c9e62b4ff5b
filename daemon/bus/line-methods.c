/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about the line: whether a branch's centre answers, and how a centre's branches are. */
#include "bus/context.h"
#include "bus/methods.h"
#include "bus/reply.h"
#include "bus/variant.h"
#include "job/extraction.h"

static void on_checked(uint64_t usec, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, failure_is_set(failure)
                                 ? reply_failure(reply, failure)
                                 : sd_bus_reply_method_return(reply->message, "st",
                                                              reply->api->parts->centre_name, usec));
}

int method_check_line(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        Api *api = published->api;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = centre_check(api->parts->centre, on_checked, reply);
        if (r == -EOPNOTSUPP)
                r = failure_set(&failure, FAILURE_INVALID_ARGS,
                                "This station is no branch: it has no line to a centre.");
        return reply_expect(&reply, r, &failure, error);
}

static json_t *types_of(const ConfigBranch *branch) {
        json_t *types = json_array();

        for (char *const *type = branch->types; type && *type; type++)
                if (json_array_append_new(types, json_string(*type)) < 0) {
                        json_decref(types);
                        return NULL;
                }

        return types;
}

static int append_branch(sd_bus_message *message, const BranchView *view, const BranchCounts *counts) {
        json_t *branch = json_pack("{s:s, s:s, s:b, s:o, s:I, s:I, s:b, s:s, s:I, s:I, s:I}", "name",
                                   view->config->name, "account", view->config->account, "account-exists",
                                   view->account_exists, "types", types_of(view->config), "cards-per-day",
                                   (json_int_t) view->config->cards_per_day, "today",
                                   (json_int_t) counts->today, "connected", view->connected, "since",
                                   view->since, "open", (json_int_t) counts->open, "kept",
                                   (json_int_t) counts->kept, "late", (json_int_t) counts->late);
        int r;

        if (!branch)
                return -ENOMEM;

        r = variant_append_object(message, branch);
        json_decref(branch);
        return r;
}

int method_list_branches(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        const Published *published = userdata;
        const ApiParts *parts = published->api->parts;
        BranchCounts counts;
        BranchView view;
        int r;

        if (!parts->server)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "This station is no centre: it has no branches.");

        r = sd_bus_message_new_method_return(message, &answer);
        if (r >= 0)
                r = sd_bus_message_open_container(answer, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && centre_server_branch(parts->server, i, &view); i++) {
                job_engine_branch_counts(parts->engine, view.config->name, &counts);
                r = append_branch(answer, &view, &counts);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(answer);

        return r < 0 ? r : sd_bus_message_send(answer);
}
