/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads options by a table, exactly in the types that are documented, and takes file descriptors. */
#include "bus/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { OPTIONS_MAX = 16 };

static int unknown_option(const Option *options, size_t count, Failure *failure) {
        _cleanup_free_ char *known = NULL;
        size_t size;
        FILE *stream;

        stream = open_memstream(&known, &size);
        if (!stream)
                return failure_no_memory(failure);

        for (size_t i = 0; i < count; i++)
                fprintf(stream, "%s%s", i > 0 ? ", " : "", options[i].name);
        if (fclose(stream) != 0)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_INVALID_ARGS,
                           "There is an option that this method does not know. It knows: %s.", known);
}

static int option_value(sd_bus_message *message, const Option *option, Failure *failure) {
        const char expected[] = { option->type, '\0' };
        const char *contents;
        int flag, r;

        r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r < 0)
                return r;

        if (!streq(contents, expected))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Option \"%s\" must be of D-Bus type \"%s\", not \"%s\".", option->name,
                                   expected, contents);

        if (option->type == 's')
                return sd_bus_message_read(message, "v", "s", option->value);

        r = sd_bus_message_read(message, "v", "b", &flag);
        if (r < 0)
                return r;

        *(bool *) option->value = flag;
        return 0;
}

static int option_entry(sd_bus_message *message, const Option *options, size_t count, bool given[],
                        Failure *failure) {
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;

        for (size_t i = 0; i < count; i++) {
                if (!streq(options[i].name, name))
                        continue;

                if (given[i])
                        return failure_set(failure, FAILURE_INVALID_ARGS, "Option \"%s\" is given twice.",
                                           options[i].name);

                given[i] = true;
                return option_value(message, &options[i], failure);
        }

        return unknown_option(options, count, failure);
}

int options_read(sd_bus_message *message, const Option *options, size_t count, Failure *failure) {
        bool given[OPTIONS_MAX] = {};
        int r;

        if (count > OPTIONS_MAX)
                return -EINVAL;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = option_entry(message, options, count, given, failure);
                if (r < 0)
                        return r;

                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(message);
}

/* Reads an h, and what is behind it. The descriptor stays the message's. */
static int borrow_descriptor(sd_bus_message *message, int *ret, int *flags, struct stat *status,
                             Failure *failure) {
        int r;

        r = sd_bus_message_read(message, "h", ret);
        if (r < 0)
                return r;

        *flags = fcntl(*ret, F_GETFL);
        if (*flags < 0 || fstat(*ret, status) < 0)
                return failure_set_errno(failure, FAILURE_INVALID_ARGS, errno,
                                         "The file descriptor cannot be used");

        return 0;
}

static int keep_descriptor(int borrowed, int *ret) {
        *ret = fcntl(borrowed, F_DUPFD_CLOEXEC, 3);
        return *ret < 0 ? -errno : 0;
}

int descriptor_read(sd_bus_message *message, int access, int *ret, Failure *failure) {
        struct stat status;
        int borrowed, flags, r;

        r = borrow_descriptor(message, &borrowed, &flags, &status, failure);
        if (r < 0)
                return r;

        if (S_ISDIR(status.st_mode) || (flags & O_PATH))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The file descriptor is not that of an open file or pipe.");

        if ((flags & O_ACCMODE) != access && (flags & O_ACCMODE) != O_RDWR)
                return failure_set(failure, FAILURE_INVALID_ARGS, "The file descriptor is not open for %s.",
                                   access == O_RDONLY ? "reading" : "writing");

        return keep_descriptor(borrowed, ret);
}

int directory_read(sd_bus_message *message, int *ret, Failure *failure) {
        struct stat status;
        int borrowed, flags, r;

        r = borrow_descriptor(message, &borrowed, &flags, &status, failure);
        if (r < 0)
                return r;

        if (!S_ISDIR(status.st_mode) || (flags & O_PATH))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The file descriptor is not that of an open directory.");

        return keep_descriptor(borrowed, ret);
}
