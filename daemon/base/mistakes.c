/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of mistakes, and the place that base/yaml.h puts in front of each. */
#include "base/mistakes.h"

#include <stdio.h>

/* The first ":LINE:COLUMN: " of a message; file names with one inside are nobody's. */
static void find_place(Mistake *mistake) {
        for (const char *p = strchr(mistake->message, ':'); p; p = strchr(p + 1, ':')) {
                int end = 0;

                if (sscanf(p, ":%zu:%zu: %n", &mistake->line, &mistake->column, &end) == 2 && end > 0) {
                        mistake->file = (size_t) (p - mistake->message);
                        mistake->about = mistake->file + (size_t) end;
                        return;
                }
        }

        mistake->line = mistake->column = 0;
}

/* What is said of the longest record need not be said of the shortest too. */
static bool is_known(const Mistakes *mistakes, const char *message) {
        for (size_t i = 0; i < mistakes->count; i++)
                if (strncmp(mistakes->items[i].message, message, strlen(message)) == 0)
                        return true;

        return false;
}

static int add(Mistakes *mistakes, const char *message) {
        Mistake *items, *mistake;

        if (is_known(mistakes, message))
                return 0;
        if (mistakes->count == MISTAKES_MAX) {
                mistakes->more = true;
                return 0;
        }

        items = reallocarray(mistakes->items, mistakes->count + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;

        mistakes->items = items;
        mistake = &items[mistakes->count];
        *mistake = (Mistake){ .message = strdup(message) };
        if (!mistake->message)
                return -ENOMEM;

        mistakes->count++;
        find_place(mistake);
        return 0;
}

int failure_note(Failure *failure, int r) {
        if (r >= 0 || !failure || !failure->mistakes ||
            (failure->kind != FAILURE_PROFILE_INVALID && failure->kind != FAILURE_INVALID_ARGS))
                return r;

        r = add(failure->mistakes, failure_message(failure));
        failure_done(failure);
        return r < 0 ? failure_no_memory(failure) : 0;
}

size_t failure_noted(const Failure *failure) {
        return failure && failure->mistakes ? failure->mistakes->count : 0;
}

int mistakes_append(Mistakes *mistakes, size_t from, const char *text) {
        for (size_t i = from; i < mistakes->count; i++) {
                char *message = NULL;

                if (asprintf(&message, "%s%s", mistakes->items[i].message, text) < 0)
                        return -ENOMEM;

                free(mistakes->items[i].message);
                mistakes->items[i].message = message;
        }

        return 0;
}

static int compare(const void *a, const void *b) {
        const Mistake *one = a, *other = b;
        int r = strverscmp(one->message, other->message);

        /* The names of the files are alike up to their places. */
        if (one->about > 0 && other->about > 0 && one->file == other->file &&
            strncmp(one->message, other->message, one->file) == 0) {
                if (one->line != other->line)
                        return one->line < other->line ? -1 : 1;
                if (one->column != other->column)
                        return one->column < other->column ? -1 : 1;
        }

        return r;
}

void mistakes_sort(Mistakes *mistakes) {
        if (mistakes->count > 1)
                qsort(mistakes->items, mistakes->count, sizeof(*mistakes->items), compare);
}

void mistakes_done(Mistakes *mistakes) {
        for (size_t i = 0; i < mistakes->count; i++)
                free(mistakes->items[i].message);

        free(mistakes->items);
        *mistakes = (Mistakes){};
}
