/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job that discards an old card by itself: the record must say that a newer card was made. */
#include "job/job-private.h"

typedef struct DiscardStart {
        Job *job;
        JobAnswer done;
        void *userdata;
} DiscardStart;

/* The chip serial of the newest card that was made of the record; "" where it has none, NULL where none was made. */
static const char *newest_serial(const Record *record) {
        const char *serial = NULL;
        const json_t *entry;
        size_t i;

        json_array_foreach(record->history, i, entry) {
                const char *event = json_string_value(json_object_get(entry, "event"));
                const char *its = json_string_value(json_object_get(entry, "serial"));

                if (event && streq(event, "issued"))
                        serial = its ? its : "";
        }

        return serial;
}

/* A card without a serial, or beside one without, is left to the operator: nothing here tells which it is. */
static int take_record(Job *job, const Record *record, Failure *failure) {
        const char *newest = newest_serial(record);
        bool told = newest && *newest && *job->old_serial;

        if (!newest)
                return failure_set(
                        failure, FAILURE_DISCARD_FAILED,
                        "The record's history has no card that was made after this one: it may be the "
                        "holder's only one. Reissue it first.");

        if (told && streq(newest, job->old_serial))
                return failure_set(
                        failure, FAILURE_DISCARD_FAILED,
                        "This is the card that the record was last issued to, not an old one. Reissue it "
                        "first.");

        if (replace_string(&job->new_serial, newest) < 0 ||
            (!told && replace_string(&job->old_serial, "") < 0) || discard_take_fields(job, record) < 0)
                return failure_no_memory(failure);

        return 0;
}

static void on_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_free_ DiscardStart *start = userdata;
        _cleanup_(job_freep) Job *job = start->job;
        _cleanup_failure_ Failure reason = {};
        int r;

        job->engine->stores_pending--;
        if (failure_is_set(failure)) {
                start->done(NULL, failure, start->userdata);
                return;
        }

        r = take_record(job, record, &reason);
        if (r >= 0)
                r = job_begin(TAKE_PTR(job), start->done, start->userdata, NULL, &reason);
        if (r < 0)
                start->done(NULL, &reason, start->userdata);
}

static int check_card(const Reader *reader, Failure *failure) {
        const CardFacts *facts = reader_card(reader);

        if (reader_state(reader) == READER_EMPTY)
                return failure_set(failure, FAILURE_NO_CARD, "There is no card in %s; put the old card in.",
                                   reader_name(reader));

        if (!facts || !facts->type || !facts->id)
                return failure_set(
                        failure, FAILURE_UNKNOWN_CARD_TYPE,
                        "The card in %s has no type and ID that can be read, so that nothing tells whose it "
                        "is.",
                        reader_name(reader));

        if (reader_in_use(reader))
                return failure_set(failure, FAILURE_READER_BUSY, "A job is at work on the card in %s.",
                                   reader_name(reader));

        return 0;
}

static Job *job_of_card(JobEngine *engine, const Reader *reader, uid_t owner) {
        _cleanup_(job_freep) Job *job = job_new(engine, JOB_DISCARD, owner);
        const CardFacts *facts = reader_card(reader);

        if (!job)
                return NULL;

        job->state = JOB_DISCARDING;
        job->discarding.wanted = true;
        job->type = strdup(facts->type);
        job->id = strdup(facts->id);
        job->old_serial = hex_encode(bytes_span(&facts->serial));
        if (!job->type || !job->id || !job->old_serial ||
            replace_string(&job->source, reader_name(reader)) < 0)
                return NULL;

        return TAKE_PTR(job);
}

int job_engine_discard(JobEngine *engine, const char *name, uid_t owner, JobAnswer done, void *userdata,
                       Failure *failure) {
        _cleanup_free_ DiscardStart *start = new0(DiscardStart, 1);
        _cleanup_(job_freep) Job *job = NULL;
        Reader *reader;
        int r;

        r = engine_check_limit(engine, failure);
        if (r >= 0)
                r = job_engine_reader(engine, name, &reader, failure);
        if (r >= 0)
                r = check_card(reader, failure);
        if (r < 0)
                return r;

        /* Over the line comes no history. */
        if (!centre_is_local(engine->parts.centre))
                return failure_set(
                        failure, FAILURE_DISCARD_FAILED,
                        "Which card of a record is the newest is known at the centre: discard the card "
                        "there, or with its reissue here (option \"discard\").");

        job = job_of_card(engine, reader, owner);
        if (!job || !start)
                return failure_no_memory(failure);

        *start = (DiscardStart){ .job = job, .done = done, .userdata = userdata };
        if (centre_look(engine->parts.centre, job->type, job->id, on_record, start) < 0)
                return failure_no_memory(failure);

        engine->stores_pending++;
        TAKE_PTR(job);
        TAKE_PTR(start);
        return 0;
}
