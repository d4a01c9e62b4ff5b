/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job as the JSON object that the reissuing file holds: everything that it needs to go on after a restart, and
 * nothing that is known only while the daemon runs. */
#include <inttypes.h>

#include "job/job-private.h"

enum { JOB_FORMAT_VERSION = 1 };

static const char *const outcome_names[] = {
        [OUTCOME_NONE] = "none",
        [OUTCOME_DONE] = "done",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_CANCELLED] = "cancelled",
};

static json_t *half_written_to_json(const HalfWritten *half) {
        if (!half->begun)
                return NULL;

        return json_pack("{s:s, s:s*, s:i, s:i}", "serial", half->serial ? half->serial : "", "reader",
                         half->place.reader, "stage", (int) half->position.stage, "step",
                         (int) half->position.step);
}

static json_t *batch_records_to_json(const Job *job) {
        json_t *records;

        if (job->kind != JOB_BATCH)
                return NULL;

        records = json_array();
        for (uint32_t i = 0; i < job->record_count; i++)
                json_array_append_new(records, json_pack("[s, s]", job->records[i].type, job->records[i].id));

        return records;
}

/* Members that a job without a design has not. */
static void print_to_json(const Job *job, json_t *object) {
        if (!job->print)
                json_object_set_new(object, "print", json_false());

        if (job->face)
                json_object_set(object, "face", job->face);

        if (job->print_queue)
                json_object_set_new(object, "print-queue", json_string(job->print_queue));

        if (job->print_id > 0)
                json_object_set_new(object, "print-id", json_integer(job->print_id));

        if (job->print_attempt > 0)
                json_object_set_new(object, "print-attempt", json_integer(job->print_attempt));
}

static void discard_to_json(const Job *job, json_t *object) {
        const Discarding *discarding = &job->discarding;

        if (discarding->wanted)
                json_object_set_new(object, "discard",
                                    json_pack("{s:b, s:b, s:O*}", "begun", discarding->begun, "ended",
                                              discarding->ended, "fields", discarding->fields));
}

json_t *job_to_json(const Job *job) {
        json_t *object;

        object = json_pack(
                "{s:i, s:I, s:s, s:s, s:s, s:I, s:s, s:s*, s:s, s:s, s:b, s:s, s:s*, s:s*, s:s*, s:s*, s:I, "
                "s:O*, s:o*, s:s, s:O, s:O*, s:o*, s:b}",
                "v", JOB_FORMAT_VERSION, "number", (json_int_t) job->number, "kind", job_kind_name(job->kind),
                "state", job_state_name(job->state), "uuid", job->uuid, "owner", (json_int_t) job->owner,
                "started", job->started, "finished", job->finished, "source", job->source, "target",
                job->target, "request", job->request, "reason", job->reason, "type", job->type, "id", job->id,
                "old-serial", job->old_serial, "new-serial", job->new_serial, "count",
                (json_int_t) job->count, "issuance", job->fields, "half-written",
                half_written_to_json(&job->half), "outcome", outcome_names[job->outcome], "spoiled",
                job->spoiled, "report", job->report, "records", batch_records_to_json(job), "requested",
                job->requested);
        if (!object)
                return NULL;

        if (job->parent_number) {
                json_object_set_new(object, "parent", json_integer((json_int_t) job->parent_number));
                json_object_set_new(object, "parent-index", json_integer(job->parent_index));
        }

        if (job->card_type)
                json_object_set_new(object, "card-type", json_string(job->card_type));

        if (job->card_id)
                json_object_set_new(object, "card-id", json_string(job->card_id));

        if (job->branch)
                json_object_set_new(object, "branch", json_string(job->branch));

        if (job->design)
                json_object_set_new(object, "design", json_string(job->design));

        print_to_json(job, object);
        receipt_to_json(job, object);
        discard_to_json(job, object);

        if (failure_is_set(&job->error)) {
                json_object_set_new(object, "error", json_string(failure_name(job->error.kind)));
                json_object_set_new(object, "error-message", json_string(failure_message(&job->error)));
        }

        return object;
}

/* The index of name in a table of names, or -1. */
static int name_index(const char *const *names, int count, const char *name) {
        for (int i = 0; name && i < count; i++)
                if (streq(names[i], name))
                        return i;

        return -1;
}

static int read_names(Job *job, const json_t *object) {
        const char *state = json_string_value(json_object_get(object, "state"));
        int outcome;

        for (JobState s = 0; s < _JOB_STATE_MAX; s++)
                if (state && streq(state, job_state_name(s))) {
                        job->state = job->shown = s;
                        state = NULL;
                }

        outcome = name_index(outcome_names, ELEMENTS(outcome_names),
                             json_string_value(json_object_get(object, "outcome")));
        if (outcome < 0 || state)
                return -EINVAL;

        job->outcome = (JobOutcome) outcome;
        return 0;
}

/* Replaces *to by the member, where it is there. */
static int read_string(const json_t *object, const char *member, char **to) {
        const json_t *value = json_object_get(object, member);

        if (!value)
                return 0;

        if (!json_is_string(value))
                return -EINVAL;

        return replace_string(to, json_string_value(value));
}

static int read_strings(Job *job, const json_t *object) {
        const struct {
                const char *member;
                char **to;
        } strings[] = {
                { "uuid", &job->uuid },
                { "started", &job->started },
                { "finished", &job->finished },
                { "source", &job->source },
                { "target", &job->target },
                { "reason", &job->reason },
                { "type", &job->type },
                { "card-type", &job->card_type },
                { "card-id", &job->card_id },
                { "id", &job->id },
                { "old-serial", &job->old_serial },
                { "new-serial", &job->new_serial },
                { "branch", &job->branch },
                { "design", &job->design },
                { "print-queue", &job->print_queue },
        };
        int r;

        for (size_t i = 0; i < ELEMENTS(strings); i++) {
                r = read_string(object, strings[i].member, strings[i].to);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_half_written(Job *job, const json_t *object) {
        const json_t *half = json_object_get(object, "half-written");
        json_int_t stage, step;

        if (!half)
                return 0;

        stage = json_integer_value(json_object_get(half, "stage"));
        step = json_integer_value(json_object_get(half, "step"));
        if (stage < 0 || stage > INT32_MAX || step < 0 || step > INT32_MAX)
                return -EINVAL;

        job->half.begun = true;
        job->half.position = (IssuePosition){ .stage = (unsigned) stage, .step = (unsigned) step };
        if (read_string(half, "reader", &job->half.place.reader) < 0)
                return -EINVAL;

        return read_string(half, "serial", &job->half.serial);
}

static int read_records(Job *job, const json_t *object) {
        const json_t *records = json_object_get(object, "records"), *record;
        size_t i;

        if (job->kind != JOB_BATCH)
                return 0;

        job->records = new0(BatchRecord, json_array_size(records) + 1);
        if (!job->records)
                return -ENOMEM;

        json_array_foreach(records, i, record) {
                const char *type = json_string_value(json_array_get(record, 0));
                const char *id = json_string_value(json_array_get(record, 1));

                if (!type || !id)
                        return -EINVAL;

                job->records[i] = (BatchRecord){ .type = strdup(type), .id = strdup(id) };
                job->record_count++;
                if (!job->records[i].type || !job->records[i].id)
                        return -ENOMEM;
        }

        return 0;
}

static int read_print(Job *job, const json_t *object) {
        const json_t *face = json_object_get(object, "face");
        json_int_t id = json_integer_value(json_object_get(object, "print-id"));
        json_int_t attempt = json_integer_value(json_object_get(object, "print-attempt"));

        if ((face && !json_is_object(face)) || id < 0 || id > INT32_MAX || attempt < 0 ||
            attempt > INT32_MAX ||
            (job->state == JOB_PRINTING && (!face || !job->print_queue || !job->design)))
                return -EINVAL;

        job->print = !json_is_false(json_object_get(object, "print"));
        job->face = json_incref((json_t *) face);
        job->print_id = (int) id;
        job->print_attempt = (unsigned) attempt;
        return 0;
}

static int read_discard(Job *job, const json_t *object) {
        const json_t *discard = json_object_get(object, "discard");
        json_t *fields = json_object_get(discard, "fields");

        if ((discard && !json_is_object(discard)) || (fields && !json_is_object(fields)) ||
            (job->state == JOB_DISCARDING && (!discard || !job->type || !job->id)))
                return -EINVAL;

        job->discarding.wanted = discard;
        job->discarding.begun = json_is_true(json_object_get(discard, "begun"));
        job->discarding.ended = json_is_true(json_object_get(discard, "ended"));
        job->discarding.fields = json_incref(fields);
        return 0;
}

static int read_rest(Job *job, const json_t *object) {
        const char *error = json_string_value(json_object_get(object, "error"));
        const char *message = json_string_value(json_object_get(object, "error-message"));
        json_int_t number = json_integer_value(json_object_get(object, "number"));
        json_int_t parent = json_integer_value(json_object_get(object, "parent"));
        json_t *fields = json_object_get(object, "issuance");
        json_t *spoiled = json_object_get(object, "spoiled");
        json_t *report = json_object_get(object, "report");

        if (number <= 0 || parent < 0 || (fields && !json_is_object(fields)) || !json_is_array(spoiled) ||
            (report && !json_is_array(report)))
                return -EINVAL;

        job->number = (uint64_t) number;
        job->request = json_is_true(json_object_get(object, "request"));
        job->requested = json_is_true(json_object_get(object, "requested"));
        job->count = (uint32_t) json_integer_value(json_object_get(object, "count"));
        job->fields = json_incref(fields);
        json_decref(job->spoiled);
        job->spoiled = json_incref(spoiled);
        job->report = json_incref(report);
        job->parent_number = (uint64_t) parent;
        job->parent_index = (uint32_t) json_integer_value(json_object_get(object, "parent-index"));
        if (error && failure_from_name(error) != FAILURE_NONE)
                failure_set(&job->error, failure_from_name(error), "%s", message ? message : "");

        return 0;
}

int job_from_json(JobEngine *engine, const json_t *object, Job **ret, Failure *failure) {
        const char *kind_text = json_string_value(json_object_get(object, "kind"));
        json_int_t owner = json_integer_value(json_object_get(object, "owner"));
        _cleanup_(job_freep) Job *job = NULL;
        JobKind kind = 0;
        int r;

        while (kind < _JOB_KIND_MAX && (!kind_text || !streq(kind_text, job_kind_name(kind))))
                kind++;

        if (kind == _JOB_KIND_MAX || json_integer_value(json_object_get(object, "v")) != JOB_FORMAT_VERSION)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "it is of a version that this program does not know");

        job = job_new(engine, kind, (uid_t) owner);
        if (!job)
                return failure_no_memory(failure);

        r = read_names(job, object);
        if (r >= 0)
                r = read_strings(job, object);
        if (r >= 0)
                r = read_half_written(job, object);
        if (r >= 0)
                r = read_records(job, object);
        if (r >= 0)
                r = read_rest(job, object);
        if (r >= 0)
                r = read_print(job, object);
        if (r >= 0)
                r = receipt_from_json(job, object);
        if (r >= 0)
                r = read_discard(job, object);
        if (r >= 0 && kind == JOB_EXTRACTION && (!job->branch || !job->type || !job->id))
                r = -EINVAL;
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return failure_set(failure, FAILURE_STORE_FAILED, "a member is missing or of the wrong kind");

        *ret = TAKE_PTR(job);
        return 0;
}
