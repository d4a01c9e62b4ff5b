/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the rows of the verb table are written; only for verb-rows-*.c and verb-table.c. */
#ifndef ICREISSUE_CARD_VERB_ROWS_H
#define ICREISSUE_CARD_VERB_ROWS_H

#include "card/profile.h"

#define NUMBER(name, required, minimum, maximum) \
        { name, ARGUMENT_NUMBER, required, minimum, maximum, NULL, ROLE_NONE }
#define HEX(name, required, minimum, maximum) \
        { name, ARGUMENT_HEX, required, minimum, maximum, NULL, ROLE_NONE }
#define VALUE(name, required, maximum) \
        { name, ARGUMENT_VALUE, required, 1, maximum, NULL, ROLE_NONE }
#define SECRET(name, required, role) \
        { name, ARGUMENT_SECRET, required, 1, 255, NULL, role }
#define BOOLEAN(name, required, preset) \
        { name, ARGUMENT_BOOLEAN, required, preset, 1, NULL, ROLE_NONE }
#define CHOICE(name, required, choices) \
        { name, ARGUMENT_CHOICE, required, 0, 0, choices, ROLE_NONE }

/* The rows of each kind of card; one without a name ends them. */
extern const Verb verb_rows_desfire[];
extern const Verb verb_rows_globalplatform[];
extern const Verb verb_rows_iso7816[];
extern const Verb verb_rows_memory[];
extern const Verb verb_rows_openpgp[];
extern const Verb verb_rows_piv[];
extern const Verb verb_rows_tag[];

#endif
