/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as data objects: what is found lies in them, and is written as no more than it took. */
#include <stdlib.h>

#include "base/tlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Span rest = SPAN(data, size), found;
        TlvObject object;

        while (tlv_read(rest, &object) >= 0) {
                _cleanup_bytes_ Bytes header = {};

                if (object.size > rest.size || object.value.size > object.size ||
                    object.value.data + object.value.size != rest.data + object.size)
                        abort();

                if (tlv_append_header(&header, object.tag, object.value.size) >= 0 &&
                    header.size + object.value.size > object.size)
                        abort();

                rest = span_part(rest, object.size, rest.size);
        }

        if (size > 2 && tlv_find(SPAN(data + 2, size - 2), data[0], &found) >= 0 &&
            (found.data < data + 2 || found.data + found.size > data + size))
                abort();

        return 0;
}
