/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libyaml documents with bounds, and readers that complain with file, line and column. Everything that could
 * make a later walk endless (cycles, alias bombs) or ambiguous (duplicate keys) is refused when the file is
 * loaded. */
#include "base/yaml.h"

#include "base/mistakes.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yaml.h>

struct YamlFile {
        char *name;
        yaml_document_t document;
        bool loaded;
};

YamlFile *yaml_file_free(YamlFile *file) {
        if (!file)
                return NULL;

        if (file->loaded)
                yaml_document_delete(&file->document);

        free(file->name);
        free(file);
        return NULL;
}

const char *yaml_file_name(const YamlFile *file) {
        return file->name;
}

static yaml_node_t *node_of(YamlNode node) {
        /* libyaml's accessor wants a pointer it may change; it changes nothing. */
        return node.file ? yaml_document_get_node((yaml_document_t *) &node.file->document, node.index)
                         : NULL;
}

YamlNode yaml_file_root(const YamlFile *file) {
        YamlNode root = { .file = file, .index = 1 };

        root.missing = node_of(root) == NULL;
        return root;
}

YamlKind yaml_kind(YamlNode node) {
        const yaml_node_t *found = node_of(node);

        if (!found || node.missing)
                return YAML_ABSENT;

        switch (found->type) {
        case YAML_SCALAR_NODE:
                return YAML_SCALAR;
        case YAML_SEQUENCE_NODE:
                return YAML_SEQUENCE;
        case YAML_MAPPING_NODE:
                return YAML_MAPPING;
        default:
                return YAML_ABSENT;
        }
}

Place yaml_place(YamlNode node) {
        const yaml_node_t *found = node_of(node);

        return (Place){
                .file = node.file ? node.file->name : "",
                .line = found ? found->start_mark.line + 1 : 1,
                .column = found ? found->start_mark.column + 1 : 1,
        };
}

size_t yaml_count(YamlNode node) {
        const yaml_node_t *found = node.missing ? NULL : node_of(node);

        if (found && found->type == YAML_SEQUENCE_NODE)
                return (size_t) (found->data.sequence.items.top - found->data.sequence.items.start);
        if (found && found->type == YAML_MAPPING_NODE)
                return (size_t) (found->data.mapping.pairs.top - found->data.mapping.pairs.start);

        return 0;
}

YamlNode yaml_item(YamlNode sequence, size_t n) {
        return (YamlNode){ .file = sequence.file, .index = node_of(sequence)->data.sequence.items.start[n] };
}

YamlNode yaml_key(YamlNode mapping, size_t n) {
        return (YamlNode){ .file = mapping.file, .index = node_of(mapping)->data.mapping.pairs.start[n].key };
}

YamlNode yaml_value(YamlNode mapping, size_t n) {
        return (YamlNode){ .file = mapping.file,
                           .index = node_of(mapping)->data.mapping.pairs.start[n].value };
}

YamlNode yaml_find(YamlNode mapping, const char *key) {
        if (yaml_kind(mapping) == YAML_MAPPING)
                for (size_t i = 0; i < yaml_count(mapping); i++)
                        if (streq(yaml_text(yaml_key(mapping, i)), key))
                                return yaml_value(mapping, i);

        mapping.missing = true;
        return mapping;
}

const char *yaml_text(YamlNode node) {
        const yaml_node_t *found = node.missing ? NULL : node_of(node);

        return found && found->type == YAML_SCALAR_NODE ? (const char *) found->data.scalar.value : NULL;
}

_printf_(4, 0) static int place_fail(Place place, FailureKind kind, Failure *failure, const char *format,
                                     va_list arguments) {
        _cleanup_free_ char *message = NULL;

        if (vasprintf(&message, format, arguments) < 0) {
                message = NULL;
                return failure_no_memory(failure);
        }

        return failure_set(failure, kind, "%s:%zu:%zu: %s", place.file, place.line, place.column, message);
}

int place_complain(Place place, Failure *failure, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = place_fail(place, FAILURE_PROFILE_INVALID, failure, format, arguments);
        va_end(arguments);
        return r;
}

int place_refuse(Place place, Failure *failure, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = place_fail(place, FAILURE_INVALID_ARGS, failure, format, arguments);
        va_end(arguments);
        return r;
}

static int check_node(YamlNode node, unsigned depth, size_t *seen, Failure *failure);

static int check_mapping(YamlNode node, unsigned depth, size_t *seen, Failure *failure) {
        size_t count = yaml_count(node);
        int r;

        if (count > YAML_ENTRIES_MAX)
                return yaml_complain(node, failure, "expected at most %d entries in a mapping",
                                     YAML_ENTRIES_MAX);

        for (size_t i = 0; i < count; i++) {
                YamlNode key = yaml_key(node, i);

                if (yaml_kind(key) != YAML_SCALAR)
                        return yaml_complain(key, failure, "expected a plain word as key");

                r = check_node(key, depth + 1, seen, failure);
                if (r < 0)
                        return r;

                for (size_t k = 0; k < i; k++)
                        if (streq(yaml_text(yaml_key(node, k)), yaml_text(key)))
                                return yaml_complain(key, failure, "expected the key \"%.64s\" only once",
                                                     yaml_text(key));

                r = check_node(yaml_value(node, i), depth + 1, seen, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Walks the tree as a reader would, with every alias followed: an alias is the same node met again, so a
 * cycle and an alias bomb both end at a bound. */
static int check_node(YamlNode node, unsigned depth, size_t *seen, Failure *failure) {
        const yaml_node_t *found = node_of(node);
        int r;

        if (depth > YAML_DEPTH_MAX)
                return yaml_complain(node, failure, "expected at most %d levels, and no alias inside itself",
                                     YAML_DEPTH_MAX);
        if (++*seen > YAML_NODES_MAX)
                return yaml_complain(node, failure, "expected at most %d nodes, with every alias followed",
                                     YAML_NODES_MAX);

        switch (yaml_kind(node)) {
        case YAML_SCALAR:
                if (strlen((const char *) found->data.scalar.value) != found->data.scalar.length)
                        return yaml_complain(node, failure, "expected text without a NUL character");
                return 0;
        case YAML_SEQUENCE:
                for (size_t i = 0; i < yaml_count(node); i++) {
                        r = check_node(yaml_item(node, i), depth + 1, seen, failure);
                        if (r < 0)
                                return r;
                }
                return 0;
        case YAML_MAPPING:
                return check_mapping(node, depth, seen, failure);
        default:
                return 0;
        }
}

static int complain_parser(const yaml_parser_t *parser, const char *name, Failure *failure) {
        Place place = { name, parser->problem_mark.line + 1, parser->problem_mark.column + 1 };

        if (parser->error == YAML_MEMORY_ERROR)
                return failure_no_memory(failure);

        return place_complain(place, failure, "expected YAML: %s",
                              parser->problem ? parser->problem : "cannot be read");
}

/* Anything after the first document would be ignored silently, so it is refused. */
static int expect_stream_end(yaml_parser_t *parser, const char *name, Failure *failure) {
        yaml_document_t extra;
        bool more;

        if (!yaml_parser_load(parser, &extra))
                return complain_parser(parser, name, failure);

        more = yaml_document_get_root_node(&extra) != NULL;
        yaml_document_delete(&extra);
        if (more)
                return place_complain((Place){ name, 1, 1 }, failure, "expected one document in the file");

        return 0;
}

int yaml_file_parse(Span text, const char *name, YamlFile **ret, Failure *failure) {
        _cleanup_(yaml_file_freep) YamlFile *file = NULL;
        yaml_parser_t parser;
        size_t seen = 0;
        int r = 0;

        if (text.size > YAML_SIZE_MAX)
                return place_complain((Place){ name, 1, 1 }, failure, "expected at most %d bytes",
                                      YAML_SIZE_MAX);

        file = new0(YamlFile, 1);
        if (!file || !(file->name = strdup(name)) || !yaml_parser_initialize(&parser))
                return failure_no_memory(failure);

        yaml_parser_set_input_string(&parser, text.data ? text.data : (const uint8_t *) "", text.size);
        if (yaml_parser_load(&parser, &file->document)) {
                file->loaded = true;
                if (yaml_present(yaml_file_root(file)))
                        r = expect_stream_end(&parser, name, failure);
        } else
                r = complain_parser(&parser, name, failure);

        yaml_parser_delete(&parser);
        if (r < 0)
                return r;

        r = check_node(yaml_file_root(file), 0, &seen, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(file);
        return 0;
}

static int read_all(int descriptor, Bytes *ret) {
        uint8_t buffer[4096];
        ssize_t size;
        int r;

        while ((size = read(descriptor, buffer, sizeof(buffer))) != 0) {
                if (size < 0 && errno == EINTR)
                        continue;
                if (size < 0)
                        return -errno;
                if (ret->size > YAML_SIZE_MAX)
                        return -EFBIG;

                r = bytes_append(ret, SPAN(buffer, (size_t) size));
                explicit_bzero(buffer, (size_t) size);
                if (r < 0)
                        return r;
        }

        return 0;
}

int yaml_file_load(const char *path, YamlFile **ret, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        _cleanup_close_ int descriptor = -1;
        struct stat status;
        int r;

        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (descriptor < 0 && errno == ENOENT)
                return -ENOENT;
        if (descriptor < 0 || fstat(descriptor, &status) < 0)
                return failure_set_errno(failure, FAILURE_PROFILE_INVALID, errno, "%s cannot be opened",
                                         path);
        if (!S_ISREG(status.st_mode))
                return failure_set(failure, FAILURE_PROFILE_INVALID, "%s is not a regular file", path);

        r = read_all(descriptor, &text);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_PROFILE_INVALID, r, "%s cannot be read", path);

        return yaml_file_parse(bytes_span(&text), path, ret, failure);
}

int yaml_expect(YamlNode node, YamlKind kind, const char *what, Failure *failure) {
        if (yaml_kind(node) != kind)
                return yaml_complain(node, failure, "expected %s", what);

        return 0;
}

int yaml_read_text(YamlNode node, const char *what, const char **ret, Failure *failure) {
        int r;

        r = yaml_expect(node, YAML_SCALAR, what, failure);
        if (r < 0)
                return r;

        *ret = yaml_text(node);
        return 0;
}

int yaml_read_number(YamlNode node, int64_t minimum, int64_t maximum, const char *what, int64_t *ret,
                     Failure *failure) {
        const char *text = yaml_text(node);
        char *end = NULL;
        long long number = 0;

        errno = 0;
        if (text && ((*text >= '0' && *text <= '9') || *text == '-'))
                number = strtoll(text, &end, 10);
        if (!end || *end || errno != 0 || number < minimum || number > maximum)
                return yaml_complain(node, failure, "expected %s, a number from %lld to %lld", what,
                                     (long long) minimum, (long long) maximum);

        *ret = number;
        return 0;
}

int yaml_read_boolean(YamlNode node, const char *what, bool *ret, Failure *failure) {
        const char *text = yaml_text(node);

        if (!text || (!streq(text, "true") && !streq(text, "false")))
                return yaml_complain(node, failure, "expected %s, true or false", what);

        *ret = streq(text, "true");
        return 0;
}

int yaml_read_hex(YamlNode node, size_t minimum, size_t maximum, const char *what, Bytes *ret,
                  Failure *failure) {
        _cleanup_bytes_ Bytes bytes = {};
        const char *text = yaml_text(node);
        int r;

        r = text ? hex_decode(text, &bytes) : -EINVAL;
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0 || bytes.size < minimum || bytes.size > maximum) {
                if (minimum == maximum)
                        return yaml_complain(node, failure, "expected %s, %zu bytes in hexadecimal", what,
                                             minimum);

                return yaml_complain(node, failure, "expected %s, %zu to %zu bytes in hexadecimal", what,
                                     minimum, maximum);
        }

        return bytes_append(ret, bytes_span(&bytes)) < 0 ? failure_no_memory(failure) : 0;
}

/* "a, b, c" of NULL-terminated names, for messages. */
static void join_names(const char *const *names, char *buffer, size_t size) {
        size_t used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; names[i] && used < size; i++)
                used += (size_t) snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : "", names[i]);
}

int yaml_read_choice(YamlNode node, const char *const *names, const char *what, size_t *ret,
                     Failure *failure) {
        const char *text = yaml_text(node);
        char list[512];

        for (size_t i = 0; text && names[i]; i++)
                if (streq(names[i], text)) {
                        *ret = i;
                        return 0;
                }

        join_names(names, list, sizeof(list));
        return yaml_complain(node, failure, "expected %s, one of %s", what, list);
}

int yaml_check_keys(YamlNode mapping, const char *const *keys, const char *what, Failure *failure) {
        char list[512];
        int r;

        r = yaml_expect(mapping, YAML_MAPPING, what, failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < yaml_count(mapping); i++) {
                const char *key = yaml_text(yaml_key(mapping, i));
                bool known = false;

                for (size_t k = 0; keys[k]; k++)
                        known = known || streq(keys[k], key);

                if (known)
                        continue;

                join_names(keys, list, sizeof(list));
                r = failure_note(failure, yaml_complain(yaml_key(mapping, i), failure,
                                                        "unknown \"%.64s\"; expected one of %s", key, list));
                if (r < 0)
                        return r;
        }

        return 0;
}
