/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `icreissuectl profile test`: the parts of a profile that only select and read, on a card. No key ring is there, so
 * nothing secret can be presented; what would present one, count a try or write is not run, and is named. */
#ifndef ICREISSUE_CARD_PROFILE_TRIAL_H
#define ICREISSUE_CARD_PROFILE_TRIAL_H

#include <jansson.h>

#include "card/profile.h"
#include "card/transport.h"
#include "card/type-readout.h"

/* readout: NULL where there is none. *ret, owned by the caller:
 *   type       what the type readout says of the card; not there where no entry fits
 *   entries    of the type readout, as far as they were tried: {type, result}
 *   serial, id, blank (true or false)    where the profile's steps have told
 *   steps      {section, step, result, status}: result `done`, `refused` (status), `unexpected` (another answer than
 *              `expect` or `take` wants), `not run` (reason)
 *   fields     {field, value, stage}: read back as `issue` would have written them; value null where nothing is there
 *   not-shown  {field, reason}
 * Returns 0 whatever the card says; errors as transport_send(). *opened: a key was presented (a constant of the profile,
 * to a card that counts no tries), so that the card must be reset. */
int profile_trial(const Profile *profile, const TypeReadout *readout, Transport *transport, Span atr,
                  json_t **ret, bool *opened, Failure *failure);

#endif
