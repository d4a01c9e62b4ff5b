/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the texts of boxes, puts the record's values in, and writes dates as people read them. */
#include "render/values.h"

#include <ctype.h>
#include <glib.h>
#include <stdio.h>

enum { NAME_MAX_BYTES = 64 };

/* One {FIELD|form}. */
typedef struct Placeholder {
        char name[NAME_MAX_BYTES + 1];
        char form[NAME_MAX_BYTES + 1]; /* "" for none */
} Placeholder;

/* Reads what follows an opening brace. Returns what follows the closing one, or NULL where it is none. */
static const char *read_placeholder(const char *text, Placeholder *ret) {
        size_t length = strcspn(text, "}"), name = strcspn(text, "|}");

        if (text[length] != '}' || name == 0 || name > NAME_MAX_BYTES ||
            (name < length && length - name - 1 > NAME_MAX_BYTES))
                return NULL;

        snprintf(ret->name, sizeof(ret->name), "%.*s", (int) name, text);
        snprintf(ret->form, sizeof(ret->form), "%.*s", name < length ? (int) (length - name - 1) : 0,
                 name < length ? text + name + 1 : "");
        return text + length + 1;
}

int values_add_name(json_t *names, const char *name) {
        const json_t *entry;
        size_t i;

        json_array_foreach(names, i, entry)
                if (streq(json_string_value(entry), name))
                        return 0;

        return json_array_append_new(names, json_string(name)) < 0 ? -ENOMEM : 0;
}

int values_names(const char *content, json_t *names) {
        Placeholder placeholder;

        for (const char *c = content; (c = strchr(c, '{'));) {
                if (c[1] == '{') {
                        c += 2;
                        continue;
                }

                c = read_placeholder(c + 1, &placeholder);
                if (!c)
                        return 0; /* values_expand() complains */

                if (values_add_name(names, placeholder.name) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static char *join(const json_t *array) {
        GString *joined = g_string_new(NULL);
        const json_t *entry;
        size_t i;

        json_array_foreach(array, i, entry)
                g_string_append_printf(joined, "%s%s", i > 0 ? ", " : "", json_string_value(entry));
        return g_string_free(joined, joined->len == 0);
}

static char *sample_text(const Placeholder *placeholder) {
        static const char *const samples[][2] = {
                { "holder", "Andrea Mustermann" },
                { "id", "00420017" },
                { "number", "S0001234" },
                { "count", "2" },
        };

        if (streq(placeholder->form, "date") || streq(placeholder->form, "month"))
                return strdup("301231");

        for (size_t i = 0; i < ELEMENTS(samples); i++)
                if (streq(samples[i][0], placeholder->name))
                        return strdup(samples[i][1]);

        return strdup(placeholder->name);
}

/* The field as it is in the record; NULL where it is not there, or empty. */
static char *field_text(const Values *values, const Placeholder *placeholder) {
        const json_t *value = json_object_get(values->object, placeholder->name);

        if (json_is_array(value) && json_array_size(value) > 0)
                return join(value);

        if (json_is_string(value) && *json_string_value(value))
                return strdup(json_string_value(value));

        return values->sample ? sample_text(placeholder) : NULL;
}

/* A two-digit year is of this century: cards are not made for the last one's holders to come. */
static int write_date(const Placeholder *placeholder, char **text, Failure *failure) {
        size_t length = strlen(*text);
        const char *rest = *text + (length == 8 ? 4 : 2);
        char *date;

        if ((length != 6 && length != 8) || strspn(*text, "0123456789") != length)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "Field %s is no date (YYMMDD or YYYYMMDD), as {%s|%s} of the design needs.",
                        placeholder->name, placeholder->name, placeholder->form);

        if (streq(placeholder->form, "date"))
                date = g_strdup_printf("%s%.*s-%.2s-%.2s", length == 6 ? "20" : "", (int) (rest - *text),
                                       *text, rest, rest + 2);
        else
                date = g_strdup_printf("%.2s/%s%.*s", rest, length == 6 ? "20" : "", (int) (rest - *text),
                                       *text);
        free(*text);
        *text = date;
        return 0;
}

static int write_form(const Placeholder *placeholder, char **text, Failure *failure) {
        char *upper;

        if (!*placeholder->form)
                return 0;

        if (streq(placeholder->form, "date") || streq(placeholder->form, "month"))
                return write_date(placeholder, text, failure);

        if (!streq(placeholder->form, "upper"))
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The design has {%s|%s}; what is behind the bar must be date, month or upper.",
                        placeholder->name, placeholder->form);

        upper = g_utf8_strup(*text, -1);
        free(*text);
        *text = upper;
        return 0;
}

/* Values are one line: a box's lines are the design's, not the record's. */
static void one_line(char *text) {
        for (char *c = text; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        *c = ' ';
}

static int expand_one(const Values *values, const Placeholder *placeholder, GString *expanded,
                      char **ret_missing, Failure *failure) {
        _cleanup_free_ char *text = field_text(values, placeholder);
        int r;

        if (!text) {
                *ret_missing = strdup(placeholder->name);
                return *ret_missing ? 0 : failure_no_memory(failure);
        }

        if (!g_utf8_validate(text, -1, NULL))
                return failure_set(failure, FAILURE_INVALID_ARGS, "Field %s is no text.", placeholder->name);

        one_line(text);
        r = write_form(placeholder, &text, failure);
        if (r >= 0)
                g_string_append(expanded, text);

        return r;
}

static int expand(const Values *values, const char *content, GString *expanded, char **ret_missing,
                  Failure *failure) {
        Placeholder placeholder;
        int r;

        while (*content) {
                if (content[0] != '{' || content[1] == '{') {
                        g_string_append_c(expanded, *content);
                        content += content[0] == '{' ? 2 : 1;
                        continue;
                }

                content = read_placeholder(content + 1, &placeholder);
                if (!content)
                        return failure_set(
                                failure, FAILURE_INVALID_ARGS,
                                "A box of the design has a brace that is not closed; {{ is a brace.");

                r = expand_one(values, &placeholder, expanded, ret_missing, failure);
                if (r < 0 || *ret_missing)
                        return r;
        }

        return 0;
}

int values_expand(const Values *values, const char *content, char **ret, char **ret_missing,
                  Failure *failure) {
        GString *expanded = g_string_new(NULL);
        int r;

        *ret = *ret_missing = NULL;
        r = expand(values, content, expanded, ret_missing, failure);
        if (r < 0 || *ret_missing)
                g_string_free(expanded, TRUE);
        else
                *ret = g_string_free(expanded, FALSE);

        return r;
}

const char *values_photo(const Values *values, const char *field) {
        const char *photo = json_string_value(json_object_get(values->object, field));

        return photo && *photo ? photo : NULL;
}
