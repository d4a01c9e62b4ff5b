/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a record: refused with a reason, or formatted into what parses to the same again. */
#include <stdlib.h>

#include "file/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(record_freep) Record *record = NULL, *again = NULL;
        _cleanup_string_erase_ char *text = NULL, *text_again = NULL;
        _cleanup_failure_ Failure failure = {};

        if (record_parse(SPAN(data, size), &record, &failure) < 0) {
                if (record || !failure_is_set(&failure))
                        abort();

                return 0;
        }

        text = record_format(record);
        if (!text)
                abort();

        /* Escapes make a text longer, so it may be too large now; nothing else may be wrong with it. */
        if (record_parse(span_of_string(text), &again, &failure) < 0) {
                if (strlen(text) <= RECORD_SIZE_MAX)
                        abort();

                return 0;
        }

        text_again = record_format(again);
        if (!text_again || !streq(text, text_again))
                abort();

        return 0;
}
