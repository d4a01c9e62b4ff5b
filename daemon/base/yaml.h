/* SPDX-License-Identifier: GPL-3.0-or-later */
/* YAML files as trees of nodes, through libyaml's document API. Whatever is wrong is said as
 * "file:line:column: what was expected". Sizes, depth and the expansion of aliases are bounded here; what the
 * nodes mean is the caller's. */
#ifndef ICREISSUE_BASE_YAML_H
#define ICREISSUE_BASE_YAML_H

#include "base/bytes.h"
#include "base/failure.h"

enum {
        YAML_SIZE_MAX = 1 << 20, /* bytes of one file */
        YAML_DEPTH_MAX = 32,     /* nodes one inside the other */
        YAML_NODES_MAX = 65536,  /* nodes, with every alias followed */
        YAML_ENTRIES_MAX = 4096, /* entries of one mapping */
};

typedef struct YamlFile YamlFile;

/* A node; it borrows from its file. What is not there is `missing` and stands where it was looked for, so
 * that a complaint about it has a place; or it has no file at all. */
typedef struct YamlNode {
        const YamlFile *file;
        int index;
        bool missing;
} YamlNode;

/* Where something is written; `file` is borrowed from the YamlFile. */
typedef struct Place {
        const char *file;
        size_t line, column; /* from 1 */
} Place;

typedef enum YamlKind {
        YAML_ABSENT,
        YAML_SCALAR,
        YAML_SEQUENCE,
        YAML_MAPPING,
} YamlKind;

/* Reads the one document of a file. Returns 0; -ENOENT with failure untouched where there is no such file;
 * PROFILE_INVALID for bad syntax, duplicate keys, keys that are no scalars, too much of anything, and for a
 * file that cannot be read. The root of an empty file is missing. */
int yaml_file_load(const char *path, YamlFile **ret, Failure *failure);

/* The same for a text in memory; name is what messages call it. */
int yaml_file_parse(Span text, const char *name, YamlFile **ret, Failure *failure);

YamlFile *yaml_file_free(YamlFile *file);
DEFINE_CLEANUP(YamlFile *, yaml_file_free)

const char *yaml_file_name(const YamlFile *file);
YamlNode yaml_file_root(const YamlFile *file);

YamlKind yaml_kind(YamlNode node);
static inline bool yaml_present(YamlNode node) {
        return node.file && !node.missing;
}
Place yaml_place(YamlNode node);

/* The number of items of a sequence or of entries of a mapping; 0 for the others. */
size_t yaml_count(YamlNode node);
/* The n-th item; n must be below yaml_count(). */
YamlNode yaml_item(YamlNode sequence, size_t n);
/* The n-th entry. Keys are always scalars. */
YamlNode yaml_key(YamlNode mapping, size_t n);
YamlNode yaml_value(YamlNode mapping, size_t n);
/* The value of a key; missing where it is not there or node is no mapping. */
YamlNode yaml_find(YamlNode mapping, const char *key);
/* A scalar's text, never with a NUL byte inside; NULL for the others. */
const char *yaml_text(YamlNode node);

/* Fills failure with PROFILE_INVALID "file:line:column: ..." and returns its errno. */
_printf_(3, 4) int place_complain(Place place, Failure *failure, const char *format, ...);
/* The same with INVALID_ARGS: the file is right, and what it is used for cannot be what it asks for. */
_printf_(3, 4) int place_refuse(Place place, Failure *failure, const char *format, ...);
#define yaml_complain(node, failure, ...) place_complain(yaml_place(node), failure, __VA_ARGS__)

/* Readers with a check: each complains with `what` was expected. *ret is untouched then. */
int yaml_expect(YamlNode node, YamlKind kind, const char *what, Failure *failure);
int yaml_read_text(YamlNode node, const char *what, const char **ret, Failure *failure);
int yaml_read_number(YamlNode node, int64_t minimum, int64_t maximum, const char *what, int64_t *ret,
                     Failure *failure);
int yaml_read_boolean(YamlNode node, const char *what, bool *ret, Failure *failure);
/* Hexadecimal text of minimum to maximum bytes, appended. */
int yaml_read_hex(YamlNode node, size_t minimum, size_t maximum, const char *what, Bytes *ret,
                  Failure *failure);
/* One of the NULL-terminated names; *ret is its index. */
int yaml_read_choice(YamlNode node, const char *const *names, const char *what, size_t *ret,
                     Failure *failure);
/* A mapping with no other keys than the NULL-terminated ones; each other is a mistake of its own (failure_note()). */
int yaml_check_keys(YamlNode mapping, const char *const *keys, const char *what, Failure *failure);

#endif
