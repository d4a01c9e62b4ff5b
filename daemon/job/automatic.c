/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Automatic mode: a card whose record's flag says "unissued" is reissued as soon as it appears. No flag is rewritten
 * unless the configuration says automatic: request. A card that this engine has just made is let be; one for which
 * nothing can be begun is told why, once. */
#include "job/job-private.h"

typedef struct AutomaticLook {
        JobEngine *engine;
        CardPlace place;
} AutomaticLook;

static void automatic_look_free(AutomaticLook *look) {
        card_place_clear(&look->place);
        free(look);
}
DEFINE_CLEANUP(AutomaticLook *, automatic_look_free)

void automatic_done(JobEngine *engine) {
        for (size_t i = 0; i < engine->told_count; i++)
                card_place_clear(&engine->told[i]);

        free(engine->told);
}

/* Whether this card was spoken of already; if not it is from now on. The entry of a reader is used again for its next
 * card. */
static bool was_told(JobEngine *engine, const Reader *reader) {
        CardPlace *grown;

        for (size_t i = 0; i < engine->told_count; i++) {
                if (card_place_is(&engine->told[i], reader))
                        return true;

                if (streq_null(engine->told[i].reader, reader_label(reader))) {
                        card_place_set(&engine->told[i], reader);
                        return false;
                }
        }

        grown = reallocarray(engine->told, engine->told_count + 1, sizeof(CardPlace));
        if (grown) {
                engine->told = grown;
                grown[engine->told_count] = (CardPlace){};
                card_place_set(&grown[engine->told_count++], reader);
        }

        return false;
}

static void refuse(JobEngine *engine, Reader *reader, const Failure *failure) {
        if (was_told(engine, reader))
                return;

        log_event(LOG_AUTOMATIC_REFUSED, &(LogSubject){ .reader = reader_name(reader), .failure = failure },
                  "The card in %s is not reissued: %s", reader_name(reader), failure_message(failure));
        engine->observer->automatic_refused(reader, failure, engine->observer_userdata);
}

static void on_started(Job *job _unused_, const Failure *failure, void *userdata) {
        _cleanup_(automatic_look_freep) AutomaticLook *look = userdata;
        Reader *reader = engine_reader_by_name(look->engine, look->place.reader);

        if (failure_is_set(failure) && reader && card_place_is(&look->place, reader))
                refuse(look->engine, reader, failure);
}

static void check_record(const Record *record, const JobEngine *engine, Failure *failure) {
        if (record->extraction)
                failure_set(failure, FAILURE_RECORD_IN_USE,
                            "Another job has reserved its record; wait for its end, or cancel it.");
        else if (record->issued && !engine->automatic_request)
                failure_set(failure, FAILURE_NOT_REQUESTED,
                            "Nobody has requested it; request it, then put the card in again.");
}

static void on_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(automatic_look_freep) AutomaticLook *look = userdata;
        _cleanup_failure_ Failure reason = {};
        JobEngine *engine = look->engine;
        Reader *reader = engine_reader_by_name(engine, look->place.reader);
        ReissueRequest request = { .target = "", .reason = "", .owner = (uid_t) -1 };

        engine->stores_pending--;
        engine_check_parked(engine);
        if (engine->parking || !engine->automatic || !reader || !card_place_is(&look->place, reader))
                return;

        if (failure_is_set(failure))
                return refuse(engine, reader, failure);

        check_record(record, engine, &reason);
        if (failure_is_set(&reason))
                return refuse(engine, reader, &reason);

        request.source = reader_name(reader);
        request.request = record->issued;
        if (request.request)
                request.reason = "automatic";
        if (job_engine_reissue(engine, &request, on_started, look, &reason) < 0)
                return refuse(engine, reader, &reason);

        look = NULL; /* on_started()'s now */
}

/* What stands in the way of a card that nothing is known of, or not enough. */
static bool check_card(const Reader *reader, const CardFacts *facts, Failure *failure) {
        if (facts && facts->type && facts->id)
                return true;

        if (reader_state(reader) == READER_MUTE)
                failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                            "It does not answer; clean it, or put it in the other way round.");
        else if (reader_state(reader) == READER_UNKNOWN)
                failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                            "No card profile knows it (icreissuectl read says what was tried).");
        return false;
}

void automatic_card(JobEngine *engine, Reader *reader) {
        const CardFacts *facts = reader_card(reader);
        _cleanup_failure_ Failure reason = {};
        AutomaticLook *look;

        if (!engine->automatic || engine->parking || !reader_is_source(reader) ||
            matchmaker_is_made(engine, reader))
                return;

        if (!check_card(reader, facts, &reason)) {
                if (failure_is_set(&reason))
                        refuse(engine, reader, &reason);
                return;
        }

        look = new0(AutomaticLook, 1);
        if (!look)
                return;

        look->engine = engine;
        card_place_set(&look->place, reader);
        if (!look->place.reader ||
            centre_look(engine->parts.centre, facts->type, facts->id, on_record, look) < 0) {
                automatic_look_free(look);
                return;
        }

        engine->stores_pending++;
}

bool job_engine_automatic(const JobEngine *engine) {
        return engine->automatic;
}

void job_engine_set_automatic(JobEngine *engine, bool automatic) {
        engine->automatic = automatic;
        for (Reader *reader = readers_next(engine->parts.readers, NULL); reader && automatic;
             reader = readers_next(engine->parts.readers, reader))
                automatic_card(engine, reader);
}
