/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of old cards that were, or are to be, destroyed. */
#include "bus/context.h"
#include "bus/methods.h"
#include "bus/reply.h"
#include "bus/variant.h"

int method_list_discarded(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        const Published *published = userdata;
        Reply reply = { .api = published->api, .message = message };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        const json_t *list = job_engine_discards(published->api->parts->engine);
        int r;

        r = reply_message_new(&reply, &answer);
        if (r >= 0)
                r = sd_bus_message_open_container(answer, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < json_array_size(list); i++)
                r = variant_append_object(answer, json_array_get(list, i));
        if (r >= 0)
                r = sd_bus_message_close_container(answer);

        return r < 0 ? r : sd_bus_message_send(answer);
}

static void on_confirmed(const Failure *failure, void *userdata) {
        _cleanup_(reply_freep) Reply *reply = userdata;

        reply_end(reply, failure_is_set(failure) ? reply_failure(reply, failure)
                                                 : sd_bus_reply_method_return(reply->message, NULL));
}

static int confirm(sd_bus_message *message, Api *api, uint64_t number, sd_bus_error *error) {
        _cleanup_(reply_freep) Reply *reply = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = reply_new(api, message, &reply);
        if (r < 0)
                return r;

        r = job_engine_confirm_discarded(api->parts->engine, number,
                                         authority_caller(api->authority, message), on_confirmed, reply,
                                         &failure);
        return reply_expect(&reply, r, &failure, error);
}

int method_confirm_discarded(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;
        uint64_t number;
        int r;

        r = sd_bus_message_read(message, "t", &number);
        return r < 0 ? r : confirm(message, published->api, number, error);
}

int method_confirm_job_discarded(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Published *published = userdata;

        return confirm(message, published->api, job_number(published->object), error);
}
