/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The issuance file, record by record: each method is one task on the store thread, which reads the
 * record, changes it in memory and stores it whole. What each method changes stands in one function;
 * opening, listings and transfers have files of their own. */
#include "file/issuance-file.h"

#include "file/issuance-internal.h"

enum {
        REASON_MAX = 512, /* bytes; with JSON's escapes it still fits RECORD_HEADROOM */
};

typedef struct RecordTask RecordTask;

typedef enum Outcome {
        OUTCOME_UNCHANGED,
        OUTCOME_STORE,
        OUTCOME_REMOVE,
} Outcome;

/* Changes task->record, which is NULL where there is none. Returns an Outcome or a negative errno. */
typedef int (*RecordChange)(RecordTask *task, Failure *failure);

typedef struct Method {
        RecordChange change;
        bool missing_allowed; /* without the record it is called all the same; else NO_RECORD */
        bool damaged_allowed; /* so is it for a record that cannot be read: to get rid of it */
        bool only_reads;
        size_t headroom;
} Method;

struct RecordTask {
        IssuanceFile *file;
        const Method *method;
        char *type, *id;
        Record *before; /* the one in the file; NULL where there is none, or it is damaged */
        Record *record; /* the same, to be changed; in the end the answer */
        Record *given;  /* put: the new one */
        bool has_flag, has_count, request, card_written;
        uint32_t count;
        char *job, *reason, *serial, *station, *card_type;
        json_t *fields; /* extract: those of card_type */
        IssuanceMove move;
        uid_t uid;
        RecordDone done;
        void *userdata;
        Failure failure;
        uint64_t total; /* records, once one was added or removed */
        bool counted;
};

static void record_task_free(RecordTask *task) {
        record_free(task->before);
        record_free(task->record);
        record_free(task->given);
        free(task->type);
        string_erase(task->id);
        free(task->job);
        free(task->reason);
        string_erase(task->serial);
        free(task->station);
        free(task->card_type);
        json_decref(task->fields);
        issuance_move_done(&task->move);
        failure_done(&task->failure);
        free(task);
}
DEFINE_CLEANUP(RecordTask *, record_task_free)

static void record_task_done(void *userdata) {
        RecordTask *task = userdata;
        IssuanceFile *file = task->file;
        bool failed = failure_is_set(&task->failure);

        if (!failed && task->counted)
                file->count = task->total;
        if (!failed && file->incomplete)
                issuance_complete_index(file);

        task->done(failed ? NULL : task->record, &task->failure, task->userdata);
        record_task_free(task);
        issuance_file_unref(file);
}

/* before and record, where there is such a record and it can be read. Returns whether there is one that cannot. */
static int record_task_fetch(RecordTask *task, const char *key, Failure *failure) {
        _cleanup_failure_ Failure damage = {};
        int r;

        r = issuance_fetch_moved(task->file, key, &task->before, &damage);
        if (r == -ENOENT && task->before && task->method->damaged_allowed)
                r = 0; /* a pointer that leads nowhere */
        if (r == -ENOENT && !task->method->missing_allowed)
                return failure_set(failure, FAILURE_NO_RECORD,
                                   "There is no record of type %s with this ID. Enrol it first.", task->type);
        if (r == -ENOENT)
                return 0;
        if (r < 0 && damage.kind == FAILURE_STORE_FAILED && task->method->damaged_allowed)
                return 1;
        if (r < 0) {
                failure_move(failure, &damage);
                return r;
        }

        task->record = task->method->only_reads ? TAKE_PTR(task->before) : record_copy(task->before);
        return task->record ? 0 : failure_no_memory(failure);
}

static int record_task_store(RecordTask *task, const char *key, int outcome, bool damaged, Failure *failure) {
        int r;

        if (outcome == OUTCOME_REMOVE)
                record_free(TAKE_PTR(task->record));

        r = damaged ? issuance_apply_damaged(task->file, key, failure)
                    : issuance_apply_move(task->file, task->before, task->record, &task->move,
                                          task->method->headroom, failure);
        if (r < 0)
                return r;

        task->counted = issuance_read_count(task->file->store, &task->total, NULL) >= 0;
        return 0;
}

static int record_task_perform(RecordTask *task, Failure *failure) {
        _cleanup_string_erase_ char *key = NULL;
        int damaged, r;

        r = record_check_key(task->type, task->id, failure);
        if (r < 0)
                return r;

        key = record_key(task->type, task->id);
        if (!key)
                return failure_no_memory(failure);

        damaged = record_task_fetch(task, key, failure);
        if (damaged < 0)
                return damaged;

        r = task->method->change(task, failure);
        if (r < 0 || r == OUTCOME_UNCHANGED)
                return r;

        return record_task_store(task, key, r, damaged, failure);
}

static void record_task_run(void *userdata) {
        RecordTask *task = userdata;
        int r;

        r = record_task_perform(task, &task->failure);
        if (r < 0 && !failure_is_set(&task->failure))
                failure_no_memory(&task->failure);
}

static RecordTask *record_task_new(IssuanceFile *file, const Method *method, const char *type, const char *id,
                                   const Actor *actor, RecordDone done, void *userdata) {
        RecordTask *task;

        task = new0(RecordTask, 1);
        if (!task)
                return NULL;

        *task = (RecordTask){
                .file = file,
                .method = method,
                .type = strdup(type),
                .id = strdup(id),
                .station = actor && actor->station ? strdup(actor->station) : NULL,
                .uid = actor ? actor->uid : (uid_t) -1,
                .done = done,
                .userdata = userdata,
        };
        if (!task->type || !task->id || (actor && actor->station && !task->station)) {
                record_task_free(task);
                return NULL;
        }

        return task;
}

/* Takes the task over, also when it fails. */
static int record_task_submit(RecordTask *task) {
        IssuanceFile *file = task->file;
        int r;

        r = store_thread_submit(file->thread, &(StoreTask){ .run = record_task_run,
                                                            .done = record_task_done,
                                                            .failure = &task->failure,
                                                            .store = file->store,
                                                            .userdata = task });
        if (r < 0) {
                record_task_free(task);
                return r;
        }

        issuance_file_ref(file);
        return 0;
}

/* Copies a text that may be long, cut at a character's end. */
static int text_take(const char *text, char **ret) {
        size_t length = text ? strnlen(text, REASON_MAX + 1) : 0;

        if (length > REASON_MAX) {
                length = REASON_MAX;
                /* Bytes 10xxxxxx continue a UTF-8 character. */
                while (length > 0 && ((uint8_t) text[length] & 0xC0) == 0x80)
                        length--;
        }

        *ret = strndup(text ? text : "", length);
        return *ret ? 0 : -ENOMEM;
}

/* History, with who and what of the task; texts that are empty are left out. */
static int task_add_history(RecordTask *task, const char *event, const char *job, const char *serial,
                            const char *reason, Failure *failure) {
        json_t *details;
        int r = 0;

        details = actor_details(task->uid, task->station);
        if (!details)
                return failure_no_memory(failure);

        if (job && job[0] && json_object_set_new(details, "job", json_string(job)) < 0)
                r = -ENOMEM;
        if (serial && serial[0] && json_object_set_new(details, "serial", json_string(serial)) < 0)
                r = -ENOMEM;
        if (reason && reason[0] && json_object_set_new(details, "reason", json_string(reason)) < 0)
                r = -ENOMEM;
        if (r >= 0)
                r = record_add_history(task->record, event, details);

        json_decref(details);
        return r < 0 ? failure_no_memory(failure) : 0;
}

static bool held_by(const Record *record, const char *job) {
        return record->extraction &&
               streq_null(json_string_value(json_object_get(record->extraction, "job")), job);
}

/* Whether history names the job with that event. */
static bool history_has(const Record *record, const char *event, const char *job) {
        json_t *entry;
        size_t i;

        json_array_foreach(record->history, i, entry)
                if (streq_null(json_string_value(json_object_get(entry, "event")), event) &&
                    streq_null(json_string_value(json_object_get(entry, "job")), job))
                        return true;

        return false;
}

static void end_extraction(Record *record) {
        json_decref(record->extraction);
        record->extraction = NULL;
}

static int change_get(RecordTask *task _unused_, Failure *failure _unused_) {
        return OUTCOME_UNCHANGED;
}

static int change_put(RecordTask *task, Failure *failure) {
        json_t *details;
        int r;

        if (task->record && !streq(task->record->type, task->given->type))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "This record has become one of card type %s. Put it with that type.",
                                   task->record->type);

        details = actor_details(task->uid, task->station);
        if (!details)
                return failure_no_memory(failure);

        r = issuance_merge(task->given, task->record, task->has_flag, task->has_count, details, failure);
        json_decref(details);
        if (r < 0)
                return r;

        record_free(task->record);
        task->record = TAKE_PTR(task->given);
        return OUTCOME_STORE;
}

static int change_remove(RecordTask *task, Failure *failure) {
        int r;

        r = task->record ? issuance_check_free(task->record, failure) : 0;
        return r < 0 ? r : OUTCOME_REMOVE;
}

static int change_request(RecordTask *task, Failure *failure) {
        int r;

        r = issuance_check_free(task->record, failure);
        if (r < 0)
                return r;

        if (!task->record->issued)
                return failure_set(failure, FAILURE_ALREADY_REQUESTED,
                                   "The record's flag says \"unissued\" already; go on with the reissue.");

        task->record->issued = false;
        r = task_add_history(task, "requested", NULL, NULL, task->reason, failure);
        return r < 0 ? r : OUTCOME_STORE;
}

static int change_withdraw(RecordTask *task, Failure *failure) {
        int r;

        r = issuance_check_free(task->record, failure);
        if (r < 0)
                return r;

        if (task->record->issued)
                return failure_set(failure, FAILURE_NOT_REQUESTED,
                                   "No reissue is requested for this record: its flag says \"issued\".");
        if (task->record->count == 0)
                return failure_set(
                        failure, FAILURE_NOT_REQUESTED,
                        "This record was never issued, so there is no request to withdraw. Remove the "
                        "record if no card is wanted.");

        task->record->issued = true;
        r = task_add_history(task, "withdrawn", NULL, NULL, NULL, failure);
        return r < 0 ? r : OUTCOME_STORE;
}

static int reserve(RecordTask *task, Failure *failure) {
        Record *record = task->record;
        char at[RECORD_TIME_SIZE];
        int r;

        if (record->count == UINT32_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The record's count cannot go any higher.");

        record_now(at);
        record->extraction = actor_details(task->uid, task->station);
        if (!record->extraction ||
            json_object_set_new(record->extraction, "job", json_string(task->job)) < 0 ||
            json_object_set_new(record->extraction, "at", json_string(at)) < 0)
                return failure_no_memory(failure);

        record->count++;
        r = issuance_move_reserve(task->file, record, task->card_type, task->fields, &task->move, failure);
        return r < 0 ? r : OUTCOME_STORE;
}

static int change_extract(RecordTask *task, Failure *failure) {
        Record *record = task->record;
        int r;

        if (held_by(record, task->job))
                return OUTCOME_UNCHANGED;

        if (history_has(record, "issued", task->job) || history_has(record, "abandoned", task->job))
                return failure_set(failure, FAILURE_JOB_FINISHED,
                                   "This job's extraction has ended. Begin a new job.");

        r = issuance_check_free(record, failure);
        if (r < 0)
                return r;

        if (record->issued && !task->request)
                return failure_set(
                        failure, FAILURE_NOT_REQUESTED,
                        "No reissue is requested for this record: its flag says \"issued\". Request the "
                        "reissue first.");

        if (record->issued) {
                record->issued = false;
                r = task_add_history(task, "requested", NULL, NULL, task->reason, failure);
                if (r < 0)
                        return r;
        }

        return reserve(task, failure);
}

static int change_confirm(RecordTask *task, Failure *failure) {
        Record *record = task->record;
        int r;

        if (held_by(record, task->job)) {
                r = issuance_move_end(task->file, record, true, true, &task->move, failure);
                if (r < 0)
                        return r;

                end_extraction(record);
        } else if (history_has(record, "issued", task->job))
                return OUTCOME_UNCHANGED;
        else if (!history_has(record, "abandoned", task->job))
                return failure_set(
                        failure, FAILURE_JOB_FINISHED,
                        "The issuance file knows of no extraction by this job. Was it restored from a "
                        "backup? Compare the card with its record.");

        /* A late confirmation of an abandoned extraction: the card exists and has its number, so both are
         * recorded; but the flag is somebody else's where the record was reserved since. */
        record->issued = !record->extraction;
        record->count = MAX_OF(record->count, task->count);
        r = task_add_history(task, "issued", task->job, task->serial, NULL, failure);
        if (r < 0)
                return r;

        if (json_object_set_new(json_array_get(record->history, json_array_size(record->history) - 1),
                                "count", json_integer(task->count)) < 0)
                return failure_no_memory(failure);

        return OUTCOME_STORE;
}

static int change_abandon(RecordTask *task, Failure *failure) {
        Record *record = task->record;
        int r;

        if (!record || !held_by(record, task->job))
                return OUTCOME_UNCHANGED;

        r = issuance_move_end(task->file, record, false, task->card_written, &task->move, failure);
        if (r < 0)
                return r;

        end_extraction(record);
        if (!task->card_written && record->count > 0)
                record->count--;

        r = task_add_history(task, "abandoned", task->job, NULL, task->reason, failure);
        return r < 0 ? r : OUTCOME_STORE;
}

static const Method method_get = { .change = change_get, .only_reads = true };
static const Method method_put = { .change = change_put,
                                   .missing_allowed = true,
                                   .headroom = RECORD_HEADROOM };
static const Method method_remove = { .change = change_remove, .damaged_allowed = true };
static const Method method_request = { .change = change_request, .headroom = RECORD_HEADROOM };
static const Method method_withdraw = { .change = change_withdraw, .headroom = RECORD_HEADROOM };
static const Method method_extract = { .change = change_extract, .headroom = RECORD_HEADROOM };
static const Method method_confirm = { .change = change_confirm };
static const Method method_abandon = { .change = change_abandon, .missing_allowed = true };

int issuance_file_get(IssuanceFile *file, const char *type, const char *id, RecordDone done, void *userdata) {
        RecordTask *task;

        task = record_task_new(file, &method_get, type, id, NULL, done, userdata);
        return task ? record_task_submit(task) : -ENOMEM;
}

int issuance_file_put(IssuanceFile *file, Record *record, bool has_flag, bool has_count, const Actor *actor,
                      RecordDone done, void *userdata) {
        _cleanup_(record_freep) Record *given = record;
        RecordTask *task;

        task = record_task_new(file, &method_put, given->type, given->id, actor, done, userdata);
        if (!task)
                return -ENOMEM;

        task->given = TAKE_PTR(given);
        task->has_flag = has_flag;
        task->has_count = has_count;
        return record_task_submit(task);
}

int issuance_file_remove(IssuanceFile *file, const char *type, const char *id, RecordDone done,
                         void *userdata) {
        RecordTask *task;

        task = record_task_new(file, &method_remove, type, id, NULL, done, userdata);
        return task ? record_task_submit(task) : -ENOMEM;
}

int issuance_file_request(IssuanceFile *file, const char *type, const char *id, const char *reason,
                          const Actor *actor, RecordDone done, void *userdata) {
        _cleanup_(record_task_freep) RecordTask *task = NULL;

        task = record_task_new(file, &method_request, type, id, actor, done, userdata);
        if (!task || text_take(reason, &task->reason) < 0)
                return -ENOMEM;

        return record_task_submit(TAKE_PTR(task));
}

int issuance_file_withdraw(IssuanceFile *file, const char *type, const char *id, const Actor *actor,
                           RecordDone done, void *userdata) {
        RecordTask *task;

        task = record_task_new(file, &method_withdraw, type, id, actor, done, userdata);
        return task ? record_task_submit(task) : -ENOMEM;
}

int issuance_file_extract(IssuanceFile *file, const char *type, const char *id, const char *job_uuid,
                          bool request, const char *reason, const char *card_type, const json_t *fields,
                          const Actor *actor, RecordDone done, void *userdata) {
        _cleanup_(record_task_freep) RecordTask *task = NULL;

        task = record_task_new(file, &method_extract, type, id, actor, done, userdata);
        if (!task || text_take(job_uuid, &task->job) < 0 || text_take(reason, &task->reason) < 0)
                return -ENOMEM;

        /* Copies: jansson's own counts are not atomic, and the store thread is another. */
        if (card_type &&
            (!(task->card_type = strdup(card_type)) || (fields && !(task->fields = json_deep_copy(fields)))))
                return -ENOMEM;

        task->request = request;
        return record_task_submit(TAKE_PTR(task));
}

int issuance_file_confirm(IssuanceFile *file, const char *type, const char *id, const char *job_uuid,
                          uint32_t count, const char *serial, const Actor *actor, RecordDone done,
                          void *userdata) {
        _cleanup_(record_task_freep) RecordTask *task = NULL;

        task = record_task_new(file, &method_confirm, type, id, actor, done, userdata);
        if (!task || text_take(job_uuid, &task->job) < 0 || text_take(serial, &task->serial) < 0)
                return -ENOMEM;

        task->count = count;
        return record_task_submit(TAKE_PTR(task));
}

int issuance_file_abandon(IssuanceFile *file, const char *type, const char *id, const char *job_uuid,
                          bool card_written, const char *reason, const Actor *actor, RecordDone done,
                          void *userdata) {
        _cleanup_(record_task_freep) RecordTask *task = NULL;

        task = record_task_new(file, &method_abandon, type, id, actor, done, userdata);
        if (!task || text_take(job_uuid, &task->job) < 0 || text_take(reason, &task->reason) < 0)
                return -ENOMEM;

        task->card_written = card_written;
        return record_task_submit(TAKE_PTR(task));
}
