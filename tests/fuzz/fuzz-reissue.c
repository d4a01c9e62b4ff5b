/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole reissue of every shipped card type on a card that answers by any script, over and over: the first byte chooses
 * the type and the protocol, the others are the script (tests/unit/hostile-card.h). */
#include "../unit/hostile-card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Catalogue *catalogue; /* loaded once: the libFuzzer process is the fixture */
        static KeyRing *keys;

        if (!catalogue) {
                catalogue = fixture_catalogue();
                keys = fixture_key_ring();
        }

        if (size > 0)
                hostile_reissue(catalogue, keys,
                                catalogue_type(catalogue, (data[0] & 0x7F) % catalogue_type_count(catalogue)),
                                data[0] & 0x80, SPAN(data + 1, size - 1));

        return 0;
}
