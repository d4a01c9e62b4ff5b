/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fewest commands by which a card could get a record: what the number of those that a reissue sends is held against. */
#ifndef ICREISSUE_BENCH_LEAST_H
#define ICREISSUE_BENCH_LEAST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* For a record with these fields and card-fixture's ID. Counted from the plan: see
 * least.c. Ends the program where there is no plan. */
size_t least_commands(const char *type, bool t0, const json_t *fields);

#endif
