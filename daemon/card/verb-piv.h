/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of PIV cards (verb-piv.c, verb-piv-key.c, verb-piv-import.c) for the table: NIST SP 800-73-4, part 2. */
#ifndef ICREISSUE_CARD_VERB_PIV_H
#define ICREISSUE_CARD_VERB_PIV_H

#include "card/verb.h"

enum { PIV_MANAGEMENT_KEY = 0x9B };

/* The arguments of piv-authenticate and piv-change-key. */
enum PivKeyArgument { PIV_ALGORITHM, PIV_KEY, PIV_MANNER, PIV_COMMAND = PIV_MANNER };

/* The names of the algorithms, NULL-terminated. */
extern const char *const piv_algorithm_names[];

int verb_piv_get_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_piv_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_piv_put_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
bool sees_piv_data(const Call *read, const Call *write);

/* Shows the card the key of 9B, by one of the algorithms for a key of that length: the call's own before another. */
extern const VerbSecret piv_secret;
int verb_piv_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_piv_change_key(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_piv_change_key(Session *session, const Call *call, bool *ret, Failure *failure);
int check_piv_key(const Call *call, Failure *failure);

/* verb-piv-import.c */
enum PivImportArgument { PIV_SLOT, PIV_PRIVATE_KEY, PIV_CERTIFICATE, PIV_IMPORT_COMMAND };

/* A private key is proven by what it signs. */
extern const VerbSecret piv_import_secret;
int verb_piv_import_key(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_piv_import_key(const Call *call, Failure *failure);

#endif
