/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `fields:` of a profile: what a record of its type holds, and holding a record against it. */
#include "card/profile.h"

static const char *const field_keys[] = { "length", "min",      "max",     "encoding", "secret",
                                          "index",  "optional", "default", NULL };

void field_done(Field *field) {
        free(field->name);
        string_erase(field->default_text);
        *field = (Field){};
}

const Field *profile_field(const Profile *profile, const char *name) {
        for (size_t i = 0; i < profile->field_count; i++)
                if (streq(profile->fields[i].name, name))
                        return &profile->fields[i];

        return NULL;
}

bool profile_field_is_secret(const Profile *profile, const char *name) {
        const Field *field = profile_field(profile, name);

        return field && field->secret;
}

bool profile_field_is_indexed(const Profile *profile, const char *name) {
        const Field *field = profile_field(profile, name);

        return field && field->index;
}

size_t profile_field_count(const Profile *profile) {
        return profile->field_count;
}

const char *profile_field_name(const Profile *profile, size_t n) {
        return profile->fields[n].name;
}

static bool name_is_valid(const char *name) {
        if (strlen(name) > 64 || *name < 'a' || *name > 'z')
                return false;

        return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int parse_size(YamlNode node, Field *field, Failure *failure) {
        YamlNode length = yaml_find(node, "length"), min = yaml_find(node, "min"),
                 max = yaml_find(node, "max");
        int64_t minimum = 0, maximum = 0;
        int r;

        if (yaml_present(length) == yaml_present(max) || (yaml_present(length) && yaml_present(min)))
                return yaml_complain(node, failure,
                                     "expected either `length`, or `max` with or without `min`");

        if (yaml_present(length)) {
                r = yaml_read_number(length, 1, FIELD_SIZE_MAX, "the length in bytes", &maximum, failure);
                minimum = maximum;
        } else {
                r = yaml_read_number(max, 1, FIELD_SIZE_MAX, "the greatest length in bytes", &maximum,
                                     failure);
                if (r >= 0 && yaml_present(min))
                        r = yaml_read_number(min, 0, maximum, "the smallest length in bytes", &minimum,
                                             failure);
        }
        if (r < 0)
                return r;

        if (field->encoding == ENCODING_INTEGER && maximum > 8)
                return yaml_complain(node, failure, "expected an integer of at most 8 bytes");

        field->minimum = (size_t) minimum;
        field->maximum = (size_t) maximum;
        return 0;
}

static int parse_flags(YamlNode node, Field *field, Failure *failure) {
        static const struct {
                const char *key;
                size_t offset;
        } flags[] = {
                { "secret", offsetof(Field, secret) },
                { "index", offsetof(Field, index) },
                { "optional", offsetof(Field, optional) },
        };

        for (size_t i = 0; i < ELEMENTS(flags); i++) {
                YamlNode flag = yaml_find(node, flags[i].key);
                int r;

                if (!yaml_present(flag))
                        continue;

                r = yaml_read_boolean(flag, flags[i].key, (bool *) ((char *) field + flags[i].offset),
                                      failure);
                if (r < 0)
                        return r;
        }

        if (field->secret && field->index)
                return yaml_complain(node, failure,
                                     "expected a secret field without an index: an index would show it");

        return 0;
}

static int parse_default(YamlNode node, Field *field, Failure *failure) {
        YamlNode text = yaml_find(node, "default");
        _cleanup_bytes_ Bytes bytes = {};
        const char *given;
        int r;

        if (!yaml_present(text))
                return 0;

        r = yaml_read_text(text, "the default as text", &given, failure);
        if (r < 0)
                return r;

        if (field_encode(field, given, &bytes, NULL) < 0)
                return yaml_complain(text, failure,
                                     "expected a default that the field can hold: %s, %zu to %zu bytes",
                                     encoding_expects(field->encoding), field->minimum, field->maximum);

        field->default_text = strdup(given);
        return field->default_text ? 0 : failure_no_memory(failure);
}

static int parse_field(YamlNode key, YamlNode node, Field *field, Failure *failure) {
        YamlNode encoding = yaml_find(node, "encoding");
        size_t choice = ENCODING_HEX;
        int r;

        if (!name_is_valid(yaml_text(key)))
                return yaml_complain(key, failure, "expected a field name of small letters, digits and '-'");

        field->place = yaml_place(key);
        field->name = strdup(yaml_text(key));
        if (!field->name)
                return failure_no_memory(failure);

        r = yaml_check_keys(node, field_keys, "what the field holds", failure);
        if (r >= 0 && yaml_present(encoding))
                r = yaml_read_choice(encoding, encoding_names, "an encoding", &choice, failure);
        if (r < 0)
                return r;

        field->encoding = (Encoding) choice;
        r = parse_size(node, field, failure);
        if (r >= 0)
                r = parse_flags(node, field, failure);
        if (r >= 0)
                r = parse_default(node, field, failure);
        return r;
}

int fields_parse(YamlNode node, Profile *profile, Failure *failure) {
        int r;

        r = yaml_expect(node, YAML_MAPPING, "`fields:`, a mapping from names to what they hold", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) > PROFILE_FIELDS_MAX)
                return yaml_complain(node, failure, "expected at most %d fields", PROFILE_FIELDS_MAX);

        profile->fields = new0(Field, yaml_count(node) + 1);
        if (!profile->fields)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                r = parse_field(yaml_key(node, i), yaml_value(node, i),
                                &profile->fields[profile->field_count++], failure);
                if (r < 0)
                        return r;
        }

        profile->id = profile_field(profile, "id");
        if (!profile->id)
                return yaml_complain(node, failure, "expected a field `id`");

        if (profile->id->secret || profile->id->optional || profile->id->default_text)
                return place_complain(
                        profile->id->place, failure,
                        "expected `id` to be neither secret nor optional nor to have a default");

        return 0;
}

const char *field_text(const Field *field, const Profile *profile, const char *id, const json_t *fields) {
        const char *text;

        if (field == profile->id)
                return id;

        text = json_string_value(json_object_get(fields, field->name));
        return text ? text : field->default_text;
}

int field_encode(const Field *field, const char *text, Bytes *ret, Failure *failure) {
        size_t width =
                field->encoding == ENCODING_INTEGER && field->minimum == field->maximum ? field->minimum : 0;
        _cleanup_bytes_ Bytes bytes = {};
        int r;

        r = encoding_encode(field->encoding, text, width, &bytes);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r == -EINVAL)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The field \"%s\" must be %s", field->name,
                                   encoding_expects(field->encoding));

        if (r < 0 || bytes.size < field->minimum || bytes.size > field->maximum) {
                if (field->minimum == field->maximum)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "The field \"%s\" must be %zu bytes long, encoded as %s",
                                           field->name, field->maximum, encoding_names[field->encoding]);

                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The field \"%s\" must be %zu to %zu bytes long, encoded as %s",
                                   field->name, field->minimum, field->maximum,
                                   encoding_names[field->encoding]);
        }

        return bytes_append(ret, bytes_span(&bytes)) < 0 ? failure_no_memory(failure) : 0;
}

/* A card's ID is read back as text and looked up as such, so there must be one way only to write it. */
static int check_id(const Field *field, const char *id, Failure *failure) {
        _cleanup_free_ char *again = NULL;
        _cleanup_bytes_ Bytes bytes = {};
        int r;

        r = field_encode(field, id, &bytes, failure);
        if (r < 0)
                return r;

        r = encoding_decode(field->encoding, bytes_span(&bytes), &again);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0 || !streq(again, id))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The ID must be written as the card tells it: %s, in capital letters if "
                                   "hexadecimal, without spaces at its end",
                                   encoding_expects(field->encoding));

        return 0;
}

static int check_known(const Profile *profile, const json_t *fields, Failure *failure) {
        const char *name;
        json_t *value;

        json_object_foreach((json_t *) fields, name, value) {
                const Field *field = profile_field(profile, name);

                if (!field)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "The card type has no field \"%.64s\"", name);
                if (field == profile->id)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "\"id\" is the record's own ID, not one of its fields");
                if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
                        return failure_set(failure, FAILURE_INVALID_ARGS, "The field \"%s\" must be one text",
                                           name);
        }

        return 0;
}

int profile_check_fields(const Profile *profile, const char *id, const json_t *fields, Failure *failure) {
        int r;

        r = check_id(profile->id, id, failure);
        if (r >= 0)
                r = check_known(profile, fields, failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < profile->field_count; i++) {
                const Field *field = &profile->fields[i];
                const char *text = field_text(field, profile, id, fields);
                _cleanup_bytes_ Bytes bytes = {};

                if (!text && field->optional)
                        continue;
                if (!text)
                        return failure_set(failure, FAILURE_INVALID_ARGS, "The field \"%s\" is missing",
                                           field->name);

                r = field_encode(field, text, &bytes, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}
