/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps as they are written: one verb with its arguments, the arguments that all verbs share, and what stands
 * beside the verb. How steps become commands is call.c's. */
#include "base/tlv.h"
#include "card/profile.h"

static const char *const common_keys[] = { "accept", "le", "take", "expect", "to", NULL };
static const char *const keep_names[] = { "nothing", "type", "id", "serial" };

typedef struct StepContext {
        const Profile *profile;
        unsigned kinds;
        Keep to;
} StepContext;

static void step_done(Step *step) {
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                bytes_done(&step->arguments[i].bytes);
                value_free(step->arguments[i].value);
        }

        free(step->expect);
        free(step->when.pattern);
        steps_done(&step->done_if);
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

bool step_repeatable(const Step *step) {
        return step_kind(step) != VERB_WRITE || (step->verb->flags & VERB_REPEATABLE) != 0;
}

int pattern_parse(YamlNode node, const char *what, char **ret, Failure *failure) {
        const char *text = yaml_text(node);
        _cleanup_free_ char *pattern = NULL;
        size_t count = 0;

        if (!text)
                return yaml_complain(node, failure, "expected %s, hexadecimal with '.' for any digit", what);

        pattern = malloc(strlen(text) + 1);
        if (!pattern)
                return failure_no_memory(failure);

        for (const char *p = text; *p; p++) {
                if (*p == ' ')
                        continue;
                if (*p != '.' && hex_digit(*p) < 0)
                        return yaml_complain(node, failure, "expected %s, hexadecimal with '.' for any digit",
                                             what);
                pattern[count++] = *p;
        }

        if (count == 0 || count % 2 != 0)
                return yaml_complain(node, failure, "expected %s, whole bytes", what);

        pattern[count] = '\0';
        *ret = TAKE_PTR(pattern);
        return 0;
}

bool pattern_fits(const char *pattern, Span bytes, bool prefix) {
        size_t size = strlen(pattern) / 2;

        if (size > bytes.size || (!prefix && size != bytes.size))
                return false;

        for (size_t i = 0; i < 2 * size; i++) {
                int nibble = i % 2 == 0 ? bytes.data[i / 2] >> 4 : bytes.data[i / 2] & 0x0F;

                if (pattern[i] != '.' && hex_digit(pattern[i]) != nibble)
                        return false;
        }

        return true;
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

static int parse_argument(const StepContext *context, const ArgumentRule *rule, YamlNode node,
                          Argument *argument, Failure *failure) {
        bool flag = false;
        size_t choice = 0;
        int r;

        argument->given = true;
        switch (rule->type) {
        case ARGUMENT_NUMBER:
                return yaml_read_number(node, rule->minimum, rule->maximum, rule->name, &argument->number,
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
                return value_parse(node, context->profile, rule->type == ARGUMENT_SECRET, &argument->value,
                                   failure);
        }

        return -EINVAL;
}

static int parse_arguments(const StepContext *context, YamlNode node, Step *step, Failure *failure) {
        const char *keys[VERB_ARGUMENTS_MAX + ELEMENTS(common_keys)];
        size_t count = 0;
        int r;

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->verb->arguments[i].name)
                        keys[count++] = step->verb->arguments[i].name;
        for (size_t i = 0; i < ELEMENTS(common_keys); i++)
                keys[count++] = common_keys[i];

        r = yaml_check_keys(node, keys, "the verb's arguments, {} for none", failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                const ArgumentRule *rule = &step->verb->arguments[i];
                YamlNode given = rule->name ? yaml_find(node, rule->name) : (YamlNode){};

                if (rule->name && rule->type == ARGUMENT_BOOLEAN)
                        step->arguments[i].number = rule->minimum;

                if (rule->name && rule->required && !yaml_present(given))
                        return yaml_complain(node, failure, "expected `%s` among the arguments of %s",
                                             rule->name, step->verb->name);
                if (!yaml_present(given))
                        continue;

                r = parse_argument(context, rule, given, &step->arguments[i], failure);
                if (r < 0)
                        return r;
        }

        return step->verb->check ? step->verb->check(step, failure) : 0;
}

static int parse_accept(YamlNode node, Step *step, Failure *failure) {
        int r;

        r = yaml_expect(node, YAML_SEQUENCE, "`accept`, a list of status words", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) == 0 || yaml_count(node) > STEP_ACCEPT_MAX)
                return yaml_complain(node, failure, "expected 1 to %d status words", STEP_ACCEPT_MAX);

        for (size_t i = 0; i < yaml_count(node); i++) {
                _cleanup_bytes_ Bytes sw = {};

                r = yaml_read_hex(yaml_item(node, i), 2, 2, "a status word", &sw, failure);
                if (r < 0)
                        return r;

                /* ISO/IEC 7816-4:2020, 5.6: the others are none, and 61xx and 6Cxx are the transport's */
                if ((sw.data[0] & 0xF0) != 0x90 && ((sw.data[0] & 0xF0) != 0x60 || sw.data[0] == 0x60 ||
                                                    sw.data[0] == 0x61 || sw.data[0] == 0x6C))
                        return yaml_complain(yaml_item(node, i), failure,
                                             "expected a status word, 9XXX or 6XXX");

                step->accept[step->accept_count++] = (uint16_t) (sw.data[0] << 8 | sw.data[1]);
        }

        return 0;
}

static int parse_take_tags(YamlNode node, Take *take, Failure *failure) {
        int r;

        r = yaml_expect(node, YAML_SEQUENCE, "`tlv`, a list of tags, one inside the other", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) == 0 || yaml_count(node) > STEP_TAGS_MAX)
                return yaml_complain(node, failure, "expected 1 to %d tags", STEP_TAGS_MAX);

        for (size_t i = 0; i < yaml_count(node); i++) {
                _cleanup_bytes_ Bytes tag = {};

                r = yaml_read_hex(yaml_item(node, i), 1, 3, "a tag", &tag, failure);
                if (r < 0)
                        return r;
                if (!tlv_is_tag(bytes_span(&tag)))
                        return yaml_complain(yaml_item(node, i), failure, "expected a BER-TLV tag");

                take->tags[take->tag_count++] = tlv_tag_number(bytes_span(&tag));
        }

        return 0;
}

static int parse_take(YamlNode node, Take *take, Failure *failure) {
        static const char *const keys[] = { "tlv", "from", "length", NULL };
        YamlNode tags = yaml_find(node, "tlv"), from = yaml_find(node, "from"),
                 length = yaml_find(node, "length");
        int64_t start = 0, size = 0;
        int r;

        r = yaml_check_keys(node, keys, "the part of the answer that matters", failure);
        if (r >= 0 && yaml_present(tags))
                r = parse_take_tags(tags, take, failure);
        if (r >= 0 && yaml_present(from))
                r = yaml_read_number(from, 0, TRANSPORT_RESPONSE_MAX, "`from`", &start, failure);
        if (r >= 0 && yaml_present(length))
                r = yaml_read_number(length, 1, TRANSPORT_RESPONSE_MAX, "`length`", &size, failure);

        take->from = (size_t) start;
        take->length = (size_t) size;
        return r;
}

static int parse_to(const StepContext *context, YamlNode node, Step *step, Failure *failure) {
        const char *name = yaml_text(node);

        if (context->to == KEEP_NOTHING)
                return yaml_complain(node, failure, "expected no `to` here");
        if (!name || !streq(name, keep_names[context->to]))
                return yaml_complain(node, failure, "expected `to: %s`", keep_names[context->to]);

        step->to = context->to;
        return 0;
}

static int parse_common(const StepContext *context, YamlNode node, Step *step, Failure *failure) {
        YamlNode le = yaml_find(node, "le"), accept = yaml_find(node, "accept"),
                 take = yaml_find(node, "take");
        YamlNode expect = yaml_find(node, "expect"), to = yaml_find(node, "to");
        int64_t number = LE_ABSENT;
        int r = 0;

        if (yaml_present(accept))
                r = parse_accept(accept, step, failure);
        if (r >= 0 && yaml_present(le))
                r = yaml_read_number(le, 0, 65536, "`le`", &number, failure);
        if (r >= 0 && yaml_present(take))
                r = parse_take(take, &step->take, failure);
        if (r >= 0 && yaml_present(expect))
                r = pattern_parse(expect, "what the answer must be", &step->expect, failure);
        if (r >= 0 && yaml_present(to))
                r = parse_to(context, to, step, failure);

        step->le = (int32_t) number;
        return r;
}

static int parse_when(const StepContext *context, YamlNode node, Condition *when, Failure *failure) {
        static const char *const keys[] = { "present", "absent", "read", "is", NULL };
        static const char *const names[] = { "serial", NULL };
        YamlNode present = yaml_find(node, "present"), absent = yaml_find(node, "absent");
        YamlNode field = yaml_present(present) ? present : absent;
        size_t choice;
        int r;

        r = yaml_check_keys(node, keys, "a condition", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) == 2 && yaml_present(yaml_find(node, "read")) &&
            yaml_present(yaml_find(node, "is"))) {
                when->kind = CONDITION_READ_IS;
                r = yaml_read_choice(yaml_find(node, "read"), names, "what was read from the card", &choice,
                                     failure);
                return r < 0 ? r
                             : pattern_parse(yaml_find(node, "is"), "what it must be", &when->pattern,
                                             failure);
        }

        if (yaml_count(node) != 1 || !yaml_present(field))
                return yaml_complain(
                        node, failure,
                        "expected {present: FIELD}, {absent: FIELD} or {read: serial, is: PATTERN}");

        when->kind = yaml_present(present) ? CONDITION_PRESENT : CONDITION_ABSENT;
        when->field = context->profile && yaml_text(field) ? profile_field(context->profile, yaml_text(field))
                                                           : NULL;
        return when->field
                       ? 0
                       : yaml_complain(field, failure, "expected the name of one of the profile's fields");
}

static int parse_beside(const StepContext *context, YamlNode node, Step *step, Failure *failure) {
        YamlNode when = yaml_find(node, "when"), done_if = yaml_find(node, "done-if");
        YamlNode read_back = yaml_find(node, "read-back");
        int r = 0;

        step->read_back = true;
        if (yaml_present(when))
                r = parse_when(context, when, &step->when, failure);
        if (r < 0)
                return r;

        if ((yaml_present(done_if) || yaml_present(read_back)) && step_kind(step) != VERB_WRITE)
                return yaml_complain(node, failure,
                                     "expected `done-if` and `read-back` only beside a verb that writes");

        if (yaml_present(done_if)) {
                r = steps_parse(done_if, context->profile, VERBS_READING, KEEP_NOTHING, &step->done_if,
                                failure);
                if (r >= 0 && step->done_if.count == 0)
                        return yaml_complain(done_if, failure,
                                             "expected steps that hold if the write has happened");
        }
        if (r >= 0 && yaml_present(read_back))
                r = yaml_read_boolean(read_back, "`read-back`", &step->read_back, failure);

        return r;
}

static bool is_beside(const char *key) {
        return streq(key, "when") || streq(key, "done-if") || streq(key, "read-back");
}

static int parse_step(const StepContext *context, YamlNode node, Step *step, Failure *failure) {
        YamlNode arguments = {};
        int r;

        r = yaml_expect(node, YAML_MAPPING, "a step: a mapping with one verb", failure);
        if (r < 0)
                return r;

        step->place = yaml_place(node);
        for (size_t i = 0; i < yaml_count(node); i++) {
                YamlNode key = yaml_key(node, i);

                if (is_beside(yaml_text(key)))
                        continue;
                if (step->verb)
                        return yaml_complain(key, failure, "expected one verb in a step");

                step->verb = verb_find(yaml_text(key));
                if (!step->verb)
                        return yaml_complain(key, failure, "expected a verb; \"%.64s\" is none",
                                             yaml_text(key));

                arguments = yaml_value(node, i);
        }

        if (!step->verb)
                return yaml_complain(node, failure, "expected a verb in the step");

        r = parse_arguments(context, arguments, step, failure);
        if (r >= 0)
                r = parse_common(context, arguments, step, failure);
        if (r >= 0)
                r = parse_beside(context, node, step, failure);
        if (r < 0)
                return r;

        if (!(context->kinds & 1U << step_kind(step)))
                return yaml_complain(node, failure, "expected no %s here: %s", step->verb->name,
                                     context->kinds & 1U << VERB_AUTHENTICATE
                                             ? "these steps write nothing"
                                             : "these steps only select and read");

        return 0;
}

int steps_parse(YamlNode node, const Profile *profile, unsigned kinds, Keep to, StepList *ret,
                Failure *failure) {
        StepContext context = { .profile = profile, .kinds = kinds, .to = to };
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
                r = parse_step(&context, yaml_item(node, i), &ret->steps[ret->count++], failure);
                if (r < 0)
                        return r;
        }

        return 0;
}
