/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The questions to the centre as messages of org.example.ICReissue.Centre, and its answers as records and failures. */
#include "line/line-private.h"

typedef struct Arguments {
        const char *job_uuid, *type, *card_type, *id, *reason, *serial;
        uint32_t count;
        bool request, discard, card_written;
        const Actor *actor;
} Arguments;

/* --- answers --- */

/* What sd-bus says by itself when no answer has come. */
static bool is_lost(const sd_bus_error *error) {
        static const char *const names[] = { SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT,
                                             "org.freedesktop.DBus.Error.Timeout",
                                             SD_BUS_ERROR_DISCONNECTED };

        for (size_t i = 0; i < ELEMENTS(names); i++)
                if (streq(error->name, names[i]))
                        return true;

        return false;
}

static void refuse(Question *question, const sd_bus_error *error) {
        FailureKind kind = failure_from_name(error->name);
        _cleanup_failure_ Failure failure = {};

        if (kind == FAILURE_NONE)
                kind = FAILURE_LINE_DOWN; /* nobody knows what was done: asked again */
        failure_set(&failure, kind, "%s", error->message ? error->message : error->name);
        question_end(question, NULL, &failure);
}

static int read_record(const Question *question, sd_bus_message *reply, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        const char *text;
        uint32_t count;
        int r;

        r = sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                r = record_parse(span_of_string(text), &record, NULL);
        if (r >= 0 && question->kind == QUESTION_EXTRACT)
                r = sd_bus_message_read(reply, "u", &count);
        if (r < 0)
                return r;

        /* Its type is another where it has moved to that one, and then its ID may be. */
        if ((streq(record->type, question->type) && !streq(record->id, question->id)) ||
            (question->kind == QUESTION_EXTRACT && record->count != count))
                return -EBADMSG;

        if (question->kind == QUESTION_LOOK) {
                json_decref(record->fields);
                record->fields = NULL;
        }

        *ret = TAKE_PTR(record);
        return 0;
}

void question_answer(Question *question, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_failure_ Failure failure = {};

        sd_bus_message_sensitive(reply);
        if (error && is_lost(error)) {
                line_lose(question->line, error->message ? error->message : "no answer");
                return; /* with the line its questions end */
        }

        if (error) {
                refuse(question, error);
                return;
        }

        if (question->kind != QUESTION_TELL && read_record(question, reply, &record) < 0)
                failure_set(
                        &failure, FAILURE_LINE_DOWN,
                        "The answer of %s cannot be understood; see whether both stations have the same version.",
                        question->line->name);
        question_end(question, record, &failure);
}

/* --- questions --- */

static int append_by(sd_bus_message *message, const Actor *actor) {
        if (!actor || actor->uid == (uid_t) -1)
                return 0;

        return sd_bus_message_append(message, "{sv}", "by", "u", (uint32_t) actor->uid);
}

/* The options, a{sv}: who it is, at the branch, and for an extraction the request and the old card's end. */
static int append_options(sd_bus_message *message, const Arguments *arguments) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0)
                r = append_by(message, arguments->actor);
        if (r >= 0 && arguments->request)
                r = sd_bus_message_append(message, "{sv}{sv}", "request", "b", 1, "reason", "s",
                                          arguments->reason);
        if (r >= 0 && arguments->discard)
                r = sd_bus_message_append(message, "{sv}", "discard", "b", 1);
        if (r >= 0)
                r = sd_bus_message_close_container(message);

        return r;
}

static int write_extract(sd_bus_message *message, const void *userdata) {
        const Arguments *arguments = userdata;
        int r;

        r = sd_bus_message_append(message, "ssss", arguments->type, arguments->id, arguments->job_uuid,
                                  arguments->card_type);
        return r < 0 ? r : append_options(message, arguments);
}

static int write_confirm(sd_bus_message *message, const void *userdata) {
        const Arguments *arguments = userdata;
        int r;

        r = sd_bus_message_append(message, "sssus", arguments->job_uuid, arguments->type, arguments->id,
                                  arguments->count, arguments->serial);
        return r < 0 ? r : append_options(message, arguments);
}

static int write_abandon(sd_bus_message *message, const void *userdata) {
        const Arguments *arguments = userdata;
        int r;

        r = sd_bus_message_append(message, "sbs", arguments->job_uuid, (int) arguments->card_written,
                                  arguments->reason);
        return r < 0 ? r : append_options(message, arguments);
}

static int write_look(sd_bus_message *message, const void *userdata) {
        const Arguments *arguments = userdata;

        return sd_bus_message_append(message, "ss", arguments->type, arguments->id);
}

static int write_request(sd_bus_message *message, const void *userdata) {
        const Arguments *arguments = userdata;
        int r;

        r = sd_bus_message_append(message, "sss", arguments->type, arguments->id, arguments->reason);
        return r < 0 ? r : append_options(message, arguments);
}

static int write_withdraw(sd_bus_message *message, const void *userdata) {
        int r = write_look(message, userdata);

        return r < 0 ? r : append_options(message, userdata);
}

static CentreLine *line_of(Centre *centre) {
        return (CentreLine *) centre;
}

static int line_extract(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata) {
        const Question what = { .member = "Extract",
                                .kind = QUESTION_EXTRACT,
                                .type = (char *) request->type,
                                .id = (char *) request->id,
                                .done = done,
                                .userdata = userdata };
        const Arguments arguments = { .job_uuid = request->job_uuid,
                                      .type = request->type,
                                      .card_type = request->card_type ?: request->type,
                                      .id = request->id,
                                      .request = request->request,
                                      .reason = request->reason,
                                      .discard = request->discard,
                                      .actor = &request->actor };

        return line_ask(line_of(centre), &what, write_extract, &arguments);
}

static int line_confirm(Centre *centre, const char *job_uuid, const char *type, const char *id,
                        uint32_t count, const char *serial, const Actor *actor, RecordDone done,
                        void *userdata) {
        const Question what = { .member = "Confirm", .done = done, .userdata = userdata };
        const Arguments arguments = {
                .job_uuid = job_uuid, .type = type, .id = id, .count = count, .serial = serial, .actor = actor
        };

        return line_ask(line_of(centre), &what, write_confirm, &arguments);
}

/* The centre knows the record by the job. */
static int line_abandon(Centre *centre, const char *job_uuid, const char *type _unused_,
                        const char *id _unused_, bool card_written, const char *reason, const Actor *actor,
                        RecordDone done, void *userdata) {
        const Question what = { .member = "Abandon", .done = done, .userdata = userdata };
        const Arguments arguments = {
                .job_uuid = job_uuid, .card_written = card_written, .reason = reason, .actor = actor
        };

        return line_ask(line_of(centre), &what, write_abandon, &arguments);
}

static int line_look(Centre *centre, const char *type, const char *id, RecordDone done, void *userdata) {
        const Question what = { .member = "Look",
                                .kind = QUESTION_LOOK,
                                .type = (char *) type,
                                .id = (char *) id,
                                .done = done,
                                .userdata = userdata };

        return line_ask(line_of(centre), &what, write_look, &(Arguments){ .type = type, .id = id });
}

static int line_request(Centre *centre, const char *type, const char *id, const char *reason,
                        const Actor *actor, RecordDone done, void *userdata) {
        const Question what = { .member = "Request", .done = done, .userdata = userdata };
        const Arguments arguments = { .type = type, .id = id, .reason = reason, .actor = actor };

        return line_ask(line_of(centre), &what, write_request, &arguments);
}

static int line_withdraw(Centre *centre, const char *type, const char *id, const Actor *actor,
                         RecordDone done, void *userdata) {
        const Question what = { .member = "Withdraw", .done = done, .userdata = userdata };
        const Arguments arguments = { .type = type, .id = id, .actor = actor };

        return line_ask(line_of(centre), &what, write_withdraw, &arguments);
}

static int line_check(Centre *centre, CheckDone done, void *userdata) {
        const Question what = { .member = "Ping", .check_done = done, .userdata = userdata };

        return line_ask(line_of(centre), &what, NULL, NULL);
}

static LineState line_state(const Centre *centre) {
        return ((const CentreLine *) centre)->state;
}

static void line_observe(Centre *centre, void (*changed)(void *userdata), void *userdata) {
        CentreLine *line = line_of(centre);

        line->changed = changed;
        line->observer = userdata;
}

const CentreMethods *line_methods(void) {
        static const CentreMethods methods = {
                .free = line_free,
                .extract = line_extract,
                .confirm = line_confirm,
                .abandon = line_abandon,
                .look = line_look,
                .request = line_request,
                .withdraw = line_withdraw,
                .check = line_check,
                .line_state = line_state,
                .observe = line_observe,
        };

        return &methods;
}
