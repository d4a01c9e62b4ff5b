/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How reissues, issues, imports and exports are started: what is checked before there is a job. */
#include <inttypes.h>

#include "job/job-private.h"

int job_engine_reader(JobEngine *engine, const char *name, Reader **ret, Failure *failure) {
        Reader *found = NULL;

        if (*name)
                return readers_find(engine->parts.readers, name, ret, failure);

        if (failure_is_set(readers_trouble(engine->parts.readers)))
                return failure_set(failure, FAILURE_NO_READER, "%s",
                                   failure_message(readers_trouble(engine->parts.readers)));

        for (Reader *reader = readers_next(engine->parts.readers, NULL); reader;
             reader = readers_next(engine->parts.readers, reader)) {
                if (reader_state(reader) == READER_EMPTY)
                        continue;

                if (found)
                        return failure_set(failure, FAILURE_INVALID_ARGS,
                                           "There are cards in several readers; name the reader.");

                found = reader;
        }

        if (!found)
                return failure_set(failure, FAILURE_NO_CARD, "There is no card in any reader; put one in.");

        *ret = found;
        return 0;
}

int job_set_target(Job *job, const char *name, Failure *failure) {
        Reader *reader;
        int r;

        if (!*name)
                return 0;

        r = job_engine_reader(job->engine, name, &reader, failure);
        if (r < 0)
                return r;

        return replace_string(&job->target, reader_name(reader)) < 0 ? failure_no_memory(failure) : 0;
}

static int check_request(const JobEngine *engine, bool request, const char *reason, uid_t owner,
                         Failure *failure) {
        if (!request && *reason)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A reason belongs to a request; give the option \"request\" too.");

        if (request && engine->parts.config->two_person && owner != (uid_t) -1)
                return failure_set(failure, FAILURE_ACCESS_DENIED,
                                   "With two-person: true in icreissue.yaml one person requests the reissue "
                                   "(RequestReissue), and another carries it out.");

        return 0;
}

/* The type of the card in a reader, where that is known already. */
static const char *type_in(const Reader *reader) {
        const CardFacts *facts = reader_card(reader);

        return facts && facts->type ? facts->type : "";
}

int job_engine_reissue(JobEngine *engine, const ReissueRequest *request, JobAnswer done, void *userdata,
                       Failure *failure) {
        _cleanup_(job_freep) Job *job = NULL;
        Reader *source;
        const char *made;
        int r;

        r = engine_check_limit(engine, failure);
        if (r >= 0)
                r = check_request(engine, request->request, request->reason, request->owner, failure);
        if (r >= 0)
                r = job_engine_reader(engine, request->source, &source, failure);
        if (r < 0)
                return r;

        job = job_new(engine, JOB_REISSUE, request->owner);
        if (!job)
                return failure_no_memory(failure);

        job->state = JOB_WAITING_FOR_CARD;
        job->request = request->request;
        job->print = !request->no_print;
        job->discarding.wanted = request->discard;
        r = card_type_choose(job, request->card_type, failure);
        if (r >= 0)
                r = job_set_target(job, request->target, failure);
        if (r >= 0)
                r = design_set(job, request->design, failure);
        if (r < 0)
                return r;

        if (replace_string(&job->source, reader_name(source)) < 0 ||
            replace_string(&job->reason, request->reason) < 0)
                return failure_no_memory(failure);

        made = job->card_type ? job->card_type : type_in(source);
        return design_begin(TAKE_PTR(job), made, done, userdata, failure);
}

/* --- issue: the record is looked at before there is a job --- */

typedef struct IssueStart {
        Job *job;
        JobAnswer done;
        void *userdata;
} IssueStart;

static void check_issuable(const Job *job, const Record *record, Failure *failure) {
        const char *station = json_string_value(json_object_get(record->extraction, "station"));

        if (record->extraction)
                failure_set(failure, FAILURE_RECORD_IN_USE,
                            "Job %s%s%s has reserved this record since %s; wait for its end, or cancel it.",
                            json_string_value(json_object_get(record->extraction, "job")),
                            station ? " at station " : "", station ? station : "",
                            json_string_value(json_object_get(record->extraction, "at")));
        else if (record->issued && !job->request)
                failure_set(
                        failure, FAILURE_NOT_REQUESTED,
                        "The record's flag says \"issued\"; request the reissue first (RequestReissue, or the "
                        "option \"request\").");
}

static void on_issue_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_free_ IssueStart *start = userdata;
        _cleanup_(job_freep) Job *job = start->job;
        _cleanup_json_ json_t *fields = NULL;
        _cleanup_failure_ Failure reason = {};
        const char *made;
        int r;

        job->engine->stores_pending--;
        if (failure_is_set(failure)) {
                start->done(NULL, failure, start->userdata);
                return;
        }

        check_issuable(job, record, &reason);
        r = failure_errno(reason.kind);
        if (r >= 0 && record->fields) /* else they come with the extraction */
                r = card_type_take_fields(job, record, &fields, &reason);
        if (r >= 0)
                r = design_set_default(job, &reason);
        made = job_made_type(job);
        if (r >= 0)
                r = design_begin(TAKE_PTR(job), made, start->done, start->userdata, &reason);
        if (r < 0)
                start->done(NULL, &reason, start->userdata);
}

int job_engine_issue(JobEngine *engine, const IssueRequest *request, JobAnswer done, void *userdata,
                     Failure *failure) {
        _cleanup_free_ IssueStart *start = new0(IssueStart, 1);
        _cleanup_(job_freep) Job *job = NULL;
        int r;

        r = engine_check_limit(engine, failure);
        if (r >= 0)
                r = check_request(engine, request->request, request->reason, request->owner, failure);
        if (r >= 0)
                r = record_check_key(request->type, request->id, failure);
        if (r < 0)
                return r;

        job = job_new(engine, JOB_ISSUE, request->owner);
        if (!job || !start || !(job->type = strdup(request->type)) || !(job->id = strdup(request->id)) ||
            replace_string(&job->reason, request->reason) < 0)
                return failure_no_memory(failure);

        job->state = JOB_WAITING_FOR_BLANK;
        job->request = request->request;
        job->print = !request->no_print;
        r = card_type_choose(job, request->card_type, failure);
        if (r >= 0)
                r = job_set_target(job, request->target, failure);
        if (r >= 0)
                r = design_set(job, request->design, failure);
        if (r < 0)
                return r;

        *start = (IssueStart){ .job = job, .done = done, .userdata = userdata };
        if (centre_look(engine->parts.centre, job->type, job->id, on_issue_record, start) < 0)
                return failure_no_memory(failure);

        engine->stores_pending++;
        TAKE_PTR(job);
        TAKE_PTR(start);
        return 0;
}
