/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blanks of the staff badge families. staff.h says what is on them. */
#include "staff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
        PREPARED_DIRECTORY = 0x5000,
        PERSONAL_DATA = 0x5001,
        ACCESS_KEY = 0x5002,
        DOORS = 0x5003,
        CARD_TYPE = 0x2F00,
};

static const struct {
        const char *kind;
        bool creates_files;
        bool has_expiry;
} families[] = {
        { "staff-v1", false, true },
        { "staff-v2", true, false },
};

static const struct {
        uint16_t id;
        FileKind kind;
        size_t size, record_size;
        Access read, update;
} prepared_files[] = {
        { PERSONAL_DATA, FILE_TRANSPARENT, 48, 0, ACCESS_ALWAYS, ACCESS_PIN },
        { ACCESS_KEY, FILE_TRANSPARENT, 16, 0, ACCESS_NEVER, ACCESS_PIN },
        { DOORS, FILE_LINEAR_VARIABLE, 8, 16, ACCESS_ALWAYS, ACCESS_PIN },
};

int staff_prepare(Card *card, const char *kind) {
        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
                if (strcmp(families[i].kind, kind) != 0)
                        continue;
                strncpy(card->kind, kind, sizeof(card->kind) - 1);
                card->creates_files = families[i].creates_files;
                card->objects[card->object_count++] = (DataObject){
                        .tag = CARD_SERIAL_TAG,
                        .length = CARD_SERIAL_LENGTH,
                        .read = ACCESS_ALWAYS,
                        .update = ACCESS_NEVER,
                        .present = true,
                        .after_termination = true,
                };
                if (families[i].has_expiry)
                        card->objects[card->object_count++] = (DataObject){
                                .tag = 0x5F24,
                                .length = 3,
                                .read = ACCESS_ALWAYS,
                                .update = ACCESS_PIN,
                        };
                return 0;
        }
        return -EINVAL;
}

static File *add(File *directory, File *file, Access read, Access update) {
        if (!file)
                return NULL;
        file->read = read;
        file->update = update;
        file_add(directory, file);
        return file;
}

static int prepare_directory(Card *card) {
        static const uint8_t name[] = { 0xF0, 'I', 'C', 'R', 0x01 };
        File *directory = add(card->master, file_new(FILE_DIRECTORY, PREPARED_DIRECTORY, 0, 0), ACCESS_ALWAYS,
                              ACCESS_NEVER);

        if (!directory)
                return -ENOMEM;
        memcpy(directory->name, name, sizeof(name));
        directory->name_length = sizeof(name);
        for (size_t i = 0; i < sizeof(prepared_files) / sizeof(prepared_files[0]); i++)
                if (!add(directory,
                         file_new(prepared_files[i].kind, prepared_files[i].id, prepared_files[i].size,
                                  prepared_files[i].record_size),
                         prepared_files[i].read, prepared_files[i].update))
                        return -ENOMEM;
        return 0;
}

static int make_files(Card *card) {
        File *type;

        card->master = file_new(FILE_DIRECTORY, FILE_ID_MASTER, 0, 0);
        if (!card->master)
                return -ENOMEM;
        card->master->read = ACCESS_ALWAYS;
        card->master->update = ACCESS_PIN;

        type = add(card->master, file_new(FILE_TRANSPARENT, CARD_TYPE, strlen(card->kind), 0), ACCESS_ALWAYS,
                   ACCESS_NEVER);
        if (!type)
                return -ENOMEM;
        memcpy(type->data, card->kind, type->size);
        return card->creates_files ? 0 : prepare_directory(card);
}

int staff_new(const char *kind, Manner manner, const uint8_t serial[static CARD_SERIAL_LENGTH], Card **ret) {
        Card *card = calloc(1, sizeof(Card));
        int r;

        if (!card)
                return -ENOMEM;
        r = staff_prepare(card, kind);
        if (r == 0)
                r = make_files(card);
        if (r < 0) {
                card_free(card);
                return r;
        }
        card->manner = manner;
        card->memory = 4096;
        card->pin = (Pin){ .value = "12345678", .tries = 3, .limit = 3 };
        memcpy(card_object(card, CARD_SERIAL_TAG)->value, serial, CARD_SERIAL_LENGTH);
        card_reset(card);
        *ret = card;
        return 0;
}
