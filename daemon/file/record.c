/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and their JSON form. Every member is checked when it comes in, by the tables below; messages name a
 * member and never its value. What a card type's fields must hold is its profile's business. */
#include "file/record.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

enum {
        MEMBER_NAME_MAX = 64,
        TEXT_USUAL = 1024, /* bytes: most records need no more */
};

typedef enum MemberKind {
        MEMBER_STRING,
        MEMBER_TIME,
        MEMBER_NUMBER, /* 0..UINT32_MAX: counts and uids */
        MEMBER_OBJECT,
        MEMBER_ARRAY,
} MemberKind;

typedef struct Member {
        const char *name;
        MemberKind kind;
        bool required;
} Member;

static const Member record_members[] = {
        { "v", MEMBER_NUMBER, false },      { "type", MEMBER_STRING, true },
        { "id", MEMBER_STRING, true },      { "flag", MEMBER_STRING, false },
        { "count", MEMBER_NUMBER, false },  { "fields", MEMBER_OBJECT, false },
        { "history", MEMBER_ARRAY, false }, { "extraction", MEMBER_OBJECT, false },
        { "moved", MEMBER_STRING, false },  { "moved-id", MEMBER_STRING, false },
};

static const Member history_members[] = {
        { "at", MEMBER_TIME, true },         { "event", MEMBER_STRING, true },
        { "count", MEMBER_NUMBER, false },   { "job", MEMBER_STRING, false },
        { "station", MEMBER_STRING, false }, { "serial", MEMBER_STRING, false },
        { "by", MEMBER_NUMBER, false },      { "reason", MEMBER_STRING, false },
};

static const Member extraction_members[] = {
        { "job", MEMBER_STRING, true },        { "at", MEMBER_TIME, true },
        { "card-type", MEMBER_STRING, false }, { "card-id", MEMBER_STRING, false },
        { "station", MEMBER_STRING, false },   { "by", MEMBER_NUMBER, false },
        { "fields", MEMBER_ARRAY, false },
};

void record_free(Record *record) {
        if (!record)
                return;

        free(record->type);
        string_erase(record->id);
        json_decref(record->fields);
        json_decref(record->history);
        json_decref(record->extraction);
        free(record->moved);
        string_erase(record->moved_id);
        free(record);
}

bool record_name_is_plain(const char *name) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        size_t length = strlen(name);

        return length > 0 && length <= MEMBER_NAME_MAX && strspn(name, allowed) == length;
}

/* Whether text is "2026-11-24T09:00:00Z". */
static bool time_is_valid(const char *text) {
        static const char form[] = "dddd-dd-ddTdd:dd:ddZ";

        if (strlen(text) != strlen(form))
                return false;

        for (size_t i = 0; form[i]; i++)
                if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
                        return false;

        return true;
}

static bool number_is_valid(const json_t *value) {
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
               json_integer_value(value) <= UINT32_MAX;
}

/* What a member of that kind must be, or NULL where value is that. */
static const char *member_mistake(MemberKind kind, const json_t *value) {
        switch (kind) {
        case MEMBER_STRING:
                return json_is_string(value) ? NULL : "a string";
        case MEMBER_TIME:
                return json_is_string(value) && time_is_valid(json_string_value(value))
                               ? NULL
                               : "a time such as \"2026-11-24T09:00:00Z\"";
        case MEMBER_NUMBER:
                return number_is_valid(value) ? NULL : "a whole number from 0 to 4294967295";
        case MEMBER_OBJECT:
                return json_is_object(value) ? NULL : "an object";
        case MEMBER_ARRAY:
                return json_is_array(value) ? NULL : "an array";
        }

        return "something else";
}

static const Member *member_find(const Member *members, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++)
                if (streq(members[i].name, name))
                        return &members[i];

        return NULL;
}

/* Holds an object against its table; what is its name in messages. */
static int members_check(const Member *members, size_t count, const json_t *object, const char *what,
                         Failure *failure) {
        const char *name;
        json_t *value;

        if (!json_is_object(object))
                return failure_set(failure, FAILURE_INVALID_ARGS, "%s must be a JSON object.", what);

        json_object_foreach((json_t *) object, name, value) {
                const Member *member = member_find(members, count, name);
                const char *mistake;

                if (!member)
                        return failure_set(failure, FAILURE_INVALID_ARGS, "%s has an unknown member%s%s.",
                                           what, record_name_is_plain(name) ? " " : "",
                                           record_name_is_plain(name) ? name : "");

                mistake = member_mistake(member->kind, value);
                if (mistake)
                        return failure_set(failure, FAILURE_INVALID_ARGS, "%s: %s must be %s.", what, name,
                                           mistake);
        }

        for (size_t i = 0; i < count; i++)
                if (members[i].required && !json_object_get(object, members[i].name))
                        return failure_set(failure, FAILURE_INVALID_ARGS, "%s has no %s.", what,
                                           members[i].name);

        return 0;
}

static int fields_check(const json_t *fields, Failure *failure) {
        const char *name;
        json_t *value, *item;
        size_t i;

        json_object_foreach((json_t *) fields, name, value) {
                if (!record_name_is_plain(name))
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "A field's name must be 1 to %d letters, digits, \"-\" or \"_\".",
                                           MEMBER_NAME_MAX);

                if (json_is_string(value))
                        continue;

                if (!json_is_array(value))
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "Field %s must be a string or an array of strings.", name);

                json_array_foreach(value, i, item)
                        if (!json_is_string(item))
                                return failure_set(failure, FAILURE_INVALID_ARGS,
                                                   "Field %s: every value must be a string.", name);
        }

        return 0;
}

static int history_check(const json_t *history, Failure *failure) {
        json_t *entry;
        size_t i;
        int r;

        json_array_foreach((json_t *) history, i, entry) {
                r = members_check(history_members, ELEMENTS(history_members), entry, "A history entry",
                                  failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool text_has_control(const char *text) {
        for (const uint8_t *p = (const uint8_t *) text; *p; p++)
                /* C0, DEL, and C1 (U+0080 to U+009F), in valid UTF-8. */
                if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F))
                        return true;

        return false;
}

static bool text_is_utf8(const char *text) {
        json_t *string = json_string(text); /* NULL for anything else */

        json_decref(string);
        return string;
}

int record_check_key(const char *type, const char *id, Failure *failure) {
        size_t length = strlen(type);

        if (length == 0 || length > RECORD_TYPE_MAX || type[0] == '-' ||
            strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "A card type must be 1 to %d lower-case letters, digits or \"-\", not beginning "
                        "with \"-\".",
                        RECORD_TYPE_MAX);

        length = strlen(id);
        if (length == 0 || length > RECORD_ID_MAX || text_has_control(id) || !text_is_utf8(id))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "An ID must be 1 to %d bytes of UTF-8 text without control characters.",
                                   RECORD_ID_MAX);

        return 0;
}

static int check_moved(const json_t *object, Failure *failure) {
        const char *type = json_string_value(json_object_get(object, "moved"));
        const char *id = json_string_value(json_object_get(object, "moved-id"));

        if (!type && id)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record with \"moved-id\" must have \"moved\".");

        return type ? record_check_key(type, id ? id : json_string_value(json_object_get(object, "id")),
                                       failure)
                    : 0;
}

static int record_check(const json_t *object, Failure *failure) {
        const json_t *version, *extraction;
        const char *flag;
        int r;

        r = members_check(record_members, ELEMENTS(record_members), object, "A record", failure);
        if (r < 0)
                return r;

        version = json_object_get(object, "v");
        if (version && json_integer_value(version) != 1)
                return failure_set(failure, FAILURE_INVALID_ARGS, "A record's version (v) must be 1.");

        flag = json_string_value(json_object_get(object, "flag"));
        if (flag && !streq(flag, "issued") && !streq(flag, "unissued"))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record's flag must be \"issued\" or \"unissued\".");

        r = record_check_key(json_string_value(json_object_get(object, "type")),
                             json_string_value(json_object_get(object, "id")), failure);
        if (r >= 0)
                r = check_moved(object, failure);
        if (r < 0)
                return r;

        r = fields_check(json_object_get(object, "fields"), failure);
        if (r < 0)
                return r;

        r = history_check(json_object_get(object, "history"), failure);
        if (r < 0)
                return r;

        extraction = json_object_get(object, "extraction");
        return !extraction ? 0
                           : members_check(extraction_members, ELEMENTS(extraction_members), extraction,
                                           "A record's extraction", failure);
}

static int take_text(const json_t *object, const char *name, char **ret) {
        const char *text = json_string_value(json_object_get(object, name));

        *ret = text ? strdup(text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

/* Takes over the parts of an object that has no other owner. */
static int record_take(json_t *object, Record **ret, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = record_check(object, failure);
        if (r < 0)
                return r;

        record = new0(Record, 1);
        if (!record)
                return failure_no_memory(failure);

        record->type = strdup(json_string_value(json_object_get(object, "type")));
        record->id = strdup(json_string_value(json_object_get(object, "id")));
        record->issued = streq_null(json_string_value(json_object_get(object, "flag")), "issued");
        record->count = (uint32_t) json_integer_value(json_object_get(object, "count"));
        record->fields = json_incref(json_object_get(object, "fields")) ?: json_object();
        record->history = json_incref(json_object_get(object, "history")) ?: json_array();
        record->extraction = json_incref(json_object_get(object, "extraction"));
        if (take_text(object, "moved", &record->moved) < 0 ||
            take_text(object, "moved-id", &record->moved_id) < 0)
                return failure_no_memory(failure);
        if (!record->type || !record->id || !record->fields || !record->history)
                return failure_no_memory(failure);

        *ret = TAKE_PTR(record);
        return 0;
}

int record_from_json(const json_t *object, Record **ret, Failure *failure) {
        json_t *copy = json_deep_copy(object);
        int r;

        if (!copy)
                return failure_no_memory(failure);

        r = record_take(copy, ret, failure);
        json_decref(copy);
        return r;
}

int record_take_json(json_t *object, Record **ret, Failure *failure) {
        int r;

        r = record_take(object, ret, failure);
        json_decref(object);
        return r;
}

/* jansson's own error texts quote what stands near the mistake. */
static const char *json_mistake(const json_error_t *error) {
        switch (json_error_code(error)) {
        case json_error_invalid_utf8:
                return "a string is not valid UTF-8";
        case json_error_premature_end_of_input:
                return "the text ends too early";
        case json_error_end_of_input_expected:
                return "something follows after the object";
        case json_error_duplicate_key:
                return "a member is there twice";
        case json_error_null_character:
        case json_error_null_byte_in_key:
                return "a string contains a NUL character";
        case json_error_stack_overflow:
                return "it is nested too deep";
        case json_error_numeric_overflow:
                return "a number is too large";
        default:
                return "the text is not valid JSON";
        }
}

int record_load(Span text, json_t **ret, Failure *failure) {
        json_error_t error;
        json_t *object;
        int r;

        if (text.size > RECORD_SIZE_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "A record may have at most %d bytes.",
                                   RECORD_SIZE_MAX);

        object = json_text_load(text, &error);
        if (object) {
                *ret = object;
                return 0;
        }

        if (json_error_code(&error) == json_error_out_of_memory)
                return failure_no_memory(failure);

        r = failure_set(failure, FAILURE_INVALID_ARGS, "At byte %d: %s.", error.position,
                        json_mistake(&error));
        explicit_bzero(&error, sizeof(error));
        return r;
}

int record_parse_given(Span text, Record **ret, bool *ret_has_flag, bool *ret_has_count, Failure *failure) {
        json_t *object;
        int r;

        r = record_load(text, &object, failure);
        if (r < 0)
                return r;

        r = record_take(object, ret, failure);
        *ret_has_flag = json_object_get(object, "flag");
        *ret_has_count = json_object_get(object, "count");
        json_decref(object);
        return r;
}

int record_parse(Span text, Record **ret, Failure *failure) {
        bool has_flag, has_count;

        return record_parse_given(text, ret, &has_flag, &has_count, failure);
}

json_t *record_to_json(const Record *record) {
        json_t *object;

        object = json_pack("{s:i, s:s, s:s, s:s, s:I, s:O, s:O, s:O*, s:s*, s:s*}", "v", 1, "type",
                           record->type, "id", record->id, "flag", record->issued ? "issued" : "unissued",
                           "count", (json_int_t) record->count, "fields", record->fields, "history",
                           record->history, "extraction", record->extraction, "moved", record->moved,
                           "moved-id", record->moved_id);
        return object;
}

static int append_text(Bytes *ret, const char *text) {
        return bytes_append(ret, span_of_string(text));
}

static int append_numbers(Bytes *ret, const Record *record) {
        char count[32];
        int r;

        snprintf(count, sizeof(count), "{\"count\":%u,", record->count);
        r = append_text(ret, count);
        if (r < 0 || !record->extraction)
                return r;

        r = append_text(ret, "\"extraction\":");
        if (r >= 0)
                r = json_text_append(ret, record->extraction);

        return r < 0 ? r : append_text(ret, ",");
}

/* Nothing where there is no text. */
static int append_member(Bytes *ret, const char *name, const char *text) {
        int r = text ? append_text(ret, name) : 0;

        return r < 0 || !text ? r : json_text_append_string(ret, span_of_string(text));
}

int record_append_text(Bytes *ret, const Record *record, JsonTextWanted wanted, void *userdata, Span sealed) {
        int r;

        r = bytes_reserve(ret, TEXT_USUAL);
        if (r >= 0)
                r = append_numbers(ret, record);
        if (r >= 0)
                r = append_text(ret, "\"fields\":");
        if (r >= 0)
                r = json_text_append_object(ret, record->fields, wanted, userdata);
        if (r >= 0)
                r = append_text(ret, record->issued ? ",\"flag\":\"issued\",\"history\":"
                                                    : ",\"flag\":\"unissued\",\"history\":");
        if (r >= 0)
                r = json_text_append(ret, record->history);
        if (r >= 0)
                r = append_text(ret, ",\"id\":");
        if (r >= 0)
                r = json_text_append_string(ret, span_of_string(record->id));
        if (r >= 0)
                r = append_member(ret, ",\"moved\":", record->moved);
        if (r >= 0)
                r = append_member(ret, ",\"moved-id\":", record->moved_id);
        if (r >= 0 && sealed.size > 0)
                r = append_text(ret, ",\"sealed\":");
        if (r >= 0)
                r = bytes_append(ret, sealed);
        if (r >= 0)
                r = append_text(ret, ",\"type\":");
        if (r >= 0)
                r = json_text_append_string(ret, span_of_string(record->type));

        return r < 0 ? r : append_text(ret, ",\"v\":1}");
}

char *record_format(const Record *record) {
        _cleanup_bytes_ Bytes text = {};

        if (record_append_text(&text, record, NULL, NULL, (Span){}) < 0 || bytes_append_byte(&text, '\0') < 0)
                return NULL;

        return (char *) TAKE_PTR(text.data);
}

Record *record_copy(const Record *record) {
        _cleanup_(record_freep) Record *copy = NULL;

        copy = new0(Record, 1);
        if (!copy)
                return NULL;

        copy->type = strdup(record->type);
        copy->id = strdup(record->id);
        copy->issued = record->issued;
        copy->count = record->count;
        copy->fields = json_deep_copy(record->fields);
        copy->history = json_deep_copy(record->history);
        copy->extraction = record->extraction ? json_deep_copy(record->extraction) : NULL;
        copy->moved = record->moved ? strdup(record->moved) : NULL;
        copy->moved_id = record->moved_id ? strdup(record->moved_id) : NULL;
        if (!copy->type || !copy->id || !copy->fields || !copy->history || (record->moved && !copy->moved) ||
            (record->moved_id && !copy->moved_id) || (record->extraction && !copy->extraction))
                return NULL;

        return TAKE_PTR(copy);
}

const char *record_moved_id(const Record *record) {
        return record->moved_id ? record->moved_id : record->id;
}

void record_now(char ret[static RECORD_TIME_SIZE]) {
        time_t now = time(NULL);
        struct tm calendar;

        gmtime_r(&now, &calendar);
        strftime(ret, RECORD_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &calendar);
}

int record_add_history(Record *record, const char *event, const json_t *details) {
        char at[RECORD_TIME_SIZE];
        json_t *entry;

        record_now(at);
        entry = json_pack("{s:s, s:s, s:I}", "at", at, "event", event, "count", (json_int_t) record->count);
        if (!entry)
                return -ENOMEM;

        if (details && json_object_update((json_t *) entry, (json_t *) details) < 0) {
                json_decref(entry);
                return -ENOMEM;
        }

        return json_array_append_new(record->history, entry) < 0 ? -ENOMEM : 0;
}

static void free_erased(void *pointer) {
        if (!pointer)
                return;

        explicit_bzero(pointer, malloc_usable_size(pointer));
        free(pointer);
}

void record_erase_json_memory(void) {
        json_set_alloc_funcs(malloc, free_erased);
}
