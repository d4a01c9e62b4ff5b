/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the pages of an index: it is scanned and changed, or refused with a reason, and every way ends. The
 * input is pages, each after its length (two bytes): the first is ".index/root", the others are numbered. */
#include <stdlib.h>

#include "unit/index-pages.h"

enum { ENTRIES_MAX = 100000 }; /* what so few pages can hold */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_entry(Span entry, void *userdata, _unused_ Failure *failure) {
        size_t *count = userdata;

        if (entry.size == 0 || entry.size > INDEX_ENTRY_MAX || ++*count > ENTRIES_MAX)
                abort();

        return 0;
}

static void expect_reason(int r, Failure *failure) {
        if ((r < 0) != failure_is_set(failure))
                abort();

        failure_done(failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_failure_ Failure failure = {};
        IndexPages index = pages_index(pages);
        Span rest = SPAN(data, size), entry = SPAN("m", 1);
        size_t count = 0;

        for (size_t i = 0; i < 32 && rest.size > 2; i++) {
                Span page = span_part(rest, 2, (size_t) rest.data[0] << 8 | rest.data[1]);

                if (page.size > 0 && bytes_assign(&pages->slots[i], page) < 0)
                        abort();

                entry = span_part(page, 0, INDEX_ENTRY_MAX); /* the last is what is added and removed, too */
                rest = span_part(rest, 2 + page.size, rest.size);
        }

        expect_reason(index_scan(&index, (Span){}, (Span){}, count_entry, &count, &failure), &failure);
        if (entry.size == 0)
                return 0;

        expect_reason(index_add(&index, entry, &failure), &failure);
        expect_reason(index_remove(&index, entry, &failure), &failure);
        return 0;
}
