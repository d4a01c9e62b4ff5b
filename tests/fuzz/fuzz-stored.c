/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a record's text in the store: refused with a reason, or stored again as what parses to the same; and what the
 * index would have of it leads back to it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "file/issuance-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One key, and fields of each kind. */
static IssuanceContext make_context(void) {
        static const char key[] = "7:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
        static const IssuanceField rows[] = {
                { .type = "a", .name = "holder", .indexed = true },
                { .type = "a", .name = "note" },
                { .type = "a", .name = "pin", .secret = true },
        };
        int descriptor = memfd_create("key", MFD_CLOEXEC);
        IssuanceContext context = {};
        char path[64];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
        if (descriptor < 0 || fchmod(descriptor, 0600) < 0 ||
            write(descriptor, key, strlen(key)) != (ssize_t) strlen(key) ||
            seal_keys_load(path, &context.keys, NULL) < 0 ||
            issuance_fields_new(rows, ELEMENTS(rows), &context.fields) < 0)
                abort();

        close(descriptor);
        return context;
}

static int lead_back(Span entry, void *userdata, Failure *failure _unused_) {
        _cleanup_string_erase_ char *key = NULL;

        if (entry.size > INDEX_ENTRY_MAX || issuance_entry_key(entry, &key) < 0 || !streq(key, userdata))
                abort();

        return 0;
}

static void check_record(const IssuanceContext *context, const Record *record) {
        _cleanup_string_erase_ char *key = record_key(record->type, record->id), *text = NULL, *first = NULL,
                                    *second = NULL;
        _cleanup_(record_freep) Record *again = NULL;

        if (!key || issuance_index_entries(context, record, lead_back, key, NULL) != 0)
                abort();

        /* Escapes make a text longer, so it may be too large now. */
        if (issuance_format_stored(context, record, 0, &text, NULL) < 0)
                return;

        if (issuance_needs_seal(context, key, span_of_string(text), NULL) != 0 ||
            issuance_parse_stored(context, key, span_of_string(text), &again, NULL) < 0)
                abort();

        first = record_format(record);
        second = record_format(again);
        if (!first || !second || !streq(first, second))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_issuance_context_ IssuanceContext context = make_context();
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_failure_ Failure failure = {};
        uint32_t count;
        bool issued;

        (void) issuance_parse_row(SPAN(data, size), &issued, &count);
        (void) issuance_needs_seal(&context, "a/1", SPAN(data, size), NULL);
        if (issuance_parse_stored(&context, "a/1", SPAN(data, size), &record, &failure) >= 0)
                check_record(&context, record);
        else if (record || !failure_is_set(&failure))
                abort();

        return 0;
}
