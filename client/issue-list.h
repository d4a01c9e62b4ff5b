/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list that "issue --list" reads: a line for each record, card type, spaces, ID. */
#ifndef ICREISSUE_CLIENT_ISSUE_LIST_H
#define ICREISSUE_CLIENT_ISSUE_LIST_H

#include <jansson.h>
#include <stdio.h>

#include "base/util.h"

/* Reads lines "TYPE ID" up to the end of the file; the ID is the rest of the line without the spaces around it. Empty
 * lines and lines that begin with "#" are skipped. *ret is an array of [type, id]. Returns 0; -EINVAL with *bad_line
 * (from 1) for a line that is none; -errno of the file; -ENOMEM. */
int issue_list_read(FILE *file, json_t **ret, size_t *bad_line);

#endif
