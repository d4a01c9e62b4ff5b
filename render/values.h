/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in a design's boxes: {FIELD} becomes the record's public field of that name, or id, type or count. */
#ifndef ICREISSUE_RENDER_VALUES_H
#define ICREISSUE_RENDER_VALUES_H

#include <jansson.h>

#include "base/failure.h"

typedef struct Values {
        const json_t *object; /* field -> text or array of texts; borrowed */
        bool sample;          /* what is missing is made up */
} Values;

/* Expands {FIELD}, {FIELD|date} (YYMMDD or YYYYMMDD becomes 2027-12-31), {FIELD|month} (12/2027), {FIELD|upper}; {{ is a
 * brace. The caller owns *ret. Where the record lacks a field *ret is NULL and *ret_missing its name, which the caller owns.
 * INVALID_ARGS names what the design or the field has wrong, never the field's value. */
int values_expand(const Values *values, const char *content, char **ret, char **ret_missing,
                  Failure *failure);

/* The field of a photo as hexadecimal, borrowed; NULL where the record lacks it. */
const char *values_photo(const Values *values, const char *field);

/* Appends the names of the fields that `content` needs to an array of texts, each once. Returns 0 or -ENOMEM. */
int values_names(const char *content, json_t *names);
int values_add_name(json_t *names, const char *name);

#endif
