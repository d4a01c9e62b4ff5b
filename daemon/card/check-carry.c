/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `carry:` says of another card type, held against that type's own profile. */
#include "base/mistakes.h"
#include "card/profile-check.h"
#include "card/profile.h"

/* The profile of a card type; NULL where it cannot be loaded, which is a mistake of its own. */
static int load_other(const ProfilePlaces *places, const YamlFile *correlation, const Carried *carried,
                      Profile **ret, Failure *failure) {
        const char *name = yaml_text(yaml_find(yaml_file_root(correlation), carried->type));
        _cleanup_failure_ Failure ignored = {};
        ProfilePlaces other = *places;

        *ret = NULL;
        if (!name)
                return failure_note(failure,
                                    place_complain(carried->place, failure,
                                                   "expected a card type that correlation.yaml names; "
                                                   "\"%s\" is not there",
                                                   carried->type));

        other.name = (char *) name;
        (void) profile_places_profile(&other, ret, &ignored);
        return 0;
}

static int check_source(const Carried *carried, const Profile *other, Failure *failure) {
        const Field *source = profile_field(other, carried->source);

        if (!source)
                return place_complain(carried->place, failure,
                                      "expected a field of card type %s; it has no \"%s\"", carried->type,
                                      carried->source);
        if (source->secret && !carried->field->secret)
                return place_complain(carried->place, failure,
                                      "expected the field \"%s\" to be secret, as \"%s\" of card type %s is",
                                      carried->field->name, carried->source, carried->type);

        return 0;
}

int profile_check_carried(const Profile *profile, const ProfilePlaces *places, Failure *failure) {
        _cleanup_(yaml_file_freep) YamlFile *correlation = NULL;
        bool near;
        int r;

        if (profile->carried_count == 0)
                return 0;

        r = profile_places_load(places, "correlation.yaml", &correlation, &near, failure);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        for (size_t i = 0; i < profile->carried_count; i++) {
                const Carried *carried = &profile->carried[i];
                _cleanup_(profile_freep) Profile *other = NULL;

                r = load_other(places, correlation, carried, &other, failure);
                if (r >= 0 && other)
                        r = failure_note(failure, check_source(carried, other, failure));
                if (r < 0)
                        return r;
        }

        return 0;
}
