/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of the profile language: one row of one table each, with arguments, kind and functions. A new
 * command is a new row in verb-rows-*.c; nothing else knows the verbs one by one. */
#ifndef ICREISSUE_CARD_VERB_H
#define ICREISSUE_CARD_VERB_H

#include "card/session.h"
#include "card/value.h"

typedef struct Verb Verb;
typedef struct Step Step;

typedef struct StepList {
        Step *steps;
        size_t count;
        bool broken; /* a step was left out, since it has a mistake that was noted */
} StepList;

enum {
        VERB_ARGUMENTS_MAX = 8,
        REPEAT_DEPTH_MAX = 3,
};

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
        VERB_REPEATABLE = 1 << 0,    /* a write that may be sent again with the same data */
        VERB_IRREVERSIBLE = 1 << 1,  /* stands in a last stage, or in `discard` */
        VERB_USES_CURRENT = 1 << 2,  /* works on the selected file */
        VERB_MAKES_CURRENT = 1 << 3, /* makes a file, which becomes the selected one */
        VERB_READS_VALUES =
                1 << 4, /* check_call looks into its values: no sample of a field can stand for them */
        VERB_CONTACTLESS = 1 << 5,   /* of cards that are spoken to over the air, and no others */
        VERB_NEEDS_CHANNEL = 1 << 6, /* works in a secure channel alone */
} VerbFlags;

typedef enum ArgumentType {
        ARGUMENT_NUMBER,  /* minimum..maximum; may be counted */
        ARGUMENT_HEX,     /* constant, minimum..maximum bytes */
        ARGUMENT_PATH,    /* file identifiers with '/' between them, e.g. 3F00/5000; bytes */
        ARGUMENT_CHOICE,  /* one of choices; its index */
        ARGUMENT_BOOLEAN, /* 0 or 1; minimum is the default */
        ARGUMENT_VALUE,   /* minimum..maximum bytes, encoded */
        ARGUMENT_SECRET,  /* the same, and {key} is allowed */
} ArgumentType;

/* What a secret does: with this, plan and proof know what must be presented when, and what proves a change. */
typedef enum ArgumentRole {
        ROLE_NONE,
        ROLE_PRESENTED, /* the card is shown it, and may count a wrong one */
        ROLE_NEW,       /* the card takes it for what will be presented from now on: `used` proves it */
} ArgumentRole;

typedef struct ArgumentRule {
        const char *name;
        ArgumentType type;
        bool required;
        int64_t minimum, maximum;
        const char *const *choices;
        ArgumentRole role;
} ArgumentRule;

typedef struct Argument {
        bool given;
        int64_t number; /* CHOICE, BOOLEAN (with its default); HEX of at most four bytes, big-endian */
        Number count;   /* NUMBER */
        Bytes bytes;    /* HEX, PATH */
        Value *value;   /* VALUE, SECRET */
} Argument;

/* The arguments of verify-pin, change-reference-data and reset-retry-counter. */
enum PinArgument {
        PIN_REFERENCE,
        PIN_PRESENTED, /* the old value; of reset-retry-counter, the code */
        PIN_TELLS_TRIES,
        PIN_NEW,
        PIN_PROVEN_BY,
        PIN_CODE_REFERENCE,
};

/* A step whose values are encoded: ready to be sent. */
typedef struct Call {
        const Step *step;
        int64_t numbers[VERB_ARGUMENTS_MAX]; /* as Argument.number, and what NUMBER counts */
        Encoded values[VERB_ARGUMENTS_MAX];
        struct Call *done_if;
        size_t done_if_count;
        struct Call *shown; /* of Step.shown */
        size_t shown_count;
        unsigned turns[REPEAT_DEPTH_MAX]; /* Turn.id of the repeats around it, outermost first; 0: none */
} Call;

typedef struct CallList {
        Call *calls;
        size_t count;
} CallList;

/* What the card has by now for an argument that is a secret. */
typedef struct Presented {
        const Encoded *value;
        const Call *change; /* that has set it; NULL: the call's own value */
        uint64_t which;     /* the secret that was changed */
        bool proven;        /* it has been shown since the reset, and was right */
} Presented;

/* How a verb deals with the secrets among its arguments. */
typedef struct VerbSecret {
        /* Which secret of the card the argument is: the same number wherever it is presented or changed. */
        uint64_t (*which)(const Call *call, int argument);
        /* Shows the card a value for it, after reading the tries left where the card tells them; where the card says
         * that nothing need be shown, nothing is, unless `always`. A value that may not be sent, or is refused, fails
         * with session->kind, and session->tries_left is set. */
        int (*present)(Session *session, const Call *call, int argument, Span value, bool always,
                       StepResult *ret, Failure *failure);
        /* Instead of `present`, for secrets that are shown together or not at all: those of all the call's arguments of
         * one role, which `presented` has by their numbers. ret->held: what was changed is as it should be; else the card
         * has taken it, and another use is to show whether all of it is right. */
        int (*present_all)(Session *session, const Call *call, const Presented *presented, StepResult *ret,
                           Failure *failure);
        /* Whether the change by that argument is one of the secret; NULL: where `which` is the same. */
        bool (*changes)(const Call *change, int argument, uint64_t secret);
        /* Whether it stays open until the reset, whatever is selected then; NULL: it does not. */
        bool (*lasts)(const Call *call);
} VerbSecret;

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
        /* The natural done-if of a write that may not be repeated: whether it happened. For one that changes a secret
         * it presents the new one, once, and only while more than two tries are left. */
        int (*done)(Session *session, const Call *call, bool *ret, Failure *failure);
        /* Whether `done` works for the step as it is written; NULL: always. */
        bool (*can_tell)(const Step *step);
        const VerbSecret *secret;
        /* Arguments that do not go together: complains. */
        int (*check)(const Step *step, Failure *failure);
        /* The same once its values are known: a place_refuse(). */
        int (*check_call)(const Call *call, Failure *failure);
        /* A reading verb: whether it looks at what the write has written. Verbs on selected files have none. */
        bool (*sees)(const Call *read, const Call *write);
        /* Whether nobody can hear the step's secrets, though no session enciphers: the verb enciphers them itself, or only
         * proves that they are known. NULL: everybody can. */
        bool (*enciphers)(const Step *step);
        /* Of a verb that opens or ends a session: whether what comes after it is enciphered. */
        bool (*opens_cipher)(const Step *step);
        /* What it does, for `profile check`, after "The card ...". */
        const char *explanation;
        /* For icreissue-profile(5), which is made from the rows. What its arguments mean, where that needs saying: after
         * the explanation, without a full stop; NULL where it does not. */
        const char *details;
        /* Steps as they stand in a profile, with every argument in one of them. Of fields there are id, holder, number,
         * image, pin and access-key (tests/unit/test-profile-manual.c). */
        const char *example;
};

/* The row of that name, or NULL. */
const Verb *verb_find(const char *name);

/* The n-th row; NULL past the end. */
const Verb *verb_at(size_t n);

/* The first argument of that role, from number `from` on, that the step has; -1 for none. */
int step_argument(const Step *step, ArgumentRole role, int from);
bool step_changes_secret(const Step *step);

/* The argument by which the call changes, or presents, the secret; -1 for none. */
int call_argument_for(const Call *call, ArgumentRole role, uint64_t secret);

/* Runs a call: the verb, then what `take` leaves must fit `expect`. ret->data is the part taken. */
int call_run(Session *session, const Call *call, StepResult *ret, Failure *failure);

/* Encodes the steps whose `when` holds, and those of repeats once for each turn. */
int calls_encode(const StepList *list, const ValueContext *context, CallList *ret, Failure *failure);

/* Calls `each` for each of these steps in turn, with the context that it has there; ends when that returns anything
 * but 0, and returns it. */
typedef int (*StepEach)(const Step *step, const ValueContext *context, void *userdata, Failure *failure);
int steps_walk(const StepList *list, const ValueContext *context, StepEach each, void *userdata,
               Failure *failure);
/* Encodes one step. */
int call_encode(const Step *step, const ValueContext *context, Call *ret, Failure *failure);
void call_done(Call *call);
#define _cleanup_call_ _cleanup_(call_done)
void calls_done(CallList *list);

/* prove-clear.c: Verb.enciphers of verbs that never show a secret: a mutual authentication, a cipher of their own (however
 * weak, as MIFARE Classic's). */
bool hides_always(const Step *step);

/* verb-pin.c */

extern const VerbSecret pin_secret;
/* Presents the value that a change may have set already. *ret: it is set. A refusal is not remembered: the value is
 * still to be set. */
int pin_try_new(Session *session, const Call *change, bool *ret, Failure *failure);
/* Whether pin_try_new() works: the card tells its tries, or the value can be changed to itself. */
bool pin_can_tell(const Step *step);
int verb_verify_pin(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_change_reference_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_reset_retry_counter(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_reset_retry_counter(const Step *step, Failure *failure);

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
