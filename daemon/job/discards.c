/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of old cards: each is in it from the moment in which it is to be destroyed, and says afterwards when, by whom and
 * how it was. It is in the reissuing file under "discard/NUMBER", the job's. */
#include <inttypes.h>
#include <stdio.h>

#include "job/job-private.h"

enum {
        KEPT_MAX = 10000, /* destroyed cards; those that are not are never forgotten */
        KEY_SIZE = sizeof("discard/18446744073709551615"),
};

static const char *discard_key(uint64_t number, char buffer[static KEY_SIZE]) {
        snprintf(buffer, KEY_SIZE, "discard/%" PRIu64, number);
        return buffer;
}

static uint64_t number_of(const json_t *entry) {
        return (uint64_t) json_integer_value(json_object_get(entry, "job"));
}

static bool is_destroyed(const json_t *entry) {
        return json_is_true(json_object_get(entry, "destroyed"));
}

static json_t *find_entry(const JobEngine *engine, uint64_t number) {
        for (size_t i = json_array_size(engine->discards); i-- > 0;)
                if (number_of(json_array_get(engine->discards, i)) == number)
                        return json_array_get(engine->discards, i);

        return NULL;
}

/* Where its number puts it. */
static int insert(JobEngine *engine, json_t *entry) {
        size_t place = json_array_size(engine->discards);

        while (place > 0 && number_of(json_array_get(engine->discards, place - 1)) > number_of(entry))
                place--;

        return json_array_insert(engine->discards, place, entry);
}

static void on_removed(const Failure *failure, void *userdata) {
        JobEngine *engine = userdata;

        engine->stores_pending--;
        if (failure_is_set(failure))
                log_event(LOG_STORE_FAILED, &(LogSubject){ .failure = failure }, "%s",
                          failure_message(failure));
        engine_check_parked(engine);
}

static void forget(JobEngine *engine, size_t place) {
        char key[KEY_SIZE];

        if (reissuing_file_remove(engine->parts.reissuing,
                                  discard_key(number_of(json_array_get(engine->discards, place)), key),
                                  on_removed, engine) >= 0)
                engine->stores_pending++;
        json_array_remove(engine->discards, place);
}

/* The oldest of too many. */
static void forget_oldest(JobEngine *engine) {
        for (size_t i = 0; i < json_array_size(engine->discards); i++)
                if (is_destroyed(json_array_get(engine->discards, i))) {
                        forget(engine, i);
                        return;
                }
}

void discards_withdraw(JobEngine *engine, uint64_t number) {
        for (size_t i = json_array_size(engine->discards); i-- > 0;)
                if (number_of(json_array_get(engine->discards, i)) == number)
                        forget(engine, i);
}

static void store(JobEngine *engine, const json_t *entry) {
        char key[KEY_SIZE];

        engine_store(engine, discard_key(number_of(entry), key), entry);
}

void discards_add(Job *job) {
        char now[RECORD_TIME_SIZE];
        json_t *entry;

        if (find_entry(job->engine, job->number))
                return;

        record_now(now);
        entry = json_pack("{s:I, s:s, s:s, s:s, s:s, s:b}", "job", (json_int_t) job->number, "type",
                          job->type, "id", job->id, "serial", job->old_serial ? job->old_serial : "", "since",
                          now, "destroyed", false);
        if (!entry || insert(job->engine, entry) < 0)
                log_event(LOG_INTERNAL, &(LogSubject){ .job = job->uuid },
                          "There was no memory to list the card of job %" PRIu64 ".", job->number);
        else
                store(job->engine, entry);
        json_decref(entry);

        if (json_array_size(job->engine->discards) > KEPT_MAX)
                forget_oldest(job->engine);
}

static int set_destroyed(json_t *entry, const char *how, uid_t by) {
        char now[RECORD_TIME_SIZE];
        json_t *said;
        int r;

        record_now(now);
        said = json_pack("{s:b, s:s, s:s, s:I}", "destroyed", true, "at", now, "how", how, "by",
                         (json_int_t) by);
        r = said ? json_object_update(entry, said) : -1;
        json_decref(said);
        return r < 0 ? -ENOMEM : 0;
}

static void log_discarded(const json_t *entry, const char *how) {
        log_event(LOG_CARD_DISCARDED,
                  &(LogSubject){ .card_type = json_string_value(json_object_get(entry, "type")) },
                  "The old card of job %" PRIu64 " is destroyed (%s).", number_of(entry), how);
}

void discards_close(JobEngine *engine, uint64_t number, const char *how, uid_t by) {
        json_t *entry = find_entry(engine, number);

        if (!entry || set_destroyed(entry, how, by) < 0)
                return;

        store(engine, entry);
        log_discarded(entry, how);
}

const char *discards_how(const JobEngine *engine, uint64_t number) {
        const char *how = json_string_value(json_object_get(find_entry(engine, number), "how"));

        return how ? how : "";
}

bool discards_is_closed(const JobEngine *engine, uint64_t number) {
        const json_t *entry = find_entry(engine, number);

        return entry && is_destroyed(entry);
}

int discards_load(JobEngine *engine, json_t *object, Failure *failure) {
        if (number_of(object) == 0 || !json_is_string(json_object_get(object, "type")))
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The reissuing file's list of discarded cards is damaged.");

        return insert(engine, object) < 0 ? failure_no_memory(failure) : 0;
}

const json_t *job_engine_discards(const JobEngine *engine) {
        return engine->discards;
}

/* --- somebody says that it is destroyed --- */

typedef struct Confirmation {
        JobEngine *engine;
        DiscardConfirmed done;
        void *userdata;
} Confirmation;

static void on_confirmed(const Failure *failure, void *userdata) {
        _cleanup_free_ Confirmation *confirmation = userdata;
        JobEngine *engine = confirmation->engine;

        engine->stores_pending--;
        confirmation->done(failure, confirmation->userdata);
        engine_check_parked(engine);
}

static int check_confirmable(const json_t *entry, uint64_t number, const Job *job, Failure *failure) {
        if (!entry)
                return failure_set(
                        failure, FAILURE_NO_CARD,
                        "No card of a job %" PRIu64 " is in the list (icreissuectl discarded list).", number);

        if (is_destroyed(entry))
                return failure_set(failure, FAILURE_JOB_FINISHED,
                                   "The list says already that the card of job %" PRIu64 " is destroyed.",
                                   number);

        if (job && job->state == JOB_DISCARDING && job_is_busy(job))
                return failure_set(failure, FAILURE_READER_BUSY,
                                   "Job %" PRIu64 " is at work on that card; wait until it has ended.",
                                   number);

        return 0;
}

int job_engine_confirm_discarded(JobEngine *engine, uint64_t number, uid_t by, DiscardConfirmed done,
                                 void *userdata, Failure *failure) {
        _cleanup_free_ Confirmation *confirmation = new0(Confirmation, 1);
        Job *job = job_engine_find(engine, number);
        json_t *entry = find_entry(engine, number);
        char key[KEY_SIZE];
        int r;

        r = check_confirmable(entry, number, job, failure);
        if (r < 0)
                return r;

        if (!confirmation || set_destroyed(entry, "hand", by) < 0)
                return failure_no_memory(failure);

        *confirmation = (Confirmation){ .engine = engine, .done = done, .userdata = userdata };
        if (reissuing_file_store(engine->parts.reissuing, discard_key(number, key), entry, on_confirmed,
                                 confirmation) < 0)
                return failure_no_memory(failure);

        engine->stores_pending++;
        TAKE_PTR(confirmation);
        log_discarded(entry, "hand");
        if (job && job->state == JOB_DISCARDING)
                job_dispatch(job, EVENT_DISCARDED); /* the store keeps the order */
        return 0;
}
