/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the issuance file: their keys and their order, and what it means to put one over another. */
#include "file/issuance-internal.h"

#include <stdio.h>

char *record_key(const char *type, const char *id) {
        char *key;

        return asprintf(&key, "%s/%s", type, id) < 0 ? NULL : key;
}

const char *record_key_id(const char *key) {
        const char *slash = strchr(key, '/');

        return slash && slash > key && key[0] != '.' && slash[1] ? slash + 1 : NULL;
}

int record_key_compare(const char *a, const char *b) {
        size_t a_type = strcspn(a, "/"), b_type = strcspn(b, "/");
        int r;

        r = memcmp(a, b, MIN_OF(a_type, b_type));
        if (r != 0)
                return r;
        if (a_type != b_type)
                return a_type < b_type ? -1 : 1;

        return strcmp(a + a_type, b + b_type);
}

int issuance_check_free(const Record *record, Failure *failure) {
        const char *job, *at, *station;

        if (!record->extraction)
                return 0;

        job = json_string_value(json_object_get(record->extraction, "job"));
        at = json_string_value(json_object_get(record->extraction, "at"));
        station = json_string_value(json_object_get(record->extraction, "station"));
        return failure_set(
                failure, FAILURE_RECORD_IN_USE,
                "Job %s%s%s has reserved this record since %s. Wait until it has ended, or cancel it.", job,
                station ? " at station " : "", station ? station : "", at);
}

json_t *actor_details(uid_t uid, const char *station) {
        json_t *details;

        details = json_object();
        if (!details)
                return NULL;

        if ((station && station[0] && json_object_set_new(details, "station", json_string(station)) < 0) ||
            (uid != (uid_t) -1 && json_object_set_new(details, "by", json_integer(uid)) < 0)) {
                json_decref(details);
                return NULL;
        }

        return details;
}

static int merge_over(Record *record, const Record *current, bool has_flag, bool has_count,
                      Failure *failure) {
        json_t *history;
        int r;

        r = issuance_check_free(current, failure);
        if (r < 0)
                return r;

        if (has_flag && record->issued != current->issued)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The record's flag says \"%s\" and is not rewritten in this way. Leave the flag "
                        "out, and request or withdraw the reissue.",
                        current->issued ? "issued" : "unissued");

        if (has_count && record->count < current->count)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The record's count is %u and cannot be lowered. Leave the count out.",
                                   current->count);

        history = json_deep_copy(current->history);
        if (!history)
                return failure_no_memory(failure);

        json_decref(record->history);
        record->history = history;
        record->issued = current->issued;
        record->count = MAX_OF(record->count, current->count);
        return 0;
}

int issuance_merge(Record *record, const Record *current, bool has_flag, bool has_count,
                   const json_t *details, Failure *failure) {
        int r;

        if (record->extraction)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record cannot be put with an extraction. Leave that member out.");

        if (current) {
                r = merge_over(record, current, has_flag, has_count, failure);
                if (r < 0)
                        return r;
        }

        r = record_add_history(record, current ? "changed" : "enrolled", details);
        return r < 0 ? failure_no_memory(failure) : 0;
}
