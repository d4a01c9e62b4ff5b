/* SPDX-License-Identifier: GPL-3.0-or-later */
/* D-Bus values as JSON and back, by the values' own types. */
#include "client/bus-json.h"

#include <math.h>

#include "base/bytes.h"
#include "client/output.h"

/* A value of the basic type `type`, D-Bus Specification, "Basic types". */
static int read_basic(sd_bus_message *message, char type, json_t **ret) {
        union {
                const char *s;
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } value;
        int r;

        r = sd_bus_message_read_basic(message, type, &value);
        if (r < 0)
                return r;

        switch (type) {
        case 's':
        case 'o':
        case 'g':
                *ret = json_string(value.s);
                break;
        case 'b':
                *ret = json_boolean(value.b);
                break;
        case 'y':
                *ret = json_integer(value.y);
                break;
        case 'n':
                *ret = json_integer(value.n);
                break;
        case 'q':
                *ret = json_integer(value.q);
                break;
        case 'i':
                *ret = json_integer(value.i);
                break;
        case 'u':
                *ret = json_integer(value.u);
                break;
        case 'x':
                *ret = json_integer(value.x);
                break;
        case 't':
                *ret = json_integer((json_int_t) value.t);
                break;
        case 'd':
                *ret = isfinite(value.d) ? json_real(value.d) : json_null();
                break;
        default:
                *ret = json_null();
        }

        return *ret ? 0 : -ENOMEM;
}

static int read_bytes(sd_bus_message *message, json_t **ret) {
        _cleanup_free_ char *text = NULL;
        const void *data;
        size_t size;
        int r;

        r = sd_bus_message_read_array(message, 'y', &data, &size);
        if (r < 0)
                return r;

        text = hex_encode(SPAN(data, size));
        *ret = text ? json_string(text) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static char *entry_key(const json_t *key) {
        return json_is_string(key) ? strdup(json_string_value(key)) : output_text(key);
}

/* The entries of a dictionary that was entered. */
static int read_entries(sd_bus_message *message, const char *entry, json_t **ret) {
        _cleanup_json_ json_t *object = json_object();
        int r;

        while ((r = sd_bus_message_enter_container(message, 'e', entry)) > 0) {
                _cleanup_json_ json_t *key = NULL, *value = NULL;
                _cleanup_free_ char *name = NULL;

                r = bus_json_read(message, &key);
                if (r >= 0)
                        r = bus_json_read(message, &value);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;

                name = entry_key(key);
                if (!name || json_object_set(object, name, value) < 0)
                        return -ENOMEM;
        }

        if (r < 0)
                return r;
        if (!object)
                return -ENOMEM;

        *ret = TAKE_PTR(object);
        return 0;
}

int bus_json_read_all(sd_bus_message *message, json_t **ret) {
        _cleanup_json_ json_t *array = json_array();
        json_t *value;
        int r;

        while ((r = bus_json_read(message, &value)) >= 0)
                if (json_array_append_new(array, value) < 0)
                        return -ENOMEM;

        if (r != -ENXIO)
                return r;
        if (!array)
                return -ENOMEM;

        *ret = TAKE_PTR(array);
        return 0;
}

static int read_container(sd_bus_message *message, char type, const char *contents, json_t **ret) {
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = sd_bus_message_enter_container(message, type, contents);
        if (r < 0)
                return r;

        if (type == 'v')
                r = bus_json_read(message, &value);
        else if (type == 'a' && contents[0] == '{') {
                /* Within the container the entry's own contents are asked for: "{sv}" without its braces. */
                _cleanup_free_ char *entry = strndup(contents + 1, strlen(contents) - 2);

                r = entry ? read_entries(message, entry, &value) : -ENOMEM;
        } else
                r = bus_json_read_all(message, &value);
        if (r < 0)
                return r;

        r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(value);
        return 0;
}

int bus_json_read(sd_bus_message *message, json_t **ret) {
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENXIO;

        if (type == 'a' && streq(contents, "y"))
                return read_bytes(message, ret);
        if (contents)
                return read_container(message, type, contents, ret);

        return read_basic(message, type, ret);
}

/* "name": text, as {sv}. */
static int append_text(sd_bus_message *message, const char *name, const json_t *value,
                       const char **complaint) {
        if (!json_is_string(value)) {
                *complaint = "\"type\", \"id\" and \"flag\" of a record must be texts.";
                return -EINVAL;
        }

        return sd_bus_message_append(message, "{sv}", name, "s", json_string_value(value));
}

static int append_count(sd_bus_message *message, const json_t *value, const char **complaint) {
        json_int_t count = json_integer_value(value);

        if (!json_is_integer(value) || count < 0 || count > UINT32_MAX) {
                *complaint = "\"count\" of a record must be a number from 0 to 4294967295.";
                return -EINVAL;
        }

        return sd_bus_message_append(message, "{sv}", "count", "u", (uint32_t) count);
}

static int append_list(sd_bus_message *message, const json_t *list, const char **complaint) {
        size_t i;
        json_t *item;
        int r;

        r = sd_bus_message_open_container(message, 'a', "s");
        if (r < 0)
                return r;

        json_array_foreach(list, i, item) {
                if (!json_is_string(item)) {
                        *complaint = "A list among the \"fields\" of a record must hold texts.";
                        return -EINVAL;
                }

                r = sd_bus_message_append_basic(message, 's', json_string_value(item));
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int append_field(sd_bus_message *message, const char *name, const json_t *value,
                        const char **complaint) {
        int r;

        if (!json_is_string(value) && !json_is_array(value)) {
                *complaint = "The \"fields\" of a record must be texts or lists of texts.";
                return -EINVAL;
        }

        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', name);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', json_is_string(value) ? "s" : "as");
        if (r >= 0)
                r = json_is_string(value)
                            ? sd_bus_message_append_basic(message, 's', json_string_value(value))
                            : append_list(message, value, complaint);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = sd_bus_message_close_container(message);

        return r;
}

static int append_fields(sd_bus_message *message, const json_t *fields, const char **complaint) {
        const char *name;
        json_t *value;
        int r;

        if (!json_is_object(fields)) {
                *complaint = "\"fields\" of a record must be an object.";
                return -EINVAL;
        }

        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', "fields");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "a{sv}");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        json_object_foreach((json_t *) fields, name, value) {
                r = append_field(message, name, value, complaint);
                if (r < 0)
                        return r;
        }

        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(message);

        return r;
}

static int append_member(sd_bus_message *message, const char *name, const json_t *value,
                         const char **complaint) {
        if (streq(name, "type") || streq(name, "id") || streq(name, "flag"))
                return append_text(message, name, value, complaint);
        if (streq(name, "count"))
                return append_count(message, value, complaint);
        if (streq(name, "fields"))
                return append_fields(message, value, complaint);
        if (streq(name, "v") || streq(name, "history") || streq(name, "extraction"))
                return 0;
        if (streq(name, "withheld") && json_array_size(value) == 0)
                return 0;
        if (streq(name, "withheld")) {
                *complaint =
                        "Values are withheld from this record, and would be lost. Put it with all of its fields.";
                return -EINVAL;
        }

        *complaint = "A record has \"type\", \"id\", \"flag\", \"count\" and \"fields\", and nothing else.";
        return -EINVAL;
}

int bus_json_append_record(sd_bus_message *message, const json_t *record, const char **complaint) {
        const char *name;
        json_t *value;
        int r;

        if (!json_is_object(record) || !json_object_get(record, "type") || !json_object_get(record, "id")) {
                *complaint = "A record is a JSON object with at least \"type\" and \"id\".";
                return -EINVAL;
        }

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        json_object_foreach((json_t *) record, name, value) {
                r = append_member(message, name, value, complaint);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}
