/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "notify/question.h"

#include <systemd/sd-bus.h>

#include "client/bus-json.h"
#include "client/client.h"

struct Question {
        QuestionList *list;
        Question *next;
        sd_bus *bus;
        QuestionAnswered answered;
        void *userdata;
        char *argument;
};

const char *system_bus_address(void) {
        const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");

        return address && *address ? address : "unix:path=/run/dbus/system_bus_socket";
}

static Question *question_free(Question *question) {
        if (!question)
                return NULL;

        sd_bus_close_unref(question->bus);
        free(question->argument);
        free(question);
        return NULL;
}
DEFINE_CLEANUP(Question *, question_free)

static void question_unlink(Question *question) {
        Question **link = &question->list->first;

        while (*link != question)
                link = &(*link)->next;
        *link = question->next;
}

void questions_forget(QuestionList *list) {
        while (list->first) {
                Question *question = list->first;

                question_unlink(question);
                question_free(question);
        }
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_(question_freep) Question *question = userdata;
        _cleanup_json_ json_t *answer = NULL;

        question_unlink(question);
        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) bus_json_read(reply, &answer);
        question->answered(answer, question->argument, question->userdata);
        return 0;
}

static int question_open(Question *question, sd_event *event) {
        int r;

        r = sd_bus_new(&question->bus);
        if (r >= 0)
                r = sd_bus_set_address(question->bus, system_bus_address());
        if (r >= 0)
                r = sd_bus_set_bus_client(question->bus, true);
        if (r >= 0)
                r = sd_bus_start(question->bus);

        return r < 0 ? r : sd_bus_attach_event(question->bus, event, 0);
}

int question_ask(QuestionList *list, sd_event *event, const QuestionCall *call) {
        _cleanup_(question_freep) Question *question = new0(Question, 1);
        _cleanup_message_ sd_bus_message *message = NULL;
        int r;

        if (!question || !(question->argument = strdup(call->argument)))
                return -ENOMEM;

        question->list = list;
        question->answered = call->answered;
        question->userdata = call->userdata;
        r = question_open(question, event);
        if (r >= 0)
                r = sd_bus_message_new_method_call(question->bus, &message, SERVICE_NAME, call->path,
                                                   call->interface, call->member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(message, false);
        if (r >= 0)
                r = sd_bus_call_async(question->bus, NULL, message, on_answer, question, 0);
        if (r < 0)
                return r;

        question->next = list->first;
        list->first = TAKE_PTR(question);
        return 0;
}
