/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON into D-Bus messages, to a bounded depth. Reading is record-message.c's, which knows what it expects. */
#include "bus/variant.h"

enum { DEPTH_MAX = 8 };

/* The D-Bus type of a value; NULL where there is none. */
static const char *variant_type(const json_t *value, const char *empty) {
        switch (json_typeof(value)) {
        case JSON_STRING:
                return "s";
        case JSON_TRUE:
        case JSON_FALSE:
                return "b";
        case JSON_INTEGER:
                return json_integer_value(value) >= 0 && json_integer_value(value) <= UINT32_MAX ? "u" : "x";
        case JSON_OBJECT:
                return "a{sv}";
        case JSON_ARRAY:
                break;
        default:
                return NULL;
        }

        if (json_array_size(value) == 0)
                return empty ? empty : "as";

        switch (json_typeof(json_array_get(value, 0))) {
        case JSON_STRING:
                return "as";
        case JSON_INTEGER:
                return "au";
        case JSON_OBJECT:
                return "aa{sv}";
        default:
                return NULL;
        }
}

static int append_value(sd_bus_message *message, const json_t *value, const char *type, unsigned depth);

static int append_member(sd_bus_message *message, const char *name, const json_t *value, const char *empty,
                         unsigned depth) {
        const char *type;
        int r;

        if (json_is_null(value))
                return 0;

        type = variant_type(value, empty);
        if (!type || depth > DEPTH_MAX)
                return -EINVAL;

        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r < 0)
                return r;

        r = sd_bus_message_append(message, "s", name);
        if (r < 0)
                return r;

        r = sd_bus_message_open_container(message, 'v', type);
        if (r < 0)
                return r;

        r = append_value(message, value, type, depth);
        if (r < 0)
                return r;

        r = sd_bus_message_close_container(message);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(message);
}

static int append_object(sd_bus_message *message, const json_t *object, unsigned depth) {
        const char *name;
        json_t *value;
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        json_object_foreach((json_t *) object, name, value) {
                r = append_member(message, name, value, NULL, depth + 1);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int append_array(sd_bus_message *message, const json_t *array, const char *type, unsigned depth) {
        int r;

        r = sd_bus_message_open_container(message, 'a', type + 1);
        if (r < 0)
                return r;

        for (size_t i = 0; i < json_array_size(array); i++) {
                const json_t *element = json_array_get(array, i);
                const char *found = variant_type(element, NULL);

                if (!found || !streq(found, type + 1))
                        return -EINVAL;

                r = append_value(message, element, type + 1, depth + 1);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int append_value(sd_bus_message *message, const json_t *value, const char *type, unsigned depth) {
        if (depth > DEPTH_MAX)
                return -EINVAL;

        switch (type[0]) {
        case 's':
                return sd_bus_message_append(message, "s", json_string_value(value));
        case 'b':
                return sd_bus_message_append(message, "b", json_is_true(value));
        case 'u':
                return sd_bus_message_append(message, "u", (uint32_t) json_integer_value(value));
        case 'x':
                return sd_bus_message_append(message, "x", (int64_t) json_integer_value(value));
        default:
                return json_is_object(value) ? append_object(message, value, depth)
                                             : append_array(message, value, type, depth);
        }
}

int variant_append_member(sd_bus_message *message, const char *name, const json_t *value, const char *empty) {
        return append_member(message, name, value, empty, 1);
}

int variant_append_object(sd_bus_message *message, const json_t *object) {
        return append_object(message, object, 0);
}
