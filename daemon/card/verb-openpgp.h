/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of OpenPGP cards (verb-openpgp.c) for the table: Functional Specification of the OpenPGP application on ISO
 * Smart Card Operating Systems, 3.4. */
#ifndef ICREISSUE_CARD_VERB_OPENPGP_H
#define ICREISSUE_CARD_VERB_OPENPGP_H

#include "card/verb.h"

enum OpenpgpKeyArgument { OPENPGP_SLOT, OPENPGP_ATTRIBUTES, OPENPGP_KEY };
enum OpenpgpCodeArgument { OPENPGP_CODE, OPENPGP_PIN };

extern const VerbSecret openpgp_key_secret, openpgp_code_secret;

int verb_openpgp_import_key(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_openpgp_import_key(const Call *call, Failure *failure);
int back_openpgp_import_key(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_openpgp_set_reset_code(Session *session, const Call *call, StepResult *ret, Failure *failure);

#endif
