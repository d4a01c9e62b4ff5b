/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET DATA and PUT DATA with an even instruction byte: the tag is in P1 and P2, what travels is the bare value
 * (ISO/IEC 7816-4:2020, 11.5). */
#include "access.h"
#include "commands.h"

static DataObject *object_of(Card *card, const Command *command) {
        return card_object(card, (uint16_t) (command->p1 << 8 | command->p2));
}

Status command_get_data(Card *card, const Command *command, Response *response) {
        DataObject *object = object_of(card, command);
        Status status;

        if (card->terminated && (!object || !object->after_termination))
                return STATUS_CONDITIONS;
        if (command->length != 0 || command->expected == 0)
                return STATUS_WRONG_LENGTH;
        if (!object)
                return STATUS_REFERENCE_NOT_FOUND;
        status = access_allows(card, object->read);
        if (status != STATUS_OK)
                return status;
        if (!object->present)
                return STATUS_REFERENCE_NOT_FOUND;
        response_append(response, object->value, object->length);
        return STATUS_OK;
}

Status command_put_data(Card *card, const Command *command, Response *response) {
        DataObject *object = object_of(card, command);
        Status status;

        (void) response;
        if (command->length == 0)
                return STATUS_WRONG_LENGTH;
        if (!object)
                return STATUS_REFERENCE_NOT_FOUND;
        status = access_allows(card, object->update);
        if (status != STATUS_OK)
                return status;
        if (command->length != object->length)
                return STATUS_WRONG_LENGTH;
        access_store(card, object->tag, 0, object->value, command->data, command->length);
        object->present = true;
        return STATUS_OK;
}
