/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of profile_prove() (profile.h) that lie in different files. */
#ifndef ICREISSUE_CARD_PROFILE_PROVE_H
#define ICREISSUE_CARD_PROFILE_PROVE_H

#include "card/plan-private.h"

/* Encodes the issue of a record as long (or as short) as the fields allow. PROFILE_INVALID; the caller owns
 * *ret. */
int prove_encoding(const Profile *profile, bool longest, Plan **ret, Failure *failure);

/* prove-secrets.c: whatever the plan presents, from its beginning or resumed anywhere, is what the card has then.
 * PROFILE_INVALID. */
int prove_secrets(const Plan *plan, Failure *failure);

/* prove-blank.c: at least one step of `blank:` fails on a card that the plan has written. PROFILE_INVALID. */
int prove_blank(const Profile *profile, const Plan *plan, Failure *failure);

/* prove-clear.c: no secret goes in clear to a contactless card unless the profile admits it. PROFILE_INVALID. */
int prove_clear(const Profile *profile, Failure *failure);

/* prove-desfire.c: keys are changed in sessions that can, nothing uncommitted is lost. PROFILE_INVALID. */
int prove_desfire(const Plan *plan, Failure *failure);
/* prove-channel.c: no verb that needs a secure channel stands where none is open. PROFILE_INVALID. */
int prove_channels(const Profile *profile, Failure *failure);

#endif
