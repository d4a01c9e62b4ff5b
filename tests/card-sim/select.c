/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SELECT (ISO/IEC 7816-4:2020, 11.2.2): by identifier, by name, by path; and the file control parameters that it
 * answers. A selection that fails leaves the current one as it was. */
#include <string.h>

#include "commands.h"

/* P1, table 62 */
enum {
        BY_ID = 0x00,
        CHILD_DIRECTORY = 0x01,
        CHILD_FILE = 0x02,
        PARENT_DIRECTORY = 0x03,
        BY_NAME = 0x04,
        PATH_FROM_MASTER = 0x08,
        PATH_FROM_CURRENT = 0x09,
};

/* P2, table 63 */
enum {
        OCCURRENCE = 0x03,
        ANSWER = 0x0C,
        ANSWER_FCI = 0x00,
        ANSWER_FCP = 0x04,
        ANSWER_NOTHING = 0x0C,
};

static Status by_id(Card *card, const Command *command, File **ret) {
        File *directory = card->directory;
        uint16_t id;

        if (command->length == 0) {
                *ret = card->master;
                return STATUS_OK;
        }
        if (command->length != 2)
                return STATUS_WRONG_LENGTH;
        id = (uint16_t) (command->data[0] << 8 | command->data[1]);

        if (id == FILE_ID_MASTER)
                *ret = card->master;
        else if (id == directory->id)
                *ret = directory;
        else {
                *ret = file_child(directory, id);
                if (!*ret && directory->parent) /* a sibling, or the directory above */
                        *ret = directory->parent->id == id ? directory->parent
                                                           : file_child(directory->parent, id);
        }
        return *ret ? STATUS_OK : STATUS_FILE_NOT_FOUND;
}

static Status child(Card *card, const Command *command, bool directory, File **ret) {
        File *file;

        if (command->length != 2)
                return STATUS_WRONG_LENGTH;
        file = file_child(card->directory, (uint16_t) (command->data[0] << 8 | command->data[1]));
        if (!file || (file->kind == FILE_DIRECTORY) != directory)
                return STATUS_FILE_NOT_FOUND;
        *ret = file;
        return STATUS_OK;
}

static Status parent_directory(Card *card, const Command *command, File **ret) {
        if (command->length != 0)
                return STATUS_WRONG_LENGTH;
        if (!card->directory->parent)
                return STATUS_FILE_NOT_FOUND;
        *ret = card->directory->parent;
        return STATUS_OK;
}

static Status by_name(Card *card, const Command *command, File **ret) {
        if (command->length == 0 || command->length > FILE_NAME_MAX)
                return STATUS_WRONG_LENGTH;
        *ret = file_named(card->master, command->data, command->length, true);
        if (!*ret) /* a right-truncated name: the first that fits */
                *ret = file_named(card->master, command->data, command->length, false);
        return *ret ? STATUS_OK : STATUS_FILE_NOT_FOUND;
}

/* A path names neither the directory that it begins in nor, from the top, the MF (table 62). */
static Status by_path(File *from, const Command *command, File **ret) {
        File *file = from;

        if (command->length == 0 || command->length % 2 != 0)
                return STATUS_WRONG_LENGTH;
        for (size_t i = 0; i < command->length; i += 2) {
                if (file->kind != FILE_DIRECTORY)
                        return STATUS_FILE_NOT_FOUND;
                file = file_child(file, (uint16_t) (command->data[i] << 8 | command->data[i + 1]));
                if (!file)
                        return STATUS_FILE_NOT_FOUND;
        }
        *ret = file;
        return STATUS_OK;
}

static Status find(Card *card, const Command *command, File **ret) {
        switch (command->p1) {
        case BY_ID:
                return by_id(card, command, ret);
        case CHILD_DIRECTORY:
        case CHILD_FILE:
                return child(card, command, command->p1 == CHILD_DIRECTORY, ret);
        case PARENT_DIRECTORY:
                return parent_directory(card, command, ret);
        case BY_NAME:
                return by_name(card, command, ret);
        case PATH_FROM_MASTER:
                return by_path(card->master, command, ret);
        case PATH_FROM_CURRENT:
                return by_path(card->directory, command, ret);
        default:
                return STATUS_WRONG_PARAMETERS;
        }
}

static void append_tlv(Response *response, uint8_t tag, const uint8_t *value, uint8_t length) {
        response_append(response, (uint8_t[]){ tag, length }, 2);
        response_append(response, value, length);
}

/* File control parameters (ISO/IEC 7816-4:2020, 7.4.3, table 10), or the same as file control information. */
static void append_control_parameters(Response *response, const File *file, uint8_t template_tag) {
        size_t start = response->length;
        uint8_t size[2] = { (uint8_t) (file->size >> 8), (uint8_t) file->size };
        uint8_t id[2] = { (uint8_t) (file->id >> 8), (uint8_t) file->id };
        uint8_t life_cycle = (uint8_t) file->life_cycle;
        uint8_t access[2] = { (uint8_t) file->read, (uint8_t) file->update };
        uint8_t descriptor[5] = { (uint8_t) file->kind, 0x21, (uint8_t) (file->record_size >> 8),
                                  (uint8_t) file->record_size, (uint8_t) file->record_limit };

        response_append(response, (uint8_t[]){ template_tag, 0 }, 2);
        if (file->kind == FILE_TRANSPARENT)
                append_tlv(response, 0x80, size, sizeof(size));
        append_tlv(response, 0x82, descriptor, file->records ? 5 : 1);
        append_tlv(response, 0x83, id, sizeof(id));
        if (file->name_length > 0)
                append_tlv(response, 0x84, file->name, (uint8_t) file->name_length);
        append_tlv(response, 0x8A, &life_cycle, 1);
        append_tlv(response, 0x86, access, sizeof(access));
        response->data[start + 1] = (uint8_t) (response->length - start - 2);
}

Status command_select(Card *card, const Command *command, Response *response) {
        uint8_t answer = command->p2 & ANSWER;
        File *file = NULL;
        Status status;

        if ((command->p2 & ~(OCCURRENCE | ANSWER)) != 0 ||
            (answer != ANSWER_FCI && answer != ANSWER_FCP && answer != ANSWER_NOTHING))
                return STATUS_WRONG_PARAMETERS;
        if ((command->p2 & OCCURRENCE) != 0) /* only the first of a name is ever meant */
                return STATUS_FILE_NOT_FOUND;

        status = find(card, command, &file);
        if (status != STATUS_OK)
                return status;
        if (file->kind == FILE_DIRECTORY) {
                card->directory = file;
                card->file = NULL;
        } else {
                card->directory = file->parent;
                card->file = file;
        }
        if (answer != ANSWER_NOTHING)
                append_control_parameters(response, file, answer == ANSWER_FCP ? 0x62 : 0x6F);

        if (file->life_cycle == LIFE_DEACTIVATED)
                return STATUS_FILE_DEACTIVATED;
        return file->life_cycle == LIFE_TERMINATED ? STATUS_FILE_TERMINATED : STATUS_OK;
}
