/* SPDX-License-Identifier: GPL-3.0-or-later */
/* {file: NAME}: bytes of a file that stands next to the profile, read when the profile is. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "card/cap-file.h"
#include "card/profile.h"

enum {
        NAME_MAX_LENGTH = 64,
        ARCHIVE_MAX = 1 << 20, /* a CAP file has more in it than a card takes */
};

static bool name_is_valid(const char *name) {
        return *name && *name != '.' && strlen(name) <= NAME_MAX_LENGTH && !strchr(name, '/');
}

static bool is_cap(const char *name) {
        const char *suffix = strrchr(name, '.');

        return suffix && strcasecmp(suffix, ".cap") == 0;
}

/* A file that grows while it is read is no more than `longest`. -EFBIG, -EINVAL for what is no file, errno of read(). */
static int read_file(const char *path, size_t longest, Bytes *ret) {
        _cleanup_(cleanup_close) int descriptor = -1;
        uint8_t part[4096];
        struct stat status;
        ssize_t got;

        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (descriptor < 0 || fstat(descriptor, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;

        while ((got = read(descriptor, part, sizeof(part))) > 0) {
                if ((size_t) got > longest - ret->size)
                        return -EFBIG;
                if (bytes_append(ret, SPAN(part, (size_t) got)) < 0)
                        return -ENOMEM;
        }

        return got < 0 ? -errno : 0;
}

static int complain_file(YamlNode node, int r, Failure *failure) {
        switch (r) {
        case -ENOMEM:
                return failure_no_memory(failure);
        case -EBADMSG:
                return yaml_complain(node, failure, "expected a CAP file: this one lacks what a card needs");
        case -EFBIG:
                return yaml_complain(node, failure, "expected a file of at most %d bytes", VALUE_SIZE_MAX);
        default:
                return yaml_complain(node, failure, "expected a file next to the profile: %s", strerror(-r));
        }
}

/* Next to the file in which it is written, which may be one that the profile extends. */
static char *path_of(YamlNode node, const char *name) {
        const char *profile = yaml_place(node).file, *slash = strrchr(profile, '/');
        char *path;

        if (asprintf(&path, "%.*s%s", slash ? (int) (slash + 1 - profile) : 0, profile, name) < 0)
                return NULL;

        return path;
}

int form_file(const Form *form, YamlNode node, const Scope *scope _unused_, Value *value, Failure *failure) {
        YamlNode name_node = yaml_find(node, form->key);
        _cleanup_bytes_ Bytes archive = {};
        _cleanup_free_ char *path = NULL;
        const char *name;
        int r;

        r = yaml_read_text(name_node, "the name of a file next to the profile", &name, failure);
        if (r < 0)
                return r;
        if (!name_is_valid(name))
                return yaml_complain(name_node, failure, "expected the name of a file next to the profile");

        path = path_of(node, name);
        if (!path)
                return failure_no_memory(failure);

        r = is_cap(name) ? read_file(path, ARCHIVE_MAX, &archive)
                         : read_file(path, VALUE_SIZE_MAX, &value->bytes);
        if (r >= 0 && is_cap(name))
                r = cap_load_file(bytes_span(&archive), VALUE_SIZE_MAX, &value->bytes);

        return r < 0 ? complain_file(name_node, r, failure) : 0;
}
