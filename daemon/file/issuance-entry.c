/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the index says of a record: its entries, and back from an entry to the record (issuance-internal.h). */
#include "file/issuance-internal.h"

static int append_part(Bytes *bytes, const char *text) {
        return bytes_append(bytes, SPAN(text, strlen(text) + 1));
}

int issuance_entry(char kind, const char *type, const char *id, Bytes *ret) {
        const char first[] = { kind, '\0' };
        int r;

        r = append_part(ret, first);
        if (r >= 0 && type)
                r = append_part(ret, type);
        if (r >= 0 && id)
                r = bytes_append(ret, span_of_string(id));

        return r;
}

int issuance_field_prefix(const char *type, const char *field, const char *value, Bytes *ret) {
        int r;

        r = issuance_entry('f', type, NULL, ret);
        if (r >= 0)
                r = append_part(ret, field);
        if (r >= 0 && value)
                r = bytes_append(ret, SPAN(value, strnlen(value, ISSUANCE_INDEXED_MAX)));
        if (r >= 0 && value)
                r = bytes_append_byte(ret, '\0');

        return r;
}

static int tell_value(const Record *record, const char *field, const json_t *value, IssuanceEntry each,
                      void *userdata, Failure *failure) {
        _cleanup_bytes_ Bytes entry = {};

        if (!json_is_string(value))
                return 0;

        if (issuance_field_prefix(record->type, field, json_string_value(value), &entry) < 0 ||
            bytes_append(&entry, span_of_string(record->id)) < 0)
                return failure_no_memory(failure);

        return each(bytes_span(&entry), userdata, failure);
}

int issuance_field_entries(const Record *record, const char *field, IssuanceEntry each, void *userdata,
                           Failure *failure) {
        const json_t *value = json_object_get(record->fields, field);
        json_t *item;
        size_t i;
        int r;

        if (!json_is_array(value))
                return tell_value(record, field, value, each, userdata, failure);

        json_array_foreach((json_t *) value, i, item) {
                r = tell_value(record, field, item, each, userdata, failure);
                if (r != 0)
                        return r;
        }

        return 0;
}

static int tell_record(const Record *record, char kind, IssuanceEntry each, void *userdata,
                       Failure *failure) {
        _cleanup_bytes_ Bytes entry = {};

        if (issuance_entry(kind, record->type, record->id, &entry) < 0)
                return failure_no_memory(failure);

        return each(bytes_span(&entry), userdata, failure);
}

int issuance_plain_entries(const Record *record, IssuanceEntry each, void *userdata, Failure *failure) {
        int r;

        r = tell_record(record, 'r', each, userdata, failure);
        if (r == 0 && !record->issued && !record->extraction)
                r = tell_record(record, 'u', each, userdata, failure);

        return r;
}

int issuance_index_entries(const IssuanceContext *context, const Record *record, IssuanceEntry each,
                           void *userdata, Failure *failure) {
        const char *field;
        json_t *value;
        int r;

        r = issuance_plain_entries(record, each, userdata, failure);
        if (r != 0)
                return r;

        json_object_foreach(record->fields, field, value) {
                if (!issuance_fields_is_indexed(context->fields, record->type, field))
                        continue;

                r = issuance_field_entries(record, field, each, userdata, failure);
                if (r != 0)
                        return r;
        }

        return 0;
}

int issuance_key_entry(const char *key, Bytes *ret) {
        const char *id = record_key_id(key);
        int r;

        r = issuance_entry('r', NULL, NULL, ret);
        if (r >= 0)
                r = bytes_append(ret, SPAN(key, id - 1 - key));
        if (r >= 0)
                r = bytes_append_byte(ret, '\0');

        return r < 0 ? r : bytes_append(ret, span_of_string(id));
}

int issuance_entry_key(Span entry, char **ret) {
        _cleanup_string_erase_ char *type = NULL, *id = NULL;
        const uint8_t *type_end, *before_id;
        Span rest;

        if (entry.size < 2 || entry.data[1] != '\0')
                return -EBADMSG;

        rest = span_part(entry, 2, SIZE_MAX);
        type_end = rest.size > 0 ? memchr(rest.data, '\0', rest.size) : NULL;
        before_id = rest.size > 0 ? memrchr(rest.data, '\0', rest.size) : NULL;
        if (!type_end || before_id + 1 == rest.data + rest.size)
                return -EBADMSG;

        type = span_to_string(SPAN(rest.data, (size_t) (type_end - rest.data)));
        id = span_to_string(SPAN(before_id + 1, (size_t) (rest.data + rest.size - before_id - 1)));
        *ret = type && id ? record_key(type, id) : NULL;
        return *ret ? 0 : -ENOMEM;
}
