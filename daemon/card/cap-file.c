/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The components of a CAP file out of their archive, by libzip. */
#include "card/cap-file.h"

#include <zip.h>

enum {
        ENTRIES_MAX = 4096,
        COMPONENT_HEADER = 3, /* its tag, its size without this header in two bytes */
};

/* Those that a card installs from, in that order, and their tags (6.1, tables 6-1 and 6-2). */
static const struct {
        const char *name; /* ends its path in the archive */
        uint8_t tag;
        bool optional;
} components[] = {
        { "/Header.cap", 1, false },      { "/Directory.cap", 2, false }, { "/Import.cap", 4, false },
        { "/Applet.cap", 3, true },       { "/Class.cap", 6, false },     { "/Method.cap", 7, false },
        { "/StaticField.cap", 8, false }, { "/Export.cap", 10, true },    { "/ConstantPool.cap", 5, false },
        { "/RefLocation.cap", 9, false },
};

static void close_archive(zip_t **archive) {
        if (*archive)
                zip_discard(*archive);
}

static void close_file(zip_file_t **file) {
        if (*file)
                zip_fclose(*file);
}

static int open_archive(Span bytes, zip_t **ret) {
        zip_error_t error;
        zip_source_t *source;

        zip_error_init(&error);
        source = zip_source_buffer_create(bytes.data, bytes.size, 0, &error);
        *ret = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
        if (source && !*ret)
                zip_source_free(source);

        zip_error_fini(&error);
        return *ret ? 0 : -EBADMSG;
}

static bool ends_with(const char *name, const char *end) {
        size_t length = strlen(name), wanted = strlen(end);

        return length >= wanted && streq(name + length - wanted, end);
}

/* The first file whose path ends so. */
static int find_entry(zip_t *archive, const char *end, zip_uint64_t *ret) {
        zip_int64_t count = zip_get_num_entries(archive, 0);

        if (count > ENTRIES_MAX)
                return -EBADMSG;

        for (zip_int64_t i = 0; i < count; i++) {
                const char *name = zip_get_name(archive, (zip_uint64_t) i, 0);

                if (name && ends_with(name, end)) {
                        *ret = (zip_uint64_t) i;
                        return 0;
                }
        }

        return -ENOENT;
}

/* What the archive says of a size is not believed: so much is read as there is room for. */
static int read_entry(zip_t *archive, zip_uint64_t entry, size_t longest, Bytes *ret) {
        _cleanup_(close_file) zip_file_t *file = zip_fopen_index(archive, entry, 0);
        uint8_t part[4096];
        zip_int64_t got;
        size_t start = ret->size;

        if (!file)
                return -EBADMSG;

        while ((got = zip_fread(file, part, sizeof(part))) > 0) {
                if ((size_t) got > longest - (ret->size - start))
                        return -EFBIG;
                if (bytes_append(ret, SPAN(part, (size_t) got)) < 0)
                        return -ENOMEM;
        }

        return got < 0 ? -EBADMSG : 0;
}

static bool is_component(Span file, uint8_t tag) {
        return file.size >= COMPONENT_HEADER && file.data[0] == tag &&
               (size_t) (file.data[1] << 8 | file.data[2]) == file.size - COMPONENT_HEADER;
}

int cap_load_file(Span archive, size_t longest, Bytes *ret) {
        _cleanup_(close_archive) zip_t *zip = NULL;
        int r;

        r = open_archive(archive, &zip);
        for (size_t i = 0; r >= 0 && i < ELEMENTS(components); i++) {
                size_t start = ret->size;
                zip_uint64_t entry;

                r = find_entry(zip, components[i].name, &entry);
                if (r == -ENOENT && components[i].optional) {
                        r = 0;
                        continue;
                }
                if (r >= 0)
                        r = read_entry(zip, entry, longest - MIN_OF(start, longest), ret);
                if (r >= 0 && !is_component(span_part(bytes_span(ret), start, ret->size), components[i].tag))
                        r = -EBADMSG;
        }

        return r == -ENOENT ? -EBADMSG : r;
}
