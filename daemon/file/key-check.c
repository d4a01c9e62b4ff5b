/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key check: its lines, and what they say of the keys. */
#include "file/key-check.h"

static Span bound(void) {
        return span_of_string("key check");
}

static int add_line(Bytes *lines, const SealKeys *keys, Failure *failure) {
        _cleanup_string_erase_ char *line = NULL;
        int r;

        r = seal(keys, span_of_string("icreissue"), bound(), &line, failure);
        if (r < 0)
                return r;

        if (bytes_append(lines, span_of_string(line)) < 0 || bytes_append_byte(lines, '\n') < 0)
                return failure_no_memory(failure);

        return 0;
}

static int put(Store *store, const Bytes *lines, Failure *failure) {
        const Span value = bytes_span(lines);
        const StoreChange change = { .key = KEY_CHECK_KEY, .value = &value };

        return store_apply(store, &change, 1, failure);
}

static int check_line(const char *line, const SealKeys *keys, const char *what, Failure *failure) {
        uint32_t version = seal_version(line);
        _cleanup_bytes_ Bytes plain = {};
        int r;

        if (version == 0)
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The %s's key check is damaged. Restore the file from a backup.", what);

        if (!seal_keys_has(keys, version)) {
                failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "The %s holds secrets under version %u of the key, which the key file does not have. Put "
                        "that version back into the key file; it can go when icreissuectl store rotate-key has ended.",
                        what, version);
                return -ENOKEY;
        }

        r = unseal(keys, line, bound(), &plain, NULL);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0) {
                failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "Version %u of the key file is not the key that the %s was sealed with. Nothing was changed. "
                        "Put the station's own key file back, or the files that belong to this one.",
                        version, what);
                return -ENOKEY;
        }

        return 0;
}

/* text has a NUL after its end, and is written to. */
static int check_lines(char *text, const SealKeys *keys, const char *what, bool *ret_has_current,
                       Failure *failure) {
        for (char *next = text, *line; (line = strsep(&next, "\n"));) {
                int r;

                if (!*line)
                        continue;

                r = check_line(line, keys, what, failure);
                if (r < 0)
                        return r;

                *ret_has_current = *ret_has_current || seal_version(line) == seal_keys_current(keys);
        }

        return 0;
}

/* Replaces what ret_lines holds by the store's lines, which fit the keys. */
static int read_lines(Store *store, const SealKeys *keys, const char *what, Bytes *ret_lines,
                      bool *ret_has_current, Failure *failure) {
        _cleanup_string_erase_ char *text = NULL;
        int r;

        r = store_fetch(store, KEY_CHECK_KEY, ret_lines, failure);
        if (r < 0 && r != -ENOENT)
                return r;

        text = span_to_string(bytes_span(ret_lines));
        if (!text)
                return failure_no_memory(failure);

        return check_lines(text, keys, what, ret_has_current, failure);
}

int key_check_hold(Store *store, const SealKeys *keys, const char *what, Failure *failure) {
        _cleanup_bytes_ Bytes lines = {};
        bool has_current = false;

        return read_lines(store, keys, what, &lines, &has_current, failure);
}

int key_check_add(Store *store, const SealKeys *keys, const char *what, Failure *failure) {
        _cleanup_bytes_ Bytes lines = {};
        bool has_current = false;
        int r;

        r = read_lines(store, keys, what, &lines, &has_current, failure);
        if (r < 0 || has_current)
                return r;

        r = add_line(&lines, keys, failure);
        return r < 0 ? r : put(store, &lines, failure);
}

int key_check_open(Store *store, const SealKeys *keys, const char *what, Failure *failure) {
        int r = key_check_add(store, keys, what, failure);

        return r < 0 ? r : store_commit(store, failure);
}

int key_check_retire(Store *store, const SealKeys *keys, Failure *failure) {
        _cleanup_bytes_ Bytes lines = {};
        int r;

        r = add_line(&lines, keys, failure);
        return r < 0 ? r : put(store, &lines, failure);
}
