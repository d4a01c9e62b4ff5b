/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalogue: which files there are, which replaces which, and the correlation from card types to
 * profiles. */
#include "card/catalogue.h"

#include <stdatomic.h>
#include <stdio.h>

#include "card/type-readout.h"

typedef struct Correlation {
        char *type;
        size_t profile; /* its place among the profiles */
} Correlation;

struct Catalogue {
        atomic_uint references;
        TypeReadout type_readout;
        Correlation *correlations;
        size_t correlation_count;
        Profile **profiles; /* each once, whichever types share it */
        size_t profile_count;
};

Catalogue *catalogue_ref(Catalogue *catalogue) {
        atomic_fetch_add(&catalogue->references, 1);
        return catalogue;
}

Catalogue *catalogue_unref(Catalogue *catalogue) {
        if (!catalogue || atomic_fetch_sub(&catalogue->references, 1) > 1)
                return NULL;

        type_readout_done(&catalogue->type_readout);
        for (size_t i = 0; i < catalogue->correlation_count; i++)
                free(catalogue->correlations[i].type);
        for (size_t i = 0; i < catalogue->profile_count; i++)
                profile_free(catalogue->profiles[i]);

        free(catalogue->correlations);
        free(catalogue->profiles);
        free(catalogue);
        return NULL;
}

const TypeReadout *catalogue_type_readout(const Catalogue *catalogue) {
        return &catalogue->type_readout;
}

const Profile *catalogue_profile(const Catalogue *catalogue, const char *type) {
        for (size_t i = 0; i < catalogue->correlation_count; i++)
                if (streq(catalogue->correlations[i].type, type))
                        return catalogue->profiles[catalogue->correlations[i].profile];

        return NULL;
}

int catalogue_check_interface(const Catalogue *catalogue, const char *type, Span atr, const char *reader,
                              Failure *failure) {
        const Profile *profile = catalogue_profile(catalogue, type);

        if (!profile || !profile->contacts_only || !atr_is_contactless(atr))
                return 0;

        return failure_set(failure, FAILURE_CARD_TYPE_MISMATCH,
                           "Cards of type %s are written over contacts alone, and %s speaks to its card over "
                           "the air; put the card into a reader with contacts.",
                           type, reader);
}

size_t catalogue_type_count(const Catalogue *catalogue) {
        return catalogue->correlation_count;
}

const char *catalogue_type(const Catalogue *catalogue, size_t n) {
        return catalogue->correlations[n].type;
}

/* The administrator's file, else the vendor's. */
static int load_either(const char *config_directory, const char *data_directory, const char *name,
                       YamlFile **ret, Failure *failure) {
        const char *const directories[] = { config_directory, data_directory };

        for (size_t i = 0; i < ELEMENTS(directories); i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                if (asprintf(&path, "%s/%s", directories[i], name) < 0) {
                        path = NULL;
                        return failure_no_memory(failure);
                }

                r = yaml_file_load(path, ret, failure);
                if (r != -ENOENT)
                        return r;
        }

        return failure_set(failure, FAILURE_PROFILE_INVALID, "There is no %s in %s or %s", name,
                           config_directory, data_directory);
}

/* The profile of that name, loaded and proven the first time that it is named. */
static int add_profile(Catalogue *catalogue, const char *name, const char *const *directories, size_t *ret,
                       Failure *failure) {
        _cleanup_(profile_freep) Profile *profile = NULL;
        Profile **profiles;
        int r;

        for (size_t i = 0; i < catalogue->profile_count; i++)
                if (streq(catalogue->profiles[i]->name, name)) {
                        *ret = i;
                        return 0;
                }

        r = profile_load(name, directories, &profile, failure);
        if (r >= 0)
                r = profile_prove(profile, failure);
        if (r < 0)
                return r;

        profiles = reallocarray(catalogue->profiles, catalogue->profile_count + 1, sizeof(*profiles));
        if (!profiles)
                return failure_no_memory(failure);

        catalogue->profiles = profiles;
        *ret = catalogue->profile_count;
        catalogue->profiles[catalogue->profile_count++] = TAKE_PTR(profile);
        return 0;
}

/* A type that no entry of the type readout can ever give is a mistake. */
static bool is_reachable(const Catalogue *catalogue, const char *type) {
        for (size_t i = 0; i < catalogue->type_readout.count; i++) {
                const TypeEntry *entry = &catalogue->type_readout.entries[i];

                if (entry->told || streq(entry->type, type))
                        return true;
        }

        return false;
}

static int read_correlation(Catalogue *catalogue, YamlNode root, const char *const *directories,
                            Failure *failure) {
        int r;

        r = yaml_expect(root, YAML_MAPPING, "a mapping from card types to card profiles", failure);
        if (r < 0)
                return r;

        catalogue->correlations = new0(Correlation, yaml_count(root) + 1);
        if (!catalogue->correlations)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(root); i++) {
                Correlation *correlation = &catalogue->correlations[catalogue->correlation_count++];
                YamlNode type = yaml_key(root, i);
                const char *name = NULL;

                if (!type_name_is_valid(yaml_text(type)))
                        return yaml_complain(type, failure,
                                             "expected a card type of small letters, digits and '-'");
                if (!is_reachable(catalogue, yaml_text(type)))
                        return yaml_complain(type, failure,
                                             "expected a card type that the type readout can give");

                correlation->type = strdup(yaml_text(type));
                if (!correlation->type)
                        return failure_no_memory(failure);

                r = yaml_read_text(yaml_value(root, i), "the name of a card profile", &name, failure);
                if (r >= 0)
                        r = add_profile(catalogue, name, directories, &correlation->profile, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_entries(const Catalogue *catalogue, Failure *failure) {
        for (size_t i = 0; i < catalogue->type_readout.count; i++) {
                const TypeEntry *entry = &catalogue->type_readout.entries[i];

                if (!entry->told && !catalogue_profile(catalogue, entry->type))
                        return place_complain(
                                entry->place, failure,
                                "expected a card type that correlation.yaml names; \"%s\" is not there",
                                entry->type);
        }

        return 0;
}

int catalogue_load(const char *config_directory, const char *data_directory, Catalogue **ret,
                   Failure *failure) {
        _cleanup_(catalogue_unrefp) Catalogue *catalogue = NULL;
        _cleanup_(yaml_file_freep) YamlFile *correlation = NULL;
        _cleanup_free_ char *config_cards = NULL, *data_cards = NULL;
        YamlFile *types = NULL;
        int r;

        catalogue = new0(Catalogue, 1);
        if (!catalogue)
                return failure_no_memory(failure);

        catalogue->references = 1;
        if (asprintf(&config_cards, "%s/cards", config_directory) < 0) {
                config_cards = NULL;
                return failure_no_memory(failure);
        }
        if (asprintf(&data_cards, "%s/cards", data_directory) < 0) {
                data_cards = NULL;
                return failure_no_memory(failure);
        }

        r = load_either(config_directory, data_directory, "type-readout.yaml", &types, failure);
        if (r >= 0)
                r = type_readout_parse(types, &catalogue->type_readout, failure);
        if (r >= 0)
                r = load_either(config_directory, data_directory, "correlation.yaml", &correlation, failure);
        if (r >= 0)
                r = read_correlation(catalogue, yaml_file_root(correlation),
                                     (const char *const[]){ config_cards, data_cards, NULL }, failure);
        if (r >= 0)
                r = check_entries(catalogue, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(catalogue);
        return 0;
}
