/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables through libsmartcols, JSON through jansson, and the texts that both have in common. */
#include "client/output.h"

#include <ctype.h>
#include <libsmartcols.h>

static void table_unref(struct libscols_table **table) {
        scols_unref_table(*table);
}
#define _cleanup_table_ _cleanup_(table_unref)

static char *joined_text(const json_t *array) {
        _cleanup_free_ char *text = strdup("");
        size_t i;
        json_t *item;

        json_array_foreach(array, i, item) {
                _cleanup_free_ char *part = output_text(item);
                char *longer;

                if (!text || !part || asprintf(&longer, "%s%s%s", text, i > 0 ? ", " : "", part) < 0)
                        return NULL;

                free(text);
                text = longer;
        }

        return TAKE_PTR(text);
}

char *output_text(const json_t *value) {
        char *text;

        switch (value ? json_typeof(value) : JSON_NULL) {
        case JSON_STRING:
                return strdup(json_string_value(value));
        case JSON_TRUE:
                return strdup("yes");
        case JSON_FALSE:
                return strdup("no");
        case JSON_NULL:
                return strdup("");
        case JSON_ARRAY:
                return joined_text(value);
        case JSON_INTEGER:
                return asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) < 0 ? NULL : text;
        case JSON_REAL:
                return asprintf(&text, "%.2f", json_real_value(value)) < 0 ? NULL : text;
        case JSON_OBJECT:
                return json_dumps(value, JSON_SORT_KEYS);
        }

        return NULL;
}

/* A table with its columns; the headings are left out where an earlier page had them. */
static int table_begin(const Column *columns, size_t count, const Widths *widths,
                       struct libscols_table **ret) {
        _cleanup_table_ struct libscols_table *table = scols_new_table();

        if (!table)
                return -ENOMEM;

        for (size_t i = 0; i < count; i++) {
                int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].wrap ? SCOLS_FL_WRAP : 0);
                double width = widths ? (double) widths->width[i] : 0;

                /* libsmartcols takes a width of 1 and less for a share of the terminal's. */
                if (!scols_table_new_column(table, columns[i].heading, width > 1 ? width : 0, flags))
                        return -ENOMEM;
        }

        scols_table_enable_noheadings(table, widths && widths->headed);
        *ret = TAKE_PTR(table);
        return 0;
}

static int table_add(struct libscols_table *table, const Column *columns, size_t count, const json_t *row) {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        if (!line)
                return -ENOMEM;

        for (size_t i = 0; i < count; i++) {
                char *text = output_text(json_object_get(row, columns[i].key));

                if (!text)
                        return -ENOMEM;
                if (scols_line_refer_data(line, i, text) < 0) {
                        free(text);
                        return -ENOMEM;
                }
        }

        return 0;
}

int output_table(FILE *file, const Column *columns, size_t count, const json_t *rows, Widths *widths) {
        _cleanup_table_ struct libscols_table *table = NULL;
        size_t i;
        json_t *row;
        int r;

        if (json_array_size(rows) == 0)
                return 0;

        r = table_begin(columns, count, widths, &table);
        if (r < 0)
                return r;

        json_array_foreach(rows, i, row) {
                r = table_add(table, columns, count, row);
                if (r < 0)
                        return r;
        }

        scols_table_set_stream(table, file);
        r = scols_print_table(table);
        if (r < 0)
                return r;

        if (widths) {
                widths->headed = true;
                for (i = 0; i < count; i++)
                        widths->width[i] = scols_column_get_width(scols_table_get_column(table, i));
        }

        return fflush(file) == 0 ? 0 : -errno;
}

int output_facts(FILE *file, const Column *columns, size_t count, const json_t *object) {
        static const Column pair[] = { { "", "name", false, false }, { "", "value", false, true } };
        _cleanup_json_ json_t *rows = json_array();
        Widths widths = { .headed = true };

        for (size_t i = 0; i < count; i++) {
                json_t *value = json_object_get(object, columns[i].key);

                if (value && json_array_append_new(rows, json_pack("{s:s, s:O}", "name", columns[i].heading,
                                                                   "value", value)) < 0)
                        return -ENOMEM;
        }

        return output_table(file, pair, ELEMENTS(pair), rows, &widths);
}

static int dump(FILE *file, const json_t *value, size_t flags) {
        if (json_dumpf(value, file, flags | JSON_ENCODE_ANY) < 0 || fputc('\n', file) == EOF ||
            fflush(file) != 0)
                return errno > 0 ? -errno : -EIO;

        return 0;
}

int output_json(FILE *file, const json_t *value) {
        return dump(file, value, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
}

int output_json_line(FILE *file, const json_t *value) {
        return dump(file, value, JSON_COMPACT | JSON_REAL_PRECISION(6));
}

void output_safe(FILE *file, const char *text) {
        const unsigned char *next = (const unsigned char *) text;

        for (; *next; next++) {
                /* U+0080 to U+009F are control characters too, in UTF-8 C2 80 to C2 9F. */
                if (next[0] == 0xC2 && next[1] >= 0x80 && next[1] <= 0x9F) {
                        fputc('?', file);
                        next++;
                } else
                        fputc(*next < 0x20 || *next == 0x7F ? '?' : *next, file);
        }
}

char *output_key(const char *property) {
        size_t size = strlen(property);
        char *key = new0(char, 2 * size + 1), *end = key;

        if (!key)
                return NULL;

        for (size_t i = 0; i < size; i++) {
                if (i > 0 && isupper((unsigned char) property[i]) && islower((unsigned char) property[i - 1]))
                        *end++ = '-';
                *end++ = (char) tolower((unsigned char) property[i]);
        }

        return key;
}

json_t *output_keys(const json_t *properties) {
        _cleanup_json_ json_t *object = json_object();
        const char *name;
        json_t *value;

        json_object_foreach((json_t *) properties, name, value) {
                _cleanup_free_ char *key = output_key(name);

                if (!key || json_object_set(object, key, value) < 0)
                        return NULL;
        }

        return TAKE_PTR(object);
}

char *output_progress(double progress, const char *label, size_t columns) {
        enum { BAR = 30 };
        char bar[BAR + 1];
        char *text;
        double part = progress < 0 ? 0 : progress > 1 ? 1 : progress;
        size_t full = (size_t) (part * BAR);

        memset(bar, '#', full);
        memset(bar + full, '-', BAR - full);
        bar[BAR] = 0;
        if (asprintf(&text, "[%s] %3d %% %s", bar, (int) (part * 100), label) < 0)
                return NULL;

        /* The last column stays free: a terminal may go to the next line when it is written. */
        if (columns > 0 && strlen(text) >= columns)
                text[columns - 1] = 0;

        return text;
}
