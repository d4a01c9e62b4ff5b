/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that make, change and end files, and the card itself (ISO/IEC 7816-9:2017, clause 7). All of them
 * need the PIN. What a new file is comes from the file control parameters given (ISO/IEC 7816-4:2020, 7.4.3). */
#include <string.h>

#include "access.h"
#include "commands.h"

typedef struct Parameters {
        bool has_size, has_id;
        size_t size, record_size, record_count;
        uint8_t descriptor;
        uint16_t id;
        const uint8_t *name;
        size_t name_length;
        uint8_t life_cycle, read, update;
} Parameters;

static size_t number_of(const uint8_t *bytes, size_t length) {
        size_t number = 0;

        for (size_t i = 0; i < length; i++)
                number = number << 8 | bytes[i];
        return number;
}

/* Tag 82: the descriptor byte; for record files also the data coding byte, the records' size in one or two bytes and
 * their number in one or two bytes (ISO/IEC 7816-4:2020, table 10). */
static bool descriptor_parse(const uint8_t *value, size_t length, Parameters *ret) {
        if (length < 1 || length > 6)
                return false;
        ret->descriptor = value[0] & 0xBF; /* without the bit that says shareable */
        if (length == 3)
                ret->record_size = value[2];
        else if (length >= 4)
                ret->record_size = number_of(value + 2, 2);
        if (length >= 5)
                ret->record_count = number_of(value + 4, length - 4);
        return true;
}

static bool parameter_parse(uint8_t tag, const uint8_t *value, size_t length, Parameters *ret) {
        switch (tag) {
        case 0x80:
        case 0x81:
                ret->size = number_of(value, length);
                ret->has_size = true;
                return length >= 1 && length <= 2;
        case 0x82:
                return descriptor_parse(value, length, ret);
        case 0x83:
                ret->id = (uint16_t) number_of(value, length);
                ret->has_id = true;
                return length == 2;
        case 0x84:
                ret->name = value;
                ret->name_length = length;
                return length >= 1 && length <= FILE_NAME_MAX;
        case 0x86:
                if (length != 2)
                        return false;
                ret->read = value[0];
                ret->update = value[1];
                return true;
        case 0x8A:
                ret->life_cycle = length == 1 ? value[0] : 0;
                return ret->life_cycle == LIFE_CREATION || ret->life_cycle == LIFE_ACTIVATED;
        default:
                return false;
        }
}

static bool access_known(uint8_t access) {
        return access == ACCESS_ALWAYS || access == ACCESS_PIN || access == ACCESS_NEVER;
}

/* 62 L { tag length value }: lengths below 128 in one byte, else 81 and one byte. */
static bool parameters_parse(const uint8_t *data, size_t length, Parameters *ret) {
        size_t position = 2;

        *ret = (Parameters){ .life_cycle = LIFE_ACTIVATED, .read = ACCESS_ALWAYS, .update = ACCESS_PIN };
        if (length >= 3 && data[1] == 0x81)
                position = 3;
        if (length < position || data[0] != 0x62 || (position == 2 && data[1] >= 0x80) ||
            data[position - 1] != length - position)
                return false;

        while (position < length) {
                size_t value_length;

                if (length - position < 2)
                        return false;
                value_length = data[position + 1];
                if (value_length >= 0x80 || length - position - 2 < value_length)
                        return false;
                if (!parameter_parse(data[position], data + position + 2, value_length, ret))
                        return false;
                position += 2 + value_length;
        }
        return ret->has_id && access_known(ret->read) && access_known(ret->update);
}

static bool kind_fits(Parameters *parameters) {
        switch (parameters->descriptor) {
        case FILE_DIRECTORY:
                return true;
        case FILE_TRANSPARENT:
                return parameters->has_size && parameters->size > 0 && parameters->name_length == 0;
        case FILE_LINEAR_FIXED:
        case FILE_LINEAR_VARIABLE:
                if (parameters->record_size == 0 || parameters->name_length > 0)
                        return false;
                if (parameters->record_count == 0 && parameters->has_size)
                        parameters->record_count = parameters->size / parameters->record_size;
                return parameters->record_count >= 1 && parameters->record_count <= FILE_RECORDS_MAX &&
                       parameters->record_size <= FILE_RECORD_MAX;
        default:
                return false;
        }
}

static Status place_free(const Card *card, const Parameters *parameters) {
        if (parameters->id == FILE_ID_MASTER || parameters->id == 0xFFFF || parameters->id == 0x3FFF)
                return STATUS_WRONG_DATA; /* reserved: ISO/IEC 7816-4:2020, 7.3.2.2 */
        if (file_child(card->directory, parameters->id) || card->directory->id == parameters->id)
                return STATUS_FILE_EXISTS;
        if (parameters->name_length > 0 &&
            file_named(card->master, parameters->name, parameters->name_length, true))
                return STATUS_NAME_EXISTS;
        return STATUS_OK;
}

static File *parameters_file(const Parameters *parameters) {
        bool records = parameters->record_size > 0;
        File *file = file_new(parameters->descriptor, parameters->id,
                              records ? parameters->record_count : parameters->size, parameters->record_size);

        if (!file)
                return NULL;
        file->life_cycle = parameters->life_cycle;
        file->read = parameters->read;
        file->update = parameters->update;
        if (parameters->name_length > 0) {
                memcpy(file->name, parameters->name, parameters->name_length);
                file->name_length = parameters->name_length;
        }
        return file;
}

Status command_create_file(Card *card, const Command *command, Response *response) {
        Parameters parameters;
        Status status;
        File *file;

        (void) response;
        if (!card->creates_files)
                return STATUS_UNKNOWN_INSTRUCTION;
        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->length == 0)
                return STATUS_WRONG_LENGTH;
        status = access_update(card, card->directory);
        if (status != STATUS_OK)
                return status;
        if (!parameters_parse(command->data, command->length, &parameters) || !kind_fits(&parameters))
                return STATUS_WRONG_DATA;
        status = place_free(card, &parameters);
        if (status != STATUS_OK)
                return status;

        file = parameters_file(&parameters);
        if (!file || file_memory(card->master) + file_memory(file) > card->memory) {
                file_free(file);
                return STATUS_NO_MEMORY;
        }
        file_add(card->directory, file);
        if (file->kind == FILE_DIRECTORY)
                card->directory = file;
        card->file = file->kind == FILE_DIRECTORY ? NULL : file;
        card->changed = true;
        return STATUS_OK;
}

/* The file that a life cycle command means: the current one, or the one named in the data. */
static Status target(Card *card, const Command *command, File **ret) {
        if (!card->creates_files)
                return STATUS_UNKNOWN_INSTRUCTION;
        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->length != 0 && command->length != 2)
                return STATUS_WRONG_LENGTH;
        if (!card->pin_verified)
                return STATUS_SECURITY;
        if (command->length == 0)
                *ret = card->file ? card->file : card->directory;
        else
                *ret = file_child(card->directory, (uint16_t) (command->data[0] << 8 | command->data[1]));
        if (!*ret)
                return STATUS_FILE_NOT_FOUND;
        return *ret == card->master ? STATUS_CONDITIONS : STATUS_OK;
}

static bool is_within(const File *file, const File *directory) {
        for (; file; file = file->parent)
                if (file == directory)
                        return true;
        return false;
}

Status command_delete_file(Card *card, const Command *command, Response *response) {
        Status status;
        File *file;

        (void) response;
        status = target(card, command, &file);
        if (status != STATUS_OK)
                return status;
        if (is_within(card->file, file))
                card->file = NULL;
        if (is_within(card->directory, file))
                card->directory = file->parent;
        file_take(file);
        file_free(file);
        card->changed = true;
        return STATUS_OK;
}

static Status change(Card *card, File *file, LifeCycle life_cycle) {
        if (file->life_cycle == life_cycle)
                return STATUS_OK;
        if (file->life_cycle == LIFE_TERMINATED) /* there is no way back */
                return STATUS_CONDITIONS;
        if (file->life_cycle == LIFE_CREATION && life_cycle == LIFE_DEACTIVATED)
                return STATUS_CONDITIONS;
        file->life_cycle = life_cycle;
        card->changed = true;
        return STATUS_OK;
}

Status command_activate_file(Card *card, const Command *command, Response *response) {
        File *file;
        Status status = target(card, command, &file);

        (void) response;
        return status == STATUS_OK ? change(card, file, LIFE_ACTIVATED) : status;
}

Status command_deactivate_file(Card *card, const Command *command, Response *response) {
        File *file;
        Status status = target(card, command, &file);

        (void) response;
        return status == STATUS_OK ? change(card, file, LIFE_DEACTIVATED) : status;
}

static Status terminate(Card *card, const Command *command, bool directory) {
        File *file;
        Status status = target(card, command, &file);

        if (status != STATUS_OK)
                return status;
        if ((file->kind == FILE_DIRECTORY) != directory)
                return STATUS_WRONG_FILE_STRUCTURE;
        return change(card, file, LIFE_TERMINATED);
}

Status command_terminate_df(Card *card, const Command *command, Response *response) {
        (void) response;
        return terminate(card, command, true);
}

Status command_terminate_ef(Card *card, const Command *command, Response *response) {
        (void) response;
        return terminate(card, command, false);
}

Status command_terminate_card_usage(Card *card, const Command *command, Response *response) {
        (void) response;
        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->length != 0)
                return STATUS_WRONG_LENGTH;
        if (!card->pin_verified)
                return STATUS_SECURITY;
        card->terminated = true;
        card->changed = true;
        return STATUS_OK;
}
