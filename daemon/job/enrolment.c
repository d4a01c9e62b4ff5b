/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records are held against their card type's profile when they enter the issuance file, not when a card is in the
 * reader. */
#include "job/job-private.h"

int enrolment_check(const Record *record, void *catalogue, Failure *failure) {
        const Profile *profile = catalogue_profile(catalogue, record->type);

        if (profile && record->moved) /* of an export: it points to the record */
                return 0;
        if (!profile)
                return failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                                   "No profile is correlated with card type %s; see icreissuectl types.",
                                   record->type);

        return profile_check_fields(profile, record->id, record->fields, failure);
}

static size_t count_fields(const Catalogue *catalogue) {
        size_t count = 0;

        for (size_t i = 0; i < catalogue_type_count(catalogue); i++)
                count += profile_field_count(catalogue_profile(catalogue, catalogue_type(catalogue, i)));

        return count;
}

int job_engine_fields(const Catalogue *catalogue, IssuanceFields **ret) {
        _cleanup_free_ IssuanceField *rows = new0(IssuanceField, count_fields(catalogue) + 1);
        size_t count = 0;

        if (!rows)
                return -ENOMEM;

        for (size_t i = 0; i < catalogue_type_count(catalogue); i++) {
                const char *type = catalogue_type(catalogue, i);
                const Profile *profile = catalogue_profile(catalogue, type);

                for (size_t k = 0; k < profile_field_count(profile); k++) {
                        const char *name = profile_field_name(profile, k);

                        rows[count++] = (IssuanceField){
                                .type = type,
                                .name = name,
                                .secret = profile_field_is_secret(profile, name),
                                .indexed = profile_field_is_indexed(profile, name),
                        };
                }
        }

        return issuance_fields_new(rows, count, ret);
}

int job_engine_put_record(JobEngine *engine, const json_t *object, const Actor *actor, RecordDone done,
                          void *userdata, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        r = record_from_json(object, &record, failure);
        if (r < 0)
                return r;

        if (record->extraction)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record is reserved by jobs only; leave out \"extraction\".");

        if (record->moved)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "A record moves to another card type when such a card is issued "
                                   "(Reissue, Issue with \"card-type\"); leave out \"moved\".");

        r = enrolment_check(record, engine->parts.catalogue, failure);
        if (r < 0)
                return r;

        r = issuance_file_put(engine->parts.issuance, record, json_object_get(object, "flag") != NULL,
                              json_object_get(object, "count") != NULL, actor, done, userdata);
        if (r < 0)
                return failure_no_memory(failure);

        TAKE_PTR(record);
        return 0;
}
