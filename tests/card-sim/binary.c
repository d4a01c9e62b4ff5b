/* SPDX-License-Identifier: GPL-3.0-or-later */
/* READ BINARY and UPDATE BINARY with an even instruction byte (ISO/IEC 7816-4:2020, 11.3). These cards give their
 * files no short identifier. */
#include "access.h"
#include "commands.h"

static Status current_file(Card *card, const Command *command, File **ret, size_t *ret_offset) {
        if (command->p1 & 0x80) /* a short file identifier, which no file here has */
                return command->p1 & 0x60 ? STATUS_WRONG_PARAMETERS : STATUS_FILE_NOT_FOUND;
        if (!card->file)
                return STATUS_NO_CURRENT_FILE;
        if (card->file->kind != FILE_TRANSPARENT)
                return STATUS_WRONG_FILE_STRUCTURE;
        *ret = card->file;
        *ret_offset = (size_t) command->p1 << 8 | command->p2;
        return STATUS_OK;
}

Status command_read_binary(Card *card, const Command *command, Response *response) {
        size_t offset;
        Status status;
        File *file;

        if (command->length != 0 || command->expected == 0)
                return STATUS_WRONG_LENGTH;
        status = current_file(card, command, &file, &offset);
        if (status != STATUS_OK)
                return status;
        status = access_read(card, file);
        if (status != STATUS_OK)
                return status;
        if (offset >= file->size)
                return STATUS_WRONG_OFFSET;
        response_append(response, file->data + offset, file->size - offset);
        response->part = response->end = true;
        return STATUS_OK;
}

Status command_update_binary(Card *card, const Command *command, Response *response) {
        size_t offset;
        Status status;
        File *file;

        (void) response;
        if (command->length == 0)
                return STATUS_WRONG_LENGTH;
        status = current_file(card, command, &file, &offset);
        if (status != STATUS_OK)
                return status;
        status = access_update(card, file);
        if (status != STATUS_OK)
                return status;
        if (offset >= file->size)
                return STATUS_WRONG_OFFSET;
        if (command->length > file->size - offset)
                return STATUS_NO_MEMORY;
        access_store(card, file->id, offset, file->data + offset, command->data, command->length);
        return STATUS_OK;
}
