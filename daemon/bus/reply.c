/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds calls until they are answered, and turns failures into D-Bus errors. */
#include "bus/reply.h"

#include "base/log.h"

/* What an administrator must hear of even though a caller has been told. */
static void log_failure(const Failure *failure) {
        const LogSubject subject = { .failure = failure };

        if (failure->kind == FAILURE_STORE_FAILED)
                log_event(LOG_STORE_FAILED, &subject, "%s", failure_message(failure));
        else if (failure->kind == FAILURE_NO_MEMORY)
                log_event(LOG_INTERNAL, &subject, "%s", failure_message(failure));
}

int error_set_failure(sd_bus_error *error, int r, const Failure *failure) {
        if (!failure_is_set(failure))
                return sd_bus_error_set_errno(error, r);

        log_failure(failure);
        sd_bus_error_set(error, failure_name(failure->kind), failure_message(failure));
        return failure_errno(failure->kind);
}

int reply_new(struct Api *api, sd_bus_message *message, Reply **ret) {
        Reply *reply;

        reply = new0(Reply, 1);
        if (!reply)
                return -ENOMEM;

        *reply = (Reply){ .api = api, .message = sd_bus_message_ref(message) };
        *ret = reply;
        return 0;
}

Reply *reply_free(Reply *reply) {
        if (!reply)
                return NULL;

        sd_bus_message_unref(reply->message);
        free(reply);
        return NULL;
}

int reply_expect(Reply **reply, int r, const Failure *failure, sd_bus_error *error) {
        if (r < 0)
                return error_set_failure(error, r, failure);

        TAKE_PTR(*reply);
        return 1;
}

int reply_failure(Reply *reply, const Failure *failure) {
        log_failure(failure);
        return sd_bus_reply_method_errorf(reply->message, failure_name(failure->kind), "%s",
                                          failure_message(failure));
}

void reply_end(Reply *reply, int r) {
        if (r >= 0)
                return;

        log_event(LOG_INTERNAL, NULL, "An answer could not be sent: %s", strerrordesc_np(-r));
        sd_bus_reply_method_errno(reply->message, r, NULL);
}

int reply_message_new(Reply *reply, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = sd_bus_message_new_method_return(reply->message, &answer);
        if (r < 0)
                return r;

        r = sd_bus_message_sensitive(answer);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(answer);
        return 0;
}
