/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key file: where it is looked for, and what its lines say. Messages name a line and never quote it. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "file/seal-private.h"

#define ADVICE "icreissue-make-key makes one"

enum { FILE_SIZE_MAX = 65536 };

typedef struct Version {
        uint32_t number;
        XaesKey *key;
} Version;

struct SealKeys {
        atomic_uint references;
        Version *versions; /* in the order of their numbers */
        size_t count;
};

SealKeys *seal_keys_ref(SealKeys *keys) {
        atomic_fetch_add(&keys->references, 1);
        return keys;
}

SealKeys *seal_keys_unref(SealKeys *keys) {
        if (!keys || atomic_fetch_sub(&keys->references, 1) > 1)
                return NULL;

        for (size_t i = 0; i < keys->count; i++)
                xaes_key_free(keys->versions[i].key);

        free(keys->versions);
        free(keys);
        return NULL;
}

uint32_t seal_keys_current(const SealKeys *keys) {
        return keys->versions[keys->count - 1].number;
}

const XaesKey *seal_keys_find(const SealKeys *keys, uint32_t version) {
        for (size_t i = 0; i < keys->count; i++)
                if (keys->versions[i].number == version)
                        return keys->versions[i].key;

        return NULL;
}

bool seal_keys_has(const SealKeys *keys, uint32_t version) {
        return seal_keys_find(keys, version);
}

/* Puts a version where it belongs. Returns 0, -EEXIST, -ENOMEM or -EOPNOTSUPP. */
static int insert(SealKeys *keys, uint32_t number, Span key) {
        Version *versions;
        size_t place = 0;
        XaesKey *made;
        int r;

        while (place < keys->count && keys->versions[place].number < number)
                place++;
        if (place < keys->count && keys->versions[place].number == number)
                return -EEXIST;

        versions = reallocarray(keys->versions, keys->count + 1, sizeof(Version));
        if (!versions)
                return -ENOMEM;

        keys->versions = versions;
        r = xaes_key_new(key.data, &made);
        if (r < 0)
                return r;

        memmove(versions + place + 1, versions + place, (keys->count - place) * sizeof(Version));
        versions[place] = (Version){ .number = number, .key = made };
        keys->count++;
        return 0;
}

/* One line, NUL-terminated and without spaces at its ends. Returns 0, -EINVAL, or what insert() does. */
static int read_line(SealKeys *keys, const char *line) {
        _cleanup_bytes_ Bytes key = {};
        uint32_t number;
        const char *hex;
        int r;

        if (line[0] == '\0' || line[0] == '#')
                return 0;

        hex = seal_read_version(line, &number);
        if (!hex || strlen(hex) != 2 * XAES_KEY_SIZE || strchr(hex, ' '))
                return -EINVAL;

        r = hex_decode(hex, &key);
        return r < 0 ? r : insert(keys, number, bytes_span(&key));
}

/* text has a NUL after its end, and is written to. */
static int read_lines(SealKeys *keys, char *text, const char *path, Failure *failure) {
        char *next = text;

        for (unsigned number = 1; next; number++) {
                char *line = strsep(&next, "\n");
                size_t length = strlen(line);
                int r;

                while (length > 0 && strchr(" \t\r", line[length - 1]))
                        line[--length] = '\0';

                r = read_line(keys, line);
                if (r == -ENOMEM)
                        return failure_no_memory(failure);
                if (r == -EOPNOTSUPP)
                        return failure_set(
                                failure, FAILURE_STORE_FAILED,
                                "libcrypto has no AES-256-GCM or no CMAC, so nothing can be sealed.");
                if (r < 0)
                        return failure_set(failure, FAILURE_STORE_FAILED,
                                           r == -EEXIST
                                                   ? "%s:%u: this version of the key is there already."
                                                   : "%s:%u: expected VERSION:KEY, a number from 1 and 64 "
                                                     "hexadecimal digits.",
                                           path, number);
        }

        if (keys->count == 0)
                return failure_set(failure, FAILURE_STORE_FAILED, "%s holds no key; " ADVICE ".", path);

        return 0;
}

static int check_mode(int descriptor, const char *path, Failure *failure) {
        struct stat status;

        if (fstat(descriptor, &status) < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "The key file %s cannot be read", path);
        if (!S_ISREG(status.st_mode))
                return failure_set(failure, FAILURE_STORE_FAILED, "The key file %s is no regular file.",
                                   path);
        if (status.st_mode & (S_IRWXG | S_IRWXO))
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The key file %s can be read by others than its owner: chmod it to 0600. Whoever "
                        "has read it can open a copy of the issuance file.",
                        path);

        return 0;
}

/* With a NUL at the end, which is not counted. */
static int read_file(int descriptor, const char *path, Bytes *ret, Failure *failure) {
        uint8_t buffer[4096];
        ssize_t n;
        int r = 0;

        while (r >= 0 && (n = read(descriptor, buffer, sizeof(buffer))) != 0) {
                if (n < 0)
                        return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                                 "The key file %s cannot be read", path);
                r = bytes_append(ret, SPAN(buffer, (size_t) n));
                if (ret->size > FILE_SIZE_MAX)
                        return failure_set(failure, FAILURE_STORE_FAILED, "%s is too large for a key file.",
                                           path);
        }

        explicit_bzero(buffer, sizeof(buffer));
        if (r >= 0)
                r = bytes_append_byte(ret, '\0');
        if (r < 0)
                return failure_no_memory(failure);
        if (memchr(ret->data, '\0', ret->size) != ret->data + ret->size - 1)
                return failure_set(failure, FAILURE_STORE_FAILED, "%s is no key file: it is not text.", path);

        return 0;
}

/* Loads that file. -ENOENT, with no failure set, where it is not there. */
static int load_file(const char *path, bool owner_only, SealKeys *keys, Failure *failure) {
        _cleanup_close_ int descriptor = -1;
        _cleanup_bytes_ Bytes text = {};
        int r;

        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (descriptor < 0 && errno == ENOENT)
                return -ENOENT;
        if (descriptor < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "The key file %s cannot be read", path);

        r = owner_only ? check_mode(descriptor, path, failure) : 0;
        if (r >= 0)
                r = read_file(descriptor, path, &text, failure);
        if (r >= 0)
                r = read_lines(keys, (char *) text.data, path, failure);

        return r;
}

static int load_credential(const char *directory, const char *name, SealKeys *keys, Failure *failure) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", directory, name) < 0) {
                path = NULL;
                return failure_no_memory(failure);
        }

        return load_file(path, false, keys, failure);
}

static int load_first(const char *path, SealKeys *keys, Failure *failure) {
        const char *credentials = secure_getenv("CREDENTIALS_DIRECTORY");
        int r = -ENOENT;

        if (credentials)
                r = load_credential(credentials, "issuance-key", keys, failure);
        if (credentials && r == -ENOENT)
                r = load_credential(credentials, "issuance-key.plain", keys, failure);
        if (path && r == -ENOENT)
                r = load_file(path, true, keys, failure);
        if (r != -ENOENT)
                return r;

        return failure_set(failure, FAILURE_STORE_FAILED,
                           "There is no key for the issuance file: no credential issuance-key%s%s. For a new "
                           "station, " ADVICE "; otherwise put the station's own back.",
                           path ? ", and no " : "", path ? path : "");
}

int seal_keys_load(const char *path, SealKeys **ret, Failure *failure) {
        _cleanup_(seal_keys_unrefp) SealKeys *keys = NULL;
        int r;

        keys = new0(SealKeys, 1);
        if (!keys)
                return failure_no_memory(failure);

        keys->references = 1;
        r = load_first(path, keys, failure);
        if (r < 0)
                return r == -ENOMEM ? r : -ENOKEY;

        *ret = TAKE_PTR(keys);
        return 0;
}
