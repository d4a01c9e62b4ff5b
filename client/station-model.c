/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model of the station display. A batch may have a thousand jobs, so what is shown of them is chosen in one pass for
 * each row, without sorting them all. */
#include "client/station-model.h"

#include "client/job-view.h"

struct StationModel {
        StationService service;
        json_t *root;    /* the service's own properties */
        json_t *readers; /* {path: properties} */
        json_t *jobs;    /* the same */
        json_t *gone;    /* ended jobs whose objects have left the bus: at most STATION_JOBS_SHOWN */
        char *notice;
        char *selected;        /* a job's path; NULL: the one that matters most */
        const StationKey *key; /* that is asked for */
        char *asked;           /* the path of its job */
};

StationModel *station_model_new(void) {
        _cleanup_(station_model_freep) StationModel *model = new0(StationModel, 1);

        if (!model)
                return NULL;

        model->root = json_object();
        model->readers = json_object();
        model->jobs = json_object();
        model->gone = json_object();
        return model->root && model->readers && model->jobs && model->gone ? TAKE_PTR(model) : NULL;
}

StationModel *station_model_free(StationModel *model) {
        if (!model)
                return NULL;

        json_decref(model->root);
        json_decref(model->readers);
        json_decref(model->jobs);
        json_decref(model->gone);
        free(model->notice);
        free(model->selected);
        free(model->asked);
        free(model);
        return NULL;
}

static bool is_open(const json_t *properties) {
        return !job_state_is_final(job_text(properties, "State"));
}

bool station_job_waits(const json_t *properties) {
        const char *state = job_text(properties, "State");

        if (streq(state, "printing"))
                return *job_text(properties, "ErrorName") != '\0';

        return streq(state, "waiting-for-card") || streq(state, "waiting-for-blank") ||
               streq(state, "discarding") || streq(state, "paused");
}

/* The path of the ended job that left first. */
static const char *oldest_gone(const StationModel *model) {
        const char *path, *oldest = NULL;
        json_t *properties;

        json_object_foreach(model->gone, path, properties)
                if (!oldest || job_number_from_path(path) < job_number_from_path(oldest))
                        oldest = path;

        return oldest;
}

/* A job's object is no longer there. One that had not ended is not remembered: nobody knows how it went. */
static int remember_gone(StationModel *model, const char *path, json_t *properties) {
        if (is_open(properties))
                return 0;
        if (json_object_set(model->gone, path, properties) < 0)
                return -ENOMEM;
        if (json_object_size(model->gone) > STATION_JOBS_SHOWN)
                json_object_del(model->gone, oldest_gone(model));

        return 0;
}

int station_model_add(StationModel *model, const char *path, const json_t *interfaces) {
        json_t *reader = json_object_get(interfaces, READER_INTERFACE);
        json_t *job = json_object_get(interfaces, JOB_INTERFACE);

        if (reader && json_object_set_new(model->readers, path, json_copy(reader)) < 0)
                return -ENOMEM;
        if (!job)
                return 0;

        json_object_del(model->gone, path);
        return json_object_set_new(model->jobs, path, json_copy(job)) < 0 ? -ENOMEM : 0;
}

int station_model_remove(StationModel *model, const char *path) {
        json_t *job = json_object_get(model->jobs, path);
        int r = job ? remember_gone(model, path, job) : 0;

        json_object_del(model->jobs, path);
        json_object_del(model->readers, path);
        return r;
}

int station_model_set_objects(StationModel *model, const json_t *objects) {
        const char *path;
        json_t *value;
        void *next;
        int r = 0;

        json_object_clear(model->readers);
        json_object_foreach_safe(model->jobs, next, path, value) {
                if (json_object_get(objects, path))
                        continue;

                r = remember_gone(model, path, value);
                if (r < 0)
                        return r;
                json_object_del(model->jobs, path);
        }

        json_object_foreach((json_t *) objects, path, value) {
                r = station_model_add(model, path, value);
                if (r < 0)
                        return r;
        }

        return 0;
}

int station_model_set_root(StationModel *model, const json_t *properties) {
        return json_object_update(model->root, (json_t *) properties) < 0 ? -ENOMEM : 0;
}

int station_model_change(StationModel *model, const char *path, const char *interface,
                         const json_t *changed) {
        json_t *properties = NULL;

        if (streq(interface, READER_INTERFACE))
                properties = json_object_get(model->readers, path);
        else if (streq(interface, JOB_INTERFACE))
                properties = json_object_get(model->jobs, path);

        return properties && json_object_update(properties, (json_t *) changed) < 0 ? -ENOMEM : 0;
}

void station_model_set_service(StationModel *model, StationService service) {
        model->service = service;
        if (service != STATION_STOPPED)
                return;

        json_object_clear(model->readers);
        json_object_clear(model->root);
        station_model_ask(model, NULL);
}

StationService station_model_service(const StationModel *model) {
        return model->service;
}

void station_model_set_notice(StationModel *model, const char *text) {
        free(model->notice);
        model->notice = strdup(text);
}

const char *station_model_notice(const StationModel *model) {
        return model->notice ?: "";
}

const json_t *station_model_root(const StationModel *model, const char *property) {
        return json_object_get(model->root, property);
}

/* The reader with the first name after `after`, by name and then by place in memory, which tells two apart. */
static const json_t *next_reader(const StationModel *model, const json_t *after) {
        const json_t *best = NULL;
        const char *path;
        json_t *reader;

        json_object_foreach(model->readers, path, reader) {
                int order = after ? strcmp(job_text(reader, "Name"), job_text(after, "Name")) : 1;

                if (order < 0 || (order == 0 && reader <= after))
                        continue;

                order = best ? strcmp(job_text(reader, "Name"), job_text(best, "Name")) : -1;
                if (order < 0 || (order == 0 && reader < best))
                        best = reader;
        }

        return best;
}

size_t station_model_readers(const StationModel *model, const json_t **readers, size_t max) {
        const json_t *reader = NULL;

        for (size_t i = 0; i < max; i++) {
                reader = next_reader(model, reader);
                if (!reader)
                        break;
                readers[i] = reader;
        }

        return json_object_size(model->readers);
}

/* The open job with the next higher number, or the ended one with the next lower. `from` of 0 begins. */
static bool next_job(const StationModel *model, bool open, json_int_t from, StationJob *ret) {
        json_t *const sources[] = { model->jobs, model->gone };
        json_int_t best = 0;

        for (size_t i = 0; i < ELEMENTS(sources); i++) {
                const char *path;
                json_t *properties;

                json_object_foreach(sources[i], path, properties) {
                        json_int_t number = job_number_from_path(path);

                        if (is_open(properties) != open)
                                continue;
                        if (from != 0 && (open ? number <= from : number >= from))
                                continue;
                        if (best != 0 && (open ? number > best : number < best))
                                continue;

                        best = number;
                        *ret = (StationJob){ path, properties, sources[i] == model->gone };
                }
        }

        return best != 0;
}

static size_t next_jobs(const StationModel *model, bool open, StationJob *jobs, size_t max) {
        json_int_t number = 0;
        size_t count = 0;

        while (count < max && next_job(model, open, number, &jobs[count])) {
                number = job_number_from_path(jobs[count].path);
                count++;
        }

        return count;
}

size_t station_model_jobs(const StationModel *model, StationJob jobs[static STATION_JOBS_SHOWN]) {
        StationJob ended[STATION_JOBS_SHOWN];
        size_t ended_count = next_jobs(model, false, ended, STATION_JOBS_SHOWN), kept;
        size_t count, half = STATION_JOBS_SHOWN / 2;

        kept = MIN_OF(ended_count, half);
        count = next_jobs(model, true, jobs, STATION_JOBS_SHOWN - kept);
        for (size_t i = 0; i < ended_count && count < STATION_JOBS_SHOWN; i++)
                jobs[count++] = ended[i];

        return count;
}

size_t station_model_open_jobs(const StationModel *model) {
        size_t count = 0;
        const char *path;
        json_t *properties;

        json_object_foreach(model->jobs, path, properties)
                count += is_open(properties);

        return count;
}

/* The lower, the more it matters to the person at the desk. */
static unsigned rank(const json_t *properties) {
        const char *kind = job_text(properties, "Kind");

        if (!is_open(properties))
                return 5;
        if (streq(kind, "extraction"))
                return 4; /* a branch's person has it */
        if (station_job_waits(properties))
                return streq(kind, "batch") ? 1 : 0;

        return streq(kind, "reissue") || streq(kind, "issue") ? 2 : 3;
}

/* Among open jobs of one rank the oldest, among ended ones the last. */
static bool matters_more(const StationJob *job, const StationJob *than) {
        unsigned a = rank(job->properties), b = rank(than->properties);
        json_int_t number = job_number_from_path(job->path), other = job_number_from_path(than->path);

        if (a != b)
                return a < b;

        return a == 5 ? number > other : number < other;
}

static bool find_job(const StationModel *model, const char *path, StationJob *ret) {
        json_t *properties = json_object_get(model->jobs, path);
        bool gone = !properties;

        if (gone)
                properties = json_object_get(model->gone, path);

        *ret = (StationJob){ json_object_iter_key(
                                     json_object_iter_at(gone ? model->gone : model->jobs, path)),
                             properties, gone };
        return properties;
}

bool station_model_current(const StationModel *model, StationJob *ret) {
        StationJob best = {};
        const char *path;
        json_t *properties;

        if (model->selected && find_job(model, model->selected, ret))
                return true;

        json_object_foreach(model->jobs, path, properties) {
                StationJob job = { path, properties, false };

                if (!best.path || matters_more(&job, &best))
                        best = job;
        }

        *ret = best;
        return best.path;
}

void station_model_select(StationModel *model, int step) {
        StationJob jobs[STATION_JOBS_SHOWN], current;
        size_t count = station_model_jobs(model, jobs), place = 0;

        if (step != 0 && station_model_current(model, &current))
                for (size_t i = 0; i < count; i++)
                        if (streq(jobs[i].path, current.path))
                                place = step > 0 ? MIN_OF(i + 1, count - 1) : i - (i > 0);

        free(model->selected);
        model->selected = step != 0 && count > 0 ? strdup(jobs[place].path) : NULL;
}

void station_model_ask(StationModel *model, const StationKey *key) {
        StationJob job;

        free(model->asked);
        model->asked = key && station_model_current(model, &job) ? strdup(job.path) : NULL;
        model->key = model->asked ? key : NULL;
}

const StationKey *station_model_asked(const StationModel *model, const char **ret_path) {
        if (!model->key || !json_object_get(model->jobs, model->asked))
                return NULL;

        *ret_path = model->asked;
        return model->key;
}
