/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages of an index in memory, for the tests of indexes: slot 0 is ".index/root", the others go by number. */
#ifndef ICREISSUE_TESTS_INDEX_PAGES_H
#define ICREISSUE_TESTS_INDEX_PAGES_H

#include "file/index.h"

enum { PAGES_MAX = 4096 };

typedef struct Pages {
        Bytes slots[PAGES_MAX];
        size_t puts;
        size_t size_max; /* of the largest page put */
        bool refuse;     /* put fails: a full disk */
} Pages;

static inline Bytes *pages_slot(Pages *pages, const char *key) {
        unsigned long number;

        if (strncmp(key, ".index/", 7) != 0)
                return NULL;
        if (streq(key + 7, "root"))
                return &pages->slots[0];

        number = strtoul(key + 7, NULL, 16);
        return strlen(key) == 15 && number > 0 && number < PAGES_MAX ? &pages->slots[number] : NULL;
}

static inline int pages_fetch(void *userdata, const char *key, Bytes *ret, Failure *failure) {
        const Bytes *slot = pages_slot(userdata, key);

        if (!slot || slot->size == 0)
                return -ENOENT;

        return bytes_assign(ret, bytes_span(slot)) < 0 ? failure_no_memory(failure) : 0;
}

static inline int pages_put(void *userdata, const char *key, Span value, Failure *failure) {
        Pages *pages = userdata;
        Bytes *slot = pages_slot(pages, key);

        if (!slot || pages->refuse)
                return failure_set(failure, FAILURE_STORE_FAILED, "The disk is full.");

        pages->puts++;
        pages->size_max = MAX_OF(pages->size_max, value.size);
        return bytes_assign(slot, value) < 0 ? failure_no_memory(failure) : 0;
}

static inline int pages_remove(void *userdata, const char *key, Failure *failure) {
        Bytes *slot = pages_slot(userdata, key);

        if (!slot)
                return failure_set(failure, FAILURE_STORE_FAILED, "There is no such page.");

        bytes_done(slot);
        return 0;
}

static inline size_t pages_count(const Pages *pages) {
        size_t count = 0;

        for (size_t i = 0; i < PAGES_MAX; i++)
                count += pages->slots[i].size > 0;

        return count;
}

static inline Pages *pages_free(Pages *pages) {
        for (size_t i = 0; i < PAGES_MAX; i++)
                bytes_done(&pages->slots[i]);

        free(pages);
        return NULL;
}
DEFINE_CLEANUP(Pages *, pages_free)

static inline IndexPages pages_index(Pages *pages) {
        return (IndexPages){
                .fetch = pages_fetch, .put = pages_put, .remove = pages_remove, .userdata = pages
        };
}

#endif
