/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof that what only works in a secure channel stands after the step that opens one, in every list of steps. */
#include "card/profile-prove.h"
#include "card/verb-globalplatform.h"

/* A walk through steps in the order in which they are sent. */
typedef struct ChannelWalk {
        bool open;
} ChannelWalk;

static int prove_step(const Step *step, void *userdata, Failure *failure) {
        ChannelWalk *walk = userdata;
        ChannelWalk aside = *walk;

        if (step->verb->run == verb_open_secure_channel)
                walk->open = true;
        else if (step->verb->run == verb_select && step->arguments[0].given) /* another application */
                walk->open = false;
        else if ((step->verb->flags & VERB_NEEDS_CHANNEL) && !walk->open)
                return place_complain(
                        step->place, failure,
                        "expected open-secure-channel before %s: it works in a secure channel alone",
                        step->verb->name);

        return steps_visit(&step->done_if, prove_step, &aside, failure);
}

int prove_channels(const Profile *profile, Failure *failure) {
        const StepList *lists[] = { &profile->serial, &profile->identify, &profile->blank, &profile->verify,
                                    &profile->discard };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTS(lists); i++)
                r = steps_visit(lists[i], prove_step, &(ChannelWalk){}, failure);

        for (size_t s = 0; r >= 0 && s < profile->stage_count; s++) {
                ChannelWalk walk = {};

                r = steps_visit(&profile->stages[s].open, prove_step, &walk, failure);
                if (r >= 0)
                        r = steps_visit(&profile->stages[s].write, prove_step, &walk, failure);
        }

        return r;
}
