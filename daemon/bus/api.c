/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of the API: its objects come and go with readers and jobs, what they say is collected and said once per turn
 * of the event loop. Each object's own file knows what it has to say. */
#include "bus/api.h"

#include "base/log.h"
#include "bus/access.h"
#include "bus/context.h"
#include "bus/job-object.h"
#include "bus/reader-object.h"
#include "bus/root-object.h"

Actor api_actor(Api *api, sd_bus_message *message) {
        return (Actor){ .uid = authority_caller(api->authority, message), .station = api->parts->station };
}

static void api_say_status(Api *api) {
        size_t readers = 0, open_jobs = 0;

        if (!api->status_changed || !api->parts->status_changed)
                return;

        for (Reader *reader = readers_next(api->parts->readers, NULL); reader;
             reader = readers_next(api->parts->readers, reader))
                readers++;
        for (Job *job = job_engine_next(api->parts->engine, NULL); job;
             job = job_engine_next(api->parts->engine, job))
                open_jobs += !job_is_finished(job);

        api->status_changed = false;
        api->parts->status_changed(readers, open_jobs, api->parts->userdata);
}

static int on_say(sd_event_source *source _unused_, void *userdata) {
        Api *api = userdata;

        publisher_say_all(api->readers);
        publisher_say_all(api->jobs);
        publisher_say_all(api->root);
        api_say_status(api);
        return 0;
}

static void api_say_later(Api *api) {
        sd_event_source_set_enabled(api->say, SD_EVENT_ONESHOT);
}

static void api_status_changed(Api *api) {
        api->status_changed = true;
        api_say_later(api);
}

void api_root_changed(Api *api) {
        publisher_change(api->root, API_PATH);
        api_say_later(api);
}

void api_line_changed(Api *api) {
        if (api && api->started)
                api_root_changed(api);
}

/* Readers */

static void reader_added(Reader *reader, void *userdata) {
        Api *api = userdata;
        _cleanup_free_ char *path = reader_object_path(reader);
        int r;

        r = path ? publisher_add(api->readers, path, reader) : -ENOMEM;
        if (r < 0)
                log_event(LOG_INTERNAL, &(LogSubject){ .reader = reader_name(reader) },
                          "A reader could not be put on the bus: %s", strerrordesc_np(-r));
        api_status_changed(api);
}

static void reader_removed(Reader *reader, void *userdata) {
        Api *api = userdata;
        _cleanup_free_ char *path = reader_object_path(reader);

        if (path)
                publisher_remove(api->readers, path);
        api_status_changed(api);
}

static void reader_changed(Reader *reader, void *userdata) {
        Api *api = userdata;
        _cleanup_free_ char *path = reader_object_path(reader);

        if (path)
                publisher_change(api->readers, path);
        api_say_later(api);
}

static void card_present(Reader *reader, void *userdata) {
        Api *api = userdata;
        _cleanup_free_ char *path = reader_object_path(reader);
        const CardFacts *facts = reader_card(reader);
        Published *published = path ? publisher_find(api->readers, path) : NULL;

        /* Another program has it: the card is announced when it could be looked at. */
        if (!published || reader_state(reader) == READER_BUSY || published->card_announced)
                return;

        published->card_announced = true;
        publisher_say(api->readers, path);
        root_object_card_inserted(api, path, facts && facts->type ? facts->type : "");
}

static void card_gone(Reader *reader, void *userdata) {
        Api *api = userdata;
        _cleanup_free_ char *path = reader_object_path(reader);
        Published *published = path ? publisher_find(api->readers, path) : NULL;

        if (!published || !published->card_announced)
                return;

        published->card_announced = false;
        publisher_say(api->readers, path);
        root_object_card_removed(api, path);
}

static const ReadersObserver readers_observer = {
        .reader_added = reader_added,
        .reader_removed = reader_removed,
        .reader_changed = reader_changed,
        .card_present = card_present,
        .card_gone = card_gone,
};

/* Jobs */

static void job_added(Job *job, void *userdata) {
        Api *api = userdata;
        char path[JOB_PATH_MAX];
        int r;

        if (!api->started)
                return;

        job_object_path(job, path);
        r = publisher_add(api->jobs, path, job);
        if (r < 0)
                log_event(LOG_INTERNAL, &(LogSubject){ .job = job_uuid(job) },
                          "A job could not be put on the bus: %s", strerrordesc_np(-r));
        api_status_changed(api);
}

static void job_changed(Job *job, void *userdata) {
        Api *api = userdata;
        char path[JOB_PATH_MAX];

        if (!api->started)
                return;

        job_object_path(job, path);
        publisher_change(api->jobs, path);
        api_say_later(api);
}

static void job_finished(Job *job, bool success, void *userdata) {
        Api *api = userdata;

        if (!api->started)
                return;

        job_object_finished(api, job, success);
        api_root_changed(api);
        api_status_changed(api);
}

static void job_reissued(Job *job, const char *type, uint32_t count, void *userdata) {
        Api *api = userdata;

        if (api->started)
                root_object_reissued(api, job, type, count);
}

static void automatic_refused(Reader *reader, const Failure *failure, void *userdata) {
        Api *api = userdata;
        _cleanup_free_ char *path = reader_object_path(reader);

        if (api->started && path)
                root_object_automatic_refused(api, path, failure);
}

static void job_removed(Job *job, void *userdata) {
        Api *api = userdata;
        char path[JOB_PATH_MAX];

        if (!api->started)
                return;

        job_object_path(job, path);
        publisher_remove(api->jobs, path);
        api_status_changed(api);
}

const JobObserver *api_job_observer(void) {
        static const JobObserver observer = {
                .job_added = job_added,
                .job_changed = job_changed,
                .job_finished = job_finished,
                .job_reissued = job_reissued,
                .automatic_refused = automatic_refused,
                .job_removed = job_removed,
        };

        return &observer;
}

int api_new(const ApiParts *parts, Api **ret) {
        Api *api;

        api = new0(Api, 1);
        if (!api)
                return -ENOMEM;

        api->parts = parts;
        *ret = api;
        return 0;
}

Api *api_free(Api *api) {
        if (!api)
                return NULL;

        authority_free(api->authority);
        publisher_free(api->readers);
        publisher_free(api->jobs);
        publisher_free(api->root);
        sd_bus_slot_unref(api->object_manager);
        sd_event_source_disable_unref(api->say);
        free(api);
        return NULL;
}

static int api_start_saying(Api *api) {
        int r;

        r = sd_event_add_defer(api->parts->event, &api->say, on_say, api);
        if (r < 0)
                return r;

        /* After everything else that has happened, so that what it changed is said once. */
        r = sd_event_source_set_priority(api->say, SD_EVENT_PRIORITY_NORMAL + 1);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(api->say, SD_EVENT_OFF);
}

static int api_add_objects(Api *api) {
        const ApiParts *parts = api->parts;
        int r;

        r = sd_bus_add_object_manager(parts->bus, &api->object_manager, API_PATH);
        if (r < 0)
                return r;

        r = publisher_new(parts->bus, &root_object_kind, api, &api->root);
        if (r < 0)
                return r;

        r = publisher_new(parts->bus, &reader_object_kind, api, &api->readers);
        if (r < 0)
                return r;

        r = publisher_new(parts->bus, &job_object_kind, api, &api->jobs);
        if (r < 0)
                return r;

        return publisher_add(api->root, API_PATH, api);
}

int api_start(Api *api) {
        const ApiParts *parts = api->parts;
        int r;

        r = api_start_saying(api);
        if (r < 0)
                return r;

        r = authority_new(parts->bus, access_rule, api, &api->authority);
        if (r < 0)
                return r;

        r = api_add_objects(api);
        if (r < 0)
                return r;

        api->started = true;
        for (Reader *reader = readers_next(parts->readers, NULL); reader;
             reader = readers_next(parts->readers, reader))
                reader_added(reader, api);
        for (Job *job = job_engine_next(parts->engine, NULL); job; job = job_engine_next(parts->engine, job))
                job_added(job, api);

        api_status_changed(api);
        return readers_observe(parts->readers, &readers_observer, api);
}
