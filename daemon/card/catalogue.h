/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything the service knows about cards, as data: the type readout, the correlation table and the card
 * profiles, loaded together and immutable afterwards, so that reader threads may use it without a lock. A file
 * under the configuration directory replaces the vendor's of the same name (DESIGN of the profile language:
 * icreissue-profile(5)). */
#ifndef ICREISSUE_CARD_CATALOGUE_H
#define ICREISSUE_CARD_CATALOGUE_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/failure.h"

typedef struct Catalogue Catalogue;
typedef struct Profile Profile;

/* Loads type-readout.yaml, correlation.yaml and every cards/NAME.yaml that the correlation names, and proves each
 * profile (profile_prove()). PROFILE_INVALID with file:line:column and what was expected for a mistake; nothing
 * is returned then. */
int catalogue_load(const char *config_directory, const char *data_directory, Catalogue **ret,
                   Failure *failure);

Catalogue *catalogue_ref(Catalogue *catalogue);
Catalogue *catalogue_unref(Catalogue *catalogue);
DEFINE_CLEANUP(Catalogue *, catalogue_unref)

/* The profile that the correlation table gives a card type, borrowed; NULL for a type that it does not name. */
const Profile *catalogue_profile(const Catalogue *catalogue, const char *type);

/* Whether a card of that type may be written or ended in a reader whose card answered so to a reset (atr_is_contactless()):
 * CARD_TYPE_MISMATCH with the reader's name where its profile says `contactless: false` and there are no contacts. */
int catalogue_check_interface(const Catalogue *catalogue, const char *type, Span atr, const char *reader,
                              Failure *failure);

/* The number of card types in the correlation table, and the n-th one's name, in the table's order. */
size_t catalogue_type_count(const Catalogue *catalogue);
const char *catalogue_type(const Catalogue *catalogue, size_t n);

/* One line for people. Borrowed. */
const char *profile_description(const Profile *profile);

/* What the profile can do with a card, of "identify", "serial", "blank", "issue", "verify", "discard": NULL-
 * terminated, static strings, the array borrowed. */
const char *const *profile_abilities(const Profile *profile);

/* Whether a record's field of that name is secret, or indexed for FindRecords; false for an unknown name. */
bool profile_field_is_secret(const Profile *profile, const char *name);
bool profile_field_is_indexed(const Profile *profile, const char *name);

/* Whether making a card needs that field of a record of that card type (`carry:`): a step of `issue`, `verify` or
 * `discard` names it. What is not needed does not leave the issuance file; whatever else is to make a card from the
 * record one day (a design that prints a field) is to count here. False for an unknown name. */
bool profile_field_is_needed(const Profile *profile, const char *type, const char *name);

/* Whether ending a card needs that field: a step of `discard` names it. False for an unknown name. */
bool profile_field_discards(const Profile *profile, const char *name);

/* What a record of that card type calls what is this profile's field `name` ("id": its ID): the same, unless `carry:` says
 * otherwise. Borrowed. */
const char *profile_carried_from(const Profile *profile, const char *type, const char *name);

/* The same of all its fields: {"NAME": {"TYPE": "NAME THERE", ...}, ...}. The caller owns it; NULL when there is no
 * memory. */
json_t *profile_carried(const Profile *profile);

/* The number of fields of the profile, and the n-th one's name. Borrowed. */
size_t profile_field_count(const Profile *profile);
const char *profile_field_name(const Profile *profile, size_t n);

/* Holds a record's ID and fields (a JSON object: name -> string, or array of strings where the field is a list)
 * against the profile's `fields`: unknown name, missing one that is neither optional nor has a default, wrong
 * length, text that its encoding cannot carry, failed check. INVALID_ARGS names the field and what it must be,
 * never its value. */
int profile_check_fields(const Profile *profile, const char *id, const json_t *fields, Failure *failure);

/* The same of what was extracted for one card: fields that making it does not need may be missing. */
int profile_check_extracted(const Profile *profile, const char *id, const json_t *fields, Failure *failure);

#endif
