/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `icreissuectl profile check`: loads a profile as the service would, proves it, and says in plain words what
 * will be done to a card. It needs no card, no service and no key ring. */
#ifndef ICREISSUE_CARD_PROFILE_CHECK_H
#define ICREISSUE_CARD_PROFILE_CHECK_H

#include <stdio.h>

#include "base/failure.h"

/* path: a profile; what it extends is looked for beside it and then in data_directory/cards (which may be
 * NULL). Prints to out. PROFILE_INVALID for the first mistake, with file:line:column; nothing is printed
 * then. */
int profile_explain(const char *path, const char *data_directory, FILE *out, Failure *failure);

#endif
