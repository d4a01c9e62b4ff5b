/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which card goes to which job: the old card to the job that waits for it, the half-written one back to its job, a blank
 * to the oldest job that waits for one of its type. And what a waiting job tells the person at the desk: what to do
 * now, and why the card that is there was not taken. */
#include <inttypes.h>

#include "job/job-private.h"

/* --- cards made and cards spoiled, by reader --- */

static SpoiledRow *spoiled_row(JobEngine *engine, const Reader *reader, bool make) {
        SpoiledRow *rows;

        for (size_t i = 0; i < engine->spoiled_count; i++)
                if (streq(engine->spoiled[i].reader, reader_label(reader)))
                        return &engine->spoiled[i];

        if (!make)
                return NULL;

        rows = reallocarray(engine->spoiled, engine->spoiled_count + 1, sizeof(SpoiledRow));
        if (!rows)
                return NULL;

        engine->spoiled = rows;
        rows[engine->spoiled_count] = (SpoiledRow){ .reader = strdup(reader_label(reader)) };
        return rows[engine->spoiled_count].reader ? &rows[engine->spoiled_count++] : NULL;
}

void matchmaker_note_spoiled(JobEngine *engine, const Reader *reader) {
        SpoiledRow *row = spoiled_row(engine, reader, true);

        if (row)
                row->count++;
}

void matchmaker_forget_spoiled(JobEngine *engine) {
        for (size_t i = 0; i < engine->spoiled_count; i++)
                engine->spoiled[i].count = 0;
}

static bool reader_is_stopped(JobEngine *engine, const Reader *reader) {
        const SpoiledRow *row = spoiled_row(engine, reader, false);

        return row && row->count >= engine->parts.config->spoiled_limit;
}

void matchmaker_note_made(JobEngine *engine, const Reader *reader) {
        SpoiledRow *row = spoiled_row(engine, reader, false);
        CardPlace *made;

        if (row)
                row->count = 0;

        for (size_t i = 0; i < engine->made_count; i++)
                if (engine->made[i].reader && streq(engine->made[i].reader, reader_label(reader))) {
                        engine->made[i].sequence = reader_sequence(reader);
                        return;
                }

        made = reallocarray(engine->made, engine->made_count + 1, sizeof(CardPlace));
        if (!made)
                return;

        engine->made = made;
        made[engine->made_count] = (CardPlace){};
        card_place_set(&made[engine->made_count++], reader);
}

bool matchmaker_is_made(const JobEngine *engine, const Reader *reader) {
        for (size_t i = 0; i < engine->made_count; i++)
                if (card_place_is(&engine->made[i], reader))
                        return true;

        return false;
}

/* --- giving --- */

static bool serial_is(const char *serial, const CardFacts *facts) {
        _cleanup_free_ char *text = NULL;

        if (!serial || !*serial || facts->serial.size == 0)
                return false;

        text = hex_encode(bytes_span(&facts->serial));
        return text && streq(text, serial);
}

static bool is_half_written_of(const Job *job, const Reader *reader) {
        return job->half.begun && (serial_is(job->half.serial, reader_card(reader)) ||
                                   (job->half.place.sequence > 0 && card_place_is(&job->half.place, reader)));
}

static Job *half_written_owner(JobEngine *engine, const Reader *reader) {
        for (Job *job = engine->first; job; job = job->next)
                if (!job_is_finished(job) && is_half_written_of(job, reader))
                        return job;

        return NULL;
}

/* The card that the job is to replace. */
static bool is_old_card_of(const Job *job, const Reader *reader) {
        return card_place_is(&job->old_card, reader) || serial_is(job->old_serial, reader_card(reader));
}

static bool waits_for_blank(const Job *job) {
        return job->state == JOB_WAITING_FOR_BLANK && !job_is_busy(job) && !job->cancel_wanted;
}

bool matchmaker_targets(const Job *job, const Reader *reader) {
        if (*job->target)
                return streq(job->target, reader_name(reader));

        return reader_is_target(reader) && !reader_is_stopped(job->engine, reader);
}

/* While a half-written card may come back, only a blank put into its reader takes its place: one that lies in another
 * reader does not say that the first is given up. */
static bool gives_up_half_written(const Job *job, const Reader *reader) {
        return !job->half.begun || !job->half.place.reader ||
               streq(job->half.place.reader, reader_label(reader)) ||
               !engine_reader_by_name(job->engine, job->half.place.reader);
}

/* Whether a card of that type may be written where it is. */
static int check_interface(const JobEngine *engine, const char *type, const Reader *reader, Failure *ret) {
        return catalogue_check_interface(engine->parts.catalogue, type, reader_atr(reader),
                                         reader_name(reader), ret);
}

static bool wants_blank(const Job *job, const Reader *reader) {
        return waits_for_blank(job) && streq(job_made_type(job), reader_card(reader)->type) &&
               matchmaker_targets(job, reader) && gives_up_half_written(job, reader) &&
               !card_place_is(&job->refused, reader);
}

static void give(Job *job, Reader *reader, bool resuming) {
        card_place_set(&job->granted, reader);
        job->resuming = resuming;
        job_dispatch(job, job->fields ? EVENT_BLANK : EVENT_BLANK_TO_COME);
}

static bool give_old_card(JobEngine *engine, Reader *reader) {
        for (Job *job = engine->first; job; job = job->next)
                if ((job->state == JOB_WAITING_FOR_CARD || job->state == JOB_READING) && !job_is_busy(job) &&
                    streq(job->source, reader_name(reader)) && reader_card(reader)->id) {
                        card_job_take_old_card(job, reader);
                        return true;
                }

        return false;
}

static bool give_half_written(JobEngine *engine, Reader *reader) {
        Job *owner = half_written_owner(engine, reader);

        if (!owner)
                return false;

        if (waits_for_blank(owner) && !card_place_is(&owner->refused, reader))
                give(owner, reader, true);

        return true;
}

/* A blank that waits while its job extracts is that job's. */
static bool give_granted(JobEngine *engine, Reader *reader) {
        for (Job *job = engine->first; job; job = job->next) {
                if (job_is_finished(job) || !card_place_is(&job->granted, reader))
                        continue;

                if (waits_for_blank(job) && !card_place_is(&job->refused, reader))
                        give(job, reader, false);

                return true;
        }

        return false;
}

/* A batch's card that was lost comes before the batch's next record. */
static void give_blank(JobEngine *engine, Reader *reader) {
        for (Job *job = engine->first; job; job = job->next)
                if (job->parent && wants_blank(job, reader)) {
                        give(job, reader, false);
                        return;
                }

        for (Job *job = engine->first; job; job = job->next)
                if (job->kind == JOB_BATCH && batch_wants(job, reader)) {
                        batch_take_blank(job, reader);
                        return;
                } else if (job->kind != JOB_BATCH && wants_blank(job, reader)) {
                        give(job, reader, false);
                        return;
                }
}

/* Returns whether some job has, or is about to have, a use for the card. */
static bool match_reader(JobEngine *engine, Reader *reader) {
        const CardFacts *facts = reader_card(reader);

        if (!facts || !facts->type || reader_in_use(reader))
                return reader_in_use(reader);

        if (discard_claims(engine, reader) || give_old_card(engine, reader))
                return true;

        if (engine->asleep)
                return facts->blank || half_written_owner(engine, reader);

        if (check_interface(engine, facts->type, reader, NULL) < 0)
                return false;

        if (give_half_written(engine, reader))
                return true;

        if (!facts->blank)
                return false;

        if (!give_granted(engine, reader))
                give_blank(engine, reader);

        return true;
}

/* --- what the desk is told --- */

/* Refusals come and go with the cards in the readers; other errors stay until the job goes on. */
static bool is_refusal(FailureKind kind) {
        switch (kind) {
        case FAILURE_NO_READER:
        case FAILURE_NO_CARD:
        case FAILURE_UNKNOWN_CARD_TYPE:
        case FAILURE_NOT_BLANK:
        case FAILURE_CARD_TYPE_MISMATCH:
        case FAILURE_READER_BUSY:
                return true;
        default:
                return false;
        }
}

void matchmaker_show_refusal(Job *job, const Failure *refusal) {
        if (failure_is_set(refusal) || is_refusal(job->error.kind))
                job_set_error(job, refusal);
}

void matchmaker_check_reader(const Reader *reader, Failure *ret) {
        if (reader_state(reader) == READER_BUSY)
                failure_set(
                        ret, FAILURE_READER_BUSY,
                        "Another program holds %s; end it (gpg: \"gpgconf --kill scdaemon\") or take its card out. "
                        "The job goes on by itself then.",
                        reader_name(reader));
        else if (reader_state(reader) == READER_MUTE)
                failure_set(ret, FAILURE_UNKNOWN_CARD_TYPE,
                            "The card in %s does not answer; put it in the other way round, or take another.",
                            reader_name(reader));
        else if (reader_state(reader) == READER_UNKNOWN)
                failure_set(
                        ret, FAILURE_UNKNOWN_CARD_TYPE,
                        "The card in %s is of no type that this desk knows; \"icreissuectl read\" says what was "
                        "tried. Put another card in.",
                        reader_name(reader));
}

static void advise_for_card(Job *job) {
        Reader *reader = engine_reader_by_name(job->engine, job->source);
        _cleanup_failure_ Failure refusal = {};

        if (!reader)
                failure_set(&refusal, FAILURE_NO_READER, "%s is not plugged in; plug it in.", job->source);
        else
                matchmaker_check_reader(reader, &refusal);

        if (reader && reader_card(reader) && reader_card(reader)->type && !reader_card(reader)->id)
                failure_set(
                        &refusal, FAILURE_NO_CARD,
                        "The card in %s is a blank or has no ID that can be read; put the card in that is to be reissued.",
                        job->source);

        matchmaker_show_refusal(job, &refusal);
        job_set_advice(job, "Put the card that is to be reissued into %s.", job->source);
}

/* Why the card in a reader is not this job's blank; nothing for a card that is just to be taken out. */
static void check_blank(const Job *job, const char *type, const Reader *reader, Failure *ret) {
        const CardFacts *facts = reader_card(reader);
        const Job *owner;

        matchmaker_check_reader(reader, ret);
        if (!facts || !facts->type || reader_in_use(reader) || is_old_card_of(job, reader) ||
            matchmaker_is_made(job->engine, reader) || card_place_is(&job->refused, reader))
                return;

        owner = half_written_owner(job->engine, reader);
        if (owner && owner != job)
                failure_set(ret, FAILURE_NOT_BLANK,
                            "The card in %s is half-written by job %" PRIu64
                            "; it will be finished when that job can "
                            "go on. Put a blank in for this one.",
                            reader_name(reader), owner->number);
        else if (!streq(facts->type, type))
                failure_set(ret, FAILURE_CARD_TYPE_MISMATCH,
                            "The card in %s is of type %s; this job needs a blank %s card.",
                            reader_name(reader), facts->type, type);
        else if (!facts->blank && owner != job)
                failure_set(ret, FAILURE_NOT_BLANK, "The card in %s is not blank; put a blank %s card in.",
                            reader_name(reader), type);
        else if (check_interface(job->engine, type, reader, ret) < 0)
                return;
        else if (job->engine->asleep)
                engine_asleep_failure(ret);
}

/* The first thing in the way in the readers that the job may use. */
static void check_targets(Job *job, const char *type, Failure *ret) {
        Readers *readers = job->engine->parts.readers;
        Reader *reader = NULL;

        if (*job->target) {
                reader = engine_reader_by_name(job->engine, job->target);
                if (reader)
                        check_blank(job, type, reader, ret);
                else
                        failure_set(ret, FAILURE_NO_READER, "%s is not plugged in; plug it in.", job->target);
                return;
        }

        while ((reader = readers_next(readers, reader)) && !failure_is_set(ret))
                if (reader_is_target(reader))
                        check_blank(job, type, reader, ret);
}

/* A reader whose card must be taken out before it can take a blank for the job: the old card, or one just made. */
static Reader *reader_to_empty(Job *job) {
        for (Reader *reader = readers_next(job->engine->parts.readers, NULL); reader;
             reader = readers_next(job->engine->parts.readers, reader))
                if (reader_card(reader) &&
                    (*job->target ? streq(job->target, reader_name(reader)) : reader_is_target(reader)) &&
                    (is_old_card_of(job, reader) || matchmaker_is_made(job->engine, reader)))
                        return reader;

        return NULL;
}

static Reader *stopped_reader(Job *job) {
        for (Reader *reader = readers_next(job->engine->parts.readers, NULL); reader;
             reader = readers_next(job->engine->parts.readers, reader))
                if (!*job->target && reader_is_target(reader) && reader_is_stopped(job->engine, reader))
                        return reader;

        return NULL;
}

static void advise_for_blank(Job *job, const char *type) {
        const char *where = *job->target ? job->target : "any target reader";
        _cleanup_failure_ Failure refusal = {};
        Reader *full = reader_to_empty(job), *stopped = stopped_reader(job);

        check_targets(job, type, &refusal);
        matchmaker_show_refusal(job, &refusal);
        if (stopped)
                job_set_advice(
                        job,
                        "%u cards in a row were spoiled in %s: check the reader and the blanks, then pause and "
                        "resume the batch.",
                        job->engine->parts.config->spoiled_limit, reader_name(stopped));
        else if (job->half.begun)
                job_set_advice(job, "Put the half-written card back into %s, or a new blank %s card.", where,
                               type);
        else if (full && is_old_card_of(job, full))
                job_set_advice(job, "Take the old card out of %s and put a blank %s card in.",
                               reader_name(full), type);
        else if (full)
                job_set_advice(job, "Take the finished card out of %s and put a blank %s card in.",
                               reader_name(full), type);
        else
                job_set_advice(job, "Put a blank %s card into %s.", type, where);
}

void matchmaker_advise(Job *job) {
        if (job_is_busy(job) || job->cancel_wanted)
                return;

        if (job->state == JOB_WAITING_FOR_CARD)
                advise_for_card(job);
        else if (job->state == JOB_WAITING_FOR_BLANK)
                advise_for_blank(job, job_made_type(job));
        else if (job->state == JOB_RUNNING && job->kind == JOB_BATCH && batch_next_type(job))
                advise_for_blank(job, batch_next_type(job));
}

/* --- when --- */

/* A job that waits for its card says when the card is being read, and when it has gone again. */
static void follow_reading(Job *job) {
        Reader *reader = engine_reader_by_name(job->engine, job->source);
        bool reading = reader && reader_state(reader) == READER_READING;

        if (job_is_busy(job))
                return;

        if (job->state == JOB_WAITING_FOR_CARD && reading)
                job_dispatch(job, EVENT_CARD_APPEARED);
        else if (job->state == JOB_READING && !reading)
                job_dispatch(job, EVENT_CARD_LOST);
}

static void match_all(JobEngine *engine) {
        for (Reader *reader = readers_next(engine->parts.readers, NULL); reader;
             reader = readers_next(engine->parts.readers, reader))
                match_reader(engine, reader);

        for (Job *job = engine->first; job; job = job->next)
                if (!job_is_finished(job)) {
                        follow_reading(job);
                        discard_follow(job);
                        matchmaker_advise(job);
                }
}

static int on_match(sd_event_source *source _unused_, void *userdata) {
        JobEngine *engine = userdata;

        engine->match_source = sd_event_source_disable_unref(engine->match_source);
        if (!engine->parking)
                match_all(engine);

        return 0;
}

void matchmaker_schedule(JobEngine *engine) {
        if (engine->match_source || engine->parking)
                return;

        if (sd_event_add_defer(engine->parts.event, &engine->match_source, on_match, engine) < 0)
                log_event(LOG_INTERNAL, NULL, "There was no memory to look at the readers.");
}

void matchmaker_card(JobEngine *engine, Reader *reader) {
        if (engine->parking)
                return;

        if (!match_reader(engine, reader))
                automatic_card(engine, reader);

        matchmaker_schedule(engine);
}
