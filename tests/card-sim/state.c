/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card to JSON and back. Bytes are hexadecimal text; what a family's cards have in common is not stored. */
#include "state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "hex.h"
#include "staff.h"

#define STATE_VERSION 1

static json_t *bytes_to_json(const uint8_t *bytes, size_t length) {
        char *text = malloc(2 * length + 1);
        json_t *json = text ? json_string(hex_write(bytes, length, text)) : NULL;

        free(text);
        return json;
}

/* The bytes of a string member, exactly `length` of them when that is not 0, else at most `room`. */
static int json_to_bytes(const json_t *object, const char *key, uint8_t *bytes, size_t room,
                         size_t *ret_length) {
        const char *text = json_string_value(json_object_get(object, key));
        ssize_t length = text ? hex_read(text, bytes, room) : -EBADMSG;

        if (length < 0)
                return -EBADMSG;
        *ret_length = (size_t) length;
        return 0;
}

static int json_to_exactly(const json_t *object, const char *key, uint8_t *bytes, size_t length) {
        size_t there;

        if (json_to_bytes(object, key, bytes, length, &there) < 0 || there != length)
                return -EBADMSG;
        return 0;
}

static long member(const json_t *object, const char *key, long least, long most) {
        const json_t *value = json_object_get(object, key);
        json_int_t number = json_integer_value(value);

        return json_is_integer(value) && number >= least && number <= most ? (long) number : -1;
}

static json_t *records_to_json(const File *file) {
        json_t *records = json_array();

        for (size_t i = 0; i < file->record_count; i++)
                json_array_append_new(records, bytes_to_json(file->records[i].data, file->records[i].length));
        return records;
}

static json_t *file_to_json(const File *file) {
        json_t *json = json_pack("{s:i, s:i, s:i, s:i, s:i}", "id", file->id, "kind", file->kind,
                                 "life-cycle", file->life_cycle, "read", file->read, "update", file->update);
        json_t *children;

        if (file->name_length > 0)
                json_object_set_new(json, "name", bytes_to_json(file->name, file->name_length));
        if (file->kind == FILE_TRANSPARENT)
                json_object_set_new(json, "data", bytes_to_json(file->data, file->size));
        if (file->records) {
                json_object_set_new(json, "record-size", json_integer((json_int_t) file->record_size));
                json_object_set_new(json, "record-limit", json_integer((json_int_t) file->record_limit));
                json_object_set_new(json, "records", records_to_json(file));
        }
        if (!file->children)
                return json;

        children = json_array();
        for (const File *child = file->children; child; child = child->next)
                json_array_append_new(children, file_to_json(child));
        json_object_set_new(json, "files", children);
        return json;
}

static int records_from_json(const json_t *json, File *file) {
        const json_t *records = json_object_get(json, "records");

        if (!json_is_array(records) || json_array_size(records) > file->record_limit)
                return -EBADMSG;
        file->record_count = json_array_size(records);
        for (size_t i = 0; i < file->record_count; i++) {
                const char *text = json_string_value(json_array_get(records, i));
                ssize_t length = text ? hex_read(text, file->records[i].data, file->record_size) : -EBADMSG;

                if (length < 0)
                        return -EBADMSG;
                file->records[i].length = (size_t) length;
        }
        return 0;
}

static int content_from_json(const json_t *json, File *file) {
        if (file->kind == FILE_TRANSPARENT)
                return json_to_exactly(json, "data", file->data, file->size);
        if (file->records)
                return records_from_json(json, file);
        if (json_object_get(json, "name"))
                return json_to_bytes(json, "name", file->name, sizeof(file->name), &file->name_length);
        return 0;
}

static File *file_from_json(const json_t *json, unsigned depth) {
        long id = member(json, "id", 0, 0xFFFF), kind = member(json, "kind", 0, 0xFF);
        const char *data = json_string_value(json_object_get(json, "data"));
        long record_size =
                json_object_get(json, "record-size") ? member(json, "record-size", 1, FILE_RECORD_MAX) : 0;
        long record_limit = member(json, "record-limit", 1, FILE_RECORDS_MAX);
        size_t size = record_size > 0 ? (size_t) record_limit : data ? strlen(data) / 2 : 0;
        const json_t *child;
        size_t i;
        File *file;

        if (id < 0 || kind < 0 || record_size < 0 || (record_size > 0 && record_limit < 0) || depth > 8)
                return NULL;
        file = file_new((FileKind) kind, (uint16_t) id, size, (size_t) record_size);
        if (!file)
                return NULL;
        file->life_cycle = (LifeCycle) member(json, "life-cycle", 0, 0xFF);
        file->read = (Access) member(json, "read", 0, 0xFF);
        file->update = (Access) member(json, "update", 0, 0xFF);
        if (content_from_json(json, file) < 0)
                goto fail;

        json_array_foreach(json_object_get(json, "files"), i, child) {
                File *added = file_from_json(child, depth + 1);
                if (!added)
                        goto fail;
                file_add(file, added);
        }
        return file;

fail:
        file_free(file);
        return NULL;
}

static json_t *objects_to_json(const Card *card) {
        json_t *objects = json_object();
        char tag[8];

        for (size_t i = 0; i < card->object_count; i++) {
                const DataObject *object = &card->objects[i];

                if (!object->present)
                        continue;
                snprintf(tag, sizeof(tag), "%04X", object->tag);
                json_object_set_new(objects, tag, bytes_to_json(object->value, object->length));
        }
        return objects;
}

static int objects_from_json(const json_t *json, Card *card) {
        char tag[8];

        for (size_t i = 0; i < card->object_count; i++) {
                DataObject *object = &card->objects[i];

                snprintf(tag, sizeof(tag), "%04X", object->tag);
                object->present = json_object_get(json, tag) != NULL;
                if (object->present && json_to_exactly(json, tag, object->value, object->length) < 0)
                        return -EBADMSG;
        }
        return card_object(card, CARD_SERIAL_TAG)->present ? 0 : -EBADMSG;
}

static int card_from_json(const json_t *json, Card *card) {
        const char *kind = json_string_value(json_object_get(json, "kind"));
        const char *manner = json_string_value(json_object_get(json, "manner"));
        const json_t *pin = json_object_get(json, "pin");
        long memory = member(json, "memory", 0, 65536);
        long tries = member(pin, "tries", 0, 15), limit = member(pin, "limit", 1, 15);

        if (member(json, "v", STATE_VERSION, STATE_VERSION) < 0 || !kind || !manner ||
            manner_of(manner) < 0 || memory < 0 || tries < 0 || limit < 0 || staff_prepare(card, kind) < 0)
                return -EBADMSG;
        card->manner = (Manner) manner_of(manner);
        card->terminated = json_is_true(json_object_get(json, "terminated"));
        card->memory = (size_t) memory;
        card->pin.tries = (unsigned) tries;
        card->pin.limit = (unsigned) limit;
        if (json_to_exactly(pin, "value", card->pin.value, CARD_PIN_LENGTH) < 0 ||
            objects_from_json(json_object_get(json, "objects"), card) < 0)
                return -EBADMSG;

        card->master = file_from_json(json_object_get(json, "files"), 0);
        return card->master && card->master->kind == FILE_DIRECTORY ? 0 : -EBADMSG;
}

/* A family's card is one block of memory. */
static int family_from_json(const json_t *json, Card **ret) {
        const char *kind = json_string_value(json_object_get(json, "kind"));
        const char *manner = json_string_value(json_object_get(json, "manner"));
        const Family *family = kind ? family_find(kind) : NULL;
        int r;

        if (!family || !manner || manner_of(manner) < 0 ||
            member(json, "v", STATE_VERSION, STATE_VERSION) < 0)
                return -EBADMSG;
        r = family_card(family, (Manner) manner_of(manner), ret);
        return r < 0 ? r : json_to_exactly(json, "kept", (*ret)->kept, family->kept_size);
}

static int staff_from_json(const json_t *json, Card **ret) {
        *ret = calloc(1, sizeof(Card));
        return *ret ? card_from_json(json, *ret) : -ENOMEM;
}

int state_load(const char *path, Card **ret) {
        json_t *json;
        Card *card = NULL;
        int r;

        errno = 0;
        json = json_load_file(path, 0, NULL);
        if (!json)
                return errno == ENOENT || errno == EACCES ? -errno : -EBADMSG;
        r = json_object_get(json, "kept") ? family_from_json(json, &card) : staff_from_json(json, &card);
        json_decref(json);
        if (r == 0) {
                card->path = strdup(path);
                r = card->path ? 0 : -ENOMEM;
        }
        if (r < 0) {
                card_free(card);
                return r;
        }
        card_reset(card);
        *ret = card;
        return 0;
}

static json_t *card_to_json(const Card *card) {
        const char *manner = manner_name(card->manner);

        if (card->family)
                return json_pack("{s:i, s:s, s:s, s:o}", "v", STATE_VERSION, "kind", card->kind, "manner",
                                 manner, "kept", bytes_to_json(card->kept, card->family->kept_size));
        return json_pack("{s:i, s:s, s:s, s:b, s:i, s:{s:o, s:i, s:i}, s:o, s:o}", "v", STATE_VERSION, "kind",
                         card->kind, "manner", manner, "terminated", card->terminated, "memory",
                         (int) card->memory, "pin", "value", bytes_to_json(card->pin.value, CARD_PIN_LENGTH),
                         "tries", (int) card->pin.tries, "limit", (int) card->pin.limit, "objects",
                         objects_to_json(card), "files", file_to_json(card->master));
}

int state_save(const Card *card) {
        json_t *json = card_to_json(card);
        char *temporary = NULL;
        int r = 0;

        if (!json || asprintf(&temporary, "%s.new", card->path) < 0) {
                json_decref(json);
                return -ENOMEM;
        }
        errno = EIO;
        if (json_dump_file(json, temporary, JSON_INDENT(1)) < 0 || rename(temporary, card->path) < 0)
                r = -errno;
        free(temporary);
        json_decref(json);
        return r;
}
