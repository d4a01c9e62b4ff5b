/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a card job (reissue, issue) does in each of its states. Which card it gets is the matchmaker's; which state
 * comes next is the table's (transitions.c). */
#include <inttypes.h>

#include "job/job-private.h"

Actor job_actor(const Job *job) {
        return (Actor){ .uid = job->owner, .station = job->engine->parts.config->station };
}

/* --- the old card --- */

void card_job_wait_for_card(Job *job) {
        card_place_clear(&job->old_card);
        matchmaker_schedule(job->engine);
}

void card_job_read(Job *job) {
        job_set_advice(job, "Leave the card in %s while it is read.", job->source);
}

void card_job_take_old_card(Job *job, Reader *reader) {
        const CardFacts *facts = reader_card(reader);
        char *serial = hex_encode(bytes_span(&facts->serial));

        if (!serial || replace_string(&job->type, facts->type) < 0 ||
            replace_string(&job->id, facts->id) < 0 ||
            replace_string(&job->source, reader_name(reader)) < 0) {
                _cleanup_failure_ Failure failure = {};

                free(serial);
                failure_no_memory(&failure);
                job_fail(job, &failure);
                return;
        }

        free(job->old_serial);
        job->old_serial = serial;
        card_place_set(&job->old_card, reader);
        job_set_error(job, NULL);
        job_dispatch(job, EVENT_CARD_READ);
}

/* --- the centre: extraction --- */

static int on_ask_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Job *job = userdata;

        job->timer = sd_event_source_disable_unref(job->timer);
        if (job->engine->parking || job_is_busy(job))
                return 0;

        if (job->state == JOB_EXTRACTING)
                card_job_extract(job);
        else if (job->state == JOB_RECORDING)
                card_job_tell_centre(job);

        return 0;
}

void card_job_ask_now(Job *job) {
        if ((job->state == JOB_EXTRACTING || job->state == JOB_RECORDING) && job->centre_tries > 0 &&
            job->timer)
                on_ask_again(NULL, 0, job);
}

/* The centre could not answer: it is asked again, later and later. */
static void ask_again_later(Job *job, const Failure *failure) {
        unsigned delay = retry_delay(job->centre_tries++);

        job_set_error(job, failure);
        if (job->outcome == OUTCOME_CANCELLED)
                job_answer_waiters(job);        /* it is cancelled; the centre hears of it when it can */
        if (failure->kind != FAILURE_LINE_DOWN) /* that the line itself has told */
                log_event(LOG_STORE_FAILED, &(LogSubject){ .job = job->uuid, .failure = failure },
                          "Job %" PRIu64 " asks again in %u s: %s", job->number, delay,
                          failure_message(failure));
        if (job_set_timer(job, delay, on_ask_again, job) < 0)
                log_event(LOG_INTERNAL, NULL, "Job %" PRIu64 " stands still for lack of memory.",
                          job->number);
        engine_check_parked(job->engine);
}

static bool may_be_asked_again(const Failure *failure) {
        return failure->kind == FAILURE_STORE_FAILED || failure->kind == FAILURE_LINE_DOWN ||
               failure->kind == FAILURE_NO_MEMORY;
}

/* Two-person rule: the last request of the record must be somebody else's. */
static int check_second_person(const Job *job, const Record *record, Failure *failure) {
        const char *own = job->engine->parts.config->station, *station;
        const json_t *entry, *last = NULL;
        size_t i;

        if (!job->engine->parts.config->two_person)
                return 0;

        json_array_foreach(record->history, i, entry) {
                const char *event = json_string_value(json_object_get(entry, "event"));

                if (event && streq(event, "requested"))
                        last = entry;
        }

        station = last ? json_string_value(json_object_get(last, "station")) : NULL;
        if (!last || job->owner == (uid_t) -1 || (station && !streq(station, own)) ||
            json_integer_value(json_object_get(last, "by")) != (json_int_t) job->owner)
                return 0;

        return failure_set(
                failure, FAILURE_ACCESS_DENIED,
                "You requested this reissue yourself; with two-person: true in icreissue.yaml somebody else "
                "must carry it out.");
}

static int take_issuance_data(Job *job, const Record *record, Failure *failure) {
        int r;

        r = check_second_person(job, record, failure);
        if (r >= 0)
                r = card_type_take_fields(job, record, &job->fields, failure);
        if (r < 0)
                return r;

        job->count = record->count;
        return discard_take_fields(job, record) < 0 ? failure_no_memory(failure) : 0;
}

static void on_extracted(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_failure_ Failure reason = {};
        Job *job = userdata;

        job->centre_busy = false;
        if (failure_is_set(failure) && may_be_asked_again(failure) && !job->cancel_wanted) {
                ask_again_later(job, failure);
                return;
        }

        job->centre_tries = 0;
        if (job->cancel_wanted) {
                job_dispatch(job, EVENT_CANCEL);
                return;
        }

        if (failure_is_set(failure)) {
                job_set_error(job, failure);
                job_dispatch(job, EVENT_REFUSED);
                return;
        }

        job_set_error(job, NULL);
        if (take_issuance_data(job, record, &reason) < 0 || design_set_default(job, &reason) < 0)
                job_fail(job, &reason);
        else
                design_check(job);
}

void card_job_extract(Job *job) {
        _cleanup_json_ json_t *fields = card_type_fields(job);
        const ExtractRequest request = {
                .job_uuid = job->uuid,
                .type = job->type,
                .id = job->id,
                .request = job->request,
                .reason = job->reason,
                .card_type = job->card_type,
                .discard = job->discarding.wanted,
                .fields = fields,
                .actor = job_actor(job),
        };
        _cleanup_failure_ Failure failure = {};

        job_set_advice(job, "%s", "");
        if (fields && centre_extract(job->engine->parts.centre, &request, on_extracted, job) >= 0) {
                job->centre_busy = true;
                return;
        }

        failure_no_memory(&failure);
        ask_again_later(job, &failure);
}

/* --- the blank --- */

void card_job_wait_for_blank(Job *job) {
        job->progress = 0;
        matchmaker_schedule(job->engine);
}

/* The card cannot be finished any more, or is given up: it is listed, and counts as written. */
static void card_job_spoil(Job *job, FailureKind kind) {
        const char *serial = job->half.serial ? job->half.serial : "";
        Reader *reader =
                job->half.place.reader ? engine_reader_by_name(job->engine, job->half.place.reader) : NULL;

        json_array_append_new(job->spoiled,
                              json_pack("{s:s, s:s, s:s}", "serial", serial, "reader",
                                        reader ? reader_name(reader) : "", "error", failure_name(kind)));
        log_event(LOG_CARD_SPOILED,
                  &(LogSubject){ .job = job->uuid,
                                 .card_type = job->type,
                                 .reader = reader ? reader_name(reader) : NULL },
                  "A card was spoiled by job %" PRIu64 ".", job->number);
        if (reader)
                matchmaker_note_spoiled(job->engine, reader);
        if (job->parent)
                job->parent->spoiled_count++;

        half_written_clear(&job->half);
}

/* A status of the card, not of the desk: this card will not be tried again while it stays where it is. */
static void card_job_refuse_card(Job *job) {
        Reader *reader = job->granted.reader ? engine_reader_by_name(job->engine, job->granted.reader) : NULL;

        if (reader)
                card_place_set(&job->refused, reader);
}

static void card_lost(Job *job, const Failure *failure) {
        card_place_clear(&job->granted);
        job_set_error(job, failure);
        job_dispatch(job, EVENT_CARD_LOST);
}

/* The card failed, or what it holds is not what was written. */
static void card_failed(Job *job, const CardIssueNews *news) {
        bool fatal = news->tries_left >= 0 || news->failure->kind == FAILURE_INVALID_ARGS ||
                     news->failure->kind == FAILURE_PROFILE_INVALID;

        card_job_refuse_card(job);
        if (job->half.begun)
                card_job_spoil(job, news->failure->kind);

        if (fatal || json_array_size(job->spoiled) >= job->engine->parts.config->spoiled_limit) {
                card_place_clear(&job->granted);
                job_fail(job, news->failure);
        } else
                card_lost(job, news->failure);
}

static void on_issue_failed(Job *job, const CardIssueNews *news) {
        const LogSubject subject = { .job = job->uuid, .card_type = job->type, .failure = news->failure };

        if (!news->touched && !job->resuming)
                half_written_clear(&job->half); /* nothing was sent to it: it is a blank still */

        if (news->failure->kind != FAILURE_CANCELLED)
                log_event(LOG_CARD_REFUSED, &subject, "Job %" PRIu64 ": %s", job->number,
                          failure_message(news->failure));

        switch (news->failure->kind) {
        case FAILURE_CANCELLED:
                if (job->cancel_wanted)
                        job_dispatch(job, EVENT_CANCEL);
                else
                        card_lost(job, NULL);
                return;
        case FAILURE_CARD_GONE:
        case FAILURE_READER_GONE:
        case FAILURE_READER_BUSY:
        case FAILURE_NO_CARD:
                if (job->half.begun && !*job->half.serial)
                        card_job_spoil(job, news->failure->kind); /* it could not be told from another */
                card_lost(job, news->failure);
                return;
        case FAILURE_NOT_BLANK:
        case FAILURE_CARD_TYPE_MISMATCH:
                card_job_refuse_card(job);
                card_lost(job, news->failure);
                return;
        case FAILURE_PROFILE_INVALID:
                /* A key that is missing now, say: the half-written card can be finished when the desk is in order again. */
                if (job->resuming && !news->touched) {
                        card_job_refuse_card(job);
                        card_lost(job, news->failure);
                        return;
                }
                card_failed(job, news);
                return;
        default:
                card_failed(job, news);
        }
}

static void on_journaled(Job *job) {
        if (job->issue)
                card_issue_continue(job->issue);
}

/* From here on this card is known as this job's, also after a power cut. */
static void on_issue_journal(Job *job, const CardIssueNews *news) {
        char *serial = hex_encode(news->serial);

        if (!serial) {
                card_issue_cancel(job->issue);
                return;
        }

        free(job->half.serial);
        job->half.serial = serial;
        job->half.begun = true;
        job->half.position = news->position;
        card_place_clear(&job->half.place);
        if (job->granted.reader)
                job->half.place = (CardPlace){ .reader = strdup(job->granted.reader),
                                               .sequence = job->granted.sequence };
        job_journal(job, on_journaled);
}

static void on_issue_verified(Job *job, const CardIssueNews *news) {
        Reader *reader = engine_reader_by_name(job->engine, job->granted.reader);

        free(job->new_serial);
        job->new_serial = hex_encode(news->serial);
        json_decref(job->report);
        job->report = json_deep_copy(news->report);
        half_written_clear(&job->half);
        if (reader) {
                replace_string(&job->target, reader_name(reader));
                matchmaker_note_made(job->engine, reader);
        }

        job_dispatch(job, EVENT_VERIFIED);
}

static void on_issue_progress(Job *job, const CardIssueNews *news) {
        Reader *reader = job->granted.reader ? engine_reader_by_name(job->engine, job->granted.reader) : NULL;

        job->progress = news->progress;
        job_notify(job);
        if (reader)
                job_set_advice(job, "Leave the card in %s: %s.", reader_name(reader),
                               news->stage ? news->stage : "reading back");
}

void card_job_let_sleep(Job *job) {
        if (job->inhibited)
                sleep_inhibitor_release(job->engine->inhibitor);

        job->inhibited = false;
}

static void on_issue(CardIssue *issue _unused_, const CardIssueNews *news, void *userdata) {
        Job *job = userdata;

        if (news->event == CARD_ISSUE_VERIFIED || news->event == CARD_ISSUE_FAILED)
                card_job_let_sleep(job);

        switch (news->event) {
        case CARD_ISSUE_JOURNAL:
                on_issue_journal(job, news);
                return;
        case CARD_ISSUE_PROGRESS:
                on_issue_progress(job, news);
                return;
        case CARD_ISSUE_WRITTEN:
                job->half.position = news->position;
                job_dispatch(job, EVENT_WRITTEN);
                return;
        case CARD_ISSUE_VERIFIED:
                job->issue = NULL;
                on_issue_verified(job, news);
                break;
        case CARD_ISSUE_FAILED:
                job->issue = NULL;
                on_issue_failed(job, news);
                break;
        }

        engine_check_parked(job->engine);
}

static void card_job_start_issue(Job *job) {
        Reader *reader = engine_reader_by_name(job->engine, job->granted.reader);
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes serial = {};
        CardIssueRequest request = {
                .type = job_made_type(job),
                .id = job_made_id(job),
                .fields = job->fields,
                .resume = job->resuming,
                .from = job->half.position,
        };

        if (job->resuming && hex_decode(job->half.serial, &serial) >= 0)
                request.serial = bytes_span(&serial);

        if (!reader)
                failure_set(&failure, FAILURE_READER_GONE, "The reader was unplugged; plug it in again.");
        else if (card_issue_start(reader, &request, on_issue, job, &job->issue, &failure) >= 0)
                return;

        card_job_let_sleep(job);
        card_lost(job, &failure);
}

/* Asleep in the middle of a card, or switched off, the machine would spoil it: without logind's word nothing begins. */
static void on_inhibited(bool granted, void *userdata) {
        _cleanup_failure_ Failure failure = {};
        Job *job = userdata;

        job->inhibiting = false;
        job->inhibited = granted;
        if (job->cancel_wanted || job->engine->parking) {
                card_job_let_sleep(job);
                job_dispatch(job, job->cancel_wanted ? EVENT_CANCEL : EVENT_CARD_LOST);
                engine_check_parked(job->engine);
                return;
        }

        if (granted) {
                card_job_start_issue(job);
                return;
        }

        engine_set_asleep(job->engine);
        engine_asleep_failure(&failure);
        card_lost(job, &failure);
}

void card_job_write(Job *job) {
        _cleanup_failure_ Failure failure = {};

        if (!job->resuming && job->half.begun)
                card_job_spoil(job, FAILURE_CARD_GONE); /* it did not come back: this blank takes its place */

        job_set_error(job, NULL);
        if (sleep_inhibitor_take(job->engine->inhibitor, on_inhibited, job) >= 0) {
                job->inhibiting = true;
                return;
        }

        failure_no_memory(&failure);
        card_lost(job, &failure);
}

void card_job_verify(Job *job) {
        on_journaled(job);
}

/* --- the centre: how it ended --- */

static void on_told(const Record *record _unused_, const Failure *failure, void *userdata) {
        Job *job = userdata;

        job->centre_busy = false;
        if (failure_is_set(failure) && (may_be_asked_again(failure) || job->outcome == OUTCOME_DONE)) {
                ask_again_later(job, failure);
                return;
        }

        job->centre_tries = 0;
        if (job->outcome == OUTCOME_DONE && print_begin(job) > 0)
                job_dispatch(job, EVENT_TO_PRINT);
        else if (job->outcome == OUTCOME_DONE)
                job_dispatch(job, job->discarding.wanted ? EVENT_TO_DISCARD : EVENT_CONFIRMED);
        else
                job_dispatch(job, job->outcome == OUTCOME_FAILED ? EVENT_ABANDONED : EVENT_ABANDONED_CANCEL);
}

void card_job_tell_centre(Job *job) {
        Centre *centre = job->engine->parts.centre;
        _cleanup_failure_ Failure failure = {};
        Actor actor = job_actor(job);
        int r;

        if (job->half.begun && job->outcome != OUTCOME_DONE)
                card_job_spoil(job, job->outcome == OUTCOME_FAILED ? job->error.kind : FAILURE_CANCELLED);

        if (job->outcome == OUTCOME_DONE)
                r = centre_confirm(centre, job->uuid, job->type, job->id, job->count,
                                   job->new_serial ? job->new_serial : "", &actor, on_told, job);
        else
                r = centre_abandon(centre, job->uuid, job->type, job->id, json_array_size(job->spoiled) > 0,
                                   job->outcome == OUTCOME_FAILED ? failure_name(job->error.kind)
                                                                  : "cancelled",
                                   &actor, on_told, job);
        if (r >= 0) {
                job->centre_busy = true;
                return;
        }

        failure_no_memory(&failure);
        ask_again_later(job, &failure);
}
