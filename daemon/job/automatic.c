/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Automatic mode: a card whose record's flag says "unissued" is reissued as soon as it appears. No flag is rewritten
 * unless the configuration says automatic: request. A card that this engine has just made is let be. */
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

static void on_started(Job *job _unused_, const Failure *failure, void *userdata _unused_) {
        if (failure_is_set(failure))
                log_event(LOG_JOB_FAILED, &(LogSubject){ .failure = failure },
                          "The automatic reissue could not be started: %s", failure_message(failure));
}

static void on_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(automatic_look_freep) AutomaticLook *look = userdata;
        _cleanup_failure_ Failure reason = {};
        JobEngine *engine = look->engine;
        Reader *reader = engine_reader_by_name(engine, look->place.reader);
        ReissueRequest request = { .target = "", .reason = "", .owner = (uid_t) -1 };

        engine->stores_pending--;
        engine_check_parked(engine);
        if (failure_is_set(failure) || record->extraction || engine->parking || !engine->automatic ||
            !reader || !card_place_is(&look->place, reader))
                return;

        request.request = record->issued && engine->automatic_request;
        if (record->issued && !request.request)
                return;

        request.source = reader_name(reader);
        if (request.request)
                request.reason = "automatic";
        if (job_engine_reissue(engine, &request, on_started, NULL, &reason) < 0)
                on_started(NULL, &reason, NULL);
}

void automatic_card(JobEngine *engine, Reader *reader) {
        const CardFacts *facts = reader_card(reader);
        AutomaticLook *look;

        if (!engine->automatic || engine->parking || !facts || !facts->type || !facts->id ||
            matchmaker_is_made(engine, reader))
                return;

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
