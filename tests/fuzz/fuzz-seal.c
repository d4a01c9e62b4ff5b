/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a sealed text, and as a key file. Nothing is opened, for who has no key cannot seal; and no key is made
 * of bytes that have none. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "file/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The keys of a file in memory; NULL for one that is none. */
static SealKeys *load(const void *text, size_t size) {
        int descriptor = memfd_create("key", MFD_CLOEXEC);
        SealKeys *keys = NULL;
        char path[64];

        if (descriptor < 0 || fchmod(descriptor, 0600) < 0 || write(descriptor, text, size) != (ssize_t) size)
                abort();

        snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
        (void) seal_keys_load(path, &keys, NULL);
        close(descriptor);
        return keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char key[] = "7:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
        _cleanup_(seal_keys_unrefp) SealKeys *keys = load(key, strlen(key)), *given = load(data, size);
        _cleanup_string_erase_ char *text = NULL;
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes plain = {};

        text = span_to_string(SPAN(data, size));
        if (!keys || !text)
                abort();
        if (unseal(keys, text, span_of_string("place"), &plain, &failure) >= 0 || plain.size > 0)
                abort();
        if (!failure_is_set(&failure))
                abort();
        if (given && (size < 66 || !seal_keys_has(given, seal_keys_current(given))))
                abort();

        return 0;
}
