/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys for tests, from a key file that is there for as long as it is read. */
#ifndef ICREISSUE_TESTS_KEY_FIXTURE_H
#define ICREISSUE_TESTS_KEY_FIXTURE_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "file/seal.h"

#define KEY_ONE "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"
#define KEY_TWO "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static inline void write_key_file(const char *path, const char *text, mode_t mode) {
        int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        ck_assert_int_ge(descriptor, 0);
        ck_assert_int_eq(fchmod(descriptor, mode), 0);
        ck_assert_int_eq(write(descriptor, text, strlen(text)), (ssize_t) strlen(text));
        close(descriptor);
}

/* The keys of such a text; the caller owns a reference. */
static inline SealKeys *keys_of(const char *text) {
        char path[] = "/tmp/icreissue-key-XXXXXX";
        _cleanup_failure_ Failure failure = {};
        SealKeys *keys = NULL;
        int r;

        r = mkstemp(path);
        ck_assert_int_ge(r, 0);
        close(r);
        write_key_file(path, text, S_IRUSR | S_IWUSR);
        unsetenv("CREDENTIALS_DIRECTORY");
        r = seal_keys_load(path, &keys, &failure);
        unlink(path);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return keys;
}

#endif
