/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is proven about DESFire's sessions: that a key is changed where it can be, that what is written to a backup file is
 * not lost between two journal points, and that a card is not formatted while it is issued. */
#include "card/profile-prove.h"
#include "card/verb-desfire.h"

typedef struct Walk {
        const Call *session; /* the desfire-authenticate whose session is open, or NULL */
        bool pending;        /* something was written since the last point at which a resumed job begins */
        bool broken;         /* and then came such a point, before the commit */
} Walk;

static bool same_application(const Call *a, const Call *b) {
        return a->numbers[KEY_APPLICATION] == b->numbers[KEY_APPLICATION];
}

static int prove_change(Walk *walk, const Call *call, Failure *failure) {
        bool own;

        if (!walk->session || !same_application(walk->session, call))
                return place_complain(call->step->place, failure,
                                      "expected a desfire-authenticate for the same application before "
                                      "desfire-change-key");

        own = walk->session->numbers[KEY_NUMBER] == call->numbers[KEY_NUMBER];
        if (own == call->step->arguments[KEY_OLD].given)
                return place_complain(
                        call->step->place, failure,
                        own ? "expected no `old` for the key with which the session was opened"
                            : "expected `old`: another key than the session's own is changed only "
                              "by who knows it");
        if (own)
                walk->session = NULL; /* it ends with the change */

        return 0;
}

/* A job that is resumed begins at the last write that may not be repeated: what a backup file was given before it is not
 * given again, and the card has forgotten it. */
static int prove_pending(Walk *walk, const Call *call, Failure *failure) {
        const Verb *verb = call->step->verb;

        if (verb->run == verb_desfire_commit) {
                if (walk->broken)
                        return place_complain(
                                call->step->place, failure,
                                "expected nothing between desfire-write and desfire-commit that may "
                                "not be repeated: after an interruption the card has forgotten what "
                                "was not committed");
                walk->pending = false;
                return 0;
        }

        if (call_writes(call) && !step_repeatable(call->step))
                walk->broken = walk->broken || walk->pending;
        if (verb->run == verb_desfire_write)
                walk->pending = true;

        return 0;
}

static int prove_call(Walk *walk, const Call *call, Failure *failure) {
        const Verb *verb = call->step->verb;

        if (verb->run == verb_desfire_format)
                return place_complain(call->step->place, failure,
                                      "expected desfire-format only in `discard:`");
        if (verb->run == verb_desfire_authenticate)
                walk->session = call;
        if (verb->run == verb_desfire_select)
                walk->session = NULL;
        if (verb->run == verb_desfire_change_key) {
                int r = prove_change(walk, call, failure);

                if (r < 0)
                        return r;
        }

        return prove_pending(walk, call, failure);
}

int prove_desfire(const Plan *plan, Failure *failure) {
        for (size_t s = 0; s < plan->stage_count; s++) {
                const CallList *lists[] = { &plan->stages[s].open, &plan->stages[s].write };
                Walk walk = {};

                for (size_t l = 0; l < ELEMENTS(lists); l++)
                        for (size_t i = 0; i < lists[l]->count; i++) {
                                int r = prove_call(&walk, &lists[l]->calls[i], failure);

                                if (r < 0)
                                        return r;
                        }
        }

        return 0;
}
