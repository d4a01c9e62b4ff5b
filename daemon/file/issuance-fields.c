/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of the issuance file: a sorted array of rows. */
#include "file/issuance-fields.h"

#include <stdatomic.h>

struct IssuanceFields {
        atomic_uint references;
        IssuanceField *rows; /* own their strings */
        size_t count;
};

static int compare(const void *a, const void *b) {
        const IssuanceField *one = a, *other = b;
        int r = strcmp(one->type, other->type);

        return r != 0 ? r : strcmp(one->name, other->name);
}

IssuanceFields *issuance_fields_ref(IssuanceFields *fields) {
        atomic_fetch_add(&fields->references, 1);
        return fields;
}

IssuanceFields *issuance_fields_unref(IssuanceFields *fields) {
        if (!fields || atomic_fetch_sub(&fields->references, 1) > 1)
                return NULL;

        for (size_t i = 0; i < fields->count; i++) {
                free((char *) fields->rows[i].type);
                free((char *) fields->rows[i].name);
        }

        free(fields->rows);
        free(fields);
        return NULL;
}

int issuance_fields_new(const IssuanceField *rows, size_t count, IssuanceFields **ret) {
        _cleanup_(issuance_fields_unrefp) IssuanceFields *fields = NULL;

        fields = new0(IssuanceFields, 1);
        if (!fields)
                return -ENOMEM;

        fields->references = 1;
        fields->rows = new0(IssuanceField, count + 1);
        if (!fields->rows)
                return -ENOMEM;

        for (size_t i = 0; i < count; i++) {
                fields->rows[fields->count++] = (IssuanceField){
                        .type = strdup(rows[i].type),
                        .name = strdup(rows[i].name),
                        .secret = rows[i].secret,
                        .indexed = rows[i].indexed && !rows[i].secret,
                };
                if (!fields->rows[i].type || !fields->rows[i].name)
                        return -ENOMEM;
        }

        qsort(fields->rows, fields->count, sizeof(IssuanceField), compare);
        *ret = TAKE_PTR(fields);
        return 0;
}

static const IssuanceField *find(const IssuanceFields *fields, const char *type, const char *name) {
        const IssuanceField key = { .type = type, .name = name };

        return bsearch(&key, fields->rows, fields->count, sizeof(IssuanceField), compare);
}

bool issuance_fields_is_secret(const IssuanceFields *fields, const char *type, const char *name) {
        const IssuanceField *row = find(fields, type, name);

        return !row || row->secret;
}

bool issuance_fields_is_indexed(const IssuanceFields *fields, const char *type, const char *name) {
        const IssuanceField *row = find(fields, type, name);

        return row && row->indexed;
}

size_t issuance_fields_count(const IssuanceFields *fields) {
        return fields->count;
}

const IssuanceField *issuance_fields_row(const IssuanceFields *fields, size_t n) {
        return &fields->rows[n];
}
