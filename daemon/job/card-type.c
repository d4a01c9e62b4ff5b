/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card of another type than the record's: which type a job makes, and which of the record's fields go with it. */
#include "job/job-private.h"

const char *job_made_type(const Job *job) {
        return job->card_type ? job->card_type : job->type;
}

const char *job_made_id(const Job *job) {
        return job->card_id ? job->card_id : job->id;
}

int card_type_choose(Job *job, const char *card_type, Failure *failure) {
        if (!card_type || !*card_type)
                return 0;

        if (!catalogue_profile(job->engine->parts.catalogue, card_type))
                return failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                                   "No profile is correlated with card type %.64s; see icreissuectl types.",
                                   card_type);

        return replace_string(&job->card_type, card_type) < 0 ? failure_no_memory(failure) : 0;
}

int card_type_check_same(const Job *job, const char *card_type, Failure *failure) {
        if (streq(job_made_type(job), card_type ? card_type : job->type))
                return 0;

        return failure_set(failure, FAILURE_INVALID_ARGS, "Job %s is about a card of another type.",
                           job->uuid);
}

json_t *card_type_fields(const Job *job) {
        const Profile *profile =
                job->card_type ? catalogue_profile(job->engine->parts.catalogue, job->card_type) : NULL;

        return profile ? profile_carried(profile) : json_object();
}

/* What the record has for that field of the profile; the caller owns it. NULL for nothing. */
static json_t *carried_value(const Profile *profile, const Record *record, const char *name) {
        const char *source = profile_carried_from(profile, record->type, name);

        return streq(source, "id") ? json_string(record->id)
                                   : json_deep_copy(json_object_get(record->fields, source));
}

/* Those that the profile has too, by their names or as its `carry:` says; the ID is none of them. */
static json_t *carry(const Profile *profile, const Record *record) {
        json_t *carried = json_object();

        for (size_t i = 0; i < profile_field_count(profile); i++) {
                const char *name = profile_field_name(profile, i);
                json_t *value = streq(name, "id") ? NULL : carried_value(profile, record, name);

                if (value && json_object_set_new(carried, name, value) < 0) {
                        json_decref(carried);
                        return NULL;
                }
        }

        return carried;
}

/* The new card's ID, where it is another than the old one's. */
static int take_id(Job *job, const Profile *profile, const Record *record, Failure *failure) {
        const char *source = profile_carried_from(profile, record->type, "id"), *id = record->id;
        int r = 0;

        if (!streq(record->type, job_made_type(job)) && !streq(source, "id"))
                id = json_string_value(json_object_get(record->fields, source));
        if (!id)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The record's field \"%s\" is missing, which a card of type %s has as its ID; "
                        "put it there first.",
                        source, job_made_type(job));

        if (!streq(id, job_made_id(job)))
                r = replace_string(&job->card_id, id);

        return r < 0 ? failure_no_memory(failure) : 0;
}

static int check_taken(const Job *job, const Profile *profile, const Record *record, const json_t *fields,
                       Failure *failure) {
        int r = profile_check_extracted(profile, job_made_id(job), fields, failure);

        if (r < 0 && !streq(record->type, job_made_type(job)))
                failure_prefix(failure, "The record cannot become a card of type %s", job_made_type(job));

        return r;
}

int card_type_take_fields(Job *job, const Record *record, json_t **ret, Failure *failure) {
        const Profile *profile;
        json_t *fields;
        int r = 0;

        /* The old card's type led to a record that has moved. */
        if (!job->card_type && !streq(record->type, job->type))
                r = replace_string(&job->card_type, record->type);
        if (r < 0)
                return failure_no_memory(failure);

        profile = catalogue_profile(job->engine->parts.catalogue, job_made_type(job));
        if (!profile)
                return failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                                   "No profile is correlated with card type %s; see icreissuectl types.",
                                   job_made_type(job));

        fields = streq(record->type, job_made_type(job)) ? json_deep_copy(record->fields)
                                                         : carry(profile, record);
        if (!fields)
                return failure_no_memory(failure);

        r = take_id(job, profile, record, failure);
        if (r >= 0)
                r = check_taken(job, profile, record, fields, failure);
        if (r < 0) {
                json_decref(fields);
                return r;
        }

        *ret = fields;
        return 0;
}
