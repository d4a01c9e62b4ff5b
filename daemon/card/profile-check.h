/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `icreissuectl profile check`: loads a profile as the service would, finds all its mistakes, and says in plain words what
 * will be done to a card. It needs no card, no service and no key ring. */
#ifndef ICREISSUE_CARD_PROFILE_CHECK_H
#define ICREISSUE_CARD_PROFILE_CHECK_H

#include <stdio.h>

#include "base/mistakes.h"
#include "base/yaml.h"
#include "card/catalogue.h"

typedef struct ProfileReport {
        Mistakes mistakes;
        Mistakes remarks;  /* what is no mistake (yet) */
        char *explanation; /* lines for people; NULL where there are mistakes */
} ProfileReport;

void profile_report_done(ProfileReport *report);
#define _cleanup_profile_report_ _cleanup_(profile_report_done)

/* path: a file NAME.yaml. What it extends, the type readout and the correlation table are looked for beside it, in the
 * directory above (of DIRECTORY/cards/NAME.yaml), and then under the configuration and the data directory, which may be
 * NULL. A profile that no card type leads to is a mistake where a table beside it or above it should, or where it is in one
 * of these two; else it is remarked. Returns 0 with the report, whatever it says; -ENOMEM. */
int profile_check(const char *path, const char *config_directory, const char *data_directory,
                  ProfileReport *ret, Failure *failure);

/* Where a profile's files are looked for: DIRECTORY/FILE of those that have it, first match first. */
typedef struct ProfilePlaces {
        char *name;  /* the profile's */
        char *own;   /* the directory that it is in */
        char *above; /* the one above, where its own is called `cards`; else NULL */
        char *config, *data;
        char *config_cards, *data_cards;
} ProfilePlaces;

/* INVALID_ARGS where the path is not NAME.yaml. */
int profile_places(const char *path, const char *config_directory, const char *data_directory,
                   ProfilePlaces *ret, Failure *failure);
void profile_places_done(ProfilePlaces *places);
#define _cleanup_profile_places_ _cleanup_(profile_places_done)

/* Loads type-readout.yaml or correlation.yaml from the first place that has it. *near: it is the profile's own place, or
 * the one above. -ENOENT with failure untouched where there is none; else as yaml_file_load(). */
int profile_places_load(const ProfilePlaces *places, const char *file, YamlFile **ret, bool *near,
                        Failure *failure);

/* Loads the profile itself, not proven. As profile_load(). */
int profile_places_profile(const ProfilePlaces *places, Profile **ret, Failure *failure);

/* prove-clear.c: notes every step that sends a secret in clear to a card of contacts, and is not admitted to.
 * remarks: with a list, where it is noted. -ENOMEM. */
int profile_remark_clear(const Profile *profile, Failure *remarks);

/* check-carry.c: notes what `carry:` takes from card types that are not there, from fields that they do not have, or
 * out of a secret into a field that is none. -ENOMEM. */
int profile_check_carried(const Profile *profile, const ProfilePlaces *places, Failure *failure);

/* What it does to a card, in plain words: profile-explain.c. */
void profile_explain(const Profile *profile, FILE *out);

#endif
