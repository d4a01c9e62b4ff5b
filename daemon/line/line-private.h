/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the line share: the line, and the questions that are under way on it. */
#ifndef ICREISSUE_LINE_LINE_PRIVATE_H
#define ICREISSUE_LINE_LINE_PRIVATE_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "line/centre-private.h"

typedef struct CentreLine CentreLine;

typedef enum QuestionKind {
        QUESTION_TELL, /* answered with nothing */
        QUESTION_EXTRACT,
        QUESTION_LOOK,
} QuestionKind;

typedef struct Question Question;
struct Question {
        Question *next;
        CentreLine *line;
        const char *member;
        QuestionKind kind;
        char *type, *id; /* of the record that the answer must be of */
        RecordDone done;
        CheckDone check_done; /* instead of done */
        void *userdata;
        uint64_t asked;    /* microseconds, CLOCK_MONOTONIC */
        sd_bus_slot *slot; /* NULL: it could not be put */
};

struct CentreLine {
        Centre centre; /* first */
        sd_event *event;
        char *address, *name;
        unsigned timeout, idle;
        LineState state;
        sd_bus *bus; /* NULL: not connected */
        sd_bus_slot *greeting;
        bool greeted;
        uint64_t connection; /* the number of the last one */
        unsigned tries;      /* in vain, since it was up */
        Failure trouble;     /* why it is down */
        bool down_logged;
        char *loss; /* why it is about to be closed */
        sd_event_source *loss_source, *retry_timer, *idle_timer, *unasked_source, *start_source;
        Question *questions;
        size_t question_count;
        void (*changed)(void *observer);
        void *observer;
};

/* Appends a question's arguments. Returns 0 or a negative errno. */
typedef int (*QuestionWrite)(sd_bus_message *message, const void *arguments);

/* Puts a question: `what` tells member, kind, record and whom to answer. Returns 0 or -ENOMEM. */
int line_ask(CentreLine *line, const Question *what, QuestionWrite write, const void *arguments);

/* Answers the asker and forgets the question. */
void question_end(Question *question, const Record *record, const Failure *failure);

/* The centre's answer has come, or what sd-bus says in its place. line-questions.c */
void question_answer(Question *question, sd_bus_message *reply);
const CentreMethods *line_methods(void);

/* The line will be closed, and its questions failed, in the next turn of the event loop. */
void line_lose(CentreLine *line, const char *why);
/* Now. */
void line_lost(CentreLine *line, const char *why);
/* Lets go of it in a while, if nothing is asked. */
void line_rest(CentreLine *line);
uint64_t line_now(void);
Centre *line_free(Centre *centre);

#endif
