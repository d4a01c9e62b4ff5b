/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One call to the service over a connection of its own, which is closed with the answer: whoever is connected and has called
 * counts as one that needs the service (daemon/idle.h). The bus is told not to start the service for it. */
#ifndef ICREISSUE_NOTIFY_QUESTION_H
#define ICREISSUE_NOTIFY_QUESTION_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/util.h"

/* Of the system bus: where DBUS_SYSTEM_BUS_ADDRESS says, else its place. Static. */
const char *system_bus_address(void);

typedef struct Question Question;

typedef struct QuestionList {
        Question *first;
} QuestionList;

/* answer: borrowed; NULL where the call was refused, or there is nobody to ask. argument: as given to the question. */
typedef void (*QuestionAnswered)(const json_t *answer, const char *argument, void *userdata);

typedef struct QuestionCall {
        const char *path;
        const char *interface;
        const char *member;
        const char *argument; /* for `answered`; copied */
        QuestionAnswered answered;
        void *userdata;
} QuestionCall;

/* Returns 0 when `answered` will be called, never before this has returned; else a negative errno. */
int question_ask(QuestionList *list, sd_event *event, const QuestionCall *call);
/* Nobody is told. */
void questions_forget(QuestionList *list);

#endif
