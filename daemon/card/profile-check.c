/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All mistakes of one profile, those of the tables that lead to it among them. */
#include "card/profile-check.h"

#include <libgen.h>

#include "card/type-readout.h"

void profile_report_done(ProfileReport *report) {
        mistakes_done(&report->mistakes);
        mistakes_done(&report->remarks);
        free(report->explanation);
        *report = (ProfileReport){};
}

void profile_places_done(ProfilePlaces *places) {
        char **const texts[] = { &places->name, &places->own,          &places->above,     &places->config,
                                 &places->data, &places->config_cards, &places->data_cards };

        for (size_t i = 0; i < ELEMENTS(texts); i++)
                free(*texts[i]);

        *places = (ProfilePlaces){};
}

/* "DIRECTORY/FILE", or NULL where there is no directory. */
static int join(const char *directory, const char *file, char **ret) {
        char *path = NULL;

        if (directory && asprintf(&path, "%s/%s", directory, file) < 0)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static int copy(const char *text, char **ret) {
        *ret = text ? strdup(text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

static int fill_places(const char *path, const char *config_directory, const char *data_directory,
                       ProfilePlaces *places) {
        _cleanup_free_ char *for_name = strdup(path), *for_directory = strdup(path);
        _cleanup_free_ char *real = NULL;
        int r;

        if (!for_name || !for_directory)
                return -ENOMEM;

        r = copy(basename(for_name), &places->name);
        if (r >= 0)
                r = copy(dirname(for_directory), &places->own);
        if (r < 0)
                return r;

        /* `cards` may be the directory that we are in. */
        real = realpath(places->own, NULL);
        if (streq(basename(real ? real : for_directory), "cards"))
                r = join(places->own, "..", &places->above);
        if (r >= 0)
                r = copy(config_directory, &places->config);
        if (r >= 0)
                r = copy(data_directory, &places->data);
        if (r >= 0)
                r = join(config_directory, "cards", &places->config_cards);

        return r < 0 ? r : join(data_directory, "cards", &places->data_cards);
}

int profile_places(const char *path, const char *config_directory, const char *data_directory,
                   ProfilePlaces *ret, Failure *failure) {
        _cleanup_profile_places_ ProfilePlaces places = {};
        char *suffix;

        if (fill_places(path, config_directory, data_directory, &places) < 0)
                return failure_no_memory(failure);

        suffix = strrchr(places.name, '.');
        if (!suffix || !streq(suffix, ".yaml"))
                return failure_set(failure, FAILURE_INVALID_ARGS, "%s: expected a file NAME.yaml", path);

        *suffix = '\0';
        *ret = places;
        places = (ProfilePlaces){};
        return 0;
}

int profile_places_load(const ProfilePlaces *places, const char *file, YamlFile **ret, bool *near,
                        Failure *failure) {
        const char *const directories[] = { places->own, places->above, places->config, places->data };

        for (size_t i = 0; i < ELEMENTS(directories); i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                if (join(directories[i], file, &path) < 0)
                        return failure_no_memory(failure);
                if (!path)
                        continue;

                *near = directories[i] == places->own || directories[i] == places->above;
                r = yaml_file_load(path, ret, failure);
                if (r != -ENOENT)
                        return r;
        }

        return -ENOENT;
}

int profile_places_profile(const ProfilePlaces *places, Profile **ret, Failure *failure) {
        const char *directories[4] = { places->own };
        size_t count = 1;

        if (places->config_cards)
                directories[count++] = places->config_cards;
        if (places->data_cards)
                directories[count++] = places->data_cards;

        return profile_load(places->name, directories, ret, failure);
}

static bool is_same_directory(const char *a, const char *b) {
        _cleanup_free_ char *real_a = a ? realpath(a, NULL) : NULL, *real_b = b ? realpath(b, NULL) : NULL;

        return real_a && real_b && streq(real_a, real_b);
}

/* A type that no entry of the type readout can ever give leads nowhere. */
static bool is_given(const TypeReadout *readout, const char *type) {
        for (size_t i = 0; i < readout->count; i++)
                if (readout->entries[i].told || streq(readout->entries[i].type, type))
                        return true;

        return false;
}

/* The type readout, where there is one that is right. */
static int load_readout(const ProfilePlaces *places, TypeReadout *ret, bool *found, Failure *failure) {
        YamlFile *file = NULL;
        bool near;
        int r;

        *found = false;
        r = profile_places_load(places, "type-readout.yaml", &file, &near, failure);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = type_readout_parse(file, ret, failure);
        if (r >= 0)
                *found = true;

        return failure_note(failure, r);
}

/* Every type that leads to the profile must be one that a card can be found to have. *leads: there is one. */
static int check_types(const ProfilePlaces *places, const YamlFile *correlation, bool *leads,
                       Failure *failure) {
        _cleanup_(type_readout_done) TypeReadout readout = {};
        YamlNode root = yaml_file_root(correlation);
        bool found;
        int r;

        r = yaml_expect(root, YAML_MAPPING, "a mapping from card types to card profiles", failure);
        if (r >= 0)
                r = load_readout(places, &readout, &found, failure);

        for (size_t i = 0; r >= 0 && i < yaml_count(root); i++) {
                const char *profile = yaml_text(yaml_value(root, i));

                if (!profile || !streq(profile, places->name))
                        continue;

                *leads = true;
                if (found && !is_given(&readout, yaml_text(yaml_key(root, i))))
                        r = failure_note(
                                failure,
                                yaml_complain(yaml_key(root, i), failure,
                                              "expected a card type that the type readout can give"));
        }

        return r;
}

/* `installed`: that no type leads to it is a mistake. */
static int check_leads(const ProfilePlaces *places, const char *path, Mistakes *remarks, Failure *failure) {
        _cleanup_(yaml_file_freep) YamlFile *correlation = NULL;
        _cleanup_failure_ Failure remark = { .mistakes = remarks };
        bool near = false, leads = false, installed;
        int r;

        r = profile_places_load(places, "correlation.yaml", &correlation, &near, failure);
        if (r < 0 && r != -ENOENT)
                return r;

        installed = (near && correlation) || is_same_directory(places->own, places->config_cards) ||
                    is_same_directory(places->own, places->data_cards);
        r = correlation ? check_types(places, correlation, &leads, failure) : 0;
        if (r < 0 || leads)
                return r;

        if (installed)
                return place_complain((Place){ path, 1, 1 }, failure,
                                      "expected a card type in correlation.yaml that leads here: no card is "
                                      "ever identified by this profile");

        return failure_note(&remark, place_complain((Place){ path, 1, 1 }, &remark,
                                                    "no card type leads here yet: when it is installed, "
                                                    "correlation.yaml and type-readout.yaml must"));
}

static int explain(const Profile *profile, char **ret) {
        size_t size;
        FILE *stream = open_memstream(ret, &size);

        if (!stream)
                return -ENOMEM;

        profile_explain(profile, stream);
        return fclose(stream) == 0 ? 0 : -ENOMEM;
}

static int check(const ProfilePlaces *places, const char *path, ProfileReport *report, Failure *failure) {
        _cleanup_failure_ Failure remark = { .mistakes = &report->remarks };
        _cleanup_(profile_freep) Profile *profile = NULL;
        int r;

        r = failure_note(failure, profile_places_profile(places, &profile, failure));
        if (r >= 0 && profile)
                r = failure_note(failure, profile_prove(profile, failure));
        if (r >= 0 && profile)
                r = failure_note(failure, check_leads(places, path, &report->remarks, failure));
        if (r >= 0 && profile)
                r = failure_note(failure, profile_check_carried(profile, places, failure));
        if (r >= 0 && profile)
                r = profile_remark_clear(profile, &remark);
        if (r < 0)
                return r;

        mistakes_sort(&report->mistakes);
        mistakes_sort(&report->remarks);
        return report->mistakes.count == 0 && profile ? explain(profile, &report->explanation) : 0;
}

int profile_check(const char *path, const char *config_directory, const char *data_directory,
                  ProfileReport *ret, Failure *failure) {
        _cleanup_profile_report_ ProfileReport report = {};
        _cleanup_failure_ Failure why = { .mistakes = &report.mistakes };
        _cleanup_profile_places_ ProfilePlaces places = {};
        int r;

        r = profile_places(path, config_directory, data_directory, &places, &why);
        if (r >= 0)
                r = check(&places, path, &report, &why);
        r = failure_note(&why, r);
        if (r < 0)
                return failure_no_memory(failure);

        *ret = report;
        report = (ProfileReport){};
        return 0;
}
