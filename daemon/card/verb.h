/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of the profile language: one row of one table each, with arguments, kind and functions. A new
 * command is a new row in verb-table.c; nothing else knows the verbs one by one. */
#ifndef ICREISSUE_CARD_VERB_H
#define ICREISSUE_CARD_VERB_H

#include "card/session.h"
#include "card/value.h"

typedef struct Verb Verb;
typedef struct Step Step;

typedef struct StepList {
        Step *steps;
        size_t count;
} StepList;

enum { VERB_ARGUMENTS_MAX = 4 };

typedef enum VerbKind {
        VERB_READ,         /* changes nothing */
        VERB_SELECT,       /* changes what the card's next command works on */
        VERB_AUTHENTICATE, /* opens access; presents a secret */
        VERB_WRITE,        /* changes what the card keeps */
} VerbKind;

enum {
        VERBS_READING = 1 << VERB_READ | 1 << VERB_SELECT,
        VERBS_OPENING = VERBS_READING | 1 << VERB_AUTHENTICATE,
        VERBS_ALL = VERBS_OPENING | 1 << VERB_WRITE,
};

typedef enum VerbFlags {
        VERB_REPEATABLE = 1 << 0,     /* a write that may be sent again with the same data */
        VERB_IRREVERSIBLE = 1 << 1,   /* stands in a last stage, or in `discard` */
        VERB_USES_CURRENT = 1 << 2,   /* works on the selected file */
        VERB_MAKES_CURRENT = 1 << 3,  /* makes a file, which becomes the selected one */
        VERB_CHANGES_SECRET = 1 << 4, /* changes a PIN: `used` proves it; arguments as enum PinArgument */
} VerbFlags;

typedef enum ArgumentType {
        ARGUMENT_NUMBER,  /* minimum..maximum */
        ARGUMENT_HEX,     /* constant, minimum..maximum bytes */
        ARGUMENT_PATH,    /* file identifiers with '/' between them, e.g. 3F00/5000; bytes */
        ARGUMENT_CHOICE,  /* one of choices; its index */
        ARGUMENT_BOOLEAN, /* 0 or 1; minimum is the default */
        ARGUMENT_VALUE,   /* minimum..maximum bytes, encoded */
        ARGUMENT_SECRET,  /* the same, and {key} is allowed */
} ArgumentType;

typedef struct ArgumentRule {
        const char *name;
        ArgumentType type;
        bool required;
        int64_t minimum, maximum;
        const char *const *choices;
} ArgumentRule;

typedef struct Argument {
        bool given;
        int64_t number; /* NUMBER, CHOICE, BOOLEAN (with its default); HEX of at most four bytes, big-endian */
        Bytes bytes;    /* HEX, PATH */
        Value *value;   /* VALUE, SECRET */
} Argument;

/* The arguments of verify-pin and change-reference-data. */
enum PinArgument { PIN_REFERENCE, PIN_PRESENTED, PIN_TELLS_TRIES, PIN_NEW };

/* A step whose values are encoded: ready to be sent. */
typedef struct Call {
        const Step *step;
        Encoded values[VERB_ARGUMENTS_MAX];
        struct Call *done_if;
        size_t done_if_count;
} Call;

typedef struct CallList {
        Call *calls;
        size_t count;
} CallList;

struct Verb {
        const char *name;
        VerbKind kind;
        unsigned flags;
        int written; /* the argument that is compared when it is read back; -1: none */
        ArgumentRule arguments[VERB_ARGUMENTS_MAX];
        /* Sends the command(s). 0 with ret filled, whether the card accepted or not; negative as
         * session_send(). */
        int (*run)(Session *session, const Call *call, StepResult *ret, Failure *failure);
        /* Reads what `written` wrote, from the file that is selected. */
        int (*read_back)(Session *session, const Call *call, StepResult *ret, Failure *failure);
        /* The natural done-if of a write that may not be repeated: whether it happened. */
        int (*done)(Session *session, const Call *call, bool *ret, Failure *failure);
        /* Arguments that do not go together: complains. */
        int (*check)(const Step *step, Failure *failure);
        /* What it does, for `profile check`, after "The card ...". */
        const char *explanation;
};

/* The row of that name, or NULL. */
const Verb *verb_find(const char *name);

/* The n-th row; NULL past the end. */
const Verb *verb_at(size_t n);

/* Runs a call: the verb, then what `take` leaves must fit `expect`. ret->data is the part taken. */
int call_run(Session *session, const Call *call, StepResult *ret, Failure *failure);

/* Encodes the steps whose `when` holds. */
int calls_encode(const StepList *list, const ValueContext *context, CallList *ret, Failure *failure);
void calls_done(CallList *list);

/* verb-pin.c */

/* Presents a value to a reference, after asking for the tries left where the card tells them. Where the card
 * says that nothing need be presented, nothing is, unless `always`. A value that may not be sent, or is
 * refused, fails with session->kind, and session->tries_left is set. */
int pin_present(Session *session, const Call *call, Span value, bool always, StepResult *ret,
                Failure *failure);

/* Presents the value that a change may have set already: once, and only while more than two tries are left.
 * *ret: it is set. A refusal is not remembered: the value is still to be set. */
int pin_try_new(Session *session, const Call *change, bool *ret, Failure *failure);

int verb_verify_pin(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_change_reference_data(Session *session, const Call *call, StepResult *ret, Failure *failure);

/* verb-file.c */
int verb_select(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_select(const Step *step, Failure *failure);
int verb_create_file(Session *session, const Call *call, StepResult *ret, Failure *failure);
/* The identifier of the file that a create-file makes. -ENOENT or -EBADMSG where its parameters name none. */
int created_file(const Call *call, Span *ret);
int done_create_file(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_delete_file(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_activate_file(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_deactivate_file(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_terminate_df(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_terminate_ef(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_terminate_card_usage(Session *session, const Call *call, StepResult *ret, Failure *failure);

/* verb-data.c */
int verb_read_binary(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_update_binary(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_update_binary(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_read_record(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_update_record(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_record(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_append_record(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_append_record(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_get_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_apdu(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_apdu(const Step *step, Failure *failure);

#endif
