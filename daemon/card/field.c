/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `fields:` of a profile: what a record of its type holds, and holding a record against it. */
#include "base/mistakes.h"
#include "card/profile.h"

static const char *const field_keys[] = { "length",   "min",     "max",  "encoding", "secret", "index",
                                          "optional", "default", "list", "most",     "check",  NULL };

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

bool field_name_is_valid(const char *name) {
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
        if (field->encoding == ENCODING_DATE && (minimum != maximum || (maximum != 3 && maximum != 4)))
                return yaml_complain(node, failure,
                                     "expected a date of `length: 3` (YYMMDD) or 4 (YYYYMMDD)");
        if (field->encoding == ENCODING_IMSI && (minimum != maximum || maximum != 9))
                return yaml_complain(node, failure, "expected an IMSI of `length: 9`, as it is on the card");
        if (field->encoding == ENCODING_UCS2 && (minimum % 2 != 0 || maximum % 2 != 0))
                return yaml_complain(node, failure,
                                     "expected an even number of bytes: UCS-2 has two a character");

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
                { "list", offsetof(Field, list) },
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

/* `most` bounds a list, so that a profile can be proven for the longest one. */
static int parse_most(YamlNode node, Field *field, Failure *failure) {
        YamlNode most = yaml_find(node, "most");
        int64_t number = FIELD_LIST_MAX;
        int r = 0;

        if (!field->list)
                return yaml_present(most)
                               ? yaml_complain(most, failure, "expected `list: true` beside `most`")
                               : 0;

        if (yaml_present(most))
                r = yaml_read_number(most, 1, FIELD_LIST_MAX, "the most values that the list may have",
                                     &number, failure);
        if (r < 0)
                return r;

        field->most = (size_t) number;
        if (field->most * field->maximum > VALUE_SIZE_MAX)
                return yaml_complain(node, failure,
                                     "expected a list that fits %d bytes when it is longest: see `most`",
                                     VALUE_SIZE_MAX);

        return 0;
}

static bool is_digits(Encoding encoding) {
        return encoding == ENCODING_ASCII || encoding == ENCODING_BCD ||
               encoding == ENCODING_NIBBLE_SWAPPED_BCD;
}

static int parse_check(YamlNode node, Field *field, Failure *failure) {
        static const char *const checks[] = { "luhn", NULL };
        YamlNode check = yaml_find(node, "check");
        size_t choice;
        int r;

        if (!yaml_present(check))
                return 0;

        r = yaml_read_choice(check, checks, "a check digit", &choice, failure);
        if (r < 0)
                return r;
        if (!is_digits(field->encoding))
                return yaml_complain(check, failure,
                                     "expected a check digit only among digits: ascii, bcd, "
                                     "nibble-swapped-bcd");

        field->luhn = true;
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
        if (field->list)
                return yaml_complain(text, failure, "expected no default for a list");

        if (field_encode(field, given, &bytes, NULL) < 0)
                return yaml_complain(text, failure,
                                     "expected a default that the field can hold: %s, %zu to %zu bytes",
                                     encoding_expects(field->encoding), field->minimum, field->maximum);

        field->default_text = strdup(given);
        return field->default_text ? 0 : failure_no_memory(failure);
}

/* What else is said of a field; without its size, not all of it means anything. */
static int parse_holds(YamlNode node, Field *field, Failure *failure) {
        int (*const parts[])(YamlNode, Field *, Failure *) = { parse_most, parse_check, parse_default };
        int sized, r;

        sized = parse_size(node, field, failure);
        r = failure_note(failure, sized);
        if (r >= 0)
                r = failure_note(failure, parse_flags(node, field, failure));
        for (size_t i = 0; r >= 0 && sized >= 0 && i < ELEMENTS(parts); i++)
                r = failure_note(failure, parts[i](node, field, failure));

        return r;
}

static int parse_field(YamlNode key, YamlNode node, Field *field, Failure *failure) {
        YamlNode encoding = yaml_find(node, "encoding");
        size_t choice = ENCODING_HEX;
        int r;

        field->place = yaml_place(key);
        field->name = strdup(yaml_text(key));
        if (!field->name)
                return failure_no_memory(failure);
        if (!field_name_is_valid(field->name))
                return yaml_complain(key, failure, "expected a field name of small letters, digits and '-'");

        r = yaml_check_keys(node, field_keys, "what the field holds", failure);
        if (r >= 0 && yaml_present(encoding))
                r = yaml_read_choice(encoding, encoding_names, "an encoding", &choice, failure);
        if (r < 0)
                return r;

        field->encoding = (Encoding) choice;
        return parse_holds(node, field, failure);
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
                Field *field = &profile->fields[profile->field_count++];
                size_t noted = failure_noted(failure);

                r = failure_note(failure,
                                 parse_field(yaml_key(node, i), yaml_value(node, i), field, failure));
                if (r < 0)
                        return r;

                field->broken = failure_noted(failure) > noted;
        }

        profile->id = profile_field(profile, "id");
        if (!profile->id)
                return yaml_complain(node, failure, "expected a field `id`");

        if (profile->id->secret || profile->id->optional || profile->id->default_text || profile->id->list)
                return place_complain(
                        profile->id->place, failure,
                        "expected `id` to be neither secret nor optional nor a list nor to have a default");

        return 0;
}

static const json_t *field_value(const Field *field, const json_t *fields) {
        return json_object_get(fields, field->name);
}

size_t field_count(const Field *field, const Profile *profile, const char *id, const json_t *fields) {
        if (field->list)
                return json_array_size(field_value(field, fields));

        return field_text(field, profile, id, fields, 0) ? 1 : 0;
}

const char *field_text(const Field *field, const Profile *profile, const char *id, const json_t *fields,
                       size_t n) {
        const char *text;

        if (field == profile->id)
                return id;
        if (field->list)
                return json_string_value(json_array_get(field_value(field, fields), n));

        text = json_string_value(field_value(field, fields));
        return text ? text : field->default_text;
}

int field_encode(const Field *field, const char *text, Bytes *ret, Failure *failure) {
        size_t width = field->minimum == field->maximum ? field->minimum : 0;
        _cleanup_bytes_ Bytes bytes = {};
        int r;

        if (field->luhn && !luhn_is_right(text))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The field \"%s\" must end in the check digit of the digits before it",
                                   field->name);

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

static bool is_text(const json_t *value) {
        return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_text_list(const json_t *value, size_t most) {
        const json_t *item;
        size_t i;

        if (!json_is_array(value) || json_array_size(value) > most)
                return false;

        json_array_foreach((json_t *) value, i, item)
                if (!is_text(item))
                        return false;

        return true;
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
                if (!is_text(value) && !field->list)
                        return failure_set(failure, FAILURE_INVALID_ARGS, "The field \"%s\" must be one text",
                                           name);
                if (field->list && !is_text_list(value, field->most))
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "The field \"%s\" must be a list of at most %zu texts", name,
                                           field->most);
        }

        return 0;
}

static int check_field(const Field *field, const Profile *profile, const char *id, const json_t *fields,
                       Failure *failure) {
        size_t count = field_count(field, profile, id, fields);

        if (count == 0 && !field->optional)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The field \"%s\" is missing", field->name);

        for (size_t i = 0; i < count; i++) {
                _cleanup_bytes_ Bytes bytes = {};
                int r;

                r = field_encode(field, field_text(field, profile, id, fields, i), &bytes, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_fields(const Profile *profile, const char *id, const json_t *fields, bool needed_only,
                        Failure *failure) {
        int r;

        r = check_id(profile->id, id, failure);
        if (r >= 0)
                r = check_known(profile, fields, failure);
        for (size_t i = 0; r >= 0 && i < profile->field_count; i++)
                if (!needed_only || profile->fields[i].needed ||
                    field_count(&profile->fields[i], profile, id, fields) > 0)
                        r = check_field(&profile->fields[i], profile, id, fields, failure);

        return r;
}

int profile_check_fields(const Profile *profile, const char *id, const json_t *fields, Failure *failure) {
        return check_fields(profile, id, fields, false, failure);
}

int profile_check_extracted(const Profile *profile, const char *id, const json_t *fields, Failure *failure) {
        return check_fields(profile, id, fields, true, failure);
}
