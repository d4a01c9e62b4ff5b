/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Named reads: a short list. */
#include "card/reads.h"

void reads_done(Reads *reads) {
        for (size_t i = 0; i < reads->count; i++) {
                free(reads->items[i].name);
                bytes_done(&reads->items[i].data);
        }

        free(reads->items);
        *reads = (Reads){};
}

static Read *find(const Reads *reads, const char *name) {
        for (size_t i = 0; i < reads->count; i++)
                if (streq(reads->items[i].name, name))
                        return &reads->items[i];

        return NULL;
}

static Read *add(Reads *reads, const char *name) {
        char *copy = strdup(name);
        Read *items = copy ? reallocarray(reads->items, reads->count + 1, sizeof(*items)) : NULL;

        if (!items) {
                free(copy);
                return NULL;
        }

        reads->items = items;
        reads->items[reads->count] = (Read){ .name = copy };
        return &reads->items[reads->count++];
}

int reads_keep(Reads *reads, const char *name, Span data) {
        Read *read = find(reads, name);

        if (!read)
                read = add(reads, name);

        return read ? bytes_assign(&read->data, data) : -ENOMEM;
}

int reads_find(const Reads *reads, const char *name, Span *ret) {
        const Read *read = reads ? find(reads, name) : NULL;

        if (!read)
                return -ENOENT;

        *ret = bytes_span(&read->data);
        return 0;
}
