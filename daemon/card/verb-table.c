/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of verbs. To add a command, add a row to verb-rows-*.c, and its function. */
#include "card/verb-rows.h"

static const Verb *const tables[] = {
        verb_rows_iso7816, verb_rows_memory,         verb_rows_openpgp, verb_rows_piv,
        verb_rows_desfire, verb_rows_globalplatform, verb_rows_tag,
};

const Verb *verb_at(size_t n) {
        for (size_t i = 0; i < ELEMENTS(tables); i++)
                for (const Verb *verb = tables[i]; verb->name; verb++)
                        if (n-- == 0)
                                return verb;

        return NULL;
}

const Verb *verb_find(const char *name) {
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++)
                if (streq(verb->name, name))
                        return verb;

        return NULL;
}
