/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What steps have in common: patterns, status words that mean done, the part of an answer that matters and where it
 * goes, and what stands beside the verb. */
#include "base/tlv.h"
#include "card/profile.h"

const char *const step_common_keys[] = { "accept", "le", "take", "expect", "to", NULL };
static const char *const keep_names[] = { "nothing", "type", "id", "serial" };

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

/* Four digits, '.' for any. ISO/IEC 7816-4:2020, 5.6: they begin with 9 or 6; 60XX is none, 61XX and 6CXX are the
 * transport's. */
static bool parse_status_word(const char *text, uint16_t *value, uint16_t *mask) {
        uint8_t first;

        if (!text || strlen(text) != 4)
                return false;

        *value = *mask = 0;
        for (const char *p = text; *p; p++) {
                int digit = hex_digit(*p);

                if (digit < 0 && *p != '.')
                        return false;

                *value = (uint16_t) (*value << 4 | (digit < 0 ? 0 : digit));
                *mask = (uint16_t) (*mask << 4 | (digit < 0 ? 0 : 0xF));
        }

        first = (uint8_t) (*value >> 8);
        if (first >> 4 == 9 && *mask >> 12)
                return true;

        return first >> 4 == 6 && *mask >> 8 == 0xFF && first != 0x60 && first != 0x61 && first != 0x6C;
}

int accept_parse(YamlNode node, Accept *ret, Failure *failure) {
        int r;

        r = yaml_expect(node, YAML_SEQUENCE, "`accept`, a list of status words", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) == 0 || yaml_count(node) > ACCEPT_MAX)
                return yaml_complain(node, failure, "expected 1 to %d status words", ACCEPT_MAX);

        for (size_t i = 0; i < yaml_count(node); i++, ret->count++)
                if (!parse_status_word(yaml_text(yaml_item(node, i)), &ret->words[i].value,
                                       &ret->words[i].mask))
                        return yaml_complain(
                                yaml_item(node, i), failure,
                                "expected a status word, 9XXX or 6XXX, '.' for any digit: 63C., 91..");

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

static bool name_is_valid(const char *name) {
        return *name >= 'a' && *name <= 'z' && strlen(name) <= 64 &&
               name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int add_kept(YamlNode node, const StepRules *rules, const char *name, Failure *failure) {
        Profile *profile = rules->profile;
        Kept *kept = &profile->kept[profile->kept_count];

        for (size_t i = 0; i < profile->kept_count; i++)
                if (streq(profile->kept[i].name, name))
                        return yaml_complain(node, failure,
                                             "expected a name that is given once; \"%.64s\" is twice", name);

        if (profile->kept_count == PROFILE_KEPT_MAX)
                return yaml_complain(node, failure, "expected at most %d names given by `to`",
                                     PROFILE_KEPT_MAX);

        kept->in_serial = rules->keep == KEEP_SERIAL;
        kept->name = strdup(name);
        profile->kept_count++;
        return kept->name ? 0 : failure_no_memory(failure);
}

static bool is_well_known(const char *name) {
        for (size_t i = 0; i < ELEMENTS(keep_names); i++)
                if (streq(name, keep_names[i]))
                        return true;

        return false;
}

static int parse_to(YamlNode node, const StepRules *rules, Step *step, Failure *failure) {
        const char *name = yaml_text(node);
        bool own = rules->keep == KEEP_ID || rules->keep == KEEP_SERIAL || rules->keep == KEEP_NAMED;

        if (rules->keep == KEEP_NOTHING)
                return yaml_complain(node, failure, "expected no `to` here");
        if (rules->turn)
                return yaml_complain(node, failure,
                                     "expected no `to` in a repeat: every turn would replace it");

        if (name && rules->keep < ELEMENTS(keep_names) && streq(name, keep_names[rules->keep])) {
                step->to = rules->keep;
                return rules->keep == KEEP_SERIAL ? add_kept(node, rules, name, failure) : 0;
        }

        if (!name || !own || !name_is_valid(name) || is_well_known(name))
                return yaml_complain(node, failure, "expected `to: %s`%s",
                                     rules->keep == KEEP_NAMED ? "NAME" : keep_names[rules->keep],
                                     rules->keep == KEEP_NAMED ? " of small letters, digits and '-'"
                                     : own                     ? ", or a name of your own"
                                                               : "");

        step->to = KEEP_NAMED;
        step->to_name = strdup(name);
        return step->to_name ? add_kept(node, rules, name, failure) : failure_no_memory(failure);
}

/* "": nothing. */
static int parse_expect(YamlNode node, Step *step, Failure *failure) {
        const char *text = yaml_text(node);

        if (!text || *text)
                return pattern_parse(node, "what the answer must be", &step->expect, failure);

        step->expect = strdup("");
        return step->expect ? 0 : failure_no_memory(failure);
}

int step_parse_common(YamlNode node, const StepRules *rules, Step *step, Failure *failure) {
        YamlNode le = yaml_find(node, "le"), accept = yaml_find(node, "accept"),
                 take = yaml_find(node, "take");
        YamlNode expect = yaml_find(node, "expect"), to = yaml_find(node, "to");
        int64_t number = LE_ABSENT;
        int r = 0;

        if (yaml_present(accept))
                r = accept_parse(accept, &step->accept, failure);
        if (r >= 0 && yaml_present(le))
                r = yaml_read_number(le, 0, 65536, "`le`", &number, failure);
        if (r >= 0 && yaml_present(take))
                r = parse_take(take, &step->take, failure);
        if (r >= 0 && yaml_present(expect))
                r = parse_expect(expect, step, failure);
        if (r >= 0 && yaml_present(to))
                r = parse_to(to, rules, step, failure);

        step->le = (int32_t) number;
        return r;
}

static int parse_when_read(YamlNode node, const StepRules *rules, Condition *when, Failure *failure) {
        Scope scope = { .profile = rules->profile, .record = rules->record };
        const ScopeTurn *turn;
        const char *name;
        int r;

        when->kind = CONDITION_READ_IS;
        r = scope_read_name(yaml_find(node, "read"), &scope, &name, &turn, failure);
        if (r < 0)
                return r;

        when->read = strdup(name);
        if (!when->read)
                return failure_no_memory(failure);

        return pattern_parse(yaml_find(node, "is"), "what it must be", &when->pattern, failure);
}

static int parse_when(YamlNode node, const StepRules *rules, Condition *when, Failure *failure) {
        static const char *const keys[] = { "present", "absent", "read", "is", NULL };
        YamlNode present = yaml_find(node, "present"), absent = yaml_find(node, "absent");
        YamlNode field = yaml_present(present) ? present : absent;
        int r;

        r = yaml_check_keys(node, keys, "a condition", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) == 2 && yaml_present(yaml_find(node, "read")) &&
            yaml_present(yaml_find(node, "is")))
                return parse_when_read(node, rules, when, failure);

        if (yaml_count(node) != 1 || !yaml_present(field))
                return yaml_complain(
                        node, failure,
                        "expected {present: FIELD}, {absent: FIELD} or {read: NAME, is: PATTERN}");

        when->kind = yaml_present(present) ? CONDITION_PRESENT : CONDITION_ABSENT;
        when->field =
                rules->record && yaml_text(field) ? profile_field(rules->profile, yaml_text(field)) : NULL;
        return when->field
                       ? 0
                       : yaml_complain(field, failure, "expected the name of one of the profile's fields");
}

static int parse_done_if(YamlNode node, const StepRules *rules, Step *step, Failure *failure) {
        StepRules reading = { .profile = rules->profile,
                              .record = rules->record,
                              .kinds = VERBS_READING,
                              .turn = rules->turn };
        int r;

        r = steps_parse(node, &reading, &step->done_if, failure);
        if (r >= 0 && step->done_if.count == 0 && !step->done_if.broken)
                return yaml_complain(node, failure, "expected steps that hold if the write has happened");

        return r;
}

/* Either whether it can be read back, or the steps that show it. */
static int parse_read_back(YamlNode node, const StepRules *rules, Step *step, Failure *failure) {
        StepRules reading = { .profile = rules->profile,
                              .record = rules->record,
                              .kinds = VERBS_READING,
                              .turn = rules->turn };

        if (yaml_kind(node) != YAML_SEQUENCE)
                return yaml_read_boolean(node, "`read-back`, or steps that show what was written,",
                                         &step->read_back, failure);

        if (step->verb->written < 0 || yaml_count(node) == 0)
                return yaml_complain(
                        node, failure,
                        "expected steps that show what was written, beside a verb that stores data");

        return steps_parse(node, &reading, &step->shown, failure);
}

int step_parse_beside(YamlNode node, const StepRules *rules, Step *step, Failure *failure) {
        YamlNode when = yaml_find(node, "when"), done_if = yaml_find(node, "done-if");
        YamlNode read_back = yaml_find(node, "read-back"), in_clear = yaml_find(node, "in-clear");
        int r = 0;

        step->read_back = true;
        if (yaml_present(when))
                r = parse_when(when, rules, &step->when, failure);
        if (r < 0)
                return r;

        if ((yaml_present(done_if) || yaml_present(read_back)) &&
            (!step->verb || step_kind(step) != VERB_WRITE))
                return yaml_complain(node, failure,
                                     "expected `done-if` and `read-back` only beside a verb that writes");

        if (yaml_present(done_if))
                r = parse_done_if(done_if, rules, step, failure);
        if (r >= 0 && yaml_present(read_back))
                r = parse_read_back(read_back, rules, step, failure);
        if (r >= 0 && yaml_present(in_clear) && !step->verb)
                return yaml_complain(in_clear, failure, "expected `in-clear` only beside a verb");
        if (r >= 0 && yaml_present(in_clear))
                r = yaml_read_boolean(in_clear, "`in-clear`", &step->in_clear, failure);

        return r;
}

bool step_key_is_beside(const char *key) {
        return streq(key, "when") || streq(key, "done-if") || streq(key, "read-back") ||
               streq(key, "in-clear");
}
