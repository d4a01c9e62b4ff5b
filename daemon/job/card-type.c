/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card of another type than the record's: which type a job makes, and which of the record's fields go with it. */
#include "job/job-private.h"

const char *job_made_type(const Job *job) {
        return job->card_type ? job->card_type : job->type;
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
        json_t *names = json_array();

        for (size_t i = 0; profile && i < profile_field_count(profile); i++)
                if (json_array_append_new(names, json_string(profile_field_name(profile, i))) < 0) {
                        json_decref(names);
                        return NULL;
                }

        return names;
}

/* Those that the profile has too, by their names; the ID is none of them. */
static json_t *carry(const Profile *profile, const json_t *fields) {
        json_t *carried = json_object();

        for (size_t i = 0; i < profile_field_count(profile); i++) {
                const char *name = profile_field_name(profile, i);
                json_t *value = json_object_get(fields, name);

                if (value && json_object_set_new(carried, name, json_deep_copy(value)) < 0) {
                        json_decref(carried);
                        return NULL;
                }
        }

        return carried;
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
                                                         : carry(profile, record->fields);
        if (!fields)
                return failure_no_memory(failure);

        r = profile_check_extracted(profile, record->id, fields, failure);
        if (r < 0) {
                if (!streq(record->type, job_made_type(job)))
                        failure_prefix(failure, "The record cannot become a card of type %s",
                                       job_made_type(job));
                json_decref(fields);
                return r;
        }

        *ret = fields;
        return 0;
}
