/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Into the new file: what is put gathers, and is put by a second thread. */
#include "file/import-helper.h"
#include "file/import.h"

enum {
        PUT_SIZE = 256 * 1024,
        RESERVE = 8192, /* most records are smaller */
};

typedef struct Puts {
        StoreBulk *bulk;
        Bytes items; /* sizes of key, with its NUL, and value (4 bytes each), key, value */
        Failure failure;
} Puts;

struct ImportPutter {
        ImportHelper *helper; /* NULL: there is none */
        Puts gathered, given;
};

static void puts_done(Puts *puts) {
        bytes_done(&puts->items);
        failure_done(&puts->failure);
}

ImportPutter *import_putter_free(ImportPutter *putter) {
        if (!putter)
                return NULL;

        import_helper_free(putter->helper);
        puts_done(&putter->gathered);
        puts_done(&putter->given);
        free(putter);
        return NULL;
}

int import_putter_new(StoreBulk *bulk, ImportPutter **ret, Failure *failure) {
        ImportPutter *putter = new0(ImportPutter, 1);

        if (!putter)
                return failure_no_memory(failure);

        putter->gathered.bulk = putter->given.bulk = bulk;
        if (import_helper_new(&putter->helper) < 0)
                putter->helper = NULL;

        *ret = putter;
        return 0;
}

/* On either thread. */
static void put_all(void *userdata) {
        Puts *puts = userdata;

        for (Span rest = bytes_span(&puts->items); rest.size > 0;) {
                const char *key = (const char *) rest.data + 8;
                uint32_t sizes[2];

                memcpy(sizes, rest.data, sizeof(sizes));
                if (store_bulk_put(puts->bulk, key, span_part(rest, 8 + sizes[0], sizes[1]), &puts->failure) <
                    0) {
                        if (!failure_is_set(&puts->failure))
                                failure_no_memory(&puts->failure);
                        return;
                }

                rest = span_part(rest, 8 + sizes[0] + sizes[1], SIZE_MAX);
        }
}

/* Waits for what was given, and gives what has gathered. */
static int putter_give(ImportPutter *putter, Failure *failure) {
        Puts empty = { .bulk = putter->given.bulk };
        int r;

        if (putter->helper)
                import_helper_wait(putter->helper);

        if (failure_is_set(&putter->given.failure)) {
                r = failure_errno(putter->given.failure.kind);
                failure_move(failure, &putter->given.failure);
                return r;
        }

        puts_done(&putter->given);
        putter->given = putter->gathered;
        putter->gathered = empty;
        if (putter->helper)
                import_helper_give(putter->helper, put_all, &putter->given);
        else
                put_all(&putter->given);

        return 0;
}

int import_putter_put(ImportPutter *putter, const char *key, Span value, Failure *failure) {
        const uint32_t sizes[] = { (uint32_t) strlen(key) + 1, (uint32_t) value.size };
        Bytes *items = &putter->gathered.items;

        if ((items->size == 0 && bytes_reserve(items, PUT_SIZE + RESERVE) < 0) ||
            bytes_append(items, SPAN_OF_ARRAY(sizes)) < 0 || bytes_append(items, SPAN(key, sizes[0])) < 0 ||
            bytes_append(items, value) < 0)
                return failure_no_memory(failure);

        return items->size < PUT_SIZE ? 0 : putter_give(putter, failure);
}

int import_putter_end(ImportPutter *putter, Failure *failure) {
        int r;

        r = putter_give(putter, failure);
        return r < 0 ? r : putter_give(putter, failure);
}
