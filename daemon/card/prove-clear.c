/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof that no secret goes in clear over the air. Whoever is near a contactless card can hear what is sent to it: so a
 * secret field or a key may go only where the verb itself enciphers it or only proves that it is known (MIFARE Classic,
 * DESFire), or in a session that enciphers. Some cards can do neither (an NTAG's password): then the profile's author says
 * so, `in-clear: true`, and `profile check` tells everybody who asks. */
#include "card/profile-prove.h"

typedef struct Air {
        bool contactless;
        bool enciphers; /* the session that is open */
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

static int prove_step(const Step *step, void *userdata, Failure *failure) {
        const Verb *verb = step->verb;
        Air *air = userdata;
        bool hidden = air->enciphers || (verb->enciphers && verb->enciphers(step));
        bool heard = air->contactless && has_secret(step) && !hidden;

        if (heard && !step->in_clear)
                return place_complain(
                        step->place, failure,
                        "expected a session that enciphers before %s, or `in-clear: true` beside "
                        "it: what it sends is secret, and goes in clear over the air",
                        verb->name);
        if (step->in_clear && !heard)
                return place_complain(step->place, failure,
                                      "expected no `in-clear` beside %s: nothing secret goes in clear there",
                                      verb->name);

        if (verb->opens_cipher)
                air->enciphers = verb->opens_cipher(step);
        else if (verb->run == verb_select && step->arguments[0].given)
                air->enciphers = false; /* a session is an application's */

        return 0;
}

int prove_clear(const Profile *profile, Failure *failure) {
        const StepList *lists[] = { &profile->serial, &profile->identify, &profile->blank, &profile->verify,
                                    &profile->discard };
        Air air = { .contactless = profile->contactless };
        int r = 0;

        for (size_t i = 0; i < ELEMENTS(lists); i++)
                steps_visit(lists[i], note_contactless, &air, failure);
        for (size_t i = 0; i < profile->stage_count; i++) {
                steps_visit(&profile->stages[i].open, note_contactless, &air, failure);
                steps_visit(&profile->stages[i].write, note_contactless, &air, failure);
        }

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
