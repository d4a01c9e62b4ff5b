/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the issuance file must know of card types, which are card/'s: which fields of a type are secret, and which
 * are indexed for FindRecords. Immutable and reference-counted, so that any thread may use it. A field or a type that it
 * does not name is secret: a profile that is gone, or has lost a field, shall not open what was sealed. */
#ifndef ICREISSUE_FILE_ISSUANCE_FIELDS_H
#define ICREISSUE_FILE_ISSUANCE_FIELDS_H

#include "base/util.h"

typedef struct IssuanceFields IssuanceFields; /* reference-counted, atomically */

/* One row. A field that is secret is never indexed, whatever is said: an index would show it. */
typedef struct IssuanceField {
        const char *type;
        const char *name;
        bool secret, indexed;
} IssuanceField;

/* Copies rows, in any order; of two rows for the same field one counts. Returns 0 or -ENOMEM. */
int issuance_fields_new(const IssuanceField *rows, size_t count, IssuanceFields **ret);
IssuanceFields *issuance_fields_ref(IssuanceFields *fields);
IssuanceFields *issuance_fields_unref(IssuanceFields *fields);
DEFINE_CLEANUP(IssuanceFields *, issuance_fields_unref)

bool issuance_fields_is_secret(const IssuanceFields *fields, const char *type, const char *name);
bool issuance_fields_is_indexed(const IssuanceFields *fields, const char *type, const char *name);

/* The rows in the order of (type, name), bytewise. Borrowed. */
size_t issuance_fields_count(const IssuanceFields *fields);
const IssuanceField *issuance_fields_row(const IssuanceFields *fields, size_t n);

#endif
