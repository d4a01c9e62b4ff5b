/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files, and the access to them, that a UICC and a SIM have in common: uicc.h. */
#include <string.h>

#include "uicc.h"

static const UiccFile files[] = {
        { UICC_MASTER, 0, true, 0, 0, UICC_ALWAYS, UICC_NEVER },
        { UICC_ICCID, UICC_MASTER, false, 0, 10, UICC_ALWAYS, UICC_ADM },
        { UICC_GSM, UICC_MASTER, true, 0, 0, UICC_ALWAYS, UICC_NEVER },
        { UICC_USIM, UICC_MASTER, true, 0, 0, UICC_ALWAYS, UICC_NEVER },
        { UICC_KEYS, UICC_MASTER, true, 0, 0, UICC_ALWAYS, UICC_NEVER },
        { 0x6F07, UICC_GSM, false, 10, 9, UICC_PIN1, UICC_ADM },
        { 0x6F78, UICC_GSM, false, 19, 2, UICC_PIN1, UICC_ADM },
        { 0x6F46, UICC_GSM, false, 21, 17, UICC_ALWAYS, UICC_ADM },
        { 0x6F07, UICC_USIM, false, 10, 9, UICC_PIN1, UICC_ADM },
        { 0x6F78, UICC_USIM, false, 19, 2, UICC_PIN1, UICC_ADM },
        { 0x6F46, UICC_USIM, false, 21, 17, UICC_ALWAYS, UICC_ADM },
        { 0x00FF, UICC_KEYS, false, 38, 16, UICC_NEVER, UICC_ADM },
        { 0x00F7, UICC_KEYS, false, 54, 17, UICC_NEVER, UICC_ADM },
};

const UiccFile *uicc_file(uint16_t parent, uint16_t id) {
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                if (files[i].id == id && files[i].parent == parent)
                        return &files[i];
        return NULL;
}

static uint16_t current_directory(const Card *card) {
        const UiccSession *session = card->session;

        return session->directory ? session->directory : UICC_MASTER;
}

const UiccFile *uicc_current(const Card *card) {
        const UiccSession *session = card->session;

        return session->file ? uicc_file(current_directory(card), session->file) : NULL;
}

bool uicc_select(Card *card, uint16_t id) {
        UiccSession *session = card->session;
        uint16_t here = current_directory(card);
        const UiccFile *file;

        if (id == UICC_MASTER || id == here) {
                session->directory = id;
                session->file = 0;
                return true;
        }
        file = uicc_file(here, id);
        if (!file && here != UICC_MASTER) {
                file = uicc_file(UICC_MASTER, id); /* all directories are the MF's: a sibling */
                if (file && !file->directory)
                        file = NULL;
        }
        if (!file || file->id == UICC_USIM) /* an application is selected by its name first */
                return false;
        if (file->directory) {
                session->directory = file->id;
                session->file = 0;
        } else
                session->file = file->id;
        return true;
}

bool uicc_allows(const Card *card, UiccAccess access) {
        const UiccSession *session = card->session;

        return access == UICC_ALWAYS || access == UICC_PIN1 || (access == UICC_ADM && session->adm);
}

UiccVerdict uicc_present(Card *card, const uint8_t value[static UICC_KEY_LENGTH]) {
        UiccKept *kept = card->kept;
        UiccSession *session = card->session;

        if (kept->tries == 0)
                return UICC_BLOCKED;
        card->changed = true;
        kept->tries--; /* paid before the answer is known to anybody */
        session->adm = memcmp(value, "12345678", UICC_KEY_LENGTH) == 0;
        if (!session->adm)
                return UICC_WRONG;
        kept->tries = 3;
        return UICC_RIGHT;
}

void uicc_make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        UiccKept *card = kept;

        memcpy(card->serial, serial, CARD_SERIAL_LENGTH);
        memset(card->memory, 0xFF, sizeof(card->memory));
        card->tries = 3;
}
