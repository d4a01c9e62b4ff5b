/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name of a branch, from which the centre makes the name of an account. */
#ifndef ICREISSUE_CLIENT_BRANCH_NAME_H
#define ICREISSUE_CLIENT_BRANCH_NAME_H

#include "client/client.h"

/* Whether it is one. Says what one is where it is not; returns the exit status. */
int branch_name_check(const Client *client, const char *name);

#endif
