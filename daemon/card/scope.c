/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names within a profile, and counted numbers. */
#include "card/scope.h"

#include "base/tlv.h"
#include "card/profile.h"

enum {
        COUNT_BYTES_MAX = 4, /* of something read from the card that is taken for a number */
        TIMES_MAX = 65536,
};

const ScopeTurn *scope_turn(const Scope *scope, const char *name) {
        for (const ScopeTurn *turn = scope->turn; turn; turn = turn->outer)
                if (streq(turn->name, name))
                        return turn;

        return NULL;
}

/* A half-written card must tell the same again, which is so for its serial and what goes with it; its ID and what is
 * on a blank have changed by then. */
bool scope_reads(const Scope *scope, const char *name) {
        const Profile *profile = scope->profile;

        for (size_t i = 0; profile && i < profile->kept_count; i++)
                if (streq(profile->kept[i].name, name))
                        return profile->kept[i].in_serial || !scope->record;

        /* A step that was left out may have kept it. */
        return profile && (profile->serial.broken ||
                           (!scope->record && (profile->identify.broken || profile->blank.broken)));
}

int scope_read_name(YamlNode node, const Scope *scope, const char **ret, const ScopeTurn **turn,
                    Failure *failure) {
        int r;

        r = yaml_read_text(node, "a name of what was read from the card", ret, failure);
        if (r < 0)
                return r;

        *turn = scope_turn(scope, *ret);
        if (*turn || scope_reads(scope, *ret))
                return 0;

        return yaml_complain(
                node, failure,
                scope->record ? "expected the name of a repeat around this, or of what `serial:` keeps by "
                                "`to`"
                              : "expected the name of a repeat around this, or of what a step before "
                                "keeps by `to`");
}

void number_done(Number *number) {
        free(number->read);
        *number = (Number){};
}

int number_parse(YamlNode node, const Scope *scope, int64_t minimum, int64_t maximum, const char *what,
                 Number *ret, Failure *failure) {
        static const char *const keys[] = { "read", "times", "plus", NULL };
        YamlNode times = yaml_find(node, "times"), plus = yaml_find(node, "plus");
        const ScopeTurn *turn;
        const char *name = NULL;
        int r;

        ret->place = yaml_place(node);
        if (yaml_kind(node) != YAML_MAPPING)
                return yaml_read_number(node, minimum, maximum, what, &ret->constant, failure);

        r = yaml_check_keys(node, keys, "a number, or {read: NAME, times: N, plus: N}", failure);
        if (r >= 0)
                r = scope_read_name(yaml_find(node, "read"), scope, &name, &turn, failure);

        ret->times = 1;
        if (r >= 0 && yaml_present(times))
                r = yaml_read_number(times, 1, TIMES_MAX, "`times`", &ret->times, failure);
        if (r >= 0 && yaml_present(plus))
                r = yaml_read_number(plus, -TIMES_MAX, INT32_MAX, "`plus`", &ret->plus, failure);
        if (r < 0)
                return r;

        ret->read = strdup(name);
        return ret->read ? 0 : failure_no_memory(failure);
}

static int count_read(const Number *number, const ValueContext *context, int64_t *ret, Failure *failure) {
        const Turn *turn = context_turn(context, number->read);
        Span data;

        if (turn) {
                *ret = turn->number;
                return 0;
        }

        if (context_read(context, number->read, &data) < 0)
                return place_refuse(number->place, failure, "The card has told no %s", number->read);
        if (data.size > COUNT_BYTES_MAX)
                return place_refuse(number->place, failure, "What the card tells as %s is no number",
                                    number->read);

        *ret = tlv_tag_number(data);
        return 0;
}

int number_count(const Number *number, const ValueContext *context, int64_t minimum, int64_t maximum,
                 const char *what, int64_t *ret, Failure *failure) {
        int64_t count = 0;
        int r;

        if (!number->read) {
                *ret = number->constant;
                return 0;
        }

        if (context->proving && !context_turn(context, number->read)) {
                *ret = minimum; /* nobody knows, before there is a card, what it tells */
                return 0;
        }

        r = count_read(number, context, &count, failure);
        if (r < 0)
                return r;

        count = count * number->times + number->plus;
        if (count < minimum || count > maximum)
                return place_refuse(number->place, failure,
                                    "%s is out of range here: it must be %lld to %lld", what,
                                    (long long) minimum, (long long) maximum);

        *ret = count;
        return 0;
}
