/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes the index when other fields are indexed than before: step by step, each a task of the store thread with a change
 * set of its own, between which other work goes on and after each of which a crash may come (index-state.h). */
#include "file/index-state.h"

enum {
        STEP_RECORDS = 100,  /* read in one step */
        STEP_ENTRIES = 2000, /* passed over in one step: records of types that nothing is changed for */
};

typedef struct CompletionTask {
        IssuanceFile *file;
        Failure failure;
        bool finished;
} CompletionTask;

/* One step. */
typedef struct Completion {
        IssuanceFile *file;
        ChangeSet set;
        IndexState state;
        Record *record; /* the one at hand */
        char *keys[STEP_RECORDS];
        size_t key_count, visited;
} Completion;

static void completion_done(Completion *completion) {
        for (size_t i = 0; i < completion->key_count; i++)
                string_erase(completion->keys[i]);

        record_free(completion->record);
        index_state_done(&completion->state);
        change_set_done(&completion->set);
}

static int is_any(const char *field _unused_, void *userdata _unused_, Failure *failure _unused_) {
        return 1;
}

/* Notes a record of a type for which something is changing. */
static int visit(Span entry, void *userdata, Failure *failure) {
        _cleanup_string_erase_ char *key = NULL, *type = NULL;
        Completion *completion = userdata;
        int r;

        if (bytes_assign(&completion->state.after, entry) < 0)
                return failure_no_memory(failure);

        r = issuance_entry_key(entry, &key);
        if (r == -EBADMSG)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The issuance file's index holds what is no entry. Restore it from a backup.");
        type = r < 0 ? NULL : strndup(key, strcspn(key, "/"));
        if (!type)
                return failure_no_memory(failure);

        if (index_state_each(&completion->state, type, false, is_any, NULL, failure) > 0)
                completion->keys[completion->key_count++] = TAKE_PTR(key);

        return completion->key_count == STEP_RECORDS || ++completion->visited == STEP_ENTRIES;
}

static int add_entry(Span entry, void *userdata, Failure *failure) {
        const IndexPages pages = change_set_pages(userdata);

        return index_add(&pages, entry, failure);
}

static int remove_entry(Span entry, void *userdata, Failure *failure) {
        const IndexPages pages = change_set_pages(userdata);

        return index_remove(&pages, entry, failure);
}

static int put_right(const char *field, void *userdata, Failure *failure) {
        Completion *completion = userdata;
        const Record *record = completion->record;
        bool wanted = issuance_fields_is_indexed(completion->file->on_store.fields, record->type, field);

        return issuance_field_entries(record, field, wanted ? add_entry : remove_entry, &completion->set,
                                      failure);
}

/* One that is damaged has no entries; when it is enrolled again it has. */
static int put_record_right(Completion *completion, const char *key, Failure *failure) {
        int r;

        record_free(TAKE_PTR(completion->record));
        r = issuance_fetch(completion->file, key, &completion->record, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return 0;

        return index_state_each(&completion->state, completion->record->type, false, put_right, completion,
                                failure);
}

/* Returns 1 when nothing is left to do. */
static int completion_step(Completion *completion, Failure *failure) {
        const IssuanceFields *fields = completion->file->on_store.fields;
        const IndexPages pages = change_set_pages(&completion->set);
        _cleanup_bytes_ Bytes prefix = {}, after = {};
        int more, r;

        r = index_state_read(&completion->set, fields, &completion->state, failure);
        if (r < 0 || (r == 0 && index_state_is_finished(&completion->state)))
                return r < 0 ? r : 1;

        if (issuance_entry('r', NULL, NULL, &prefix) < 0 ||
            bytes_assign(&after, bytes_span(&completion->state.after)) < 0)
                return failure_no_memory(failure);

        more = index_scan(&pages, bytes_span(&prefix), bytes_span(&after), visit, completion, failure);
        r = more;
        for (size_t i = 0; r >= 0 && i < completion->key_count; i++)
                r = put_record_right(completion, completion->keys[i], failure);
        if (r >= 0 && more == 0)
                r = index_state_finish(&completion->state, fields, failure);
        if (r >= 0)
                r = index_state_put(&completion->state, &completion->set, failure);
        if (r >= 0)
                r = change_set_apply(&completion->set, failure);

        return r < 0 ? r : more == 0;
}

static void completion_run(void *userdata) {
        CompletionTask *task = userdata;
        _cleanup_(completion_done)
                Completion completion = { .file = task->file, .set = { .store = task->file->store } };
        int r;

        r = completion_step(&completion, &task->failure);
        if (r < 0 && !failure_is_set(&task->failure))
                failure_no_memory(&task->failure);
        task->finished = r > 0;
}

static int completion_submit(CompletionTask *task);

static void completion_end(CompletionTask *task) {
        IssuanceFile *file = task->file;

        failure_done(&task->failure);
        free(task);
        file->completing = false;
        issuance_file_unref(file);
}

static void completion_step_done(void *userdata) {
        CompletionTask *task = userdata;
        IssuanceFile *file = task->file;

        /* After a failure the next change that succeeds begins again. */
        file->incomplete = failure_is_set(&task->failure) || !task->finished || file->complete_again;
        file->complete_again = false;
        if (failure_is_set(&task->failure) || !file->incomplete || file->closing ||
            completion_submit(task) < 0)
                completion_end(task);
}

static int completion_submit(CompletionTask *task) {
        return store_thread_submit(task->file->thread, &(StoreTask){ .run = completion_run,
                                                                     .done = completion_step_done,
                                                                     .failure = &task->failure,
                                                                     .store = task->file->store,
                                                                     .userdata = task });
}

void issuance_complete_index(IssuanceFile *file) {
        CompletionTask *task;

        file->incomplete = true;
        file->complete_again = file->completing;
        if (file->completing || file->closing)
                return;

        task = new0(CompletionTask, 1);
        if (!task)
                return;

        task->file = issuance_file_ref(file);
        file->completing = true;
        if (completion_submit(task) < 0)
                completion_end(task);
}

int issuance_open_index(IssuanceFile *file, Failure *failure) {
        _cleanup_change_set_ ChangeSet set = { .store = file->store };
        _cleanup_index_state_ IndexState state = {};
        int r;

        r = index_state_read(&set, file->on_store.fields, &state, failure);
        if (r < 0)
                return r;

        file->incomplete = !index_state_is_finished(&state);
        if (!file->incomplete || file->count > 0)
                return 0;

        /* There are no records, so there is nothing to complete. */
        r = index_state_finish(&state, file->on_store.fields, failure);
        if (r >= 0)
                r = index_state_put(&state, &set, failure);
        if (r >= 0)
                r = change_set_apply(&set, failure);
        if (r >= 0)
                r = store_commit(file->store, failure);
        if (r >= 0)
                file->incomplete = false;

        return r;
}

typedef struct FieldsTask {
        IssuanceFile *file;
        IssuanceFields *fields; /* the new ones, then the old ones */
} FieldsTask;

static void fields_run(void *userdata) {
        FieldsTask *task = userdata;
        IssuanceFields *old = task->file->on_store.fields;

        task->file->on_store.fields = task->fields;
        task->fields = old;
}

static void fields_done(void *userdata) {
        FieldsTask *task = userdata;

        issuance_complete_index(task->file);
        issuance_fields_unref(task->fields);
        issuance_file_unref(task->file);
        free(task);
}

int issuance_file_set_fields(IssuanceFile *file, IssuanceFields *fields) {
        FieldsTask *task;

        task = new0(FieldsTask, 1);
        if (!task)
                return -ENOMEM;

        *task = (FieldsTask){ .file = issuance_file_ref(file), .fields = issuance_fields_ref(fields) };
        if (store_thread_submit(file->thread,
                                &(StoreTask){ .run = fields_run, .done = fields_done, .userdata = task }) <
            0) {
                issuance_fields_unref(task->fields);
                issuance_file_unref(file);
                free(task);
                return -ENOMEM;
        }

        issuance_fields_unref(file->context.fields);
        file->context.fields = issuance_fields_ref(fields);
        return 0;
}

void issuance_file_renewed(IssuanceFile *file, uint64_t records) {
        file->count = records;
        issuance_complete_index(file);
}
