/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which fields of a record making a card needs: those that a step of `issue`, `verify` or `discard` names, in a value, a
 * condition or a repeat. The others stay in the issuance file. */
#include "card/profile.h"

static void note_field(const Field *field, void *userdata) {
        Profile *profile = userdata;

        profile->fields[field - profile->fields].needed = true;
}

static void note_steps(Profile *profile, const StepList *list);

static void note_step(Profile *profile, const Step *step) {
        if (step->when.field)
                note_field(step->when.field, profile);

        note_steps(profile, &step->done_if);
        if (step->repeat) {
                if (step->repeat->each)
                        note_field(step->repeat->each, profile);

                note_steps(profile, &step->repeat->steps);
                return;
        }

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->arguments[i].value)
                        value_visit_fields(step->arguments[i].value, note_field, profile);
}

static void note_steps(Profile *profile, const StepList *list) {
        for (size_t i = 0; i < list->count; i++)
                note_step(profile, &list->steps[i]);
}

void profile_note_needs(Profile *profile) {
        note_field(profile->id, profile);
        note_steps(profile, &profile->verify);
        note_steps(profile, &profile->discard);
        for (size_t i = 0; i < profile->stage_count; i++) {
                note_steps(profile, &profile->stages[i].open);
                note_steps(profile, &profile->stages[i].write);
        }
}

bool profile_field_is_needed(const Profile *profile, const char *name) {
        const Field *field = profile_field(profile, name);

        return field && field->needed;
}
