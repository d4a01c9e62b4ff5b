/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which fields of a record making a card needs: those that a step of `issue`, `verify` or `discard` names, in a value, a
 * condition or a repeat. The others stay in the issuance file. */
#include "card/profile.h"

/* The list that is looked at. */
typedef struct Needs {
        Profile *profile;
        bool discard;
} Needs;

static void note_field(const Field *field, void *userdata) {
        const Needs *needs = userdata;
        Field *noted = &needs->profile->fields[field - needs->profile->fields];

        noted->needed = true;
        noted->discards = noted->discards || needs->discard;
}

static void note_steps(Needs *needs, const StepList *list);

static void note_step(Needs *needs, const Step *step) {
        if (step->when.field)
                note_field(step->when.field, needs);

        note_steps(needs, &step->done_if);
        if (step->repeat) {
                if (step->repeat->each)
                        note_field(step->repeat->each, needs);

                note_steps(needs, &step->repeat->steps);
                return;
        }

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->arguments[i].value)
                        value_visit_fields(step->arguments[i].value, note_field, needs);
}

static void note_steps(Needs *needs, const StepList *list) {
        for (size_t i = 0; i < list->count; i++)
                note_step(needs, &list->steps[i]);
}

void profile_note_needs(Profile *profile) {
        Needs making = { .profile = profile }, ending = { .profile = profile, .discard = true };

        note_field(profile->id, &making);
        note_steps(&making, &profile->verify);
        note_steps(&ending, &profile->discard);
        for (size_t i = 0; i < profile->stage_count; i++) {
                note_steps(&making, &profile->stages[i].open);
                note_steps(&making, &profile->stages[i].write);
        }
}

bool profile_field_is_needed(const Profile *profile, const char *type, const char *name) {
        for (size_t i = 0; i < profile->field_count; i++)
                if (profile->fields[i].needed &&
                    streq(profile_carried_from(profile, type, profile->fields[i].name), name))
                        return true;

        return false;
}

bool profile_field_discards(const Profile *profile, const char *name) {
        const Field *field = profile_field(profile, name);

        return field && field->discards;
}
