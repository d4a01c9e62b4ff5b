/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listings of the issuance file: each visits every key on the store thread, keeps the first of those that
 * fit, and reads these. A record that cannot be read is listed by its key, so that it is found and dealt
 * with; it fits no search. */
#include "file/issuance-internal.h"

enum {
        LIST_MAX = 1000,
};

typedef struct ListTask ListTask;

/* 1: the key's record belongs to the listing; 0: it does not; else a negative errno. */
typedef int (*ListFits)(ListTask *task, const char *key, Failure *failure);

struct ListTask {
        IssuanceFile *file;
        ListFits fits;
        char *type;
        char *cursor;
        char *after; /* the key that the cursor names; NULL: from the start */
        char *field, *value;
        size_t limit; /* SIZE_MAX: all */
        char **keys;
        size_t key_count, key_space;
        RecordRow *rows;
        size_t row_count;
        char *next_cursor;
        RowsDone done;
        void *userdata;
        Failure failure;
};

static void list_task_free(ListTask *task) {
        for (size_t i = 0; i < task->key_count; i++)
                string_erase(task->keys[i]);
        for (size_t i = 0; i < task->row_count; i++) {
                free(task->rows[i].type);
                string_erase(task->rows[i].id);
        }

        free(task->keys);
        free(task->rows);
        free(task->type);
        string_erase(task->cursor);
        string_erase(task->after);
        free(task->field);
        string_erase(task->value);
        string_erase(task->next_cursor);
        failure_done(&task->failure);
        free(task);
}
DEFINE_CLEANUP(ListTask *, list_task_free)

static int compare_keys(const void *a, const void *b) {
        return record_key_compare(*(char *const *) a, *(char *const *) b);
}

static void sort_and_cut(ListTask *task, size_t most) {
        if (task->key_count > 1)
                qsort(task->keys, task->key_count, sizeof(char *), compare_keys);

        while (task->key_count > most)
                string_erase(task->keys[--task->key_count]);
}

/* Keeps a key; one more than the limit is kept, which tells that there is another page. */
static int keep_key(ListTask *task, const char *key) {
        size_t most = task->limit == SIZE_MAX ? SIZE_MAX : task->limit + 1;

        if (most < SIZE_MAX && task->key_count >= 2 * most)
                sort_and_cut(task, most);

        if (task->key_count == task->key_space) {
                size_t space = MAX_OF(2 * task->key_space, 64U);
                char **keys = reallocarray(task->keys, space, sizeof(char *));

                if (!keys)
                        return -ENOMEM;

                task->keys = keys;
                task->key_space = space;
        }

        task->keys[task->key_count] = strdup(key);
        return task->keys[task->key_count] ? (int) !++task->key_count : -ENOMEM;
}

static int visit_key(const char *key, void *userdata, Failure *failure) {
        ListTask *task = userdata;
        int r;

        if (!record_key_id(key))
                return 0;

        r = task->fits(task, key, failure);
        if (r <= 0)
                return r;

        return keep_key(task, key) < 0 ? failure_no_memory(failure) : 0;
}

static int fits_page(ListTask *task, const char *key, Failure *failure _unused_) {
        size_t length = strlen(task->type);

        if (length > 0 && (strncmp(key, task->type, length) != 0 || key[length] != '/'))
                return 0;

        return !task->after || record_key_compare(key, task->after) > 0;
}

/* Reads a record for a search; *ret is NULL for one that cannot be read. */
static int search_fetch(ListTask *task, const char *key, const char *text_in_it, Record **ret,
                        Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        *ret = NULL;
        r = store_fetch(task->file->store, key, &text, failure);
        if (r < 0)
                return r;

        /* Parsing is what costs: most records are passed over by their text. */
        if (!memmem(text.data, text.size, text_in_it, strlen(text_in_it)))
                return 0;

        r = issuance_parse(key, bytes_span(&text), ret, NULL);
        return r == -ENOMEM ? failure_no_memory(failure) : 0;
}

static int fits_field(ListTask *task, const char *key, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        json_t *value, *item;
        size_t i;
        int r;

        r = search_fetch(task, key, task->field, &record, failure);
        if (r < 0 || !record)
                return r;

        value = json_object_get(record->fields, task->field);
        if (json_is_string(value))
                return streq(json_string_value(value), task->value);

        json_array_foreach(value, i, item) if (streq(json_string_value(item), task->value)) return 1;

        return 0;
}

static int fits_requested(ListTask *task, const char *key, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = search_fetch(task, key, "\"unissued\"", &record, failure);
        if (r < 0 || !record)
                return r;

        return !record->issued && !record->extraction;
}

static int fill_row(ListTask *task, const char *key, RecordRow *row, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        const char *id = record_key_id(key);
        int r;

        r = issuance_fetch(task->file->store, key, &record, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);

        row->type = strndup(key, (size_t) (id - 1 - key));
        row->id = strdup(id);
        row->count = record ? record->count : 0;
        row->issued = record && record->issued;
        return row->type && row->id ? 0 : failure_no_memory(failure);
}

static int list_fill(ListTask *task, Failure *failure) {
        bool more;
        int r;

        sort_and_cut(task, SIZE_MAX);
        more = task->key_count > task->limit;
        task->row_count = MIN_OF(task->key_count, task->limit);
        task->rows = new0(RecordRow, MAX_OF(task->row_count, 1U));
        if (!task->rows) {
                task->row_count = 0;
                return failure_no_memory(failure);
        }

        for (size_t i = 0; i < task->row_count; i++) {
                r = fill_row(task, task->keys[i], &task->rows[i], failure);
                if (r < 0)
                        return r;
        }

        task->next_cursor = more ? hex_encode(span_of_string(task->keys[task->row_count - 1])) : strdup("");
        return task->next_cursor ? 0 : failure_no_memory(failure);
}

static int list_read_cursor(ListTask *task, Failure *failure) {
        _cleanup_bytes_ Bytes key = {};
        int r;

        if (task->cursor[0] == '\0')
                return 0;

        r = hex_decode(task->cursor, &key);
        if (r >= 0)
                r = bytes_append_byte(&key, '\0');
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0 || !record_key_id((const char *) key.data))
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "This is no cursor. Give the one that the page before came with, or \"\".");

        task->after = strdup((const char *) key.data);
        return task->after ? 0 : failure_no_memory(failure);
}

static int list_perform(ListTask *task, Failure *failure) {
        int r;

        if (task->limit == 0 || (task->limit > LIST_MAX && task->limit != SIZE_MAX))
                return failure_set(failure, FAILURE_INVALID_ARGS, "A page has 1 to %d records.", LIST_MAX);

        r = list_read_cursor(task, failure);
        if (r < 0)
                return r;

        r = store_each(task->file->store, visit_key, task, failure);
        if (r < 0)
                return r;

        return list_fill(task, failure);
}

static void list_task_run(void *userdata) {
        ListTask *task = userdata;
        int r;

        r = list_perform(task, &task->failure);
        if (r < 0 && !failure_is_set(&task->failure))
                failure_no_memory(&task->failure);
}

static void list_task_done(void *userdata) {
        ListTask *task = userdata;

        if (failure_is_set(&task->failure))
                task->done(NULL, 0, "", &task->failure, task->userdata);
        else
                task->done(task->rows, task->row_count, task->next_cursor, &task->failure, task->userdata);

        issuance_file_unref(task->file);
        list_task_free(task);
}

static int list_submit(IssuanceFile *file, ListTask form) {
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

        r = worker_submit(file->worker, list_task_run, list_task_done, task);
        if (r < 0)
                return r;

        issuance_file_ref(file);
        TAKE_PTR(task);
        return 0;
}

int issuance_file_list(IssuanceFile *file, const char *type, const char *cursor, uint32_t limit,
                       RowsDone done, void *userdata) {
        return list_submit(file, (ListTask){ .fits = fits_page,
                                             .type = (char *) type,
                                             .cursor = (char *) cursor,
                                             .limit = limit,
                                             .done = done,
                                             .userdata = userdata });
}

int issuance_file_find(IssuanceFile *file, const char *field, const char *value, RowsDone done,
                       void *userdata) {
        return list_submit(file, (ListTask){ .fits = fits_field,
                                             .field = (char *) field,
                                             .value = (char *) value,
                                             .limit = LIST_MAX,
                                             .done = done,
                                             .userdata = userdata });
}

int issuance_file_requested(IssuanceFile *file, RowsDone done, void *userdata) {
        return list_submit(
                file,
                (ListTask){ .fits = fits_requested, .limit = SIZE_MAX, .done = done, .userdata = userdata });
}
