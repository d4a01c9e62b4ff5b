/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key ring's file and its keys. Which verb may use a key is value-parse.c's to say. */
#include "card/key-ring.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/yaml.h"

enum { KEY_SIZE_MAX = 4096 };

typedef struct Key {
        char *name;
        Bytes value;
} Key;

struct KeyRing {
        atomic_uint references;
        Key *keys;
        size_t count;
};

KeyRing *key_ring_ref(KeyRing *ring) {
        atomic_fetch_add(&ring->references, 1);
        return ring;
}

KeyRing *key_ring_unref(KeyRing *ring) {
        if (!ring || atomic_fetch_sub(&ring->references, 1) > 1)
                return NULL;

        for (size_t i = 0; i < ring->count; i++) {
                free(ring->keys[i].name);
                bytes_done(&ring->keys[i].value);
        }

        free(ring->keys);
        free(ring);
        return NULL;
}

int key_ring_find(const KeyRing *ring, const char *name, Span *ret) {
        for (size_t i = 0; i < ring->count; i++)
                if (streq(ring->keys[i].name, name)) {
                        *ret = bytes_span(&ring->keys[i].value);
                        return 0;
                }

        return -ENOENT;
}

static int read_keys(KeyRing *ring, YamlNode root, Failure *failure) {
        int r;

        if (!yaml_present(root)) /* an empty file is an empty ring */
                return 0;

        r = yaml_expect(root, YAML_MAPPING, "a mapping from names to keys in hexadecimal", failure);
        if (r < 0)
                return r;

        ring->keys = new0(Key, yaml_count(root) + 1);
        if (!ring->keys)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(root); i++) {
                Key *key = &ring->keys[ring->count++];

                key->name = strdup(yaml_text(yaml_key(root, i)));
                if (!key->name)
                        return failure_no_memory(failure);

                r = yaml_read_hex(yaml_value(root, i), 1, KEY_SIZE_MAX, "a key", &key->value, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* A credential is in a folder that only the service can enter; any other file must be the owner's alone. */
static int check_mode(const char *path, Failure *failure) {
        struct stat status;

        if (stat(path, &status) < 0)
                return errno == ENOENT ? 0
                                       : failure_set_errno(failure, FAILURE_PROFILE_INVALID, errno,
                                                           "The key ring %s cannot be read", path);

        if (status.st_mode & (S_IRWXG | S_IRWXO))
                return failure_set(
                        failure, FAILURE_PROFILE_INVALID,
                        "%s:1:1: expected a file that nobody but its owner can read; chmod it to 0600", path);

        return 0;
}

int key_ring_load(const char *config_directory, KeyRing **ret, Failure *failure) {
        const char *credentials = secure_getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(key_ring_unrefp) KeyRing *ring = NULL;
        _cleanup_(yaml_file_freep) YamlFile *file = NULL;
        _cleanup_free_ char *credential = NULL, *path = NULL;
        int r = -ENOENT;

        ring = new0(KeyRing, 1);
        if (!ring || asprintf(&path, "%s/key-ring.yaml", config_directory) < 0)
                return failure_no_memory(failure);

        ring->references = 1;
        if (credentials) {
                if (asprintf(&credential, "%s/key-ring", credentials) < 0)
                        return failure_no_memory(failure);
                r = yaml_file_load(credential, &file, failure);
        }

        if (r == -ENOENT) {
                r = check_mode(path, failure);
                if (r >= 0)
                        r = yaml_file_load(path, &file, failure);
        }

        if (r >= 0)
                r = read_keys(ring, yaml_file_root(file), failure);
        if (r < 0 && r != -ENOENT)
                return r;

        *ret = TAKE_PTR(ring);
        return 0;
}
