/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records as they stand in the store: JSON text as record.h has it, but that the fields which are secret stand in a member
 * "sealed", each sealed and bound to its type, ID and name. Nothing here touches the store. */
#include "file/issuance-internal.h"

/* A record's text, taken apart. */
typedef struct Stored {
        json_t *object; /* without "sealed" */
        json_t *sealed; /* NULL where there is none */
} Stored;

static void stored_done(Stored *stored) {
        json_decref(stored->object);
        json_decref(stored->sealed);
        *stored = (Stored){};
}
#define _cleanup_stored_ _cleanup_(stored_done)

static inline void json_freep(json_t **value) {
        json_decref(*value);
}
#define _cleanup_json_ _cleanup_(json_freep)

IssuanceContext issuance_context_copy(const IssuanceContext *context) {
        return (IssuanceContext){ .keys = seal_keys_ref(context->keys),
                                  .fields = issuance_fields_ref(context->fields) };
}

void issuance_context_done(IssuanceContext *context) {
        seal_keys_unref(context->keys);
        issuance_fields_unref(context->fields);
        *context = (IssuanceContext){};
}

/* Returns 0, -EBADMSG or -ENOMEM. */
static int stored_load(Span text, Stored *ret) {
        _cleanup_stored_ Stored stored = {};
        json_error_t error;
        const char *name;
        json_t *value;

        stored.object = json_text_load(text, &error);
        if (!stored.object && json_error_code(&error) == json_error_out_of_memory)
                return -ENOMEM;
        explicit_bzero(&error, sizeof(error)); /* it quotes */
        if (!json_is_object(stored.object))
                return -EBADMSG;

        stored.sealed = json_incref(json_object_get(stored.object, "sealed"));
        if (stored.sealed && !json_is_object(stored.sealed))
                return -EBADMSG;

        json_object_foreach(stored.sealed, name, value)
                if (!json_is_string(value))
                        return -EBADMSG;
        json_object_del(stored.object, "sealed");
        *ret = stored;
        stored = (Stored){};
        return 0;
}

static int complain(const char *key, const char *what, Failure *failure) {
        return failure_set(
                failure, FAILURE_STORE_FAILED,
                "A record of type %.*s is damaged: %s Remove and enrol it again, or restore the issuance "
                "file from a backup.",
                (int) strcspn(key, "/"), key, what);
}

/* What a field's seal is bound to. Types and names of fields hold no NUL, and IDs neither. */
static int make_bound(const char *type, const char *id, const char *field, Bytes *ret) {
        int r;

        r = bytes_append(ret, SPAN("record", sizeof("record")));
        if (r >= 0)
                r = bytes_append(ret, SPAN(type, strlen(type) + 1));
        if (r >= 0)
                r = bytes_append(ret, SPAN(id, strlen(id) + 1));
        if (r >= 0)
                r = bytes_append(ret, span_of_string(field));

        return r;
}

static bool is_value(const json_t *value) {
        json_t *item;
        size_t i;

        if (json_is_string(value))
                return true;

        json_array_foreach((json_t *) value, i, item)
                if (!json_is_string(item))
                        return false;
        return json_is_array(value);
}

/* A field's value from its seal, into the record. */
static int open_field(const IssuanceContext *context, Record *record, const char *field, const char *text,
                      Failure *failure) {
        _cleanup_bytes_ Bytes bound = {}, plain = {};
        json_t *value;
        int r;

        if (make_bound(record->type, record->id, field, &bound) < 0)
                return failure_no_memory(failure);

        r = unseal(context->keys, text, bytes_span(&bound), &plain, failure);
        if (r < 0)
                return r;

        value = json_loadb((const char *) plain.data, plain.size, JSON_DECODE_ANY, NULL);
        if (!is_value(value)) {
                json_decref(value);
                return failure_set(failure, FAILURE_STORE_FAILED, "What is sealed is no value.");
        }

        return json_object_set_new(record->fields, field, value) < 0 ? failure_no_memory(failure) : 0;
}

static int open_fields(const IssuanceContext *context, Record *record, json_t *sealed, Failure *failure) {
        const char *field;
        json_t *text;

        json_object_foreach(sealed, field, text) {
                _cleanup_failure_ Failure mistake = {};
                int r;

                if (json_object_get(record->fields, field))
                        return failure_set(failure, FAILURE_STORE_FAILED,
                                           "A record of type %s has field %s twice, sealed and in the clear.",
                                           record->type, field);

                r = open_field(context, record, field, json_string_value(text), &mistake);
                if (r < 0 && mistake.kind == FAILURE_STORE_FAILED)
                        failure_prefix(&mistake, "Field %s of a record of type %s", field, record->type);
                if (r < 0) {
                        if (failure)
                                failure_move(failure, &mistake);
                        return r;
                }
        }

        return 0;
}

int issuance_parse_stored(const IssuanceContext *context, const char *key, Span text, Record **ret,
                          Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_string_erase_ char *own_key = NULL;
        _cleanup_failure_ Failure mistake = {};
        _cleanup_stored_ Stored stored = {};
        int r;

        r = stored_load(text, &stored);
        if (r == -EBADMSG)
                return complain(key, "it is no JSON object.", failure);
        if (r >= 0)
                r = record_take_json(TAKE_PTR(stored.object), &record, &mistake);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return complain(key, failure_message(&mistake), failure);

        own_key = record_key(record->type, record->id);
        if (!own_key)
                return failure_no_memory(failure);
        if (!streq(own_key, key))
                return complain(key, "it stands under another's key.", failure);

        r = open_fields(context, record, stored.sealed, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(record);
        return 0;
}

int issuance_parse_public(const char *key, Span text, Record **ret, json_t **ret_sealed) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_string_erase_ char *own_key = NULL;
        _cleanup_stored_ Stored stored = {};
        int r;

        r = stored_load(text, &stored);
        if (r >= 0)
                r = record_take_json(TAKE_PTR(stored.object), &record, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;

        own_key = record_key(record->type, record->id);
        if (!own_key)
                return -ENOMEM;
        if (!streq(own_key, key))
                return -EBADMSG;

        if (ret_sealed)
                *ret_sealed = TAKE_PTR(stored.sealed);
        *ret = TAKE_PTR(record);
        return 0;
}

static int open_given(const IssuanceContext *context, Record *record, json_t *sealed, Failure *failure) {
        _cleanup_failure_ Failure mistake = {};
        const char *field;
        json_t *text;
        int r;

        if (!json_is_object(sealed))
                return failure_set(failure, FAILURE_INVALID_ARGS, "A record: sealed must be an object.");

        json_object_foreach(sealed, field, text)
                if (!record_name_is_plain(field) || !json_is_string(text))
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "A record: what is sealed must be strings.");

        r = open_fields(context, record, sealed, &mistake);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "A sealed field cannot be opened. Import it at the station that exported it, with "
                        "its key, or leave the member \"sealed\" out.");

        return 0;
}

int issuance_parse_line(const IssuanceContext *context, Span text, Record **ret, Failure *failure) {
        _cleanup_json_ json_t *object = NULL, *sealed = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = record_load(text, &object, failure);
        if (r < 0)
                return r;

        sealed = json_incref(json_object_get(object, "sealed"));
        if (sealed)
                json_object_del(object, "sealed");

        r = record_take_json(TAKE_PTR(object), &record, failure);
        if (r >= 0 && sealed)
                r = open_given(context, record, sealed, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(record);
        return 0;
}

int issuance_parse_row(Span text, bool *ret_issued, uint32_t *ret_count) {
        _cleanup_stored_ Stored stored = {};
        const char *flag;
        int r;

        *ret_issued = false;
        *ret_count = 0;
        r = stored_load(text, &stored);
        if (r < 0)
                return r;

        flag = json_string_value(json_object_get(stored.object, "flag"));
        *ret_issued = streq_null(flag, "issued");
        *ret_count = (uint32_t) json_integer_value(json_object_get(stored.object, "count"));
        return flag ? 0 : -EBADMSG;
}

static int seal_field(const IssuanceContext *context, const Record *record, const char *field,
                      const json_t *value, json_t *sealed, Failure *failure) {
        _cleanup_string_erase_ char *plain = NULL, *text = NULL;
        _cleanup_bytes_ Bytes bound = {};
        int r;

        plain = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (!plain || make_bound(record->type, record->id, field, &bound) < 0)
                return failure_no_memory(failure);

        r = seal(context->keys, span_of_string(plain), bytes_span(&bound), &text, failure);
        if (r < 0)
                return r;

        return json_object_set_new(sealed, field, json_string(text)) < 0 ? failure_no_memory(failure) : 0;
}

/* The text of an object with what is secret; empty where nothing is. */
static int seal_fields(const IssuanceContext *context, const Record *record, Bytes *ret, Failure *failure) {
        _cleanup_json_ json_t *sealed = json_object();
        const char *field;
        json_t *value;

        if (!sealed)
                return failure_no_memory(failure);

        json_object_foreach(record->fields, field, value) {
                int r;

                if (!issuance_fields_is_secret(context->fields, record->type, field))
                        continue;

                r = seal_field(context, record, field, value, sealed, failure);
                if (r < 0)
                        return r;
        }

        if (json_object_size(sealed) == 0)
                return 0;

        return json_text_append(ret, sealed) < 0 ? failure_no_memory(failure) : 0;
}

/* INVALID_ARGS where the record in the clear is larger than it may be; `stored` is at least as long as that. */
static int check_size(const Record *record, const char *stored, size_t headroom, Failure *failure) {
        _cleanup_string_erase_ char *clear = NULL;
        size_t limit = RECORD_SIZE_MAX - headroom;

        if (strlen(stored) <= limit)
                return 0;

        clear = record_format(record);
        if (!clear)
                return failure_no_memory(failure);
        if (strlen(clear) <= limit)
                return 0;

        return failure_set(failure, FAILURE_INVALID_ARGS,
                           "The record with its history is too large: it may have %zu bytes.", limit);
}

typedef struct Public {
        const IssuanceContext *context;
        const char *type;
} Public;

static bool is_public(const char *field, void *userdata) {
        const Public *public = userdata;

        return !issuance_fields_is_secret(public->context->fields, public->type, field);
}

int issuance_format_stored(const IssuanceContext *context, const Record *record, size_t headroom, char **ret,
                           Failure *failure) {
        Public public = { .context = context, .type = record->type };
        _cleanup_bytes_ Bytes sealed = {}, bytes = {};
        _cleanup_string_erase_ char *text = NULL;
        int r;

        r = seal_fields(context, record, &sealed, failure);
        if (r < 0)
                return r;

        r = record_append_text(&bytes, record, is_public, &public, bytes_span(&sealed));
        if (r >= 0)
                r = bytes_append_byte(&bytes, '\0');
        if (r < 0)
                return failure_no_memory(failure);

        text = (char *) TAKE_PTR(bytes.data);

        r = check_size(record, text, headroom, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(text);
        return 0;
}

int issuance_needs_seal(const IssuanceContext *context, const char *key, Span text, Failure *failure) {
        _cleanup_string_erase_ char *type = NULL;
        _cleanup_stored_ Stored stored = {};
        const char *field;
        json_t *value;
        int r;

        r = stored_load(text, &stored);
        if (r == -EBADMSG)
                return complain(key, "it is no JSON object.", failure);
        type = strndup(key, strcspn(key, "/"));
        if (r < 0 || !type)
                return failure_no_memory(failure);

        json_object_foreach(stored.sealed, field, value)
                if (seal_version(json_string_value(value)) != seal_keys_current(context->keys))
                        return 1;

        json_object_foreach(json_object_get(stored.object, "fields"), field, value)
                if (issuance_fields_is_secret(context->fields, type, field))
                        return 1;

        return 0;
}
