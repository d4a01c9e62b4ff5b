/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access conditions, and the one place where bytes enter a card's memory. */
#include "access.h"

#include <string.h>

Status access_allows(const Card *card, Access condition) {
        switch (condition) {
        case ACCESS_ALWAYS:
                return STATUS_OK;
        case ACCESS_PIN:
                return card->pin_verified ? STATUS_OK : STATUS_SECURITY;
        case ACCESS_NEVER:
                return STATUS_SECURITY;
        }
        return STATUS_SECURITY;
}

static Status life_cycle_allows(const File *file) {
        switch (file->life_cycle) {
        case LIFE_CREATION:
        case LIFE_ACTIVATED:
                return STATUS_OK;
        case LIFE_DEACTIVATED:
        case LIFE_TERMINATED:
                return STATUS_CONDITIONS;
        }
        return STATUS_CONDITIONS;
}

/* The file and every directory above it. */
static Status path_allows(const File *file) {
        for (; file; file = file->parent)
                if (life_cycle_allows(file) != STATUS_OK)
                        return STATUS_CONDITIONS;
        return STATUS_OK;
}

Status access_read(const Card *card, const File *file) {
        Status status = path_allows(file);

        return status == STATUS_OK ? access_allows(card, file->read) : status;
}

Status access_update(const Card *card, const File *file) {
        Status status = path_allows(file);

        if (status != STATUS_OK)
                return status;
        return access_allows(card, file->life_cycle == LIFE_CREATION ? ACCESS_PIN : file->update);
}

void access_store(Card *card, uint16_t id, size_t offset, uint8_t *memory, const uint8_t *data,
                  size_t length) {
        const Flip *flip = &card->flip;

        memcpy(memory, data, length);
        if (flip->armed && flip->id == id && flip->offset >= offset && flip->offset - offset < length)
                memory[flip->offset - offset] ^= 0x01;
        card->changed = true;
}
