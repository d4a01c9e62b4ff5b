/* SPDX-License-Identifier: GPL-3.0-or-later */
/* READ RECORD, UPDATE RECORD and APPEND RECORD on linear files, by record number (ISO/IEC 7816-4:2020, 11.4). There
 * is no record pointer, and files have no short identifier. */
#include "access.h"
#include "commands.h"

/* P2: the lower three bits; above them a short file identifier (table 71) */
#define BY_NUMBER 0x04

static Status current_file(Card *card, const Command *command, File **ret) {
        if ((command->p2 & 0xF8) == 0xF8)
                return STATUS_WRONG_PARAMETERS;
        if ((command->p2 & 0xF8) != 0)
                return STATUS_FILE_NOT_FOUND;
        if (!card->file)
                return STATUS_NO_CURRENT_FILE;
        if (!card->file->records)
                return STATUS_WRONG_FILE_STRUCTURE;
        *ret = card->file;
        return STATUS_OK;
}

static Status numbered_record(Card *card, const Command *command, File **ret_file, Record **ret) {
        Status status = current_file(card, command, ret_file);

        if (status != STATUS_OK)
                return status;
        if ((command->p2 & 0x07) != BY_NUMBER)
                return STATUS_NOT_SUPPORTED;
        if (command->p1 == 0xFF)
                return STATUS_WRONG_PARAMETERS;
        if (command->p1 == 0 || command->p1 > (*ret_file)->record_count)
                return STATUS_RECORD_NOT_FOUND;
        *ret = &(*ret_file)->records[command->p1 - 1];
        return STATUS_OK;
}

static bool length_fits(const File *file, size_t length) {
        if (file->kind == FILE_LINEAR_FIXED)
                return length == file->record_size;
        return length > 0 && length <= file->record_size;
}

Status command_read_record(Card *card, const Command *command, Response *response) {
        Record *record;
        Status status;
        File *file;

        if (command->length != 0 || command->expected == 0)
                return STATUS_WRONG_LENGTH;
        status = numbered_record(card, command, &file, &record);
        if (status != STATUS_OK && status != STATUS_RECORD_NOT_FOUND)
                return status;
        if (access_read(card, file) != STATUS_OK)
                return access_read(card, file);
        if (status != STATUS_OK)
                return status;
        response_append(response, record->data, record->length);
        response->end = true;
        return STATUS_OK;
}

Status command_update_record(Card *card, const Command *command, Response *response) {
        Record *record;
        Status status;
        File *file;

        (void) response;
        if (command->length == 0)
                return STATUS_WRONG_LENGTH;
        status = numbered_record(card, command, &file, &record);
        if (status != STATUS_OK && status != STATUS_RECORD_NOT_FOUND)
                return status;
        if (access_update(card, file) != STATUS_OK)
                return access_update(card, file);
        if (status != STATUS_OK)
                return status;
        if (!length_fits(file, command->length))
                return STATUS_WRONG_LENGTH;
        access_store(card, file->id, 0, record->data, command->data, command->length);
        record->length = command->length;
        return STATUS_OK;
}

Status command_append_record(Card *card, const Command *command, Response *response) {
        Record *record;
        Status status;
        File *file;

        (void) response;
        if (command->length == 0)
                return STATUS_WRONG_LENGTH;
        status = current_file(card, command, &file);
        if (status != STATUS_OK)
                return status;
        if (command->p1 != 0 || (command->p2 & 0x07) != 0)
                return STATUS_WRONG_PARAMETERS;
        status = access_update(card, file);
        if (status != STATUS_OK)
                return status;
        if (!length_fits(file, command->length))
                return STATUS_WRONG_LENGTH;
        if (file->record_count == file->record_limit)
                return STATUS_NO_MEMORY;
        record = &file->records[file->record_count];
        access_store(card, file->id, 0, record->data, command->data, command->length);
        record->length = command->length;
        file->record_count++;
        return STATUS_OK;
}
