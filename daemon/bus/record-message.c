/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Translates records between JSON and D-Bus messages. What a record must hold is checked where it is put. */
#include "bus/record-message.h"

#include "bus/variant.h"

static int split_fields(const Record *record, const Profile *profile, json_t *shown, json_t *withheld) {
        const char *name;
        json_t *value;
        int r;

        json_object_foreach(record->fields, name, value) {
                if (!profile || profile_field_is_secret(profile, name))
                        r = json_array_append_new(withheld, json_string(name));
                else
                        r = json_object_set(shown, name, value);
                if (r < 0)
                        return -ENOMEM;
        }

        return 0;
}

int record_message_append(sd_bus_message *message, const Record *record, const Profile *profile) {
        json_auto_t *shown = json_object(), *withheld = json_array();
        const struct {
                const char *name;
                const json_t *value;
                const char *empty;
        } members[] = {
                { "fields", shown, NULL },
                { "withheld", withheld, "as" },
                { "history", record->history, "aa{sv}" },
                { "extraction", record->extraction, NULL },
        };
        int r;

        if (!shown || !withheld)
                return -ENOMEM;

        r = split_fields(record, profile, shown, withheld);
        if (r < 0)
                return r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        r = sd_bus_message_append(message, "{sv}{sv}{sv}{sv}", "type", "s", record->type, "id", "s",
                                  record->id, "flag", "s", record->issued ? "issued" : "unissued", "count",
                                  "u", record->count);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTS(members); i++) {
                if (!members[i].value)
                        continue;

                r = variant_append_member(message, members[i].name, members[i].value, members[i].empty);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int wrong_type(const char *name, const char *expected, const char *contents, Failure *failure) {
        return failure_set(failure, FAILURE_INVALID_ARGS, "\"%s\" must be of D-Bus type %s, not \"%s\".",
                           name, expected, contents);
}

/* Puts value, which is taken over, where nothing is yet. */
static int set_once(json_t *object, const char *name, json_t *value, Failure *failure) {
        json_auto_t *owned = value;

        if (json_object_get(object, name))
                return failure_set(failure, FAILURE_INVALID_ARGS, "\"%s\" is given twice.", name);

        if (!owned || json_object_set(object, name, owned) < 0)
                return failure_no_memory(failure);

        return 0;
}

/* A list field: the elements of `as`. */
static int read_list(sd_bus_message *message, json_t **ret) {
        json_auto_t *list = json_array();
        const char *text;
        int r;

        if (!list)
                return -ENOMEM;

        r = sd_bus_message_enter_container(message, 'a', "s");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_read(message, "s", &text)) > 0)
                if (json_array_append_new(list, json_string(text)) < 0)
                        return -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(list);
        return sd_bus_message_exit_container(message);
}

/* The value of one field: s, or a variant with s or as in it. */
static int read_field_value(sd_bus_message *message, const char *name, json_t **ret, Failure *failure) {
        const char *contents, *text;
        char type;
        int r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;

        if (type == 'v' && streq(contents, "as")) {
                r = sd_bus_message_enter_container(message, 'v', "as");
                if (r < 0)
                        return r;

                r = read_list(message, ret);
                if (r < 0)
                        return r;

                return sd_bus_message_exit_container(message);
        }

        if (type == 'v' && !streq(contents, "s"))
                return wrong_type(name, "\"s\" or \"as\"", contents, failure);

        r = type == 'v' ? sd_bus_message_read(message, "v", "s", &text)
                        : sd_bus_message_read(message, "s", &text);
        if (r < 0)
                return r;

        *ret = json_string(text);
        return *ret ? 0 : -ENOMEM;
}

/* Fields: a{sv} or a{ss}. */
static int read_fields(sd_bus_message *message, const char *entry, json_t *fields, Failure *failure) {
        const char *array = entry[1] == 'v' ? "{sv}" : "{ss}";
        int r;

        r = sd_bus_message_enter_container(message, 'a', array);
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', entry)) > 0) {
                json_t *value = NULL;
                const char *name;

                r = sd_bus_message_read(message, "s", &name);
                if (r < 0)
                        return r;

                r = read_field_value(message, name, &value, failure);
                if (r < 0)
                        return r;

                r = set_once(fields, name, value, failure);
                if (r < 0)
                        return r;

                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

static int member_text(sd_bus_message *message, const char *contents, json_t **ret) {
        const char *text;
        int r;

        r = sd_bus_message_read(message, contents, &text);
        if (r < 0)
                return r;

        *ret = json_string(text);
        return 0;
}

static int member_number(sd_bus_message *message, const char *contents, json_t **ret) {
        uint32_t number;
        int r;

        r = sd_bus_message_read(message, contents, &number);
        if (r < 0)
                return r;

        *ret = json_integer(number);
        return 0;
}

/* The value of one member, inside its variant, whose type has been found right. */
static int read_member_value(sd_bus_message *message, const char *contents, json_t **ret, Failure *failure) {
        json_auto_t *fields = NULL;
        int r;

        if (streq(contents, "s"))
                return member_text(message, contents, ret);

        if (streq(contents, "u"))
                return member_number(message, contents, ret);

        fields = json_object();
        if (!fields)
                return -ENOMEM;

        r = read_fields(message, streq(contents, "a{sv}") ? "sv" : "ss", fields, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(fields);
        return 0;
}

static const struct {
        const char *name;
        const char *types[2]; /* that are accepted */
        const char *expected; /* in words */
} members[] = {
        { "type", { "s", "s" }, "\"s\"" },
        { "id", { "s", "s" }, "\"s\"" },
        { "flag", { "s", "s" }, "\"s\"" },
        { "count", { "u", "u" }, "\"u\"" },
        { "fields", { "a{sv}", "a{ss}" }, "\"a{sv}\" or \"a{ss}\"" },
};

static int read_member(sd_bus_message *message, const char *name, json_t *object, Failure *failure) {
        json_t *value = NULL;
        const char *contents;
        size_t i = 0;
        int r;

        while (i < ELEMENTS(members) && !streq(members[i].name, name))
                i++;
        if (i == ELEMENTS(members))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The record has a member that is not known. Known are: "
                                   "type, id, flag, count, fields.");

        r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r < 0)
                return r;

        if (!streq(contents, members[i].types[0]) && !streq(contents, members[i].types[1]))
                return wrong_type(name, members[i].expected, contents, failure);

        r = sd_bus_message_enter_container(message, 'v', contents);
        if (r < 0)
                return r;

        r = read_member_value(message, contents, &value, failure);
        if (r < 0)
                return r;

        r = set_once(object, name, value, failure);
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

static int read_members(sd_bus_message *message, json_t *object, Failure *failure) {
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(message, "s", &name);
                if (r < 0)
                        return r;

                r = read_member(message, name, object, failure);
                if (r < 0)
                        return r;

                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

int record_message_read(sd_bus_message *message, json_t **ret, Failure *failure) {
        json_auto_t *object = json_object();
        static const char *const required[] = { "type", "id", "fields" };
        int r;

        if (!object)
                return -ENOMEM;

        r = read_members(message, object, failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTS(required); i++)
                if (!json_object_get(object, required[i]))
                        return failure_set(failure, FAILURE_INVALID_ARGS, "The record has no \"%s\".",
                                           required[i]);

        *ret = TAKE_PTR(object);
        return 0;
}

int record_rows_append(sd_bus_message *message, const RecordRow *rows, size_t count,
                       bool (*wanted)(const RecordRow *row, const void *userdata), const void *userdata) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "(ssub)");
        if (r < 0)
                return r;

        for (size_t i = 0; i < count; i++) {
                if (wanted && !wanted(&rows[i], userdata))
                        continue;

                r = sd_bus_message_append(message, "(ssub)", rows[i].type, rows[i].id, rows[i].count,
                                          (int) rows[i].issued);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}
