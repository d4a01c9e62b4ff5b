/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holds the index of an issuance file against its records, in whose arrays no value may be twice. */
#ifndef ICREISSUE_TESTS_INDEX_AUDIT_H
#define ICREISSUE_TESTS_INDEX_AUDIT_H

#include "file/index-state.h"
#include "issuance-fixture.h"

/* What the index should have, and has. */
typedef struct Audit {
        ChangeSet set;
        IssuanceContext context;
        size_t expected, there;
} Audit;

static inline int stop_at(Span entry, void *userdata, Failure *failure _unused_) {
        return span_equal(entry, *(const Span *) userdata);
}

static inline int expect_entry(Span entry, void *userdata, Failure *failure) {
        Audit *audit = userdata;
        const IndexPages pages = change_set_pages(&audit->set);

        audit->expected++;
        ck_assert_int_eq(index_scan(&pages, entry, SPAN(NULL, 0), stop_at, &entry, failure), 1);
        return 0;
}

static inline int count_entry(Span entry _unused_, void *userdata, Failure *failure _unused_) {
        ((Audit *) userdata)->there++;
        return 0;
}

static inline int audit_record(const char *key, void *userdata, Failure *failure) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_bytes_ Bytes text = {};
        Audit *audit = userdata;

        if (!record_key_id(key))
                return 0;

        ck_assert_int_eq(store_fetch(audit->set.store, key, &text, failure), 0);
        ck_assert_int_eq(issuance_parse_stored(&audit->context, key, bytes_span(&text), &record, failure), 0);
        return issuance_index_entries(&audit->context, record, expect_entry, audit, failure);
}

/* The index has an entry for everything, and no other; the records are as many as the file says. */
static inline void check_index(Desk *desk) {
        Audit audit = { .context = { .keys = desk->keys, .fields = desk->fields } };
        const IndexPages pages = change_set_pages(&audit.set);
        uint64_t records;

        desk_close(desk);
        ck_assert_int_eq(store_open(desk->place.directory, "issuance", 0, &audit.set.store, NULL), 0);
        ck_assert_int_eq(store_each(audit.set.store, audit_record, &audit, NULL), 0);
        ck_assert_int_eq(index_scan(&pages, SPAN(NULL, 0), SPAN(NULL, 0), count_entry, &audit, NULL), 0);
        ck_assert_uint_eq(audit.there, audit.expected);
        ck_assert_int_eq(issuance_read_count(audit.set.store, &records, NULL), 0);
        store_close(audit.set.store);
        desk_open(desk);
        ck_assert_uint_eq(issuance_file_count(desk->file), records);
}

#endif
