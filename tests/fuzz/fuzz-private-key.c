/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a record's private key: what is taken out of it has the lengths that cards are promised. */
#include <stdlib.h>

#include "card/private-key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_private_key_ PrivateKey key = {};
        int r;

        r = private_key_parse(SPAN(data, size), &key);
        if (r < 0)
                return 0;

        if (key.is_rsa ? key.first_prime.size != key.second_prime.size ||
                                 key.modulus.size > 2 * key.first_prime.size || key.exponent.size == 0
                       : key.point.size != 1 + 2 * key.secret.size || key.curve.size == 0)
                abort();

        return 0;
}
