/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the new card is to look like: its design is there and fits the card's type before the job begins, and is drawn once
 * from the very data that will be on the card, before a blank is touched. */
#include "job/job-private.h"

int design_set(Job *job, const char *design, Failure *failure) {
        if (!design || !*design)
                return 0;

        job->design = strdup(design);
        return job->design ? 0 : failure_no_memory(failure);
}

int design_set_default(Job *job, Failure *failure) {
        if (job->design)
                return 0;

        return design_set(job, config_design(job->engine->parts.config, job_made_type(job)), failure);
}

/* --- before the job begins --- */

typedef struct DesignStart {
        Job *job;
        JobAnswer done;
        void *userdata;
} DesignStart;

static void on_fitting(int picture _unused_, const Failure *failure, void *userdata) {
        _cleanup_free_ DesignStart *start = userdata;
        _cleanup_(job_freep) Job *job = start->job;
        _cleanup_failure_ Failure reason = {};

        if (failure_is_set(failure))
                start->done(NULL, failure, start->userdata);
        else if (job_begin(TAKE_PTR(job), start->done, start->userdata, NULL, &reason) < 0)
                start->done(NULL, &reason, start->userdata);
}

int design_begin(Job *job, const char *type, JobAnswer done, void *userdata, Failure *failure) {
        const DesignRequest request = { .design = job->design, .type = type, .task = DESIGN_DESCRIBE };
        _cleanup_free_ DesignStart *start = NULL;
        _cleanup_(job_freep) Job *owned = job;
        int r;

        if (!job->design)
                return job_begin(TAKE_PTR(owned), done, userdata, NULL, failure);

        start = new0(DesignStart, 1);
        if (!start)
                return failure_no_memory(failure);

        *start = (DesignStart){ .job = job, .done = done, .userdata = userdata };
        r = designs_draw(job->engine->parts.designs, &request, on_fitting, start, failure);
        if (r < 0)
                return r;

        TAKE_PTR(owned);
        TAKE_PTR(start);
        return 0;
}

/* --- before a card is touched --- */

static int set_value(json_t *values, const char *name, const char *text) {
        if (!text || json_object_get(values, name))
                return 0;

        return json_object_set_new(values, name, json_string(text));
}

json_t *design_values(const JobEngine *engine, const char *type, const char *id, uint32_t count,
                      const json_t *fields) {
        const Profile *profile = catalogue_profile(engine->parts.catalogue, type);
        json_t *values = json_object(), *value;
        char number[sizeof("4294967295")];
        const char *name;

        snprintf(number, sizeof(number), "%" PRIu32, count);
        json_object_foreach((json_t *) fields, name, value)
                if (profile && !profile_field_is_secret(profile, name))
                        json_object_set(values, name, value);

        if (set_value(values, "id", id) < 0 || set_value(values, "type", type) < 0 ||
            set_value(values, "count", number) < 0 ||
            set_value(values, "organisation", engine->parts.config->organisation) < 0 ||
            set_value(values, "address", engine->parts.config->address) < 0) {
                json_decref(values);
                return NULL;
        }

        return values;
}

static void on_checked(int picture _unused_, const Failure *failure, void *userdata) {
        Job *job = userdata;

        job->drawing = false;
        if (job->cancel_wanted)
                job_dispatch(job, EVENT_CANCEL);
        else if (failure->kind == FAILURE_CANCELLED)
                return; /* the service is stopping: the job goes on from here after the restart */
        else if (failure_is_set(failure))
                job_fail(job, failure);
        else
                job_dispatch(job, EVENT_EXTRACTED);
}

void design_check(Job *job) {
        DesignRequest request = { .design = job->design, .type = job_made_type(job), .task = DESIGN_CHECK };
        _cleanup_failure_ Failure failure = {};
        json_t *values;
        int r;

        values = design_values(job->engine, job_made_type(job), job_made_id(job), job->count, job->fields);
        if (!values || receipt_keep(job, values) < 0) {
                json_decref(values);
                failure_no_memory(&failure);
                job_fail(job, &failure);
                return;
        }

        if (!job->design) {
                json_decref(values);
                job_dispatch(job, EVENT_EXTRACTED);
                return;
        }

        request.values = values;
        r = designs_draw(job->engine->parts.designs, &request, on_checked, job, &failure);
        json_decref(job->face);
        job->face = job->print && job->engine->parts.config->printer ? json_incref(values) : NULL;
        json_decref(values);
        if (r < 0)
                job_fail(job, &failure);
        else
                job->drawing = true;
}

/* --- previews --- */

typedef struct Preview {
        JobEngine *engine;
        char *design;
        unsigned dpi;
        DesignDone done;
        void *userdata;
} Preview;

static Preview *preview_free(Preview *preview) {
        if (!preview)
                return NULL;

        free(preview->design);
        free(preview);
        return NULL;
}
DEFINE_CLEANUP(Preview *, preview_free)

static void on_preview_record(const Record *record, const Failure *failure, void *userdata) {
        _cleanup_(preview_freep) Preview *preview = userdata;
        DesignRequest request = { .design = preview->design, .task = DESIGN_PNG, .dpi = preview->dpi };
        _cleanup_failure_ Failure reason = {};
        json_t *values;
        int r;

        preview->engine->stores_pending--;
        if (!record) {
                preview->done(-1, failure, preview->userdata);
                engine_check_parked(preview->engine);
                return;
        }

        values = design_values(preview->engine, record->type, record->id, record->count, record->fields);
        request.type = record->type;
        request.values = values;
        r = values ? designs_draw(preview->engine->parts.designs, &request, preview->done, preview->userdata,
                                  &reason)
                   : failure_no_memory(&reason);
        json_decref(values);
        if (r < 0)
                preview->done(-1, &reason, preview->userdata);
        engine_check_parked(preview->engine);
}

int job_engine_preview(JobEngine *engine, const PreviewRequest *request, DesignDone done, void *userdata,
                       Failure *failure) {
        const DesignRequest sample = {
                .design = request->design, .type = request->type, .task = DESIGN_PNG, .dpi = request->dpi
        };
        _cleanup_(preview_freep) Preview *preview = NULL;
        int r;

        if (request->dpi < DESIGN_DPI_MIN || request->dpi > DESIGN_DPI_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "dpi must be %d to %d.", DESIGN_DPI_MIN,
                                   DESIGN_DPI_MAX);

        if (!*request->id)
                return designs_draw(engine->parts.designs, &sample, done, userdata, failure);

        r = record_check_key(request->type, request->id, failure);
        if (r < 0)
                return r;

        preview = new0(Preview, 1);
        if (!preview || !(preview->design = strdup(request->design)))
                return failure_no_memory(failure);

        preview->engine = engine;
        preview->dpi = request->dpi;
        preview->done = done;
        preview->userdata = userdata;
        if (issuance_file_get(engine->parts.issuance, request->type, request->id, on_preview_record,
                              preview) < 0)
                return failure_no_memory(failure);

        engine->stores_pending++;
        TAKE_PTR(preview);
        return 0;
}
