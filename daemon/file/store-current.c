/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NAME.current, read and replaced. */
#include "file/store-current.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/util.h"

enum { TEXT_SIZE = 256 };

static int current_format(const Current *current, char ret[static TEXT_SIZE]) {
        char idle[64] = "dirty";
        int length;

        if (current->idle_clean)
                snprintf(idle, sizeof(idle), "clean %" PRIu64, current->idle_applied);

        length = snprintf(ret, TEXT_SIZE,
                          "icreissue store 3 current %c applied %" PRIu64 "\nidle %s\nsegment %" PRIu32
                          " newest %" PRIu32 " durable %" PRIu64,
                          current->letter, current->applied, idle, current->segment, current->newest,
                          current->durable);
        return snprintf(ret + length, TEXT_SIZE - (size_t) length, " check %016" PRIx64 "\n",
                        (uint64_t) XXH3_64bits(ret, (size_t) length)) +
               length;
}

static bool current_parse(const char *text, Current *ret) {
        char again[TEXT_SIZE], state[8] = "";
        const char *log;
        int fields;

        *ret = (Current){};
        fields = sscanf(text, "icreissue store 3 current %c applied %" SCNu64 " idle %7s", &ret->letter,
                        &ret->applied, state);
        if (fields != 3 || (ret->letter != 'a' && ret->letter != 'b'))
                return false;

        ret->idle_clean = streq(state, "clean");
        if (ret->idle_clean && sscanf(text, "%*[^\n] idle clean %" SCNu64, &ret->idle_applied) != 1)
                return false;

        log = strstr(text, "\nsegment ");
        fields = log ? sscanf(log, " segment %" SCNu32 " newest %" SCNu32 " durable %" SCNu64, &ret->segment,
                              &ret->newest, &ret->durable)
                     : 0;

        /* Whatever is damaged, its check among it, does not come out the same. */
        current_format(ret, again);
        return fields == 3 && streq(again, text);
}

int current_read(int directory, const char *store, Current *ret, Failure *failure) {
        _cleanup_free_ char *name = NULL;
        _cleanup_close_ int descriptor = -1;
        char text[TEXT_SIZE + 1] = {};

        if (asprintf(&name, "%s.current", store) < 0) {
                name = NULL;
                return failure_no_memory(failure);
        }

        descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (descriptor < 0 && errno == ENOENT)
                return -ENOENT;

        if (descriptor < 0 || read(descriptor, text, TEXT_SIZE) < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno,
                                         "%s cannot be read; check the disk and the file's owner", name);

        return current_parse(text, ret) ? 0 : -EBADMSG;
}

static int current_replace(int directory, const char *name, const char *name_new, const char *text,
                           int length) {
        _cleanup_close_ int descriptor = -1;

        descriptor = openat(directory, name_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                            S_IRUSR | S_IWUSR);
        if (descriptor < 0)
                return -errno;

        errno = EIO; /* for a short write */
        if (write(descriptor, text, (size_t) length) != length || fsync(descriptor) < 0 ||
            renameat(directory, name_new, directory, name) < 0 || fsync(directory) < 0)
                return -errno;

        return 0;
}

int current_write(int directory, const char *path, const char *store, const Current *current,
                  Failure *failure) {
        _cleanup_free_ char *name = NULL, *name_new = NULL;
        char text[TEXT_SIZE];
        int length, r;

        if (asprintf(&name, "%s.current", store) < 0) {
                name = NULL;
                return failure_no_memory(failure);
        }
        if (asprintf(&name_new, "%s.new", name) < 0) {
                name_new = NULL;
                return failure_no_memory(failure);
        }

        length = current_format(current, text);
        r = current_replace(directory, name, name_new, text, length);
        return r < 0 ? failure_set_errno(failure, FAILURE_STORE_FAILED, r,
                                         "%s/%s could not be written; check the disk and its free space",
                                         path, name)
                     : 0;
}
