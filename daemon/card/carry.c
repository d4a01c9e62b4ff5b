/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `carry:`: what a card of another type calls otherwise, so that its record can become one of this type. */
#include "base/mistakes.h"
#include "card/profile.h"
#include "card/type-readout.h"

void carry_done(Profile *profile) {
        for (size_t i = 0; i < profile->carried_count; i++) {
                free(profile->carried[i].type);
                free(profile->carried[i].source);
        }

        free(profile->carried);
}

static const Carried *carried_find(const Profile *profile, const char *type, const char *name) {
        for (size_t i = 0; i < profile->carried_count; i++)
                if (streq(profile->carried[i].type, type) && streq(profile->carried[i].field->name, name))
                        return &profile->carried[i];

        return NULL;
}

const char *profile_carried_from(const Profile *profile, const char *type, const char *name) {
        const Carried *carried = carried_find(profile, type, name);

        return carried ? carried->source : name;
}

/* {"TYPE": "NAME THERE", ...} of one field. */
static json_t *carried_field(const Profile *profile, const Field *field) {
        json_t *names = json_object();

        for (size_t i = 0; names && i < profile->carried_count; i++) {
                const Carried *carried = &profile->carried[i];

                if (carried->field == field &&
                    json_object_set_new(names, carried->type, json_string(carried->source)) < 0) {
                        json_decref(names);
                        return NULL;
                }
        }

        return names;
}

json_t *profile_carried(const Profile *profile) {
        json_t *fields = json_object();

        for (size_t i = 0; fields && i < profile->field_count; i++)
                if (json_object_set_new(fields, profile->fields[i].name,
                                        carried_field(profile, &profile->fields[i])) < 0) {
                        json_decref(fields);
                        return NULL;
                }

        return fields;
}

/* {FIELD: NAME THERE, ...} of one other type. */
static int parse_type(YamlNode type, YamlNode names, Profile *profile, Failure *failure) {
        int r;

        r = yaml_expect(names, YAML_MAPPING, "a mapping from this profile's fields to that type's", failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < yaml_count(names); i++) {
                Carried *carried = &profile->carried[profile->carried_count];
                const Field *field = profile_field(profile, yaml_text(yaml_key(names, i)));
                const char *source = NULL;

                if (!field)
                        return yaml_complain(yaml_key(names, i), failure,
                                             "expected the name of one of the profile's fields");

                r = yaml_read_text(yaml_value(names, i), "the name of that type's field", &source, failure);
                if (r < 0)
                        return r;
                if (!field_name_is_valid(source))
                        return yaml_complain(yaml_value(names, i), failure, "expected the name of a field");

                profile->carried_count++;
                carried->field = field;
                carried->place = yaml_place(yaml_value(names, i));
                carried->type = strdup(yaml_text(type));
                carried->source = strdup(source);
                if (!carried->type || !carried->source)
                        return failure_no_memory(failure);
        }

        return 0;
}

int carry_parse(YamlNode node, Profile *profile, Failure *failure) {
        size_t count = 0;
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_MAPPING, "`carry:`, a mapping from other card types", failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < yaml_count(node); i++)
                count += yaml_count(yaml_value(node, i));

        profile->carried = new0(Carried, count + 1);
        if (!profile->carried)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                YamlNode type = yaml_key(node, i);

                r = type_name_is_valid(yaml_text(type))
                            ? parse_type(type, yaml_value(node, i), profile, failure)
                            : yaml_complain(type, failure,
                                            "expected a card type of small letters, digits and '-'");
                r = failure_note(failure, r);
                if (r < 0)
                        return r;
        }

        return 0;
}
