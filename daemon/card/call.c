/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls: steps whose values are encoded, and what makes a step hold once it has been sent. */
#include "base/tlv.h"
#include "card/profile.h"

static void call_done(Call *call) {
        CallList done_if = { call->done_if, call->done_if_count };

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                encoded_done(&call->values[i]);

        calls_done(&done_if);
}

void calls_done(CallList *list) {
        for (size_t i = 0; i < list->count; i++)
                call_done(&list->calls[i]);

        free(list->calls);
        *list = (CallList){};
}

static bool condition_holds(const Condition *condition, const ValueContext *context) {
        bool present = condition->field &&
                       field_text(condition->field, context->profile, context->id, context->fields);

        switch (condition->kind) {
        case CONDITION_PRESENT:
                return present;
        case CONDITION_ABSENT:
                return !present;
        case CONDITION_READ_IS:
                return context->proving || pattern_fits(condition->pattern, context->serial, false);
        default:
                return true;
        }
}

static int encode_call(const Step *step, const ValueContext *context, Call *call, Failure *failure) {
        CallList done_if = {};
        int r;

        call->step = step;
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                const ArgumentRule *rule = &step->verb->arguments[i];
                const Argument *argument = &step->arguments[i];

                if (!argument->value)
                        continue;

                r = value_encode(argument->value, context, &call->values[i], failure);
                if (r < 0)
                        return r;

                if (call->values[i].data.size < (size_t) rule->minimum ||
                    call->values[i].data.size > (size_t) rule->maximum)
                        return failure_set(
                                failure, FAILURE_INVALID_ARGS,
                                "%s:%zu:%zu: `%s` of %s is %zu bytes long and must be %lld to %lld",
                                step->place.file, step->place.line, step->place.column, rule->name,
                                step->verb->name, call->values[i].data.size, (long long) rule->minimum,
                                (long long) rule->maximum);
        }

        r = calls_encode(&step->done_if, context, &done_if, failure);
        call->done_if = done_if.calls;
        call->done_if_count = done_if.count;
        return r;
}

int calls_encode(const StepList *list, const ValueContext *context, CallList *ret, Failure *failure) {
        if (list->count == 0)
                return 0;

        ret->calls = new0(Call, list->count);
        if (!ret->calls)
                return failure_no_memory(failure);

        for (size_t i = 0; i < list->count; i++) {
                int r;

                if (!condition_holds(&list->steps[i].when, context))
                        continue;

                r = encode_call(&list->steps[i], context, &ret->calls[ret->count++], failure);
                if (r < 0)
                        return r;
        }

        return 0;
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
