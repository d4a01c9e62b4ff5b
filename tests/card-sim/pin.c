/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VERIFY and CHANGE REFERENCE DATA with the card's one PIN, its tries, and what a card tells about them (ISO/IEC
 * 7816-4:2020, 11.6.6, 11.6.7 and 11.6.1 on the retry counter). */
#include <string.h>

#include "commands.h"

static Status tries_status(const Pin *pin) {
        return pin->tries == 0 ? STATUS_BLOCKED : (Status) (STATUS_TRIES_LEFT | pin->tries);
}

/* Compares, and pays for it: the try is taken before the answer is known to anybody. */
static Status compare(Card *card, const uint8_t value[static CARD_PIN_LENGTH]) {
        Pin *pin = &card->pin;

        if (pin->tries == 0)
                return STATUS_BLOCKED;
        card->pin_verified = memcmp(pin->value, value, CARD_PIN_LENGTH) == 0;
        if (!card->pin_verified || pin->tries != pin->limit)
                card->changed = true;
        if (card->pin_verified) {
                pin->tries = pin->limit;
                return STATUS_OK;
        }
        pin->tries--;
        return (Status) (STATUS_TRIES_LEFT | pin->tries);
}

static Status reference_check(const Command *command) {
        if (command->p1 != 0)
                return STATUS_WRONG_PARAMETERS;
        return command->p2 == CARD_PIN_REFERENCE ? STATUS_OK : STATUS_REFERENCE_NOT_FOUND;
}

Status command_verify(Card *card, const Command *command, Response *response) {
        Status status = reference_check(command);

        (void) response;
        if (status != STATUS_OK)
                return status;
        if (command->length == 0) /* only asked: is it verified, and if not, how many tries are left */
                return card->pin_verified ? STATUS_OK : tries_status(&card->pin);
        if (command->length != CARD_PIN_LENGTH)
                return STATUS_WRONG_LENGTH;
        return compare(card, command->data);
}

Status command_change_reference_data(Card *card, const Command *command, Response *response) {
        Status status = reference_check(command);

        (void) response;
        if (status != STATUS_OK)
                return status;
        if (command->length != 2 * CARD_PIN_LENGTH)
                return STATUS_WRONG_LENGTH;
        status = compare(card, command->data);
        if (status != STATUS_OK)
                return status;
        memcpy(card->pin.value, command->data + CARD_PIN_LENGTH, CARD_PIN_LENGTH);
        card->changed = true;
        return STATUS_OK;
}
