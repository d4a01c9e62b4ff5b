/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods on designs: which there are, what one of them is, and what a card would look like. */
#include "bus/context.h"
#include "bus/methods.h"
#include "bus/reply.h"
#include "bus/variant.h"

static int answer_list(Reply *reply, const json_t *designs) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        const json_t *design;
        size_t i;
        int r;

        r = sd_bus_message_new_method_return(reply->message, &answer);
        if (r >= 0)
                r = sd_bus_message_open_container(answer, 'a', "(ss)");
        if (r < 0)
                return r;

        json_array_foreach(designs, i, design) {
                const char *title = json_string_value(json_object_get(design, "title"));

                r = sd_bus_message_append(answer, "(ss)", json_string_value(json_object_get(design, "name")),
                                          title ? title : "");
                if (r < 0)
                        return r;
        }

        r = sd_bus_message_close_container(answer);
        return r < 0 ? r : sd_bus_message_send(answer);
}

static void on_list(const json_t *designs, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, designs ? answer_list(reply, designs) : reply_failure(reply, failure));
}

/* Which there are, and what each is: one of them is looked up in the answer. */
static int list(sd_bus_message *message, const Published *published, DesignsListed done,
                sd_bus_error *error) {
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = designs_list(published->api->parts->designs, done, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_list_designs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return list(message, userdata, on_list, error);
}

/* The caller's design among all; NULL where there is none of that name. */
static const json_t *find_design(sd_bus_message *call, const json_t *designs) {
        const json_t *design;
        const char *name;
        size_t i;

        if (sd_bus_message_rewind(call, true) < 0 || sd_bus_message_read(call, "s", &name) < 0)
                return NULL;

        json_array_foreach(designs, i, design)
                if (streq(json_string_value(json_object_get(design, "name")), name))
                        return design;

        return NULL;
}

static int answer_design(Reply *reply, const json_t *design) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = sd_bus_message_new_method_return(reply->message, &answer);
        if (r >= 0)
                r = variant_append_object(answer, design);

        return r < 0 ? r : sd_bus_message_send(answer);
}

static void on_designs(const json_t *designs, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;
        _cleanup_failure_ Failure reason = {};
        const json_t *design;

        if (!designs) {
                reply_end(reply, reply_failure(reply, failure));
                return;
        }

        design = find_design(reply->message, designs);
        failure_set(&reason, FAILURE_DESIGN_UNKNOWN,
                    "There is no such design; icreissuectl design list shows those that there are.");
        reply_end(reply, design ? answer_design(reply, design) : reply_failure(reply, &reason));
}

int method_get_design(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return list(message, userdata, on_designs, error);
}

static void on_drawn(int picture, const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, failure_is_set(failure) ? reply_failure(reply, failure)
                                                 : sd_bus_reply_method_return(reply->message, "h", picture));
}

int method_render_design(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        PreviewRequest request;
        int r;

        r = sd_bus_message_read(message, "sssu", &request.design, &request.type, &request.id, &request.dpi);
        if (r < 0)
                return r;

        if (*request.id) {
                r = check_file(published, error);
                if (r < 0)
                        return r;
        }

        r = reply_new(published->api, message, &reply);
        if (r < 0)
                return r;

        r = job_engine_preview(published->api->parts->engine, &request, on_drawn, reply, &failure);
        return reply_expect(&reply, r, &failure, error);
}
