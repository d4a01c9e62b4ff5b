/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listings of the issuance file, all in the order of its index: none goes through what it does not list. Long ones are done
 * in steps, each a task of the store thread, between which other work goes on. A record that cannot be read is listed by
 * its key, so that it is found and dealt with; it fits no search. */
#include "file/index-state.h"

enum {
        LIST_MAX = 1000,
        STEP_ENTRIES = 1000, /* looked at in one step */
};

typedef struct ListTask ListTask;

/* Goes on from task->after. Returns 1 where there is more to do, 0 at the end, or a negative errno. */
typedef int (*ListStep)(ListTask *task, Failure *failure);

/* What is to be done with an entry: 1 to end the scan, 0 to go on, or a negative errno. */
typedef int (*ListVisit)(ListTask *task, const char *key, Failure *failure);

struct ListTask {
        IssuanceFile *file;
        ListStep step;
        char *type; /* find: the one that is gone through, of those that index the field */
        char *cursor;
        char *field, *value;
        size_t limit;  /* rows; SIZE_MAX: all */
        Bytes after;   /* of the last entry that was looked at, what follows the prefix */
        size_t prefix; /* bytes */
        ListVisit visit;
        size_t visited; /* in this step */
        RecordRow *rows;
        size_t row_count, row_space;
        char *next_cursor;
        RowsDone done;
        void *userdata;
        Failure failure;
        bool type_done;
        bool more_rows; /* than the limit */
        bool more;      /* steps */
};

static void list_task_free(ListTask *task) {
        for (size_t i = 0; i < task->row_count; i++) {
                free(task->rows[i].type);
                string_erase(task->rows[i].id);
        }

        free(task->rows);
        free(task->type);
        string_erase(task->cursor);
        free(task->field);
        string_erase(task->value);
        string_erase(task->next_cursor);
        bytes_done(&task->after);
        failure_done(&task->failure);
        free(task);
}
DEFINE_CLEANUP(ListTask *, list_task_free)

static int add_row(ListTask *task, const char *key, bool issued, uint32_t count, Failure *failure) {
        const char *id = record_key_id(key);
        RecordRow row = { .count = count, .issued = issued };

        if (task->row_count == task->row_space) {
                size_t space = MAX_OF(2 * task->row_space, 64U);
                RecordRow *rows = reallocarray(task->rows, space, sizeof(RecordRow));

                if (!rows)
                        return failure_no_memory(failure);

                task->rows = rows;
                task->row_space = space;
        }

        row.type = strndup(key, (size_t) (id - 1 - key));
        row.id = strdup(id);
        if (!row.type || !row.id) {
                free(row.type);
                string_erase(row.id);
                return failure_no_memory(failure);
        }

        task->rows[task->row_count++] = row;
        return 0;
}

static int visit_entry(Span entry, void *userdata, Failure *failure) {
        _cleanup_string_erase_ char *key = NULL;
        ListTask *task = userdata;
        int r;

        r = issuance_entry_key(entry, &key);
        if (r == -EBADMSG)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The issuance file's index holds what is no entry. Restore it from a backup.");
        if (r < 0)
                return failure_no_memory(failure);

        r = task->visit(task, key, failure);
        if (r != 0)
                return r;

        if (bytes_assign(&task->after, span_part(entry, task->prefix, SIZE_MAX)) < 0)
                return failure_no_memory(failure);

        return ++task->visited >= STEP_ENTRIES;
}

/* Calls `visit` from task->after on, as far as one step goes. Returns as a ListStep does. */
static int scan(ListTask *task, Span prefix, ListVisit visit, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = task->file->store };
        const IndexPages pages = change_set_pages(&set);
        _cleanup_bytes_ Bytes after = {};

        if (task->after.size > 0 &&
            (bytes_append(&after, prefix) < 0 || bytes_append(&after, bytes_span(&task->after)) < 0))
                return failure_no_memory(failure);

        task->prefix = prefix.size;
        task->visit = visit;
        task->visited = 0;
        return index_scan(&pages, prefix, bytes_span(&after), visit_entry, task, failure);
}

/* --- a page: one step --- */

/* The row after the last one is only noticed: there is another page. */
static int visit_page(ListTask *task, const char *key, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        bool issued = false;
        uint32_t count = 0;
        int r;

        if (task->row_count == task->limit) {
                task->more_rows = true;
                return 1;
        }

        task->visited = 0; /* the limit ends the page */
        r = store_fetch(task->file->store, key, &text, NULL);
        if (r >= 0)
                r = issuance_parse_row(bytes_span(&text), &issued, &count);
        if (r == -ENOMEM)
                return failure_no_memory(failure);

        return add_row(task, key, issued, count, failure);
}

/* The prefix of the entries, and where in it to begin. Returns 1 where there can be none. */
static int read_cursor(ListTask *task, Bytes *prefix, Failure *failure) {
        const char *key, *id, *type = task->type[0] ? task->type : NULL;
        _cleanup_string_erase_ char *cursor_type = NULL;
        _cleanup_bytes_ Bytes bytes = {};
        int order, r;

        if (issuance_entry('r', type, NULL, prefix) < 0)
                return failure_no_memory(failure);
        if (task->cursor[0] == '\0')
                return 0;

        r = hex_decode(task->cursor, &bytes);
        if (r >= 0)
                r = bytes_append_byte(&bytes, '\0');
        if (r == -ENOMEM)
                return failure_no_memory(failure);

        key = (const char *) bytes.data;
        id = r < 0 ? NULL : record_key_id(key);
        if (!id)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "This is no cursor. Give the one that the page before came with, or \"\".");

        cursor_type = strndup(key, (size_t) (id - 1 - key));
        if (!cursor_type)
                return failure_no_memory(failure);

        order = type ? strcmp(cursor_type, type) : 0;
        if (order != 0)
                return order > 0;

        if ((!type && bytes_append(&task->after, SPAN(cursor_type, strlen(cursor_type) + 1)) < 0) ||
            bytes_append(&task->after, span_of_string(id)) < 0)
                return failure_no_memory(failure);

        return 0;
}

static int step_page(ListTask *task, Failure *failure) {
        _cleanup_string_erase_ char *key = NULL;
        _cleanup_bytes_ Bytes prefix = {};
        const RecordRow *last;
        int r;

        if (task->limit == 0 || task->limit > LIST_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "A page has 1 to %d records.", LIST_MAX);

        r = read_cursor(task, &prefix, failure);
        if (r != 0)
                return r < 0 ? r : 0;

        r = scan(task, bytes_span(&prefix), visit_page, failure);
        if (r < 0 || !task->more_rows)
                return r;

        last = &task->rows[task->row_count - 1];
        key = record_key(last->type, last->id);
        task->next_cursor = key ? hex_encode(span_of_string(key)) : NULL;
        return task->next_cursor ? 0 : failure_no_memory(failure);
}

/* --- records by a field: type by type of those that index it --- */

static bool has_value(const json_t *value, const char *wanted) {
        json_t *item;
        size_t i;

        if (json_is_string(value))
                return streq(json_string_value(value), wanted);

        json_array_foreach((json_t *) value, i, item)
                if (streq(json_string_value(item), wanted))
                        return true;
        return false;
}

/* The index knows the beginning of a value alone, and may not be complete: what counts is the record. */
static int visit_found(ListTask *task, const char *key, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = issuance_fetch(task->file, key, &record, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0 || !has_value(json_object_get(record->fields, task->field), task->value))
                return 0;

        r = add_row(task, key, record->issued, record->count, failure);
        return r < 0 ? r : task->row_count == task->limit;
}

/* Whether the index has every record of the type by this field. */
static int type_is_complete(ListTask *task, const char *type, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = task->file->store };
        _cleanup_index_state_ IndexState state = {};
        int r;

        r = index_state_read(&set, task->file->on_store.fields, &state, failure);
        return r < 0 ? r : index_state_is_complete(&state, type, task->field);
}

static int step_type(ListTask *task, const char *type, Failure *failure) {
        _cleanup_bytes_ Bytes prefix = {};
        int r;

        r = type_is_complete(task, type, failure);
        if (r < 0)
                return r;

        /* Both are in the order of the IDs, so what is used may change from step to step. */
        r = r > 0 ? issuance_field_prefix(type, task->field, task->value, &prefix)
                  : issuance_entry('r', type, NULL, &prefix);
        if (r < 0)
                return failure_no_memory(failure);

        return scan(task, bytes_span(&prefix), visit_found, failure);
}

static int begin_type(ListTask *task, const char *type, Failure *failure) {
        char *copy = strdup(type);

        if (!copy)
                return failure_no_memory(failure);

        free(task->type);
        task->type = copy;
        task->type_done = false;
        bytes_clear(&task->after);
        return 0;
}

/* Types are found again by their name: a Reload may come between two steps. */
static int step_find(ListTask *task, Failure *failure) {
        const IssuanceFields *fields = task->file->on_store.fields;

        for (size_t i = 0; i < issuance_fields_count(fields); i++) {
                const IssuanceField *row = issuance_fields_row(fields, i);
                int order = strcmp(row->type, task->type), r;

                if (!row->indexed || !streq(row->name, task->field) || order < 0 ||
                    (order == 0 && task->type_done))
                        continue;

                r = order > 0 ? begin_type(task, row->type, failure) : 0;
                if (r < 0)
                        return r;

                r = step_type(task, row->type, failure);
                if (r < 0)
                        return r;
                if (r > 0)
                        return task->row_count < task->limit;

                task->type_done = true;
        }

        return 0;
}

/* --- records that are requested --- */

static int visit_requested(ListTask *task, const char *key, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        uint32_t count;
        bool issued;
        int r;

        r = store_fetch(task->file->store, key, &text, NULL);
        if (r >= 0)
                r = issuance_parse_row(bytes_span(&text), &issued, &count);
        if (r == -ENOMEM)
                return failure_no_memory(failure);

        return r < 0 || issued ? 0 : add_row(task, key, issued, count, failure);
}

static int step_requested(ListTask *task, Failure *failure) {
        _cleanup_bytes_ Bytes prefix = {};

        if (issuance_entry('u', NULL, NULL, &prefix) < 0)
                return failure_no_memory(failure);

        return scan(task, bytes_span(&prefix), visit_requested, failure);
}

/* --- the task --- */

static void list_task_run(void *userdata) {
        ListTask *task = userdata;
        int r;

        r = task->step(task, &task->failure);
        if (r < 0 && !failure_is_set(&task->failure))
                failure_no_memory(&task->failure);
        task->more = r > 0;
}

static int list_task_submit(ListTask *task);

/* Whether another step has begun. */
static bool go_on(ListTask *task) {
        if (failure_is_set(&task->failure) || !task->more)
                return false;

        if (task->file->closing)
                failure_set(&task->failure, FAILURE_CANCELLED, "The service is stopping.");
        else if (list_task_submit(task) >= 0)
                return true;

        failure_no_memory(&task->failure);
        return false;
}

static void list_task_done(void *userdata) {
        ListTask *task = userdata;
        IssuanceFile *file = task->file;

        if (go_on(task))
                return;

        if (failure_is_set(&task->failure))
                task->done(NULL, 0, "", &task->failure, task->userdata);
        else
                task->done(task->rows, task->row_count, task->next_cursor ? task->next_cursor : "",
                           &task->failure, task->userdata);

        list_task_free(task);
        issuance_file_unref(file);
}

static int list_task_submit(ListTask *task) {
        return store_thread_submit(task->file->thread, &(StoreTask){ .run = list_task_run,
                                                                     .done = list_task_done,
                                                                     .failure = &task->failure,
                                                                     .store = task->file->store,
                                                                     .userdata = task });
}

static int list_begin(IssuanceFile *file, ListTask form) {
        _cleanup_(list_task_freep) ListTask *task = NULL;
        int r;

        task = new0(ListTask, 1);
        if (!task)
                return -ENOMEM;

        *task = form;
        task->file = file;
        task->type = strdup(form.type ? form.type : "");
        task->cursor = strdup(form.cursor ? form.cursor : "");
        task->field = strdup(form.field ? form.field : "");
        task->value = strdup(form.value ? form.value : "");
        if (!task->type || !task->cursor || !task->field || !task->value)
                return -ENOMEM;

        r = list_task_submit(task);
        if (r < 0)
                return r;

        issuance_file_ref(file);
        TAKE_PTR(task);
        return 0;
}

int issuance_file_list(IssuanceFile *file, const char *type, const char *cursor, uint32_t limit,
                       RowsDone done, void *userdata) {
        return list_begin(file, (ListTask){ .step = step_page,
                                            .type = (char *) type,
                                            .cursor = (char *) cursor,
                                            .limit = limit,
                                            .done = done,
                                            .userdata = userdata });
}

int issuance_file_find(IssuanceFile *file, const char *field, const char *value, RowsDone done,
                       void *userdata) {
        return list_begin(file, (ListTask){ .step = step_find,
                                            .field = (char *) field,
                                            .value = (char *) value,
                                            .limit = LIST_MAX,
                                            .done = done,
                                            .userdata = userdata });
}

int issuance_file_requested(IssuanceFile *file, RowsDone done, void *userdata) {
        return list_begin(
                file,
                (ListTask){ .step = step_requested, .limit = SIZE_MAX, .done = done, .userdata = userdata });
}
