/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls: steps whose values are encoded, and what makes a step hold once it has been sent. */
#include "base/mistakes.h"
#include "base/tlv.h"
#include "card/profile.h"

void call_done(Call *call) {
        CallList done_if = { call->done_if, call->done_if_count }, shown = { call->shown, call->shown_count };

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                encoded_done(&call->values[i]);

        calls_done(&done_if);
        calls_done(&shown);
}

void calls_done(CallList *list) {
        for (size_t i = 0; i < list->count; i++)
                call_done(&list->calls[i]);

        free(list->calls);
        *list = (CallList){};
}

static bool condition_holds(const Condition *condition, const ValueContext *context) {
        bool present = condition->field &&
                       field_count(condition->field, context->profile, context->id, context->fields) > 0;
        Span read;

        switch (condition->kind) {
        case CONDITION_PRESENT:
                return present;
        case CONDITION_ABSENT:
                return !present;
        case CONDITION_READ_IS:
                return context->proving || (context_read(context, condition->read, &read) >= 0 &&
                                            pattern_fits(condition->pattern, read, false));
        default:
                return true;
        }
}

/* One walk through a list of steps. */
typedef struct Walk {
        StepEach each;
        void *userdata;
        unsigned turns; /* begun so far */
} Walk;

static int walk(Walk *walk, const StepList *list, const ValueContext *context, Failure *failure);

static int walk_turn(Walk *state, const Repeat *repeat, const ValueContext *context, Turn *turn,
                     Failure *failure) {
        ValueContext inner = *context;

        turn->name = repeat->name;
        turn->outer = context->turn;
        turn->field = repeat->each;
        turn->id = ++state->turns;
        inner.turn = turn;
        if (turn->id > PROFILE_CALLS_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The repeats take more than %d turns",
                                   PROFILE_CALLS_MAX);

        return walk(state, &repeat->steps, &inner, failure);
}

static int walk_list(Walk *state, const Repeat *repeat, const ValueContext *context, Failure *failure) {
        size_t count = field_count(repeat->each, context->profile, context->id, context->fields);
        int r = 0;

        for (size_t i = 0; r == 0 && i < count; i++) {
                Turn turn = { .number = (int64_t) i + 1 };

                turn.text = field_text(repeat->each, context->profile, context->id, context->fields, i);
                r = walk_turn(state, repeat, context, &turn, failure);
        }

        return r;
}

static int walk_repeat(Walk *state, const Repeat *repeat, const ValueContext *context, Failure *failure) {
        int64_t from, to;
        int r;

        if (repeat->each)
                return walk_list(state, repeat, context, failure);

        r = number_count(&repeat->from, context, 0, INT32_MAX, "`from`", &from, failure);
        if (r >= 0)
                r = number_count(&repeat->to, context, 0, INT32_MAX, "`to`", &to, failure);

        for (int64_t n = from; r == 0 && n <= to; n++) {
                Turn turn = { .number = n };

                r = walk_turn(state, repeat, context, &turn, failure);
        }

        return r;
}

static int walk(Walk *state, const StepList *list, const ValueContext *context, Failure *failure) {
        for (size_t i = 0; i < list->count; i++) {
                const Step *step = &list->steps[i];
                int r;

                if (!condition_holds(&step->when, context))
                        continue;

                r = step->repeat ? walk_repeat(state, step->repeat, context, failure)
                                 : state->each(step, context, state->userdata, failure);
                if (r != 0)
                        return r;
        }

        return 0;
}

int steps_walk(const StepList *list, const ValueContext *context, StepEach each, void *userdata,
               Failure *failure) {
        Walk state = { .each = each, .userdata = userdata };

        return walk(&state, list, context, failure);
}

int call_argument_for(const Call *call, ArgumentRole role, uint64_t secret) {
        const Step *step = call->step;

        for (int i = step_argument(step, role, 0); i >= 0; i = step_argument(step, role, i + 1)) {
                const VerbSecret *verb = step->verb->secret;

                if (role == ROLE_NEW && verb->changes ? verb->changes(call, i, secret)
                                                      : verb->which(call, i) == secret)
                        return i;
        }

        return -1;
}

static int encode_number(const ArgumentRule *rule, const Argument *argument, const ValueContext *context,
                         int64_t *ret, Failure *failure) {
        *ret = argument->number;
        if (rule->type != ARGUMENT_NUMBER || !argument->given)
                return 0;

        return number_count(&argument->count, context, rule->minimum, rule->maximum, rule->name, ret,
                            failure);
}

/* How long a key is, the key ring says: nobody knows while a profile is tried out. */
static int encode_argument(const Step *step, size_t n, const ValueContext *context, Encoded *ret,
                           Failure *failure) {
        const ArgumentRule *rule = &step->verb->arguments[n];
        const Value *value = step->arguments[n].value;
        int r;

        if (!value)
                return 0;

        r = value_encode(value, context, ret, failure);
        if (r < 0 || (context->proving && value_has_key(value)))
                return r;

        if (ret->data.size < (size_t) rule->minimum || ret->data.size > (size_t) rule->maximum)
                return place_refuse(step->place, failure,
                                    "`%s` of %s is %zu bytes long and must be %lld to %lld", rule->name,
                                    step->verb->name, ret->data.size, (long long) rule->minimum,
                                    (long long) rule->maximum);

        return 0;
}

static bool step_has_key(const Step *step) {
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->arguments[i].value && value_has_key(step->arguments[i].value))
                        return true;

        return false;
}

/* What stands for a key or a field while a profile is tried out is not looked into. */
static bool may_check(const Step *step, const ValueContext *context) {
        return !context->proving || (!step_has_key(step) && !(step->verb->flags & VERB_READS_VALUES));
}

static void note_turns(const ValueContext *context, Call *call) {
        size_t depth = 0;

        for (const Turn *turn = context->turn; turn; turn = turn->outer)
                depth++;
        for (const Turn *turn = context->turn; turn && depth > 0; turn = turn->outer)
                call->turns[--depth] = turn->id;
}

int call_encode(const Step *step, const ValueContext *context, Call *ret, Failure *failure) {
        CallList done_if = {}, shown = {};
        int r = 0;

        ret->step = step;
        note_turns(context, ret);
        for (size_t i = 0; r >= 0 && i < VERB_ARGUMENTS_MAX; i++) {
                r = encode_number(&step->verb->arguments[i], &step->arguments[i], context, &ret->numbers[i],
                                  failure);
                if (r >= 0)
                        r = encode_argument(step, i, context, &ret->values[i], failure);
        }
        if (r < 0)
                return r;

        r = calls_encode(&step->done_if, context, &done_if, failure);
        ret->done_if = done_if.calls;
        ret->done_if_count = done_if.count;
        if (r < 0)
                return r;

        r = calls_encode(&step->shown, context, &shown, failure);
        ret->shown = shown.calls;
        ret->shown_count = shown.count;
        if (r < 0 || !step->verb->check_call || !may_check(step, context))
                return r;

        return step->verb->check_call(ret, failure);
}

/* Where mistakes are collected, a call that has one is left out. */
static int add_call(const Step *step, const ValueContext *context, void *userdata, Failure *failure) {
        CallList *list = userdata;
        Call *calls;
        int r;

        if (list->count == PROFILE_CALLS_MAX)
                return place_refuse(step->place, failure, "With every repeat, these are more than %d steps",
                                    PROFILE_CALLS_MAX);

        if ((list->count & (list->count - 1)) == 0) {
                calls = reallocarray(list->calls, list->count > 0 ? 2 * list->count : 1, sizeof(*calls));
                if (!calls)
                        return failure_no_memory(failure);
                list->calls = calls;
        }

        calls = &list->calls[list->count++];
        *calls = (Call){};
        r = call_encode(step, context, calls, failure);
        if (r < 0 && failure_note(failure, r) >= 0) {
                call_done(&list->calls[--list->count]);
                return 0;
        }

        return r;
}

int calls_encode(const StepList *list, const ValueContext *context, CallList *ret, Failure *failure) {
        return steps_walk(list, context, add_call, ret, failure);
}

/* The part of an answer that matters. False where the answer does not have it. */
static bool take_part(const Take *take, Span data, Span *ret) {
        for (size_t i = 0; i < take->tag_count; i++)
                if (tlv_find(data, take->tags[i], &data) < 0)
                        return false;

        if (take->from > data.size || take->length > data.size - take->from)
                return false;

        *ret = span_part(data, take->from, take->length > 0 ? take->length : data.size);
        return true;
}

int call_run(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const Step *step = call->step;
        _cleanup_bytes_ Bytes part = {};
        Span taken;
        int r;

        r = step->verb->run(session, call, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        if (!take_part(&step->take, bytes_span(&ret->data), &taken)) {
                ret->held = false;
                return 0;
        }

        if (step->expect && !pattern_fits(step->expect, taken, false))
                ret->held = false;

        if (bytes_append(&part, taken) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &part);
        return 0;
}
