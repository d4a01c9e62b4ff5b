/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load's keys and values as they stand in a store. */
#ifndef ICREISSUE_TESTS_LOAD_VALUE_H
#define ICREISSUE_TESTS_LOAD_VALUE_H

#include "power/load.h"

enum {
        LOAD_NAME_SIZE = 64,
        LOAD_VALUE_MAX = 2600,
};

typedef struct LoadText {
        char name[LOAD_NAME_SIZE];
        uint8_t data[LOAD_VALUE_MAX];
        Span value; /* in data */
        bool removed;
} LoadText;

void load_key_name(size_t key, char ret[static LOAD_NAME_SIZE]);
size_t load_key_number(const char *name); /* LOAD_KEYS: the key of the set's number. Another: asserts */
void load_text(size_t key, uint32_t value, LoadText *ret);
void load_text_of_set(uint64_t set, LoadText *ret);
StoreChange load_change(const LoadText *text);
bool load_value_is(size_t key, uint32_t value, Span span);

#endif
