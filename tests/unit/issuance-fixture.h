/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A desk with an issuance file of its own, and its methods as calls that wait for their answer. Its one
 * record under test is staff/00420017; an ID that begins with 0042 may stand in no message. Field "pin" of type staff is
 * secret; indexed are "holder" of a, a-b and staff, and "key" of b. */
#ifndef ICREISSUE_TESTS_ISSUANCE_FIXTURE_H
#define ICREISSUE_TESTS_ISSUANCE_FIXTURE_H

#include "file-fixture.h"
#include "key-fixture.h"
#include "line/centre.h"

static const Actor actor = { .uid = 1000, .station = "desk-1" };

typedef struct Answer {
        bool come;
        FailureKind kind;
        char message[512];
        Record *record;
        char rows[4096]; /* "type/id:count:flag " */
        size_t row_count;
        char cursor[600];
} Answer;

typedef struct Desk {
        Place place;
        SealKeys *keys;
        IssuanceFields *fields;
        IssuanceFile *file;
} Desk;

static inline void answer_take(Answer *answer, const Failure *failure) {
        answer->come = true;
        answer->kind = failure->kind;
        snprintf(answer->message, sizeof(answer->message), "%s", failure_message(failure));
        /* IDs of these tests begin like this. */
        ck_assert_ptr_null(strstr(answer->message, "0042"));
}

static inline void on_record(const Record *record, const Failure *failure, void *userdata) {
        Answer *answer = userdata;

        answer_take(answer, failure);
        answer->record = record ? record_copy(record) : NULL;
}

static inline void on_rows(const RecordRow *rows, size_t count, const char *cursor, const Failure *failure,
                           void *userdata) {
        Answer *answer = userdata;
        size_t used = 0;

        answer_take(answer, failure);
        answer->row_count = count;
        snprintf(answer->cursor, sizeof(answer->cursor), "%s", cursor);
        answer->rows[0] = '\0';
        for (size_t i = 0; i < count && used + 200 < sizeof(answer->rows); i++)
                used += (size_t) snprintf(answer->rows + used, sizeof(answer->rows) - used, "%s/%s:%u:%s ",
                                          rows[i].type, rows[i].id, rows[i].count,
                                          rows[i].issued ? "i" : "u");
}

static inline void answer_done(Answer *answer) {
        record_free(answer->record);
        *answer = (Answer){};
}
#define _cleanup_answer_ _cleanup_(answer_done)

static inline IssuanceFields *fields_of(const IssuanceField *rows, size_t count) {
        IssuanceFields *fields = NULL;

        ck_assert_int_eq(issuance_fields_new(rows, count, &fields), 0);
        return fields;
}

static inline IssuanceFields *usual_fields(void) {
        static const IssuanceField rows[] = {
                { .type = "staff", .name = "holder", .indexed = true },
                { .type = "staff", .name = "pin", .secret = true },
                { .type = "a", .name = "holder", .indexed = true },
                { .type = "a-b", .name = "holder", .indexed = true },
                { .type = "staff", .name = "number" },
                { .type = "b", .name = "key", .indexed = true },
                { .type = "b", .name = "was" },
        };

        return fields_of(rows, ELEMENTS(rows));
}

static inline void desk_open(Desk *desk) {
        _cleanup_failure_ Failure failure = {};
        int r;

        if (!desk->keys)
                desk->keys = keys_of("1:" KEY_ONE "\n");
        if (!desk->fields)
                desk->fields = usual_fields();
        r = issuance_file_open(desk->place.thread, desk->place.directory, desk->keys, desk->fields,
                               &desk->file, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
}

static inline Desk desk_new(void) {
        Desk desk = { .place = place_new() };

        desk_open(&desk);
        return desk;
}

static inline void desk_done(Desk *desk) {
        desk->file = issuance_file_close(desk->file);
        place_done(&desk->place);
        seal_keys_unref(desk->keys);
        issuance_fields_unref(desk->fields);
}
#define _cleanup_desk_ _cleanup_(desk_done)

/* What is under way is done first: only then is the store closed. */
static inline void desk_close(Desk *desk) {
        desk->file = issuance_file_close(desk->file);
        desk->place.thread = store_thread_free(desk->place.thread);
        ck_assert_int_ge(store_thread_new(desk->place.event, &desk->place.thread), 0);
}

static inline void desk_reopen(Desk *desk) {
        desk_close(desk);
        desk_open(desk);
}

/* Waits for the answer to what was just asked; it must not have come within the call. */
static inline void await(Desk *desk, int r, Answer *answer, FailureKind kind) {
        ck_assert_int_eq(r, 0);
        ck_assert(!answer->come);
        run_until(desk->place.event, &answer->come);
        ck_assert_msg(answer->kind == kind, "%s", answer->message);
}

/* put(): with has_flag and has_count as the text has them. */
static inline void put(Desk *desk, const char *text, FailureKind kind) {
        _cleanup_answer_ Answer answer = {};
        bool has_flag, has_count;
        Record *record = NULL;

        ck_assert_int_eq(record_parse_given(span_of_string(text), &record, &has_flag, &has_count, NULL), 0);
        await(desk, issuance_file_put(desk->file, record, has_flag, has_count, &actor, on_record, &answer),
              &answer, kind);
}

static inline Record *get(Desk *desk, const char *type, const char *id) {
        _cleanup_answer_ Answer answer = {};

        await(desk, issuance_file_get(desk->file, type, id, on_record, &answer), &answer, FAILURE_NONE);
        return TAKE_PTR(answer.record);
}

/* The record as "flag count reserved|free last-event". */
static inline const char *state(Desk *desk) {
        static char text[128];
        _cleanup_(record_freep) Record *record = get(desk, "staff", "00420017");
        json_t *last = json_array_get(record->history, json_array_size(record->history) - 1);

        snprintf(text, sizeof(text), "%s %u %s %s", record->issued ? "issued" : "unissued", record->count,
                 record->extraction ? "reserved" : "free", json_string_value(json_object_get(last, "event")));
        return text;
}

#define ISSUED \
        "{\"type\":\"staff\",\"id\":\"00420017\",\"flag\":\"issued\",\"count\":1,\"fields\":{\"holder\":\"A\"}}"

static inline void request(Desk *desk, FailureKind kind) {
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_request(desk->file, "staff", "00420017", "worn", &actor, on_record, &answer),
              &answer, kind);
}

static inline void withdraw(Desk *desk, FailureKind kind) {
        _cleanup_answer_ Answer answer = {};

        await(desk, issuance_file_withdraw(desk->file, "staff", "00420017", &actor, on_record, &answer),
              &answer, kind);
}

static inline void removing(Desk *desk, FailureKind kind) {
        _cleanup_answer_ Answer answer = {};

        await(desk, issuance_file_remove(desk->file, "staff", "00420017", on_record, &answer), &answer, kind);
        ck_assert_ptr_null(answer.record);
}

static inline void extract(Desk *desk, const char *job, bool requesting, FailureKind kind) {
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_extract(desk->file, "staff", "00420017", job, requesting, "lost", NULL, NULL,
                                    &actor, on_record, &answer),
              &answer, kind);
        if (kind == FAILURE_RECORD_IN_USE)
                ck_assert(strstr(answer.message, "Job ") && strstr(answer.message, "desk-1") &&
                          strstr(answer.message, "since 20"));
        ck_assert(kind != FAILURE_NONE || answer.record);
}

static inline void confirm(Desk *desk, const char *job, uint32_t count, FailureKind kind) {
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_confirm(desk->file, "staff", "00420017", job, count, "CAFE", &actor, on_record,
                                    &answer),
              &answer, kind);
}

static inline void abandon(Desk *desk, const char *job, bool card_written) {
        _cleanup_answer_ Answer answer = {};

        await(desk,
              issuance_file_abandon(desk->file, "staff", "00420017", job, card_written, "gone", &actor,
                                    on_record, &answer),
              &answer, FAILURE_NONE);
}

static inline void put_many(Desk *desk, const char *type, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                char text[128];

                snprintf(text, sizeof(text),
                         "{\"type\":\"%s\",\"id\":\"%03u\",\"fields\":{\"holder\":\"h%u\"}}", type, i, i % 3);
                put(desk, text, FAILURE_NONE);
        }
}

#endif
