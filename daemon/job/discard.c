/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The old card's end: it is waited for, ended by its profile's `discard:`, destroyed by the mill. Nothing is done to a card
 * that is not proven to be the old one, at that moment and in that reader. */
#include "job/job-private.h"

/* What a card in a reader is to a job that discards. */
typedef enum Likeness {
        CARD_PROVEN,  /* the old one, and nothing else */
        CARD_NEW,     /* one that this service has just made */
        CARD_OTHERS,  /* another holder's, or one that is neither */
        CARD_TWIN,    /* it has the ID, and nothing tells which of the two it is */
        CARD_UNKNOWN, /* it cannot be read */
} Likeness;

static bool serial_is(const char *serial, const CardFacts *facts) {
        _cleanup_free_ char *text = NULL;

        if (!serial || !*serial || facts->serial.size == 0)
                return false;

        text = hex_encode(bytes_span(&facts->serial));
        return text && streq(text, serial);
}

/* By its chip's serial, or because it has not moved since it was read: DESIGN's proof, and no other. */
static Likeness likeness(const Job *job, const Reader *reader) {
        const CardFacts *facts = reader_card(reader);

        if (card_place_is(&job->old_card, reader) || card_place_is(&job->discarding.place, reader))
                return CARD_PROVEN;

        if (!facts || !facts->type || !facts->id)
                return CARD_UNKNOWN;

        if (!streq(facts->id, job->id))
                return CARD_OTHERS;

        if (serial_is(job->new_serial, facts))
                return CARD_NEW;

        if (streq(facts->type, job->type) && serial_is(job->old_serial, facts))
                return CARD_PROVEN;

        if (matchmaker_is_made(job->engine, reader))
                return CARD_NEW;

        return streq(facts->type, job->type) && facts->serial.size == 0 ? CARD_TWIN : CARD_OTHERS;
}

/* A machine takes the card of one reader; a person, of any. */
static bool takes_from(const Job *job, const Reader *reader) {
        const char *name = job->engine->parts.config->mill.reader;

        return !name || engine_reader_by_name(job->engine, name) == reader;
}

static bool waits_for_old_card(const Job *job) {
        return job->state == JOB_DISCARDING && !job->discarding.failed && !job->discarding.by_hand;
}

bool discard_claims(JobEngine *engine, const Reader *reader) {
        for (const Job *job = engine->first; job; job = job->next)
                if (waits_for_old_card(job) && takes_from(job, reader) &&
                    likeness(job, reader) == CARD_PROVEN)
                        return true;

        return false;
}

/* --- what `discard:` needs of the record --- */

int discard_take_fields(Job *job, const Record *record) {
        const Profile *profile = catalogue_profile(job->engine->parts.catalogue, job->type);
        _cleanup_json_ json_t *fields = json_object();
        const char *name;
        json_t *value;

        if (!job->discarding.wanted || !profile)
                return 0;

        if (!fields)
                return -ENOMEM;

        json_object_foreach(record->fields, name, value) {
                if (profile_field_discards(profile, name) &&
                    json_object_set_new(fields, name, json_deep_copy(value)) < 0)
                        return -ENOMEM;
        }

        discard_forget_fields(job);
        job->discarding.fields = TAKE_PTR(fields);
        return 0;
}

void discard_forget_fields(Job *job) {
        json_decref(job->discarding.fields);
        job->discarding.fields = NULL;
}

void discard_clear(Job *job) {
        discard_forget_fields(job);
        card_place_clear(&job->discarding.place);
}

/* --- how it goes wrong --- */

/* It stays where it is until somebody says what now. */
static void hold(Job *job, const Failure *failure) {
        job->discarding.failed = true;
        job_set_error(job, failure);
        job_set_advice(
                job,
                "The new card is good; the old one is not destroyed. See what went wrong, then try again "
                "(icreissuectl job retry %" PRIu64
                "), or destroy it by hand and say so (icreissuectl discarded confirm %" PRIu64 ").",
                job->number, job->number);
        log_event(LOG_DISCARD_FAILED,
                  &(LogSubject){ .job = job->uuid, .card_type = job->type, .failure = failure },
                  "Job %" PRIu64 ": %s", job->number, failure_message(failure));
}

static void hold_for(Job *job, const Failure *why) {
        _cleanup_failure_ Failure failure = {};

        failure_set(&failure, FAILURE_DISCARD_FAILED, "%s", failure_message(why));
        hold(job, &failure);
}

/* Whether a callback has nothing left to do: the job ends here, or the service does. */
static bool is_over(Job *job) {
        if (job->engine->parking)
                return true;

        if (!job->cancel_wanted)
                return false;

        job_dispatch(job, EVENT_CANCEL);
        return true;
}

int discard_again(Job *job, Failure *failure) {
        if (!job->discarding.failed || job_is_busy(job))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Job %" PRIu64
                                   " waits for the old card, or is at work on it; there is nothing to "
                                   "try again.",
                                   job->number);

        job->discarding.failed = false;
        job_set_error(job, NULL);
        matchmaker_schedule(job->engine);
        return 0;
}

void discard_stop(Job *job) {
        mill_stop(job->discarding.run);
}

/* --- the mill --- */

static void on_milled(MillEnd end, const Failure *failure, void *userdata) {
        Job *job = userdata;

        job->discarding.run = NULL;
        card_job_let_sleep(job);
        if (end == MILL_END_DESTROYED) { /* also while the service stops: what is done is written down */
                discards_close(job->engine, job->number, "mill", job->owner);
                job_set_error(job, NULL);
                job_dispatch(job, EVENT_DISCARDED);
        } else if (!is_over(job) && end == MILL_END_BY_HAND) {
                job->discarding.by_hand = true;
                matchmaker_schedule(job->engine);
        } else if (!job_is_finished(job) && !job->engine->parking)
                hold(job, failure);

        engine_check_parked(job->engine);
}

/* The card has been ended, and that is durable. It must not have moved since. */
static void mill(Job *job) {
        Reader *reader = job->discarding.place.reader
                                 ? engine_reader_by_name(job->engine, job->discarding.place.reader)
                                 : NULL;
        _cleanup_failure_ Failure failure = {};

        if (!reader || likeness(job, reader) != CARD_PROVEN ||
            !card_place_is(&job->discarding.place, reader)) {
                card_job_let_sleep(job);
                matchmaker_schedule(job->engine);
                return;
        }

        job_set_advice(job, "Leave the old card in %s: it is being destroyed.", reader_name(reader));
        if (mill_run(job->engine->parts.mill, &job->engine->parts.config->mill, on_milled, job,
                     &job->discarding.run, &failure) >= 0)
                return;

        card_job_let_sleep(job);
        hold(job, &failure);
}

/* --- the card --- */

static void on_journaled(Job *job) {
        if (job->issue)
                card_issue_continue(job->issue);
}

static void on_ended(Job *job) {
        Reader *reader = engine_reader_by_name(job->engine, job->granted.reader);

        if (reader && card_place_is(&job->granted, reader))
                card_place_set(&job->discarding.place, reader);

        job->discarding.ended = true;
        discard_forget_fields(job);
        job_journal(job, mill);
}

static void on_card_failed(Job *job, const Failure *failure) {
        card_job_let_sleep(job);
        if (is_over(job))
                return;

        switch (failure->kind) {
        case FAILURE_CANCELLED:
        case FAILURE_CARD_GONE:
        case FAILURE_READER_GONE:
        case FAILURE_READER_BUSY:
        case FAILURE_NO_CARD:
                matchmaker_schedule(job->engine); /* it is waited for */
                return;
        default:
                hold_for(job, failure);
        }
}

static void on_news(CardIssue *issue _unused_, const CardIssueNews *news, void *userdata) {
        Job *job = userdata;

        switch (news->event) {
        case CARD_ISSUE_JOURNAL:
                job->discarding.begun = true;
                job_journal(job, on_journaled);
                return;
        case CARD_ISSUE_PROGRESS:
        case CARD_ISSUE_WRITTEN:
                return;
        case CARD_ISSUE_VERIFIED:
                job->issue = NULL;
                on_ended(job);
                break;
        case CARD_ISSUE_FAILED:
                job->issue = NULL;
                on_card_failed(job, news->failure);
                break;
        }

        engine_check_parked(job->engine);
}

static void end_card(Job *job) {
        Reader *reader = engine_reader_by_name(job->engine, job->granted.reader);
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes serial = {};
        CardIssueRequest request = {
                .type = job->type,
                .id = job->id,
                .fields = job->discarding.fields,
                .discard = true,
                .ended = job->discarding.ended,
        };

        if (job->old_serial && hex_decode(job->old_serial, &serial) >= 0)
                request.serial = bytes_span(&serial);

        if (!reader)
                failure_set(&failure, FAILURE_READER_GONE, "The reader was unplugged; plug it in again.");
        else if (card_issue_start(reader, &request, on_news, job, &job->issue, &failure) >= 0) {
                job_set_advice(job, "Leave the old card in %s: it is being ended.", reader_name(reader));
                return;
        }

        on_card_failed(job, &failure);
}

/* As when a card is written: asleep in the middle, the machine would leave a mill running. */
static void on_inhibited(bool granted, void *userdata) {
        _cleanup_failure_ Failure failure = {};
        Job *job = userdata;

        job->inhibiting = false;
        job->inhibited = granted;
        if (job->cancel_wanted || job->engine->parking) {
                card_job_let_sleep(job);
                (void) is_over(job);
                engine_check_parked(job->engine);
        } else if (granted && job->discarding.ended && job->discarding.place.reader &&
                   streq(job->discarding.place.reader, job->granted.reader) &&
                   job->discarding.place.sequence == job->granted.sequence)
                mill(job);
        else if (granted)
                end_card(job);
        else {
                engine_set_asleep(job->engine);
                engine_asleep_failure(&failure);
                job_set_error(job, &failure);
        }
}

static void begin(Job *job, const Reader *reader) {
        _cleanup_failure_ Failure failure = {};

        card_place_set(&job->granted, reader);
        job_set_error(job, NULL);
        if (job->granted.reader && sleep_inhibitor_take(job->engine->inhibitor, on_inhibited, job) >= 0) {
                job->inhibiting = true;
                return;
        }

        failure_no_memory(&failure);
        hold(job, &failure);
}

/* --- what the desk is told --- */

/* Whether the old card can still be proven, if it is put in. */
static bool can_be_proven(const Job *job) {
        if (job->old_serial && *job->old_serial && !job->discarding.ended)
                return true;

        for (Reader *reader = readers_next(job->engine->parts.readers, NULL); reader;
             reader = readers_next(job->engine->parts.readers, reader))
                if (likeness(job, reader) == CARD_PROVEN)
                        return true;

        return false;
}

static void check_card(const Job *job, const Reader *reader, Failure *ret) {
        static const char *const texts[] = {
                [CARD_NEW] = "The card in %s is a new one; nothing is done to it. Put the old card in.",
                [CARD_OTHERS] =
                        "The card in %s is not the one that is to be discarded; nothing is done to it. Put the old "
                        "card in.",
                [CARD_TWIN] =
                        "The card in %s has no serial by which the old card is told from the new one; nothing is done "
                        "to it.",
        };
        Likeness found = likeness(job, reader);

        if (found == CARD_UNKNOWN && job->discarding.begun && reader_card(reader))
                failure_set(
                        ret, FAILURE_UNKNOWN_CARD_TYPE,
                        "The card in %s does not tell any more which it is: it may be the old one, ended already.",
                        reader_name(reader));
        matchmaker_check_reader(reader, ret);
        if (reader_card(reader) && found < ELEMENTS(texts) && texts[found])
                failure_set(ret, FAILURE_CARD_TYPE_MISMATCH, texts[found], reader_name(reader));
}

static void advise_for_old_card(Job *job) {
        const char *name = job->engine->parts.config->mill.reader;
        Reader *reader = name ? engine_reader_by_name(job->engine, name)
                              : engine_reader_by_name(job->engine, job->source);
        _cleanup_failure_ Failure refusal = {};

        if (reader)
                check_card(job, reader, &refusal);
        else
                failure_set(&refusal, FAILURE_NO_READER, "%s is not plugged in; plug it in.",
                            name ? name : job->source);
        matchmaker_show_refusal(job, &refusal);

        if (job->discarding.by_hand)
                job_set_advice(
                        job,
                        "Destroy the old card by hand, then say so (icreissuectl discarded confirm %" PRIu64
                        ").",
                        job->number);
        else if (!can_be_proven(job))
                job_set_advice(
                        job,
                        "Nothing proves any more which card is the old one. Destroy it by hand, then say so "
                        "(icreissuectl discarded confirm %" PRIu64 ").",
                        job->number);
        else
                job_set_advice(
                        job,
                        "Put the old card into %s: it will be destroyed. Or destroy it by hand and say so "
                        "(icreissuectl discarded confirm %" PRIu64 ").",
                        name ? name : job->source, job->number);
}

static Reader *proven_reader(const Job *job) {
        for (Reader *reader = readers_next(job->engine->parts.readers, NULL); reader;
             reader = readers_next(job->engine->parts.readers, reader))
                if (takes_from(job, reader) && !reader_in_use(reader) &&
                    reader_state(reader) != READER_EMPTY && reader_state(reader) != READER_READING &&
                    reader_state(reader) != READER_BUSY && likeness(job, reader) == CARD_PROVEN)
                        return reader;

        return NULL;
}

void discard_follow(Job *job) {
        Reader *reader;

        if (job->state != JOB_DISCARDING || job_is_busy(job) || job->cancel_wanted || job->discarding.failed)
                return;

        reader = waits_for_old_card(job) && !job->engine->asleep ? proven_reader(job) : NULL;
        if (reader)
                begin(job, reader);
        else
                advise_for_old_card(job);
}

void card_job_keep_old_card(Job *job) {
        if (job->kind == JOB_DISCARD && !job->discarding.begun)
                discards_withdraw(job->engine, job->number);
        job_finish(job);
}

void card_job_discard(Job *job) {
        if (discards_is_closed(job->engine, job->number)) { /* the service died between the two */
                job_dispatch(job, EVENT_DISCARDED);
                return;
        }

        discards_add(job);
        matchmaker_schedule(job->engine);
}

void card_job_begin_discard(Job *job) {
        job->engine->observer->job_reissued(job, job_made_type(job), job->count,
                                            job->engine->observer_userdata);
        card_job_discard(job);
}
