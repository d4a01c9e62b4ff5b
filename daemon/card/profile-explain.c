/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A profile in plain words. */
#include "card/profile-check.h"

#include "card/profile.h"

static void print_path(Span path, FILE *out) {
        for (size_t i = 0; i < path.size; i++)
                fprintf(out, "%s%02X", i > 0 && i % 2 == 0 ? "/" : "", path.data[i]);
}

static void print_bytes(Span bytes, FILE *out) {
        for (size_t i = 0; i < bytes.size; i++)
                fprintf(out, "%02X", bytes.data[i]);
}

typedef struct Names {
        FILE *out;
        const Field *last;
} Names;

static void print_field(const Field *field, void *userdata) {
        Names *names = userdata;

        if (field == names->last)
                return;

        fprintf(names->out, "%s%s", names->last ? ", " : "", field->name);
        names->last = field;
}

static void print_value(const Value *value, FILE *out) {
        Names names = { .out = out, .last = NULL };

        value_visit_fields(value, print_field, &names);
        if (value->kind == VALUE_KEY || value->kind == VALUE_READ)
                fprintf(out, "%s", value->field ? "" : value->name);
        else if (value->kind == VALUE_DERIVE)
                fprintf(out, "%sderived by %s from %s", names.last ? ", " : "", derive_names[value->method],
                        value->name);
        else if (!names.last)
                fprintf(out, "constant");
}

static void print_number(const Number *number, FILE *out) {
        if (!number->read) {
                fprintf(out, "%lld", (long long) number->constant);
                return;
        }

        fprintf(out, "%s", number->read);
        if (number->times != 1)
                fprintf(out, " * %lld", (long long) number->times);
        if (number->plus != 0)
                fprintf(out, " + %lld", (long long) number->plus);
}

static void print_argument(const ArgumentRule *rule, const Argument *argument, FILE *out) {
        fprintf(out, " %s ", rule->name);
        switch (rule->type) {
        case ARGUMENT_NUMBER:
                print_number(&argument->count, out);
                return;
        case ARGUMENT_HEX:
                print_bytes(bytes_span(&argument->bytes), out);
                return;
        case ARGUMENT_PATH:
                print_path(bytes_span(&argument->bytes), out);
                return;
        case ARGUMENT_CHOICE:
                fprintf(out, "%s", rule->choices[argument->number]);
                return;
        case ARGUMENT_BOOLEAN:
                fprintf(out, "%s", argument->number ? "true" : "false");
                return;
        default:
                fputc('(', out);
                print_value(argument->value, out);
                fputc(')', out);
        }
}

static void print_condition(const Condition *when, FILE *out) {
        if (when->kind == CONDITION_PRESENT)
                fprintf(out, ", if the record has %s", when->field->name);
        else if (when->kind == CONDITION_ABSENT)
                fprintf(out, ", if the record has no %s", when->field->name);
        else if (when->kind == CONDITION_READ_IS)
                fprintf(out, ", if the %s is %s", when->read, when->pattern);
}

/* How a write is finished after a pull, and how it is proven. */
static void print_write(const Step *step, FILE *out) {
        if (step_repeatable(step))
                fprintf(out, "; may be repeated");
        else
                fprintf(out, "; journaled before, and afterwards %s whether it has happened",
                        step->done_if.count > 0 ? "its done-if tells" : "the card is asked");

        if (step_changes_secret(step))
                fprintf(out, "; proven by use");
        else if (step->verb->written >= 0)
                fprintf(out, "; %s",
                        step->read_back && step->verb->read_back ? "read back and compared"
                                                                 : "not verifiable");
}

static void print_accept(const Accept *accept, FILE *out) {
        for (size_t i = 0; i < accept->count; i++) {
                fprintf(out, "%s", i == 0 ? "; must answer " : " or ");
                for (int shift = 12; shift >= 0; shift -= 4)
                        if (accept->words[i].mask >> shift & 0xF)
                                fprintf(out, "%X", (unsigned) accept->words[i].value >> shift & 0xF);
                        else
                                fputc('.', out);
        }
}

static void print_step(const Step *step, bool issue, FILE *out) {
        fprintf(out, "%s", step->verb->name);
        for (size_t k = 0; k < VERB_ARGUMENTS_MAX; k++)
                if (step->arguments[k].given)
                        print_argument(&step->verb->arguments[k], &step->arguments[k], out);

        fprintf(out, ": the card %s", step->verb->explanation);
        print_condition(&step->when, out);
        if (step->expect)
                fprintf(out, "; must be %s", step->expect);
        print_accept(&step->accept, out);
        if (step->to == KEEP_NAMED)
                fprintf(out, "; kept as %s", step->to_name);
        if (step->in_clear)
                fprintf(out, "; sends a secret in clear");
        if (issue && step_kind(step) == VERB_WRITE)
                print_write(step, out);
        if (step->verb->flags & VERB_IRREVERSIBLE)
                fprintf(out, "; cannot be undone");
        fputc('\n', out);
}

static void print_repeat(const Repeat *repeat, const Condition *when, FILE *out) {
        if (repeat->each)
                fprintf(out, "for each %s of %s", repeat->name, repeat->each->name);
        else {
                fprintf(out, "for %s from ", repeat->name);
                print_number(&repeat->from, out);
                fprintf(out, " to ");
                print_number(&repeat->to, out);
        }

        print_condition(when, out);
        fprintf(out, ":\n");
}

static void print_list(const StepList *list, bool issue, int indent, FILE *out) {
        for (size_t i = 0; i < list->count; i++) {
                const Step *step = &list->steps[i];

                fprintf(out, "%*s", indent, "");
                if (step->repeat) {
                        print_repeat(step->repeat, &step->when, out);
                        print_list(&step->repeat->steps, issue, indent + 2, out);
                } else
                        print_step(step, issue, out);
        }
}

static void print_steps(const char *title, const StepList *list, bool issue, FILE *out) {
        if (list->count == 0)
                return;

        fprintf(out, "%s:\n", title);
        print_list(list, issue, 2, out);
}

static void print_fields(const Profile *profile, FILE *out) {
        fprintf(out, "Fields:\n");
        for (size_t i = 0; i < profile->field_count; i++) {
                const Field *field = &profile->fields[i];

                fprintf(out, "  %s: %s, ", field->name, encoding_names[field->encoding]);
                if (field->minimum == field->maximum)
                        fprintf(out, "%zu bytes", field->maximum);
                else
                        fprintf(out, "%zu to %zu bytes", field->minimum, field->maximum);
                if (field->list)
                        fprintf(out, " each, a list of at most %zu", field->most);
                fprintf(out, "%s%s%s%s%s\n", field->secret ? ", secret" : "", field->index ? ", indexed" : "",
                        field->optional ? ", optional" : "", field->default_text ? ", with a default" : "",
                        field->luhn ? ", ending in a check digit" : "");
        }
}

void profile_explain(const Profile *profile, FILE *out) {
        fprintf(out, "%s: %s\nCan:", profile->name, profile->description);
        for (size_t i = 0; profile->abilities[i]; i++)
                fprintf(out, " %s", profile->abilities[i]);
        fputc('\n', out);
        if (profile_is_contactless(profile))
                fprintf(out,
                        "Spoken to over the air: what is sent in clear, everybody near the card can hear.\n");

        if (profile->contacts_only)
                fprintf(out,
                        "Written and ended over contacts alone; in a contactless reader it is only read.\n");

        print_fields(profile, out);
        for (size_t i = 0; i < profile->carried_count; i++)
                fprintf(out, "  %s: from a record of card type %s, its %s\n", profile->carried[i].field->name,
                        profile->carried[i].type, profile->carried[i].source);
        print_steps("The chip's serial is read", &profile->serial, false, out);
        print_steps("The ID is read", &profile->identify, false, out);
        print_steps("A card is blank if all of this holds", &profile->blank, false, out);
        for (size_t i = 0; i < profile->stage_count; i++) {
                fprintf(out, "Stage \"%s\"\n", profile->stages[i].name);
                print_steps("To open it, again after every reset", &profile->stages[i].open, true, out);
                print_steps("Written", &profile->stages[i].write, true, out);
        }
        print_steps("Verified besides", &profile->verify, false, out);
        print_steps("An old card is discarded", &profile->discard, false, out);
}
