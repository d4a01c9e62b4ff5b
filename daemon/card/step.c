/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps as they are written: one verb with its arguments, or a repeat. What all verbs share is step-common.c's; how
 * steps become commands is call.c's. */
#include "base/mistakes.h"
#include "base/tlv.h"
#include "card/profile.h"

enum {
        REPEAT_COUNT_MAX = 65535,
        STEP_COMMON_KEYS = 8, /* room for step_common_keys */
};

static Scope scope_of(const StepRules *rules, bool keys) {
        return (Scope){
                .profile = rules->profile, .record = rules->record, .keys = keys, .turn = rules->turn
        };
}

static void repeat_free(Repeat *repeat) {
        if (!repeat)
                return;

        free(repeat->name);
        number_done(&repeat->from);
        number_done(&repeat->to);
        steps_done(&repeat->steps);
        free(repeat);
}

static void step_done(Step *step) {
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                bytes_done(&step->arguments[i].bytes);
                number_done(&step->arguments[i].count);
                value_free(step->arguments[i].value);
        }

        repeat_free(step->repeat);
        free(step->expect);
        free(step->to_name);
        free(step->when.read);
        free(step->when.pattern);
        steps_done(&step->done_if);
        steps_done(&step->shown);
}

void steps_done(StepList *list) {
        for (size_t i = 0; i < list->count; i++)
                step_done(&list->steps[i]);

        free(list->steps);
        *list = (StepList){};
}

VerbKind step_kind(const Step *step) {
        /* apdu: the one verb whose kind the profile tells */
        if (step->verb->run == verb_apdu)
                return step->arguments[2].number ? VERB_READ : VERB_WRITE;

        return step->verb->kind;
}

int steps_visit(const StepList *list, int (*each)(const Step *step, void *userdata, Failure *failure),
                void *userdata, Failure *failure) {
        for (size_t i = 0; i < list->count; i++) {
                const Step *step = &list->steps[i];
                int r;

                r = step->repeat ? steps_visit(&step->repeat->steps, each, userdata, failure)
                                 : each(step, userdata, failure);
                if (r != 0)
                        return r;
        }

        return 0;
}

int step_argument(const Step *step, ArgumentRole role, int from) {
        for (int i = from; i < VERB_ARGUMENTS_MAX; i++)
                if (step->verb->arguments[i].role == role && step->arguments[i].given)
                        return i;

        return -1;
}

bool step_changes_secret(const Step *step) {
        return step_argument(step, ROLE_NEW, 0) >= 0;
}

bool step_repeatable(const Step *step) {
        return step_kind(step) != VERB_WRITE || (step->verb->flags & VERB_REPEATABLE) != 0;
}

/* "3F00/5000/5001": file identifiers of two bytes each. */
static int parse_path(YamlNode node, Bytes *ret, Failure *failure) {
        const char *text = yaml_text(node);

        for (const char *p = text; p;) {
                size_t length = strcspn(p, "/");
                char part[5] = {};

                if (length != 4)
                        break;

                memcpy(part, p, 4);
                if (strchr(part, ' ') || hex_decode(part, ret) < 0)
                        break;

                if (p[4] == '\0')
                        return 0;
                p += 5;
        }

        return yaml_complain(node, failure,
                             "expected file identifiers with '/' between them, such as 3F00/5000");
}

static int parse_hex_argument(const ArgumentRule *rule, YamlNode node, Argument *argument, Failure *failure) {
        int r;

        r = yaml_read_hex(node, (size_t) rule->minimum, (size_t) rule->maximum, rule->name, &argument->bytes,
                          failure);
        if (r < 0)
                return r;

        argument->number = tlv_tag_number(bytes_span(&argument->bytes));
        return 0;
}

static int parse_argument(const StepRules *rules, const ArgumentRule *rule, YamlNode node, Argument *argument,
                          Failure *failure) {
        Scope scope = scope_of(rules, rule->type == ARGUMENT_SECRET);
        bool flag = false;
        size_t choice = 0;
        int r;

        argument->given = true;
        switch (rule->type) {
        case ARGUMENT_NUMBER:
                return number_parse(node, &scope, rule->minimum, rule->maximum, rule->name, &argument->count,
                                    failure);
        case ARGUMENT_HEX:
                return parse_hex_argument(rule, node, argument, failure);
        case ARGUMENT_PATH:
                r = parse_path(node, &argument->bytes, failure);
                if (r >= 0 && argument->bytes.size > (size_t) rule->maximum)
                        return yaml_complain(node, failure, "expected at most %d files in a path",
                                             (int) rule->maximum / 2);
                return r;
        case ARGUMENT_CHOICE:
                r = yaml_read_choice(node, rule->choices, rule->name, &choice, failure);
                argument->number = (int64_t) choice;
                return r;
        case ARGUMENT_BOOLEAN:
                r = yaml_read_boolean(node, rule->name, &flag, failure);
                argument->number = flag;
                return r;
        case ARGUMENT_VALUE:
        case ARGUMENT_SECRET:
                return value_parse(node, &scope, &argument->value, failure);
        }

        return -EINVAL;
}

static int parse_arguments(const StepRules *rules, YamlNode node, Step *step, Failure *failure) {
        const char *keys[VERB_ARGUMENTS_MAX + STEP_COMMON_KEYS + 1] = {};
        size_t count = 0, noted = failure_noted(failure);
        bool misspelled;
        int r;

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->verb->arguments[i].name)
                        keys[count++] = step->verb->arguments[i].name;
        for (size_t i = 0; step_common_keys[i]; i++)
                keys[count++] = step_common_keys[i];

        r = yaml_check_keys(node, keys, "the verb's arguments, {} for none", failure);
        if (r < 0)
                return r;

        misspelled = failure_noted(failure) > noted;
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                const ArgumentRule *rule = &step->verb->arguments[i];
                YamlNode given = rule->name ? yaml_find(node, rule->name) : (YamlNode){};

                if (rule->name && rule->type == ARGUMENT_BOOLEAN)
                        step->arguments[i].number = rule->minimum;

                if (!yaml_present(given) && (!rule->name || !rule->required || misspelled))
                        continue;

                r = yaml_present(given)
                            ? parse_argument(rules, rule, given, &step->arguments[i], failure)
                            : yaml_complain(node, failure, "expected `%s` among the arguments of %s",
                                            rule->name, step->verb->name);
                r = failure_note(failure, r);
                if (r < 0)
                        return r;
        }

        return step->verb->check && failure_noted(failure) == noted ? step->verb->check(step, failure) : 0;
}

/* {for: NAME, from: N, to: N, steps: ...} counts; {for: NAME, each: {field: LIST}, steps: ...} takes a list's items. */
static int parse_repeat_range(YamlNode node, const StepRules *rules, Repeat *repeat, Failure *failure) {
        static const char *const field_only[] = { "field", NULL };
        YamlNode each = yaml_find(node, "each"), from = yaml_find(node, "from"), to = yaml_find(node, "to");
        Scope scope = scope_of(rules, false);
        YamlNode name = yaml_find(each, "field");
        int r;

        if (yaml_present(each) == yaml_present(to) || (yaml_present(each) && yaml_present(from)))
                return yaml_complain(node, failure, "expected either `from` and `to`, or `each`");

        if (!yaml_present(each)) {
                r = number_parse(from, &scope, 0, REPEAT_COUNT_MAX, "`from`", &repeat->from, failure);
                return r < 0 ? r
                             : number_parse(to, &scope, 0, REPEAT_COUNT_MAX, "`to`", &repeat->to, failure);
        }

        r = yaml_check_keys(each, field_only, "{field: NAME}, a field with `list: true`", failure);
        if (r < 0)
                return r;

        repeat->each =
                rules->record && yaml_text(name) ? profile_field(rules->profile, yaml_text(name)) : NULL;
        if (!repeat->each || !repeat->each->list)
                return yaml_complain(each, failure, "expected {field: NAME}, a field with `list: true`");

        return 0;
}

static int parse_repeat(YamlNode node, const StepRules *rules, Step *step, Failure *failure) {
        static const char *const keys[] = { "for", "from", "to", "each", "steps", NULL };
        Repeat *repeat = new0(Repeat, 1);
        StepRules inner = *rules;
        ScopeTurn turn = { .outer = rules->turn };
        unsigned depth = 1;
        const char *name = NULL;
        int r;

        step->repeat = repeat;
        if (!repeat)
                return failure_no_memory(failure);

        r = yaml_check_keys(node, keys, "a repeat: {for: NAME, from: N, to: N, steps: ...}", failure);
        if (r >= 0)
                r = yaml_read_text(yaml_find(node, "for"), "`for:`, a name", &name, failure);
        if (r >= 0)
                r = parse_repeat_range(node, rules, repeat, failure);
        if (r < 0)
                return r;

        for (const ScopeTurn *outer = rules->turn; outer; outer = outer->outer)
                depth++;
        if (depth > REPEAT_DEPTH_MAX)
                return yaml_complain(node, failure, "expected at most %d repeats one inside the other",
                                     REPEAT_DEPTH_MAX);

        turn.name = name;
        turn.each = repeat->each;
        inner.turn = &turn;
        repeat->name = strdup(name);
        if (!repeat->name)
                return failure_no_memory(failure);

        r = steps_parse(yaml_find(node, "steps"), &inner, &repeat->steps, failure);
        if (r >= 0 && repeat->steps.count == 0 && !repeat->steps.broken)
                return yaml_complain(node, failure, "expected `steps` in the repeat");

        return r;
}

/* The one key that is the verb, or `repeat`. */
static int parse_verb(YamlNode node, Step *step, YamlNode *arguments, Failure *failure) {
        bool repeat = false;

        for (size_t i = 0; i < yaml_count(node); i++) {
                YamlNode key = yaml_key(node, i);

                if (step_key_is_beside(yaml_text(key)))
                        continue;
                if (step->verb || repeat)
                        return yaml_complain(key, failure, "expected one verb in a step");

                *arguments = yaml_value(node, i);
                repeat = streq(yaml_text(key), "repeat");
                step->verb = verb_find(yaml_text(key));
                if (!step->verb && !repeat)
                        return yaml_complain(key, failure, "expected a verb; \"%.64s\" is none",
                                             yaml_text(key));
        }

        return step->verb || repeat ? 0 : yaml_complain(node, failure, "expected a verb in the step");
}

static int parse_step(const StepRules *rules, YamlNode node, Step *step, Failure *failure) {
        YamlNode arguments = {};
        int r;

        r = yaml_expect(node, YAML_MAPPING, "a step: a mapping with one verb", failure);
        if (r < 0)
                return r;

        step->place = yaml_place(node);
        r = parse_verb(node, step, &arguments, failure);
        if (r >= 0 && !step->verb) {
                r = parse_repeat(arguments, rules, step, failure);
                return r < 0 ? r : step_parse_beside(node, rules, step, failure);
        }

        if (r >= 0)
                r = parse_arguments(rules, arguments, step, failure);
        if (r >= 0)
                r = step_parse_common(arguments, rules, step, failure);
        if (r >= 0)
                r = step_parse_beside(node, rules, step, failure);
        if (r < 0)
                return r;

        if (!(rules->kinds & 1U << step_kind(step)))
                return yaml_complain(node, failure, "expected no %s here: %s", step->verb->name,
                                     rules->kinds & 1U << VERB_AUTHENTICATE
                                             ? "these steps write nothing"
                                             : "these steps only select and read");

        return 0;
}

/* A step that is left out would have written its fields. */
static void mention_fields(const StepRules *rules, YamlNode node) {
        const char *name = yaml_text(yaml_find(node, "field"));

        for (size_t i = 0; name && rules->profile && i < rules->profile->field_count; i++)
                if (streq(rules->profile->fields[i].name, name))
                        rules->profile->fields[i].mentioned = true;

        for (size_t i = 0; i < yaml_count(node); i++)
                mention_fields(rules,
                               yaml_kind(node) == YAML_MAPPING ? yaml_value(node, i) : yaml_item(node, i));
}

/* One more step; where mistakes are collected, one that has any is left out. A repeat stays with what is right in it. */
static int add_step(const StepRules *rules, YamlNode node, StepList *list, Failure *failure) {
        Step *step = &list->steps[list->count];
        size_t noted = failure_noted(failure);
        bool broken;
        int r;

        r = parse_step(rules, node, step, failure);
        broken = r < 0 || failure_noted(failure) > noted;
        list->broken = list->broken || broken;
        if (!broken || (r >= 0 && step->repeat)) {
                list->count++;
                return 0;
        }

        mention_fields(rules, node);
        step_done(step);
        *step = (Step){};
        return failure_note(failure, r);
}

int steps_parse(YamlNode node, const StepRules *rules, StepList *ret, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_SEQUENCE, "a list of steps", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) > PROFILE_STEPS_MAX)
                return yaml_complain(node, failure, "expected at most %d steps", PROFILE_STEPS_MAX);

        ret->steps = new0(Step, yaml_count(node) + 1);
        if (!ret->steps)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                r = add_step(rules, yaml_item(node, i), ret, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}
