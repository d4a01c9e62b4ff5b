/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of card/ share: a folder laid out as the installed data is, the shipped catalogue, records.
 * It needs no Check, so that fuzz targets can use it too. */
#ifndef ICREISSUE_TESTS_CARD_FIXTURE_H
#define ICREISSUE_TESTS_CARD_FIXTURE_H

#include <jansson.h>

#include "card/catalogue.h"
#include "card/key-ring.h"
#include "card/readers.h"

/* The source tree's cards/: under $ICREISSUE_SOURCE, else where the test runs. */
const char *fixture_cards_directory(void);

/* A folder of its own with cards/, type-readout.yaml and correlation.yaml of the source tree in it, and a key
 * ring with the keys of all simulated blanks; removed by fixture_directory_remove(), which also frees the name. */
char *fixture_directory(void);
void fixture_directory_remove(char *directory);

/* Writes a file into the folder (its mode 0600). */
void fixture_write(const char *directory, const char *name, const char *text);

/* Loads the shipped catalogue or key ring; aborts where it cannot. */
Catalogue *fixture_catalogue(void);
KeyRing *fixture_key_ring(void);

/* A complete record's fields for a shipped card type; the caller owns them. */
json_t *fixture_fields(const char *type);
/* The ID that goes with them. */
const char *fixture_id(const char *type);
/* The key ring's file. */
const char *fixture_key_ring_text(void);

/* Releases what readout_card() gave. */
void fixture_facts_done(CardFacts *facts);

#endif
