/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof that no secret goes in clear over the air. Whoever is near a contactless card can hear what is sent to
 * it: so a secret field or a key may go only where the verb itself enciphers it or only proves that it is known
 * (MIFARE Classic, DESFire), or in a session that enciphers. Some cards can do neither (an NTAG's password): then the
 * profile's author says so, `in-clear: true`, and `profile check` tells everybody who asks. Over contacts only the
 * reader and what is on the way to it can see it: there it is no mistake, and remarked by `profile check` alone until
 * it is admitted. */
#include "card/profile-check.h"
#include "card/profile-prove.h"

typedef struct Air {
        bool contactless;
        bool contacts_only; /* the profile says so */
        bool remarks;       /* of a card of contacts: what nobody has admitted */
        bool enciphers;     /* the session that is open */
} Air;

bool hides_always(const Step *step _unused_) {
        return true;
}

static void note_secret(const Field *field, void *userdata) {
        bool *secret = userdata;

        *secret = *secret || field->secret;
}

static bool has_secret(const Step *step) {
        bool secret = false;

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                const Value *value = step->arguments[i].value;

                if (!value)
                        continue;
                secret = secret || value_has_key(value);
                value_visit_fields(value, note_secret, &secret);
        }

        return secret;
}

static int note_contactless(const Step *step, void *userdata, Failure *failure _unused_) {
        Air *air = userdata;

        air->contactless = air->contactless || (step->verb->flags & VERB_CONTACTLESS);
        return 0;
}

static int complain(const Air *air, const Step *step, bool clear, Failure *failure) {
        if (clear && !step->in_clear && air->contactless)
                return place_complain(
                        step->place, failure,
                        "expected a session that enciphers before %s, or `in-clear: true` beside "
                        "it: what it sends is secret, and goes in clear over the air",
                        step->verb->name);
        if (clear && !step->in_clear && air->remarks)
                return failure_note(
                        failure,
                        place_complain(step->place, failure,
                                       "%s sends a secret in clear, outside a secure channel: the reader and "
                                       "whatever is on the way to it can see it; `in-clear: true` beside it "
                                       "admits that the card has no other way",
                                       step->verb->name));
        if (step->in_clear && !clear && !air->remarks)
                return place_complain(step->place, failure,
                                      "expected no `in-clear` beside %s: nothing secret goes in clear there",
                                      step->verb->name);

        return 0;
}

static int prove_step(const Step *step, void *userdata, Failure *failure) {
        const Verb *verb = step->verb;
        Air *air = userdata, aside;
        bool hidden = air->enciphers || (verb->enciphers && verb->enciphers(step));
        int r;

        if (air->contacts_only && (verb->flags & VERB_CONTACTLESS))
                return place_complain(step->place, failure,
                                      "expected no %s in a profile with `contactless: false`: it is of cards "
                                      "that are spoken to over the air",
                                      verb->name);

        r = complain(air, step, has_secret(step) && !hidden, failure);
        aside = *air;
        if (r >= 0)
                r = steps_visit(&step->done_if, prove_step, &aside, failure);
        aside = *air;
        if (r >= 0)
                r = steps_visit(&step->shown, prove_step, &aside, failure);
        if (r < 0)
                return r;

        if (verb->opens_cipher)
                air->enciphers = verb->opens_cipher(step);
        else if (verb->run == verb_select && step->arguments[0].given) /* by name: it closes what was open */
                air->enciphers = false;

        return 0;
}

/* Every list begins on a card that has just been switched on. */
static int walk(const Profile *profile, Air air, Failure *failure) {
        const StepList *const lists[] = { &profile->serial, &profile->identify, &profile->blank,
                                          &profile->verify, &profile->discard };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTS(lists); i++) {
                air.enciphers = false;
                r = steps_visit(lists[i], prove_step, &air, failure);
        }
        for (size_t i = 0; r >= 0 && i < profile->stage_count; i++) {
                air.enciphers = false;
                r = steps_visit(&profile->stages[i].open, prove_step, &air, failure);
                if (r >= 0)
                        r = steps_visit(&profile->stages[i].write, prove_step, &air, failure);
        }

        return r;
}

bool profile_is_contactless(const Profile *profile) {
        const StepList *const lists[] = { &profile->serial, &profile->identify, &profile->blank,
                                          &profile->verify, &profile->discard };
        Air air = { .contactless = profile->contactless };

        for (size_t i = 0; i < ELEMENTS(lists); i++)
                steps_visit(lists[i], note_contactless, &air, NULL);
        for (size_t i = 0; i < profile->stage_count; i++) {
                steps_visit(&profile->stages[i].open, note_contactless, &air, NULL);
                steps_visit(&profile->stages[i].write, note_contactless, &air, NULL);
        }

        return air.contactless;
}

int prove_clear(const Profile *profile, Failure *failure) {
        return walk(profile,
                    (Air){ .contactless = profile_is_contactless(profile),
                           .contacts_only = profile->contacts_only },
                    failure);
}

int profile_remark_clear(const Profile *profile, Failure *remarks) {
        return profile_is_contactless(profile) ? 0 : walk(profile, (Air){ .remarks = true }, remarks);
}
